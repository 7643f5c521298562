"""Workers settle together: until all are quiet, and from planned time to planned time."""

from __future__ import annotations

import asyncio

import pytest

from emulator.clock import VirtualClock
from emulator.domain import workers as workers_module
from emulator.domain.errors import StorageFailed, StorageFull
from emulator.domain.workers import Background, Workers

START = 1_000_000


class Counter(Background):
    """Has something to do at some instants, and may give another worker something to do."""

    def __init__(self, name: str, clock: VirtualClock, *due_ms: int) -> None:
        super().__init__(clock)
        self.name = name
        self.due_ms = sorted(due_ms)
        self.refused_ms: int | None = None
        self.next: Counter | None = None
        self.tries = 0
        self.faults: list[Exception] = []

    async def _work(self) -> int:
        self.tries += 1
        if self.faults:
            raise self.faults.pop(0)
        done = 0
        while self.due_ms and self.due_ms[0] <= self._clock.now_ms():
            self.due_ms.pop(0)
            done += 1
            if self.next is not None:
                self.next.due_ms.insert(0, self._clock.now_ms())
        return done

    def next_due_ms(self) -> int | None:
        return min(self.due_ms, default=None)

    def last_refused_ms(self) -> int | None:
        return self.refused_ms


class Periodic(Counter):
    """Looks round for ever."""

    heeds_changes = False

    def next_planned_ms(self) -> None:
        """Nothing that a clock is moved for."""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


async def test_what_one_does_can_be_work_for_one_before_it(clock: VirtualClock) -> None:
    first, second, third = (Counter(name, clock) for name in "abc")
    third.due_ms.append(START)
    third.next, second.next = second, first
    done = await Workers([first, second, third]).settle(None)
    assert done == {"a": 1, "b": 1, "c": 1}


async def test_the_clock_steps_over_the_planned_times_of_all(clock: VirtualClock) -> None:
    seen: list[int] = []

    class Noting(Counter):
        async def _work(self) -> int:
            seen.append(self._clock.now_ms())
            return await super()._work()

    workers = [Noting("a", clock, START + 5, START + 9), Counter("b", clock, START + 7)]
    assert await Workers(workers).settle(clock) == {"a": 2, "b": 1}
    assert sorted(set(seen)) == [START, START + 5, START + 7, START + 9]
    assert clock.now_ms() == START + 9


async def test_only_due_times_in_vain_come_to_an_end(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "_ADVANCES_IN_VAIN_MAX", 10)
    busy = Counter("a", clock, *(START + n for n in range(1, 101)))
    assert await Workers([busy]).settle(clock) == {"a": 100}

    class Broken(Counter):
        def next_planned_ms(self) -> int:
            return self._clock.now_ms() + 1

    assert await Workers([Broken("b", clock)]).settle(clock) == {"b": 0}
    assert clock.now_ms() == START + 110


async def test_periodic_work_never_moves_the_clock_but_is_done_on_the_way(
    clock: VirtualClock,
) -> None:
    periodic = Periodic("p", clock, *(START + n for n in range(3, 99)))
    assert await Workers([periodic]).settle(clock) == {"p": 0}
    assert clock.now_ms() == START
    planned = Counter("a", clock, START + 10)
    assert await Workers([planned, periodic]).settle(clock) == {"a": 1, "p": 8}
    assert clock.now_ms() == START + 10


async def test_refused_work_is_tried_once_more_at_its_latest_time(clock: VirtualClock) -> None:
    first, second = Counter("a", clock), Counter("b", clock)
    first.refused_ms, second.refused_ms = START + 60, START + 40
    await Workers([first, second]).settle(clock)
    assert clock.now_ms() == START + 60
    first.due_ms.append(START + 70)
    await Workers([first, second]).settle(clock)
    assert clock.now_ms() == START + 70


async def test_without_a_clock_only_what_is_due_is_done(clock: VirtualClock) -> None:
    worker = Counter("a", clock, START, START + 1)
    assert await Workers([worker]).settle(None) == {"a": 1}
    assert clock.now_ms() == START


async def test_what_the_owner_does_meanwhile_is_counted(clock: VirtualClock) -> None:
    worker = Counter("a", clock)
    workers = Workers([worker])
    owner = asyncio.ensure_future(worker.run())
    await workers.settle(None)
    worker.due_ms.append(START)
    workers.wake()
    assert (await workers.settle(None))["a"] == 1
    owner.cancel()


async def test_changes_wake_those_who_heed_them(clock: VirtualClock) -> None:
    heeding, other = Counter("a", clock), Periodic("b", clock)
    workers = Workers([heeding, other])
    owners = [asyncio.ensure_future(worker.run()) for worker in workers]
    await asyncio.wait(owners, timeout=0.01)
    before = other.tries
    workers.changed()
    await asyncio.wait(owners, timeout=0.01)
    assert (heeding.tries, other.tries) == (before + 1, before)
    workers.wake()
    await asyncio.wait(owners, timeout=0.01)
    assert other.tries == before + 1
    for owner in owners:
        owner.cancel()


async def test_a_full_disk_is_waited_out_and_a_failed_one_ends_it(clock: VirtualClock) -> None:
    worker = Counter("a", clock, START)
    worker.faults = [StorageFull("full")]
    owner = asyncio.ensure_future(worker.run())
    await asyncio.wait({owner}, timeout=0.01)
    assert worker.done == 0
    clock.advance(1_000)
    await asyncio.wait({owner}, timeout=0.01)
    assert worker.done == 1
    worker.faults = [StorageFailed("gone")]
    worker.wake()
    with pytest.raises(StorageFailed):
        await owner
