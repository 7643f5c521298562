"""What all parts of a view and of a transaction stand on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

from emulator.domain.errors import StorageFull
from emulator.storage.sqlite.counting import StatSteps

# One row as SQLite gives it. Columns are told apart by the statement that names them.
Row: TypeAlias = "tuple[int | str | bytes | None, ...]"
Values: TypeAlias = "Sequence[int | str | bytes | None]"
Run: TypeAlias = Callable[[str, Values], sqlite3.Cursor]
Mark: TypeAlias = "tuple[int, int, int]"  # see ``Changing.mark``

_READ_SEQ = "SELECT value FROM counters WHERE name = 'seq'"
_RESERVE_SEQ = "UPDATE counters SET value = ? WHERE name = 'seq'"
_READ_STARTS = "SELECT value FROM counters WHERE name = 'starts'"
_COUNT_START = """INSERT INTO counters (name, value) VALUES ('starts', 1)
    ON CONFLICT (name) DO UPDATE SET value = value + 1"""

_UNREAD_KEPT = 16_384
SEQ_BLOCK = 10_000  # numbers reserved at once; what is left of a block is lost at the end


class Statements:
    """Runs statements on one cursor. Every result is read to its end before the next statement:
    an unfinished one would hold the reader's snapshot."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run: Run = connection.cursor().execute


class Changing(Statements):
    """The state of the write side that lives longer than one transaction.

    ``unused_files`` collects the blob files that lose their row, to be removed once that is
    durable; ``inline_bytes`` counts what went into the log besides rows; ``counted`` collects what
    the figures of buckets change by, until ``write_stats``. ``unread`` are buckets of which it is
    known that their readings are marked as unread. While ``is_full`` is set, nothing is added: what
    is left of the disk is for deletes.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        (reserved,) = cast(tuple[int], self._run(_READ_SEQ, ()).fetchone())
        self._seq = self._reserved = reserved
        self.unused_files: list[str] = []
        self.inline_bytes = 0
        self.counted = StatSteps()
        self.unread: set[int] = set()
        self.is_full = False

    def next_seq(self) -> int:
        """A number larger than any given before, also across restarts."""
        self._seq += 1
        if self._seq > self._reserved:
            self._reserved = self._seq + SEQ_BLOCK
            self._run(_RESERVE_SEQ, (self._reserved,))
        return self._seq

    def count_start(self) -> int:
        """Count one more start with a seed on what is kept; which it is, from 1 on."""
        self._run(_COUNT_START, ())
        (starts,) = cast(tuple[int], self._run(_READ_STARTS, ()).fetchone())
        return starts

    def note_unread(self, bucket_id: int) -> None:
        """The readings of a bucket are marked as unread."""
        if len(self.unread) >= _UNREAD_KEPT:
            self.unread.clear()
        self.unread.add(bucket_id)

    def require_space(self) -> None:
        """Raises ``StorageFull`` while the disk is full."""
        if self.is_full:
            raise StorageFull("the disk is full")

    def write_stats(self) -> None:
        """Write what the figures of buckets changed by; before every commit."""
        self.counted.write(self._run)

    def mark(self) -> Mark:
        """What ``undo`` needs to forget the work that follows."""
        return self._reserved, len(self.unused_files), self.counted.mark()

    def undo(self, mark: Mark) -> None:
        """Follow a rollback: the reservation is gone from the database, the files keep their rows.

        Numbers given out stay given out.
        """
        self._reserved, files, steps = mark
        del self.unused_files[files:]
        self.counted.undo(steps)
        self.unread.clear()

    def take_unused_files(self) -> list[str]:
        """The files whose rows are durably gone; the list starts anew."""
        files, self.unused_files = self.unused_files, []
        return files
