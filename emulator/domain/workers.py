"""Background workers: what goes on beside the requests, and how all of it comes to rest.

A worker carries out what is due, durably, and knows when there will be more. ``app`` runs each of
them as one task (``run``) and lets them settle together. To add one: derive from ``Background``,
write ``_work`` and ``next_due_ms``, and hand it to ``Workers``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from emulator.clock import Clock, VirtualClock
from emulator.domain.errors import StorageError, StorageFailed

# Due times in a row at which ``settle`` brings nothing about: an end for a broken worker.
_ADVANCES_IN_VAIN_MAX = 100_000
# Due times of refused work, in a row, that brought nothing about: from then on only planned ones.
_RETRIES_IN_VAIN_MAX = 1_000
_STORAGE_RETRY_MS = 1_000


class Worker(Protocol):
    """One background worker."""

    @property
    def name(self) -> str:
        """What it is called in logs and in the answer of settle: "lifecycle"."""
        ...

    @property
    def done(self) -> int:
        """How many things it brought about for good since the start; it only grows."""
        ...

    @property
    def heeds_changes(self) -> bool:
        """Whether what requests commit can give it work; see ``ServerContext.changed``."""
        ...

    def wake(self) -> None:
        """Say that something may be due: something was committed, or the clock was moved."""
        ...

    async def run(self) -> None:
        """Carry out what is due, as it comes to be due, until cancelled."""
        ...

    async def run_due(self) -> object:
        """Carry out everything that is due now. Waits while ``run`` is at it."""
        ...

    def next_due_ms(self) -> int | None:
        """When ``run`` has to look again; in the past or now: at once; ``None``: when woken."""
        ...

    def next_planned_ms(self) -> int | None:
        """The next due time that a virtual clock may be moved to so that pending work gets done.

        Only work of which there is an end: no periodic looking round, no retry that may be in
        vain for ever.
        """
        ...

    def next_retry_ms(self) -> int | None:
        """When the first of the work that was tried in vain is due again, if that comes before
        what is planned; ``None``: nobody moves a clock for it before all else is done."""
        ...

    def last_refused_ms(self) -> int | None:
        """When all work that was tried in vain will have been due once more, ``None``: no such."""
        ...


class Background:
    """What all workers have in common: one task owns the work, and anyone may wake it."""

    name = "worker"
    heeds_changes = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._awake = asyncio.Event()
        self._running = asyncio.Lock()
        self._done = 0

    @property
    def done(self) -> int:
        """How many things were brought about for good since the start."""
        return self._done

    def wake(self) -> None:
        """Say that something may be due: something was committed, or the clock was moved."""
        self._awake.set()

    async def run(self) -> None:
        """Carry out what is due, as it comes to be due, until cancelled."""
        while True:
            self._awake.clear()
            try:
                async with self._running:
                    self._done += await self._work()
                again_ms = self.next_due_ms()
            except StorageFailed:
                raise
            except StorageError:
                # A full disk, say: nothing is lost, and space may come back.
                again_ms = self._clock.now_ms() + _STORAGE_RETRY_MS
            await self._clock.wait(self._awake, again_ms)

    async def run_due(self) -> object:
        """Carry out everything that is due now. Raises StorageError."""
        async with self._running:
            self._done += await self._work()
        return None

    async def _work(self) -> int:
        """Carry out everything that is due now, in bounded transactions, yielding to the loop.

        Answers how many things were brought about for good. Only one task at a time is in here.
        """
        raise NotImplementedError

    def next_due_ms(self) -> int | None:
        """When ``run`` has to look again."""
        raise NotImplementedError

    def next_planned_ms(self) -> int | None:
        """When a virtual clock may be moved to; see ``Worker``."""
        return self.next_due_ms()

    def next_retry_ms(self) -> int | None:
        """When the first of the work tried in vain is due again; see ``Worker``."""
        return None

    def last_refused_ms(self) -> int | None:
        """When all work tried in vain is due once more; see ``Worker``."""
        return None


class Workers:
    """All background workers of one emulator."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = tuple(workers)
        self._heeding = tuple(worker for worker in workers if worker.heeds_changes)

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers)

    def wake(self) -> None:
        """Say to all that something may be due."""
        for worker in self._workers:
            worker.wake()

    def changed(self) -> None:
        """Say that a request was committed to all for whom that can be work."""
        for worker in self._heeding:
            worker.wake()

    async def settle(self, clock: VirtualClock | None) -> dict[str, int]:
        """Carry out everything that is due; with a virtual clock to move, also what will be.

        The clock goes from planned time to planned time, over all workers, until nothing is left
        but refused work. Before each of these steps and at the end everything refused is tried
        when it is due next, and once more whenever that brought something about; later attempts
        before the step are left out, so that a long time without plans costs no more than a short
        one. Answers what each worker brought about meanwhile, by its name.
        """
        before = {worker.name: worker.done for worker in self._workers}
        await self._run_until_quiet()
        if clock is not None:
            await self._run_what_comes(clock)
        return {worker.name: worker.done - before[worker.name] for worker in self._workers}

    async def _run_until_quiet(self) -> int:
        """What one worker does can be work for another. Answers how much was done."""
        before = self._total_done()
        seen = -1
        while seen != (done := self._total_done()):
            seen = done
            for worker in self._workers:
                await worker.run_due()
        return seen - before

    async def _run_what_comes(self, clock: VirtualClock) -> None:
        in_vain = 0
        retries = _Retries(self._workers)
        while in_vain < _ADVANCES_IN_VAIN_MAX:
            now_ms = clock.now_ms()
            planned_ms = _earliest(worker.next_planned_ms() for worker in self._workers)
            retry_ms = retries.next_ms(now_ms, planned_ms)
            if retry_ms is not None:
                clock.set(retry_ms)
                retries.tried(await self._run_until_quiet())
                continue
            step_ms = retries.last_ms() if planned_ms is None else max(now_ms, planned_ms)
            if step_ms is None or (planned_ms is None and step_ms <= now_ms):
                return
            clock.set(step_ms)
            if clock.now_ms() < step_ms:
                return  # no clock goes that far
            done = await self._run_until_quiet()
            if planned_ms is None and not done:
                return
            in_vain = 0 if done else in_vain + 1
            retries.begin()

    def _total_done(self) -> int:
        return sum(worker.done for worker in self._workers)


