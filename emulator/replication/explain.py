"""Why a key's replicas are where they are: rule by rule, with the check that refused and what
would mend it. Reads everything, changes nothing; the records are ready for JSON.
"""

from __future__ import annotations

import msgspec

from emulator.domain.model import Bucket, Change, ChangeKind, ObjectVersion, Versioning
from emulator.replication.apply import find_target
from emulator.replication.batch import Tools, history_change
from emulator.replication.decide import Decision, Facts, compile_rule, decide
from emulator.replication.explain_words import Standing, skip_sentence, standing_sentence
from emulator.replication.model import (
    Effect,
    Refusal,
    Rule,
    RuleState,
    Skip,
    SkipReason,
    Task,
    TaskState,
)
from emulator.replication.ports import ReplicationView
from emulator.replication.rights import CheckedRight, RuleRights

_STANDING_OF_TASK = {
    TaskState.QUEUED: Standing.QUEUED,
    TaskState.WAITING: Standing.PENDING,
    TaskState.FAILED: Standing.FAILED,
}


class EntryNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a stack. Of a replica also which rule wrote it, for what, and when."""

    bucket: str
    version_id: str
    kind: str
    modified_ms: int
    size_bytes: int
    replica_of_rule: str = ""
    replica_of_bucket: str = ""
    applied_ms: int | None = None


class TaskNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored task of the key."""

    change: ChangeKind
    version_id: str
    state: TaskState
    attempts: int
    due_ms: int
    historical: bool
    refusal: Refusal | None = None


