"""The links of the engine: which lanes there are, and what passes them when.

What waits is in the store, in order; in memory are the transfers in flight, at most
``parallel`` a lane. They are lost with the process, or when a transaction fails: what was in
flight begins anew then, its bytes from the start (inferred).

Tasks are handed to a lane as it takes them in, and handed back, due at once, as their bytes are
through. So everything else treats them as tasks that are due later, and need not know of lanes.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from emulator.replication.links.figures import LinkFigures
from emulator.replication.links.lane import Lane, Standing
from emulator.replication.links.ports import Waiting
from emulator.replication.ports import ReplicationTx, ReplicationView
from emulator.replication.regions import ACCELERATED

_PAGE_FIRST, _PAGE_MAX = 8, 256
_RULES_KEPT = 4096
_START = (-1, -1)  # before every task

# (view, lane) -> the figures of its link
FiguresOf = Callable[[ReplicationView, str], LinkFigures]


class LinkStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A link as it stands: what is in flight, and how many wait besides."""

    lane: str
    figures: LinkFigures
    waiting: int
    flying: list[Standing]


class _Pages:
    """The tasks of a lane, of new or of historical data, read as they are needed."""

    def __init__(self, view: ReplicationView, lane: str, *, historical: bool) -> None:
        self._view = view
        self._lane = lane
        self._historical = historical
        self._page: list[Waiting] = []
        self._after = _START
        self._limit = _PAGE_FIRST
        self._is_end = False

    def begin(self, found: list[Waiting], limit: int) -> None:
        """These are the first ``limit`` tasks."""
        self._keep(found, limit)

    def first(self, besides: set[int]) -> Waiting | None:
        """The first task that is not among ``besides``."""
        while True:
            while self._page:
                if self._page[-1].task_id not in besides:
                    return self._page[-1]
                self._page.pop()
            if self._is_end:
                return None
            self._read(len(besides) + self._limit)

    def _read(self, limit: int) -> None:
        found = self._view.lane_tasks(
            self._lane, historical=self._historical, after=self._after, limit=limit
        )
        self._keep(found, limit)

    def _keep(self, found: list[Waiting], limit: int) -> None:
        self._is_end = len(found) < limit
        self._limit = min(4 * self._limit, _PAGE_MAX)
        if found:
            self._after = (found[-1].due_ms, found[-1].task_id)
        self._page = found[::-1]


class _StoredQueue:
    """What waits for a lane: new data first, historical data when there is room for it."""

    def __init__(
        self, view: ReplicationView, lane: str, flying: list[int], is_fast: dict[int, bool]
    ) -> None:
        self._view = view
        self._lane = lane
        self._taken = set(flying)
        self._new = _Pages(view, lane, historical=False)
        self._history = _Pages(view, lane, historical=True)
        self._is_fast = is_fast
        self._is_begun = False
        self._next_ms: int | None = None
        self._is_known = False

    def next_ms(self) -> int | None:
        """See ``Queue``."""
        if not self._is_known:
            self._is_known = True
            self._next_ms = self._find_next_ms()
        return self._next_ms

    def _find_next_ms(self) -> int | None:
        if not self._is_begun:
            self._is_begun = True
            limit = len(self._taken) + _PAGE_FIRST
            new, history = self._view.lane_heads(self._lane, limit)
            self._new.begin(new, limit)
            self._history.begin(history, limit)
        found = (self._new.first(self._taken), self._history.first(self._taken))
        return min((each.due_ms for each in found if each is not None), default=None)

    def take(self, at_ms: float) -> Waiting:
        """See ``Queue``."""
        task = self._new.first(self._taken)
        if task is None or task.due_ms > at_ms:
            task = self._history.first(self._taken) or task
        assert task is not None
        self._is_known = False
        self._taken.add(task.task_id)
        is_fast = self._is_fast.get(task.rule_uid)
        if is_fast is None:
            rule = self._view.rule_by_uid(task.rule_uid)
            is_fast = rule is not None and rule.spec.transfer_type == ACCELERATED
            if len(self._is_fast) >= _RULES_KEPT:
                self._is_fast.clear()
            self._is_fast[task.rule_uid] = is_fast
        return msgspec.structs.replace(task, is_fast=True) if is_fast else task


