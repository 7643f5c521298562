"""Why a key's replicas are where they are: rule by rule, with the check that refused and what
would mend it. Reads everything, changes nothing; the records are ready for JSON.
"""

from __future__ import annotations

import msgspec

from emulator.domain.model import Bucket, Change, ChangeKind, ObjectVersion, Versioning
from emulator.replication.attempts import Tools
from emulator.replication.batch import history_change
from emulator.replication.decide import Decision, Facts, decide
from emulator.replication.encrypting import ReplicaEncryption
from emulator.replication.explain_links import with_link
from emulator.replication.explain_notes import entry_note, key_checks, role_checks, task_note
from emulator.replication.explain_records import (
    EntryNote,
    Explanation,
    RuleNote,
    Standing,
    TaskNote,
)
from emulator.replication.explain_uploads import (
    TAKES_KEYS,
    explained_facts,
    is_of_upload,
    is_without_replica,
    upload_entry,
    upload_notes,
)
from emulator.replication.explain_words import (
    doubt_sentence,
    iso_time,
    refused_sentences,
    skip_sentence,
    standing_sentence,
    verdict,
    waiting_sentences,
)
from emulator.replication.locked import is_locked_out
from emulator.replication.model import (
    Effect,
    Refusal,
    Rule,
    RuleState,
    Skip,
    SkipReason,
    Task,
    TaskState,
    Work,
)
from emulator.replication.ports import ReplicationView
from emulator.replication.rights import CheckedRight, RuleRights
from emulator.replication.target import find_target

__all__ = ["EntryNote", "Explanation", "RuleNote", "TaskNote", "explain"]

_STANDING_OF_TASK = {
    TaskState.QUEUED: Standing.QUEUED,
    TaskState.WAITING: Standing.PENDING,
    TaskState.FAILED: Standing.FAILED,
}
_STILL_TO_DO = frozenset({Standing.QUEUED, Standing.NOT_STARTED, Standing.PENDING, Standing.FAILED})


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
    rules = tuple(_RuleReading(view, tools, rule, subject, now_ms).note() for rule in leaving)
    entry = None if subject.entry is None else entry_note(view, bucket, subject.entry)
    return Explanation(
        bucket=bucket.name,
        key=key,
        asked_version_id=asked,
        now_ms=now_ms,
        now=iso_time(now_ms),
        message=_message(bucket, entry, rules, incoming),
        entry=entry,
        rules=rules,
        incoming=tuple(incoming),
        uploads=upload_notes(view, bucket, key),
    )


