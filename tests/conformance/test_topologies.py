"""Many rules side by side and one behind the other: fans, chains, pairs both ways, rings."""

from __future__ import annotations

from collections.abc import Sequence

import oss2
import pytest

from tests.support.covers import covers
from tests.support.lab import BEIJING, SHANGHAI, Lab, content, face, keys_of, stack

pytestmark = pytest.mark.conformance

VERSIONED = pytest.mark.parametrize("versioned", [False, True], ids=["U/U", "V/V"])


def ring(lab: Lab, length: int, *, versioned: bool, action: str = "ALL") -> list[oss2.Bucket]:
    """Buckets of which each replicates to the next, and the last to the first."""
    buckets = [lab.create("ring", versioned=versioned) for _ in range(length)]
    for source, destination in zip(buckets, buckets[1:] + buckets[:1], strict=True):
        lab.add_rule(source, destination, action_list=[action])
    lab.settle()
    return buckets


def assert_quiet(lab: Lab) -> None:
    """Nothing is left to do, and doing nothing does nothing."""
    counts = lab.settle()
    assert [counts[name] for name in ("applied", "skipped", "refused", "pending", "failed")] == (
        [0] * 5
    )


def holders(buckets: Sequence[oss2.Bucket], key: str) -> list[int]:
    """Which of the buckets show a key."""
    return [number for number, bucket in enumerate(buckets) if key in keys_of(bucket)]


@covers("PutBucketReplication", "PutObject", "DeleteObject", "ListObjectsV2")
@VERSIONED
def test_one_source_fans_out(lab: Lab, versioned: bool) -> None:
    source = lab.create("source", versioned=versioned)
    regions = (SHANGHAI, BEIJING, SHANGHAI)
    targets = [lab.create("target", region=each, versioned=versioned) for each in regions]
    prefixes = (None, ["a/"], ["b/"])
    for target, prefix in zip(targets, prefixes, strict=True):
        lab.add_rule(source, target, prefix_list=prefix)
    for key in ("a/1", "b/1", "c/1"):
        source.put_object(key, key.encode())
    lab.settle()
    assert [keys_of(target) for target in targets] == [["a/1", "b/1", "c/1"], ["a/1"], ["b/1"]]
    assert face(targets[0], "a/1") == face(targets[1], "a/1") == face(source, "a/1")
    source.delete_object("a/1")
    lab.settle()
    assert [keys_of(target) for target in targets] == [["b/1", "c/1"], [], ["b/1"]]
    assert_quiet(lab)


@covers("PutBucketReplication", "PutObject", "DeleteObject", "GetObject")
@VERSIONED
def test_many_sources_fan_in_and_the_last_write_counts(lab: Lab, versioned: bool) -> None:
    sources = [lab.create("source", versioned=versioned) for _ in range(3)]
    target = lab.create("target", versioned=versioned)
    for source in sources:
        lab.add_rule(source, target)
    lab.settle()
    for number in (2, 0, 1):
        sources[number].put_object("shared", f"of {number}".encode())
        sources[number].put_object(f"own-{number}", b"x")
        lab.settle()
    assert content(target, "shared") == b"of 1"
    assert keys_of(target) == ["own-0", "own-1", "own-2", "shared"]
    assert len(stack(target, "shared")) == (3 if versioned else 1)
    # A deletion is that of the key, whoever's object it meets.
    sources[0].delete_object("shared")
    lab.settle()
    assert content(target, "shared") is None
    assert content(sources[1], "shared") == b"of 1"
    assert_quiet(lab)


@covers("PutBucketReplication", "PutObject", "DeleteObject", "ListObjectsV2")
@VERSIONED
def test_r45_along_a_chain_only_what_clients_write_in_a_bucket_goes_on(
    lab: Lab, versioned: bool
) -> None:
    first, second, third = buckets = [lab.create("chain", versioned=versioned) for _ in range(3)]
    lab.add_rule(first, second)
    lab.add_rule(second, third)
    lab.settle()
    first.put_object("k1", b"1")
    second.put_object("k2", b"2")
    lab.settle()
    assert (holders(buckets, "k1"), holders(buckets, "k2")) == ([0, 1], [1, 2])
    # What a client does to the replica in the middle is the client's.
    second.copy_object(second.bucket_name, "k1", "copied")
    second.put_object("k1", b"written over")
    lab.settle()
    assert (holders(buckets, "k1"), holders(buckets, "copied")) == ([0, 1, 2], [1, 2])
    assert content(third, "k1") == b"written over"
    # A deletion from the far end stops in the middle, as the object did.
    first.delete_object("k1")
    lab.settle()
    assert holders(buckets, "k1") == [2]
    assert_quiet(lab)


