"""Taking in changes after a rule's cursor, and trying stored tasks that are due."""

from __future__ import annotations

from collections.abc import Iterable

from emulator.replication.attempts import Tools
from emulator.replication.batch import RuleBatch
from emulator.replication.counts import Counts
from emulator.replication.model import Rule
from emulator.replication.ports import ChangeRead, ReplicationTx, TaskRead


class Step:
    """One transaction of the engine: its rules' batches, and what was read for them.

    ``left`` is how many changes may still be handled in this transaction.
    """

    def __init__(self, tx: ReplicationTx, tools: Tools, now_ms: int) -> None:
        self.tx = tx
        self.now_ms = now_ms
        self.counts = Counts()
        self.left = tools.settings.batch_len
        self._tools = tools
        self._batches: dict[int, RuleBatch] = {}
        self._reads: dict[tuple[int, int, int | None, int], list[ChangeRead]] = {}

    @property
    def batches(self) -> Iterable[RuleBatch]:
        """Those of every rule that was worked on."""
        return self._batches.values()

    def batch(self, rule: Rule) -> RuleBatch:
        """The batch of a rule in this transaction."""
        batch = self._batches.get(rule.uid)
        if batch is None:
            batch = RuleBatch(self.tx, rule, self._tools, self.now_ms, self.counts)
            self._batches[rule.uid] = batch
        return batch

    def flush(self, batch: RuleBatch) -> None:
        """Write what a batch collected. What was read of its destination is out of date then."""
        batch.flush()
        written = batch.destination_id
        for read in [read for read in self._reads if read[0] == written]:
            del self._reads[read]

    def changes(self, rule: Rule, limit: int) -> list[ChangeRead]:
        """The next changes of a rule; rules of one bucket that stand together share a reading."""
        read = (rule.source_bucket_id, rule.cursor_seq, rule.last_seq, limit)
        found = self._reads.get(read)
        if found is None:
            found = self._reads[read] = self.tx.changes_after(
                rule.source_bucket_id, rule.cursor_seq, until_seq=rule.last_seq, limit=limit
            )
        return found


def take_changes(step: Step, rule: Rule, limit: int) -> None:
    """Take in the next changes of a rule and move its cursor, in one transaction."""
    changes = step.changes(rule, limit)
    if not changes:
        return
    batch = step.batch(rule)
    batch.prepare(_keys(change.key for change, _ in changes))
    cursor_seq = rule.cursor_seq
    for change, source in changes:
        if not batch.take(change, source):
            step.left = 0
            break
        cursor_seq = change.seq
    step.tx.move_cursor(rule.uid, cursor_seq)
    step.flush(batch)
    step.left -= len(changes)


def try_due_tasks(step: Step, limit: int) -> None:
    """Try the stored tasks that are due: each is the first of its rule and key."""
    by_rule: dict[int, list[TaskRead]] = {}
    due = step.tx.due_tasks(step.now_ms, limit)
    for task, source in due:
        by_rule.setdefault(task.rule_uid, []).append((task, source))
    for uid, tasks in by_rule.items():
        rule = step.tx.rule_by_uid(uid)
        assert rule is not None, "a task outlived its rule"
        batch = step.batch(rule)
        batch.prepare(_keys(task.change.key for task, _ in tasks))
        for task, source in tasks:
            batch.retry(task, source)
        step.flush(batch)
    step.left -= len(due)


def _keys(keys: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(keys))
