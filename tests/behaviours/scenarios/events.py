"""What the destination reports of replication."""

from __future__ import annotations

from typing import Any

import oss2

from tests.behaviours.registry import behaviour
from tests.support.covers import covers
from tests.support.lab import Lab


def reports(bucket: oss2.Bucket, lab: Lab, *names: str) -> None:
    """Make the rules of a bucket, one for these events."""
    path = f"notifications?bucket={bucket.bucket_name}"
    lab.server.control("PUT", path, {"rules": [{"id": "all", "events": list(names)}]})


def reported(bucket: oss2.Bucket, lab: Lab) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, key and message of each event of a bucket."""
    events = lab.server.control("GET", f"events?bucket={bucket.bucket_name}")["events"]
    messages = [(each["name"], each["message"]["events"][0]) for each in events]
    return [(name, message["oss"]["object"]["key"], message) for name, message in messages]


@behaviour("R65")
@covers("PutBucketReplication", "PutObject", "DeleteObject")
def r65_the_destination_reports_replicas(lab: Lab) -> None:
    source, destination = lab.replicate(actions=("ALL",))
    reports(
        destination,
        lab,
        "ObjectReplication:*",
        "ObjectCreated:*",
        "ObjectModified:*",
        "ObjectRemoved:*",
    )
    source.put_object("k", b"one")
    lab.settle()
    source.put_object("k", b"overwritten")
    lab.settle()
    source.delete_object("k")
    lab.settle()
    found = reported(destination, lab)
    assert [(name, key) for name, key, _ in found] == [
        ("ObjectReplication:ObjectCreated", "k"),
        ("ObjectReplication:ObjectModified", "k"),
        ("ObjectReplication:ObjectRemoved", "k"),
    ]
    for name, _, message in found:
        assert message["eventName"] == name
        assert (message["eventSource"], message["eventVersion"]) == ("acs:oss", "1.0")
        assert message["oss"]["bucket"]["name"] == destination.bucket_name
        assert message["oss"]["ruleId"] == "all"
    sizes = [message["oss"]["object"]["size"] for _, _, message in found]
    assert sizes[:2] == [3, 11]
    destination.put_object("native", b"x")  # what a client does is not of replication
    lab.settle()
    assert [name for name, key, _ in reported(destination, lab) if key == "native"] == [
        "ObjectCreated:PutObject"
    ]
    _markers_are_not_reported(lab)


def _markers_are_not_reported(lab: Lab) -> None:
    source, destination = lab.replicate(versioned=True, actions=("ALL",))
    reports(destination, lab, "ObjectReplication:*")
    version_id = source.put_object("k", b"x").versionid
    source.delete_object("k")
    lab.settle()
    source.delete_object("k", params={"versionId": version_id})
    lab.settle()
    assert [name for name, _, _ in reported(destination, lab)] == [
        "ObjectReplication:ObjectCreated",
        "ObjectReplication:ObjectRemoved",
    ]
