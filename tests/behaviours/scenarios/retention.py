"""What a retention policy keeps replication from doing."""

from __future__ import annotations

from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2

from tests.behaviours.looking import COMPLETED, DAY_S, SKIPPED, outcome
from tests.behaviours.registry import behaviour
from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import FULL_ACCESS, Lab, content, stack

LOCKED_OUT = (SKIPPED, "destination-locked")
DONE = (COMPLETED, None)


def lock(bucket: oss2.Bucket, days: int = 1) -> None:
    """Give a bucket a locked policy."""
    bucket.complete_bucket_worm(str(bucket.init_bucket_worm(days).worm_id))


@behaviour("R53")
@covers("InitiateBucketWorm", "CompleteBucketWorm", "PutBucketReplication", "PutObject")
def r53_what_is_retained_does_not_change(lab: Lab) -> None:
    for state in ("InProgress", "Locked"):
        for change in ("overwrite", "delete"):
            _replica_is_kept(lab, state, change)
    _versions_are_kept_and_new_ones_come(lab)
    _held_version_is_kept(lab)


def _replica_is_kept(lab: Lab, state: str, change: str) -> None:
    source, destination = lab.replicate()
    source.put_object("key", b"one")
    lab.settle()
    if state == "Locked":
        lock(destination)
    else:
        destination.init_bucket_worm(1)
    if change == "overwrite":
        source.put_object("key", b"two")
    else:
        source.delete_object("key")
    source.put_object("new", b"added")
    lab.settle()
    assert content(destination, "key") == b"one"
    assert content(destination, "new") == b"added"
    assert outcome(lab, source, "key") == LOCKED_OUT
    assert outcome(lab, source, "new") == DONE


def _versions_are_kept_and_new_ones_come(lab: Lab) -> None:
    source, destination = lab.replicate(versioned=True)
    first = source.put_object("key", b"one").versionid
    lab.settle()
    lock(destination)
    second = source.put_object("key", b"two").versionid
    marker = source.delete_object("key").versionid
    source.delete_object("key", params={"versionId": first})
    lab.settle()
    there = [entry.version_id for entry in stack(destination, "key")]
    assert there == [marker, second, first]
    assert outcome(lab, source, "key", first) == LOCKED_OUT


def _held_version_is_kept(lab: Lab) -> None:
    client: Any = v2_client_of(lab.server)
    source, destination = lab.pair(versioned=True)
    client.put_bucket_object_worm_configuration(
        oss_v2.PutBucketObjectWormConfigurationRequest(
            bucket=destination.bucket_name,
            object_worm_configuration=oss_v2.ObjectWormConfiguration(object_worm_enabled="Enabled"),
        )
    )
    lab.add_rule(source, destination, sync_role_name=FULL_ACCESS, action_list=["ALL"])
    lab.settle()
    version_id = source.put_object("key", b"one").versionid
    lab.settle()
    client_there: Any = v2_client_of(lab.server, region="cn-shanghai")
    client_there.put_object_legal_hold(
        oss_v2.PutObjectLegalHoldRequest(
            bucket=destination.bucket_name,
            key="key",
            legal_hold=oss_v2.LegalHold(status="ON"),
        )
    )
    source.delete_object("key", params={"versionId": version_id})
    lab.settle()
    assert [entry.version_id for entry in stack(destination, "key")] == [version_id]
    assert outcome(lab, source, "key", version_id) == LOCKED_OUT


@behaviour("W1")
@covers("InitiateBucketWorm", "CompleteBucketWorm", "PutBucketReplication", "PutObject")
def w1_adding_what_the_destination_retains(lab: Lab) -> None:
    source, destination = lab.pair()
    lock(destination)
    destination.put_object("key", b"its own")
    destination.put_object("later", b"its own")
    source.put_object("key", b"history")
    lab.add_rule(source, destination)
    lab.settle()
    source.put_object("later", b"new")
    lab.settle()
    for key in ("key", "later"):
        assert content(destination, key) == b"its own"
        assert outcome(lab, source, key) == LOCKED_OUT


@behaviour("W2")
@covers("InitiateBucketWorm", "CompleteBucketWorm", "PutBucketReplication", "PutObject")
def w2_overwriting_what_the_destination_retains(lab: Lab) -> None:
    source, destination = _replicated(lab, days=1)
    source.put_object("key", b"two")
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 0)
    assert content(destination, "key") == b"one"
    assert outcome(lab, source, "key") == LOCKED_OUT


@behaviour("W3")
@covers("InitiateBucketWorm", "CompleteBucketWorm", "PutBucketReplication", "DeleteObject")
def w3_deleting_what_the_destination_retains(lab: Lab) -> None:
    source, destination = _replicated(lab, days=1)
    source.delete_object("key")
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 0)
    assert content(destination, "key") == b"one"
    assert outcome(lab, source, "key") == LOCKED_OUT


def _replicated(lab: Lab, *, days: int) -> tuple[oss2.Bucket, oss2.Bucket]:
    """A replica in a bucket that retains for so many days; 0: the time is over already."""
    source, destination = lab.replicate()
    source.put_object("key", b"one")
    lab.settle()
    lock(destination, max(days, 1))
    if days == 0:
        lab.server.advance(DAY_S)
    return source, destination


@behaviour("W4")
@covers("InitiateBucketWorm", "CompleteBucketWorm", "PutBucketReplication", "PutObject")
def w4_adding_after_the_time_is_over(lab: Lab) -> None:
    source, destination = lab.pair()
    lock(destination)
    destination.put_object("key", b"its own")
    lab.add_rule(source, destination)
    lab.settle()
    lab.server.advance(DAY_S)
    source.put_object("key", b"after it")
    source.put_object("new", b"added")
    lab.settle()
    assert content(destination, "key") == b"after it"
    assert content(destination, "new") == b"added"
    assert outcome(lab, source, "key") == outcome(lab, source, "new") == DONE


@behaviour("W5")
@covers("InitiateBucketWorm", "CompleteBucketWorm", "PutBucketReplication", "PutObject")
def w5_overwriting_after_the_time_is_over(lab: Lab) -> None:
    source, destination = _replicated(lab, days=0)
    source.put_object("key", b"two")
    lab.settle()
    assert content(destination, "key") == b"two"
    assert outcome(lab, source, "key") == DONE


@behaviour("W6")
@covers("InitiateBucketWorm", "CompleteBucketWorm", "PutBucketReplication", "DeleteObject")
def w6_deleting_after_the_time_is_over(lab: Lab) -> None:
    source, destination = _replicated(lab, days=0)
    source.delete_object("key")
    lab.settle()
    assert content(destination, "key") is None
    assert outcome(lab, source, "key") == DONE


@behaviour("W7")
@covers("InitiateBucketWorm", "CompleteBucketWorm", "PutBucketReplication", "PutObject")
def w7_a_retained_source_is_copied(lab: Lab) -> None:
    for is_destination_locked in (False, True):
        source, destination = lab.replicate()
        lock(source)
        if is_destination_locked:
            lock(destination)
        source.put_object("key", b"kept")
        lab.settle()
        assert content(destination, "key") == b"kept"
        assert outcome(lab, source, "key") == DONE
        if not is_destination_locked:  # its own policy, if any, is what keeps it
            destination.delete_object("key")