class Links:
    """The lanes that have anything to carry. ``replan`` has to be called by whoever changes
    tasks behind the engine's back."""

    def __init__(self, figures_of: FiguresOf) -> None:
        self._figures_of = figures_of
        self._lanes: dict[str, Lane] = {}
        self._next_ms: dict[str, int] = {}
        self._is_fast: dict[int, bool] = {}  # by rule, of which it never changes
        self._is_loaded = False
        self._is_stale = False

    def next_ms(self, view: ReplicationView, now_ms: int) -> int | None:
        """When something happens on any of the links; in the past or now: at once."""
        if not self._is_loaded:
            self._load(view, now_ms)
        if self._is_stale:
            self._plan(view)
        return min(self._next_ms.values()) if self._next_ms else None

    def stepped(self, view: ReplicationView, lanes: set[str | None], now_ms: int) -> None:
        """The engine worked on rules whose tasks may wait for these lanes from now on."""
        for lane in lanes:
            if lane is not None:
                self._use(view, lane, now_ms)
        if self._lanes:
            self._is_stale = True

    def replan(self) -> None:
        """Tasks were changed: look anew at what waits."""
        self._is_stale = True

    def run(self, tx: ReplicationTx, now_ms: int, limit: int) -> bool:
        """Let pass what passes by now, ``limit`` tasks at most; whether there was anything."""
        due = [(at_ms, lane) for lane, at_ms in self._next_ms.items() if at_ms <= now_ms]
        for _, lane in sorted(due):
            if limit <= 0:
                break
            limit -= self._run(tx, lane, now_ms, limit)
        if due:
            self._is_stale = True
        return bool(due)

    def catch_up(self, tx: ReplicationTx, now_ms: int, limit: int) -> bool:
        """Let pass what passes by now, ``limit`` tasks at most; whether that was all."""
        if not self._is_loaded:
            self._load(tx, now_ms)
        self._is_stale = True
        for name in sorted(self._lanes):
            limit -= self._run(tx, name, now_ms, limit)
            if limit <= 0:
                return False
        return True

    def drop(self, lane: str) -> None:
        """A lane that nothing will wait for any more."""
        self._lanes.pop(lane, None)
        self._next_ms.pop(lane, None)

    def refigure(self, tx: ReplicationTx, now_ms: int, adopt: Callable[[], None]) -> None:
        """Let pass what passes by now, then ``adopt`` other figures, which count from now on.

        Where much may pass, ``catch_up`` comes first, for this to be short.
        """
        if not self._is_loaded:
            self._load(tx, now_ms)
        for name in sorted(self._lanes):
            self._run(tx, name, now_ms, None)
        adopt()
        for name, lane in self._lanes.items():
            lane.change(self._figures_of(tx, name), now_ms)
        self._is_stale = True

    def forget(self) -> None:
        """A transaction failed: what was in flight begins anew."""
        self._lanes.clear()
        self._next_ms.clear()
        self._is_fast.clear()
        self._is_loaded = False

    def standing(self, view: ReplicationView, now_ms: int) -> list[LinkStanding]:
        """The links that carry something or have something waiting, by name."""
        if not self._is_loaded:
            self._load(view, now_ms)
        found: list[LinkStanding] = []
        for name in sorted(self._lanes):
            lane, through = self._at(view, name, now_ms)
            flying = lane.standing(now_ms)
            waiting = view.lane_length(name) - len(flying) - through
            if flying or waiting > 0:
                figures = lane.figures
                found.append(
                    LinkStanding(lane=name, figures=figures, waiting=waiting, flying=flying)
                )
        return found

    def of_task(
        self, view: ReplicationView, lane: str, task_id: int, now_ms: int
    ) -> Standing | None:
        """Where the transfer of a task stands, if it is in flight."""
        if not self._is_loaded:
            self._load(view, now_ms)
        found = self._at(view, lane, now_ms)[0].standing(now_ms) if lane in self._lanes else []
        return next((each for each in found if each.task.task_id == task_id), None)

    def _at(self, view: ReplicationView, name: str, now_ms: int) -> tuple[Lane, int]:
        lane = self._lanes[name]
        return lane.at(now_ms, self._queue(view, name, lane))

    def _run(self, tx: ReplicationTx, name: str, now_ms: int, limit: int | None) -> int:
        lane = self._lanes[name]
        through = lane.run(now_ms, self._queue(tx, name, lane), limit)
        if through:
            tx.release_tasks([(each.task_id, each.at_ms) for each in through])
        if flying := lane.flying:
            lane.drop(tx.tasks_left(flying), now_ms)
        return len(through)

    def _queue(self, view: ReplicationView, name: str, lane: Lane) -> _StoredQueue:
        return _StoredQueue(view, name, lane.flying, self._is_fast)

    def _load(self, view: ReplicationView, now_ms: int) -> None:
        self._is_loaded = True
        for name in view.lanes():
            figures = self._figures_of(view, name)
            self._lanes[name] = Lane(now_ms, figures)
            self._lanes[name].change(figures, now_ms)  # nothing of it begins before now
        self._is_stale = True

    def _use(self, view: ReplicationView, lane: str, now_ms: int) -> None:
        if lane not in self._lanes:
            self._lanes[lane] = Lane(now_ms, self._figures_of(view, lane))

    def _plan(self, view: ReplicationView) -> None:
        self._is_stale = False
        self._next_ms.clear()
        for name, lane in list(self._lanes.items()):
            next_ms = lane.next_ms(self._queue(view, name, lane))
            if next_ms is not None:
                self._next_ms[name] = next_ms
            elif not lane.flying and not lane.is_shut:
                del self._lanes[name]
