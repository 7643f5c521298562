"""Lifecycle scans in SQLite: how far they have come, and what they look at."""

from __future__ import annotations

from typing import cast

from emulator.domain.lifecycle.records import Entry, Scan, ScanPhase
from emulator.domain.model import StorageClass, VersionKind
from emulator.storage.sqlite.statements import Changing, Row, Statements

_SCAN_COLUMNS = "bucket_id, scheduled_ms, phase, at_key, at_seq, written_ms, at_upload"
_OPEN_SCAN = f"""SELECT {_SCAN_COLUMNS} FROM lifecycle_scans
    WHERE scheduled_ms < ? OR phase <> 'done' ORDER BY bucket_id LIMIT 1"""  # noqa: S608 - constants
_PUT = f"""INSERT OR REPLACE INTO lifecycle_scans ({_SCAN_COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608 - constants only
_DELETE = "DELETE FROM lifecycle_scans WHERE bucket_id = ?"

_COLUMNS = "key, seq, kind, size_bytes, modified_ms, storage_class, tags_json, state_json"
_SELECT = f"SELECT {_COLUMNS} FROM versions"  # noqa: S608 - constants only
_OF_KEY = f"{_SELECT} WHERE bucket_id = ? AND key = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
_FROM = f"{_SELECT} WHERE bucket_id = ? AND key >= ? ORDER BY key, seq DESC LIMIT ?"
_BETWEEN = f"""{_SELECT} WHERE bucket_id = ? AND key >= ? AND key < ?
    ORDER BY key, seq DESC LIMIT ?"""

_PHASES = {member.value: member for member in ScanPhase}
_KINDS = {member.value: member for member in VersionKind}
_CLASSES = {member.value: member for member in StorageClass}

_EntryRow = tuple[str, int, str, int, int, str, str, str]


def _entry(row: Row) -> Entry:
    key, seq, kind, size, modified, class_, tags, state = cast(_EntryRow, row)
    return Entry(
        key=key,
        seq=seq,
        kind=_KINDS[kind],
        size_bytes=size,
        modified_ms=modified,
        storage_class=_CLASSES[class_],
        tags_json=tags,
        state_json=state,
    )


class LifecycleReads(Statements):
    """Reading for scans; see ``domain.ports.MetaView``."""

    def open_scan(self, scheduled_ms: int) -> Scan | None:
        """A scan that is not done, or older than this instant."""
        row = self._run(_OPEN_SCAN, (scheduled_ms,)).fetchone()
        if row is None:
            return None
        bucket_id, scheduled, phase, key, seq, written, upload = cast(
            tuple[int, int, str, str, int, int, str], row
        )
        return Scan(
            bucket_id=bucket_id,
            scheduled_ms=scheduled,
            phase=_PHASES[phase],
            key=key,
            seq=seq,
            written_ms=written,
            upload_id=upload,
        )

    def scanned_entries(
        self, bucket_id: int, *, start: str, below_seq: int, end: str | None, limit: int
    ) -> list[Entry]:
        """Entries by key, newest first within a key; see ``domain.ports.MetaView``."""
        found: list[Row] = []
        first = start
        if below_seq > 0:
            first = start + "\0"  # the smallest text greater than it
            found = self._run(_OF_KEY, (bucket_id, start, below_seq, limit)).fetchall()
        left = limit - len(found)
        if left > 0 and end is None:
            found += self._run(_FROM, (bucket_id, first, left)).fetchall()
        elif left > 0:
            found += self._run(_BETWEEN, (bucket_id, first, end, left)).fetchall()
        return [_entry(row) for row in found]


class LifecycleWrites(LifecycleReads, Changing):
    """Keeping the place of scans; see ``domain.ports.MetaTx``."""

    def put_scan(self, scan: Scan) -> None:
        """Keep how far the scan of a bucket has come."""
        self._run(
            _PUT,
            (
                scan.bucket_id,
                scan.scheduled_ms,
                scan.phase.value,
                scan.key,
                scan.seq,
                scan.written_ms,
                scan.upload_id,
            ),
        )

    def delete_scan(self, bucket_id: int) -> None:
        """Forget a bucket that has no rules any more."""
        self._run(_DELETE, (bucket_id,))
