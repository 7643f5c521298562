"""Rules over their life, and rules beside and behind each other."""

from __future__ import annotations

import pytest

from emulator.replication.model import FailureReason, RuleState
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import START_MS, World


async def three_buckets(world: World) -> None:
    for name in ("a", "b", "c"):
        await world.bucket(name)


def rules_of(world: World, bucket: str) -> list[RuleState]:
    with world.store.read() as view:
        found = view.bucket(bucket)
        assert found is not None
        return [rule.state for rule in view.rules_of(found.id)]


async def test_nothing_is_copied_before_the_start_and_nothing_is_forgotten() -> None:
    world = World(settings=ReplicationSettings(start_delay_s=180))
    await three_buckets(world)
    await world.put("a", "before the rule")
    await world.rule("a", "b")
    await world.put("a", "while starting")
    assert (await world.due()).handled == 0
    assert world.engine.next_due_ms() == START_MS + 180_000
    world.clock.advance(180_000)
    await world.due()
    assert rules_of(world, "a") == [RuleState.DOING]
    assert world.listed("b") == ["while starting"]
    await world.store.close()


async def test_changes_after_the_delete_are_not_copied_and_the_rule_goes() -> None:
    world = World(settings=ReplicationSettings(start_delay_s=0, close_delay_s=60))
    await three_buckets(world)
    rule = await world.rule("a", "b")
    await world.due()
    await world.put("a", "before")
    await world.close_rule(rule)
    await world.put("a", "after")
    await world.due()
    assert rules_of(world, "a") == [RuleState.CLOSING]
    assert world.listed("b") == ["before"]
    world.clock.advance(60_000)
    assert (await world.due()).closed == 1
    assert rules_of(world, "a") == []
    assert world.engine.next_due_ms() is None
    await world.store.close()


async def test_rule_deleted_before_it_started_copies_nothing() -> None:
    world = World(settings=ReplicationSettings(start_delay_s=10, close_delay_s=60))
    await three_buckets(world)
    rule = await world.rule("a", "b", historical=True)
    await world.put("a", "k")
    await world.close_rule(rule)
    await world.settle()
    assert world.listed("b") == []
    assert rules_of(world, "a") == []
    await world.store.close()


async def test_no_task_of_an_old_rule_is_applied_to_one_made_again_with_its_id() -> None:
    world = World(settings=ReplicationSettings(start_delay_s=0, close_delay_s=0, lag_s=100))
    await three_buckets(world)
    old = await world.rule("a", "b", rule_id="r")
    await world.put("a", "k")
    assert (await world.due()).pending == 1
    await world.close_rule(old)
    assert (await world.due()).closed == 1
    new = await world.rule("a", "b", rule_id="r")
    assert new.uid != old.uid
    await world.settle()
    assert world.listed("b") == []
    await world.put("a", "second")
    await world.settle()
    assert world.listed("b") == ["second"]
    await world.store.close()


async def test_every_rule_of_a_bucket_gets_every_change(world: World) -> None:
    await three_buckets(world)
    await world.rule("a", "b")
    await world.due()
    await world.put("a", "1")
    await world.due()
    await world.rule("a", "c", action="PUT")
    versions = {await world.put("a", "2"), await world.put("a", "2")}
    await world.delete("a", "1")
    await world.due()
    assert world.listed("b") == ["2"]
    assert world.listed("c") == ["2"]
    assert len(world.stack("b", "1")) == 2
    assert len(world.stack("c", "1")) == 1  # its object was written before the rule
    expected = {version.version_id for version in versions}
    assert set(world.ids("b", "2")) == set(world.ids("c", "2")) == expected


async def test_ring_of_two_is_quiet_after_one_replica(world: World) -> None:
    await three_buckets(world)
    await world.rule("a", "b")
    await world.rule("b", "a")
    in_a = await world.put("a", "from a")
    in_b = await world.put("b", "from b")
    counts = await world.due()
    assert (counts.applied, counts.pending, counts.failed) == (2, 0, 0)
    for bucket in ("a", "b"):
        assert world.ids(bucket, "from a") == [in_a.version_id]
        assert world.ids(bucket, "from b") == [in_b.version_id]
    assert (await world.due()).handled == 0


async def test_ring_deletes_travel_once(world: World) -> None:
    await three_buckets(world)
    await world.rule("a", "b")
    await world.rule("b", "a")
    version = await world.put("a", "k")
    await world.due()
    await world.delete_version("b", "k", version.version_id)
    counts = await world.due()
    assert counts.applied == 1
    assert world.stack("a", "k") == world.stack("b", "k") == []


