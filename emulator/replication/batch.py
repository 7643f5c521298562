"""The work of one rule inside one transaction: deciding, trying, and storing what must wait."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.domain.model import Change, ChangeKind, ObjectVersion
from emulator.replication.attempts import Attempts, Tools
from emulator.replication.counts import Counts
from emulator.replication.decide import Decision, Facts, decide
from emulator.replication.encrypting import ReplicaNotReady
from emulator.replication.model import (
    Effect,
    FailureReason,
    Refusal,
    Rule,
    Skip,
    Task,
    TaskState,
    Work,
)
from emulator.replication.ports import Failure, NewTask, ReplicationTx
from emulator.replication.tasks import TaskEvent, next_state, retry_delay_ms
from emulator.replication.upload_facts import upload_bytes, with_upload


def history_change(version: ObjectVersion, below: ObjectVersion | None) -> Change:
    """The change that stands for a historical entry; ``below`` is the one under it."""
    is_marker = version.is_delete_marker
    return Change(
        seq=0,
        bucket_id=version.bucket_id,
        key=version.key,
        kind=ChangeKind.MARKER if is_marker else ChangeKind.PUT,
        version_id=version.version_id,
        version_seq=version.seq,
        at_ms=version.modified_ms,
        removed_kind=below.kind if is_marker and below is not None else "",
        prior_tags_json=below.tags_json if is_marker and below is not None else "",
    )


class RuleBatch:
    """The changes of one rule that one transaction works on: decided, tried in order, or stored.

    ``has_tasks``: the rule may have stored tasks. ``has_promoted``: a finished one made room for
    the next of its key.
    """

    def __init__(
        self, tx: ReplicationTx, rule: Rule, tools: Tools, now_ms: int, counts: Counts
    ) -> None:
        self.has_tasks = True
        self.has_promoted = False
        self.tx = tx
        self.rule = rule
        self.now_ms = now_ms
        self.counts = counts
        self._tools = tools
        self._blocked: set[str] = set()
        self._caught_up: set[str] = set()
        self._new_tasks: list[NewTask] = []
        self._finished: list[Task] = []
        self._failures: list[Failure] = []
        self._held: list[int] = []
        self._is_begun = False
        self._attempts = Attempts(tx, rule, tools, now_ms, counts)
        self.timing = tools.timing.of_rule(tx, rule, self._attempts.source)
        self._compiled = tools.prepared_rule(rule, self._attempts.replica_keys)
        self._journal = self._attempts.journal

    @property
    def refused(self) -> dict[tuple[FailureReason, str], tuple[Refusal, str]]:
        """The first attempt refused for each reason and action, with its key."""
        return self._attempts.refused

    @property
    def destination_id(self) -> int | None:
        """The bucket this batch writes to, if it can."""
        return self._attempts.destination_id

    def prepare(self, keys: Sequence[str], *, retries: bool = False) -> None:
        """Read what is known of the keys that are about to be worked on; ``retries``: for ``retry``
        alone, before which nothing can be."""
        if self._is_begun:
            self.flush()
        self._is_begun = True
        self._attempts.prepare(keys)
        uid = self.rule.uid
        asks = self.has_tasks and not retries
        self._blocked = self.tx.keys_with_tasks(uid, keys) if asks else set()

    def take(self, change: Change, source: ObjectVersion | None) -> bool:
        """Carry out a change if it is due and nothing is before it; otherwise store it.

        ``False``: not yet, because the history of its key is longer than one transaction; part of
        it is copied, and the change has to be taken again.
        """
        outcome = self._decide(change, source)
        if isinstance(outcome, Skip):
            self.counts.skipped += 1
            self._journal.skipped(change, outcome)
            return True
        if self._history_comes_first(change.key) and not self._take_history_of(change.key):
            return False
        self._carry_out(outcome, change, source)
        return True

    def take_history(self, version: ObjectVersion, below: ObjectVersion | None) -> None:
        """Copy a historical entry, or store it; ``below`` is the one under it in its stack."""
        change = history_change(version, below)
        outcome = self._decide(change, version)
        if isinstance(outcome, Skip):
            self.counts.skipped += 1
            self._journal.skipped(change, outcome)
        else:
            self._carry_out(outcome, change, version)

    def retry(self, task: Task, source: ObjectVersion | None) -> None:
        """Try a stored task that is due."""
        if self.timing.is_down:
            self._held.append(task.id)
            self.counts.stored += 1
            return
        outcome = self._decide(task.change, source)
        self._journal.task = task
        try:
            if isinstance(outcome, Skip):
                self.counts.skipped += 1
                self._journal.skipped(task.change, outcome)
                self._finish(task)
                return
            refusal = self._attempts.attempt(outcome, task.change, source)
        except ReplicaNotReady:
            return  # still due
        finally:
            self._journal.task = None
        if task.attempts:
            self._journal.tried_again()
        if refusal is None:
            self._finish(task)
            return
        assert next_state(task.state, TaskEvent.REFUSED) is TaskState.FAILED
        attempts = task.attempts + 1
        self._failures.append(Failure(task.id, self.retry_ms(attempts), attempts, refusal))

    def _finish(self, task: Task) -> None:
        assert next_state(task.state, TaskEvent.FINISHED) is None
        self._finished.append(task)

    def list_refusal(self) -> Refusal | None:
        """Why the rule may not read history, if it may not."""
        return self._attempts.list_refusal()

    def note_refused(self, refusal: Refusal, key: str) -> None:
        """Remember a refused attempt for the log; no key: the reading of history."""
        self._attempts.note_refused(refusal, key)
        if not key:
            self._journal.history_refused(refusal)

    def retry_ms(self, attempts: int) -> int:
        """When to try again after the ``attempts``-th refusal."""
        return self.now_ms + retry_delay_ms(attempts, self._tools.settings)

    def flush(self) -> None:
        """Write everything collected so far."""
        self._attempts.flush()
        if self._finished:
            self.has_promoted |= self.tx.finish_tasks(self._finished)
            self._finished = []
        if self._failures:
            self.tx.fail_tasks(self._failures)
            self._failures = []
        if self._held and self.timing.lane is not None:
            self.tx.hold_tasks(self.timing.lane, self.now_ms, self._held)
            self._held = []
        if self._new_tasks:
            self.tx.insert_tasks(self._new_tasks)
            self._new_tasks = []
        self.counts.applied += self._journal.flush()

    def _decide(self, change: Change, source: ObjectVersion | None) -> Decision:
        was_current = False
        if (
            change.kind is ChangeKind.DELETE_VERSION
            and self._attempts.source_versioning is not self._attempts.destination_versioning
        ):
            current = self.tx.current_version(change.bucket_id, change.key)
            was_current = current is None or current.seq < change.version_seq
        facts = Facts(
            source=source,
            source_versioning=self._attempts.source_versioning,
            destination_versioning=self._attempts.destination_versioning,
            destination_class=self._attempts.destination_class,
            removed_was_current=was_current,
        )
        if change.upload_id:
            facts = with_upload(self.tx, self.rule, change, facts)
        return decide(self._compiled, change, facts)

    def _history_comes_first(self, key: str) -> bool:
        """Whether the reading of history has still to come to this key.

        Its historical versions are copied before its first new change then, so that the order of
        the key's versions is kept. A key with stored tasks has got past this, unless it stopped
        in the middle of a long history.
        """
        history = self.rule.history
        return (
            not history.done
            and self.rule.spec.historical
            and key >= history.at_key
            and key not in self._caught_up
            and (key not in self._blocked or self.tx.history_ahead(self.rule.uid, key) > 0)
        )

    def _take_history_of(self, key: str) -> bool:
        """Copy the history of a key, a page of it at most; whether that was all."""
        uid, history = self.rule.uid, self.rule.history
        ahead_seq = self.tx.history_ahead(uid, key)
        after_seq = max(ahead_seq, history.at_seq if key == history.at_key else 0)
        limit = self._tools.settings.batch_len
        source_id = self.rule.source_bucket_id
        page = self.tx.history_of_key(
            source_id, history.bound_seq, key, after_seq=after_seq, limit=limit
        )
        below = self.tx.version_by_seq(source_id, key, after_seq) if page and after_seq else None
        for version in page:
            self.take_history(version, below)
            below = version
        is_all = len(page) < limit
        if not is_all:
            self.tx.move_history_ahead(uid, key, page[-1].seq)
        elif ahead_seq:
            self.tx.move_history_ahead(uid, "", 0)
        if is_all:
            self._caught_up.add(key)
        return is_all

    def _carry_out(self, work: Work, change: Change, source: ObjectVersion | None) -> None:
        copies = work.effect is Effect.COPY_VERSION
        size_bytes = source.size_bytes if copies and source is not None else 0
        if change.upload_id:
            size_bytes = upload_bytes(self.tx, self.rule, work, change, source)
        due_ms = self.timing.due_ms(change, size_bytes, self.now_ms)
        if change.key in self._blocked:
            self._store(change, TaskState.QUEUED, due_ms, size_bytes)
        elif due_ms > self.now_ms or self.timing.lane is not None:
            self._store(change, TaskState.WAITING, due_ms, size_bytes)
        else:
            try:
                refusal = self._attempts.attempt(work, change, source)
            except ReplicaNotReady:
                self._store(change, TaskState.WAITING, self.now_ms, size_bytes)
                return
            if refusal is not None:
                self._store(change, TaskState.FAILED, self.retry_ms(1), size_bytes, refusal)

    def _store(
        self,
        change: Change,
        state: TaskState,
        due_ms: int,
        size_bytes: int,
        refusal: Refusal | None = None,
    ) -> None:
        self._blocked.add(change.key)
        self.has_tasks = True
        self.counts.stored += 1
        self._journal.stored(change)
        self._new_tasks.append(
            NewTask(
                rule_uid=self.rule.uid,
                change=change,
                state=state,
                due_ms=due_ms,
                size_bytes=size_bytes,
                attempts=0 if refusal is None else 1,
                refusal=refusal,
                lane=self.timing.lane,
            )
        )
