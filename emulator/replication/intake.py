"""Taking in changes after the cursor of a reading, and trying stored tasks that are due."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from emulator.replication.attempts import Tools
from emulator.replication.batch import RuleBatch
from emulator.replication.counts import Counts
from emulator.replication.model import Rule
from emulator.replication.pages import Page, PageCache, read_page
from emulator.replication.ports import Reading, ReplicationTx, TaskRead


class Step:
    """One transaction of the engine: its rules' batches, and what was read for them.

    ``left`` is how many changes may still be handled in this transaction. ``has_tasks``: there may
    have been stored tasks when it began.
    """

    def __init__(self, tx: ReplicationTx, tools: Tools, now_ms: int, pages: PageCache) -> None:
        self.tx = tx
        self.now_ms = now_ms
        self.counts = Counts()
        self.left = tools.settings.batch_len
        self.has_tasks = True
        self._tools = tools
        self.timing = tools.timing
        self.pages = pages
        self._batches: dict[int, RuleBatch] = {}

    @property
    def batches(self) -> Iterable[RuleBatch]:
        """Those of every rule that was worked on."""
        return self._batches.values()

    def batch(self, rule: Rule) -> RuleBatch:
        """The batch of a rule in this transaction."""
        batch = self._batches.get(rule.uid)
        if batch is None:
            batch = RuleBatch(self.tx, rule, self._tools, self.now_ms, self.counts)
            batch.has_tasks = self.has_tasks
            self._batches[rule.uid] = batch
        return batch


def take_reading(step: Step, reading: Reading, limit: int) -> int:
    """Take in the next page of a reading, and move its cursor, in one transaction; up to where.

    When not all rules fit into the transaction, those that do are ahead, and the next one goes on
    with the others. A rule that cannot go on yet gets a reading of its own, for the others to go
    on without it.
    """
    tx = step.tx
    index = step.pages.index(tx, reading)
    page = step.pages.take_page(reading) or read_page(tx, reading, index, limit)
    step.left -= page.cost
    ahead: list[int] = []
    for place, uid in enumerate(list(page.uids)):
        if step.left <= 0 and place > 0:
            break
        rule = tx.rule_by_uid(uid)
        assert rule is not None, "a reading outlived its rule"
        match _take_part(step, rule, page):
            case _Taken.ALL:
                ahead.append(uid)
                page.uids.remove(uid)
            case _Taken.HELD_UP if len(index.uids) > 1:
                tx.leave_reading(uid)
                page.leave_out(uid)
    if page.uids:
        for uid in ahead:
            tx.put_ahead(uid, page.end_seq)
        step.pages.keep_page(reading, page)
        return reading.cursor_seq
    step.counts.skipped += page.outside
    tx.move_reading(reading, page.end_seq, is_last=page.is_last)
    return page.end_seq


class _Taken(Enum):
    """How much of its part of a page a rule has taken in."""

    ALL = 1
    SOME = 2  # the transaction is full
    HELD_UP = 3  # the history of a key comes first, and is longer than a transaction


def _take_part(step: Step, rule: Rule, page: Page) -> _Taken:
    """Let a rule take in the changes of a page that concern it, in order."""
    if rule.cursor_seq >= page.end_seq:
        return _Taken.ALL
    changes, is_all = page.part_of(step.tx, rule, limit=max(1, step.left))
    if not changes:
        return _Taken.ALL
    batch = step.batch(rule)
    batch.prepare(_keys(change.key for change, _ in changes))
    last_seq = rule.cursor_seq
    taken = _Taken.ALL if is_all else _Taken.SOME
    for change, source in changes:
        if not batch.take(change, source):
            taken = _Taken.HELD_UP
            step.left = 0
            break
        last_seq = change.seq
    if taken is not _Taken.ALL:
        step.tx.put_ahead(rule.uid, last_seq)
    batch.flush()
    step.left -= len(changes)
    return taken


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
        batch.prepare(_keys(task.change.key for task, _ in tasks), retries=True)
        for task, source in tasks:
            batch.retry(task, source)
        batch.flush()
    step.left -= len(due)


def _keys(keys: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(keys))
