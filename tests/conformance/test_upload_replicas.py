"""Unfinished uploads at the destination of a rule, with both clients."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import PartInfo, ServerSideEncryptionRule

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import (
    DELETE,
    GET,
    LIST,
    PUT,
    Lab,
    allow,
    content,
    face,
    rule_xml,
    stack,
    tag_filter_xml,
)

pytestmark = pytest.mark.conformance

KIB_100 = 102_400
KEY = "dir/a b+c%20ä.bin"
SSE = "x-oss-server-side-encryption"
BIG = os.urandom(300_000)


class Seen(NamedTuple):
    """A part as ListParts shows it."""

    etag: str
    size_bytes: int
    modified: int
    crc64: int


def uploads_of(bucket: oss2.Bucket) -> dict[str, tuple[str, int]]:
    """Key and instant of each upload by id."""
    found = bucket.list_multipart_uploads().upload_list
    return {each.upload_id: (each.key, each.initiation_date) for each in found}


def parts_of(bucket: oss2.Bucket, upload_id: str, key: str = KEY) -> dict[int, Seen]:
    """The parts of an upload by number."""
    found = bucket.list_parts(key, upload_id).parts
    return {
        each.part_number: Seen(each.etag, each.size, each.last_modified, each.part_crc)
        for each in found
    }


def complete(bucket: oss2.Bucket, upload_id: str, key: str = KEY) -> Any:
    """CompleteMultipartUpload of all parts."""
    parts = [
        PartInfo(number, seen.etag) for number, seen in parts_of(bucket, upload_id, key).items()
    ]
    result = bucket.complete_multipart_upload(key, upload_id, parts)
    result.resp.read()
    return result


def begin(
    bucket: oss2.Bucket,
    key: str = KEY,
    data: bytes = b"first",
    headers: Mapping[str, str] | None = None,
) -> str:
    """An upload with one part."""
    upload_id: str = bucket.init_multipart_upload(key, headers=headers).upload_id
    bucket.upload_part(key, upload_id, 1, data)
    return upload_id


def note(lab: Lab, bucket: oss2.Bucket, key: str = KEY) -> dict[str, Any]:
    """What the only rule of a source does with a key."""
    (found,) = lab.server.explain(bucket.bucket_name, key)["rules"]
    return dict(found)


@covers("UploadPart", "UploadPartCopy", "ListParts", "ListMultipartUploads")
def test_r38_the_same_upload_is_shown_at_both_ends(lab: Lab) -> None:
    source, target = lab.replicate()
    upload_id = source.init_multipart_upload(KEY).upload_id
    lab.settle()
    assert uploads_of(target) == uploads_of(source)
    assert parts_of(target, upload_id) == {}
    lab.server.advance(5)
    source.upload_part(KEY, upload_id, 1, BIG)
    source.upload_part(KEY, upload_id, 2, b"to be replaced")
    source.put_object("whole", BIG)
    source.upload_part_copy(source.bucket_name, "whole", (0, KIB_100 - 1), KEY, upload_id, 7)
    lab.settle()
    assert parts_of(target, upload_id) == parts_of(source, upload_id)
    lab.server.advance(5)
    source.upload_part(KEY, upload_id, 2, BIG[:KIB_100])
    lab.settle()
    shown = parts_of(target, upload_id)
    assert shown == parts_of(source, upload_id)
    assert [seen.size_bytes for seen in shown.values()] == [len(BIG), KIB_100, KIB_100]
    assert note(lab, source)["uploads"][0]["parts"] == 3
    complete(source, upload_id)
    lab.settle()
    assert uploads_of(target) == {}
    assert content(target, KEY) == BIG + BIG[:KIB_100] * 2
    assert face(target, KEY) == face(source, KEY)


@covers(
    "InitiateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "ListParts",
    "ListMultipartUploads",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
)
def test_r38_r39_with_the_second_client(lab: Lab) -> None:
    source, target = lab.replicate(versioned=True)
    client, name, theirs = v2_client_of(lab.server), source.bucket_name, target.bucket_name
    ids = [
        client.initiate_multipart_upload(
            oss_v2.InitiateMultipartUploadRequest(bucket=name, key=KEY)
        ).upload_id
        for _ in range(2)
    ]
    client.upload_part(
        oss_v2.UploadPartRequest(
            bucket=name, key=KEY, upload_id=ids[0], part_number=1, body=BIG[:KIB_100]
        )
    )
    source.put_object("whole", b"the end")
    client.upload_part_copy(
        oss_v2.UploadPartCopyRequest(
            bucket=name,
            key=KEY,
            upload_id=ids[0],
            part_number=2,
            source_bucket=name,
            source_key="whole",
        )
    )
    lab.settle()
    asked = oss_v2.ListMultipartUploadsRequest(bucket=theirs)
    listed = client.list_multipart_uploads(asked).uploads
    assert sorted(each.upload_id for each in listed) == sorted(ids)
    pages = [
        client.list_parts(oss_v2.ListPartsRequest(bucket=each, key=KEY, upload_id=ids[0])).parts
        for each in (name, theirs)
    ]
    here, there = (
        [(part.part_number, part.etag, part.size, part.last_modified) for part in page]
        for page in pages
    )
    assert there == here
    client.abort_multipart_upload(
        oss_v2.AbortMultipartUploadRequest(bucket=name, key=KEY, upload_id=ids[1])
    )
    chosen = [oss_v2.UploadPart(part_number=number, etag=etag) for number, etag, _, _ in here]
    done = client.complete_multipart_upload(
        oss_v2.CompleteMultipartUploadRequest(
            bucket=name,
            key=KEY,
            upload_id=ids[0],
            complete_multipart_upload=oss_v2.CompleteMultipartUpload(parts=chosen),
        )
    )
    lab.settle()
    assert not client.list_multipart_uploads(asked).uploads
    assert [each.version_id for each in stack(target, KEY)] == [done.version_id]
    assert content(target, KEY) == BIG[:KIB_100] + b"the end"


@pytest.mark.parametrize(
    ("actions", "stays"),
    [(["ALL"], False), (["PUT", "ABORT"], False), (["PUT"], True), (["PUT", "DELETE"], True)],
)
@covers("AbortMultipartUpload", "ListMultipartUploads")
def test_r39_r40_t13_aborts(lab: Lab, actions: list[str], stays: bool) -> None:
    source, target = lab.replicate(actions=actions)
    upload_id = begin(source)
    lab.settle()
    before = parts_of(target, upload_id)
    source.abort_multipart_upload(KEY, upload_id)
    lab.settle()
    assert (upload_id in uploads_of(target)) is stays
    said = note(lab, source)
    if stays:
        assert parts_of(target, upload_id) == before
        assert said["skip_reason"] == "aborts-not-replicated"
        target.abort_multipart_upload(KEY, upload_id)
    else:
        assert (said["standing"], said["effect"]) == ("completed", "abort-upload")
    assert uploads_of(target) == {}


def test_parts_from_before_the_rule_come_with_the_object(lab: Lab) -> None:
    source, target = lab.pair()
    upload_id = begin(source, data=BIG)
    lab.add_rule(source, target, action_list=["ALL"])
    lab.settle()
    source.upload_part(KEY, upload_id, 2, b"new")
    lab.settle()
    assert uploads_of(target) == {}
    assert note(lab, source)["skip_reason"] == "upload-before-rule"
    complete(source, upload_id)
    lab.settle()
    assert content(target, KEY) == BIG + b"new"


def test_a_rule_deleted_meanwhile_leaves_what_has_arrived(lab: Lab) -> None:
    source, target = lab.pair()
    rule_id = lab.add_rule(source, target, action_list=["ALL"])
    lab.settle()
    upload_id = begin(source, data=BIG)
    lab.settle()
    source.delete_bucket_replication(rule_id)
    source.upload_part(KEY, upload_id, 2, b"late")
    complete(source, upload_id)
    lab.settle()
    assert list(parts_of(target, upload_id)) == [1]
    complete(target, upload_id)
    assert content(target, KEY) == BIG
    assert content(source, KEY) == BIG + b"late"


def test_denied_and_then_repaired(lab: Lab) -> None:
    source, target = lab.pair()
    reads = [allow([LIST, GET], source), allow([LIST, GET], target)]
    role = lab.role(reads)
    lab.add_rule(source, target, action_list=["ALL"], sync_role_name=role)
    lab.settle()
    upload_id = begin(source)
    lab.settle()
    assert uploads_of(target) == {}
    assert note(lab, source)["refusal"]["action"] == PUT
    lab.put_role(role, [*reads, allow([PUT], target)])
    lab.settle()
    assert parts_of(target, upload_id) == parts_of(source, upload_id)
    source.abort_multipart_upload(KEY, upload_id)
    lab.settle()
    assert note(lab, source)["refusal"]["action"] == DELETE
    assert upload_id in uploads_of(target)
    lab.put_role(role, [*reads, allow([PUT, DELETE], target)])
    lab.settle()
    assert uploads_of(target) == {}


def test_a_tag_filter_looks_at_the_tags_of_the_upload(lab: Lab) -> None:
    source, target = lab.pair(versioned=True)
    inner = tag_filter_xml("AND", {"team": "a"}) + "<Action>PUT</Action>"
    lab.add_xml(source, rule_xml(target, "cn-hangzhou", inner))
    lab.settle()
    wanted = begin(source, "in", headers={"x-oss-tagging": "team=a&tier=1"})
    other = begin(source, "out", headers={"x-oss-tagging": "team=b"})
    lab.settle()
    assert list(uploads_of(target)) == [wanted]
    for key, upload_id in (("in", wanted), ("out", other)):
        complete(source, upload_id, key)
    lab.settle()
    assert (content(target, "in"), content(target, "out")) == (b"first", None)


def test_a_pair_in_both_directions(lab: Lab) -> None:
    one, other = lab.replicate()
    lab.add_rule(other, one, action_list=["ALL"])
    lab.settle()
    ours, theirs = begin(one, data=b"ours"), begin(other, data=b"theirs")
    lab.settle()
    assert uploads_of(one) == uploads_of(other)
    assert set(uploads_of(one)) == {ours, theirs}
    complete(other, ours)  # a client's write there, of what is a replica
    lab.settle()
    assert content(one, KEY) == content(other, KEY) == b"ours"
    assert set(uploads_of(one)) == {ours, theirs}
    other.abort_multipart_upload(KEY, theirs)
    one.upload_part(KEY, ours, 2, b" and more")
    lab.settle()
    assert set(uploads_of(one)) == {ours}
    assert uploads_of(other) == {}
    one.abort_multipart_upload(KEY, ours)
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 0)
    assert uploads_of(one) == uploads_of(other) == {}


# --- encryption -------------------------------------------------------------------------------


def default_of(bucket: oss2.Bucket, algorithm: str, key: str | None = None) -> None:
    """Give a bucket a default encryption."""
    rule = ServerSideEncryptionRule()
    rule.sse_algorithm, rule.kms_master_keyid = algorithm, key
    bucket.put_bucket_encryption(rule)


def kms_rule(lab: Lab, key: str, status: str) -> tuple[oss2.Bucket, oss2.Bucket]:
    """A rule about encrypted objects, whose role may do all with all keys."""
    source, target = lab.pair()
    keys = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    rights = (LIST, GET, PUT, DELETE)
    role = lab.role([allow(rights, source), allow(rights, target), keys])
    inner = (
        f"<SyncRole>{role}</SyncRole><SourceSelectionCriteria><SseKmsEncryptedObjects>"
        f"<Status>{status}</Status></SseKmsEncryptedObjects></SourceSelectionCriteria>"
    )
    if key:
        inner += (
            f"<EncryptionConfiguration><ReplicaKmsKeyID>{key}</ReplicaKmsKeyID>"
            "</EncryptionConfiguration>"
        )
    lab.add_xml(source, rule_xml(target, "cn-hangzhou", inner))
    lab.settle()
    return source, target


@pytest.mark.parametrize("algorithm", ["AES256", "SM4"])
def test_parts_under_a_key_of_the_service_are_shared(lab: Lab, algorithm: str) -> None:
    source, target = lab.replicate()
    default_of(target, "KMS")
    upload_id = begin(source, data=BIG, headers={SSE: algorithm})
    source.upload_part(KEY, upload_id, 2, b"small")
    lab.settle()
    assert parts_of(target, upload_id) == parts_of(source, upload_id)
    complete(target, upload_id)
    assert content(target, KEY) == BIG + b"small"
    assert target.head_object(KEY).headers[SSE] == algorithm


def test_parts_under_kms_get_the_key_of_the_rule(lab: Lab) -> None:
    (first, _), (second, _) = lab.key(), lab.key()
    source, target = kms_rule(lab, second, "Enabled")
    upload_id = begin(source, data=BIG, headers={SSE: "KMS", f"{SSE}-key-id": first})
    lab.settle()
    assert parts_of(target, upload_id) == parts_of(source, upload_id)
    lab.kms("DisableKey", KeyId=second)
    source.upload_part(KEY, upload_id, 2, b"late")
    lab.settle()
    assert list(parts_of(target, upload_id)) == [1]
    assert note(lab, source)["refusal"]["reason"] == "key-disabled"
    lab.kms("EnableKey", KeyId=second)
    lab.settle()
    assert parts_of(target, upload_id) == parts_of(source, upload_id)
    lab.kms("DisableKey", KeyId=first)
    complete(target, upload_id)  # by a client there, under the other key
    assert target.head_object(KEY).headers[f"{SSE}-key-id"] == second
    assert content(target, KEY) == BIG + b"late"


def test_parts_under_kms_are_left_out_unless_selected(lab: Lab) -> None:
    source, target = kms_rule(lab, "", "Disabled")
    upload_id = begin(source, headers={SSE: "KMS"})
    lab.settle()
    assert uploads_of(target) == {}
    assert note(lab, source)["skip_reason"] == "sse-kms-not-selected"
    complete(source, upload_id)
    lab.settle()
    assert content(target, KEY) is None


@pytest.mark.parametrize("algorithm", ["AES256", "KMS"])
def test_parts_that_would_be_encrypted_anew_wait_for_the_object(lab: Lab, algorithm: str) -> None:
    source, target = lab.replicate()
    default_of(target, algorithm)
    upload_id = begin(source, data=BIG)
    lab.settle()
    assert uploads_of(target) == {}
    said = note(lab, source)
    assert (said["standing"], said["skip_reason"]) == ("skipped", "no-replica-upload")
    complete(source, upload_id)
    lab.settle()
    assert content(target, KEY) == BIG
    assert target.head_object(KEY).headers[SSE] == algorithm
