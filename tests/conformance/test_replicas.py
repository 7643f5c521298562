"""What arrives at the destination, and what does not: R27 to R47 without multipart uploads."""

from __future__ import annotations

import pytest

from tests.support.covers import covers
from tests.support.lab import (
    HANGZHOU,
    Lab,
    content,
    face,
    keys_of,
    put_rich,
    rule_xml,
    stack,
    tag_filter_xml,
)

pytestmark = pytest.mark.conformance

KEY = "dir/a b+c%20ä.txt"


@covers("PutBucketReplication", "PutObject", "GetObject")
def test_r27_replica_equals_its_source(lab: Lab) -> None:
    source, destination = lab.pair()
    lab.add_rule(source, destination, action_list=["ALL"])
    put_rich(source, KEY, b"body")
    lab.server.advance(5)  # so that a replica dated by its copying would differ
    lab.settle()
    seen = face(destination, KEY)
    assert seen == face(source, KEY)
    assert (seen["body"], seen["acl"], seen["tags"]) == (
        b"body",
        "public-read",
        {"team": "a", "tier": "1"},
    )
    assert {
        "header ETag",
        "header Last-Modified",
        "header x-oss-hash-crc64ecma",
        "header x-oss-meta-colour",
        "header Content-Disposition",
    } <= seen.keys()
    explained = lab.server.explain(source.bucket_name, KEY)["rules"][0]
    replica = explained["replica"]
    assert replica["applied_ms"] >= replica["modified_ms"] + 5000


@covers("PutBucketReplication", "PutObject", "GetObject")
def test_r27_overwritten_object_is_overwritten_with_all_it_carries(lab: Lab) -> None:
    source, destination = lab.replicate()
    put_rich(source, KEY, b"body")
    lab.settle()
    source.put_object(KEY, b"plain now")
    lab.settle()
    seen = face(destination, KEY)
    assert seen == face(source, KEY)
    assert (seen["body"], seen["acl"], seen["tags"]) == (b"plain now", "default", {})


@covers("PutBucketReplication", "PutObject", "ListObjectVersions", "GetObject")
@pytest.mark.parametrize("settled", [True, False], ids=["one-by-one", "both-at-once"])
def test_r28_versions_keep_ids_and_order(lab: Lab, settled: bool) -> None:
    source, destination = lab.replicate(versioned=True)
    first = put_rich(source, "k", b"one").versionid
    if settled:
        lab.settle()
    second = source.put_object("k", b"two").versionid
    lab.settle()
    assert [entry.version_id for entry in stack(destination, "k")] == [second, first]
    assert stack(destination, "k") == stack(source, "k")
    for version_id in (first, second):
        assert face(destination, "k", version_id) == face(source, "k", version_id)


@covers("PutBucketReplication", "PutObject", "ListObjectsV2")
def test_r29_only_keys_that_start_with_a_prefix_are_copied(lab: Lab) -> None:
    source, destination = lab.replicate(prefix_list=["Tax/", "Pay/2026"])
    for key in ("Tax/doc1", "Legal/doc3", "tax/doc1", "My/Tax/doc1", "Tax", "Pay/2026-1"):
        source.put_object(key, b"x")
    lab.settle()
    assert keys_of(destination) == ["Pay/2026-1", "Tax/doc1"]
    note = lab.server.explain(source.bucket_name, "Legal/doc3")["rules"][0]
    assert (note["standing"], note["skip_reason"]) == ("skipped", "outside-prefixes")


