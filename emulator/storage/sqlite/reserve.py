"""Space kept back, so that deletes work on a full disk.

A delete writes to the log before it frees anything. When the disk is full the reserve is given up
for that; until there is space for it again, nothing that adds content is taken.
"""

from __future__ import annotations

import os
from pathlib import Path

RESERVE_NAME = "reserve"
_RESERVE_BYTES = 1 << 20


def _allocate(descriptor: int, size_bytes: int) -> None:
    """Make a file take up space. Not every system has a call for that."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size_bytes)
    else:
        os.pwrite(descriptor, bytes(size_bytes), 0)


class Reserve:
    """A file that only takes up space."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / RESERVE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        self.held = False
        self.take()

    def take(self) -> bool:
        """Keep space back, if there is as much again besides; whether it is held now.

        Without the second half it would take back at once what it has just given up.
        """
        if not self.held:
            try:
                _allocate(self._descriptor, 2 * _RESERVE_BYTES)
            except OSError:
                os.ftruncate(self._descriptor, 0)
                return False
            os.ftruncate(self._descriptor, _RESERVE_BYTES)
            self.held = True
        return True

    def give_up(self) -> None:
        """Let others have the space."""
        os.ftruncate(self._descriptor, 0)
        self.held = False

    def close(self) -> None:
        """Close the file, which stays."""
        os.close(self._descriptor)
