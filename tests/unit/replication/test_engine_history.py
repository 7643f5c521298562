"""Copying what was there before the rule: everything, in order, without passing new changes."""

from __future__ import annotations

import pytest

from emulator.replication.model import FailureReason, RuleState
from emulator.replication.progress import progress_of
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import (
    ACCOUNT_B,
    ROLE,
    World,
    bucket_policy,
    role_policy,
)


async def make_buckets(world: World, *, versioned: bool = True) -> None:
    await world.bucket("src", versioned=versioned)
    await world.bucket("dst", versioned=versioned)


def small_steps(batch_len: int = 2) -> World:
    """A world whose engine handles few things in a transaction."""
    return World(settings=ReplicationSettings(start_delay_s=0, batch_len=batch_len))


def ratio(world: World) -> float:
    with world.store.read() as view:
        (rule,) = view.rules()
        return progress_of(view, rule, world.clock.now_ms()).historical_ratio


@pytest.mark.parametrize("batch_len", [1, 2, 3, 256])
async def test_old_versions_and_markers_arrive_oldest_first(batch_len: int) -> None:
    world = small_steps(batch_len)
    await make_buckets(world)
    for number in range(4):
        await world.put("src", "b", b"%d" % number)
        await world.put("src", "a", b"%d" % number)
        await world.delete("src", "a")
    await world.put("src", "c\0\x01d", b"odd key")
    await world.rule("src", "dst", historical=True)
    counts = await world.due()
    assert counts.history == 13
    for key in ("a", "b", "c\0\x01d"):
        assert world.ids("dst", key) == world.ids("src", key)
        assert world.contents("dst", key) == world.contents("src", key)
    assert world.listed("dst") == world.listed("src") == ["b", "c\0\x01d"]
    assert ratio(world) == 1.0
    await world.store.close()


async def test_history_overwrites_an_object_of_the_same_name(world: World) -> None:
    await make_buckets(world, versioned=False)
    await world.put("src", "k", b"source")
    await world.put("dst", "k", b"native")
    await world.rule("src", "dst", historical=True)
    await world.due()
    assert world.contents("dst", "k") == [b"source"]


async def test_without_history_only_what_is_written_after_the_rule_is_copied(
    world: World,
) -> None:
    await make_buckets(world)
    await world.put("src", "old")
    await world.rule("src", "dst", historical=False)
    await world.put("src", "new")
    await world.due()
    assert world.listed("dst") == ["new"]


async def test_new_change_of_a_key_not_read_yet_comes_after_its_history() -> None:
    world = small_steps(1)
    await make_buckets(world)
    for number in range(3):
        await world.put("src", "z", b"old %d" % number)
        await world.put("src", f"a{number}")
    await world.rule("src", "dst", historical=True)
    await world.put("src", "z", b"new")
    await world.delete("src", "z")
    await world.due()
    assert world.ids("dst", "z") == world.ids("src", "z")
    assert world.contents("dst", "z")[-2:] == [b"new", None]
    assert len(world.stack("dst", "z")) == 5
    await world.store.close()


async def test_delayed_change_of_a_key_not_read_yet_comes_after_its_history() -> None:
    settings = ReplicationSettings(start_delay_s=0, batch_len=1, lag_s=30)
    world = World(settings=settings)
    await make_buckets(world)
    await world.put("src", "a")
    await world.put("src", "z", b"old")
    world.clock.advance(20_000)
    await world.rule("src", "dst", historical=True)
    await world.put("src", "z", b"new")
    await world.due()
    assert world.stack("dst", "z") == []
    await world.settle()
    assert world.contents("dst", "z") == [b"old", b"new"]
    await world.store.close()


async def test_null_version_of_the_time_before_versioning_is_copied_once() -> None:
    world = small_steps(1)
    await make_buckets(world, versioned=False)
    await world.put("src", "k", b"null")
    await world.put("dst", "k", b"native null")
    from emulator.domain import buckets
    from emulator.domain.model import Versioning

    for name in ("src", "dst"):
        await world.write(
            lambda tx, name=name: buckets.set_versioning(  # type: ignore[misc]  # bound early
                tx, World._bucket(tx, name), Versioning.ENABLED
            )
        )
    await world.put("src", "k", b"versioned")
    await world.rule("src", "dst", historical=True)
    await world.put("src", "k", b"new")
    await world.due()
    assert world.ids("dst", "k") == world.ids("src", "k")
    assert world.contents("dst", "k") == [b"null", b"versioned", b"new"]
    assert world.listed("dst") == ["k"]
    await world.store.close()


async def test_refused_history_becomes_tasks_and_the_ratio_never_falls() -> None:
    world = small_steps(3)
    await world.role(role_policy(["src"]))
    await world.bucket("src")
    half = bucket_policy("dst").replace("dst/*", "dst/good*")
    await world.bucket("dst", owner_uid=ACCOUNT_B, policy=half)
    for number in range(10):
        await world.put("src", f"good{number}")
        await world.put("src", f"bad{number}")
    rule = await world.rule("src", "dst", historical=True, sync_role=ROLE)
    await world.put("src", "bad9", b"new version, while its history is not read yet")
    seen = [ratio(world)]
    for _ in range(40):
        await world.engine.run_due(limit=1)
        seen.append(ratio(world))
    assert seen == sorted(seen)
    assert seen[-1] == 0.5
    assert len(world.listed("dst")) == 10
    assert world.tasks(rule, "bad9")[0].change.seq == 0
    await world.set_policy("dst", bucket_policy("dst"))
    await world.settle()
    assert ratio(world) == 1.0
    assert world.ids("dst", "bad9") == world.ids("src", "bad9")
    await world.store.close()


