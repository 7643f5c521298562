"""Changes and versions the way the engine reads and writes them: many at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import groupby
from typing import cast

import msgspec

from emulator.domain.model import Change, ObjectVersion
from emulator.replication.ports import ChangeRead, Replica
from emulator.storage.sqlite.changes import CHANGE_COLUMNS, change_of_row
from emulator.storage.sqlite.replication.keys import key_list
from emulator.storage.sqlite.statements import Row
from emulator.storage.sqlite.versions import (
    INSERT_VERSION,
    VERSION_COLUMNS,
    VersionReads,
    VersionWrites,
    row_of_version,
    version_of_row,
)

_CHANGE_COLUMNS_LEN = 11
_CHANGE = ", ".join(f"change.{name.strip()}" for name in CHANGE_COLUMNS.split(","))
_SOURCE = ", ".join(f"source.{name.strip()}" for name in VERSION_COLUMNS.split(","))
_NEWEST = ", ".join(f"entry.{name.strip()}" for name in VERSION_COLUMNS.split(","))

# In a bucket that keeps no versions the entry that stands for the key now is the source.
_WITH_SOURCE = """LEFT JOIN versions AS source
      ON source.bucket_id = change.bucket_id AND source.key = change.key
     AND source.seq = CASE (SELECT versioning FROM buckets WHERE id = ?1)
         WHEN '' THEN (SELECT newest.seq FROM versions AS newest
                       WHERE newest.bucket_id = change.bucket_id AND newest.key = change.key
                       ORDER BY newest.seq DESC LIMIT 1)
         ELSE change.version_seq END"""
_CHANGES = f"""SELECT {_CHANGE}, {_SOURCE} FROM changes AS change {_WITH_SOURCE}
    WHERE change.bucket_id = ?1 AND change.seq > ?2 AND change.seq <= ?3
    ORDER BY change.seq LIMIT ?4"""  # noqa: S608 - constants only
# CROSS JOIN: the list leads, and with it its order.
_CHANGES_AT = f"""SELECT {_CHANGE}, {_SOURCE} FROM json_each(?2) AS wanted
    CROSS JOIN changes AS change ON change.seq = wanted.value AND change.bucket_id = ?1
    {_WITH_SOURCE}"""  # noqa: S608 - constants only
_CHANGE_KEYS = """SELECT seq, key FROM changes
    WHERE bucket_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"""
_FIRST_CHANGE = """SELECT at_ms FROM changes
    WHERE bucket_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT 1"""
_CHANGES_OF_KEY = f"""SELECT {CHANGE_COLUMNS} FROM changes
    WHERE bucket_id = ? AND key = ? ORDER BY seq DESC LIMIT ?"""  # noqa: S608 - constants only
_LAST_CHANGE = "SELECT seq FROM sqlite_sequence WHERE name = 'changes'"
_PRUNE = """DELETE FROM changes WHERE seq IN
    (SELECT seq FROM changes WHERE bucket_id = ? AND seq <= ? ORDER BY seq LIMIT ?)"""

# CROSS JOIN: the keys lead, whatever the planner thinks of a list it cannot see.
_NEWEST_OF_KEYS = f"""SELECT {_NEWEST} FROM json_each(?2) AS wanted
    CROSS JOIN versions AS entry
      ON entry.bucket_id = ?1 AND entry.key = wanted.value
     AND entry.seq = (SELECT newest.seq FROM versions AS newest
                      WHERE newest.bucket_id = ?1 AND newest.key = wanted.value
                      ORDER BY newest.seq DESC LIMIT 1)"""  # noqa: S608 - constants only
_HISTORY_OF_KEY = f"""SELECT {VERSION_COLUMNS} FROM versions
    WHERE bucket_id = ? AND key = ? AND seq > ? AND seq <= ?
    ORDER BY seq LIMIT ?"""  # noqa: S608 - constants only
_HISTORY_AFTER_KEY = f"""SELECT {VERSION_COLUMNS} FROM versions
    WHERE bucket_id = ? AND key > ? AND seq <= ?
    ORDER BY key, seq LIMIT ?"""  # noqa: S608 - constants only

_SHARE = "UPDATE blobs SET refs = refs + 1 WHERE id = ?"
_UNLIST = "UPDATE versions SET listed = 0 WHERE bucket_id = ? AND key = ? AND seq = ?"

_SEQ_AFTER_ALL = (1 << 63) - 1

_encode = msgspec.json.Encoder().encode


class EntryReads(VersionReads):
    """Reading changes and versions; see ``replication.ports.ReplicationView``."""

    def last_change_seq(self) -> int:
        """The ``seq`` of the newest change of all buckets; 0 when there never was one."""
        row = cast("tuple[int] | None", self._run(_LAST_CHANGE, ()).fetchone())
        return 0 if row is None else row[0]

    def changes_after(
        self, bucket_id: int, seq: int, *, until_seq: int | None = None, limit: int
    ) -> list[ChangeRead]:
        """Changes of a bucket in order, from after ``seq`` up to and with ``until_seq``."""
        until = _SEQ_AFTER_ALL if until_seq is None else until_seq
        return _changes(self._run(_CHANGES, (bucket_id, seq, until, limit)).fetchall())

    def changes_at(self, bucket_id: int, seqs: Sequence[int]) -> list[ChangeRead]:
        """The changes of a bucket with these ``seq``, in this order."""
        return _changes(self._run(_CHANGES_AT, (bucket_id, _encode(seqs).decode())).fetchall())

    def change_keys_after(
        self, bucket_id: int, seq: int, *, until_seq: int | None = None, limit: int
    ) -> list[tuple[int, str]]:
        """The ``seq`` and key of changes of a bucket; otherwise as ``changes_after``."""
        until = _SEQ_AFTER_ALL if until_seq is None else until_seq
        found = self._run(_CHANGE_KEYS, (bucket_id, seq, until, limit)).fetchall()
        return cast(list[tuple[int, str]], found)

    def first_change_ms(
        self, bucket_id: int, seq: int, *, until_seq: int | None = None
    ) -> int | None:
        """The instant of the first change after ``seq`` (up to and with ``until_seq``)."""
        until = _SEQ_AFTER_ALL if until_seq is None else until_seq
        row = self._run(_FIRST_CHANGE, (bucket_id, seq, until)).fetchone()
        return None if row is None else cast(tuple[int], row)[0]

    def changes_of_key(self, bucket_id: int, key: str, *, limit: int = 100) -> list[Change]:
        """The newest remembered changes of a key, newest first (not indexed: for explaining)."""
        rows = self._run(_CHANGES_OF_KEY, (bucket_id, key, limit)).fetchall()
        return [change_of_row(row) for row in rows]

    def newest_entries(self, bucket_id: int, keys: Sequence[str]) -> dict[str, ObjectVersion]:
        """The newest entry of each key that has one."""
        wanted = key_list(keys) if len(keys) > 1 else None
        if wanted is None:
            singles = ((key, self.current_version(bucket_id, key)) for key in keys)
            return {key: entry for key, entry in singles if entry is not None}
        entries = map(version_of_row, self._run(_NEWEST_OF_KEYS, (bucket_id, wanted)).fetchall())
        return {entry.key: entry for entry in entries}

    def history_page(
        self, bucket_id: int, bound_seq: int, *, at_key: str, at_seq: int, limit: int
    ) -> list[ObjectVersion]:
        """Historical entries after (``at_key``, ``at_seq``): by key, oldest first within a key."""
        rest = self.history_of_key(bucket_id, bound_seq, at_key, after_seq=at_seq, limit=limit)
        left = limit - len(rest)
        if left <= 0:
            return rest
        return rest + self._many(_HISTORY_AFTER_KEY, (bucket_id, at_key, bound_seq, left))

    def history_of_key(
        self, bucket_id: int, bound_seq: int, key: str, *, after_seq: int = 0, limit: int
    ) -> list[ObjectVersion]:
        """Historical entries of one key after ``after_seq``, oldest first."""
        return self._many(_HISTORY_OF_KEY, (bucket_id, key, after_seq, bound_seq, limit))


def _changes(rows: list[Row]) -> list[ChangeRead]:
    found: list[ChangeRead] = []
    for row in rows:
        source = row[_CHANGE_COLUMNS_LEN:]
        found.append(
            (
                change_of_row(row[:_CHANGE_COLUMNS_LEN]),
                None if source[0] is None else version_of_row(source),
            )
        )
    return found


class EntryWrites(EntryReads, VersionWrites):
    """Writing replicas and forgetting changes; see ``replication.ports.ReplicationTx``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._run_entries = connection.cursor().executemany

    def prune_changes(self, bucket_id: int, until_seq: int, *, limit: int) -> int:
        """Forget the oldest changes of a bucket, up to and with ``until_seq``; how many."""
        return self._run(_PRUNE, (bucket_id, until_seq, limit)).rowcount

    def insert_replicas(self, replicas: Sequence[Replica], unlist: Sequence[ObjectVersion]) -> None:
        """Write replicas as current entries that share their sources' blobs."""
        shared = [(extent.blob_id,) for replica in replicas for extent in replica.source.extents]
        if shared:
            uses = self._run_entries(_SHARE, shared).rowcount
            assert uses == len(shared), "an extent of a blob that is gone"
        self._run_entries(INSERT_VERSION, [_row(replica) for replica in replicas])
        by_bucket = groupby(replicas, key=lambda replica: replica.bucket_id)
        for bucket_id, group in by_bucket:
            self.counted.add_copies(bucket_id, (replica.source for replica in group))
        if unlist:
            self._run_entries(_UNLIST, [(e.bucket_id, e.key, e.seq) for e in unlist])


def _row(replica: Replica) -> tuple[int | str | bytes | None, ...]:
    row = row_of_version(replica.source, listed=True)
    origin = f"[{replica.rule_uid},{replica.change_seq},{replica.source.seq},{replica.applied_ms}]"
    return (
        replica.bucket_id,
        row[1],
        replica.seq,
        *row[3:11],
        replica.owner_uid,
        *row[12:17],
        origin,
        "",  # what befell the source does not befall the replica
        1,
    )
