"""Recorded changes in SQLite. Reading and forgetting them is the replication part's work."""

from __future__ import annotations

from typing import cast

from emulator.domain.model import Change, ChangeKind, ObjectVersion
from emulator.storage.sqlite.statements import Changing, Row

CHANGE_COLUMNS = """seq, bucket_id, key, kind, version_id, version_seq, at_ms, removed_kind,
    prior_tags_json"""

_INSERT = """INSERT INTO changes
    (bucket_id, key, kind, version_id, version_seq, at_ms, removed_kind, prior_tags_json)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""

_KINDS = {member.value: member for member in ChangeKind}

_ChangeRow = tuple[int, int, str, str, str, int, int, str, str]


def change_of_row(row: Row) -> Change:
    """The change in a row of ``CHANGE_COLUMNS``."""
    seq, bucket_id, key, kind, version_id, version_seq, at_ms, removed, tags = cast(_ChangeRow, row)
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
    ) -> None:
        """Record what a client did to ``version``."""
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
        self._run(_INSERT, values)
