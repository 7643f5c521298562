"""The answer of ``explain``, ready for JSON; times are milliseconds and ISO 8601 text."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from emulator.domain.model import ChangeKind
from emulator.replication.model import Effect, Refusal, RuleState, SkipReason, TaskState
from emulator.replication.rights import CheckedRight


class Standing(StrEnum):
    """Where the newest change of a key, or of one version, stands under a rule."""

    NOTHING_KNOWN = "nothing-known"  # no such version, and no remembered change
    SKIPPED = "skipped"  # asks for nothing at the destination
    NOT_STARTED = "not-started"  # the rule is still starting
    PENDING = "pending"  # not looked at yet, or due later
    QUEUED = "queued"  # behind an earlier change of the key
    FAILED = "failed"  # refused; tried again
    COMPLETED = "completed"  # carried out
    NOT_COPIED = "not-copied"  # before the rule, or after it was deleted


class EntryNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a stack. Of a replica also which rule wrote it, for what, and when."""

    bucket: str
    version_id: str
    kind: str
    modified_ms: int
    modified: str
    size_bytes: int
    replica_of_rule: str = ""
    replica_of_bucket: str = ""
    applied_ms: int | None = None
    applied: str = ""


class UploadNote(msgspec.Struct, frozen=True, kw_only=True):
    """An unfinished multipart upload of the key; ``parts`` is how many have arrived."""

    bucket: str
    upload_id: str
    initiated_ms: int
    initiated: str
    parts: int
    size_bytes: int
    is_replica: bool


class TaskNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored task of the key."""

    change: ChangeKind
    version_id: str
    state: TaskState
    attempts: int
    due_ms: int
    due: str
    historical: bool
    refusal: Refusal | None = None


class RuleNote(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule does with the key.

    ``standing`` and ``message`` are about the newest change of the key or version, ``skip_reason``
    says why it asks for nothing, ``refusal`` why it could not be carried out, or cannot be now; it
    is null of what was carried out or asks for nothing. ``checks`` are all rights the rule needs,
    on keys as well, asked now for this key, or the one of OSS to take the role on if that is
    refused; ``missing`` are those that are refused, also where
    nothing is waiting for them.
    """

    rule_id: str
    rule_state: RuleState
    source_bucket: str
    destination_bucket: str
    destination_location: str
    action: str
    sync_role: str
    matched: bool
    standing: Standing
    message: str
    change: ChangeKind | None
    effect: Effect | None
    skip_reason: SkipReason | None
    attempts: int
    next_attempt_ms: int | None
    next_attempt: str | None
    refusal: Refusal | None
    missing: tuple[Refusal, ...]
    checks: tuple[CheckedRight, ...]
    replica: EntryNote | None
    tasks: tuple[TaskNote, ...]
    uploads: tuple[UploadNote, ...] = ()  # what the rule made of unfinished ones


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a bucket, or one version of it: ``rules`` leave the bucket, ``incoming`` lead to it.

    ``entry`` is what the bucket holds now; ``asked_version_id`` is empty for "the newest change".
    ``message`` is the verdict of the most urgent rule.
    """

    bucket: str
    key: str
    asked_version_id: str
    now_ms: int
    now: str
    message: str
    entry: EntryNote | None
    rules: tuple[RuleNote, ...]
    incoming: tuple[RuleNote, ...]
    uploads: tuple[UploadNote, ...] = ()
