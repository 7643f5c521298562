"""Deletions between buckets of unequal or suspended versioning, where a setting lets them be."""

from __future__ import annotations

from collections.abc import Callable

import oss2

from tests.behaviours.looking import COMPLETED, SKIPPED, outcome, refused
from tests.behaviours.registry import behaviour, variation
from tests.behaviours.scenarios.deletions import NO_DELETES, ids_of
from tests.behaviours.scenarios.rule_elements import MIXED
from tests.support.covers import covers
from tests.support.lab import Lab, content, keys_of, set_versioning, stack

V, S, U = "Enabled", "Suspended", ""


def make_pair(lab: Lab, states: tuple[str, str]) -> tuple[oss2.Bucket, oss2.Bucket]:
    """Two buckets in these versioning states."""
    pair = lab.pair()
    for bucket, state in zip(pair, states, strict=True):
        if state:
            set_versioning(bucket, V)
            set_versioning(bucket, state)
    return pair


def replicate(lab: Lab, states: tuple[str, str], action: str) -> tuple[oss2.Bucket, oss2.Bucket]:
    """A pair with a rule that is ``doing``."""
    source, destination = make_pair(lab, states)
    lab.add_rule(source, destination, action_list=[action])
    lab.settle()
    return source, destination


@behaviour("T18", MIXED)
@covers("PutBucketVersioning", "PutBucketReplication", "DeleteObject", "ListObjectVersions")
def t18_null_markers_between_suspended_buckets(lab: Lab) -> None:
    for action in ("PUT", "ALL"):
        source, destination = replicate(lab, (S, S), action)
        source.put_object("k", b"x")
        lab.settle()
        assert content(destination, "k") == b"x"
        source.delete_object("k")
        lab.settle()
        for bucket in (source, destination):
            entries = [(entry.version_id, entry.is_marker) for entry in stack(bucket, "k")]
            assert entries == [("null", True)]
        assert outcome(lab, source, "k") == (COMPLETED, None)


@behaviour("T19", MIXED)
@covers("PutBucketVersioning", "PutBucketReplication", "DeleteObject", "ListObjectVersions")
def t19_null_versions_between_suspended_buckets(lab: Lab) -> None:
    for action, left in (("PUT", ["null"]), ("ALL", [])):
        source, destination = replicate(lab, (S, S), action)
        source.put_object("k", b"x")
        lab.settle()
        source.delete_object("k", params={"versionId": "null"})
        lab.settle()
        assert ids_of(source, "k") == []
        assert ids_of(destination, "k") == left
        assert outcome(lab, source, "k") == (NO_DELETES if left else (COMPLETED, None))


@behaviour("T20", MIXED)
@covers("PutBucketVersioning", "PutBucketReplication", "DeleteObject", "GetObject")
def t20_markers_to_an_unversioned_destination(lab: Lab) -> None:
    for action, left in (("PUT", b"2"), ("ALL", None)):
        source, destination = replicate(lab, (V, U), action)
        for body in (b"1", b"2"):
            source.put_object("k", body)
        lab.settle()
        assert content(destination, "k") == b"2"
        source.delete_object("k")
        lab.settle()
        assert content(destination, "k") == left
        assert outcome(lab, source, "k") == (NO_DELETES if left else (COMPLETED, None))


@behaviour("T21", MIXED)
@covers("PutBucketVersioning", "PutBucketReplication", "DeleteObject", "GetObject")
def t21_versions_removed_with_an_unversioned_destination(lab: Lab) -> None:
    for action, removed, left in (
        ("PUT", 0, b"2"),
        ("PUT", 1, b"2"),
        ("ALL", 0, b"2"),
        ("ALL", 1, None),
    ):
        source, destination = replicate(lab, (V, U), action)
        versions = [source.put_object("k", body).versionid for body in (b"1", b"2")]
        lab.settle()
        source.delete_object("k", params={"versionId": versions[removed]})
        lab.settle()
        assert content(source, "k") == (b"2" if removed == 0 else b"1")
        assert content(destination, "k") == left, (action, removed)
        if action == "PUT":
            assert outcome(lab, source, "k", versions[removed]) == NO_DELETES


@behaviour("T22", MIXED)
@covers("PutBucketVersioning", "PutBucketReplication", "DeleteObject", "ListObjectVersions")
def t22_deletions_to_a_versioned_destination(lab: Lab) -> None:
    for action, markers in (("PUT", [False]), ("ALL", [True, False])):
        source, destination = replicate(lab, (U, V), action)
        source.put_object("k", b"x")
        lab.settle()
        source.delete_object("k")
        lab.settle()
        assert [entry.is_marker for entry in stack(destination, "k")] == markers
        assert "null" not in ids_of(destination, "k")
        said = outcome(lab, source, "k")
        assert said == ((COMPLETED, None) if len(markers) == 2 else NO_DELETES)


@behaviour("T23", MIXED)
@covers("PutBucketVersioning", "PutBucketReplication", "DeleteObject", "ListObjectVersions")
def t23_suspended_with_others(lab: Lab) -> None:
    # The destination after two puts at the source, and after a deletion of the key there.
    for states, after_puts, after_delete in (
        ((V, S), 1, [True]),
        ((S, V), 2, [True, False, False]),
        ((U, S), 1, [True]),
        ((S, U), 1, []),
    ):
        source, destination = replicate(lab, states, "ALL")
        for body in (b"1", b"2"):
            source.put_object("k", body)
            lab.settle()
        assert len(stack(destination, "k")) == after_puts, states
        assert content(destination, "k") == b"2"
        source.delete_object("k")
        lab.settle()
        assert [entry.is_marker for entry in stack(destination, "k")] == after_delete, states
        if S in states[1:]:
            assert set(ids_of(destination, "k")) == {"null"}
        assert keys_of(destination) == []
    _version_deletes_of_suspended_sources(lab)


def _version_deletes_of_suspended_sources(lab: Lab) -> None:
    source, destination = replicate(lab, (V, S), "ALL")
    old, new = (source.put_object("k", body).versionid for body in (b"1", b"2"))
    lab.settle()
    source.delete_object("k", params={"versionId": old})
    lab.settle()
    assert content(destination, "k") == b"2"
    said = outcome(lab, source, "k", old)
    assert said[0] in (SKIPPED, COMPLETED)
    source.delete_object("k", params={"versionId": new})
    lab.settle()
    assert content(destination, "k") is None


def refused_without_the_setting(states: tuple[str, str]) -> Callable[[Lab], None]:
    """A rule between such buckets is refused unless a setting allows it."""

    def act(lab: Lab) -> None:
        source, destination = make_pair(lab, states)
        error = refused(lambda: lab.add_rule(source, destination))
        assert (error.status, error.ec) == (400, "0031-00000053")

    return act


for _row_id, _states in {
    "T18": (S, S),
    "T19": (S, S),
    "T20": (V, U),
    "T21": (V, U),
    "T22": (U, V),
    "T23": (V, S),
}.items():
    variation(_row_id, "repl.allow_mixed_versioning")(refused_without_the_setting(_states))
