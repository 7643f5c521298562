"""The parts of a view and of a transaction put together, one part a noun."""

from __future__ import annotations

import sqlite3
from types import TracebackType
from typing import Self

from emulator.storage.sqlite.access_times import AccessTimeReads, AccessTimeWrites
from emulator.storage.sqlite.changes import ChangeWrites
from emulator.storage.sqlite.events import EventReads, EventWrites
from emulator.storage.sqlite.identity import SqliteIdentities
from emulator.storage.sqlite.kms import KeyReads, KeyWrites
from emulator.storage.sqlite.lifecycle import LifecycleReads, LifecycleWrites
from emulator.storage.sqlite.replication import ReplicationReads, ReplicationWrites
from emulator.storage.sqlite.settings import SettingReads, SettingWrites
from emulator.storage.sqlite.stats import StatReads
from emulator.storage.sqlite.uploads import UploadReads, UploadWrites
from emulator.storage.sqlite.versions import VersionReads, VersionWrites
from emulator.storage.sqlite.world import WorldReads, WorldWrites


class SqliteView(
    ReplicationReads,
    EventReads,
    WorldReads,
    SettingReads,
    StatReads,
    LifecycleReads,
    AccessTimeReads,
    KeyReads,
    UploadReads,
    VersionReads,
):
    """A consistent view of what is committed. Leaving it costs nothing: see ``store``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.identities = SqliteIdentities(self._run, writable=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


class SqliteTx(
    ReplicationWrites,
    EventWrites,
    WorldWrites,
    SettingWrites,
    StatReads,
    LifecycleWrites,
    AccessTimeWrites,
    KeyWrites,
    UploadWrites,
    VersionWrites,
    ChangeWrites,
):
    """A write transaction; one object serves all transactions, one after the other.

    ``identities`` reads and writes accounts and what belongs to them in the same transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.identities = SqliteIdentities(self._run, writable=True)
