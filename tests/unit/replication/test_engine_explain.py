"""Every right is needed somewhere, its lack is named, and what happened to a key is told."""

from __future__ import annotations

import pytest

from emulator.access.policy.cache import PolicyCache
from emulator.replication.attempts import Tools
from emulator.replication.explain import Explanation, RuleNote, explain
from emulator.replication.explain_records import Standing
from emulator.replication.model import FailureReason, SkipReason
from emulator.replication.rights import Rights
from emulator.replication.settings import (
    MarkerPermission,
    ReplicationSettings,
    SameAccountPolicy,
)
from emulator.replication.timing import Timings
from tests.unit.replication.engine_world import (
    ACCOUNT_A,
    ACCOUNT_B,
    DESTINATION_ACTIONS,
    ROLE,
    SOURCE_ACTIONS,
    TRUST,
    World,
    bucket_policy,
    key_tools,
    role_policy,
)


def explained(world: World, bucket: str, key: str, version_id: str | None = None) -> Explanation:
    settings = world.settings
    rights = Rights(world.store.identities, PolicyCache(), settings)
    tools = Tools(settings, Timings(settings), rights, world.rng, key_tools(world.rng, world.store))
    with world.store.read() as view:
        found = view.bucket(bucket)
        assert found is not None
        return explain(view, tools, found, key, version_id, world.clock.now_ms())


def rule_note(world: World, key: str, version_id: str | None = None) -> RuleNote:
    (note,) = explained(world, "src", key, version_id).rules
    return note


async def cross_account(
    world: World,
    *,
    source_actions: tuple[str, ...] = SOURCE_ACTIONS,
    destination_actions: tuple[str, ...] = DESTINATION_ACTIONS,
    historical: bool = True,
    action: str = "ALL",
) -> None:
    await world.role(role_policy(["src"], source_actions))
    await world.bucket("src")
    policy = bucket_policy("dst", destination_actions)
    await world.bucket("dst", owner_uid=ACCOUNT_B, region="cn-shanghai", policy=policy)
    await world.put("src", "old")
    await world.rule("src", "dst", sync_role=ROLE, historical=historical, action=action)


def without(actions: tuple[str, ...], action: str) -> tuple[str, ...]:
    return tuple(each for each in actions if each != action)


LACKS = [
    ("source", "oss:ReplicateList", FailureReason.SOURCE_LIST_DENIED, "old"),
    ("source", "oss:ReplicateGet", FailureReason.SOURCE_READ_DENIED, "k"),
    ("destination", "oss:ReplicateList", FailureReason.DESTINATION_LIST_DENIED, "old"),
    ("destination", "oss:ReplicateGet", FailureReason.DESTINATION_READ_DENIED, "k"),
    ("destination", "oss:ReplicatePut", FailureReason.DESTINATION_WRITE_DENIED, "k"),
    ("destination", "oss:ReplicateDelete", FailureReason.DESTINATION_DELETE_DENIED, "gone"),
]


@pytest.mark.parametrize(("end", "action", "reason", "key"), LACKS)
async def test_lack_of_each_right_stops_what_needs_it_and_is_named(
    world: World, end: str, action: str, reason: FailureReason, key: str
) -> None:
    at_source = without(SOURCE_ACTIONS, action) if end == "source" else SOURCE_ACTIONS
    at_destination = (
        without(DESTINATION_ACTIONS, action) if end == "destination" else DESTINATION_ACTIONS
    )
    await cross_account(world, source_actions=at_source, destination_actions=at_destination)
    await world.put("src", "k")
    version = await world.put("src", "gone")
    await world.delete_version("src", "gone", version.version_id)
    await world.settle()
    note = rule_note(world, key)
    assert [missing.reason for missing in note.missing] == [reason]
    (missing,) = note.missing
    assert missing.action == action
    assert action in missing.remedy
    if key == "old":
        assert note.standing is Standing.PENDING
    else:
        assert note.standing is Standing.FAILED
        assert note.attempts > 0
        assert note.refusal is not None
        assert (note.refusal.reason, note.refusal.action) == (reason, action)
    # Its lack is named where nothing waits for it, too.
    assert [each.reason for each in rule_note(world, "never written").missing] == [reason]

    await world.role(role_policy(["src"]))
    await world.set_policy("dst", bucket_policy("dst"))
    await world.settle()
    assert rule_note(world, key).standing is Standing.COMPLETED
    assert world.listed("dst") == ["k", "old"]
    assert world.stack("dst", "gone") == []


async def test_all_documented_rights_together_are_enough(world: World) -> None:
    await cross_account(world)
    await world.put("src", "k")
    await world.delete("src", "old")
    counts = await world.settle()
    assert (counts.failed, counts.refused, counts.pending) == (0, 0, 0)
    note = rule_note(world, "k")
    assert note.standing is Standing.COMPLETED
    assert note.missing == ()
    assert all(check.allowed for check in note.checks)
    assert len(note.checks) == 6


async def test_rule_without_deletions_needs_no_right_to_delete(world: World) -> None:
    rights = without(DESTINATION_ACTIONS, "oss:ReplicateDelete")
    await cross_account(world, destination_actions=rights, action="PUT")
    await world.put("src", "k")
    await world.delete("src", "k")
    counts = await world.settle()
    assert (counts.refused, counts.failed) == (0, 0)
    assert rule_note(world, "k").missing == ()


async def test_marker_permission_follows_its_setting() -> None:
    settings = ReplicationSettings(start_delay_s=0, dm_permission=MarkerPermission.DELETE)
    world = World(settings=settings)
    rights = without(DESTINATION_ACTIONS, "oss:ReplicateDelete")
    await cross_account(world, destination_actions=rights, action="PUT")
    await world.delete("src", "k")
    await world.settle()
    note = rule_note(world, "k")
    assert note.refusal is not None
    assert note.refusal.reason is FailureReason.DESTINATION_DELETE_DENIED
    await world.store.close()


