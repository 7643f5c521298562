"""What the engine notes of each rule, in the transaction of the effect."""

from __future__ import annotations

import pytest

from emulator.replication.figures import RuleFigures, rule_figures
from emulator.replication.journal_ports import RuleStats, Traffic
from emulator.replication.model import Rule
from emulator.replication.outcomes import Outcome
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import ROLE, World, role_policy

SOURCE_ALONE = role_policy(["src-bucket"])
BOTH = role_policy(
    ["src-bucket", "dest-bucket"],
    ["oss:ReplicateList", "oss:ReplicateGet", "oss:ReplicatePut", "oss:ReplicateDelete"],
)


async def world_with(settings: ReplicationSettings | None = None, *, seed: int = 7) -> World:
    world = World(settings=settings, seed=seed)
    await world.bucket("src-bucket")
    await world.bucket("dest-bucket", region="cn-shanghai")
    return world


def stats(world: World, rule: Rule) -> RuleStats:
    with world.store.read() as view:
        return view.rule_stats(rule.uid)


def figures(world: World, *rules: Rule) -> list[RuleFigures]:
    with world.store.read() as view:
        found = [view.rule_by_uid(rule.uid) for rule in rules]
        return rule_figures(view, [each for each in found if each], world.clock.now_ms())


def of(world: World, rule: Rule) -> RuleFigures:
    return figures(world, rule)[0]


async def test_new_objects_history_and_the_rest_are_counted_apart() -> None:
    world = await world_with()
    await world.put("src-bucket", "old", b"12345")
    rule = await world.rule("src-bucket", "dest-bucket", historical=True)
    await world.put("src-bucket", "new", b"123")
    await world.settle()
    await world.put("src-bucket", "new", b"1234")
    await world.delete("src-bucket", "old")
    await world.settle()
    noted = stats(world, rule)
    assert (noted.objects, noted.objects_bytes) == (2, 7)
    assert (noted.history_objects, noted.history_bytes) == (1, 5)
    assert noted.effects == {"copy-version": 3, "copy-marker": 1}
    assert noted.latency.objects == 2
    with world.store.read() as view:
        assert view.traffic() == [Traffic("dest-bucket", 0, 12), Traffic("src-bucket", 12, 0)]


async def test_latency_is_from_the_write_to_the_replica() -> None:
    world = await world_with(ReplicationSettings(start_delay_s=0, lag_s=2.5))
    rule = await world.rule("src-bucket", "dest-bucket")
    await world.settle()
    await world.put("src-bucket", "k")
    await world.settle()
    assert stats(world, rule).latency.counts == {2_500: 1}


async def test_skips_and_refusals_have_their_reasons() -> None:
    world = await world_with(ReplicationSettings(start_delay_s=0, retry_delay_s=1))
    await world.role(SOURCE_ALONE)
    await world.bucket("third")
    rule = await world.rule("src-bucket", "dest-bucket", sync_role=ROLE, action="PUT")
    into = await world.rule("third", "src-bucket")
    await world.settle()
    await world.put("third", "replica")
    await world.put("src-bucket", "k")
    await world.settle()
    version = await world.put("src-bucket", "gone")
    await world.delete_version("src-bucket", "gone", version.version_id)
    await world.settle()
    noted = stats(world, rule)
    assert noted.objects == 0
    assert set(noted.refused) == {"destination-read-denied"}
    assert noted.refused["destination-read-denied"] == noted.retries + 1
    assert noted.skipped == {"deletes-not-replicated": 1, "source-gone": 1}
    assert stats(world, into).objects == 1
    assert (of(world, rule).failed, of(world, rule).pending) == (1, 0)


async def test_a_reading_of_history_that_is_refused_is_counted() -> None:
    world = await world_with()
    await world.role(role_policy(["src-bucket"], ["oss:ReplicateGet"]))
    await world.put("src-bucket", "k")
    rule = await world.rule("src-bucket", "dest-bucket", sync_role=ROLE, historical=True)
    await world.settle()
    assert stats(world, rule).refused.keys() == {"source-list-denied"}


async def test_what_is_left_is_counted_without_reading_it() -> None:
    world = await world_with(ReplicationSettings(start_delay_s=0, retry_delay_s=1))
    await world.role(SOURCE_ALONE)
    rule = await world.rule("src-bucket", "dest-bucket", sync_role=ROLE)
    await world.due()
    for data in (b"1", b"22"):
        await world.put("src-bucket", "same", data)
    await world.put("src-bucket", "other", b"333")
    untaken = of(world, rule)
    assert (untaken.pending, untaken.pending_bytes, untaken.failed) == (3, 6, 0)
    await world.due()
    left = of(world, rule)
    assert (left.failed, left.failed_bytes, left.pending, left.pending_bytes) == (2, 4, 1, 2)
    await world.role(BOTH)
    world.clock.advance(1_000)
    await world.due()
    left = of(world, rule)
    assert (left.failed, left.pending, left.latency_ms) == (0, 0, 0)
    with world.store.read() as view:
        assert view.open_tasks(rule.uid).total == 0
    assert stats(world, rule).retries == 2


