"""What the domain asks of the place where content too large for the metadata is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from emulator.domain.model import Blob, Extent, StagedBlob


class BlobWriter(Protocol):
    """A blob that is being written. Exactly one of ``finish`` and ``abort`` must be called."""

    async def write(self, data: bytes) -> None:
        """Add bytes."""
        ...

    async def finish(self) -> StagedBlob:
        """Make the content durable as the store's durability demands."""
        ...

    async def abort(self) -> None:
        """Throw away what was written."""
        ...


class BlobReader(Protocol):
    """Content that is being read, piece by piece. Whoever opens it closes it with ``aclose``."""

    def __aiter__(self) -> Self:
        """Itself."""
        ...

    async def __anext__(self) -> bytes:
        """The next piece. Raises BlobUnreadable."""
        ...

    async def aclose(self) -> None:
        """Let go of what is read. Doing it again is harmless."""
        ...


class BlobStore(Protocol):
    """Content too large for the metadata store."""

    def writer(self) -> BlobWriter:
        """Begin a blob."""
        ...

    def open(self, files: Sequence[tuple[Blob, Extent]]) -> BlobReader:
        """Pieces of the extents in order. The blobs stay readable until the reader is closed,
        even if their last version is deleted meanwhile. Call it in the same step as the look-up."""
        ...

    async def discard(self, staged: StagedBlob) -> None:
        """Give up staged content that no version will refer to."""
        ...
