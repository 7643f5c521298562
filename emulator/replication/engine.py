"""The engine: takes in changes, carries out what is due, and waits on the clock for the rest.

One task owns it (``run``). Everything it knows is in the store: it may be stopped at any moment
and goes on where the last commit left it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from emulator.clock import Clock, VirtualClock
from emulator.domain.workers import Background, Workers
from emulator.replication import lifecycle
from emulator.replication.attempts import Tools
from emulator.replication.backfill import read_history
from emulator.replication.counts import Counts
from emulator.replication.intake import Step, take_reading, try_due_tasks
from emulator.replication.model import TaskState
from emulator.replication.pages import PageCache
from emulator.replication.ports import ReplicationStore, ReplicationTx, ReplicationView
from emulator.replication.refusal_log import RefusalLog
from emulator.replication.rtc import look_at_rtc

T = TypeVar("T")

# Of one reading or history in one transaction, however many share it: fewer are not worth it.
_SHARE_LEN_MIN = 32
_STEPS_IN_VAIN_MAX = 100


class Engine(Background):
    """Replicates what the store records. All of it runs on the event loop."""

    name = "replication"

    def __init__(self, store: ReplicationStore, clock: Clock, tools: Tools) -> None:
        super().__init__(clock)
        self._store = store
        self._tools = tools
        self._total = Counts()
        self._last_reading = 0  # whose turn it was; likewise the next one
        self._last_history = 0
        self._pages = PageCache()
        # Changes are forgotten as often as there are so many more of them.
        self._forget_len = max(1, min(tools.settings.batch_len, tools.settings.change_history_len))
        self._refusals = RefusalLog()

    @property
    def done(self) -> int:
        """How many things moved for good since the start."""
        return self._total.progress

    async def run_due(self, limit: int | None = None) -> Counts:
        """Carry out everything that is due now, in transactions of bounded length.

        ``limit`` ends it early, after about so many changes. What comes to be due meanwhile,
        on a clock that runs by itself, is left for the next time.
        """
        async with self._running:
            counts = await self._run_due(limit)
        self._count_left(counts)
        return counts

    async def settle(self, clock: VirtualClock | None) -> Counts:
        """Settle alone, as if there were no other workers; see ``Workers.settle``."""
        before = self.total()
        await Workers([self]).settle(clock)
        return self.counts_since(before)

    def total(self) -> Counts:
        """What was done since the start."""
        total = Counts()
        total.add(self._total)
        return total

    def counts_since(self, before: Counts) -> Counts:
        """What was done since ``total`` answered ``before``, and what is left."""
        counts = self.total()
        counts.subtract(before)
        self._count_left(counts)
        return counts

    async def _work(self) -> int:
        return (await self._run_due(None)).progress

    async def _run_due(self, limit: int | None) -> Counts:
        counts: Counts | None = None
        in_vain = 0
        resealing = self._tools.keys.resealing
        # On a fast clock refused tasks are due again before all of them have been tried.
        by_ms = self._clock.now_ms()
        while (limit is None or counts is None or counts.handled < limit) and self._is_due(by_ms):
            done = await self._write_step()
            await resealing.prepare(self._store)
            self._refusals.say()
            self._tools.outcomes.say()
            self._total.add(done)
            if counts is None:
                counts = done
            else:
                counts.add(done)
            # A client can take the work away in between, but not for ever.
            in_vain = 0 if done.handled else in_vain + 1
            assert in_vain < _STEPS_IN_VAIN_MAX, "something is due and there is nothing to do"
        await resealing.discard()
        return counts or Counts()

    async def _write_step(self) -> Counts:
        try:
            return await self.change(self._step)
        except BaseException:
            # It may have been of rules that were never made.
            self._pages = PageCache()
            raise

    async def change(self, work: Callable[[ReplicationTx], T]) -> T:
        """A transaction that may move what the engine keeps of its links in memory."""
        try:
            return await self._store.write(work)
        except BaseException:
            self._tools.timing.forget()
            raise

    def _count_left(self, counts: Counts) -> None:
        with self._store.read() as view:
            left = view.open_task_counts()
        counts.failed = left.get(TaskState.FAILED, 0)
        counts.pending = sum(left.values()) - counts.failed

    def next_due_ms(self) -> int | None:
        """The earliest instant at which something is due; in the past or now: at once."""
        with self._store.read() as view:
            return self._next_due_ms(view, self._clock.now_ms())

    def next_planned_ms(self) -> int | None:
        """The next due time that is not a mere retry."""
        with self._store.read() as view:
            now_ms = self._clock.now_ms()
            links_ms = self._tools.timing.links.next_ms(view, now_ms)
            return _next_planned_ms(view, now_ms, links_ms)

    def next_retry_ms(self) -> int | None:
        """The earliest due time of stored work, be it a mere retry."""
        with self._store.read() as view:
            rules = view.rule_instants()
            return _earliest(rules.tasks_ms, rules.history_ms)

    def last_refused_ms(self) -> int | None:
        """When everything that was refused will have been due once more."""
        with self._store.read() as view:
            return _last_refused_ms(view)

    def _is_due(self, by_ms: int) -> bool:
        by_ms = min(by_ms, self._clock.now_ms())  # it may have been set back
        with self._store.read() as view:
            return _is_past(self._next_due_ms(view, by_ms), by_ms)

    def _next_due_ms(self, view: ReplicationView, now_ms: int) -> int | None:
        links_ms = self._tools.timing.links.next_ms(view, now_ms)
        return _earliest(links_ms, _next_due_ms(view, now_ms))

    def _step(self, tx: ReplicationTx) -> Counts:
        """One transaction: rules, then tasks that are due, then new changes, then history."""
        step = Step(tx, self._tools, self._clock.now_ms(), self._pages)
        self._tools.outcomes.begin()
        timing = self._tools.timing
        instants = tx.rule_instants()
        has_run = timing.refresh(tx, step.now_ms, instants.timing_version)
        has_run |= timing.links.run(tx, step.now_ms, step.left)
        step.has_tasks = instants.has_tasks
        if _is_past(lifecycle.moves_ms(instants), step.now_ms):
            lifecycle.move_rules(step)
            instants = tx.rule_instants()
        reads_history = _is_past(instants.history_ms, step.now_ms)
        # Neither a heap of refused tasks nor one busy rule may hold up the others.
        others = instants.unread or reads_history
        if has_run or _is_past(instants.tasks_ms, step.now_ms):
            try_due_tasks(step, max(1, step.left // 2) if others else max(1, step.left))
        # After the tasks: what arrives at this very instant is not missing any more.
        if _is_past(instants.rtc_ms, step.now_ms):
            look_at_rtc(step, self._tools)
        if instants.unread:
            self._read_changes(step)
        if reads_history:
            self._read_history(step)
        self._refusals.note(tx, step.batches)
        lanes = {batch.timing.lane for batch in step.batches}
        if any(batch.has_promoted for batch in step.batches):
            lanes.update(tx.lanes())  # one kept from before the timing was changed
        timing.links.stepped(tx, lanes, step.now_ms)
        return step.counts

    def _read_changes(self, step: Step) -> None:
        """Take in new changes, those readings first whose turn it is."""
        found = step.tx.unread_readings(self._last_reading, max(step.left, 0))
        share = _share(step, len(found))
        moved: set[int] = set()
        full: set[int] = set()
        for known in found:
            if step.left <= 0:
                break
            # one of the same bucket may have met it
            reading = step.tx.reading(known.id) if known.bucket_id in moved else known
            if reading is not None:
                last_seq = take_reading(step, reading, min(share, step.left))
                moved.add(reading.bucket_id)
                if last_seq // self._forget_len > reading.cursor_seq // self._forget_len:
                    full.add(reading.bucket_id)
            self._last_reading = known.id
        if full:
            self._forget_changes(step.tx, full)

    def _read_history(self, step: Step) -> None:
        """Read history, that of those rules first whose turn it is."""
        uids = step.tx.rules_with_history(step.now_ms)
        later = [uid for uid in uids if uid > self._last_history]
        share = _share(step, len(uids))
        for uid in later + uids[: len(uids) - len(later)]:
            if step.left <= 0:
                break
            rule = step.tx.rule_by_uid(uid)
            assert rule is not None
            read_history(step, rule, min(share, step.left))
            self._last_history = uid

    def _forget_changes(self, tx: ReplicationTx, bucket_ids: set[int]) -> None:
        """Forget changes that every rule has taken in, but for the newest ones."""
        settings = self._tools.settings
        keep_after = tx.last_change_seq() - settings.change_history_len
        if keep_after <= 0:
            return
        for bucket_id in sorted(bucket_ids):
            taken_seq = tx.oldest_cursor(bucket_id)
            until_seq = keep_after if taken_seq is None else min(taken_seq, keep_after)
            tx.prune_changes(bucket_id, until_seq, limit=2 * settings.batch_len)


def _share(step: Step, sharers: int) -> int:
    return max(_SHARE_LEN_MIN, step.left // max(1, sharers))


def _is_past(instant_ms: int | None, now_ms: int) -> bool:
    return instant_ms is not None and instant_ms <= now_ms


def _next_due_ms(view: ReplicationView, now_ms: int) -> int | None:
    rules = view.rule_instants()
    if rules.unread:
        return now_ms
    return _earliest(lifecycle.moves_ms(rules), rules.history_ms, rules.tasks_ms, rules.rtc_ms)


def _next_planned_ms(view: ReplicationView, now_ms: int, links_ms: int | None) -> int | None:
    """The next due time that is not a mere retry."""
    rules = view.rule_instants()
    if rules.unread:
        return now_ms
    waiting_ms = _earliest(links_ms, view.next_waiting_ms())
    # That refused work becomes late is no reason to move a clock.
    rtc_ms = view.next_rtc_ms(enabling_only=waiting_ms is None)
    return _earliest(lifecycle.moves_ms(rules), waiting_ms, rtc_ms)


def _last_refused_ms(view: ReplicationView) -> int | None:
    instants = (view.last_history_ms(), view.last_failed_ms())
    return max((instant for instant in instants if instant is not None), default=None)


def _earliest(*instants: int | None) -> int | None:
    known = [instant for instant in instants if instant is not None]
    return min(known) if known else None
