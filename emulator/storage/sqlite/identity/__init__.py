"""Accounts and what belongs to them in SQLite, one part a noun."""

from __future__ import annotations

from emulator.storage.sqlite.identity.roles import RolePart


class SqliteIdentities(RolePart):
    """Implements ``access.ram_store.RamStore`` on one connection.

    The one of a store reads what is committed; the one of a transaction also writes.
    """


__all__ = ["SqliteIdentities"]
