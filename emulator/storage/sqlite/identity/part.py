"""What every part of the identities in SQLite stands on."""

from __future__ import annotations

from typing import cast

from emulator.storage.sqlite.statements import Run, Values

_VERSION = "SELECT value FROM counters WHERE name = 'identities'"
_NEXT_VERSION = "UPDATE counters SET value = value + 1 WHERE name = 'identities'"


class IdentityPart:
    """Reads on one connection; the identities of a transaction also write.

    Every write makes the version larger, so that caches notice it.
    """

    def __init__(self, run: Run, *, writable: bool) -> None:
        self._run = run
        self._writable = writable

    def identity_version(self) -> int:
        """A number that grows with every change of any identity."""
        (value,) = cast(tuple[int], self._run(_VERSION, ()).fetchone())
        return value

    def _put(self, statement: str, values: Values) -> int:
        """Write; the number of rows that changed."""
        if not self._writable:
            raise RuntimeError("identities are written in a transaction, by its `identities`")
        changed = self._run(statement, values).rowcount
        self._run(_NEXT_VERSION, ())
        return changed

    def _count(self, statement: str, values: Values) -> int:
        (count,) = cast(tuple[int], self._run(statement, values).fetchone())
        return count
