"""First in, first out for each rule and key; no key holds up another; refused work is retried."""

from __future__ import annotations

import asyncio

from emulator.clock import VirtualClock
from emulator.replication.engine import Engine
from emulator.replication.model import FailureReason, TaskState
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import (
    ACCOUNT_B,
    DESTINATION_ACTIONS,
    ROLE,
    SOURCE_ACTIONS,
    START_MS,
    World,
    bucket_policy,
    role_policy,
)


async def make_cross_account(world: World, *, policy: str) -> None:
    await world.role(role_policy(["src"], SOURCE_ACTIONS))
    await world.bucket("src")
    await world.bucket("dst", owner_uid=ACCOUNT_B, region="cn-shanghai", policy=policy)


async def test_versions_of_one_key_arrive_in_order(world: World) -> None:
    await world.bucket("src")
    await world.bucket("dst")
    await world.rule("src", "dst")
    versions = [await world.put("src", "k", b"%d" % n) for n in range(600)]
    counts = await world.due()
    assert counts.applied == 600
    assert world.ids("dst", "k") == [version.version_id for version in versions]
    assert world.listed("dst") == ["k"]


async def test_later_changes_of_a_refused_key_wait_behind_it_and_other_keys_do_not() -> None:
    world = World()
    await make_cross_account(world, policy="")
    rule = await world.rule("src", "dst", sync_role=ROLE)
    # The policy covers one key alone, so that the other is refused.
    only_good = bucket_policy("dst").replace("dst/*", "dst/good")
    await world.set_policy("dst", only_good)
    for key in ("bad", "good", "bad", "good"):
        await world.put("src", key)
    counts = await world.due()
    assert (counts.applied, counts.failed, counts.pending) == (2, 1, 1)
    assert len(world.stack("dst", "good")) == 2
    assert world.stack("dst", "bad") == []
    head, queued = world.tasks(rule, "bad")
    assert (head.state, head.attempts) == (TaskState.FAILED, 1)
    assert (queued.state, queued.attempts) == (TaskState.QUEUED, 0)
    assert head.refusal is not None
    assert head.refusal.reason is FailureReason.DESTINATION_READ_DENIED

    await world.put("src", "good")
    await world.due()
    assert len(world.stack("dst", "good")) == 3
    await world.store.close()


async def test_repair_is_enough_for_waiting_work_to_go_through_in_order() -> None:
    world = World()
    await make_cross_account(world, policy="")
    rule = await world.rule("src", "dst", sync_role=ROLE)
    versions = [await world.put("src", "k", b"%d" % n) for n in range(5)]
    await world.due()
    assert world.stack("dst", "k") == []
    await world.set_policy("dst", bucket_policy("dst"))
    assert (await world.due()).handled == 0  # not before its time
    await world.settle()
    assert world.ids("dst", "k") == [version.version_id for version in versions]
    assert world.tasks(rule, "k") == []
    await world.store.close()


async def test_right_taken_away_counts_for_the_very_next_change() -> None:
    world = World()
    await make_cross_account(world, policy=bucket_policy("dst"))
    await world.rule("src", "dst", sync_role=ROLE)
    await world.put("src", "before")
    await world.due()
    await world.set_policy("dst", "")
    await world.put("src", "after")
    await world.due()
    assert world.listed("dst") == ["before"]
    await world.set_policy("dst", bucket_policy("dst"))
    await world.role(role_policy(["elsewhere"]))
    await world.put("src", "role without rights")
    await world.due()
    assert world.listed("dst") == ["before"]
    await world.store.close()


async def test_retry_delay_doubles_on_the_clock_up_to_its_cap() -> None:
    settings = ReplicationSettings(start_delay_s=0, retry_delay_s=1, retry_delay_s_max=5)
    world = World(settings=settings)
    await make_cross_account(world, policy="")
    await world.rule("src", "dst", sync_role=ROLE)
    await world.put("src", "k")
    await world.due()
    waits_ms = []
    for _ in range(5):
        due_ms = world.engine.next_due_ms()
        assert due_ms is not None
        waits_ms.append(due_ms - world.clock.now_ms())
        world.clock.set(due_ms - 1)
        assert (await world.due()).handled == 0
        world.clock.set(due_ms)
        assert (await world.due()).refused == 1
    assert waits_ms == [1000, 2000, 4000, 5000, 5000]
    await world.store.close()


