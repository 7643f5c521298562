"""What deletions at the source do to the destination."""

from __future__ import annotations

from collections.abc import Callable

import oss2
from oss2.models import NoncurrentVersionExpiration

from tests.behaviours.deletion_table import CASES, TABLE, When, differences
from tests.behaviours.lifecycle import expiring, lifecycle_rule, put_rules
from tests.behaviours.looking import COMPLETED, DAY_S, SKIPPED, go, noon, outcome
from tests.behaviours.registry import behaviour, variation
from tests.support.covers import covers
from tests.support.lab import (
    FULL_ACCESS,
    GET,
    LIST,
    PUT,
    Lab,
    allow,
    content,
    keys_of,
    stack,
)

NO_DELETES = (SKIPPED, "deletes-not-replicated")
NO_MARKERS = (SKIPPED, "markers-not-replicated")


def ids_of(bucket: oss2.Bucket, key: str) -> list[str]:
    """The version ids of a key, newest first."""
    return [entry.version_id for entry in stack(bucket, key)]


@covers("PutBucketReplication", "PutObject", "DeleteObject", "ListObjectVersions")
def line_of_the_table(row_id: str) -> Callable[[Lab], None]:
    """Every case of a row of the table."""

    def act(lab: Lab) -> None:
        cases = [case for case in CASES if case[0].row_id == row_id]
        assert cases
        for line, action, when in cases:
            found = differences(lab, line, action, when)
            assert found == [], f"{line.name} {action} {when}"

    return act


for _row_id in dict.fromkeys(line.row_id for line in TABLE):
    behaviour(_row_id)(line_of_the_table(_row_id))


def markers_not_copied(row_id: str) -> Callable[[Lab], None]:
    """The table must notice markers that rules without deletions do not copy."""

    def act(lab: Lab) -> None:
        for line, action, when in CASES:
            if line.row_id != row_id or when is not When.FIRST or line.tags:
                continue
            found = differences(lab, line, action, when, FULL_ACCESS)
            assert bool(found) is (action == "PUT"), (line.name, action, found)

    return act


for _row_id in ("T4", "T5", "T7", "T8"):
    variation(_row_id, "repl.dm_when_no_delete")(markers_not_copied(_row_id))


@variation("T12", "repl.dm_when_no_delete")
def t12_markers_not_copied_under_a_tag_filter(lab: Lab) -> None:
    line = next(line for line in TABLE if line.row_id == "T12")
    (found,) = differences(lab, line, "PUT", When.FIRST, FULL_ACCESS)
    assert found.startswith("target: {'in': ['in-v1'], 'out': []")


@behaviour("R32")
@covers("PutBucketReplication", "PutObject", "DeleteObject", "GetObject", "ListObjectVersions")
def r32_delete_marker_is_copied_and_old_version_stays_readable(lab: Lab) -> None:
    for action in ("PUT", "ALL"):
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
        assert outcome(lab, source, "k", marker) == (COMPLETED, None)


@variation("R32", "repl.dm_when_no_delete")
def r32_delete_markers_can_be_left_out(lab: Lab) -> None:
    for action, is_copied in (("PUT", False), ("ALL", True)):
        source, destination = lab.replicate(versioned=True, actions=[action])
        old = source.put_object("k", b"old").versionid
        marker = source.delete_object("k").versionid
        lab.settle()
        assert ids_of(destination, "k") == ([marker, old] if is_copied else [old])
        said = outcome(lab, source, "k", marker)
        assert said == ((COMPLETED, None) if is_copied else NO_MARKERS)


@behaviour("R33")
@covers("PutBucketReplication", "DeleteObject", "PutObject", "GetObject", "ListObjectVersions")
def r33_deleting_one_version_without_deletions(lab: Lab) -> None:
    _delete_one_version(lab, "PUT", is_kept=True)


@behaviour("R34")
@covers("PutBucketReplication", "DeleteObject", "PutObject", "GetObject", "ListObjectVersions")
def r34_deleting_one_version_with_deletions(lab: Lab) -> None:
    _delete_one_version(lab, "ALL", is_kept=False)