def _message(
    bucket: Bucket,
    entry: EntryNote | None,
    rules: tuple[RuleNote, ...],
    incoming: list[RuleNote],
) -> str:
    leading = [note for note in incoming if note.standing is not Standing.NOTHING_KNOWN]
    if rules or leading:
        return verdict([*rules, *leading])
    if entry is not None and entry.replica_of_rule:
        wrote = f"rule {entry.replica_of_rule} wrote this version"
        return f"No replication rule reads {bucket.name}; {wrote}."
    return f"No replication rule reads {bucket.name}, and none wrote this key."


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
        self._encryption: ReplicaEncryption | None = None
        self._cannot: Refusal | None = None

    def note(self) -> RuleNote:
        """Everything there is to say."""
        rule, subject = self._rule, self._subject
        outcome = None if subject.change is None else self._outcome(subject.change)
        task = self._task()
        replica = self._replica()
        if task is None and self._updated_nothing(outcome, replica):
            outcome = Skip(SkipReason.NO_REPLICA)
        elif task is None and self._is_locked_out(outcome):
            outcome = Skip(SkipReason.DESTINATION_LOCKED)
        elif task is None and is_without_replica(self._view, rule, subject.change, outcome):
            outcome = Skip(SkipReason.NO_REPLICA_UPLOAD)
        self._settle_rights()
        checks = (*self._checks(), *self._key_checks(outcome))
        missing = tuple(check.refusal for check in checks if check.refusal is not None)
        if self._cannot is not None and self._cannot not in missing:
            missing = (self._cannot, *missing)
        standing, message = self._standing(outcome, task, replica)
        due_ms = self._next_attempt_ms(task)
        skip = outcome if isinstance(outcome, Skip) else None
        note = RuleNote(
            rule_id=rule.spec.rule_id,
            rule_state=rule.state,
            source_bucket=subject.source.name,
            destination_bucket=rule.spec.destination_bucket,
            destination_location=rule.spec.destination_location,
            action=rule.spec.action,
            sync_role=rule.spec.sync_role,
            matched=outcome is not None and skip is None,
            standing=standing,
            message=self._message(message, standing, due_ms, missing),
            change=None if subject.change is None else subject.change.kind,
            effect=None if outcome is None or isinstance(outcome, Skip) else outcome.effect,
            skip_reason=None if skip is None else skip.reason,
            attempts=0 if task is None else task.attempts,
            next_attempt_ms=due_ms,
            next_attempt=None if due_ms is None else iso_time(due_ms),
            refusal=self._refusal(standing, task),
            missing=missing,
            checks=checks,
            replica=replica,
            tasks=tuple(task_note(each) for each in self._tasks),
            uploads=upload_notes(self._view, self._destination, subject.key, rule),
        )
        timing = self._tools.timing
        return with_link(self._view, timing, rule, self._tasks, note, self._now_ms)

    def _outcome(self, change: Change) -> Decision:
        destination, subject = self._destination, self._subject
        facts = Facts(
            source=self._source_entry(change),
            source_versioning=subject.source.versioning,
            destination_versioning=None if destination is None else destination.versioning,
            destination_class=None if destination is None else destination.storage_class,
        )
        compiled = self._tools.compiled(self._view, self._rule, subject.source, destination)
        return decide(compiled, change, explained_facts(self._view, self._rule, change, facts))

    def _source_entry(self, change: Change) -> ObjectVersion | None:
        source = self._subject.source
        if is_of_upload(change):
            return upload_entry(self._view, change)
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

    def _updated_nothing(self, outcome: Decision | None, replica: EntryNote | None) -> bool:
        """Whether a change of ACL or tags found nothing at the destination to carry it over to."""
        change = self._subject.change
        if change is None or not isinstance(outcome, Work) or replica is not None:
            return False
        return outcome.effect is Effect.UPDATE_VERSION and self._is_taken(change)

    def _is_locked_out(self, outcome: Decision | None) -> bool:
        change, destination = self._subject.change, self._destination
        if change is None or destination is None or not isinstance(outcome, Work):
            return False
        return self._is_taken(change) and is_locked_out(
            self._view, self._rule, destination, outcome.effect, change, self._now_ms
        )

    def _standing(
        self, outcome: Decision | None, task: Task | None, replica: EntryNote | None
    ) -> tuple[Standing, str]:
        change = self._subject.change
        if change is None or outcome is None:
            return Standing.NOTHING_KNOWN, standing_sentence(Standing.NOTHING_KNOWN)
        if isinstance(outcome, Skip):
            return Standing.SKIPPED, skip_sentence(outcome)
        if task is not None:
            standing = _STANDING_OF_TASK[task.state]
            return standing, standing_sentence(standing)
        left_out = self._left_out(change, replica)
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

    def _left_out(self, change: Change, replica: EntryNote | None) -> str:
        """Why the rule never takes the change in, if so."""
        rule = self._rule
        is_history = self._is_history(change)
        # a bucket whose rules are all closing records no changes: then only the replica tells
        unrecorded = change.seq == 0 and not is_history and replica is None
        if rule.last_seq is not None and (change.seq > rule.last_seq or unrecorded):
            return "The change was made after the rule was deleted."
        if not is_history:
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
        change, rule = self._subject.change, self._rule
        if rule.state is RuleState.STARTING:
            return rule.starts_ms
        if change is None or rule.state is not RuleState.DOING or self._is_taken(change):
            return None
        if rule.spec.historical and self._is_history(change):
            pause = self._view.history_pause(rule.uid)
            return pause.due_ms if pause.attempts else None
        return None

    def _settle_rights(self) -> None:
        """Settle the rule's rights, or why nobody acts for it."""
        target = find_target(self._view, self._rule, self._tools.settings)
        if isinstance(target, Refusal):
            self._cannot = target
            return
        rights = self._tools.rights.of_rule(target, self._now_ms)
        if isinstance(rights, Refusal):
            self._cannot = rights
        else:
            self._rights = rights
            self._encryption = self._tools.encryption(self._view, target, rights, self._now_ms)

    def _checks(self) -> tuple[CheckedRight, ...]:
        """Every right of the rule, asked for this key."""
        if self._rights is None:
            return role_checks(self._cannot)
        spec = self._rule.spec
        return tuple(
            self._rights.check(
                self._subject.key, lists=spec.historical, deletes=spec.replicates_deletes
            )
        )

    def _key_checks(self, outcome: Decision | None) -> tuple[CheckedRight, ...]:
        """Every use of a key that a replica of the subject takes, tried now."""
        change, encryption = self._subject.change, self._encryption
        if change is None or encryption is None or not isinstance(outcome, Work):
            return ()
        source = self._source_entry(change) if outcome.effect in TAKES_KEYS else None
        return () if source is None else key_checks(encryption.checks(self._view, source))

    def _message(
        self, said: str, standing: Standing, due_ms: int | None, missing: tuple[Refusal, ...]
    ) -> str:
        """``said`` of a standing, and what a person can do about it."""
        if standing not in _STILL_TO_DO:
            return said + doubt_sentence(self._refused_now(self._subject.change), missing)
        head = self._tasks[0] if standing in (Standing.FAILED, Standing.QUEUED) else None
        if head is not None and head.refusal is not None:
            return refused_sentences(standing, head.due_ms, self._refused_now(head.change))
        return waiting_sentences(standing, due_ms, self._refused_now(self._subject.change))

    def _refusal(self, standing: Standing, task: Task | None) -> Refusal | None:
        """Why the change is not carried out: as its task, or the one before it, was told."""
        head = self._tasks[0] if self._tasks and task is not None else None
        if head is not None and head.refusal is not None:
            return head.refusal
        return self._refused_now(self._subject.change) if standing in _STILL_TO_DO else None

    def _refused_now(self, change: Change | None) -> Refusal | None:
        """Why an attempt of a change would be refused now: the rights it takes, in a dry run."""
        outcome = None if change is None else self._outcome(change)
        if change is None or outcome is None or isinstance(outcome, Skip):
            return None
        if self._rights is None:
            return self._cannot
        refusal = self._rights.refusal(outcome, self._subject.key)
        if refusal is None and not self._is_taken(change) and self._is_history(change):
            refusal = self._rights.list_refusal()
        return refusal or self._key_refusal(outcome, change)

    def _key_refusal(self, work: Work, change: Change) -> Refusal | None:
        """Why the replica could not be encrypted now, if so."""
        source = self._source_entry(change)
        if self._encryption is None or work.effect not in TAKES_KEYS or source is None:
            return None
        return self._encryption.refusal(self._view, source)

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
        return None if found is None else entry_note(self._view, destination, found)
