"""Entries and tasks as ``explain`` shows them."""

from __future__ import annotations

from collections.abc import Iterable

from emulator.access.trust import ASSUME_ROLE
from emulator.domain.model import Bucket, ObjectVersion
from emulator.replication.explain_records import EntryNote, TaskNote
from emulator.replication.explain_words import iso_time
from emulator.replication.key_use import KeyCheck
from emulator.replication.model import Refusal, Task
from emulator.replication.ports import ReplicationView
from emulator.replication.rights import CheckedRight


def entry_note(view: ReplicationView, bucket: Bucket, entry: ObjectVersion) -> EntryNote:
    """What there is to say of an entry of a stack."""
    rule_id = source_name = ""
    applied_ms: int | None = None
    if entry.origin is not None:
        applied_ms = entry.origin.applied_ms
        rule = view.rule_by_uid(entry.origin.rule_uid)
        rule_id = "(deleted)" if rule is None else rule.spec.rule_id
        source = None if rule is None else view.bucket_by_id(rule.source_bucket_id)
        source_name = "" if source is None else source.name
    return EntryNote(
        bucket=bucket.name,
        version_id=entry.version_id,
        kind=entry.kind.value,
        modified_ms=entry.modified_ms,
        modified=iso_time(entry.modified_ms),
        size_bytes=entry.size_bytes,
        replica_of_rule=rule_id,
        replica_of_bucket=source_name,
        applied_ms=applied_ms,
        applied="" if applied_ms is None else iso_time(applied_ms),
    )


def task_note(task: Task) -> TaskNote:
    """What there is to say of a stored task."""
    return TaskNote(
        change=task.change.kind,
        version_id=task.change.version_id,
        state=task.state,
        attempts=task.attempts,
        due_ms=task.due_ms,
        due=iso_time(task.due_ms),
        historical=task.change.seq == 0,
        refusal=task.refusal,
    )


def role_checks(refusal: Refusal | None) -> tuple[CheckedRight, ...]:
    """The taking on of a rule's role, if that is what was refused."""
    if refusal is None or refusal.action != ASSUME_ROLE:
        return ()
    return (
        CheckedRight(
            action=refusal.action,
            resource=refusal.resource,
            allowed=False,
            decided_by=refusal.message.rstrip("."),
            refusal=refusal,
        ),
    )


def key_checks(uses: Iterable[KeyCheck]) -> tuple[CheckedRight, ...]:
    """The uses of keys that a replica takes, beside the other rights of the rule."""
    return tuple(
        CheckedRight(
            action=use.action,
            resource=use.resource,
            allowed=use.refusal is None,
            decided_by=use.decided_by,
            refusal=use.refusal,
        )
        for use in uses
    )