class _Retries:
    """Trying refused work between two steps of the clock: a round, in which each piece has a turn.

    A round ends at the instant at which, when it began, the last piece was due; for each worker
    its own. What brings something about begins another.
    """

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._ends: list[int | None] | None = None
        self._in_vain = 0

    def begin(self) -> None:
        """The clock made a step: a new round."""
        self._ends = None

    def next_ms(self, now_ms: int, planned_ms: int | None) -> int | None:
        """The next due time of this round that comes before what is planned."""
        if self._in_vain >= _RETRIES_IN_VAIN_MAX:
            return None
        due = [worker.next_retry_ms() for worker in self._workers]
        first_ms = _earliest(due)
        if first_ms is None or (planned_ms is not None and first_ms >= planned_ms):
            return None
        ends = self._known_ends()
        turns = (
            due_ms
            for due_ms, end_ms in zip(due, ends, strict=True)
            if due_ms is not None and end_ms is not None and now_ms < due_ms <= end_ms
        )
        return _earliest(each for each in turns if planned_ms is None or each < planned_ms)

    def tried(self, done: int) -> None:
        """What was due at the last such time was tried, and ``done`` things came of it."""
        if done:
            self._in_vain = 0
            self.begin()
        else:
            self._in_vain += 1

    def last_ms(self) -> int | None:
        """When everything that was refused when the round began has been due."""
        return max((end_ms for end_ms in self._known_ends() if end_ms is not None), default=None)

    def _known_ends(self) -> list[int | None]:
        if self._ends is None:
            self._ends = [worker.last_refused_ms() for worker in self._workers]
        return self._ends


def _earliest(instants: Iterable[int | None]) -> int | None:
    return min((instant for instant in instants if instant is not None), default=None)
