"""Large blobs in memory, with the behaviour of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from emulator.domain.errors import BlobUnreadable
from emulator.domain.model import Blob, BlobHome, Extent, StagedBlob
from emulator.domain.ports import Rng
from emulator.storage.blob_reader import pieces_of
from emulator.storage.blobs import Known

_NAME_DIGITS = 32


class MemoryBlobStore:
    """Implements ``domain.ports.BlobStore``. ``known`` as in ``FileBlobStore``."""

    def __init__(self, *, rng: Rng, known: Known) -> None:
        self._rng = rng
        self._known = known
        self._contents: dict[str, bytes] = {}

    def writer(self) -> MemoryBlobWriter:
        """Begin a blob."""
        return MemoryBlobWriter(self._contents, self._rng.hex(_NAME_DIGITS))

    def open(self, files: Sequence[tuple[Blob, Extent]]) -> MemoryBlobReader:
        """Pieces of the extents in order; see ``domain.ports.BlobStore``."""
        assert all(blob.home is BlobHome.FILE for blob, _ in files), "inline content is no file"
        contents = {blob.file: self._contents.get(blob.file) for blob, _ in files}
        return MemoryBlobReader(contents, pieces_of(files))

    async def discard(self, staged: StagedBlob) -> None:
        """Give up staged content, unless a version refers to it after all."""
        if staged.file and not self._known((staged.file,)):
            self._contents.pop(staged.file, None)

    def remove(self, files: Iterable[str]) -> None:
        """Remove files without a row. Readers hold the content themselves."""
        for file in files:
            self._contents.pop(file, None)

    async def clean(self) -> int:
        """Nothing is left over from before the start."""
        return 0

    async def close(self) -> None:
        """Nothing runs in the background."""


class MemoryBlobWriter:
    """Implements ``domain.ports.BlobWriter``."""

    def __init__(self, contents: dict[str, bytes], name: str) -> None:
        self._contents = contents
        self._name = name
        self._data = bytearray()

    async def write(self, data: bytes) -> None:
        """Add bytes."""
        self._data += data

    async def finish(self) -> StagedBlob:
        """Keep the content."""
        data = bytes(self._data)
        self._data.clear()
        self._contents[self._name] = data
        return StagedBlob(size_bytes=len(data), file=self._name)

    async def abort(self) -> None:
        """Throw away what was written."""
        self._data.clear()


class MemoryBlobReader:
    """An asynchronous iterator of pieces."""

    def __init__(
        self, contents: dict[str, bytes | None], plan: Iterator[tuple[str, int, int]]
    ) -> None:
        self._contents = contents
        self._plan = plan

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next piece. Raises ``BlobUnreadable``."""
        planned = next(self._plan, None)
        if planned is None or not self._contents:
            raise StopAsyncIteration
        file, offset_bytes, length_bytes = planned
        data = self._contents[file]
        if data is None:
            raise BlobUnreadable(f"blob {file} is missing")
        piece = data[offset_bytes : offset_bytes + length_bytes]
        if len(piece) != length_bytes:
            raise BlobUnreadable(f"blob {file} ends at {len(data)}")
        return piece

    async def aclose(self) -> None:
        """Let go of the content."""
        self._contents = {}