def _delete_one_version(lab: Lab, action: str, *, is_kept: bool) -> None:
    source, destination = lab.replicate(versioned=True, actions=[action])
    first = source.put_object("k", b"one").versionid
    second = source.put_object("k", b"two").versionid
    lab.settle()
    source.delete_object("k", params={"versionId": first})
    lab.settle()
    assert ids_of(source, "k") == [second]
    assert ids_of(destination, "k") == ([second, first] if is_kept else [second])
    assert content(destination, "k", first) == (b"one" if is_kept else None)
    assert outcome(lab, source, "k", first) == (NO_DELETES if is_kept else (COMPLETED, None))


@behaviour("R35")
@covers("PutBucketReplication", "PutObject", "DeleteObject", "GetObject")
def r35_plain_delete_without_versions(lab: Lab) -> None:
    for action, left, said in (("PUT", b"x", NO_DELETES), ("ALL", None, (COMPLETED, None))):
        source, destination = lab.replicate(actions=[action])
        source.put_object("k", b"x")
        lab.settle()
        source.delete_object("k")
        lab.settle()
        assert content(source, "k") is None
        assert content(destination, "k") == left
        assert outcome(lab, source, "k") == said


@behaviour("R37")
@covers("PutBucketReplication", "DeleteObject", "PutObject", "GetObject", "ListObjectVersions")
def r37_removing_the_delete_marker(lab: Lab) -> None:
    for action, visible in (("PUT", False), ("ALL", True)):
        source, destination = lab.replicate(versioned=True, actions=[action])
        version = source.put_object("k", b"x").versionid
        marker = source.delete_object("k").versionid
        lab.settle()
        source.delete_object("k", params={"versionId": marker})
        lab.settle()
        assert content(source, "k") == b"x"
        assert content(destination, "k") == (b"x" if visible else None)
        assert ids_of(destination, "k") == ([version] if visible else [marker, version])
        assert outcome(lab, source, "k", marker) == ((COMPLETED, None) if visible else NO_DELETES)


# Lifecycle rules of the source.


def _expire(lab: Lab, action: str) -> tuple[oss2.Bucket, oss2.Bucket]:
    source, destination = lab.replicate(actions=(action,))
    noon(lab)
    source.put_object("k", b"x")
    put_rules(source, expiring())
    lab.settle()
    assert keys_of(destination) == ["k"]
    go(lab, 2)
    lab.settle()
    assert keys_of(source) == []
    return source, destination


@behaviour("R36")
@covers("PutBucketLifecycle", "PutBucketReplication", "PutObject", "ListObjectsV2")
def r36_lifecycle_expiry_takes_the_replica_along(lab: Lab) -> None:
    for action, left in (("PUT", ["k"]), ("ALL", [])):
        _, destination = _expire(lab, action)
        assert keys_of(destination) == left


@behaviour("T3")
@covers("PutBucketLifecycle", "PutBucketReplication", "PutObject", "ListObjectsV2")
def t3_expiry_is_a_deletion(lab: Lab) -> None:
    for action, left, said in (("PUT", b"x", NO_DELETES), ("ALL", None, (COMPLETED, None))):
        source, destination = _expire(lab, action)
        assert content(destination, "k") == left
        assert outcome(lab, source, "k") == said


def _expire_versions(lab: Lab, action: str) -> tuple[oss2.Bucket, oss2.Bucket]:
    """A version that a lifecycle rule has hidden, and will remove the day after."""
    source, destination = lab.replicate(versioned=True, actions=(action,))
    noon(lab)
    source.put_object("k", b"x")
    noncurrent = NoncurrentVersionExpiration(1)
    whole = expiring()
    whole.noncurrent_version_expiration = noncurrent
    put_rules(source, whole)
    lab.settle()
    go(lab, 2)
    lab.settle()
    return source, destination


@behaviour("T9")
@covers("PutBucketLifecycle", "PutBucketReplication", "PutObject", "ListObjectVersions")
def t9_the_marker_of_an_expiry_is_copied(lab: Lab) -> None:
    for action in ("PUT", "ALL"):
        source, destination = _expire_versions(lab, action)
        assert [entry.is_marker for entry in stack(destination, "k")] == [True, False]
        assert stack(destination, "k") == stack(source, "k")
        assert outcome(lab, source, "k", ids_of(source, "k")[0]) == (COMPLETED, None)