class RuleNote(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule does with the key.

    ``standing`` and ``message`` are about the newest change of the key or version, ``skip_reason``
    says why it asks for nothing, ``refusal`` why it cannot be carried out now. ``checks`` are all
    rights the rule needs, asked now for this key; ``missing`` are those that are refused, also
    where nothing is waiting for them.
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
    refusal: Refusal | None
    missing: tuple[Refusal, ...]
    checks: tuple[CheckedRight, ...]
    replica: EntryNote | None
    tasks: tuple[TaskNote, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a bucket, or one version of it: ``rules`` leave the bucket, ``incoming`` lead to it.

    ``entry`` is what the bucket holds now; ``asked_version_id`` is empty for "the newest change".
    """

    bucket: str
    key: str
    asked_version_id: str
    now_ms: int
    message: str
    entry: EntryNote | None
    rules: tuple[RuleNote, ...]
    incoming: tuple[RuleNote, ...]


class _Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about, in one source bucket: the change and the source entry it speaks of."""

    source: Bucket
    key: str
    version_id: str
    change: Change | None
    entry: ObjectVersion | None


def explain(
    view: ReplicationView,
    tools: Tools,
    bucket: Bucket,
    key: str,
    version_id: str | None,
    now_ms: int,
) -> Explanation:
    """Explain a key, or one version of it, in every rule that concerns it.

    Works for what is there, for what was deleted as long as its change is remembered, and for
    replicas.
    """
    asked = version_id or ""
    leaving = view.rules_of(bucket.id)
    leading = view.rules_to(bucket.name)
    subject = _subject(view, bucket, key, asked)
    incoming: list[RuleNote] = []
    for rule in leading:
        source = view.bucket_by_id(rule.source_bucket_id)
        if source is not None:
            at_source = _subject(view, source, key, asked)
            incoming.append(_RuleReading(view, tools, rule, at_source, now_ms).note())
    return Explanation(
        bucket=bucket.name,
        key=key,
        asked_version_id=asked,
        now_ms=now_ms,
        message=_message(bucket, leaving, leading),
        entry=None if subject.entry is None else _entry_note(view, bucket, subject.entry),
        rules=tuple(_RuleReading(view, tools, rule, subject, now_ms).note() for rule in leaving),
        incoming=tuple(incoming),
    )


def _message(bucket: Bucket, leaving: list[Rule], leading: list[Rule]) -> str:
    if not leaving and not leading:
        return f"No replication rule leaves {bucket.name} or leads to it."
    return f"{len(leaving)} rules leave {bucket.name}, {len(leading)} lead to it."


def _subject(view: ReplicationView, source: Bucket, key: str, version_id: str) -> _Subject:
    """The newest remembered change, else the entry itself as if it were just read as history."""
    changes = view.changes_of_key(source.id, key)
    if version_id:
        changes = [change for change in changes if change.version_id == version_id]
        entry = view.version(source.id, key, version_id)
    else:
        entry = view.current_version(source.id, key)
    change = changes[0] if changes else None
    if change is None and entry is not None:
        below = view.versions_of(source.id, key, below_seq=entry.seq, limit=1)
        change = history_change(entry, below[0] if below else None)
    return _Subject(source=source, key=key, version_id=version_id, change=change, entry=entry)


class _RuleReading:
    """One rule and one subject; every method reads, none changes."""

    def __init__(
        self, view: ReplicationView, tools: Tools, rule: Rule, subject: _Subject, now_ms: int
    ) -> None:
        self._view = view
        self._tools = tools
        self._rule = rule
        self._subject = subject
        self._now_ms = now_ms
        self._destination = view.bucket(rule.spec.destination_bucket)
        self._tasks = view.tasks_of_key(rule.uid, subject.key)
        self._rights: RuleRights | None = None

    def note(self) -> RuleNote:
        """Everything there is to say."""
        rule, subject = self._rule, self._subject
        outcome = self._outcome()
        task = self._task()
        standing, message = self._standing(outcome, task)
        cannot = self._settle_rights()
        checks = self._checks()
        missing = tuple(check.refusal for check in checks if check.refusal is not None)
        skip = outcome if isinstance(outcome, Skip) else None
        return RuleNote(
            rule_id=rule.spec.rule_id,
            rule_state=rule.state,
            source_bucket=subject.source.name,
            destination_bucket=rule.spec.destination_bucket,
            destination_location=rule.spec.destination_location,
            action=rule.spec.action,
            sync_role=rule.spec.sync_role,
            matched=outcome is not None and skip is None,
            standing=standing,
            message=message,
            change=None if subject.change is None else subject.change.kind,
            effect=None if outcome is None or isinstance(outcome, Skip) else outcome.effect,
            skip_reason=None if skip is None else skip.reason,
            attempts=0 if task is None else task.attempts,
            next_attempt_ms=self._next_attempt_ms(task),
            refusal=self._refusal(outcome, task, cannot),
            missing=missing if cannot is None else (cannot, *missing),
            checks=checks,
            replica=self._replica(),
            tasks=tuple(_task_note(each) for each in self._tasks),
        )

    def _outcome(self) -> Decision | None:
        subject = self._subject
        if subject.change is None:
            return None
        destination = self._destination
        facts = Facts(
            source=self._source_entry(subject.change),
            source_versioning=subject.source.versioning,
            destination_versioning=None if destination is None else destination.versioning,
        )
        compiled = compile_rule(self._rule.spec, self._tools.settings)
        return decide(compiled, subject.change, facts)

    def _source_entry(self, change: Change) -> ObjectVersion | None:
        source = self._subject.source
        if source.versioning is Versioning.NEVER:
            return self._view.current_version(source.id, change.key)
        return self._view.version_by_seq(source.id, change.key, change.version_seq)

    def _task(self) -> Task | None:
        """The stored task of the change; without one, the one that holds the key up."""
        change = self._subject.change
        if change is None:
            return None
        for task in reversed(self._tasks):
            if task.change.version_seq == change.version_seq and (
                task.change.seq in (change.seq, 0) or change.seq == 0
            ):
                return task
        return None

    def _standing(self, outcome: Decision | None, task: Task | None) -> tuple[Standing, str]:
        change = self._subject.change
        if change is None or outcome is None:
            return Standing.NOTHING_KNOWN, standing_sentence(Standing.NOTHING_KNOWN)
        if isinstance(outcome, Skip):
            return Standing.SKIPPED, skip_sentence(outcome)
        if task is not None:
            standing = _STANDING_OF_TASK[task.state]
            return standing, standing_sentence(standing)
        left_out = self._left_out(change)
        if left_out:
            return Standing.NOT_COPIED, left_out
        if self._rule.state is RuleState.STARTING:
            return Standing.NOT_STARTED, standing_sentence(Standing.NOT_STARTED)
        standing = Standing.COMPLETED if self._is_taken(change) else Standing.PENDING
        return standing, standing_sentence(standing)

    def _is_history(self, change: Change) -> bool:
        rule = self._rule
        if change.kind not in (ChangeKind.PUT, ChangeKind.MARKER):
            return change.at_ms < rule.created_ms
        return change.version_seq <= rule.history.bound_seq

    def _left_out(self, change: Change) -> str:
        """Why the rule never takes the change in, if so."""
        rule = self._rule
        if rule.last_seq is not None and change.seq > rule.last_seq:
            return "The change was made after the rule was deleted."
        if not self._is_history(change):
            return ""
        if not rule.spec.historical:
            return "It was written before the rule, and the rule does not copy historical data."
        if change.kind not in (ChangeKind.PUT, ChangeKind.MARKER):
            return "It was done before the rule; only what is stored counts as historical data."
        return ""

    def _is_taken(self, change: Change) -> bool:
        if not self._is_history(change):
            return change.seq <= self._rule.cursor_seq
        history = self._rule.history
        return history.done or (change.key, change.version_seq) <= (history.at_key, history.at_seq)

    def _next_attempt_ms(self, task: Task | None) -> int | None:
        if task is not None:
            return task.due_ms
        if self._rule.state is RuleState.STARTING:
            return self._rule.starts_ms
        return None

    def _settle_rights(self) -> Refusal | None:
        """Settle the rule's rights; why nobody acts for it, if so."""
        target = find_target(self._view, self._rule, self._tools.settings)
        if isinstance(target, Refusal):
            return target
        rights = self._tools.rights.of_rule(target)
        if isinstance(rights, Refusal):
            return rights
        self._rights = rights
        return None

    def _checks(self) -> tuple[CheckedRight, ...]:
        """Every right of the rule, asked for this key."""
        if self._rights is None:
            return ()
        spec = self._rule.spec
        return tuple(
            self._rights.check(
                self._subject.key, lists=spec.historical, deletes=spec.replicates_deletes
            )
        )

    def _refusal(
        self, outcome: Decision | None, task: Task | None, cannot: Refusal | None
    ) -> Refusal | None:
        """Why the change is not carried out: as its task, or the one before it, was told."""
        head = self._tasks[0] if self._tasks and task is not None else None
        if head is not None and head.refusal is not None:
            return head.refusal
        if outcome is None or isinstance(outcome, Skip):
            return None
        if cannot is not None:
            return cannot
        if self._rights is None:
            return None
        refusal = self._rights.refusal(outcome, self._subject.key)
        change = self._subject.change
        if refusal is None and change is not None and not self._is_taken(change):
            return self._rights.list_refusal() if self._is_history(change) else None
        return refusal

    def _replica(self) -> EntryNote | None:
        """What the destination holds of the subject."""
        destination, subject = self._destination, self._subject
        if destination is None:
            return None
        entry = subject.entry
        version_id = subject.version_id or ("" if entry is None else entry.version_id)
        if destination.versioning is Versioning.NEVER or not version_id:
            found = self._view.current_version(destination.id, subject.key)
        else:
            found = self._view.version(destination.id, subject.key, version_id)
        return None if found is None else _entry_note(self._view, destination, found)


def _entry_note(view: ReplicationView, bucket: Bucket, entry: ObjectVersion) -> EntryNote:
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
        size_bytes=entry.size_bytes,
        replica_of_rule=rule_id,
        replica_of_bucket=source_name,
        applied_ms=applied_ms,
    )


def _task_note(task: Task) -> TaskNote:
    return TaskNote(
        change=task.change.kind,
        version_id=task.change.version_id,
        state=task.state,
        attempts=task.attempts,
        due_ms=task.due_ms,
        historical=task.change.seq == 0,
        refusal=task.refusal,
    )
