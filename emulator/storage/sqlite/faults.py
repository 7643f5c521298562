"""What an SQLite error means for the store."""

from __future__ import annotations

import sqlite3

from emulator.domain.errors import StorageError, StorageFailed, StorageFull

# After a failed sync Linux may drop the pages and report success the next time, so trying again
# would acknowledge what is not on the disk. A damaged file gets worse with every write.
_FATAL = frozenset(
    {
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_DIR_FSYNC,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_CORRUPTFS,
    }
)
_FATAL_FAMILIES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# Errors of the machine, not of one work: SQLite may have rolled back the whole transaction.
_MACHINE_FAMILIES = _FATAL_FAMILIES | {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
_FAMILY = 0xFF  # extended result codes carry their family in the lowest byte


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR


def is_machine_fault(error: BaseException) -> bool:
    """Whether the error is the disk's or the memory's, so that the transaction is lost."""
    return isinstance(error, sqlite3.Error) and _code(error) & _FAMILY in _MACHINE_FAMILIES


def storage_error(error: BaseException) -> StorageError:
    """The error that everyone who waited for the transaction gets."""
    if isinstance(error, StorageError):
        return error
    code = _code(error)
    family = code & _FAMILY
    if code in _FATAL or family in _FATAL_FAMILIES:
        return StorageFailed(f"the metadata cannot be kept: {error}")
    if family == sqlite3.SQLITE_FULL:
        return StorageFull(f"the metadata cannot be written: {error}")
    return StorageError(f"the metadata cannot be written: {error}")
