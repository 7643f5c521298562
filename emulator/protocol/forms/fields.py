"""The fields of an upload form, and the file that comes last."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

import msgspec

from emulator.domain import errors
from emulator.protocol.body import ExpectedDigest
from emulator.protocol.forms.multipart import MultipartStream, PartHead
from emulator.protocol.forms.policy import SizeRange

FILE_FIELD: Final = "file"
_NAME_BYTES_MAX: Final = 8 * 1024  # (OSS PostObject, form fields; documented)
_VALUE_BYTES_MAX: Final = 2 * 1024 * 1024
_FIELDS_BYTES_MAX: Final = 4 * 1024 * 1024  # all fields together; inferred
_FIELDS_MAX: Final = 500  # inferred

_CONTENT_TYPE: Final = re.compile(
    r"multipart/form-data[ \t]*;(?:.*;)?[ \t]*boundary[ \t]*=[ \t]*"
    r'(?:"([ -!#-~]{0,69}[!#-~])"|([!#-:<-~]{1,70}))[ \t]*(?:;.*)?',
    re.IGNORECASE,
)


class BodyPieces(Protocol):
    """A request body that comes in pieces."""

    def pieces(self, bytes_max: int) -> AsyncIterator[bytes]:
        """The body as it comes in. Raises EntityTooLarge above ``bytes_max``."""
        ...


class Form(msgspec.Struct, frozen=True):
    """The fields before the file, names in lower case, and the head of the file's part."""

    fields: Mapping[str, str]
    file: PartHead


def form_boundary(content_type: str) -> bytes:
    """The boundary of a form's Content-Type.

    Raises RequestIsNotMultiPartContent, or MalformedPOSTRequest for a missing or impossible
    boundary (1 to 70 characters: RFC 2046; what OSS accepts beyond is inferred: nothing).
    """
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise errors.RequestIsNotMultiPartContent
    match = _CONTENT_TYPE.fullmatch(content_type.strip())
    if match is None:
        raise errors.MalformedPOSTRequest
    return str(match[1] or match[2]).encode("ascii")


class FormBody:
    """The body of a form upload, hashed as a whole where the client announced a Content-MD5.

    (OSS PostObject, Content-MD5 is that of the whole body; documented.)
    """

    def __init__(self, body: BodyPieces, boundary: bytes, bytes_max: int, md5: str | None) -> None:
        self._expected = ExpectedDigest(md5, None)
        self._body = body
        self._bytes_max = bytes_max
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.stream = MultipartStream(self._pieces(), boundary)

    async def _pieces(self) -> AsyncIterator[bytes]:
        hashes = self._expected.md5 is not None
        async for piece in self._body.pieces(self._bytes_max):
            if hashes:
                self._md5.update(piece)
            yield piece

    async def finish(self) -> None:
        """Read what follows the file, which is ignored, and check the digest. InvalidDigest."""
        await self.stream.drain()
        if self._expected.md5 is not None:
            self._expected.check(self._md5.digest(), 0)


class FormFile:
    """The file of a form as content to be received; its size must be within ``size``."""

    def __init__(self, body: FormBody, size: SizeRange) -> None:
        self._body = body
        self._size = size

    def require_length(self) -> None:
        """The end of the part says how long it is."""

    async def pieces(self, bytes_max: int) -> AsyncIterator[bytes]:
        """The file as it comes in. Raises EntityTooLarge, EntityTooSmall, InvalidDigest."""
        most = min(bytes_max, self._size.most_bytes)
        received = 0
        async for piece in self._body.stream.content():
            received += len(piece)
            if received > most:
                raise errors.EntityTooLarge
            yield piece
        await self._body.finish()
        if received < self._size.least_bytes:
            raise errors.EntityTooSmall


async def read_form(stream: MultipartStream) -> Form:
    """Read the fields up to the file. What the file holds is still to be read.

    Raises IncorrectNumberOfFilesInPOSTRequest without a file, FieldItemTooLong,
    MaxPOSTPreDataLengthExceededError, MalformedPOSTRequest, and InvalidArgument for a field sent
    twice, because a policy and the upload could then look at different ones (inferred).
    """
    fields: dict[str, str] = {}
    total_bytes = 0
    while (head := await stream.next_part()) is not None:
        name = head.name.lower()
        if name == FILE_FIELD:
            return Form(fields, head)
        if len(head.name.encode()) > _NAME_BYTES_MAX:
            raise errors.FieldItemTooLong
        if name in fields:
            raise errors.InvalidArgument("A form field was sent twice.", name=name)
        value = await _value(stream, _FIELDS_BYTES_MAX - total_bytes)
        total_bytes += len(name) + len(value)
        fields[name] = _text(value)
        if len(fields) > _FIELDS_MAX:
            raise errors.MaxPOSTPreDataLengthExceededError
    raise errors.IncorrectNumberOfFilesInPOSTRequest


async def _value(stream: MultipartStream, bytes_left: int) -> bytes:
    value = bytearray()
    async for piece in stream.content():
        value += piece
        if len(value) > _VALUE_BYTES_MAX:
            raise errors.FieldItemTooLong
        if len(value) > bytes_left:
            raise errors.MaxPOSTPreDataLengthExceededError
    return bytes(value)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise errors.MalformedPOSTRequest from error
