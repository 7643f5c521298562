"""Opening the database: connections, their settings, and the numbered migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from emulator.config import Durability
from emulator.storage.folder import DataFolderTooNew, DataFolderUnreadable

DATABASE_NAME = "meta.db"
MEMORY = ":memory:"

_CACHE_KIB = 8192
_BUSY_MS = 5000
_STATEMENTS_KEPT = 256
_APPLICATION_ID = 0x4F535352  # "OSSR"

_SYNCHRONOUS = {
    Durability.NONE: "OFF",
    # Commits are not synced, but the log is before it is folded into the database, so that a
    # power loss takes the latest writes and never the database.
    Durability.PROCESS: "NORMAL",
    Durability.POWER: "FULL",
}


def connect(database: Path | str, durability: Durability) -> sqlite3.Connection:
    """A connection that leaves transactions, and the folding in of the log, to its owner."""
    connection = sqlite3.connect(
        database,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS_KEPT,
    )
    for setting in (
        f"busy_timeout = {_BUSY_MS}",
        f"cache_size = -{_CACHE_KIB}",
        "temp_store = MEMORY",
        f"synchronous = {_SYNCHRONOUS[durability]}",
        "fullfsync = ON",  # macOS only
        "checkpoint_fullfsync = ON",
        "wal_autocheckpoint = 0",
    ):
        connection.execute(f"PRAGMA {setting}")
    return connection


def open_database(folder: Path, durability: Durability) -> sqlite3.Connection:
    """The writing connection to a folder's database, brought to the newest format.

    Raises ``DataFolderTooNew`` and ``DataFolderUnreadable``.
    """
    try:
        connection = connect(folder / DATABASE_NAME, durability)
    except sqlite3.Error as error:
        raise DataFolderUnreadable(folder, str(error)) from error
    try:
        _check_owner(connection, folder)
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection, folder)
    except sqlite3.Error as error:
        connection.close()
        raise DataFolderUnreadable(folder, str(error)) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _check_owner(connection: sqlite3.Connection, folder: Path) -> None:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and owner != _APPLICATION_ID:
        raise DataFolderUnreadable(folder, f"{DATABASE_NAME} belongs to another program")


def migrate(connection: sqlite3.Connection, folder: Path) -> None:
    """Apply the migrations that the database has not seen, all of them or none."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    known = dict(_migrations())
    newest = max(known)
    if found > newest:
        raise DataFolderTooNew(folder, found, newest)
    if found == newest:
        return
    steps = "\n".join(known[number] for number in sorted(known) if number > found)
    try:
        connection.executescript(
            f"""BEGIN IMMEDIATE;
            {steps}
            PRAGMA application_id = {_APPLICATION_ID};
            PRAGMA user_version = {newest};
            COMMIT;"""
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _migrations() -> Iterator[tuple[int, str]]:
    for entry in Path(__file__).with_name("migrations").iterdir():
        number, _, rest = entry.name.partition("_")
        if rest.endswith(".sql"):
            yield int(number), entry.read_text(encoding="utf-8")