@pytest.mark.parametrize("side", ["source", "destination"])
async def test_history_waits_for_the_right_to_list_and_new_data_does_not(side: str) -> None:
    world = World()
    get_only = ["oss:ReplicateGet"]
    await world.role(role_policy(["src"], get_only) if side == "source" else role_policy(["src"]))
    await world.bucket("src")
    rights = ["oss:ReplicateGet", "oss:ReplicatePut"]
    policy = bucket_policy("dst") if side == "source" else bucket_policy("dst", rights)
    await world.bucket("dst", owner_uid=ACCOUNT_B, policy=policy)
    await world.put("src", "old")
    await world.rule("src", "dst", historical=True, sync_role=ROLE, action="PUT")
    await world.put("src", "new")
    counts = await world.settle()
    assert counts.paused > 0
    assert counts.failed == 0
    assert world.listed("dst") == ["new"]
    assert ratio(world) == 0.0
    await world.role(role_policy(["src"]))
    await world.set_policy("dst", bucket_policy("dst"))
    await world.settle()
    assert world.listed("dst") == ["new", "old"]
    assert ratio(world) == 1.0
    await world.store.close()


async def test_missing_destination_pauses_history_instead_of_storing_a_task_for_each_object(
    world: World,
) -> None:
    await make_buckets(world)
    for number in range(50):
        await world.put("src", f"k{number}")
    rule = await world.rule("src", "dst", historical=True)
    await world.delete_bucket("dst")
    counts = await world.due()
    assert (counts.paused, counts.failed) == (1, 0)
    with world.store.read() as view:
        assert not view.has_tasks(rule.uid)
    await world.bucket("dst")
    await world.settle()
    assert len(world.listed("dst")) == 50


async def test_versions_removed_before_they_were_read_count_as_done() -> None:
    world = small_steps(1)
    await make_buckets(world)
    versions = [await world.put("src", f"k{number}") for number in range(4)]
    await world.rule("src", "dst", historical=True)
    await world.engine.run_due(limit=2)
    await world.delete_version("src", "k3", versions[3].version_id)
    await world.due()
    assert world.listed("dst") == ["k0", "k1", "k2"]
    assert ratio(world) == 1.0
    await world.store.close()


async def test_history_of_a_closing_rule_is_left_where_it_is() -> None:
    world = World(settings=ReplicationSettings(start_delay_s=0, close_delay_s=60, batch_len=1))
    await make_buckets(world)
    for number in range(10):
        await world.put("src", f"k{number}")
    rule = await world.rule("src", "dst", historical=True)
    await world.engine.run_due(limit=3)
    await world.close_rule(rule)
    copied = len(world.listed("dst"))
    await world.settle()
    assert 0 < copied < 10
    assert len(world.listed("dst")) == copied
    with world.store.read() as view:
        assert view.rules() == []
    await world.store.close()


async def test_reason_of_a_refused_historical_version_is_stored(world: World) -> None:
    await world.role(role_policy(["src"]))
    await world.bucket("src")
    lists = ["oss:ReplicateList", "oss:ReplicateGet"]
    await world.bucket("dst", owner_uid=ACCOUNT_B, policy=bucket_policy("dst", lists))
    await world.put("src", "k")
    rule = await world.rule("src", "dst", historical=True, sync_role=ROLE)
    await world.due()
    (task,) = world.tasks(rule, "k")
    assert task.change.seq == 0
    assert task.refusal is not None
    assert task.refusal.reason is FailureReason.DESTINATION_WRITE_DENIED
    assert rule.state is RuleState.STARTING


async def test_history_of_a_key_longer_than_a_transaction_still_comes_first() -> None:
    world = small_steps(4)
    await make_buckets(world)
    await world.put("src", "a")
    for number in range(23):
        await world.put("src", "z", b"old %d" % number)
    await world.put("src", "y")
    await world.rule("src", "dst", historical=True)
    await world.put("src", "z", b"new")
    await world.put("src", "z", b"newer")
    for _ in range(4):
        await world.engine.run_due(limit=1)
    assert 0 < len(world.stack("dst", "z")) < 23
    counts = await world.due()
    assert world.ids("dst", "z") == world.ids("src", "z")
    assert counts.applied <= 27
    assert ratio(world) == 1.0
    await world.store.close()


async def test_long_history_of_a_key_keeps_its_order_when_it_is_refused() -> None:
    world = small_steps(2)
    await world.role(role_policy(["src"]))
    await world.bucket("src")
    await world.bucket("dst", owner_uid=ACCOUNT_B)
    for number in range(7):
        await world.put("src", "z", b"old %d" % number)
    await world.rule("src", "dst", historical=True, sync_role=ROLE)
    await world.put("src", "z", b"new")
    await world.due()
    assert world.stack("dst", "z") == []
    await world.set_policy("dst", bucket_policy("dst"))
    await world.settle()
    assert world.ids("dst", "z") == world.ids("src", "z")
    await world.store.close()