@variation("T9", "repl.dm_when_no_delete")
def t9_the_marker_of_an_expiry_can_be_left_out(lab: Lab) -> None:
    for action, is_copied in (("PUT", False), ("ALL", True)):
        source, destination = _expire_versions(lab, action)
        assert [entry.is_marker for entry in stack(source, "k")] == [True, False]
        assert stack(destination, "k")[0].is_marker is is_copied
        said = outcome(lab, source, "k", ids_of(source, "k")[0])
        assert said == ((COMPLETED, None) if is_copied else NO_MARKERS)


@behaviour("T10")
@covers("PutBucketLifecycle", "PutBucketReplication", "PutObject", "ListObjectVersions")
def t10_old_versions_and_markers_go_with_deletions(lab: Lab) -> None:
    for action, left in (("PUT", [False]), ("ALL", [])):
        source, destination = _expire_versions(lab, action)
        version = ids_of(source, "k")[1]
        go(lab, 1)
        lab.settle()
        assert [entry.is_marker for entry in stack(source, "k")] == [True]
        assert [entry.is_marker for entry in stack(destination, "k")] == [True, *left]
        said = outcome(lab, source, "k", version)
        assert said == (NO_DELETES if action == "PUT" else (COMPLETED, None))
        _expired_marker_is_cleaned_up(lab, source, destination, action)


def _expired_marker_is_cleaned_up(
    lab: Lab, source: oss2.Bucket, destination: oss2.Bucket, action: str
) -> None:
    before = [entry.is_marker for entry in stack(destination, "k")]
    cleaning = oss2.models.LifecycleExpiration()
    cleaning.expired_detete_marker = True
    put_rules(source, lifecycle_rule(expiration=cleaning))
    go(lab, 1)
    lab.settle()
    assert stack(source, "k") == []
    left = [entry.is_marker for entry in stack(destination, "k")]
    assert left == (before if action == "PUT" else [])


@behaviour("T14")
@covers("InitiateBucketWorm", "CompleteBucketWorm", "PutBucketReplication", "DeleteObject")
def t14_retained_replicas_are_not_deleted(lab: Lab) -> None:
    for versioned in (False, True):
        source, destination = lab.replicate(versioned=versioned, actions=("ALL",))
        version_id = source.put_object("k", b"x").versionid
        lab.settle()
        worm_id = str(destination.init_bucket_worm(1).worm_id)
        destination.complete_bucket_worm(worm_id)
        params = {"versionId": version_id} if versioned else None
        source.delete_object("k", params=params)
        counts = lab.settle()
        assert (counts["pending"], counts["failed"]) == (0, 0)
        assert content(source, "k") is None
        assert content(destination, "k") == b"x"
        assert outcome(lab, source, "k", version_id or "") == (SKIPPED, "destination-locked")
        lab.server.advance(DAY_S)  # it is not made up for later
        lab.settle()
        assert content(destination, "k") == b"x"


# Which right a marker takes.


@variation("T4", "repl.dm_permission", "repl.dm_permission=delete")
def t4_markers_can_take_the_right_to_delete(lab: Lab) -> None:
    assert not _marker_copied_without_the_right_to_delete(lab, "PUT")


@variation("R57", "repl.dm_permission", "repl.dm_permission=delete")
def r57_markers_can_take_the_right_to_delete(lab: Lab) -> None:
    assert not _marker_copied_without_the_right_to_delete(lab, "PUT")


@variation("R58", "repl.dm_permission", "repl.dm_permission=put")
def r58_markers_can_do_with_the_right_to_put(lab: Lab) -> None:
    assert _marker_copied_without_the_right_to_delete(lab, "ALL")


def _marker_copied_without_the_right_to_delete(lab: Lab, action: str) -> bool:
    source, destination = lab.pair(versioned=True)
    role = lab.role([allow([LIST, GET], source), allow([LIST, GET, PUT], destination)])
    lab.add_rule(source, destination, sync_role_name=role, action_list=[action])
    source.put_object("k", b"x")
    source.delete_object("k")
    lab.settle()
    copied = [entry.is_marker for entry in stack(destination, "k")]
    assert copied in ([False], [True, False])
    return copied == [True, False]
