"""Readings of a bucket become one when they meet, and nothing is forgotten that one still wants."""

from __future__ import annotations

import pytest

from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import World

_STARTS_S = 60


@pytest.mark.parametrize("history_len", [0, 3])
async def test_changes_stay_for_a_rule_that_has_not_started(history_len: int) -> None:
    settings = ReplicationSettings(
        start_delay_s=_STARTS_S, batch_len=8, change_history_len=history_len
    )
    world = World(settings=settings)
    for name in ("a", "b", "c"):
        await world.bucket(name)
    await world.rule("a", "b")
    world.clock.advance(_STARTS_S * 1000)
    await world.due()
    await world.rule("a", "c")
    keys = [f"k{number:02d}" for number in range(40)]
    for key in keys:
        await world.put("a", key)
        await world.due()
    assert world.listed("b") == keys
    assert world.listed("c") == []
    world.clock.advance(_STARTS_S * 1000)
    await world.settle()
    assert world.listed("c") == keys
    with world.store.read() as view:
        bucket = view.bucket("a")
        assert bucket is not None
        kept = view.changes_after(bucket.id, 0, limit=100)
    assert len(kept) <= history_len + settings.batch_len  # and are forgotten after it
    await world.store.close()


async def test_rules_that_began_at_different_times_come_to_read_together() -> None:
    world = World(settings=ReplicationSettings(start_delay_s=0, batch_len=8))
    await world.bucket("a")
    for number in range(4):
        await world.bucket(f"dst{number}")
        await world.rule("a", f"dst{number}")
        await world.engine.run_due(limit=1)  # the rule begins, and the others are left behind
        for key in range(10):
            await world.put("a", f"k{number}{key}")
    with world.store.read() as view:
        assert len(view.unread_readings(0, 10)) > 1
    await world.due()
    await world.put("a", "last")
    with world.store.read() as view:
        assert len(view.unread_readings(0, 10)) == 1
    await world.due()
    assert {name: len(world.listed(name)) for name in ("dst0", "dst1", "dst2", "dst3")} == {
        "dst0": 41,
        "dst1": 31,
        "dst2": 21,
        "dst3": 11,
    }
    await world.store.close()
