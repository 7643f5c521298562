"""``ossemu`` with a planted bug: who writes is answered before the commit.

Everything looks right while the server lives; a kill takes the latest writes away. For the crash
loop's own test.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable

import emulator.app.app
from emulator.__main__ import main
from emulator.config import Durability
from emulator.domain.errors import StorageFailed
from emulator.storage.folder import FolderLock
from emulator.storage.sqlite.groups import GroupWriter, Hooks, Request
from emulator.storage.sqlite.reserve import Reserve
from emulator.storage.sqlite.store import SqliteStore

_COMMIT_EVERY_S = 0.1


class EarlyWriter(GroupWriter):
    """Commits now and then, and answers every time."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        hooks: Hooks,
        *,
        commits_in_thread: bool,
        has_log: bool,
        reserve: Reserve | None = None,
    ) -> None:
        super().__init__(
            connection,
            hooks,
            commits_in_thread=commits_in_thread,
            has_log=has_log,
            reserve=reserve,
        )
        execute = self._run
        self._committed_s = time.monotonic()

        def run(statement: str) -> sqlite3.Cursor:
            goes_on = statement.startswith("BEGIN") and connection.in_transaction
            return execute("SELECT 1" if goes_on else statement)

        setattr(self, "_run", run)  # noqa: B010 - the transaction of the last answer goes on

    def _run_alone(self, request: Request[object]) -> None:
        self._run_beside(request)

    def _sync_commit(self) -> None:
        if time.monotonic() - self._committed_s > _COMMIT_EVERY_S:
            super()._sync_commit()
            self._committed_s = time.monotonic()


class EarlyStore(SqliteStore):
    """A store with that bug; readers share the connection and see what is not committed."""

    writer_kind = EarlyWriter

    def __init__(
        self,
        writing: sqlite3.Connection,
        reading: sqlite3.Connection,
        lock: FolderLock | None,
        durability: Durability,
        on_failure: Callable[[StorageFailed], None],
        reserve: Reserve | None = None,
    ) -> None:
        reading.close()
        super().__init__(writing, writing, lock, durability, on_failure, reserve)


if __name__ == "__main__":
    setattr(emulator.app.app, "SqliteStore", EarlyStore)  # noqa: B010 - the one place to plant it
    sys.exit(main())
