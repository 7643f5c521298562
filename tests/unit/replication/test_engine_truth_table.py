"""What arrives at the destination, line by line of the deletion truth table."""

from __future__ import annotations

import pytest

from emulator.domain.model import Acl, StorageClass, VersionKind
from emulator.replication.model import TagFilter
from tests.unit.replication.engine_world import ACCOUNT_B, World


async def make_pair(world: World, *, versioned: bool, action: str, **rule: object) -> None:
    await world.bucket("src", versioned=versioned)
    await world.bucket("dst", versioned=versioned, region="cn-shanghai")
    await world.rule("src", "dst", action=action, **rule)  # type: ignore[arg-type]  # passed on
    await world.due()


@pytest.mark.parametrize("versioned", [True, False])
async def test_replica_is_equal_but_for_its_place_and_owner(world: World, versioned: bool) -> None:
    await world.bucket("src", versioned=versioned)
    await world.bucket("dst", versioned=versioned, region="cn-shanghai")
    await world.rule("src", "dst")
    source = await world.put("src", "a/b", b"content", tags={"k": "v"})
    world.clock.advance(5_000)
    await world.due()
    (replica,) = world.stack("dst", "a/b")
    assert world.contents("dst", "a/b") == [b"content"]
    for field in (
        "key", "version_id", "kind", "size_bytes", "etag", "crc64", "modified_ms",
        "storage_class", "acl", "headers_json", "tags_json", "extents",
    ):  # fmt: skip
        assert getattr(replica, field) == getattr(source, field), field
    assert replica.origin is not None
    assert replica.origin.source_seq == source.seq


async def test_owner_of_a_replica_is_the_owner_of_the_destination_bucket(world: World) -> None:
    await world.role()
    await world.bucket("src")
    await world.bucket("dst", owner_uid=ACCOUNT_B)
    rule = await world.rule("src", "dst")
    await world.put("src", "k")
    await world.due()
    assert world.stack("dst", "k") == []  # another account, and no role
    assert [task.attempts for task in world.tasks(rule, "k")] == [1]


@pytest.mark.parametrize(("action", "left"), [("PUT", [b"one"]), ("ALL", [])])
async def test_t1_delete_in_unversioned_buckets(
    world: World, action: str, left: list[bytes]
) -> None:
    await make_pair(world, versioned=False, action=action)
    await world.put("src", "k", b"one")
    await world.due()
    await world.delete("src", "k")
    await world.due()
    assert world.contents("src", "k") == []
    assert world.contents("dst", "k") == left


async def test_t2_delete_of_a_missing_key_removes_a_native_object(world: World) -> None:
    await make_pair(world, versioned=False, action="ALL")
    await world.put("dst", "k", b"native")
    await world.delete("src", "k")
    await world.due()
    assert world.contents("dst", "k") == []


@pytest.mark.parametrize("action", ["PUT", "ALL"])
async def test_t4_delete_copies_the_marker_with_its_version_id(world: World, action: str) -> None:
    await make_pair(world, versioned=True, action=action)
    version = await world.put("src", "k", b"one")
    deletion = await world.delete("src", "k")
    await world.due()
    assert world.ids("dst", "k") == [version.version_id, deletion.version_id]
    assert world.stack("dst", "k")[-1].kind is VersionKind.DELETE_MARKER
    assert world.listed("dst") == []


async def test_t5_marker_on_a_marker_and_on_nothing(world: World) -> None:
    await make_pair(world, versioned=True, action="PUT")
    first = await world.delete("src", "k")
    second = await world.delete("src", "k")
    await world.due()
    assert world.ids("dst", "k") == [first.version_id, second.version_id]


@pytest.mark.parametrize("action", ["PUT", "ALL"])
async def test_t6_removed_version_goes_at_the_destination_only_with_deletions(
    world: World, action: str
) -> None:
    await make_pair(world, versioned=True, action=action)
    old = await world.put("src", "k", b"old")
    new = await world.put("src", "k", b"new")
    await world.due()
    await world.delete_version("src", "k", new.version_id)
    await world.due()
    assert world.contents("src", "k") == [b"old"]
    left = [old.version_id, new.version_id] if action == "PUT" else [old.version_id]
    assert world.ids("dst", "k") == left
    assert world.listed("dst") == ["k"]


@pytest.mark.parametrize(("action", "listed"), [("PUT", []), ("ALL", ["k"])])
async def test_t7_undelete_is_replicated_only_with_deletions(
    world: World, action: str, listed: list[str]
) -> None:
    await make_pair(world, versioned=True, action=action)
    await world.put("src", "k")
    deletion = await world.delete("src", "k")
    await world.due()
    assert deletion.version_id is not None
    await world.delete_version("src", "k", deletion.version_id)
    await world.due()
    assert world.listed("src") == ["k"]
    assert world.listed("dst") == listed


