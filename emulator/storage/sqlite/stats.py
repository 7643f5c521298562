"""The figures of buckets in SQLite, and a count of everything to hold against them."""

from __future__ import annotations

import sqlite3
from typing import cast

from emulator.domain.model import StorageClass
from emulator.domain.stats import BucketStats, Figures, Noun
from emulator.storage.sqlite.statements import Statements

_OF_BUCKET = """SELECT noun, storage_class, entries, size_bytes, billed_bytes FROM bucket_stats
    WHERE bucket_id = ?"""

_KEPT = """SELECT bucket_id, noun, storage_class, entries, size_bytes, billed_bytes
    FROM bucket_stats WHERE entries <> 0 OR size_bytes <> 0 OR billed_bytes <> 0"""
_COUNT_MARKERS = """SELECT bucket_id, 'delete-marker', '', count(*), 0, 0
    FROM versions WHERE kind = 'DeleteMarker' GROUP BY bucket_id"""
_COUNT_OBJECTS = """SELECT bucket_id, 'object', storage_class, count(*), sum(size_bytes),
    sum(CASE storage_class WHEN 'Standard' THEN size_bytes ELSE max(size_bytes, 65536) END)
    FROM versions WHERE kind <> 'DeleteMarker' GROUP BY bucket_id, storage_class"""
_COUNT_UPLOADS = "SELECT bucket_id, 'upload', '', count(*), 0, 0 FROM uploads GROUP BY bucket_id"
_COUNT_PARTS = """SELECT bucket_id, 'part', storage_class, count(*), sum(size_bytes),
    sum(size_bytes) FROM parts JOIN uploads ON uploads.id = parts.upload
    GROUP BY bucket_id, storage_class"""
_COUNTS = (_COUNT_MARKERS, _COUNT_OBJECTS, _COUNT_UPLOADS, _COUNT_PARTS)

_Count = dict[tuple[int, str, str], tuple[int, int, int]]


class StatReads(Statements):
    """Reading figures; see ``domain.ports.MetaView``."""

    def bucket_stats(self, bucket_id: int) -> BucketStats:
        """What the bucket holds, as last committed."""
        rows = cast(
            list[tuple[str, str, int, int, int]], self._run(_OF_BUCKET, (bucket_id,)).fetchall()
        )
        return {
            (Noun(noun), StorageClass(class_name) if class_name else None): Figures(*figures)
            for noun, class_name, *figures in rows
        }


def kept(connection: sqlite3.Connection) -> _Count:
    """The figures that are kept, by bucket, noun and class; those that are nought left out."""
    return _read(connection, _KEPT)


def recount(connection: sqlite3.Connection) -> _Count:
    """The same counted from what is there. It reads everything: for checks only."""
    counted: _Count = {}
    for statement in _COUNTS:
        counted.update(_read(connection, statement))
    return counted


def _read(connection: sqlite3.Connection, statement: str) -> _Count:
    rows = cast(list[tuple[int, str, str, int, int, int]], connection.execute(statement).fetchall())
    return {(row[0], row[1], row[2]): (row[3], row[4], row[5]) for row in rows}
