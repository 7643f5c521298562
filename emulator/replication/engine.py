"""The engine: takes in changes, carries out what is due, and waits on the clock for the rest.

One task owns it (``run``). Everything it knows is in the store: it may be stopped at any moment
and goes on where the last commit left it.
"""

from __future__ import annotations

from emulator.clock import Clock, VirtualClock
from emulator.domain.workers import Background, Workers
from emulator.replication import lifecycle
from emulator.replication.attempts import Tools
from emulator.replication.backfill import read_history
from emulator.replication.counts import Counts
from emulator.replication.intake import Step, take_changes, try_due_tasks
from emulator.replication.model import RuleState, TaskState
from emulator.replication.ports import ReplicationStore, ReplicationTx, ReplicationView, RuleDue
from emulator.replication.refusal_log import RefusalLog

# Of one rule in one transaction, however many rules share it: fewer are not worth its reading.
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
        self._turn = 0
        self._refusals = RefusalLog()

    @property
    def done(self) -> int:
        """How many things moved for good since the start."""
        return self._total.progress

    async def run_due(self, limit: int | None = None) -> Counts:
        """Carry out everything that is due now, in transactions of bounded length.

        ``limit`` ends it early, after about so many changes.
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
        counts = Counts()
        in_vain = 0
        resealing = self._tools.keys.resealing
        while (limit is None or counts.handled < limit) and self._is_due():
            done = await self._store.write(self._step)
            await resealing.prepare(self._store)
            self._refusals.say()
            self._total.add(done)
            counts.add(done)
            # A client can take the work away in between, but not for ever.
            in_vain = 0 if done.handled else in_vain + 1
            assert in_vain < _STEPS_IN_VAIN_MAX, "something is due and there is nothing to do"
        await resealing.discard()
        return counts

    def _count_left(self, counts: Counts) -> None:
        with self._store.read() as view:
            left = view.open_task_counts()
        counts.failed = left.get(TaskState.FAILED, 0)
        counts.pending = sum(left.values()) - counts.failed

    def next_due_ms(self) -> int | None:
        """The earliest instant at which something is due; in the past or now: at once."""
        with self._store.read() as view:
            return _next_due_ms(view, self._clock.now_ms())

    def next_planned_ms(self) -> int | None:
        """The next due time that is not a mere retry."""
        with self._store.read() as view:
            return _next_planned_ms(view, self._clock.now_ms())

    def last_refused_ms(self) -> int | None:
        """When everything that was refused will have been due once more."""
        with self._store.read() as view:
            return _last_refused_ms(view)

    def _is_due(self) -> bool:
        now_ms = self._clock.now_ms()
        with self._store.read() as view:
            due_ms = _next_due_ms(view, now_ms)
        return due_ms is not None and due_ms <= now_ms

    def _step(self, tx: ReplicationTx) -> Counts:
        """One transaction: rules, then tasks that are due, then new changes, then history."""
        step = Step(tx, self._tools, self._clock.now_ms())
        rules = tx.due_rules()
        if lifecycle.move_rules(step, rules):
            rules = tx.due_rules()
        behind = [due for due in rules if due.has_changes and due.state is not RuleState.STARTING]
        history = [due for due in rules if _reads_history(due, step.now_ms)]
        # Neither a heap of refused tasks nor one busy rule may hold up the others.
        try_due_tasks(step, max(1, step.left // 2) if behind or history else step.left)
        for due in self._in_turn(behind):
            rule = tx.rule_by_uid(due.uid)
            if rule is not None and step.left > 0:
                take_changes(step, rule, _share(step, len(behind)))
        for due in self._in_turn(history):
            rule = tx.rule_by_uid(due.uid)
            if rule is not None and step.left > 0:
                read_history(step, rule, _share(step, len(history)))
        self._forget_changes(tx, {due.uid for due in behind})
        self._refusals.note(tx, step.batches)
        return step.counts

    def _in_turn(self, rules: list[RuleDue]) -> list[RuleDue]:
        if not rules:
            return rules
        self._turn += 1
        first = self._turn % len(rules)
        return rules[first:] + rules[:first]

    def _forget_changes(self, tx: ReplicationTx, moved: set[int]) -> None:
        """Forget changes that every rule has taken in, but for the newest ones."""
        if not moved:
            return
        rules = tx.rules()
        keep_after = tx.last_change_seq() - self._tools.settings.change_history_len
        for bucket_id in {rule.source_bucket_id for rule in rules if rule.uid in moved}:
            taken = min(rule.cursor_seq for rule in rules if rule.source_bucket_id == bucket_id)
            until_seq = min(taken, keep_after)
            if until_seq > 0:
                tx.prune_changes(bucket_id, until_seq, limit=2 * self._tools.settings.batch_len)


def _share(step: Step, sharers: int) -> int:
    return min(step.left, max(_SHARE_LEN_MIN, step.left // sharers))


def _reads_history(due: RuleDue, now_ms: int) -> bool:
    return (
        due.state is RuleState.DOING
        and due.history_due_ms is not None
        and due.history_due_ms <= now_ms
    )


def _next_due_ms(view: ReplicationView, now_ms: int) -> int | None:
    instants = [lifecycle.due_ms(due, now_ms) for due in view.due_rules()]
    instants.append(view.next_due_ms())
    return min((instant for instant in instants if instant is not None), default=None)


def _next_planned_ms(view: ReplicationView, now_ms: int) -> int | None:
    """The next due time that is not a mere retry."""
    instants = [
        lifecycle.due_ms(due, now_ms)
        for due in view.due_rules()
        if due.state is not RuleState.DOING or due.has_changes
    ]
    instants.append(view.next_waiting_ms())
    return min((instant for instant in instants if instant is not None), default=None)


def _last_refused_ms(view: ReplicationView) -> int | None:
    instants = [
        due.history_due_ms
        for due in view.due_rules()
        if due.state is RuleState.DOING and due.history_due_ms is not None
    ]
    last_failed_ms = view.last_failed_ms()
    if last_failed_ms is not None:
        instants.append(last_failed_ms)
    return max(instants, default=None)