async def test_change_is_due_after_the_lag_and_later_ones_of_its_key_queue_behind_it() -> None:
    world = World(settings=ReplicationSettings(start_delay_s=0, lag_s=10))
    await world.bucket("src")
    await world.bucket("dst")
    rule = await world.rule("src", "dst")
    first = await world.put("src", "k", b"1")
    await world.due()
    world.clock.advance(4_000)
    second = await world.put("src", "k", b"2")
    counts = await world.due()
    assert (counts.applied, counts.pending) == (0, 2)
    assert [t.state for t in world.tasks(rule, "k")] == [TaskState.WAITING, TaskState.QUEUED]
    assert world.engine.next_due_ms() == START_MS + 10_000
    world.clock.set(START_MS + 10_000)
    await world.due()
    assert world.ids("dst", "k") == [first.version_id]
    world.clock.set(START_MS + 14_000)
    await world.due()
    assert world.ids("dst", "k") == [first.version_id, second.version_id]
    await world.store.close()


async def test_settle_steps_a_virtual_clock_until_nothing_is_left() -> None:
    world = World(settings=ReplicationSettings(start_delay_s=200, lag_s=60))
    await world.bucket("src")
    await world.bucket("dst")
    await world.rule("src", "dst")
    await world.put("src", "k")
    assert (await world.engine.settle(None)).handled == 0
    counts = await world.settle()
    assert (counts.started, counts.applied, counts.pending, counts.failed) == (1, 1, 0, 0)
    assert world.clock.now_ms() == START_MS + 200_000
    await world.store.close()


async def test_settle_ends_although_refused_work_never_goes_through() -> None:
    world = World()
    await make_cross_account(world, policy="")
    await world.rule("src", "dst", sync_role=ROLE)
    for number in range(10):
        await world.put("src", f"k{number}")
    counts = await world.settle()
    assert (counts.applied, counts.failed, counts.pending) == (0, 10, 0)
    assert counts.refused == 20  # once at first, once more in settling
    await world.store.close()


async def test_role_that_is_always_refused_costs_no_busy_loop() -> None:
    world = World()
    await make_cross_account(world, policy="")
    await world.rule("src", "dst", sync_role=ROLE)
    await world.put("src", "k")
    await world.due()
    for _ in range(10):
        assert (await world.due()).handled == 0
    due_ms = world.engine.next_due_ms()
    assert due_ms is not None
    assert due_ms > world.clock.now_ms()
    await world.store.close()


async def test_backlog_of_failed_tasks_drains_after_repair() -> None:
    world = World()
    await make_cross_account(world, policy=bucket_policy("dst", DESTINATION_ACTIONS[:2]))
    await world.rule("src", "dst", sync_role=ROLE)
    for number in range(1000):
        await world.put("src", f"k{number:04d}")
    assert (await world.due()).failed == 1000
    await world.set_policy("dst", bucket_policy("dst"))
    counts = await world.settle()
    assert (counts.applied, counts.failed, counts.pending) == (1000, 0, 0)
    assert len(world.listed("dst")) == 1000
    await world.store.close()


async def test_owner_task_works_when_woken_and_when_the_clock_moves() -> None:
    clock = VirtualClock(START_MS)
    world = World(settings=ReplicationSettings(start_delay_s=5), clock=clock)
    await world.bucket("src")
    await world.bucket("dst")
    await world.rule("src", "dst")
    await world.put("src", "k")
    owner = asyncio.ensure_future(world.engine.run())
    try:
        clock.advance(5_000)
        async with asyncio.timeout(5):
            while not world.stack("dst", "k"):
                await world.write(lambda tx: None)
            await world.put("src", "second")
            world.engine.wake()
            while not world.stack("dst", "second"):
                await world.write(lambda tx: None)
    finally:
        owner.cancel()
        await asyncio.gather(owner, return_exceptions=True)
    await world.store.close()


class HastyClock(VirtualClock):
    """Ten seconds pass between any two looks at it, as on a fast clock with much to do."""

    def now_ms(self) -> int:
        self.advance(10_000)
        return self._now_ms


async def test_what_comes_to_be_due_meanwhile_is_left_for_the_next_time() -> None:
    world = World()
    await make_cross_account(world, policy="")
    await world.rule("src", "dst", sync_role=ROLE)
    for number in range(10):
        await world.put("src", f"k{number}")
    await world.due()
    hasty = Engine(world.store, HastyClock(START_MS + 60_000), world.engine._tools)
    async with asyncio.timeout(10):
        assert (await hasty.settle(None)).refused >= 10
    await world.store.close()