async def test_t12_marker_is_copied_only_if_what_it_hid_passed_the_tag_filter(
    world: World,
) -> None:
    tag_filter = TagFilter(match_all=True, tags=(("team", "a"),))
    await make_pair(world, versioned=True, action="PUT", tag_filter=tag_filter)
    for key, team in (("in", "a"), ("out", "b")):
        await world.put("src", key, tags={"team": team})
        await world.delete("src", key)
    await world.due()
    assert len(world.stack("dst", "in")) == 2
    assert world.stack("dst", "out") == []


async def test_t15_deleted_replica_is_not_sent_again(world: World) -> None:
    await make_pair(world, versioned=False, action="ALL")
    await world.put("src", "k", b"one")
    await world.due()
    await world.delete("dst", "k")
    await world.due()
    assert world.contents("src", "k") == [b"one"]
    assert world.contents("dst", "k") == []


@pytest.mark.parametrize(("versioned", "expected"), [(True, [b"1", b"2"]), (False, [b"2"])])
async def test_t16_t17_overwrite(world: World, versioned: bool, expected: list[bytes]) -> None:
    await make_pair(world, versioned=versioned, action="PUT")
    await world.put("src", "k", b"1")
    await world.due()
    await world.put("src", "k", b"2")
    await world.due()
    assert world.contents("dst", "k") == expected
    assert world.listed("dst") == ["k"]


@pytest.mark.parametrize("versioned", [True, False])
async def test_acl_and_tags_follow(world: World, versioned: bool) -> None:
    await make_pair(world, versioned=versioned, action="PUT")
    version = await world.put("src", "k")
    await world.due()
    await world.update("src", version, acl=Acl.PUBLIC_READ, tags={"a": "b"})
    await world.due()
    (replica,) = world.stack("dst", "k")
    assert replica.acl is Acl.PUBLIC_READ
    assert replica.tags == {"a": "b"}


async def test_acl_is_not_written_to_an_object_that_is_no_replica(world: World) -> None:
    await world.bucket("src", versioned=False)
    await world.bucket("dst", versioned=False)
    version = await world.put("src", "k", b"before the rule")
    await world.rule("src", "dst")
    await world.put("dst", "k", b"native")
    await world.update("src", version, acl=Acl.PUBLIC_READ)
    counts = await world.due()
    assert counts.skipped == 1
    assert world.stack("dst", "k")[0].acl is Acl.DEFAULT


async def test_native_object_is_overwritten_and_its_bytes_are_collected(world: World) -> None:
    await make_pair(world, versioned=False, action="PUT")
    native = await world.put("dst", "k", b"native")
    await world.put("src", "k", b"new")
    await world.due()
    assert world.contents("dst", "k") == [b"new"]
    with world.store.read() as view:
        assert view.blob(native.extents[0].blob_id) is None


async def test_replica_keeps_its_bytes_when_the_source_object_goes(world: World) -> None:
    await make_pair(world, versioned=False, action="PUT")
    await world.put("src", "k", b"shared")
    await world.due()
    await world.delete("src", "k")
    await world.due()
    assert world.contents("dst", "k") == [b"shared"]


async def test_cold_archive_objects_and_class_changes_are_left_out(world: World) -> None:
    await make_pair(world, versioned=True, action="ALL")
    await world.put("src", "cold", storage_class=StorageClass.COLD_ARCHIVE)
    await world.put("src", "archive", storage_class=StorageClass.ARCHIVE)
    counts = await world.due()
    assert (counts.applied, counts.skipped) == (1, 1)
    assert world.listed("dst") == ["archive"]


async def test_prefixes_match_the_beginning_of_a_key(world: World) -> None:
    await make_pair(world, versioned=True, action="ALL", prefixes=("Tax/", "Pay/"))
    for key in ("Tax/doc1", "Legal/Tax/doc3", "Pay/1", "Tax"):
        await world.put("src", key)
    await world.due()
    assert world.listed("dst") == ["Pay/1", "Tax/doc1"]


async def test_source_gone_before_its_copy_ran_ends_without_a_replica(world: World) -> None:
    await make_pair(world, versioned=False, action="PUT")
    await world.put("src", "k")
    await world.delete("src", "k")
    counts = await world.due()
    assert (counts.applied, counts.skipped, counts.pending, counts.failed) == (0, 2, 0, 0)
    assert world.stack("dst", "k") == []


async def test_quick_overwrites_in_unversioned_buckets_leave_the_last_content(
    world: World,
) -> None:
    await make_pair(world, versioned=False, action="ALL")
    for number in range(20):
        await world.put("src", "k", b"%d" % number)
    await world.delete("src", "k")
    await world.put("src", "k", b"last")
    await world.due()
    assert world.contents("dst", "k") == [b"last"]
