"""Large blobs in files of their own.

The order of a blob: temporary file, written in pieces → sync → rename into its folder → sync of
that folder → (the metadata store) row. Names are random and never come from keys. A crash on the
way leaves a temporary file or a file without a row; ``clean`` removes both.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from emulator.config import Durability
from emulator.domain.errors import StorageFailed
from emulator.domain.model import Blob, BlobHome, Extent, StagedBlob
from emulator.domain.ports import Rng
from emulator.storage.blob_files import BlobFolder, FileBlobWriter
from emulator.storage.blob_reader import FileBlobReader

Known = Callable[[Iterable[str]], set[str]]

BLOBS_FOLDER = "blobs"
_NAME_DIGITS = 32
_ASKED_AT_ONCE = 256  # names looked up between two turns of the event loop


class Pins:
    """Which files are being read, and which of them are to be removed afterwards."""

    def __init__(self) -> None:
        self._readers: Counter[str] = Counter()
        self._doomed: set[str] = set()

    def __contains__(self, file: str) -> bool:
        return file in self._readers

    def pin(self, files: Iterable[str]) -> None:
        """One more reader of each file."""
        self._readers.update(files)

    def doom(self, file: str) -> bool:
        """Whether the removal of the file has to wait for its readers."""
        if file in self._readers:
            self._doomed.add(file)
        return file in self._readers

    def unpin(self, files: Iterable[str]) -> list[str]:
        """One reader less of each file; returns the files that are now to be removed."""
        due = []
        for file in files:
            self._readers[file] -= 1
            if not self._readers[file]:
                del self._readers[file]
                if file in self._doomed:
                    self._doomed.remove(file)
                    due.append(file)
        return due


class FileBlobStore:
    """Implements ``domain.ports.BlobStore`` in a folder.

    ``known`` asks the metadata store which files have a row; the metadata store's
    ``on_unused_files`` is this store's ``remove``. ``on_failure`` is called once if the disk
    stops keeping what it is given.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durability: Durability,
        rng: Rng,
        known: Known,
        on_failure: Callable[[StorageFailed], None] | None = None,
    ) -> None:
        self._rng = rng
        self._known = known
        self._folder = BlobFolder(
            folder,
            syncs=durability is Durability.POWER,
            on_failure=on_failure or _ignore_failure,
        )
        self._pins = Pins()
        self._removing: set[asyncio.Future[None]] = set()

    def writer(self) -> FileBlobWriter:
        """Begin a blob. Raises ``StorageFailed`` when the disk has failed before."""
        if self._folder.failure is not None:
            raise StorageFailed(str(self._folder.failure))
        name = self._rng.hex(_NAME_DIGITS)
        if self._folder.fresh is not None:
            self._folder.fresh.add(name)
        return FileBlobWriter(self._folder, name)

    def open(self, files: Sequence[tuple[Blob, Extent]]) -> FileBlobReader:
        """Pieces of the extents in order; see ``domain.ports.BlobStore``. Close the reader."""
        assert all(blob.home is BlobHome.FILE for blob, _ in files), "inline content is no file"
        names = [blob.file for blob, _ in files]
        self._pins.pin(names)
        return FileBlobReader(
            self._folder, files, on_close=lambda: self.remove(self._pins.unpin(names))
        )

    async def discard(self, staged: StagedBlob) -> None:
        """Give up staged content, unless a version refers to it after all.

        Asking makes this safe for a client that left while its write was being committed.
        """
        if staged.file and not self._known((staged.file,)):
            await self._folder.run(self._folder.unlink, staged.file)

    def remove(self, files: Iterable[str]) -> None:
        """Remove files without a row, in the background; those being read once they are not."""
        for file in files:
            if not self._pins.doom(file):
                removing = asyncio.ensure_future(self._folder.run(self._folder.unlink, file))
                self._removing.add(removing)
                removing.add_done_callback(self._removed)

    def _removed(self, removing: asyncio.Future[None]) -> None:
        self._removing.discard(removing)
        if not removing.cancelled():
            removing.exception()  # the next clean-up tries again

    async def clean(self) -> int:
        """Remove what crashes left: temporary files and files without a row. Returns how many.

        Run it once after the start, beside everything else: what was begun since is left alone.
        """
        fresh = self._folder.fresh  # the set itself: it grows while this runs
        if fresh is None:
            fresh = self._folder.fresh = set()
        temporary = self._folder.temporary
        names = await self._folder.run(os.listdir, temporary)
        removed = await self._unlink(temporary, [name for name in names if name not in fresh])
        for shard in await self._folder.run(self._folder.shards):
            names = await self._folder.run(os.listdir, shard)
            for start in range(0, len(names), _ASKED_AT_ONCE):
                some = [name for name in names[start : start + _ASKED_AT_ONCE] if name not in fresh]
                known = self._known(some)
                unknown = [name for name in some if name not in known and name not in self._pins]
                removed += await self._unlink(shard, unknown)
        self._folder.fresh = None
        return removed

    async def _unlink(self, folder: Path, names: list[str]) -> int:
        await self._folder.run(_unlink_all, [folder / name for name in names])
        return len(names)

    async def close(self) -> None:
        """Finish what runs in the background."""
        while self._removing:
            await asyncio.wait(self._removing)
        self._folder.stop()


def _unlink_all(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _ignore_failure(failure: StorageFailed) -> None:
    """The store refuses writes by itself."""
