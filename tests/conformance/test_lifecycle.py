"""Lifecycle rules carried out on a virtual clock, and last access times, with both clients."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import (
    AbortMultipartUpload,
    BucketLifecycle,
    FilterNot,
    FilterNotTag,
    LifecycleExpiration,
    LifecycleFilter,
    LifecycleRule,
    NoncurrentVersionExpiration,
    NoncurrentVersionStorageTransition,
    StorageTransition,
    Tagging,
    TaggingRule,
)

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import Lab, content, keys_of, set_versioning, stack
from tests.support.process import EmulatorProcess

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """A server whose clock may run away from that of its clients."""
    settings = ("oss.buckets_max=1000", "oss.check_signing_time=false")
    with EmulatorProcess(settings=settings) as process:
        yield process
        assert process.errors() == ""


@pytest.fixture
def client(lab: Lab) -> Any:
    """The second client of account A."""
    return v2_client_of(lab.server)


def now(lab: Lab) -> datetime:
    return datetime.fromisoformat(lab.server.control("GET", "clock")["now"])


def go(lab: Lab, days: int) -> None:
    """Move the clock to a midnight UTC and let what is due then happen."""
    midnight = now(lab).replace(hour=0, minute=0, second=0, microsecond=0)
    lab.server.control("POST", "clock", {"set": (midnight + timedelta(days=days)).isoformat()})
    lab.server.settle(advance=False)


def noon(lab: Lab) -> None:
    """Move the clock to the next noon, so that no test begins at a midnight."""
    lab.server.control(
        "POST", "clock", {"set": (now(lab) + timedelta(days=1)).replace(hour=12).isoformat()}
    )
    lab.server.settle(advance=False)


def put_rules(bucket: oss2.Bucket, *rules: LifecycleRule, **headers: str) -> None:
    bucket.put_bucket_lifecycle(
        BucketLifecycle(list(rules)), headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def rule(name: str, prefix: str = "", **fields: Any) -> LifecycleRule:
    return LifecycleRule(name, prefix, status=LifecycleRule.ENABLED, **fields)


def tags(**pairs: str) -> Tagging:
    found = TaggingRule()
    for key, value in pairs.items():
        found.add(key, value)
    return Tagging(found)


def class_of(bucket: oss2.Bucket, key: str) -> str:
    return str(bucket.head_object(key).headers["x-oss-storage-class"])


@covers("PutBucketLifecycle", "GetBucketLifecycle", "DeleteBucketLifecycle", "GetObject")
def test_objects_expire_on_their_day_and_no_earlier(lab: Lab) -> None:
    bucket = lab.create("expiring")
    noon(lab)
    put_rules(
        bucket,
        rule("logs", "logs/", expiration=LifecycleExpiration(days=2)),
        rule("off", "off/", expiration=LifecycleExpiration(days=1)),
    )
    lifecycle = bucket.get_bucket_lifecycle()
    assert [(each.id, each.expiration.days) for each in lifecycle.rules] == [
        ("logs", 2),
        ("off", 1),
    ]
    lifecycle.rules[1].status = LifecycleRule.DISABLED
    put_rules(bucket, *lifecycle.rules)
    for key in ("logs/a", "off/a", "other"):
        bucket.put_object(key, b"x")
    due = now(lab).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3)
    shown = bucket.get_object("logs/a").headers["x-oss-expiration"]
    assert shown == f'expiry-date="{due:%a, %d %b %Y} 00:00:00 GMT", rule-id="logs"'
    go(lab, 2)
    lab.server.advance(86_399)
    lab.server.settle(advance=False)
    assert keys_of(bucket) == ["logs/a", "off/a", "other"]
    go(lab, 1)
    assert keys_of(bucket) == ["off/a", "other"]
    bucket.delete_bucket_lifecycle()
    with pytest.raises(oss2.exceptions.NoSuchLifecycle):
        bucket.get_bucket_lifecycle()


@covers("PutBucketLifecycle", "GetBucketLifecycle", "DeleteBucketLifecycle")
def test_the_second_client_puts_and_reads_rules(lab: Lab, client: Any) -> None:
    name = lab.create("second").bucket_name
    monitor = oss_v2.AccessMonitorConfiguration(status="Enabled")
    client.put_bucket_access_monitor(
        oss_v2.PutBucketAccessMonitorRequest(bucket=name, access_monitor_configuration=monitor)
    )
    wanted = oss_v2.LifecycleConfiguration(
        rules=[
            oss_v2.LifecycleRule(
                id="r",
                prefix="a/",
                status="Enabled",
                tags=[oss_v2.Tag(key="k", value="v")],
                transitions=[
                    oss_v2.LifecycleRuleTransition(
                        days=30,
                        storage_class="IA",
                        is_access_time=True,
                        return_to_std_when_visit=True,
                        allow_small_file=False,
                    ),
                    oss_v2.LifecycleRuleTransition(days=60, storage_class="Archive"),
                ],
                expiration=oss_v2.LifecycleRuleExpiration(days=90),
                noncurrent_version_expiration=oss_v2.NoncurrentVersionExpiration(noncurrent_days=9),
                filter=oss_v2.LifecycleRuleFilter(
                    nots=[oss_v2.LifecycleRuleNot(prefix="a/not/")],
                ),
            )
        ]
    )
    request = oss_v2.PutBucketLifecycleRequest(bucket=name, lifecycle_configuration=wanted)
    assert client.put_bucket_lifecycle(request).status_code == 200
    got = client.get_bucket_lifecycle(oss_v2.GetBucketLifecycleRequest(bucket=name))
    (found,) = got.lifecycle_configuration.rules
    assert (found.id, found.prefix, found.status) == ("r", "a/", "Enabled")
    assert [(each.days, each.storage_class) for each in found.transitions] == [
        (30, "IA"),
        (60, "Archive"),
    ]
    first = found.transitions[0]
    assert (first.is_access_time, first.return_to_std_when_visit) == (True, True)
    assert first.allow_small_file is False
    assert found.filter.nots[0].prefix == "a/not/"
    assert found.atime_base == int(now(lab).timestamp())
    gone = client.delete_bucket_lifecycle(oss_v2.DeleteBucketLifecycleRequest(bucket=name))
    assert gone.status_code == 204


@covers("PutBucketLifecycle")
def test_versions_expire_from_current_to_nothing(lab: Lab) -> None:
    bucket = lab.create("versions", versioned=True)
    noon(lab)
    put_rules(
        bucket,
        rule("current", "k", expiration=LifecycleExpiration(days=1)),
        rule("old", noncurrent_version_expiration=NoncurrentVersionExpiration(2)),
        rule("marks", "m", expiration=LifecycleExpiration(expired_detete_marker=True)),
        x_oss_allow_same_action_overlap="true",
    )
    for key in ("k", "m"):
        bucket.put_object(key, b"first")
        bucket.put_object(key, b"second")
    bucket.delete_object("m")
    assert [entry.is_marker for entry in stack(bucket, "m")] == [True, False, False]
    go(lab, 2)  # a delete marker on "k"
    assert [entry.is_marker for entry in stack(bucket, "k")] == [True, False, False]
    go(lab, 1)  # "first" of both and "second" of "m": noncurrent for two days
    assert [entry.is_marker for entry in stack(bucket, "k")] == [True, False]
    assert [entry.is_marker for entry in stack(bucket, "m")] == [True]
    go(lab, 1)  # "second" of "k", noncurrent since its marker; the lone marker of "m"
    assert [entry.is_marker for entry in stack(bucket, "k")] == [True]
    assert stack(bucket, "m") == []


@covers("PutBucketLifecycle")
def test_suspended_versioning_keeps_one_null_version(lab: Lab) -> None:
    bucket = lab.create("suspended", versioned=True)
    noon(lab)
    bucket.put_object("k", b"kept")
    set_versioning(bucket, "Suspended")
    bucket.put_object("k", b"null")
    put_rules(bucket, rule("r", expiration=LifecycleExpiration(days=1)))
    go(lab, 2)
    marker, kept = stack(bucket, "k")
    assert (marker.version_id, marker.is_marker) == ("null", True)
    assert content(bucket, "k", kept.version_id) == b"kept"


@covers("PutBucketLifecycle", "InitiateMultipartUpload", "ListMultipartUploads")
def test_unfinished_uploads_are_aborted(lab: Lab, client: Any) -> None:
    bucket = lab.create("uploads")
    name = bucket.bucket_name
    noon(lab)
    put_rules(bucket, rule("r", "up/", abort_multipart_upload=AbortMultipartUpload(days=1)))
    for key in ("up/a", "up/b", "down"):
        upload = client.initiate_multipart_upload(
            oss_v2.InitiateMultipartUploadRequest(bucket=name, key=key)
        )
        client.upload_part(
            oss_v2.UploadPartRequest(
                bucket=name, key=key, upload_id=upload.upload_id, part_number=1, body=b"part"
            )
        )
    go(lab, 1)
    assert len(_uploads(client, name)) == 3
    go(lab, 1)
    assert _uploads(client, name) == ["down"]


def _uploads(client: Any, name: str) -> list[str]:
    listed = client.list_multipart_uploads(oss_v2.ListMultipartUploadsRequest(bucket=name))
    return [each.key for each in listed.uploads]


@covers("PutBucketLifecycle", "HeadObject", "ListObjectsV2")
def test_classes_get_colder_day_by_day(lab: Lab) -> None:
    bucket = lab.create("classes")
    noon(lab)
    ladder = (("IA", 1), ("Archive", 2), ("ColdArchive", 3), ("DeepColdArchive", 4))
    moves = [StorageTransition(days=days, storage_class=to) for to, days in ladder]
    put_rules(bucket, rule("r", storage_transitions=moves))
    bucket.put_object("k", b"content", headers={"x-oss-meta-a": "b"})
    before = bucket.head_object("k").headers
    go(lab, 1)
    assert class_of(bucket, "k") == "Standard"
    for to, _ in ladder:
        go(lab, 1)
        after = bucket.head_object("k").headers
        assert after["x-oss-storage-class"] == to
        assert bucket.list_objects().object_list[0].storage_class == to
        is_timed = to in ("ColdArchive", "DeepColdArchive")
        assert ("x-oss-transition-time" in after) is is_timed
        kept = ("ETag", "Last-Modified", "x-oss-meta-a", "x-oss-hash-crc64ecma")
        assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    go(lab, 9)
    assert class_of(bucket, "k") == "DeepColdArchive"
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_object("k")
    assert refused.value.code == "InvalidObjectState"


@covers("PutBucketLifecycle")
def test_noncurrent_versions_change_class_apart(lab: Lab) -> None:
    bucket = lab.create("noncurrent", versioned=True)
    noon(lab)
    move = NoncurrentVersionStorageTransition(1, oss2.BUCKET_STORAGE_CLASS_ARCHIVE)
    put_rules(bucket, rule("r", noncurrent_version_sotrage_transitions=[move]))
    bucket.put_object("k", b"old")
    bucket.put_object("k", b"new")
    go(lab, 2)
    versions = bucket.list_object_versions().versions
    assert [each.storage_class for each in versions] == ["Standard", "Archive"]


@covers("PutBucketLifecycle")
def test_tags_sizes_and_not_choose_the_objects(lab: Lab) -> None:
    bucket = lab.create("chosen")
    noon(lab)
    left_out = [
        FilterNot("t/keep/"),
        FilterNot("t/tag/", FilterNotTag("keep", "yes")),
    ]
    put_rules(
        bucket,
        rule(
            "tagged",
            "t/",
            tagging=tags(a="1", b="2"),
            expiration=LifecycleExpiration(days=1),
            filter=LifecycleFilter(filter_not=left_out),
        ),
        rule(
            "sized",
            "s/",
            expiration=LifecycleExpiration(days=1),
            filter=LifecycleFilter(object_size_greater_than=3, object_size_less_than=6),
        ),
    )
    for key, header in (
        ("t/both", "a=1&b=2&c=3"),
        ("t/one", "a=1"),
        ("t/keep/x", "a=1&b=2"),
        ("t/tag/x", "a=1&b=2&keep=yes"),
        ("t/tag/y", "a=1&b=2&keep=no"),
    ):
        bucket.put_object(key, b"x", headers={"x-oss-tagging": header})
    for size in (3, 4, 5, 6):
        bucket.put_object(f"s/{size}", b"x" * size)
    go(lab, 2)
    assert keys_of(bucket) == ["s/3", "s/6", "t/keep/x", "t/one", "t/tag/x"]


@covers("PutBucketAccessMonitor", "GetBucketAccessMonitor", "GetObjectMeta")
def test_objects_nobody_reads_get_colder(lab: Lab, client: Any) -> None:
    bucket = lab.create("monitored")
    name = bucket.bucket_name
    noon(lab)
    bucket.put_object("read", b"x")
    bucket.put_object("forgotten", b"x")
    lab.server.advance(60)
    bucket.put_bucket_access_monitor("Enabled")
    begun = now(lab)
    got = client.get_bucket_access_monitor(oss_v2.GetBucketAccessMonitorRequest(bucket=name))
    assert got.access_monitor_configuration.status == "Enabled"
    assert _last_access(bucket, "read") == begun.strftime("%a, %d %b %Y %H:%M:%S GMT")
    move = StorageTransition(
        days=2, storage_class="IA", is_access_time=True, return_to_std_when_visit=True
    )
    put_rules(bucket, rule("r", storage_transitions=[move]))
    go(lab, 2)
    assert class_of(bucket, "read") == "Standard"
    assert bucket.get_object("read").read() == b"x"
    lab.server.settle(advance=False)
    assert _last_access(bucket, "read") == now(lab).strftime("%a, %d %b %Y %H:%M:%S GMT")
    go(lab, 1)
    assert (class_of(bucket, "read"), class_of(bucket, "forgotten")) == ("Standard", "IA")
    bucket.head_object("forgotten")  # no access
    lab.server.settle(advance=False)
    assert class_of(bucket, "forgotten") == "IA"
    assert bucket.get_object("forgotten").read() == b"x"
    lab.server.settle(advance=False)
    assert class_of(bucket, "forgotten") == "Standard"


def _last_access(bucket: oss2.Bucket, key: str) -> str:
    return str(bucket.get_object_meta(key).headers["x-oss-last-access-time"])
