"""Reading a ``multipart/form-data`` body part by part, in memory that does not grow with it.

Never more is held than one piece as it came in, one boundary and the head of one part. A boundary
counts only where a whole delimiter line stands, so that parts may hold texts that merely begin
like it, for example another multipart body (RFC 2046, 5.1.1).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from emulator.domain import errors

PREAMBLE_BYTES_MAX: Final = 64 * 1024
HEAD_BYTES_MAX: Final = 16 * 1024
_PADDING_BYTES_MAX: Final = 64  # blanks that may follow a boundary on its line
_BLANKS: Final = b" \t"

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PARAMETER: Final = re.compile(
    r'[ \t]*;[ \t]*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^";]*))', re.DOTALL
)
_ESCAPED: Final = re.compile(r'\\(["\\])')


class PartHead(msgspec.Struct, frozen=True):
    """What the head of a part says; ``filename`` is None when there is none, ``content_type`` is
    ``""`` then."""

    name: str
    filename: str | None = None
    content_type: str = ""


class MultipartStream:
    """The parts of one body, in order. ``boundary`` is the parameter of its Content-Type.

    Raises MalformedPOSTRequest for what is no multipart body, FieldItemTooLong for an endless
    head, MaxPOSTPreDataLengthExceededError for an endless preamble.
    """

    def __init__(self, pieces: AsyncIterator[bytes], boundary: bytes) -> None:
        self._pieces = pieces
        self._delimiter = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # the first delimiter may open the body
        self._has_begun = False
        self._in_part = False
        self._ended = False

    async def next_part(self) -> PartHead | None:
        """The head of the next part, ``None`` after the last. What is left of the part before is
        skipped."""
        if not self._has_begun:
            self._has_begun = True
            await self._skip_preamble()
        elif self._in_part:
            async for _ in self.content():
                pass
        if self._ended:
            return None
        self._in_part = True
        return read_head(await self._head())

    async def content(self) -> AsyncIterator[bytes]:
        """The content of the present part, as it comes in."""
        at = self._buffer.find(self._delimiter)
        while at < 0 or not await self._is_delimiter(at):
            # Without a delimiter in sight: all but what may be the beginning of one.
            ready = at + 1 if at >= 0 else len(self._buffer) - len(self._delimiter) + 1
            if ready > 0:
                yield self._take(ready)
            if at < 0:
                await self._fill()
            at = self._buffer.find(self._delimiter)
        if at:
            yield self._take(at)
        self._in_part = False
        await self._pass_delimiter()

    async def drain(self) -> None:
        """Read the rest of the body, whatever it is, and forget it."""
        self._buffer.clear()
        async for _ in self._pieces:
            pass

    async def _skip_preamble(self) -> None:
        size_bytes = 0
        async for piece in self.content():
            size_bytes += len(piece)
            if size_bytes > PREAMBLE_BYTES_MAX:
                raise errors.MaxPOSTPreDataLengthExceededError

    async def _head(self) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\r\n\r\n", max(0, searched - 3))) < 0:
            searched = len(self._buffer)
            if searched > HEAD_BYTES_MAX:
                raise errors.FieldItemTooLong
            await self._fill()
        if end > HEAD_BYTES_MAX:
            raise errors.FieldItemTooLong
        head = self._take(end)
        del self._buffer[:4]
        return head

    async def _is_delimiter(self, at: int) -> bool:
        """Whether the rest of the line is that of a delimiter."""
        tail = at + len(self._delimiter)
        while len(self._buffer) < tail + 2:
            await self._fill()
        if self._buffer[tail : tail + 2] == b"--":
            return True
        end = tail
        while self._buffer[end] in _BLANKS and end - tail < _PADDING_BYTES_MAX:
            end += 1
            while len(self._buffer) < end + 2:
                await self._fill()
        return self._buffer[end : end + 2] == b"\r\n"

    async def _pass_delimiter(self) -> None:
        """Go on behind a delimiter that was looked at before."""
        del self._buffer[: len(self._delimiter)]
        if self._buffer[:2] == b"--":
            self._ended = True
            return
        del self._buffer[: self._buffer.index(b"\r\n") + 2]

    def _take(self, size_bytes: int) -> bytes:
        taken = bytes(self._buffer[:size_bytes])
        del self._buffer[:size_bytes]
        return taken

    async def _fill(self) -> None:
        async for piece in self._pieces:
            self._buffer += piece
            return
        raise errors.MalformedPOSTRequest


def read_head(head: bytes) -> PartHead:
    """The name, file name and type of a part. Raises MalformedPOSTRequest, FieldItemTooLong."""
    try:
        lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError as error:
        raise errors.MalformedPOSTRequest from error
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _HEADER_NAME.fullmatch(name) or name.lower() in headers:
            raise errors.MalformedPOSTRequest
        headers[name.lower()] = value.strip(" \t")
    kind, parameters = _read_disposition(headers.get("content-disposition", ""))
    if kind.lower() != "form-data" or not parameters.get("name"):
        raise errors.MalformedPOSTRequest
    filename = parameters.get("filename")
    if filename is None and "filename*" in parameters:
        filename = _extended(parameters["filename*"])
    return PartHead(parameters["name"], filename, headers.get("content-type", ""))


def _read_disposition(text: str) -> tuple[str, dict[str, str]]:
    kind = text.partition(";")[0]
    parameters: dict[str, str] = {}
    place = len(kind)
    while place < len(text):
        match = _PARAMETER.match(text, place)
        if match is None:
            if text[place:].strip(" \t;"):
                raise errors.MalformedPOSTRequest
            break
        name = match[1].lower()
        if name in parameters:
            raise errors.MalformedPOSTRequest
        # Browsers of old send paths with plain backslashes, so only these two are escapes.
        quoted = match[2]
        plain = (match[3] or "").strip(" \t")
        parameters[name] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
        place = match.end()
    return kind.strip(" \t"), parameters


def _extended(text: str) -> str:
    """The value of a parameter such as ``UTF-8''na%C3%AFve`` (RFC 5987)."""
    charset, _, rest = text.partition("'")
    _, _, value = rest.partition("'")
    if charset.lower() != "utf-8":
        raise errors.MalformedPOSTRequest
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError as error:
        raise errors.MalformedPOSTRequest from error