@covers("PutBucketReplication", "PutObject", "ListObjectsV2")
@pytest.mark.parametrize(
    ("filter_type", "copied"),
    [("AND", ["both", "more"]), ("OR", ["both", "first", "more"])],
)
def test_r30_tag_filter(lab: Lab, filter_type: str, copied: list[str]) -> None:
    source, destination = lab.pair()
    wanted = tag_filter_xml(filter_type, {"k1": "v1", "k2": "v2"}) + "<Action>PUT</Action>"
    lab.add_xml(source, rule_xml(destination, HANGZHOU, wanted))
    tags = {
        "both": "k1=v1&k2=v2",
        "more": "k0=v0&k1=v1&k2=v2",
        "first": "k1=v1",
        "other-value": "k1=v2",
    }
    for key, tagging in tags.items():
        source.put_object(key, b"x", headers={"x-oss-tagging": tagging})
    source.put_object("none", b"x")
    lab.settle()
    assert keys_of(destination) == copied
    note = lab.server.explain(source.bucket_name, "none")["rules"][0]
    assert (note["standing"], note["skip_reason"]) == ("skipped", "tags-do-not-match")


@covers("PutBucketReplication", "PutObject", "DeleteObject", "GetObject", "ListObjectVersions")
@pytest.mark.parametrize("action", ["PUT", "ALL"])
def test_r32_delete_marker_is_copied_and_old_version_stays_readable(lab: Lab, action: str) -> None:
    source, destination = lab.replicate(versioned=True, actions=[action])
    old = source.put_object("k", b"old").versionid
    marker = source.delete_object("k").versionid
    lab.settle()
    for bucket in (source, destination):
        assert [(entry.version_id, entry.is_marker) for entry in stack(bucket, "k")] == [
            (marker, True),
            (old, False),
        ]
        assert content(bucket, "k") is None
        assert content(bucket, "k", old) == b"old"


@covers("PutBucketReplication", "DeleteObject", "PutObject", "GetObject", "ListObjectVersions")
@pytest.mark.parametrize(
    ("row", "action", "kept"), [("r33", "PUT", True), ("r34", "ALL", False)], ids=["r33", "r34"]
)
def test_r33_r34_deleting_one_version(lab: Lab, row: str, action: str, kept: bool) -> None:
    source, destination = lab.replicate(versioned=True, actions=[action])
    first = source.put_object("k", b"one").versionid
    second = source.put_object("k", b"two").versionid
    lab.settle()
    source.delete_object("k", params={"versionId": first})
    lab.settle()
    assert [entry.version_id for entry in stack(source, "k")] == [second]
    left = [second, first] if kept else [second]
    assert [entry.version_id for entry in stack(destination, "k")] == left, row
    assert content(destination, "k", first) == (b"one" if kept else None)


@covers("PutBucketReplication", "PutObject", "DeleteObject", "GetObject")
@pytest.mark.parametrize(("action", "left"), [("PUT", b"x"), ("ALL", None)])
def test_r35_plain_delete_without_versions(lab: Lab, action: str, left: bytes | None) -> None:
    source, destination = lab.replicate(actions=[action])
    source.put_object("k", b"x")
    lab.settle()
    source.delete_object("k")
    lab.settle()
    assert content(source, "k") is None
    assert content(destination, "k") == left


@covers("PutBucketReplication", "DeleteObject", "PutObject", "GetObject", "ListObjectVersions")
@pytest.mark.parametrize(("action", "visible"), [("PUT", False), ("ALL", True)])
def test_r37_removing_the_delete_marker(lab: Lab, action: str, visible: bool) -> None:
    source, destination = lab.replicate(versioned=True, actions=[action])
    version = source.put_object("k", b"x").versionid
    marker = source.delete_object("k").versionid
    lab.settle()
    source.delete_object("k", params={"versionId": marker})
    lab.settle()
    assert content(source, "k") == b"x"
    assert content(destination, "k") == (b"x" if visible else None)
    left = [version] if visible else [marker, version]
    assert [entry.version_id for entry in stack(destination, "k")] == left


