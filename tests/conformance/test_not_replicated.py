"""What replication leaves out: R41, R42 and R47, and what no row speaks of."""

from __future__ import annotations

import json
from collections.abc import Callable

import oss2
import pytest
from oss2.models import (
    BucketCors,
    BucketCreateConfig,
    BucketLifecycle,
    BucketLogging,
    BucketReferer,
    BucketWebsite,
    CorsRule,
    LifecycleExpiration,
    LifecycleRule,
    ServerSideEncryptionRule,
    Tagging,
    TaggingRule,
)

from tests.support.covers import covers
from tests.support.lab import Lab, content, face, fresh, get_text, keys_of, put_rich

pytestmark = pytest.mark.conformance

COLD = ["ColdArchive", "DeepColdArchive"]


def unchanged(lab: Lab, bucket: oss2.Bucket, key: str, act: Callable[[], object]) -> None:
    """Do something, and see that the replica stays as it is and no task was made."""
    before = face(bucket, key)
    act()
    counts = lab.settle()
    assert face(bucket, key) == before
    assert (counts["applied"], counts["stored"], counts["pending"]) == (0, 0, 0)


@covers("RestoreObject", "CleanRestoredObject", "PutBucketReplication")
def test_restoring_the_source_leaves_the_replica_frozen(lab: Lab) -> None:
    source, destination = lab.replicate()
    source.put_object("k", b"x", headers={"x-oss-storage-class": "Archive"})
    lab.settle()
    assert source.restore_object("k").status == 202
    lab.server.advance(60)
    counts = lab.settle()
    assert (counts["applied"], counts["stored"]) == (0, 0)
    assert content(source, "k") == b"x"
    assert "x-oss-restore" in source.head_object("k").headers
    assert "x-oss-restore" not in destination.head_object("k").headers
    with pytest.raises(oss2.exceptions.ServerError) as frozen:
        destination.get_object("k")
    assert frozen.value.code == "InvalidObjectState"


@covers("RestoreObject", "PutBucketReplication", "ListObjectsV2")
@pytest.mark.parametrize("storage_class", COLD)
def test_r47_a_restored_cold_object_is_not_copied_either(lab: Lab, storage_class: str) -> None:
    source, destination = lab.pair()
    source.put_object("k", b"x", headers={"x-oss-storage-class": storage_class})
    source.restore_object("k")
    lab.add_rule(source, destination)
    lab.settle()
    source.put_object_acl("k", "public-read")
    lab.settle()
    assert keys_of(destination) == []


@covers("GetObject", "HeadObject", "GetObjectMeta", "PutBucketReplication")
def test_r42_reading_changes_nothing_at_the_destination(lab: Lab) -> None:
    source, destination = lab.replicate()
    put_rich(source, "k", b"x")
    lab.settle()

    def read() -> None:
        source.get_object("k").read()
        source.head_object("k")
        source.get_object_meta("k")

    unchanged(lab, destination, "k", read)


@covers("AppendObject", "PutObject", "PutBucketReplication", "PutBucket", "ListObjectsV2")
@pytest.mark.parametrize("historical", [False, True], ids=["new", "history"])
@pytest.mark.parametrize("storage_class", [*COLD, "Archive"])
def test_appendable_objects_do_not_go_to_cold_buckets(
    lab: Lab, storage_class: str, historical: bool
) -> None:
    source = lab.create("source")
    cold = lab.client(fresh("cold"))
    cold.create_bucket(input=BucketCreateConfig(storage_class))
    lab._regions[cold.bucket_name] = "cn-hangzhou"
    if not historical:
        lab.add_rule(source, cold)
        lab.settle()
    source.append_object("log", 0, b"abc")
    source.append_object("log", 3, b"de")
    source.put_object("plain", b"x")
    if historical:
        lab.add_rule(source, cold)
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 0)
    is_cold = storage_class in COLD
    assert keys_of(cold) == (["plain"] if is_cold else ["log", "plain"])
    assert cold.head_object("plain").headers["x-oss-storage-class"] == "Standard"
    (note,) = lab.server.explain(source.bucket_name, "log")["rules"]
    if is_cold:
        assert (note["standing"], note["skip_reason"]) == ("skipped", "appendable-to-cold")
    source.put_object_acl("log", "private")
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 0)


def set_encryption(bucket: oss2.Bucket) -> None:
    rule = ServerSideEncryptionRule()
    rule.sse_algorithm = "AES256"
    bucket.put_bucket_encryption(rule)


def set_tags(bucket: oss2.Bucket) -> None:
    rule = TaggingRule()
    rule.add("team", "a")
    bucket.put_bucket_tagging(Tagging(rule))


def set_policy(bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": ["*"],
        "Resource": [f"acs:oss:*:*:{name}/*"],
    }
    bucket.put_bucket_policy(json.dumps({"Version": "1", "Statement": [statement]}))


def set_lifecycle(bucket: oss2.Bucket) -> None:
    rule = LifecycleRule("r", "p/", expiration=LifecycleExpiration(days=1))
    bucket.put_bucket_lifecycle(BucketLifecycle([rule]))


def set_cors(bucket: oss2.Bucket) -> None:
    bucket.put_bucket_cors(BucketCors([CorsRule(["*"], ["GET"])]))


# What is set, the sub-resource that shows it, and what shows that it is.
SETTINGS: dict[str, tuple[Callable[[oss2.Bucket], object], str, str]] = {
    "acl": (lambda bucket: bucket.put_bucket_acl("public-read"), "acl", "public-read"),
    "cors": (set_cors, "cors", "AllowedOrigin"),
    "encryption": (set_encryption, "encryption", "AES256"),
    "lifecycle": (set_lifecycle, "lifecycle", "<ID>r</ID>"),
    "logging": (
        lambda bucket: bucket.put_bucket_logging(BucketLogging(bucket.bucket_name, "logs/")),
        "logging",
        "logs/",
    ),
    "policy": (set_policy, "policy", "oss:GetObject"),
    "referer": (
        lambda bucket: bucket.put_bucket_referer(BucketReferer(True, ["http://a.example"])),
        "referer",
        "a.example",
    ),
    "request payment": (
        lambda bucket: bucket.put_bucket_request_payment("Requester"),
        "requestPayment",
        "Requester",
    ),
    "tags": (set_tags, "tagging", "team"),
    "website": (
        lambda bucket: bucket.put_bucket_website(BucketWebsite("i.html", "e.html")),
        "website",
        "i.html",
    ),
}


@covers("PutBucketReplication")
@pytest.mark.parametrize(("act", "query", "sign"), SETTINGS.values(), ids=SETTINGS)
def test_settings_of_buckets_stay_where_they_are_made(
    lab: Lab, act: Callable[[oss2.Bucket], object], query: str, sign: str
) -> None:
    source, destination = lab.replicate()
    source.put_object("k", b"x")
    lab.settle()
    act(source)
    counts = lab.settle()
    assert (counts["applied"], counts["stored"]) == (0, 0)
    assert sign in get_text(source, **{query: ""})
    try:
        shown = get_text(destination, **{query: ""})
    except oss2.exceptions.ServerError as error:
        shown = error.code
    assert sign not in shown