async def test_the_destination_is_as_far_behind_as_the_oldest_change() -> None:
    world = await world_with(ReplicationSettings(start_delay_s=60))
    rule = await world.rule("src-bucket", "dest-bucket")
    world.clock.advance(10_000)
    await world.put("src-bucket", "k")
    world.clock.advance(5_000)
    await world.put("src-bucket", "l")
    await world.due()
    assert of(world, rule).latency_ms == 5_000
    assert of(world, rule).historical_ratio == 0.0
    await world.settle()
    assert of(world, rule).latency_ms == 0


async def test_rules_that_stand_together_share_the_reading_of_changes() -> None:
    world = await world_with()
    await world.bucket("third")
    one = await world.rule("src-bucket", "dest-bucket")
    two = await world.rule("src-bucket", "third")
    await world.due()
    await world.put("src-bucket", "k", b"12")
    assert [each.pending_bytes for each in figures(world, one, two)] == [2, 2]
    assert figures(world) == []


async def test_a_bounded_number_of_changes_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.replication.figures._UNTAKEN_MAX", 2)
    world = await world_with()
    rule = await world.rule("src-bucket", "dest-bucket")
    for number in range(3):
        await world.put("src-bucket", f"k{number}")
    assert (of(world, rule).pending, of(world, rule).pending_is_cut) == (2, True)


async def test_notes_go_with_the_rule() -> None:
    world = await world_with()
    rule = await world.rule("src-bucket", "dest-bucket")
    await world.put("src-bucket", "k")
    await world.settle()
    assert stats(world, rule).objects == 1
    await world.close_rule(rule)
    await world.settle()
    assert stats(world, rule) == RuleStats()


async def test_notes_are_of_the_transaction_of_the_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await world_with()
    rule = await world.rule("src-bucket", "dest-bucket")
    heard: list[Outcome] = []
    world.tools.outcomes.listener = heard.append
    await world.due()
    await world.put("src-bucket", "k")
    with monkeypatch.context() as patch:
        patch.setattr("emulator.replication.engine.RefusalLog.note", _fail)
        with pytest.raises(RuntimeError):
            await world.due()
    assert stats(world, rule) == RuleStats()
    assert heard == []
    await world.due()
    assert stats(world, rule).objects == 1
    assert [each.outcome for each in heard] == ["applied"]


def _fail(*_: object) -> None:
    raise RuntimeError("no luck")


async def test_every_outcome_is_told_in_the_order_of_commits() -> None:
    world = await world_with(ReplicationSettings(start_delay_s=0, retry_delay_s=1))
    await world.role(SOURCE_ALONE)
    rule = await world.rule("src-bucket", "dest-bucket", sync_role=ROLE, action="PUT")
    heard: list[Outcome] = []
    world.tools.outcomes.listener = heard.append
    await world.due()
    version = await world.put("src-bucket", "k")
    await world.due()
    await world.delete_version("src-bucket", "k", version.version_id)
    await world.put("src-bucket", "l")
    world.clock.advance(1_000)
    await world.role(BOTH)
    await world.due()
    assert {(each.rule_uid, each.rule_id) for each in heard} == {
        (rule.uid, "src-bucket-to-dest-bucket")
    }
    shown = [
        (each.key, each.outcome.value, each.effect, each.reason, each.lag_ms) for each in heard
    ]
    assert shown == [
        ("k", "refused", "copy-version", "destination-read-denied", 0),
        ("k", "skipped", "", "source-gone", 1_000),
        ("k", "skipped", "", "deletes-not-replicated", 1_000),
        ("l", "applied", "copy-version", "", 1_000),
    ]
    assert heard[0].version_id == version.version_id
    assert heard[0].change_seq == heard[1].change_seq


async def test_two_runs_with_one_seed_have_the_same_outcomes() -> None:
    async def run(seed: int) -> list[Outcome]:
        world = await world_with(ReplicationSettings(start_delay_s=0, lag_s=0.1), seed=seed)
        await world.put("src-bucket", "old")
        heard: list[Outcome] = []
        world.tools.outcomes.listener = heard.append
        await world.rule("src-bucket", "dest-bucket", historical=True)
        for number in range(5):
            await world.put("src-bucket", f"k{number % 3}", b"x" * number)
            world.clock.advance(30)
            await world.due()
        await world.delete("src-bucket", "k1")
        await world.settle()
        return heard

    first = await run(7)
    assert len(first) == 7
    assert first == await run(7)
    assert first != await run(8)  # other version ids


async def test_nothing_is_gathered_without_a_listener() -> None:
    world = await world_with()
    await world.rule("src-bucket", "dest-bucket")
    await world.put("src-bucket", "k")
    await world.due()
    heard: list[Outcome] = []
    world.tools.outcomes.listener = heard.append
    await world.due()
    assert heard == []