@covers("PutBucketReplication", "PutObject", "CopyObject", "HeadObject", "GetObjectAcl")
@pytest.mark.parametrize(
    ("acl", "copied"), [("public-read", False), ("private", True)], ids=["class", "class-and-acl"]
)
def test_r41_copy_onto_itself_that_changes_only_the_class(lab: Lab, acl: str, copied: bool) -> None:
    source, destination = lab.replicate()
    put_rich(source, "k", b"x")
    lab.settle()
    before = destination.head_object("k").headers
    changed = {"x-oss-storage-class": "Archive", "x-oss-object-acl": acl}
    source.copy_object(source.bucket_name, "k", "k", headers=changed)
    lab.settle()
    assert before["x-oss-storage-class"] == "IA"
    assert source.head_object("k").headers["x-oss-storage-class"] == "Archive"
    after = destination.head_object("k").headers
    assert after["x-oss-storage-class"] == ("Archive" if copied else "IA")
    assert destination.get_object_acl("k").acl == acl
    note = lab.server.explain(source.bucket_name, "k")["rules"][0]
    assert note["skip_reason"] == (None if copied else "class-change-only")
    assert note["tasks"] == []


@covers("PutObject", "PutBucketReplication", "ListObjectsV2", "GetObject", "GetBucketReplication")
def test_r43_history_is_copied_over_what_has_the_same_name(lab: Lab) -> None:
    source, destination = lab.pair()
    for key in ("old1", "old2", "old3"):
        source.put_object(key, key.encode())
    destination.put_object("old2", b"native, in the way")
    destination.put_object("native", b"nothing to do with it")
    lab.add_rule(source, destination, is_enable_historical_object_replication=True)
    assert keys_of(destination) == ["native", "old2"]
    counts = lab.settle()
    assert keys_of(destination) == ["native", "old1", "old2", "old3"]
    assert face(destination, "old2") == face(source, "old2")
    assert counts["history"] == 3
    assert content(destination, "native") == b"nothing to do with it"


@covers("DeleteObject", "PutBucketReplication", "PutObject", "ListObjectVersions")
def test_r43_historical_versions_keep_their_order(lab: Lab) -> None:
    source, destination = lab.pair(versioned=True)
    for body in (b"1", b"2", b"3"):
        source.put_object("k", body)
    source.delete_object("k")
    source.delete_object("only-a-marker")
    lab.add_rule(source, destination)
    source.put_object("k", b"new")
    lab.settle()
    assert len(stack(source, "k")) == 5
    assert stack(destination, "k") == stack(source, "k")
    assert stack(destination, "only-a-marker") == stack(source, "only-a-marker")


@covers(
    "PutObject",
    "PutBucketReplication",
    "ListObjectsV2",
    "GetObject",
    "GetBucketReplicationProgress",
    "GetBucketReplication",
)
def test_r44_history_disabled_copies_only_what_comes_after_the_rule(lab: Lab) -> None:
    source, destination = lab.pair()
    source.put_object("old", b"before the rule")
    source.put_object("rewritten", b"before the rule")
    rule_id = lab.add_rule(source, destination, is_enable_historical_object_replication=False)
    assert source.get_bucket_replication().rule_list[0].status == "starting"
    source.put_object("new", b"while starting")
    source.put_object("rewritten", b"while starting")
    lab.settle()
    assert keys_of(destination) == ["new", "rewritten"]
    assert content(destination, "rewritten") == b"while starting"
    progress = source.get_bucket_replication_progress(rule_id).progress
    assert progress.status == "doing"
    note = lab.server.explain(source.bucket_name, "old")["rules"][0]
    assert note["standing"] == "not-copied"
    assert "before the rule" in note["message"]


@covers(
    "PutBucketReplication",
    "PutObject",
    "DeleteObject",
    "ListObjectsV2",
    "GetObject",
    "GetBucketReplication",
)
def test_r44_second_rule_does_not_replay_what_the_first_one_copied(lab: Lab) -> None:
    source, first = lab.replicate()
    source.put_object("old", b"before the second rule")
    source.put_object("gone", b"x")
    source.delete_object("gone")
    lab.settle()
    second = lab.create("target")
    second.put_object("gone", b"of its own")
    lab.add_rule(source, second, is_enable_historical_object_replication=False)
    source.put_object("new", b"while starting")
    lab.settle()
    assert keys_of(first) == ["new", "old"]
    assert keys_of(second) == ["gone", "new"]
    assert content(second, "gone") == b"of its own"


