"""What of a world was applied, and how much there is of everything."""

from __future__ import annotations

from typing import cast

from emulator.storage.sqlite.statements import Statements

_DIGEST = "SELECT digest FROM world_parts WHERE part = ?"
_SET_DIGEST = "INSERT OR REPLACE INTO world_parts (part, digest) VALUES (?, ?)"
_COUNTS = """
SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM buckets),
       (SELECT count(*) FROM roles), (SELECT count(*) FROM replication_rules)
"""
_NEWEST = """
SELECT max(ifnull((SELECT max(created_ms) FROM buckets), 0),
           ifnull((SELECT max(created_ms) FROM replication_rules), 0),
           ifnull((SELECT at_ms FROM changes ORDER BY seq DESC LIMIT 1), 0))
"""
_ROOT_KEYS = """
SELECT access_key_id, secret FROM access_keys WHERE account_uid = ? AND user_name = ''
ORDER BY access_key_id
"""
_ROLE_NAMES = "SELECT name FROM roles WHERE account_uid = ? ORDER BY folded_name LIMIT ?"


class WorldReads(Statements):
    """Reading."""

    def world_counts(self) -> tuple[int, int, int, int]:
        """How many accounts, buckets, roles and rules there are."""
        return cast(tuple[int, int, int, int], self._run(_COUNTS, ()).fetchone())

    def newest_ms(self) -> int:
        """The newest instant among buckets, replication rules and the last change; 0 if none."""
        return cast(tuple[int], self._run(_NEWEST, ()).fetchone())[0]

    def root_keys(self, account_uid: str) -> list[tuple[str, str]]:
        """The ids and secrets of an account's own access keys."""
        return cast(list[tuple[str, str]], self._run(_ROOT_KEYS, (account_uid,)).fetchall())

    def role_names(self, account_uid: str, *, limit: int) -> list[str]:
        """The names of an account's roles, as they were written."""
        return [name for (name,) in self._run(_ROLE_NAMES, (account_uid, limit)).fetchall()]

    def applied_digest(self, part: str) -> str | None:
        """The digest of a part's description when it was last applied."""
        row = self._run(_DIGEST, (part,)).fetchone()
        return None if row is None else str(row[0])


class WorldWrites(WorldReads):
    """Writing."""

    def set_applied_digest(self, part: str, digest: str) -> None:
        """Remember that a part was applied."""
        self._run(_SET_DIGEST, (part, digest))
