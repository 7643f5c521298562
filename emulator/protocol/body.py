"""Receiving request bodies: presence, limits, deadlines, hashing, and staging of content."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncIterator
from typing import Protocol

import fastcrc
import msgspec
from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from emulator.config import OssSettings, WireSettings
from emulator.domain import errors
from emulator.domain.model import StagedBlob
from emulator.domain.objects import Content
from emulator.domain.ports import BlobReader, BlobStore, BlobWriter
from emulator.kms.sealed_content import Sealing, new_writer
from emulator.protocol.delivery.traffic import Pace
from emulator.protocol.http import Connection

_PIECE_BYTES = 1024 * 1024
_HASH_INLINE_BYTES = 64 * 1024  # more than that is hashed outside the event loop
_BROKEN = (ClientError, ConnectionError, HttpProcessingError, web.RequestPayloadError)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class RequestBody:
    """The body of one request, not read before a handler asks for it.

    It is read no faster than ``pace`` says, where the client asked for a traffic limit.
    """

    __slots__ = ("_continue_wanted", "_is_chunked", "_request", "_wire", "declared_bytes", "pace")

    def __init__(self, request: web.BaseRequest, wire: WireSettings) -> None:
        headers = request.headers
        length = headers.get("Content-Length")
        self._request = request
        self._wire = wire
        self.pace: Pace | None = None
        self._is_chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        self._continue_wanted = headers.get("Expect", "").lower() == "100-continue"
        # the parser has checked that the length is a plain number
        self.declared_bytes = int(length) if length is not None and len(length) < 21 else None
        if length is not None and self.declared_bytes is None:
            raise errors.EntityTooLarge

    def require_length(self) -> None:
        """Raise MissingContentLength unless the body has a length or is chunked."""
        if self.declared_bytes is None and not self._is_chunked:
            raise errors.MissingContentLength

    def refuse_beyond(self, bytes_max: int) -> None:
        """Raise EntityTooLarge if the header alone says that the body is too large."""
        if self.declared_bytes is not None and self.declared_bytes > bytes_max:
            raise errors.EntityTooLarge

    async def pieces(self, bytes_max: int) -> AsyncIterator[bytes]:
        """The body as it comes in.

        Raises EntityTooLarge above ``bytes_max``, RequestTimeout when the client is too slow,
        IncompleteBody when it goes away and InvalidRequest when it sends chunk heads for content.
        Only the time spent waiting for the client counts against it.
        """
        self.refuse_beyond(bytes_max)
        self._send_continue()
        content = self._request.content
        waited_s, received = 0.0, 0
        try:
            while True:
                piece = content.read_nowait(-1)
                if not piece:
                    if content.at_eof():
                        break
                    piece, waited_s = await self._next_piece(waited_s, received)
                    if not piece:
                        break
                received += len(piece)
                if received > bytes_max:
                    raise errors.EntityTooLarge
                if self.pace is not None:
                    await self.pace.keep(len(piece))
                yield piece
        except TimeoutError as error:
            raise errors.RequestTimeout from error
        except _BROKEN as error:
            raise errors.IncompleteBody from error
        self._check_end(received)

    def _check_end(self, received_bytes: int) -> None:
        if self._is_chunked:
            self._check_framing()
        if self.declared_bytes is not None and received_bytes < self.declared_bytes:
            raise errors.IncompleteBody

    async def _next_piece(self, waited_s: float, received_bytes: int) -> tuple[bytes, float]:
        """Wait for more of the body: the piece and the time waited so far, in seconds."""
        request = self._request
        if request.transport is None:
            raise ConnectionResetError("the client is gone")
        loop = asyncio.get_running_loop()
        started = loop.time()
        rate = self._wire.body_rate_bytes_per_s_min
        deadline = started + self._wire.body_grace_s - waited_s
        if rate:
            deadline += received_bytes / rate
        async with asyncio.timeout_at(deadline):
            piece = await request.content.readany()
        if self._is_chunked:
            self._check_framing()
        return piece, waited_s + loop.time() - started

    def _check_framing(self) -> None:
        connection, content = self._request.protocol, self._request.content
        if isinstance(connection, Connection) and connection.framing_is_excessive(content):
            raise errors.InvalidRequest("The chunked body is mostly chunk heads.")

    async def read(self, bytes_max: int) -> bytes:
        """The whole body; for documents, not for objects."""
        parts = [piece async for piece in self.pieces(bytes_max)]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def read_document(self, bytes_max: int) -> bytes:
        """The whole body of a request that carries XML. Raises MalformedXML above ``bytes_max``
        (OSS DeleteMultipleObjects, body; documented)."""
        try:
            return await self.read(bytes_max)
        except errors.EntityTooLarge as error:
            raise errors.MalformedXML(f"The body is longer than {bytes_max} bytes.") from error

    def _send_continue(self) -> None:
        """Ask for the body, now that nothing speaks against the request."""
        transport = self._request.transport
        if self._continue_wanted and transport is not None:
            self._continue_wanted = False
            transport.write(_CONTINUE)


class ContentSource(Protocol):
    """Where an object's content comes from: a request body, or a part of one."""

    def require_length(self) -> None:
        """Raise MissingContentLength unless it is told where the content ends."""
        ...

    def pieces(self, bytes_max: int) -> AsyncIterator[bytes]:
        """The content as it comes in. Raises EntityTooLarge above ``bytes_max``."""
        ...


