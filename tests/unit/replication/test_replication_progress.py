"""The two figures of GetBucketReplicationProgress."""

from __future__ import annotations

import msgspec
import pytest

from emulator.replication.progress import ProgressFigures, progress, progress_of
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import START_MS, World

NOW_MS = 1_000_000
QUIET = ProgressFigures(
    next_change_ms=None,
    oldest_task_ms=None,
    history_total=0,
    history_taken=0,
    open_history=0,
    history_done=True,
)


@pytest.mark.parametrize(
    ("next_change_ms", "oldest_task_ms", "expected"),
    [
        (None, None, NOW_MS),
        (NOW_MS - 5, None, NOW_MS - 5),
        (None, NOW_MS - 7, NOW_MS - 7),
        (NOW_MS - 5, NOW_MS - 7, NOW_MS - 7),
        (NOW_MS + 5, None, NOW_MS),  # the clock was set back
    ],
)
def test_watermark_is_the_oldest_unfinished_change(
    next_change_ms: int | None, oldest_task_ms: int | None, expected: int
) -> None:
    figures = msgspec.structs.replace(
        QUIET, next_change_ms=next_change_ms, oldest_task_ms=oldest_task_ms
    )
    assert progress(figures, NOW_MS).new_object_ms == expected


@pytest.mark.parametrize(
    ("total", "taken", "open_history", "done", "expected"),
    [
        (0, 0, 0, True, 1.0),
        (0, 0, 0, False, 0.0),
        (100, 0, 0, False, 0.0),
        (100, 40, 0, False, 0.4),
        (100, 40, 15, False, 0.25),
        (100, 10, 20, False, 0.0),
        (3, 1, 0, False, 0.33),
        (1000, 999, 0, False, 0.99),
        (1000, 1000, 0, False, 0.99),
        (1000, 1000, 1, True, 0.99),
        (100, 90, 10, True, 0.9),  # ten were removed before they were read
        (100, 90, 0, True, 1.0),
    ],
)
def test_ratio_counts_what_is_done(
    total: int, taken: int, open_history: int, done: bool, expected: float
) -> None:
    figures = msgspec.structs.replace(
        QUIET,
        history_total=total,
        history_taken=taken,
        open_history=open_history,
        history_done=done,
    )
    assert progress(figures, NOW_MS).historical_ratio == expected


async def test_watermark_stays_before_the_oldest_task_whatever_comes_after_it() -> None:
    world = World(settings=ReplicationSettings(start_delay_s=0, lag_s=60))
    await world.bucket("src")
    await world.bucket("dst")
    rule = await world.rule("src", "dst")
    await world.due()

    def watermark() -> int:
        with world.store.read() as view:
            found = view.rule_by_uid(rule.uid)
            assert found is not None
            return progress_of(view, found, world.clock.now_ms()).new_object_ms

    assert watermark() == START_MS
    world.clock.advance(1_000)
    await world.put("src", "a")
    assert watermark() == START_MS + 1_000
    world.clock.advance(1_000)
    await world.put("src", "b")
    await world.due()
    assert watermark() == START_MS + 1_000
    world.clock.set(START_MS + 61_000)
    await world.due()
    assert watermark() == START_MS + 2_000
    await world.settle()
    assert watermark() == world.clock.now_ms()
    await world.store.close()
