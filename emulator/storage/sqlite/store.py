"""The metadata store on SQLite: one writing connection, one reading connection, one log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self, TypeVar

from emulator.config import Durability
from emulator.domain.errors import StorageFailed
from emulator.storage.durability import sync_folder
from emulator.storage.folder import FolderLock
from emulator.storage.sqlite.connections import (
    DATABASE_NAME,
    MEMORY,
    connect,
    migrate,
    open_database,
)
from emulator.storage.sqlite.groups import GroupWriter, Hooks
from emulator.storage.sqlite.identity import SqliteIdentities
from emulator.storage.sqlite.reserve import Reserve
from emulator.storage.sqlite.statements import Values
from emulator.storage.sqlite.view import SqliteTx, SqliteView

T = TypeVar("T")


class SqliteStore:
    """Implements ``domain.ports.MetaStore`` and the stores of the other rooms.

    Readers share one snapshot: the reading transaction stays open until the next commit, because
    opening one for every look-up costs as much as half of the look-up. In memory both sides use
    one connection; a group of works runs without ``await``, so nobody reads in its middle.

    ``identities`` reads accounts and what belongs to them, always as last committed.
    ``on_unused_files`` is told which blob files have durably lost their last row.
    """

    writer_kind: type[GroupWriter] = GroupWriter

    def __init__(
        self,
        writing: sqlite3.Connection,
        reading: sqlite3.Connection,
        lock: FolderLock | None,
        durability: Durability,
        on_failure: Callable[[StorageFailed], None],
        reserve: Reserve | None = None,
    ) -> None:
        self._reserve = reserve
        self._reading = reading
        self._lock = lock
        self._closed = False
        self._shares_connection = reading is writing
        self._run = reading.cursor().execute
        self._has_snapshot = self._shares_connection
        self._view = SqliteView(reading)
        self.identities = SqliteIdentities(self._run_on_snapshot, writable=False)
        self.on_unused_files: Callable[[list[str]], None] = _ignore_files
        hooks = Hooks(self._drop_snapshot, self._unused, on_failure)
        self._writer = self.writer_kind(
            writing,
            hooks,
            # A commit that syncs takes longer than the hop to a thread, any other is shorter.
            commits_in_thread=durability is Durability.POWER and not self._shares_connection,
            has_log=not self._shares_connection,
            reserve=reserve,
        )

    @classmethod
    def open(
        cls,
        where: Path | str,
        durability: Durability = Durability.POWER,
        *,
        on_failure: Callable[[StorageFailed], None] | None = None,
    ) -> Self:
        """Open a data folder, or ``":memory:"``.

        ``on_failure`` is called once if the disk stops keeping what it is given; the process
        should then end. Raises ``DataFolderError``.
        """
        failed = on_failure or _ignore_failure
        if where == MEMORY:
            memory = connect(MEMORY, Durability.NONE)
            migrate(memory, Path(MEMORY))
            return cls(memory, memory, None, Durability.NONE, failed)
        folder = Path(where)
        lock = FolderLock(folder)
        try:
            writing = open_database(folder, durability)
            sync_folder(folder)
            reading = connect(folder / DATABASE_NAME, durability)
            reading.execute("PRAGMA query_only = ON")
            return cls(writing, reading, lock, durability, failed, Reserve(folder))
        except BaseException:
            lock.release()
            raise

    def read(self) -> SqliteView:
        """A consistent view of what is committed. Never hold it across an ``await``."""
        if not self._has_snapshot:
            self._run("BEGIN")
            self._has_snapshot = True
        return self._view

    def _run_on_snapshot(self, statement: str, values: Values) -> sqlite3.Cursor:
        self.read()
        return self._run(statement, values)

    async def write(self, work: Callable[[SqliteTx], T]) -> T:
        """Run ``work`` in a transaction and return its result once it is durable.

        Raises what ``work`` raises, or ``StorageError``.
        """
        return await self._writer.write(work)

    def on_event(self, told: Callable[[], None]) -> None:
        """Say who is told, before the commit that holds it, that an event was recorded."""
        self._writer.on_event(told)

    def known_files(self, files: Iterable[str]) -> set[str]:
        """Those of the blob files that have a row (for the clean-up of the others)."""
        with self.read() as view:
            return view.known_files(files)

    async def close(self) -> None:
        """Finish what is queued and give the folder back. Doing it again is harmless."""
        if self._closed:
            return
        self._closed = True
        await self._writer.drain()
        self._drop_snapshot()
        if not self._shares_connection:
            self._reading.close()
        await self._writer.close()
        if self._reserve is not None:
            self._reserve.close()
        if self._lock is not None:
            self._lock.release()

    def abandon(self) -> None:
        """Give the folder back at once; only for a store that nothing was written to."""
        self._closed = True
        self._drop_snapshot()
        if not self._shares_connection:
            self._reading.close()
        self._writer.abandon()
        if self._reserve is not None:
            self._reserve.close()
        if self._lock is not None:
            self._lock.release()

    def _drop_snapshot(self) -> None:
        if self._has_snapshot and not self._shares_connection:
            self._has_snapshot = False
            self._run("COMMIT")

    def _unused(self, files: list[str]) -> None:
        self.on_unused_files(files)


def _ignore_failure(failure: StorageFailed) -> None:
    """The store refuses writes by itself."""


def _ignore_files(files: list[str]) -> None:
    """The next clean-up finds them."""
