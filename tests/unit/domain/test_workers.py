"""Workers settle together: until all are quiet, and from planned time to planned time."""

from __future__ import annotations

import asyncio

import pytest

from emulator.clock import INSTANT_MS_MAX, VirtualClock
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


class Refused(Counter):
    """Tries one piece of work every ten milliseconds, in vain before ``from_ms``."""

    def __init__(self, name: str, clock: VirtualClock, due_ms: int, from_ms: int) -> None:
        super().__init__(name, clock)
        self.refused_ms = due_ms
        self.from_ms = from_ms
        self.tried_ms: list[int] = []

    async def _work(self) -> int:
        now_ms = self._clock.now_ms()
        if self.refused_ms is None or self.refused_ms > now_ms:
            return 0
        self.tried_ms.append(now_ms)
        self.refused_ms = None if now_ms >= self.from_ms else now_ms + 10
        return int(self.refused_ms is None)

    def next_planned_ms(self) -> None:
        """A retry is no plan."""

    def next_retry_ms(self) -> int | None:
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


async def test_refused_work_has_its_turn_before_the_clock_goes_on(clock: VirtualClock) -> None:
    refused = Refused("a", clock, START + 2, from_ms=START + 2)
    planned = Counter("b", clock, START + 3_600_000)
    assert await Workers([refused, planned]).settle(clock) == {"a": 1, "b": 1}
    assert refused.tried_ms == [START + 2]
    assert clock.now_ms() == START + 3_600_000


async def test_what_stays_refused_is_tried_once_before_each_step(clock: VirtualClock) -> None:
    refused = Refused("a", clock, START + 2, from_ms=START + 10_000)
    planned = Counter("b", clock, START + 1_000, START + 2_000)
    assert await Workers([refused, planned]).settle(clock) == {"a": 0, "b": 2}
    steps = [START + 2, START + 1_000, START + 1_010, START + 2_000, START + 2_010]
    assert refused.tried_ms == steps
    assert clock.now_ms() == START + 2_010


async def test_what_one_retry_brings_about_gives_all_refused_work_another_turn(
    clock: VirtualClock,
) -> None:
    first = Refused("a", clock, START + 4, from_ms=START + 14)
    second = Refused("b", clock, START + 8, from_ms=START + 8)
    planned = Counter("c", clock, START + 5_000)
    assert await Workers([first, second, planned]).settle(clock) == {"a": 1, "b": 1, "c": 1}
    assert (first.tried_ms, second.tried_ms) == ([START + 4, START + 14], [START + 8])


async def test_retries_in_vain_come_to_an_end(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "_RETRIES_IN_VAIN_MAX", 2)
    refused = Refused("a", clock, START + 2, from_ms=START + 10**9)
    planned = Counter("b", clock, *(START + 1_000 * n for n in (1, 2, 3)))
    await Workers([refused, planned]).settle(clock)
    steps = (2, 1_000, 1_010, 2_000, 3_000, 3_010)
    assert refused.tried_ms == [START + step for step in steps]


async def test_settle_ends_where_clocks_end() -> None:
    clock = VirtualClock(INSTANT_MS_MAX - 5)
    worker = Counter("a", clock, INSTANT_MS_MAX, INSTANT_MS_MAX + 1)
    assert await Workers([worker]).settle(clock) == {"a": 1}
    assert clock.now_ms() == INSTANT_MS_MAX


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