class Continued(msgspec.Struct, frozen=True, kw_only=True):
    """What received content goes on from: an object of ``size_bytes`` with this CRC.

    ``tail`` is the last part of it, ``tail_bytes`` long, to be stored again in front of what is
    received. Whoever made it closes it.
    """

    size_bytes: int
    crc64: int
    tail: BlobReader
    tail_bytes: int


class _Digest:
    """MD5 and CRC-64/XZ of content that comes in pieces.

    ``whole_crc64`` is the CRC of what the content goes on from and the content together.
    """

    __slots__ = ("_md5", "_seeded", "crc64", "size_bytes", "whole_crc64")

    def __init__(self, continued: Continued | None) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._seeded = continued is not None and continued.size_bytes > 0
        self.crc64 = 0
        self.whole_crc64 = 0 if continued is None else continued.crc64
        self.size_bytes = 0

    def update(self, data: bytes) -> None:
        """Add bytes."""
        self._md5.update(data)
        self.crc64 = fastcrc.crc64.xz(data, self.crc64 if self.size_bytes else None)
        if self._seeded:
            self.whole_crc64 = fastcrc.crc64.xz(data, self.whole_crc64)
        else:
            self.whole_crc64 = self.crc64
        self.size_bytes += len(data)

    @property
    def md5(self) -> bytes:
        """The MD5 of what came so far."""
        return self._md5.digest()


class ExpectedDigest:
    """What the client says its content hashes to; checked before anything is stored."""

    __slots__ = ("crc64", "md5")

    def __init__(self, md5_header: str | None, crc64_header: str | None) -> None:
        self.md5 = None if md5_header is None else _read_md5(md5_header)
        self.crc64 = crc64_header

    def check(self, md5: bytes, crc64: int) -> None:
        """Raise InvalidDigest or InvalidCRC64 unless both are as announced."""
        if self.md5 is not None and self.md5 != md5:
            raise errors.InvalidDigest(
                "The Content-MD5 you specified did not match what we received."
            )
        if self.crc64 is not None and self.crc64 != str(crc64):
            raise errors.InvalidCRC64


