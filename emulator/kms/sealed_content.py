"""Encrypted content on its way to and from blobs, with memory that does not grow with it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

import msgspec

from emulator.domain.errors import BlobUnreadable
from emulator.domain.model import Blob, Extent, StagedBlob
from emulator.domain.ports import BlobStore, BlobWriter
from emulator.kms.frames import (
    FRAME_BYTES,
    HEAD_BYTES,
    SEALED_FRAME_BYTES,
    Opener,
    Sealer,
    frames_of,
    seal,
    sealed_bytes,
)
from emulator.kms.ports import Entropy

T = TypeVar("T")

_INLINE_BYTES = 64 * 1024  # more than that is encrypted and decrypted outside the event loop


class Sealing(msgspec.Struct, frozen=True):
    """What content that is stored encrypted is encrypted with."""

    data_key: bytes
    entropy: Entropy

    def staged(self, content: bytes) -> StagedBlob:
        """Small content, staged. ``size_bytes`` is always that of the content."""
        sealed = seal(self.data_key, self.entropy, content)
        return StagedBlob(size_bytes=len(content), data=sealed)


class SealingWriter:
    """Another writer's content, encrypted; a ``BlobWriter`` itself."""

    __slots__ = ("_sealer", "_size_bytes", "_writer")

    def __init__(self, writer: BlobWriter, sealing: Sealing) -> None:
        self._writer = writer
        self._sealer = Sealer(sealing.data_key, sealing.entropy)
        self._size_bytes = 0

    async def write(self, data: bytes) -> None:
        """Add content. Raises what the writer raises."""
        self._size_bytes += len(data)
        update = self._sealer.update
        sealed = await _beside_the_loop(len(data), lambda: update(data))
        if sealed:
            await self._writer.write(sealed)

    async def finish(self) -> StagedBlob:
        """Make the content durable; the size is that of the content."""
        await self._writer.write(self._sealer.finish())
        staged = await self._writer.finish()
        return msgspec.structs.replace(staged, size_bytes=self._size_bytes)

    async def abort(self) -> None:
        """Throw away what was written."""
        await self._writer.abort()


def new_writer(blobs: BlobStore, sealing: Sealing | None) -> BlobWriter:
    """Begin a blob, encrypted or not."""
    return blobs.writer() if sealing is None else SealingWriter(blobs.writer(), sealing)


class _Stretch(msgspec.Struct, frozen=True, gc=False):
    """What is wanted of one blob: ``length_bytes`` of its content from ``start`` on."""

    size_bytes: int
    start: int
    length_bytes: int


class OpeningReader:
    """The content of extents of sealed blobs; a ``BlobReader``. Nothing that does not open is
    ever handed on."""

    __slots__ = ("_data_key", "_held", "_index", "_opener", "_reader", "_skip", "_todo", "_wanted")

    def __init__(
        self, blobs: BlobStore, files: Sequence[tuple[Blob, Extent]], data_key: bytes
    ) -> None:
        self._reader = blobs.open([each for pair in files for each in _stored(*pair)])
        self._todo = deque(
            _Stretch(blob.size_bytes, extent.offset_bytes, extent.length_bytes)
            for blob, extent in files
            if extent.length_bytes
        )
        self._data_key = data_key
        self._held = b""
        self._opener: Opener | None = None
        self._index = 0  # of the next frame
        self._skip = 0  # of its content, before what is wanted
        self._wanted = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next piece. Raises ``BlobUnreadable``."""
        try:
            while self._wanted or self._todo:
                content = await self._advance()
                if content:
                    return content
        except BaseException:
            await self.aclose()
            raise
        await self.aclose()
        raise StopAsyncIteration

    async def _advance(self) -> bytes:
        """Open the next blob, or as many frames as are at hand."""
        if not self._wanted:
            stretch = self._todo.popleft()
            head = await self._take(HEAD_BYTES)
            self._opener = Opener(self._data_key, head, stretch.size_bytes)
            self._index = stretch.start // FRAME_BYTES
            self._skip = stretch.start % FRAME_BYTES
            self._wanted = stretch.length_bytes
        opener = self._opener
        assert opener is not None
        left = frames_of(self._skip, self._wanted)[1]  # frames that are still to be read
        await self._need(opener.frame_bytes(self._index))
        number, length = 0, 0
        while number < left:
            more = length + opener.frame_bytes(self._index + number)
            if more > len(self._held):
                break
            number, length = number + 1, more
        sealed, self._held = self._held[:length], self._held[length:]
        first = self._index
        opened = await _beside_the_loop(length, lambda: opener.open(first, sealed))
        content = opened[self._skip : self._skip + self._wanted]
        self._index += number
        self._skip = 0
        self._wanted -= len(content)
        return content

    async def _take(self, length_bytes: int) -> bytes:
        await self._need(length_bytes)
        taken, self._held = self._held[:length_bytes], self._held[length_bytes:]
        return taken

    async def _need(self, length_bytes: int) -> None:
        while len(self._held) < length_bytes:
            piece = await anext(self._reader, None)
            if piece is None:
                raise BlobUnreadable("a sealed blob ends too early")
            self._held += piece

    async def aclose(self) -> None:
        """Close the reader. Doing it again is harmless."""
        self._wanted = 0
        self._todo.clear()
        await self._reader.aclose()


def _stored(blob: Blob, extent: Extent) -> list[tuple[Blob, Extent]]:
    """Which stored bytes are read for an extent: the head and the frames it touches."""
    if not extent.length_bytes:
        return []
    first, beyond = frames_of(extent.offset_bytes, extent.length_bytes)
    end = min(HEAD_BYTES + beyond * SEALED_FRAME_BYTES, sealed_bytes(blob.size_bytes))
    if first == 0:
        return [(blob, Extent(blob.id, 0, end))]
    start = HEAD_BYTES + first * SEALED_FRAME_BYTES
    return [(blob, Extent(blob.id, 0, HEAD_BYTES)), (blob, Extent(blob.id, start, end - start))]


async def _beside_the_loop(size_bytes: int, work: Callable[[], T]) -> T:
    if size_bytes <= _INLINE_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(None, work)