async def test_ring_with_a_third_bucket_never_copies_what_it_just_removed(world: World) -> None:
    await three_buckets(world)
    await world.rule("a", "b")
    await world.rule("b", "a")
    version = await world.put("a", "k", b"bytes")
    await world.due()
    await world.rule("a", "c")
    await world.due()
    # In one transaction: b's delete reaches a, and c asks a for the version that is going.
    await world.update("a", version, tags={"t": "1"})
    await world.put("a", "k2")
    await world.delete_version("b", "k", version.version_id)
    await world.due()
    assert world.stack("a", "k") == []
    assert world.listed("c") == ["k2"]


async def test_replicas_do_not_travel_on_but_client_writes_do(world: World) -> None:
    await three_buckets(world)
    await world.rule("a", "b")
    await world.rule("b", "c", historical=True)
    await world.put("a", "from a")
    await world.due()
    await world.put("b", "from b")
    await world.due()
    assert world.listed("b") == ["from a", "from b"]
    assert world.listed("c") == ["from b"]


async def test_rules_vanish_with_their_source_bucket(world: World) -> None:
    await three_buckets(world)
    await world.rule("a", "b")
    await world.due()
    await world.delete_bucket("a")
    assert (await world.due()).handled == 0
    with world.store.read() as view:
        assert view.rules() == []
        assert view.open_task_counts() == {}


async def test_destination_deleted_fails_its_tasks_and_leaves_other_rules_alone(
    world: World,
) -> None:
    await three_buckets(world)
    to_b = await world.rule("a", "b")
    await world.rule("a", "c")
    await world.due()
    await world.delete_bucket("b")
    version = await world.put("a", "k")
    counts = await world.due()
    assert (counts.applied, counts.failed) == (1, 1)
    (task,) = world.tasks(to_b, "k")
    assert task.refusal is not None
    assert task.refusal.reason is FailureReason.DESTINATION_BUCKET_MISSING
    assert rules_of(world, "a") == [RuleState.DOING, RuleState.DOING]
    assert world.listed("c") == ["k"]

    await world.bucket("b")
    await world.settle()
    assert world.ids("b", "k") == [version.version_id]


@pytest.mark.parametrize("historical", [True, False])
async def test_destination_made_again_elsewhere_is_not_the_one_meant(
    world: World, historical: bool
) -> None:
    await three_buckets(world)
    await world.put("a", "old")
    rule = await world.rule("a", "b", historical=historical)
    await world.delete_bucket("b")
    await world.bucket("b", region="cn-beijing")
    await world.put("a", "k")
    await world.settle()
    (task,) = world.tasks(rule, "k")
    assert task.refusal is not None
    assert task.refusal.reason is FailureReason.DESTINATION_BUCKET_MISSING
    assert world.listed("b") == []


async def test_changes_are_forgotten_when_every_rule_has_taken_them_in() -> None:
    settings = ReplicationSettings(start_delay_s=0, change_history_len=5)
    world = World(settings=settings)
    await three_buckets(world)
    await world.rule("a", "b")
    for number in range(20):
        await world.put("a", f"k{number}")
    await world.due()
    with world.store.read() as view:
        bucket = view.bucket("a")
        assert bucket is not None
        kept = view.changes_after(bucket.id, 0, limit=100)
    assert [change.key for change, _ in kept] == [f"k{n}" for n in range(15, 20)]
    await world.store.close()


async def test_many_rules_share_the_work_fairly() -> None:
    settings = ReplicationSettings(start_delay_s=0, batch_len=8)
    world = World(settings=settings)
    await world.bucket("src")
    for number in range(20):
        await world.bucket(f"dst{number:02d}")
        await world.rule("src", f"dst{number:02d}")
    await world.due()
    for number in range(30):
        await world.put("src", f"k{number}")
    counts = await world.due()
    assert counts.applied == 600
    await world.store.close()


@pytest.mark.parametrize("shape", ["ring of ten", "mesh of six"])
async def test_rings_and_meshes_write_no_more_than_one_replica_for_each_rule_and_write(
    world: World, shape: str
) -> None:
    names = [f"bucket{number}" for number in range(10 if shape == "ring of ten" else 6)]
    for name in names:
        await world.bucket(name)
    for number, name in enumerate(names):
        following = [names[(number + 1) % len(names)]]
        for other in following if shape == "ring of ten" else set(names) - {name}:
            await world.rule(name, other, historical=True)
    await world.due()
    for name in names:
        await world.put(name, "shared")
        await world.put(name, name)
    counts = await world.due()
    rules_each = 1 if shape == "ring of ten" else 5
    assert counts.applied == 2 * rules_each * len(names)
    assert (await world.due()).handled == 0
