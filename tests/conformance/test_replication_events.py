"""Events of a destination bucket about what replication does there: R65."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import oss2
import pytest

from tests.support.covers import covers
from tests.support.lab import FULL_ACCESS, GET, LIST, PUT, SHANGHAI, Lab, allow
from tests.support.listener import Listener, Received
from tests.support.process import UID_A, EmulatorProcess

pytestmark = pytest.mark.conformance

_RULE_ID = "replicas"
CREATED, MODIFIED, REMOVED = (
    f"ObjectReplication:Object{what}" for what in ("Created", "Modified", "Removed")
)


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """The endpoint."""
    with Listener() as listening:
        yield listening


@pytest.fixture(scope="module")
def server(listener: Listener) -> Iterator[EmulatorProcess]:
    """A server that may call the endpoint."""
    allowed = f"oss.outgoing_allow=127.0.0.1:{listener.port}"
    with EmulatorProcess(settings=(allowed, "oss.buckets_max=1000")) as process:
        yield process
        assert process.errors() == ""


def report(lab: Lab, bucket: oss2.Bucket, *events: str, **more: str) -> None:
    """Give a bucket one notification rule, of everything unless told otherwise."""
    everything = [
        f"{group}:*"
        for group in ("ObjectCreated", "ObjectModified", "ObjectRemoved", "ObjectReplication")
    ]
    rule = {"id": _RULE_ID, "events": list(events) or everything, **more}
    path = f"notifications?bucket={bucket.bucket_name}"
    lab.server.control("PUT", path, {"rules": [rule]})


def told(lab: Lab, bucket: oss2.Bucket) -> list[tuple[str, str, int, int]]:
    """Name, key, size and change of size of every event of a bucket, in order."""
    found = lab.server.control("GET", f"events?bucket={bucket.bucket_name}")["events"]
    objects = [each["message"]["events"][0]["oss"]["object"] for each in found]
    return [
        (each["name"], each["key"], each_object["size"], each_object["deltaSize"])
        for each, each_object in zip(found, objects, strict=True)
    ]


def events_in(received: list[Received]) -> list[dict[str, Any]]:
    """The events an endpoint was sent."""
    return [json.loads(each.body)["events"][0] for each in received]


@covers("PutObject", "DeleteObject", "PutBucketReplication")
def test_r65_replicas_created_overwritten_and_removed_are_delivered(
    lab: Lab, listener: Listener
) -> None:
    source, destination = lab.pair(region=SHANGHAI)
    lab.add_rule(source, destination)
    report(lab, destination, "ObjectReplication:*", endpoint=f"{listener.url}/hook")
    etags = []
    for body in (b"12345", b"12"):
        etags.append(source.put_object("dir/ä", body).etag)
        lab.settle()
    source.delete_object("dir/ä")
    lab.settle()
    events = events_in(listener.all())
    shown = [(each["eventName"], each["oss"]["object"]) for each in events]
    assert shown == [
        (CREATED, {"deltaSize": 5, "eTag": etags[0], "key": "dir/ä", "size": 5}),
        (MODIFIED, {"deltaSize": -3, "eTag": etags[1], "key": "dir/ä", "size": 2}),
        (REMOVED, {"deltaSize": -2, "eTag": etags[1], "key": "dir/ä", "size": 2}),
    ]
    name = destination.bucket_name
    first = events[0]
    assert first["oss"]["bucket"] == {
        "arn": f"acs:oss:{SHANGHAI}:{UID_A}:{name}",
        "name": name,
        "ownerIdentity": UID_A,
        "virtualBucket": "",
    }
    assert (first["eventSource"], first["eventVersion"]) == ("acs:oss", "1.0")
    assert (first["oss"]["ruleId"], first["region"]) == (_RULE_ID, SHANGHAI)
    # Nobody's request brought it about.
    assert first["requestParameters"] == {"sourceIPAddress": ""}
    assert first["responseElements"] == {"requestId": ""}


@covers("PutObject", "DeleteObject", "PutBucketReplication")
def test_r65_only_replication_is_reported_and_only_at_the_destination(lab: Lab) -> None:
    source, destination = lab.replicate()
    for bucket in (source, destination):
        report(lab, bucket)
    source.put_object("k", b"x")
    lab.settle()
    destination.put_object("own", b"yz")
    source.delete_object("k")
    lab.settle()
    assert told(lab, source) == [
        ("ObjectCreated:PutObject", "k", 1, 1),
        ("ObjectRemoved:DeleteObject", "k", 1, -1),
    ]
    assert told(lab, destination) == [
        (CREATED, "k", 1, 1),
        ("ObjectCreated:PutObject", "own", 2, 2),
        (REMOVED, "k", 1, -1),
    ]


@covers("PutObject", "DeleteObject", "PutBucketReplication")
def test_r65_versions_are_reported_and_delete_markers_are_not(lab: Lab) -> None:
    source, destination = lab.replicate(versioned=True)
    report(lab, destination)
    first = source.put_object("k", b"1").versionid
    source.put_object("k", b"123")
    source.delete_object("k")
    lab.settle()
    source.put_object("k", b"12")
    lab.settle()
    marker = source.delete_object("k").versionid
    for version_id in (first, marker):
        source.delete_object("k", params={"versionId": version_id})
    lab.settle()
    assert told(lab, destination) == [
        (CREATED, "k", 1, 1),
        (MODIFIED, "k", 3, 2),
        (CREATED, "k", 2, 2),  # over a delete marker
        (REMOVED, "k", 1, -1),
    ]


@covers("PutObjectAcl", "PutObjectTagging", "AppendObject", "PutSymlink", "PutBucketReplication")
def test_r65_what_changes_a_replica_in_place_is_a_modification(lab: Lab) -> None:
    source, destination = lab.replicate()
    report(lab, destination, "ObjectReplication:*")
    source.append_object("log", 0, b"abc")
    source.put_symlink("log", "link")
    lab.settle()
    source.append_object("log", 3, b"de")
    lab.settle()
    source.put_object_acl("log", "private")
    lab.settle()
    tags = oss2.models.TaggingRule()
    tags.add("k", "v")
    for _ in range(2):  # the second one changes nothing
        source.put_object_tagging("log", oss2.models.Tagging(tags))
        lab.settle()
    assert told(lab, destination) == [
        (CREATED, "log", 3, 3),
        (CREATED, "link", 0, 0),
        (MODIFIED, "log", 5, 2),
        (MODIFIED, "log", 5, 0),
        (MODIFIED, "log", 5, 0),
    ]


@covers("PutObject", "PutBucketReplication")
def test_r65_history_is_reported_too(lab: Lab) -> None:
    source, destination = lab.pair()
    for key in ("a", "b"):
        source.put_object(key, b"new")
    destination.put_object("b", b"in the way")
    report(lab, destination, "ObjectReplication:*")
    lab.add_rule(source, destination)
    lab.settle()
    assert told(lab, destination) == [(CREATED, "a", 3, 3), (MODIFIED, "b", 3, -7)]


@covers("PutObject", "PutBucketReplication")
def test_r65_rules_choose_among_replicas_by_name_and_key(lab: Lab) -> None:
    source, destination = lab.replicate()
    report(lab, destination, "oss:ObjectReplication:ObjectModified", prefix="a/", suffix=".txt")
    for _ in range(2):
        for key in ("a/1.txt", "a/1.png", "b/1.txt"):
            source.put_object(key, b"x")
        lab.settle()
    assert told(lab, destination) == [(MODIFIED, "a/1.txt", 1, 0)]
    report(lab, destination, "ObjectCreated:*", "ObjectRemoved:*")
    source.put_object("a/2.txt", b"x")
    source.delete_object("a/1.txt")
    lab.settle()
    assert len(told(lab, destination)) == 1


@covers("PutObject", "DeleteObject", "PutBucketReplication")
def test_r65_what_is_refused_is_reported_once_it_is_carried_out(lab: Lab) -> None:
    source, destination = lab.pair()
    role = lab.role([allow([LIST, GET], source), allow([LIST, GET, PUT], destination)])
    lab.add_rule(source, destination, sync_role_name=role)
    report(lab, destination, "ObjectReplication:*")
    source.put_object("k", b"x")
    lab.settle()
    source.delete_object("k")
    lab.settle()
    assert told(lab, destination) == [(CREATED, "k", 1, 1)]
    lab.put_role(role, [allow(["oss:*"], source), allow(["oss:*"], destination)])
    lab.settle()
    assert told(lab, destination) == [(CREATED, "k", 1, 1), (REMOVED, "k", 1, -1)]


@covers("PutObject", "PutBucketReplication")
def test_r65_a_ring_reports_each_replica_once(lab: Lab) -> None:
    first, second = lab.pair()
    for source, destination in ((first, second), (second, first)):
        lab.add_rule(source, destination, sync_role_name=FULL_ACCESS)
        report(lab, destination, "ObjectReplication:*")
    lab.settle()
    first.put_object("from-first", b"1")
    second.put_object("from-second", b"2")
    lab.settle()
    assert told(lab, second) == [(CREATED, "from-first", 1, 1)]
    assert told(lab, first) == [(CREATED, "from-second", 1, 1)]