@covers("PutBucketReplication", "PutObject", "ListObjectsV2")
def test_r45_replicas_are_not_copied_on(lab: Lab) -> None:
    first, second = lab.pair()
    third = lab.create("third")
    lab.add_rule(first, second)
    lab.add_rule(second, third)
    lab.settle()
    first.put_object("from-first", b"1")
    second.put_object("from-second", b"2")
    lab.settle()
    assert keys_of(second) == ["from-first", "from-second"]
    assert keys_of(third) == ["from-second"]
    note = lab.server.explain(second.bucket_name, "from-first")["rules"][0]
    assert (note["standing"], note["skip_reason"]) == ("skipped", "is-replica")


@covers("PutBucketReplication", "PutObject", "ListObjectsV2", "GetBucketReplication")
def test_r45_history_leaves_replicas_out_too(lab: Lab) -> None:
    first, second = lab.replicate()
    first.put_object("from-first", b"1")
    second.put_object("from-second", b"2")
    lab.settle()
    third = lab.create("third")
    lab.add_rule(second, third, is_enable_historical_object_replication=True)
    lab.settle()
    assert keys_of(third) == ["from-second"]


@covers("PutBucketReplication", "PutObject", "DeleteObject", "ListObjectVersions")
@pytest.mark.parametrize("historical", [False, True], ids=["new", "history"])
def test_r45_delete_markers_are_not_copied_on(lab: Lab, historical: bool) -> None:
    first, second = lab.replicate(versioned=True)
    third = lab.create("third", versioned=True)
    if not historical:
        lab.add_rule(second, third)
        lab.settle()
    first.put_object("k", b"1")
    first.delete_object("k")
    first.delete_object("only-a-marker")
    second.delete_object("own-marker")
    lab.settle()
    if historical:
        lab.add_rule(second, third)
        lab.settle()
    assert stack(second, "k") == stack(first, "k")
    assert stack(third, "k") == stack(third, "only-a-marker") == []
    assert stack(third, "own-marker") == stack(second, "own-marker")


@covers("PutBucketReplication", "PutObject", "GetObject", "ListObjectVersions")
@pytest.mark.parametrize("versioned", [False, True], ids=["U/U", "V/V"])
def test_r46_ring_stops(lab: Lab, versioned: bool) -> None:
    first, second = lab.pair(versioned=versioned)
    lab.add_rule(first, second)
    lab.add_rule(second, first)
    lab.settle()
    first.put_object("k", b"x")
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 0)
    assert len(stack(first, "k")) == len(stack(second, "k")) == 1
    assert face(second, "k") == face(first, "k")
    again = lab.settle()
    assert (again["applied"], again["refused"]) == (0, 0)


@covers("PutBucketReplication", "PutObject", "DeleteObject", "GetObject")
def test_r46_deletion_of_a_replica_goes_back_round_the_ring(lab: Lab) -> None:
    first, second = lab.pair()
    lab.add_rule(first, second)
    lab.add_rule(second, first)
    first.put_object("k", b"x")
    lab.settle()
    second.delete_object("k")
    lab.settle()
    assert content(first, "k") is None
    assert content(second, "k") is None


@covers("ListObjectsV2", "PutBucketReplication", "PutObject", "HeadObject")
@pytest.mark.parametrize("historical", [False, True], ids=["new", "history"])
def test_r47_cold_archive_is_never_copied(lab: Lab, historical: bool) -> None:
    source, destination = lab.pair()
    if not historical:
        lab.add_rule(source, destination)
    for name in ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"):
        source.put_object(name, b"x", headers={"x-oss-storage-class": name})
    if historical:
        lab.add_rule(source, destination)
    lab.settle()
    assert keys_of(destination) == ["Archive", "IA", "Standard"]
    for name in keys_of(destination):
        assert destination.head_object(name).headers["x-oss-storage-class"] == name
    note = lab.server.explain(source.bucket_name, "ColdArchive")["rules"][0]
    assert (note["standing"], note["skip_reason"]) == ("skipped", "storage-class")