@covers("PutBucketReplication", "PutObject", "ListObjectsV2")
def test_r45_a_short_cut_brings_what_the_chain_does_not(lab: Lab) -> None:
    first, second, third = buckets = [lab.create("chain") for _ in range(3)]
    for source, destination in ((first, second), (second, third), (first, third)):
        lab.add_rule(source, destination)
    lab.settle()
    first.put_object("k", b"1")
    lab.settle()
    assert holders(buckets, "k") == [0, 1, 2]
    assert face(third, "k") == face(first, "k")
    assert_quiet(lab)


@covers("PutBucketReplication", "PutObject", "DeleteObject", "GetObject", "ListObjectVersions")
@VERSIONED
def test_r46_writes_go_both_ways_once(lab: Lab, versioned: bool) -> None:
    first, second = ring(lab, 2, versioned=versioned)
    first.put_object("k", b"of the first")
    lab.settle()
    second.put_object("k", b"of the second")
    lab.settle()
    assert content(first, "k") == content(second, "k") == b"of the second"
    assert stack(first, "k") == stack(second, "k")
    first.delete_object("k")
    lab.settle()
    assert content(second, "k") is None
    assert stack(first, "k") == stack(second, "k")
    assert_quiet(lab)


@covers("PutBucketReplication", "PutObject", "PutObjectAcl", "GetObjectAcl", "PutObjectTagging")
def test_r46_attributes_of_a_replica_are_not_sent_back(lab: Lab) -> None:
    first, second = ring(lab, 2, versioned=True)
    first.put_object("k", b"x")
    lab.settle()
    second.put_object_acl("k", "public-read")
    lab.settle()
    assert first.get_object_acl("k").acl == "default"
    first.put_object_acl("k", "private")
    lab.settle()
    assert second.get_object_acl("k").acl == "private"
    assert_quiet(lab)


@covers("PutBucketReplication", "PutObject", "DeleteObject", "ListObjectVersions")
@pytest.mark.parametrize("action", ["ALL", "PUT"])
@VERSIONED
def test_a_ring_of_three_is_quiet_and_deletions_do_not_go_round(
    lab: Lab, versioned: bool, action: str
) -> None:
    buckets = ring(lab, 3, versioned=versioned, action=action)
    for number, bucket in enumerate(buckets):
        bucket.put_object(f"k{number}", b"x")
    lab.settle()
    assert [holders(buckets, f"k{number}") for number in range(3)] == [[0, 1], [1, 2], [0, 2]]
    assert all(len(stack(bucket, "k0")) <= 1 for bucket in buckets)
    assert_quiet(lab)
    buckets[0].delete_object("k0")
    lab.settle()
    hidden = action == "ALL" or versioned  # delete markers are copied under both
    assert holders(buckets, "k0") == ([] if hidden else [1])
    assert_quiet(lab)
    # A client's deletion of a replica is an event of its own and goes to the next bucket alone.
    buckets[1].delete_object("k0")
    lab.settle()
    assert holders(buckets, "k0") == []
    markers = [sum(entry.is_marker for entry in stack(bucket, "k0")) for bucket in buckets]
    assert markers == ([1, 2, 1] if versioned else [0, 0, 0])
    assert_quiet(lab)


@covers("PutBucketReplication", "PutObject", "DeleteObject", "ListObjectVersions")
def test_versions_deleted_in_a_ring_of_three_are_gone_where_they_were_copied(lab: Lab) -> None:
    buckets = ring(lab, 3, versioned=True)
    kept = buckets[0].put_object("k", b"1").versionid
    gone = buckets[0].put_object("k", b"2").versionid
    lab.settle()
    buckets[0].delete_object("k", params={"versionId": gone})
    lab.settle()
    assert [[entry.version_id for entry in stack(bucket, "k")] for bucket in buckets] == [
        [kept],
        [kept],
        [],
    ]
    assert_quiet(lab)


@covers("PutBucketReplication", "PutObject", "ListObjectsV2")
def test_history_in_a_ring_copies_each_object_one_step(lab: Lab) -> None:
    buckets = [lab.create("ring") for _ in range(3)]
    for number, bucket in enumerate(buckets):
        bucket.put_object(f"k{number}", b"x")
    for source, destination in zip(buckets, buckets[1:] + buckets[:1], strict=True):
        lab.add_rule(source, destination, is_enable_historical_object_replication=True)
    lab.settle()
    assert [holders(buckets, f"k{number}") for number in range(3)] == [[0, 1], [1, 2], [0, 2]]
    assert_quiet(lab)


@covers("PutBucketReplication", "PutObject", "ListObjectsV2")
def test_a_destination_of_100_rules_gets_from_all_of_them(lab: Lab) -> None:
    hub = lab.create("hub")
    spokes = [lab.create("spoke") for _ in range(100)]
    for spoke in spokes:
        lab.add_rule(spoke, hub, is_enable_historical_object_replication=False)
    lab.settle()
    for number, spoke in enumerate(spokes):
        spoke.put_object(f"from-{number:03d}", b"x")
    lab.settle()
    assert keys_of(hub) == [f"from-{number:03d}" for number in range(100)]
