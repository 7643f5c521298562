"""History, chains and rings of buckets, and a destination that goes away."""

from __future__ import annotations

from datetime import datetime

from tests.behaviours.looking import (
    COMPLETED,
    FAILED,
    SKIPPED,
    note_of,
    now,
    outcome,
    statuses,
)
from tests.behaviours.registry import behaviour, variation
from tests.support.covers import covers
from tests.support.lab import Lab, content, face, keys_of, stack


@behaviour("R43")
@covers(
    "PutObject",
    "DeleteObject",
    "PutBucketReplication",
    "ListObjectsV2",
    "ListObjectVersions",
    "GetObject",
)
def r43_history_is_copied_over_what_has_the_same_name(lab: Lab) -> None:
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
    _versions_keep_their_order(lab)


def _versions_keep_their_order(lab: Lab) -> None:
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


@behaviour("R44")
@covers(
    "PutObject",
    "DeleteObject",
    "PutBucketReplication",
    "ListObjectsV2",
    "GetObject",
    "GetBucketReplicationProgress",
    "GetBucketReplication",
)
def r44_without_history_only_what_comes_after_the_rule(lab: Lab) -> None:
    source, destination = lab.pair()
    source.put_object("old", b"before the rule")
    source.put_object("rewritten", b"before the rule")
    rule_id = lab.add_rule(source, destination, is_enable_historical_object_replication=False)
    assert statuses(source) == {rule_id: "starting"}
    source.put_object("new", b"while starting")
    source.put_object("rewritten", b"while starting")
    lab.settle()
    assert keys_of(destination) == ["new", "rewritten"]
    assert content(destination, "rewritten") == b"while starting"
    progress = source.get_bucket_replication_progress(rule_id).progress
    assert progress.status == "doing"
    note = note_of(lab, source, "old")
    assert note["standing"] == "not-copied"
    assert "before the rule" in note["message"]
    _second_rule_replays_nothing(lab)


def _second_rule_replays_nothing(lab: Lab) -> None:
    """What the first rule of a bucket copied is no change for the second."""
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


@behaviour("R45")
@covers("PutBucketReplication", "PutObject", "DeleteObject", "ListObjectsV2", "ListObjectVersions")
def r45_replicas_are_not_copied_on(lab: Lab) -> None:
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
    assert outcome(lab, second, "from-first") == (SKIPPED, "is-replica")
    _history_leaves_replicas_out(lab)
    for historical in (False, True):
        _markers_are_not_copied_on(lab, historical=historical)


def _history_leaves_replicas_out(lab: Lab) -> None:
    first, second = lab.replicate()
    first.put_object("from-first", b"1")
    second.put_object("from-second", b"2")
    lab.settle()
    third = lab.create("third")
    lab.add_rule(second, third, is_enable_historical_object_replication=True)
    lab.settle()
    assert keys_of(third) == ["from-second"]


def _markers_are_not_copied_on(lab: Lab, *, historical: bool) -> None:
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


@behaviour("R46")
@covers("PutBucketReplication", "PutObject", "DeleteObject", "GetObject", "ListObjectVersions")
def r46_ring_stops(lab: Lab) -> None:
    for versioned in (False, True):
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
        assert outcome(lab, second, "k") == (SKIPPED, "is-replica")
        if not versioned:  # the deletion of a replica is an event of its own
            second.delete_object("k")
            lab.settle()
            assert content(first, "k") is None
            assert content(second, "k") is None


@behaviour("R74")
@covers("DeleteBucket", "PutBucketReplication", "PutObject", "GetBucketReplication")
def r74_destination_that_is_deleted(lab: Lab) -> None:
    source, doomed = lab.pair()
    other = lab.create("target")
    rule_id = lab.add_rule(source, doomed)
    lab.add_rule(source, other)
    lab.settle()
    doomed.delete_bucket()
    source.put_object("k", b"x")
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 1)
    assert content(other, "k") == b"x"
    assert set(statuses(source).values()) == {"doing"}
    notes = lab.server.explain(source.bucket_name, "k")["rules"]
    by_rule = {note["rule_id"]: note for note in notes}
    note = by_rule.pop(rule_id)
    assert (note["standing"], note["refusal"]["reason"]) == (FAILED, "destination-bucket-missing")
    assert doomed.bucket_name in note["refusal"]["remedy"]
    assert [each["standing"] for each in by_rule.values()] == [COMPLETED]
    lab.server.advance(60)
    lab.settle()
    later = {note["rule_id"]: note for note in lab.server.explain(source.bucket_name, "k")["rules"]}
    assert later[rule_id]["attempts"] > note["attempts"]
    doomed.create_bucket()  # and it is mended
    lab.server.advance(60)
    lab.settle()
    assert content(doomed, "k") == b"x"


def _waits_s(lab: Lab) -> list[float]:
    """How long a rule without a destination waits after each of the first four attempts."""
    source, doomed = lab.replicate()
    doomed.delete_bucket()
    source.put_object("k", b"x")
    waits: list[float] = []
    lab.server.advance(31)  # past the lag
    for attempts in range(1, 5):
        lab.server.settle(advance=False)
        note = note_of(lab, source, "k")
        assert note["attempts"] == attempts
        waits.append((datetime.fromisoformat(note["next_attempt"]) - now(lab)).total_seconds())
        lab.server.advance(waits[-1])
    return waits


@variation("R74", "repl.retry_delay_s")
def r74_the_first_wait_is_as_long_as_told(lab: Lab) -> None:
    assert _waits_s(lab)[:2] == [100, 200]


@variation("R74", "repl.retry_delay_s_max")
def r74_no_wait_is_longer_than_told(lab: Lab) -> None:
    assert _waits_s(lab)[2:] == [400, 400]
