"""Multipart uploads under a rule, on a store in memory: what the destination shows, and when."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from emulator.domain.model import Versioning
from emulator.domain.uploads import parts
from emulator.replication.explain import explain
from emulator.replication.explain_records import RuleNote, Standing
from emulator.replication.model import Effect, Rule, SkipReason, TagFilter
from emulator.replication.settings import ReplicationSettings
from emulator.rng import SeededRng
from tests.unit.replication.engine_world import (
    ACCOUNT_B,
    ROLE,
    bucket_policy,
    role_policy,
)
from tests.unit.replication.upload_world import Shown, UploadWorld

RIGHTS = ("oss:ReplicateList", "oss:ReplicateGet", "oss:ReplicatePut")


@pytest.fixture
async def world() -> AsyncIterator[UploadWorld]:
    """An empty world; rules start and close without delay."""
    made = UploadWorld()
    yield made
    made.check_uses()
    await made.store.close()


async def buckets(world: UploadWorld, *, versioned: bool = False) -> None:
    """Two buckets of one account."""
    for name in ("src", "dst"):
        await world.bucket(name, versioned=versioned)


async def ruled(world: UploadWorld, *, versioned: bool = False, action: str = "ALL") -> Rule:
    """Two buckets, and a rule that has started."""
    await buckets(world, versioned=versioned)
    rule = await world.rule("src", "dst", action=action)
    await world.settle()
    return rule


def note(world: UploadWorld, key: str) -> RuleNote:
    """What the first rule of the source does with a key."""
    with world.store.read() as view:
        bucket = view.bucket("src")
        assert bucket is not None
        tools = world.engine._tools
        return explain(view, tools, bucket, key, None, world.clock.now_ms()).rules[0]


@pytest.mark.parametrize("versioned", [False, True])
async def test_r38_parts_are_shown_as_they_arrive_and_go_with_the_object(
    world: UploadWorld, versioned: bool
) -> None:
    await ruled(world, versioned=versioned)
    upload_id = await world.initiate("src", "key")
    began_ms = world.clock.now_ms()
    await world.settle()
    assert world.uploads("dst") == [Shown("key", upload_id, began_ms, {})]
    world.clock.advance(1500)
    await world.part("src", "key", upload_id, 1, b"one")
    await world.part("src", "key", upload_id, 3, b"")
    await world.settle()
    assert world.uploads("dst") == world.uploads("src")
    assert world.uploads("dst")[0].parts == {
        1: (b"one", began_ms + 1500),
        3: (b"", began_ms + 1500),
    }
    await world.part("src", "key", upload_id, 2, b"two")
    made = await world.complete("src", "key", upload_id)
    await world.settle()
    assert world.uploads("dst") == []
    assert world.contents("dst", "key") == [b"onetwo"]
    (replica,) = world.stack("dst", "key")
    assert (replica.etag, replica.kind) == (made.etag, made.kind)


async def test_no_byte_is_copied(world: UploadWorld) -> None:
    await ruled(world)
    upload_id = await world.initiate("src", "key")
    await world.part("src", "key", upload_id, 1, b"one")
    await world.settle()
    with world.store.read() as view:
        assert view._run("SELECT refs FROM blobs", ()).fetchall() == [(2,)]


async def test_of_a_replaced_part_the_newest_content_arrives(world: UploadWorld) -> None:
    await ruled(world)
    upload_id = await world.initiate("src", "key")
    await world.part("src", "key", upload_id, 1, b"first")
    await world.settle()
    await world.part("src", "key", upload_id, 1, b"second")
    await world.part("src", "key", upload_id, 1, b"third")
    counts = await world.settle()
    assert world.uploads("dst") == world.uploads("src")
    assert (counts.applied, counts.skipped) == (1, 1)


async def test_a_part_given_the_same_content_again_is_no_work(world: UploadWorld) -> None:
    await ruled(world)
    await world.put("src", "from", b"content")
    upload_id = await world.initiate("src", "key")
    await world.part_copy("src", "key", upload_id, 1, "from")
    await world.settle()
    await world.part_copy("src", "key", upload_id, 1, "from")
    counts = await world.settle()
    assert world.uploads("dst") == world.uploads("src")
    assert (counts.applied, counts.skipped) == (0, 1)


@pytest.mark.parametrize(
    ("action", "stays"),
    [("ALL", False), ("PUT,ABORT", False), ("PUT", True), ("PUT,DELETE", True)],
)
async def test_r39_r40_t13_an_abort(world: UploadWorld, action: str, stays: bool) -> None:
    await ruled(world, action=action)
    upload_id = await world.initiate("src", "key")
    await world.part("src", "key", upload_id, 1, b"one")
    await world.settle()
    before = world.uploads("dst")
    await world.abort("src", "key", upload_id)
    await world.settle()
    assert world.uploads("dst") == (before if stays else [])
    said = note(world, "key")
    assert said.skip_reason is (SkipReason.ABORTS_NOT_REPLICATED if stays else None)
    assert len(said.uploads) == int(stays)


async def test_what_is_gone_before_it_is_looked_at_leaves_nothing(world: UploadWorld) -> None:
    await ruled(world)
    aborted = await world.initiate("src", "aborted")
    await world.part("src", "aborted", aborted, 1, b"one")
    await world.abort("src", "aborted", aborted)
    completed = await world.initiate("src", "completed")
    await world.part("src", "completed", completed, 1, b"one")
    await world.complete("src", "completed", completed)
    counts = await world.settle()
    assert world.uploads("dst") == []
    assert world.listed("dst") == ["completed"]
    assert (counts.applied, counts.skipped) == (1, 5)


async def test_an_upload_from_before_the_rule_comes_as_its_object(world: UploadWorld) -> None:
    await buckets(world)
    upload_id = await world.initiate("src", "key")
    await world.part("src", "key", upload_id, 1, b"one")
    await world.rule("src", "dst")
    await world.part("src", "key", upload_id, 2, b"two")
    await world.settle()
    assert world.uploads("dst") == []
    assert note(world, "key").skip_reason is SkipReason.UPLOAD_BEFORE_RULE
    await world.complete("src", "key", upload_id)
    await world.settle()
    assert world.contents("dst", "key") == [b"onetwo"]


async def test_a_rule_deleted_meanwhile_leaves_the_upload_to_the_destination(
    world: UploadWorld,
) -> None:
    rule = await ruled(world)
    upload_id = await world.initiate("src", "key")
    await world.part("src", "key", upload_id, 1, b"one")
    await world.settle()
    await world.close_rule(rule)
    await world.part("src", "key", upload_id, 2, b"two")
    await world.settle()
    assert world.uploads("dst")[0].parts.keys() == {1}
    await world.rule("src", "dst", rule_id="another")
    await world.settle()
    await world.part("src", "key", upload_id, 3, b"three")
    await world.complete("src", "key", upload_id)
    await world.settle()
    assert world.uploads("dst")[0].parts.keys() == {1}
    assert world.contents("dst", "key") == [b"onetwothree"]
    await world.abort("dst", "key", upload_id)
    assert world.uploads("dst") == []


async def test_a_tag_filter_counts_for_the_tags_of_the_upload(world: UploadWorld) -> None:
    await buckets(world)
    wanted = TagFilter(match_all=True, tags=(("team", "a"),))
    await world.rule("src", "dst", action="PUT", tag_filter=wanted)
    for key, tags in (("in", {"team": "a"}), ("out", {"team": "b"}), ("bare", None)):
        upload_id = await world.initiate("src", key, tags=tags)
        await world.part("src", key, upload_id, 1, b"one")
    await world.settle()
    assert [each.key for each in world.uploads("dst")] == ["in"]


async def test_a_client_at_the_destination_may_complete_it(world: UploadWorld) -> None:
    await ruled(world, versioned=True)
    await world.rule("dst", "src")
    await world.settle()
    upload_id = await world.initiate("src", "key")
    await world.part("src", "key", upload_id, 1, b"one")
    await world.settle()
    await world.part("dst", "key", upload_id, 2, b"two")
    theirs = await world.complete("dst", "key", upload_id)
    await world.settle()
    assert world.contents("src", "key") == [b"onetwo"]
    assert world.ids("src", "key") == [theirs.version_id]
    assert [each.parts.keys() for each in world.uploads("src")] == [{1}]
    await world.part("src", "key", upload_id, 3, b"three")
    await world.settle()
    assert world.uploads("dst") == []
    assert note(world, "key").skip_reason is SkipReason.NO_REPLICA_UPLOAD
    await world.complete("src", "key", upload_id)
    await world.settle()
    assert world.contents("src", "key") == world.contents("dst", "key") == [b"onetwo", b"onethree"]
    assert world.uploads("src") == world.uploads("dst") == []


async def test_a_pair_in_both_directions_falls_quiet(world: UploadWorld) -> None:
    await ruled(world)
    await world.rule("dst", "src")
    await world.settle()
    ours = await world.initiate("src", "key")
    theirs = await world.initiate("dst", "key")
    await world.part("src", "key", ours, 1, b"ours")
    await world.part("dst", "key", theirs, 1, b"theirs")
    await world.settle()
    assert world.uploads("src") == world.uploads("dst")
    assert {each.upload_id for each in world.uploads("src")} == {ours, theirs}
    await world.abort("dst", "key", ours)  # there it is a replica: ours stays
    await world.abort("src", "key", ours)
    await world.abort("dst", "key", theirs)
    counts = await world.settle()
    assert world.uploads("src") == world.uploads("dst") == []
    assert (counts.pending, counts.failed) == (0, 0)
    assert (await world.settle()).handled == 0


async def test_uploads_do_not_go_on_along_a_chain(world: UploadWorld) -> None:
    for name in ("a", "b", "c"):
        await world.bucket(name)
    await world.rule("a", "b")
    await world.rule("b", "c")
    await world.settle()
    upload_id = await world.initiate("a", "key")
    await world.part("a", "key", upload_id, 1, b"one")
    await world.settle()
    assert len(world.uploads("b")) == 1
    assert world.uploads("c") == []


async def across(world: UploadWorld, policy: str) -> Rule:
    """A rule to another account, under a role."""
    await world.role(role_policy(["src"]))
    await world.bucket("src")
    await world.bucket("dst", owner_uid=ACCOUNT_B, policy=policy)
    rule = await world.rule("src", "dst", sync_role=ROLE)
    await world.settle()
    return rule


async def test_denied_and_then_repaired(world: UploadWorld) -> None:
    rule = await across(world, "")
    upload_id = await world.initiate("src", "key")
    await world.part("src", "key", upload_id, 1, b"one")
    await world.settle()
    head, behind = world.tasks(rule, "key")
    assert (head.change.upload_id, behind.change.part_number) == (upload_id, 1)
    assert (head.size_bytes, behind.size_bytes) == (0, 3)
    assert note(world, "key").standing is Standing.QUEUED
    await world.set_policy("dst", bucket_policy("dst"))
    world.clock.advance(60_000)
    await world.settle()
    assert world.uploads("dst") == world.uploads("src")
    assert note(world, "key").standing is Standing.COMPLETED
    assert note(world, "key").effect is Effect.COPY_PART


async def test_only_the_abort_takes_the_right_to_delete(world: UploadWorld) -> None:
    await across(world, bucket_policy("dst", RIGHTS))
    upload_id = await world.initiate("src", "key")
    await world.part("src", "key", upload_id, 1, b"one")
    await world.settle()
    assert len(world.uploads("dst")) == 1
    await world.abort("src", "key", upload_id)
    await world.settle()
    refusal = note(world, "key").refusal
    assert refusal is not None
    assert refusal.action == "oss:ReplicateDelete"
    assert len(world.uploads("dst")) == 1
    await world.set_policy("dst", bucket_policy("dst"))
    world.clock.advance(60_000)
    await world.settle()
    assert world.uploads("dst") == []


async def test_the_replica_goes_though_its_object_is_not_copied(world: UploadWorld) -> None:
    await ruled(world, versioned=True, action="PUT")
    upload_id = await world.initiate("src", "key")
    await world.part("src", "key", upload_id, 1, b"one")
    await world.settle()
    version = await world.complete("src", "key", upload_id)
    await world.delete_version("src", "key", version.version_id)
    await world.settle()
    assert world.uploads("dst") == []
    assert world.stack("dst", "key") == []


async def test_a_destination_with_other_versioning_or_none_is_tried_again(
    world: UploadWorld,
) -> None:
    await ruled(world)
    await world.write(
        lambda tx: tx.set_bucket_versioning(world._bucket(tx, "dst").id, Versioning.ENABLED)
    )
    upload_id = await world.initiate("src", "key")
    await world.settle()
    assert world.uploads("dst") == []
    await world.delete_bucket("dst")
    await world.settle()
    await world.bucket("dst", versioned=False)
    await world.part("src", "key", upload_id, 1, b"one")
    world.clock.advance(60_000)
    await world.settle()
    assert world.uploads("dst") == world.uploads("src")


async def test_an_upload_id_never_comes_again_though_chance_repeats_itself(
    world: UploadWorld,
) -> None:
    await buckets(world)
    made = set()
    for _ in range(3):
        world.rng = SeededRng(7)
        made.add(await world.initiate("src", "key"))
    assert len(made) == 3
    assert all(re.fullmatch("[0-9A-F]{32}", each) for each in made)


async def test_a_replica_left_over_from_an_upload_of_the_same_id_gives_way(
    world: UploadWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_new_upload_id", lambda seq, rng: "A" * 32)
    await ruled(world, action="PUT")
    for number, data in ((1, b"first"), (2, b"second")):
        upload_id = await world.initiate("src", "key")
        await world.part("src", "key", upload_id, number, data)
        await world.settle()
        assert world.uploads("dst") == world.uploads("src")
        await world.abort("src", "key", upload_id)
        await world.settle()
    assert [list(each.parts) for each in world.uploads("dst")] == [[2]]  # PUT keeps it


async def test_the_lag_counts_for_each_part_and_parts_stay_in_order() -> None:
    world = UploadWorld(settings=ReplicationSettings(start_delay_s=0, lag_s=10))
    rule = await ruled(world)
    world.clock.advance(60_000)
    upload_id = await world.initiate("src", "key")
    await world.due()
    world.clock.advance(5_000)
    await world.part("src", "key", upload_id, 1, b"one")
    await world.due()
    assert [each.change.kind for each in world.tasks(rule, "key")] == ["initiate", "part"]
    world.clock.advance(5_000)
    await world.due()
    assert [each.parts for each in world.uploads("dst")] == [{}]
    world.clock.advance(5_000)
    await world.due()
    assert world.uploads("dst") == world.uploads("src")
    await world.part("src", "key", upload_id, 2, b"four")
    await world.complete("src", "key", upload_id)
    await world.due()
    (whole,) = world.tasks(rule, "key")
    assert (whole.change.kind, whole.size_bytes) == ("put", len(b"four"))  # one is there already
    await world.settle()
    assert (world.uploads("dst"), world.contents("dst", "key")) == ([], [b"onefour"])
    world.check_uses()
    await world.store.close()
