"""One link by itself, against what arithmetic says."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.replication.links.lane import Lane
from tests.unit.replication.links_world import ListQueue, figures, passed

NOW = 1_800_000_000_000
DAY_MS = 86_400_000


def ends(lane: Lane, queue: ListQueue) -> list[int]:
    """When each task is through, in the order of the tasks, from NOW on."""
    found = passed(lane, queue)
    return [found[number] - NOW for number in sorted(found)]


def test_alone_a_transfer_takes_its_size_by_the_bandwidth() -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1000.0))
    assert ends(lane, ListQueue([(NOW + 50, 100_000)])) == [150]


@pytest.mark.parametrize("k", [2, 3, 10, 100])
def test_k_that_begin_together_take_k_times_as_long(k: int) -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1000.0, parallel=100))
    assert ends(lane, ListQueue([(NOW, 100_000)] * k)) == [100 * k] * k


def test_the_shorter_ones_leave_their_share_to_the_longer() -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1000.0))
    # 10 k each: at 30; then 20 k more of the other two: at 70; then 30 k more: at 100
    queue = ListQueue([(NOW, 10_000), (NOW, 30_000), (NOW, 60_000)])
    assert ends(lane, queue) == [30, 70, 100]


def test_who_comes_later_slows_down_who_is_there() -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1000.0))
    # alone for 50 ms, then each half: 50 k more take 100 ms; the rest of the second alone
    assert ends(lane, ListQueue([(NOW, 100_000), (NOW + 50, 100_000)])) == [150, 200]


def test_more_than_parallel_wait_in_order() -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1000.0, parallel=2))
    queue = ListQueue([(NOW, 100_000)] * 6)
    assert ends(lane, queue) == [200, 200, 400, 400, 600, 600]


def test_a_backlog_uses_the_whole_bandwidth_whatever_the_parallel() -> None:
    random.seed(5)
    sizes = [random.randrange(1, 200_000) for _ in range(2000)]
    for parallel in (1, 3, 16, 1000):
        lane = Lane(NOW, figures(bytes_per_ms=1000.0, parallel=parallel))
        assert max(ends(lane, ListQueue([(NOW, size) for size in sizes]))) == pytest.approx(
            sum(sizes) / 1000, abs=1.1
        )


def test_requests_begin_one_after_the_other() -> None:
    lane = Lane(NOW, figures(request_ms=2.5))
    got = ends(lane, ListQueue([(NOW, 1_000_000)] * 400))
    assert got == [-(-5 * number // 2) for number in range(400)]


def test_without_limits_everything_is_through_at_once() -> None:
    lane = Lane(NOW, figures())
    assert ends(lane, ListQueue([(NOW + 7, 10**12)] * 3000)) == [7] * 3000


def test_nothing_to_move_takes_a_turn_and_no_time() -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1.0, parallel=1))
    assert ends(lane, ListQueue([(NOW, 1000), (NOW, 0), (NOW, 500)])) == [1000, 1000, 1500]


def test_accelerated_bytes_are_as_many_times_as_fast() -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1000.0, acceleration=4.0))
    assert ends(lane, ListQueue([(NOW, 400_000, True)])) == [100]
    lane = Lane(NOW, figures(bytes_per_ms=1000.0, acceleration=4.0))
    assert ends(lane, ListQueue([(NOW, 400_000, True), (NOW, 400_000)])) == [200, 500]


def test_other_figures_count_at_once_for_what_is_in_flight() -> None:
    lane, queue = Lane(NOW, figures(bytes_per_ms=1000.0)), ListQueue([(NOW, 100_000)])
    assert passed(lane, queue, NOW + 40) == {}
    lane.change(figures(bytes_per_ms=100.0), NOW + 40)
    assert ends(lane, queue) == [40 + 600]


def test_nothing_moves_while_it_is_down_and_it_goes_on_after() -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1000.0, parallel=1))
    queue = ListQueue([(NOW, 100_000), (NOW, 100_000)])
    assert passed(lane, queue, NOW + 40) == {}
    lane.change(figures(bytes_per_ms=1000.0, parallel=1, down_since_ms=NOW + 40), NOW + 40)
    assert lane.next_ms(queue.copy()) is None
    assert lane.run(NOW + DAY_MS, queue) == []
    [flying] = lane.standing(NOW + DAY_MS)
    assert (flying.bytes_done, flying.ends_ms, flying.since_ms) == (40_000, None, NOW)
    lane.change(figures(bytes_per_ms=1000.0, parallel=1), NOW + DAY_MS)
    assert ends(lane, queue) == [DAY_MS + 60, DAY_MS + 160]


def test_where_a_transfer_stands_is_told_without_moving_it() -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1000.0))
    queue = ListQueue([(NOW, 100_000), (NOW + 10, 300_000)])
    passed(lane, queue, NOW + 10)
    for _ in range(2):
        one, other = lane.standing(NOW + 50)
        assert (one.bytes_done, one.ends_ms) == (30_000, NOW + 190)
        assert (other.bytes_done, other.since_ms, other.ends_ms) == (20_000, NOW + 10, NOW + 610)


def test_the_transfers_of_tasks_that_went_leave_their_share() -> None:
    lane, queue = Lane(NOW, figures(bytes_per_ms=1000.0)), ListQueue([(NOW, 100_000)] * 2)
    assert passed(lane, queue, NOW + 100) == {}
    lane.drop({1}, NOW + 100)
    assert lane.flying == [1]
    assert passed(lane, queue) == {1: NOW + 150}


def test_a_clock_that_goes_back_takes_the_lane_along() -> None:
    lane, queue = Lane(NOW, figures(bytes_per_ms=1000.0)), ListQueue([(NOW, 100_000)])
    assert passed(lane, queue, NOW + 40) == {}
    assert lane.run(NOW - DAY_MS, queue) == []
    assert passed(lane, queue) == {0: NOW - DAY_MS + 100}


def test_what_is_told_of_late_begins_when_it_should_have() -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1000.0))
    assert lane.run(NOW + 5000, ListQueue([])) == []
    found = lane.run(NOW + 5000, ListQueue([(NOW - 100, 100_000), (NOW, 50_000)]))
    assert [each.at_ms - NOW for each in found] == [0, 50]


def test_one_at_a_time_is_the_same_as_all_at_once() -> None:
    random.seed(8)
    tasks = [(NOW + random.randrange(3000), random.randrange(40_000)) for _ in range(400)]
    wanted = figures(bytes_per_ms=3000.0, request_ms=1.7, parallel=7)
    stepped = passed(Lane(NOW, wanted), ListQueue(tasks))
    at_once = Lane(NOW, wanted).run(NOW + DAY_MS, ListQueue(tasks))
    assert stepped == {each.task_id: each.at_ms for each in at_once}
    lane, queue = Lane(NOW, wanted), ListQueue(tasks)
    in_pieces: dict[int, int] = {}
    while found := lane.run(NOW + DAY_MS, queue, 9):
        assert len(found) <= 9
        in_pieces |= {each.task_id: each.at_ms for each in found}
    assert in_pieces == stepped


def reference(tasks: list[tuple[int, int]], rate: float, parallel: int) -> list[float]:
    """When each is through, worked out in small steps of time by definition."""
    left = [float(size) for _, size in tasks]
    end = [0.0] * len(tasks)
    flying: list[int] = []
    waiting = sorted(range(len(tasks)), key=lambda number: (tasks[number][0], number))
    now = 0.0
    while waiting or flying:
        while waiting and len(flying) < parallel and tasks[waiting[0]][0] <= now:
            flying.append(waiting.pop(0))
        coming = tasks[waiting[0]][0] if waiting and len(flying) < parallel else float("inf")
        if not flying:
            now = coming
            continue
        share = rate / len(flying)
        step = min(min(left[number] for number in flying) / share, coming - now)
        now += step
        for number in flying:
            left[number] -= share * step
        for number in [number for number in flying if left[number] <= 1e-7]:
            end[number] = now
            flying.remove(number)
    return end


@given(
    tasks=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 50_000)), min_size=1, max_size=25),
    rate=st.sampled_from([10.0, 333.3, 5000.0]),
    parallel=st.integers(1, 6),
)
def test_any_arrivals_pass_as_by_definition(
    tasks: list[tuple[int, int]], rate: float, parallel: int
) -> None:
    lane = Lane(NOW, figures(bytes_per_ms=rate, parallel=parallel))
    found = passed(lane, ListQueue([(NOW + at_ms, size) for at_ms, size in tasks]))
    for number, expected in enumerate(reference(tasks, rate, parallel)):
        assert expected - 0.01 <= found[number] - NOW <= expected + 1.01


def test_memory_does_not_grow_with_what_waits() -> None:
    lane = Lane(NOW, figures(bytes_per_ms=1000.0, parallel=16))
    queue = ListQueue([(NOW, 1000)] * 5000)
    flying: list[int] = []
    for at_ms in range(1, 5000):
        lane.run(NOW + at_ms, queue)
        flying.append(len(lane.flying))
    assert max(flying) == 16