def _read_md5(header: str) -> bytes:
    try:
        digest = base64.b64decode(header.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise errors.InvalidDigest from error
    if len(digest) != hashlib.md5(usedforsecurity=False).digest_size:
        raise errors.InvalidDigest
    return digest


def check_digest(data: bytes, md5_header: str | None) -> None:
    """Check the ``Content-MD5`` of a document, when there is one."""
    if md5_header is not None:
        expected = ExpectedDigest(md5_header, None)
        expected.check(hashlib.md5(data, usedforsecurity=False).digest(), 0)


async def receive_content(
    body: ContentSource,
    blobs: BlobStore,
    settings: OssSettings,
    expected: ExpectedDigest,
    continued: Continued | None = None,
    sealing: Sealing | None = None,
) -> Content:
    """Receive an object's content, hashing it on the way, and stage it.

    Small content stays in memory until the transaction writes it; larger content streams to the
    blob store in pieces, so memory does not grow with its size. With ``continued`` the CRC given
    back is that of the whole object; ETag and size are those of what was received. With
    ``sealing`` it is stored encrypted.
    """
    body.require_length()
    digest = _Digest(continued)
    staging = _Staging(blobs, settings.inline_bytes_max, sealing)
    bytes_max = settings.object_bytes_max - (0 if continued is None else continued.size_bytes)
    parts: list[bytes] = []
    held = 0
    try:
        async for piece in body.pieces(max(bytes_max, 0)):
            if continued is not None and not digest.size_bytes and not parts:
                await staging.take(continued.tail, continued.tail_bytes)
            parts.append(piece)
            held += len(piece)
            if staging.has_outgrown(held) and held >= _PIECE_BYTES:
                await staging.write(b"".join(parts), digest)
                parts, held = [], 0
        await staging.write(parts[0] if len(parts) == 1 else b"".join(parts), digest)
        expected.check(digest.md5, digest.crc64)
        staged = await staging.finish()
    except BaseException:
        await staging.abort()
        raise
    return Content(
        staged=staged,
        size_bytes=digest.size_bytes,
        etag=digest.md5.hex().upper(),
        crc64=digest.whole_crc64,
    )


class _Staging:
    """Content on its way to where it is kept: in memory while it is small, else a blob."""

    __slots__ = ("_blobs", "_data", "_inline_bytes_max", "_sealing", "_writer")

    def __init__(self, blobs: BlobStore, inline_bytes_max: int, sealing: Sealing | None) -> None:
        self._blobs = blobs
        self._sealing = sealing
        self._inline_bytes_max = inline_bytes_max
        self._data = b""
        self._writer: BlobWriter | None = None

    def has_outgrown(self, more_bytes: int) -> bool:
        """Whether the content, with so many bytes more, goes to a blob."""
        if self._writer is not None:
            return True
        return len(self._data) + more_bytes > self._inline_bytes_max

    async def take(self, reader: BlobReader, length_bytes: int) -> None:
        """Begin with what is stored already."""
        if self.has_outgrown(length_bytes):
            self._writer = new_writer(self._blobs, self._sealing)
        async for piece in reader:
            if self._writer is None:
                self._data += piece
            else:
                await self._writer.write(piece)

    async def write(self, data: bytes, digest: _Digest) -> None:
        """Add received content, hashed: much of it beside the loop."""
        if self._writer is None and self.has_outgrown(len(data)):
            self._writer = new_writer(self._blobs, self._sealing)
            if self._data:
                await self._writer.write(self._data)
                self._data = b""
        if len(data) > _HASH_INLINE_BYTES:
            await asyncio.get_running_loop().run_in_executor(None, digest.update, data)
        elif data:
            digest.update(data)
        if self._writer is None:
            self._data = self._data + data if self._data else data
        elif data:
            await self._writer.write(data)

    async def finish(self) -> StagedBlob | None:
        """What was staged, ``None`` if it is empty."""
        if self._writer is not None:
            return await self._writer.finish()
        if not self._data:
            return None
        if self._sealing is not None:
            return self._sealing.staged(self._data)
        return StagedBlob(size_bytes=len(self._data), data=self._data)

    async def abort(self) -> None:
        """Throw away what was staged."""
        if self._writer is not None:
            await self._writer.abort()
