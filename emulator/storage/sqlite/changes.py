"""Recorded changes in SQLite. Reading and forgetting them is the replication part's work."""

from __future__ import annotations

from typing import cast

from emulator.domain.model import Change, ChangeKind, ObjectVersion
from emulator.domain.uploads.records import Part, Upload
from emulator.storage.sqlite.statements import Changing, Row

CHANGE_COLUMNS = """seq, bucket_id, key, kind, version_id, version_seq, at_ms, removed_kind,
    prior_tags_json, upload_id, part_number"""

_INSERT = """INSERT INTO changes
    (bucket_id, key, kind, version_id, version_seq, at_ms, removed_kind, prior_tags_json)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_OF_UPLOAD = """INSERT INTO changes
    (bucket_id, key, kind, version_id, version_seq, at_ms, removed_kind, prior_tags_json,
     upload_id, part_number)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_MARK_UNREAD = """UPDATE replication_readings SET unread = 1
    WHERE bucket_id = ? AND unread = 0 AND until_seq IS NULL"""

_KINDS = {member.value: member for member in ChangeKind}

_ChangeRow = tuple[int, int, str, str, str, int, int, str, str, str, int]


def change_of_row(row: Row) -> Change:
    """The change in a row of ``CHANGE_COLUMNS``."""
    (
        seq, bucket_id, key, kind, version_id, version_seq, at_ms, removed, tags, upload_id, number,
    ) = cast(_ChangeRow, row)  # fmt: skip
    return Change(
        seq=seq,
        bucket_id=bucket_id,
        key=key,
        kind=_KINDS[kind],
        version_id=version_id,
        version_seq=version_seq,
        at_ms=at_ms,
        removed_kind=removed,
        prior_tags_json=tags,
        upload_id=upload_id,
        part_number=number,
    )


class ChangeWrites(Changing):
    """Recording changes; see ``domain.ports.MetaTx``."""

    def append_change(
        self,
        *,
        version: ObjectVersion,
        kind: ChangeKind,
        at_ms: int,
        removed: ObjectVersion | None = None,
        upload_id: str = "",
    ) -> None:
        """Record what a client did to ``version``; ``upload_id`` of what it was made of."""
        values = (
            version.bucket_id,
            version.key,
            kind.value,
            version.version_id,
            version.seq,
            at_ms,
            "" if removed is None else removed.kind.value,
            "" if removed is None else removed.tags_json,
        )
        if upload_id:
            self._run(_INSERT_OF_UPLOAD, (*values, upload_id, 0))
        else:
            self._run(_INSERT, values)
        if version.bucket_id not in self.unread:
            self._mark_unread(version.bucket_id)

    def append_upload_change(
        self, *, upload: Upload, kind: ChangeKind, at_ms: int, part: Part | None = None
    ) -> None:
        """Record what a client or a lifecycle rule did to an upload."""
        values = (
            upload.bucket_id,
            upload.key,
            kind.value,
            "",
            upload.id if part is None else part.seq,
            at_ms,
            "",
            upload.tags_json if kind is ChangeKind.ABORT else "",
            upload.upload_id,
            0 if part is None else part.number,
        )
        self._run(_INSERT_OF_UPLOAD, values)
        if upload.bucket_id not in self.unread:
            self._mark_unread(upload.bucket_id)

    def _mark_unread(self, bucket_id: int) -> None:
        # A trigger would cost every change as much as this costs the first one.
        self._run(_MARK_UNREAD, (bucket_id,))
        self.note_unread(bucket_id)
