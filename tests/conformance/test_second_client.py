"""Buckets, objects and listings with alibabacloud-oss-v2, which signs everything with V4."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import pytest

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import SHANGHAI, Lab, fresh
from tests.support.process import UID_A

pytestmark = pytest.mark.conformance


@pytest.fixture
def client(lab: Lab) -> Any:
    """The client of account A."""
    return v2_client_of(lab.server)


@pytest.fixture
def name(lab: Lab) -> str:
    """A fresh bucket."""
    return str(lab.create("second").bucket_name)


def refused(call: Callable[[], object]) -> oss_v2.exceptions.ServiceError:
    """The error the server answers a call with."""
    with pytest.raises(oss_v2.exceptions.OperationError) as caught:
        call()
    error = caught.value.unwrap()
    assert isinstance(error, oss_v2.exceptions.ServiceError)
    return error


@covers("PutBucket", "GetBucketInfo", "GetBucketLocation", "ListBuckets", "DeleteBucket")
def test_a_bucket_from_making_to_deleting(client: Any) -> None:
    name = fresh("second-life")
    client.put_bucket(
        oss_v2.PutBucketRequest(
            bucket=name,
            acl="public-read",
            create_bucket_configuration=oss_v2.CreateBucketConfiguration(
                storage_class="IA", data_redundancy_type="ZRS"
            ),
        )
    )
    info = client.get_bucket_info(oss_v2.GetBucketInfoRequest(bucket=name)).bucket_info
    assert (info.name, info.storage_class, info.data_redundancy_type) == (name, "IA", "ZRS")
    assert (info.acl, info.location, info.owner.id) == ("public-read", "oss-cn-hangzhou", UID_A)
    place = client.get_bucket_location(oss_v2.GetBucketLocationRequest(bucket=name))
    assert place.location == "oss-cn-hangzhou"
    listed = client.list_buckets(oss_v2.ListBucketsRequest(prefix=name)).buckets
    assert [(each.name, each.storage_class) for each in listed] == [(name, "IA")]
    assert client.delete_bucket(oss_v2.DeleteBucketRequest(bucket=name)).status_code == 204
    error = refused(lambda: client.delete_bucket(oss_v2.DeleteBucketRequest(bucket=name)))
    assert (error.status_code, error.code) == (404, "NoSuchBucket")


@covers("PutBucketAcl", "GetBucketAcl")
def test_the_acl_of_a_bucket(client: Any, name: str) -> None:
    client.put_bucket_acl(oss_v2.PutBucketAclRequest(bucket=name, acl="public-read-write"))
    read = client.get_bucket_acl(oss_v2.GetBucketAclRequest(bucket=name))
    assert (read.acl, read.owner.id) == ("public-read-write", UID_A)


@covers("PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy")
def test_the_policy_of_a_bucket(client: Any, name: str) -> None:
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": ["2000000000000002"],
        "Resource": [f"acs:oss:*:{UID_A}:{name}/*"],
    }
    text = json.dumps({"Version": "1", "Statement": [statement]})
    client.put_bucket_policy(oss_v2.PutBucketPolicyRequest(bucket=name, body=text))
    read = client.get_bucket_policy(oss_v2.GetBucketPolicyRequest(bucket=name))
    assert json.loads(read.body) == json.loads(text)
    client.delete_bucket_policy(oss_v2.DeleteBucketPolicyRequest(bucket=name))
    error = refused(lambda: client.get_bucket_policy(oss_v2.GetBucketPolicyRequest(bucket=name)))
    assert (error.status_code, error.code) == (404, "NoSuchBucketPolicy")


@covers("PutBucketVersioning", "GetBucketVersioning", "ListObjectVersions", "DeleteObject")
def test_versions_of_an_object(client: Any, name: str) -> None:
    assert _versioning(client, name) is None
    enabled = oss_v2.VersioningConfiguration(status="Enabled")
    client.put_bucket_versioning(
        oss_v2.PutBucketVersioningRequest(bucket=name, versioning_configuration=enabled)
    )
    assert _versioning(client, name) == "Enabled"
    ids = [_put(client, name, "k", body).version_id for body in (b"1", b"2")]
    gone = client.delete_object(oss_v2.DeleteObjectRequest(bucket=name, key="k"))
    assert gone.delete_marker is True
    page = client.list_object_versions(oss_v2.ListObjectVersionsRequest(bucket=name))
    assert [each.version_id for each in page.version] == ids[::-1]
    assert [(each.version_id, each.is_latest) for each in page.delete_marker] == [
        (gone.version_id, True)
    ]
    old = oss_v2.GetObjectRequest(bucket=name, key="k", version_id=ids[0])
    assert client.get_object(old).body.content == b"1"


def _versioning(client: Any, name: str) -> str | None:
    request = oss_v2.GetBucketVersioningRequest(bucket=name)
    status: str | None = client.get_bucket_versioning(request).version_status
    return status


def _put(client: Any, name: str, key: str, body: bytes) -> Any:
    return client.put_object(oss_v2.PutObjectRequest(bucket=name, key=key, body=body))


@covers("PutObject", "GetObject", "HeadObject", "GetObjectMeta", "CopyObject", "DeleteObject")
def test_an_object_with_all_it_carries(client: Any, name: str) -> None:
    put = client.put_object(
        oss_v2.PutObjectRequest(
            bucket=name,
            key="dir/ä +.txt",
            body=b"content",
            metadata={"colour": "blue"},
            content_type="text/x-note",
            storage_class="IA",
            acl="private",
        )
    )
    read = client.get_object(oss_v2.GetObjectRequest(bucket=name, key="dir/ä +.txt"))
    assert (read.body.content, read.metadata) == (b"content", {"colour": "blue"})
    assert (read.etag, read.hash_crc64) == (put.etag, put.hash_crc64)
    part = oss_v2.GetObjectRequest(bucket=name, key="dir/ä +.txt", range_header="bytes=1-3")
    assert client.get_object(part).body.content == b"ont"
    client.copy_object(
        oss_v2.CopyObjectRequest(
            bucket=name, key="copy", source_bucket=name, source_key="dir/ä +.txt"
        )
    )
    head = client.head_object(oss_v2.HeadObjectRequest(bucket=name, key="copy"))
    assert (head.content_length, head.content_type) == (7, "text/x-note")
    meta = client.get_object_meta(oss_v2.GetObjectMetaRequest(bucket=name, key="copy"))
    assert (meta.content_length, meta.etag) == (7, put.etag)
    client.delete_object(oss_v2.DeleteObjectRequest(bucket=name, key="copy"))
    error = refused(lambda: client.get_object(oss_v2.GetObjectRequest(bucket=name, key="copy")))
    assert (error.status_code, error.code, error.ec) == (404, "NoSuchKey", "0026-00000001")
    error = refused(lambda: client.head_object(oss_v2.HeadObjectRequest(bucket=name, key="copy")))
    assert (error.status_code, error.code) == (404, "NoSuchKey")


@covers("PutObjectAcl", "GetObjectAcl")
def test_the_acl_of_an_object(client: Any, name: str) -> None:
    _put(client, name, "k", b"x")
    client.put_object_acl(oss_v2.PutObjectAclRequest(bucket=name, key="k", acl="public-read"))
    read = client.get_object_acl(oss_v2.GetObjectAclRequest(bucket=name, key="k"))
    assert read.acl == "public-read"


@covers("PutObjectTagging", "GetObjectTagging", "DeleteObjectTagging")
def test_the_tags_of_an_object(client: Any, name: str) -> None:
    _put(client, name, "k", b"x")
    tags = [oss_v2.Tag(key="team", value="a"), oss_v2.Tag(key="stage", value="1 +")]
    tagging = oss_v2.Tagging(tag_set=oss_v2.TagSet(tags=tags))
    client.put_object_tagging(oss_v2.PutObjectTaggingRequest(bucket=name, key="k", tagging=tagging))
    assert _tags(client, name) == {"team": "a", "stage": "1 +"}
    client.delete_object_tagging(oss_v2.DeleteObjectTaggingRequest(bucket=name, key="k"))
    assert _tags(client, name) == {}


def _tags(client: Any, name: str) -> dict[str, str]:
    request = oss_v2.GetObjectTaggingRequest(bucket=name, key="k")
    found = client.get_object_tagging(request).tag_set
    return {tag.key: tag.value for tag in (found.tags if found else None) or []}


KEYS = ("a/1", "a/2", "b", "ä+ 1", "z")


@covers("ListObjects", "ListObjectsV2", "DeleteMultipleObjects")
def test_listings_and_deleting_what_they_show(client: Any, name: str) -> None:
    for key in KEYS:
        _put(client, name, key, b"x")
    first = client.list_objects(oss_v2.ListObjectsRequest(bucket=name, delimiter="/", max_keys=2))
    assert [each.prefix for each in first.common_prefixes] == ["a/"]
    assert [each.key for each in first.contents] == ["b"]
    rest = client.list_objects(
        oss_v2.ListObjectsRequest(bucket=name, delimiter="/", marker=first.next_marker)
    )
    assert [each.key for each in rest.contents] == sorted(KEYS[3:], key=str.encode)
    pages = client.list_objects_v2_paginator().iter_page(
        oss_v2.ListObjectsV2Request(bucket=name, max_keys=2)
    )
    assert [each.key for page in pages for each in page.contents] == sorted(KEYS, key=str.encode)
    deleted = client.delete_multiple_objects(
        oss_v2.DeleteMultipleObjectsRequest(
            bucket=name, objects=[oss_v2.DeleteObject(key=key) for key in KEYS]
        )
    )
    assert {each.key for each in deleted.deleted_objects} == set(KEYS)
    left = client.list_objects_v2(oss_v2.ListObjectsV2Request(bucket=name))
    assert (left.key_count, left.contents) == (0, None)


@covers("GetBucketReplicationLocation", "PutBucketRtc")
def test_where_to_replicate_and_how_fast(lab: Lab, client: Any) -> None:
    source, destination = lab.pair(region=SHANGHAI)
    lab.add_rule(source, destination)
    name = source.bucket_name
    places = client.get_bucket_replication_location(
        oss_v2.GetBucketReplicationLocationRequest(bucket=name)
    ).replication_location
    assert "oss-cn-shanghai" in places.locations
    rules = client.get_bucket_replication(oss_v2.GetBucketReplicationRequest(bucket=name))
    rule = rules.replication_configuration.rules[0]
    hurry = oss_v2.RtcConfiguration(id=rule.id, rtc=oss_v2.ReplicationTimeControl(status="enabled"))
    client.put_bucket_rtc(oss_v2.PutBucketRtcRequest(bucket=name, rtc_configuration=hurry))
    rules = client.get_bucket_replication(oss_v2.GetBucketReplicationRequest(bucket=name))
    assert rules.replication_configuration.rules[0].rtc.status == "enabling"
