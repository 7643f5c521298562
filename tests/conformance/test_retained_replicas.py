"""Replicas in a bucket that retains new objects by default."""

from __future__ import annotations

from collections.abc import Iterator

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import SHANGHAI, Lab, content, face, stack
from tests.support.process import EmulatorProcess

pytestmark = pytest.mark.conformance

_DAY_S = 86_400
_MODE = "x-oss-object-worm-mode"


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """A server that takes signatures as old as they like."""
    settings = ("oss.check_signing_time=false", "oss.buckets_max=1000")
    with EmulatorProcess(settings=settings) as process:
        yield process
        assert process.errors() == ""


def retain(lab: Lab, bucket: oss2.Bucket, *, days: int) -> None:
    """Let a bucket in Shanghai retain new objects."""
    retention = oss_v2.ObjectWormConfigurationRuleDefaultRetention(mode="COMPLIANCE", days=days)
    v2_client_of(lab.server, region=SHANGHAI).put_bucket_object_worm_configuration(
        oss_v2.PutBucketObjectWormConfigurationRequest(
            bucket=bucket.bucket_name,
            object_worm_configuration=oss_v2.ObjectWormConfiguration(
                object_worm_enabled="Enabled",
                rule=oss_v2.ObjectWormConfigurationRule(default_retention=retention),
            ),
        )
    )


def retained(bucket: oss2.Bucket, key: str, version_id: str) -> str:
    """The mode a version is retained in, ``""`` if it is not."""
    head = bucket.head_object(key, params={"versionId": version_id})
    return str(head.headers.get(_MODE, ""))


@pytest.fixture
def pair(lab: Lab) -> tuple[oss2.Bucket, oss2.Bucket]:
    """A rule to a bucket that retains new objects for a day."""
    source, destination = lab.pair(versioned=True, region=SHANGHAI)
    retain(lab, destination, days=1)
    lab.add_rule(source, destination)
    lab.settle()
    return source, destination


@covers("PutBucketObjectWormConfiguration", "PutBucketReplication", "DeleteObject", "HeadObject")
def test_replicas_get_the_default_retention_from_when_they_are_written(
    lab: Lab, pair: tuple[oss2.Bucket, oss2.Bucket]
) -> None:
    source, destination = pair
    first = source.put_object("k", b"1").versionid
    lab.settle()
    lab.server.advance(_DAY_S / 2)
    second = source.put_object("k", b"2").versionid
    marker = source.delete_object("k").versionid
    lab.settle()
    assert [entry.version_id for entry in stack(destination, "k")] == [marker, second, first]
    for version_id in (first, second):
        assert retained(source, "k", version_id) == ""
        assert retained(destination, "k", version_id) == "COMPLIANCE"
    # What is retained there is not removed; the same once its day is over is.
    source.delete_object("k", params={"versionId": first})
    source.delete_object("k", params={"versionId": marker})
    lab.settle()
    assert [entry.version_id for entry in stack(destination, "k")] == [second, first]
    note = lab.server.explain(source.bucket_name, "k", first)["rules"][0]
    assert (note["standing"], note["skip_reason"]) == ("skipped", "destination-locked")
    lab.server.advance(_DAY_S)
    source.delete_object("k", params={"versionId": second})
    lab.settle()
    assert [entry.version_id for entry in stack(destination, "k")] == [first]


@covers("PutBucketObjectWormConfiguration", "PutBucketReplication", "AppendObject", "PutObjectAcl")
def test_appendable_replicas_grow_and_attributes_follow(
    lab: Lab, pair: tuple[oss2.Bucket, oss2.Bucket]
) -> None:
    source, destination = pair
    source.append_object("log", 0, b"abc")
    version = source.put_object("k", b"x").versionid
    lab.settle()
    source.append_object("log", 3, b"de")
    source.put_object_acl("k", "public-read")
    lab.settle()
    assert content(destination, "log") == b"abcde"
    assert destination.get_object_acl("k").acl == "public-read"
    assert retained(destination, "k", version) == "COMPLIANCE"


@covers("PutBucketObjectWormConfiguration", "PutBucketReplication", "GetObject")
def test_history_gets_it_too_and_the_content_is_that_of_the_source(lab: Lab) -> None:
    source, destination = lab.pair(versioned=True, region=SHANGHAI)
    ids = [source.put_object("k", body).versionid for body in (b"1", b"2")]
    retain(lab, destination, days=3)
    lab.add_rule(source, destination)
    lab.settle()
    assert [retained(destination, "k", each) for each in ids] == ["COMPLIANCE"] * 2
    seen = face(destination, "k")
    shown = {name for name in seen if "worm" in name}
    assert {name: value for name, value in seen.items() if name not in shown} == face(source, "k")
