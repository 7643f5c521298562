"""Multipart uploads of a key as ``explain`` shows them, and what became of their changes."""

from __future__ import annotations

from typing import Final

import msgspec

from emulator.domain.model import Bucket, Change, ChangeKind, ObjectVersion
from emulator.replication.decide import Decision, Facts
from emulator.replication.explain_records import UploadNote
from emulator.replication.explain_words import iso_time
from emulator.replication.model import Effect, Rule, Work
from emulator.replication.ports import ReplicationView
from emulator.replication.upload_facts import (
    as_version,
    replica_upload,
    source_upload,
    with_upload,
)

# The effects that take the keys of encrypted content.
TAKES_KEYS: Final = frozenset({Effect.COPY_VERSION, Effect.COPY_UPLOAD, Effect.COPY_PART})

_UPLOAD_KINDS: Final = frozenset({ChangeKind.INITIATE, ChangeKind.PART, ChangeKind.ABORT})
_COPIES: Final = frozenset({Effect.COPY_UPLOAD, Effect.COPY_PART})
_SHOWN_MAX = 100


def is_of_upload(change: Change) -> bool:
    """Whether a change is about an upload, and not about an object."""
    return change.kind in _UPLOAD_KINDS


def upload_entry(view: ReplicationView, change: Change) -> ObjectVersion | None:
    """What the upload a change is about would become, as the use of its keys sees it."""
    upload = source_upload(view, change)
    return None if upload is None else as_version(upload)


def explained_facts(view: ReplicationView, rule: Rule, change: Change, facts: Facts) -> Facts:
    """The facts of a change, also of one that was carried out: what an abort removed is gone."""
    if not change.upload_id:
        return facts
    known = with_upload(view, rule, change, facts)
    if change.kind is not ChangeKind.ABORT or known.uploads is None:
        return known
    uploads = msgspec.structs.replace(known.uploads, has_replica=True)
    return msgspec.structs.replace(known, uploads=uploads)


def is_without_replica(
    view: ReplicationView, rule: Rule, change: Change | None, outcome: Decision | None
) -> bool:
    """Whether a change of an upload that was taken in left nothing at the destination."""
    if change is None or not isinstance(outcome, Work) or outcome.effect not in _COPIES:
        return False
    return change.seq <= rule.cursor_seq and replica_upload(view, rule, change) is None


def upload_notes(
    view: ReplicationView, bucket: Bucket | None, key: str, rule: Rule | None = None
) -> tuple[UploadNote, ...]:
    """The unfinished uploads of a key; with a rule, those it made."""
    if bucket is None:
        return ()
    found = view.upload_entries(bucket.id, start=key, after_id="", end=key + "\0", limit=_SHOWN_MAX)
    notes: list[UploadNote] = []
    for upload in found:
        origin = upload.origin
        if rule is not None and (origin is None or origin.rule_uid != rule.uid):
            continue
        totals = view.part_totals(upload)
        notes.append(
            UploadNote(
                bucket=bucket.name,
                upload_id=upload.upload_id,
                initiated_ms=upload.initiated_ms,
                initiated=iso_time(upload.initiated_ms),
                parts=totals.parts,
                size_bytes=totals.size_bytes,
                is_replica=origin is not None,
            )
        )
    return tuple(notes)