async def test_role_that_is_missing_or_not_trusted_is_named(world: World) -> None:
    await cross_account(world)
    await world.role(role_policy(["src"]), trust=TRUST.replace("oss.aliyuncs", "ecs.aliyuncs"))
    await world.put("src", "k")
    await world.settle()
    note = rule_note(world, "k")
    assert note.refusal is not None
    assert note.refusal.reason is FailureReason.ROLE_NOT_ASSUMABLE
    assert "oss.aliyuncs.com" in note.refusal.remedy

    await world.rule("dst", "src", sync_role="absent")
    await world.put("dst", "back")
    await world.settle()
    (other,) = explained(world, "dst", "back").rules
    assert other.refusal is not None
    assert other.refusal.reason is FailureReason.ROLE_MISSING


async def test_role_written_with_capitals_in_the_bucket_policy_is_pointed_at(
    world: World,
) -> None:
    await cross_account(world)
    await world.set_policy("dst", bucket_policy("dst", role=ROLE))
    await world.put("src", "k")
    await world.settle()
    note = rule_note(world, "k")
    assert note.refusal is not None
    assert "lower case" in note.refusal.remedy


async def test_deny_is_named_with_its_statement(world: World) -> None:
    await cross_account(world)
    deny = bucket_policy("dst", ["oss:ReplicatePut"], effect="Deny")
    allow = bucket_policy("dst")
    both = allow.replace('"Statement": [', deny[deny.index('"Statement": [') : -2] + ", ")
    await world.set_policy("dst", both)
    await world.put("src", "k")
    await world.settle()
    note = rule_note(world, "k")
    assert note.refusal is not None
    assert note.refusal.reason is FailureReason.DESTINATION_WRITE_DENIED
    assert "Deny" in note.refusal.statement


@pytest.mark.parametrize("policy", list(SameAccountPolicy))
async def test_bucket_policies_inside_one_account(policy: SameAccountPolicy) -> None:
    world = World(settings=ReplicationSettings(start_delay_s=0, same_account_bucket_policy=policy))
    rights = role_policy(["src", "dst"], DESTINATION_ACTIONS)
    await world.role(rights)
    await world.bucket("src")
    deny = bucket_policy("dst", effect="Deny", owner_uid=ACCOUNT_A)
    await world.bucket("dst", policy=deny)
    await world.rule("src", "dst", sync_role=ROLE)
    await world.put("src", "k")
    await world.settle()
    assert world.listed("dst") == (["k"] if policy is SameAccountPolicy.IGNORE else [])
    await world.store.close()


async def test_what_is_left_out_says_why(world: World) -> None:
    await world.bucket("src")
    await world.bucket("dst")
    await world.put("src", "in/old")
    await world.rule("src", "dst", prefixes=("in/",), action="PUT")
    await world.put("src", "out")
    version = await world.put("src", "in/k")
    await world.delete_version("src", "in/k", version.version_id)
    assert rule_note(world, "in/k").standing is Standing.SKIPPED
    await world.due()
    outside = rule_note(world, "out")
    assert (outside.matched, outside.skip_reason) == (False, SkipReason.OUTSIDE_PREFIXES)
    removed = rule_note(world, "in/k", version.version_id)
    assert removed.skip_reason is SkipReason.DELETES_NOT_REPLICATED
    old = rule_note(world, "in/old")
    assert old.standing is Standing.NOT_COPIED
    assert "historical" in old.message
    nothing = rule_note(world, "in/never")
    assert (nothing.standing, nothing.change) == (Standing.NOTHING_KNOWN, None)


async def test_pending_queued_and_not_started_are_told_apart() -> None:
    world = World(settings=ReplicationSettings(start_delay_s=10, lag_s=60))
    await world.bucket("src")
    await world.bucket("dst")
    await world.rule("src", "dst")
    first = await world.put("src", "k")
    second = await world.put("src", "k")
    note = rule_note(world, "k")
    assert note.standing is Standing.NOT_STARTED
    assert note.next_attempt_ms == world.clock.now_ms() + 10_000
    world.clock.advance(10_000)
    await world.due()
    assert rule_note(world, "k", first.version_id).standing is Standing.PENDING
    assert rule_note(world, "k", second.version_id).standing is Standing.QUEUED
    await world.settle()
    assert rule_note(world, "k", second.version_id).standing is Standing.COMPLETED
    await world.store.close()


async def test_replica_names_the_rule_that_wrote_it(world: World) -> None:
    await world.bucket("src")
    await world.bucket("dst")
    await world.rule("src", "dst", rule_id="the-rule")
    version = await world.put("src", "k")
    await world.due()
    at_destination = explained(world, "dst", "k")
    assert at_destination.entry is not None
    assert at_destination.entry.replica_of_rule == "the-rule"
    assert at_destination.entry.replica_of_bucket == "src"
    (incoming,) = at_destination.incoming
    assert incoming.standing is Standing.COMPLETED
    replica = rule_note(world, "k").replica
    assert replica is not None
    assert replica.version_id == version.version_id


async def test_missing_destination_is_told_before_anything_waits_for_it(world: World) -> None:
    await world.bucket("src")
    await world.bucket("dst")
    await world.rule("src", "dst")
    await world.due()
    await world.delete_bucket("dst")
    (missing,) = rule_note(world, "k").missing
    assert missing.reason is FailureReason.DESTINATION_BUCKET_MISSING
