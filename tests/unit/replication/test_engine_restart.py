"""Stopped anywhere, the engine goes on where the last commit left it."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.clock import VirtualClock
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import START_MS, World

SETTINGS = ReplicationSettings(start_delay_s=0, batch_len=4)


async def reopened(world: World, folder: Path, seed: int) -> World:
    await world.store.close()
    return World(settings=SETTINGS, folder=folder, clock=world.clock, seed=seed)


@pytest.mark.parametrize("historical", [True, False])
async def test_restart_in_the_middle_loses_nothing_and_doubles_nothing(
    tmp_path: Path, historical: bool
) -> None:
    world = World(settings=SETTINGS, folder=tmp_path, clock=VirtualClock(START_MS))
    await world.bucket("src")
    await world.bucket("dst")
    if historical:
        for number in range(30):
            await world.put("src", f"k{number % 10}", b"old %d" % number)
    await world.rule("src", "dst", historical=historical)
    for number in range(30):
        await world.put("src", f"k{number % 10}", b"new %d" % number)
    await world.delete("src", "k3")
    applied = 0
    for seed in range(200):
        counts = await world.engine.run_due(limit=1)
        applied += counts.applied
        if counts.handled == 0:
            break
        world = await reopened(world, tmp_path, seed)
    assert applied == (61 if historical else 31)
    for number in range(10):
        key = f"k{number}"
        assert world.ids("dst", key) == world.ids("src", key)
        assert world.contents("dst", key) == world.contents("src", key)
    await world.store.close()


async def test_refused_work_keeps_its_attempts_and_its_due_time_over_a_restart(
    tmp_path: Path,
) -> None:
    world = World(settings=SETTINGS, folder=tmp_path, clock=VirtualClock(START_MS))
    await world.bucket("src")
    await world.bucket("dst")
    rule = await world.rule("src", "dst")
    await world.due()
    await world.delete_bucket("dst")
    await world.put("src", "k")
    await world.due()
    world.clock.advance(1_000)
    await world.due()
    before = world.tasks(rule, "k")
    world = await reopened(world, tmp_path, 1)
    assert world.tasks(rule, "k") == before
    assert before[0].attempts == 2
    assert (await world.due()).handled == 0
    assert world.engine.next_due_ms() == before[0].due_ms
    await world.store.close()
