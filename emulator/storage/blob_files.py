"""The folder that holds blobs, and writing into it."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from emulator.domain.errors import StorageError, StorageFailed, StorageFull
from emulator.domain.model import StagedBlob
from emulator.storage.durability import make_folder, sync_file, sync_folder

T = TypeVar("T")
P = ParamSpec("P")

WRITE_BYTES = 1 << 20  # collected before a hop to a thread
_SYNC_EVERY_BYTES = 64 << 20  # so that the last sync of a large blob is not the whole of it
_TEMPORARY = "tmp"
_SHARD_DIGITS = 2
_THREADS = 4
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class BlobFolder:
    """Where the files are, the threads that touch them, and whether the disk can be trusted."""

    def __init__(
        self, root: Path, *, syncs: bool, on_failure: Callable[[StorageFailed], None]
    ) -> None:
        self.root = root
        self.temporary = root / _TEMPORARY
        self.failure: StorageFailed | None = None
        # Names this process wrote, until the clean-up has ended, so that it leaves them alone.
        self.fresh: set[str] | None = set()
        self._syncs = syncs
        self._on_failure = on_failure
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ossemu-blob")
        make_folder(self.temporary)

    def submit(self, call: Callable[P, T], *given: P.args, **named: P.kwargs) -> Future[T]:
        """Begin something that blocks, and look at how it ends even if nobody waits for it."""
        job = self._threads.submit(call, *given, **named)
        loop = asyncio.get_running_loop()
        job.add_done_callback(lambda done: self._look_at(done, loop))
        return job

    async def run(self, call: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Do something that blocks and wait for its result. It is done even if who waits leaves."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(call, *given, **named)))

    def stop(self) -> None:
        """End the threads once they have nothing left to do."""
        self._threads.shutdown()

    def _look_at(self, done: Future[T], loop: asyncio.AbstractEventLoop) -> None:
        error = None if done.cancelled() else done.exception()
        if isinstance(error, StorageFailed) and self.failure is None:
            self.failure = error
            loop.call_soon_threadsafe(self._on_failure, error)

    # blocking; called in a thread

    def path(self, name: str) -> Path:
        """Where the blob of this name is."""
        return self.root / name[:_SHARD_DIGITS] / name

    def shards(self) -> list[Path]:
        """The folders that hold blobs."""
        return [entry for entry in self.root.iterdir() if len(entry.name) == _SHARD_DIGITS]

    def sync(self, descriptor: int) -> None:
        """Make a file durable, if this folder promises it. Raises ``StorageError``."""
        if self._syncs:
            try:
                sync_file(descriptor)
            except OSError as error:
                raise _sync_error(error) from error

    def sync_folder(self, folder: Path) -> None:
        """Make a folder's entries durable, if this folder promises it. Raises ``StorageError``."""
        if self._syncs:
            try:
                sync_folder(folder)
            except OSError as error:
                raise _sync_error(error) from error

    def keep(self, temporary: Path, name: str) -> str:
        """Move a finished temporary file to its place; returns its name there."""
        target = self.path(name)
        while target.exists():  # a generator with a fixed seed repeats its names
            name += "0"
            target = self.path(name)
        if self.fresh is not None:
            self.fresh.add(name)
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True)
            self.sync_folder(self.root)
        temporary.rename(target)
        self.sync_folder(target.parent)
        return name

    def unlink(self, name: str) -> None:
        """Remove a blob; one that is gone is fine, for then nothing is left to do."""
        self.path(name).unlink(missing_ok=True)


def _sync_error(error: OSError) -> StorageError:
    if error.errno in _NO_SPACE:
        return StorageFull(f"content cannot be written: {error.strerror}")
    return StorageFailed(f"content cannot be kept: {error.strerror}")


def _write_error(error: OSError) -> StorageError:
    kind = StorageFull if error.errno in _NO_SPACE else StorageError
    return kind(f"content cannot be written: {error.strerror}")


class FileBlobWriter:
    """Implements ``domain.ports.BlobWriter``. Holds ``WRITE_BYTES`` and one piece at most.

    The thread's part runs under a lock: a client may leave while a piece is being written, and
    what is then thrown away must not be written to any more.
    """

    def __init__(self, folder: BlobFolder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._path = folder.temporary / name
        self._pieces: list[bytes] = []
        self._collected_bytes = 0
        self._lock = threading.Lock()
        self._descriptor = -1
        self._size_bytes = 0
        self._unsynced_bytes = 0
        self._kept = ""
        self._given_up = False
        self._handed_out = False

    async def write(self, data: bytes) -> None:
        """Add bytes. Raises ``StorageError``."""
        self._pieces.append(data)
        self._collected_bytes += len(data)
        if self._collected_bytes >= WRITE_BYTES:
            await self._folder.run(self._flush, self._take_pieces())

    async def finish(self) -> StagedBlob:
        """Make the content durable. Raises ``StorageError``; nothing is left then."""
        keeping = self._folder.submit(self._keep, self._take_pieces())
        try:
            name = await asyncio.wrap_future(keeping)
        except asyncio.CancelledError:
            self._folder.submit(self._throw_away)  # once it is written; nobody waits for that
            raise
        except StorageError:
            await self._folder.run(self._throw_away)
            raise
        self._handed_out = True
        return StagedBlob(size_bytes=self._size_bytes, file=name)

    async def abort(self) -> None:
        """Throw away what was written. Finished content is left: ``discard`` asks before."""
        if not self._handed_out:
            await self._folder.run(self._throw_away)

    def _take_pieces(self) -> list[bytes]:
        pieces, self._pieces, self._collected_bytes = self._pieces, [], 0
        return pieces

    # in a thread

    def _flush(self, pieces: list[bytes]) -> None:
        with self._lock:
            self._write_pieces(pieces)

    def _keep(self, pieces: list[bytes]) -> str:
        with self._lock:
            self._write_pieces(pieces)
            self._folder.sync(self._descriptor)
            self._close()
            try:
                self._kept = self._folder.keep(self._path, self._name)
            except OSError as error:
                raise _write_error(error) from error
            return self._kept

    def _write_pieces(self, pieces: list[bytes]) -> None:
        if self._given_up:
            raise StorageError("the blob was given up")
        try:
            if self._descriptor < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                self._descriptor = os.open(self._path, flags, 0o600)
            left = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            while left:
                written = os.write(self._descriptor, left)
                self._size_bytes += written
                self._unsynced_bytes += written
                left = left[written:]
        except OSError as error:
            raise _write_error(error) from error
        if self._unsynced_bytes >= _SYNC_EVERY_BYTES:
            self._folder.sync(self._descriptor)
            self._unsynced_bytes = 0

    def _throw_away(self) -> None:
        with self._lock:
            self._given_up = True
            self._close()
            self._path.unlink(missing_ok=True)
            if self._kept:
                self._folder.unlink(self._kept)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
