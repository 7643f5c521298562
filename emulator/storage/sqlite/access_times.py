"""The access monitor in SQLite: since when, and the last read of each version."""

from __future__ import annotations

from typing import cast

from emulator.storage.sqlite.statements import Changing, Statements

_SINCE = "SELECT since_ms FROM access_monitors WHERE bucket_id = ?"
_AT = "SELECT at_ms FROM access_times WHERE bucket_id = ? AND key = ? AND seq = ?"
_BETWEEN = """SELECT key, seq, at_ms FROM access_times
    WHERE bucket_id = ? AND key >= ? AND key <= ?"""

_ENABLE = "INSERT OR IGNORE INTO access_monitors (bucket_id, since_ms) VALUES (?, ?)"
_DISABLE = "DELETE FROM access_monitors WHERE bucket_id = ?"
# Of a version that is there, unless a read within the time before is kept already.
_PUT = """INSERT INTO access_times (bucket_id, key, seq, at_ms)
    SELECT bucket_id, key, seq, ? FROM versions WHERE bucket_id = ? AND key = ? AND seq = ?
    ON CONFLICT (bucket_id, key, seq) DO UPDATE SET at_ms = excluded.at_ms
    WHERE excluded.at_ms >= at_ms + ?"""


class AccessTimeReads(Statements):
    """Reading access times; see ``domain.ports.MetaView``."""

    def monitored_since_ms(self, bucket_id: int) -> int | None:
        """Since when reads of the bucket are monitored, ``None``: they are not."""
        row = self._run(_SINCE, (bucket_id,)).fetchone()
        return None if row is None else cast(tuple[int], row)[0]

    def access_time_ms(self, bucket_id: int, key: str, seq: int) -> int | None:
        """The last read of a version that is kept."""
        row = self._run(_AT, (bucket_id, key, seq)).fetchone()
        return None if row is None else cast(tuple[int], row)[0]

    def access_times_ms(self, bucket_id: int, first: str, last: str) -> dict[tuple[str, int], int]:
        """The last reads that are kept of keys from ``first`` to ``last``, by key and seq."""
        rows = self._run(_BETWEEN, (bucket_id, first, last)).fetchall()
        return {(key, seq): at for key, seq, at in cast(list[tuple[str, int, int]], rows)}


class AccessTimeWrites(AccessTimeReads, Changing):
    """Keeping access times; see ``domain.ports.MetaTx``."""

    def put_access_monitor(self, bucket_id: int, since_ms: int | None) -> None:
        """Monitor reads from now on, unless they are already; ``None``: no longer."""
        if since_ms is None:
            self._run(_DISABLE, (bucket_id,))
        else:
            self._run(_ENABLE, (bucket_id, since_ms))

    def put_access_time(
        self, bucket_id: int, key: str, seq: int, at_ms: int, *, apart_ms: int
    ) -> None:
        """Keep a read of a version, unless one less than ``apart_ms`` before is kept."""
        self._run(_PUT, (at_ms, bucket_id, key, seq, apart_ms))
