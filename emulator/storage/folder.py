"""The data folder: who may use it, and whether this release can read it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from emulator.storage.durability import make_folder

LOCK_NAME = "lock"


class DataFolderError(Exception):
    """The data folder cannot be used; the message says why and what to do."""


class DataFolderInUse(DataFolderError):
    """Another server uses the folder. ``pid`` is its process, 0 when it cannot be told."""

    def __init__(self, folder: Path, pid: int) -> None:
        self.folder = folder
        self.pid = pid
        by = f"process {pid}" if pid else "another process"
        super().__init__(
            f"the data folder {folder} is in use by {by}: stop it, or give another folder"
        )


class DataFolderTooNew(DataFolderError):
    """A later release wrote the folder."""

    def __init__(self, folder: Path, found: int, known: int) -> None:
        self.folder = folder
        self.found = found
        self.known = known
        super().__init__(
            f"the data folder {folder} has format {found} and this release reads formats up to "
            f"{known}: use the release that wrote it, or give another folder"
        )


class DataFolderUnreadable(DataFolderError):
    """The folder holds something that is not our database, or a damaged one."""

    def __init__(self, folder: Path, cause: str) -> None:
        self.folder = folder
        super().__init__(f"the data folder {folder} cannot be opened: {cause}")


class FolderLock:
    """The right to use a data folder, held until ``release`` or the end of the process.

    The lock belongs to the open file, so the system gives it back however the process ends, and
    a second store in the same process is refused as well.
    """

    def __init__(self, folder: Path) -> None:
        """Create the folder if needed and lock it. Raises ``DataFolderError``."""
        try:
            make_folder(folder)
            descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DataFolderUnreadable(folder, str(error)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            raise DataFolderInUse(folder, int(holder) if holder.isdecimal() else 0) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the folder back. Doing it again is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
