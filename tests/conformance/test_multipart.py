"""Multipart uploads with both clients, their own helpers included, and what of them replicates."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import Lab, content, face, keys_of, put_rich, stack

pytestmark = pytest.mark.conformance

KIB_100 = 102_400
KEY = "dir/a b+c%20ä.bin"
HEADERS = {"x-oss-meta-colour": "red", "Content-Type": "text/plain", "x-oss-tagging": "team=a"}


def pieces(count: int, last_bytes: int = 777) -> list[bytes]:
    """Contents of parts, none like another."""
    return [bytes([number]) * KIB_100 for number in range(count - 1)] + [b"z" * last_bytes]


def upload(bucket: oss2.Bucket, key: str, parts: list[bytes], **headers: str) -> Any:
    """A whole upload with oss2, which checks the CRC of each part and of the object."""
    upload_id = bucket.init_multipart_upload(key, headers=HEADERS).upload_id
    made = []
    for number, part in enumerate(parts, start=1):
        result = bucket.upload_part(key, upload_id, number, part)
        made.append(oss2.models.PartInfo(number, result.etag, size=len(part), part_crc=result.crc))
    return read_out(bucket.complete_multipart_upload(key, upload_id, made, headers=headers))


def read_out(result: Any) -> Any:
    """Read what oss2 leaves unread of an answer: it would keep the connection otherwise."""
    result.resp.read()
    return result


@pytest.fixture
def client(lab: Lab) -> Any:
    """The second client of account A."""
    return v2_client_of(lab.server)


@covers(
    "InitiateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "ListMultipartUploads",
    "ListParts",
    "AbortMultipartUpload",
)
def test_an_upload_with_the_first_client(lab: Lab) -> None:
    bucket = lab.create("parts")
    parts = pieces(3)
    done = upload(bucket, KEY, parts, **{"x-oss-object-acl": "public-read"})
    assert done.etag.endswith("-3")
    seen = face(bucket, KEY)
    assert (seen["body"], seen["acl"], seen["tags"]) == (
        b"".join(parts),
        "public-read",
        {"team": "a"},
    )
    assert seen["header x-oss-object-type"] == "Multipart"
    assert seen["header x-oss-meta-colour"] == "red"
    ids = sorted(bucket.init_multipart_upload(KEY).upload_id for _ in range(5))
    listed = list(oss2.MultipartUploadIterator(bucket, max_uploads=2))
    assert [(each.key, each.upload_id) for each in listed] == [(KEY, each) for each in ids]
    for number in (1, 3, 6):
        bucket.upload_part(KEY, ids[0], number, b"x" * number)
    found = list(oss2.PartIterator(bucket, KEY, ids[0], max_parts=2))
    assert [(part.part_number, part.size) for part in found] == [(1, 1), (3, 3), (6, 6)]
    for each in ids:
        assert bucket.abort_multipart_upload(KEY, each).status == 204
    assert bucket.list_multipart_uploads().upload_list == []
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.list_parts(KEY, ids[0])


@covers("UploadPartCopy", "CompleteMultipartUpload")
def test_parts_copied_with_the_first_client(lab: Lab) -> None:
    bucket = lab.create("parts", versioned=True)
    source = bytes(range(256)) * 800
    version_id = bucket.put_object("source", source).versionid
    bucket.put_object("source", b"newer")
    upload_id = bucket.init_multipart_upload(KEY).upload_id
    made = []
    for number, span in ((1, (0, KIB_100 - 1)), (2, (KIB_100, None))):
        result = bucket.upload_part_copy(
            bucket.bucket_name,
            "source",
            span,
            KEY,
            upload_id,
            number,
            params={"versionId": version_id},
        )
        assert result.headers["x-oss-copy-source-version-id"] == version_id
        assert result.headers["Content-Range"].endswith(f"/{len(source)}")
        made.append(oss2.models.PartInfo(number, result.etag))
    done = read_out(bucket.complete_multipart_upload(KEY, upload_id, made))
    assert content(bucket, KEY) == source
    assert [entry.version_id for entry in stack(bucket, KEY)] == [done.versionid]


@covers("UploadPart", "CompleteMultipartUpload", "ListParts")
def test_a_broken_upload_goes_on_with_the_first_client(lab: Lab, tmp_path: Path) -> None:
    bucket = lab.create("parts")
    data = b"".join(pieces(5))
    file = tmp_path / "data"
    file.write_bytes(data)
    store = oss2.ResumableStore(root=str(tmp_path))
    sizes = {"multipart_threshold": KIB_100, "part_size": KIB_100}

    def stop(done: int, total: int) -> None:
        if done > 2 * KIB_100:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        oss2.resumable_upload(
            bucket, KEY, str(file), store=store, num_threads=1, progress_callback=stop, **sizes
        )
    (left,) = bucket.list_multipart_uploads().upload_list
    assert len(bucket.list_parts(KEY, left.upload_id).parts) >= 2
    read_out(oss2.resumable_upload(bucket, KEY, str(file), store=store, num_threads=3, **sizes))
    assert content(bucket, KEY) == data
    assert bucket.list_multipart_uploads().upload_list == []


@covers("InitiateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
def test_a_sequential_upload_with_the_first_client(lab: Lab) -> None:
    bucket = lab.create("parts")
    upload_id = bucket.init_multipart_upload(KEY, params={"sequential": ""}).upload_id
    parts = pieces(2)
    with pytest.raises(oss2.exceptions.PartNotSequential):
        bucket.upload_part(KEY, upload_id, 2, parts[1])
    for number, part in enumerate(parts, start=1):
        bucket.upload_part(KEY, upload_id, number, part)
    headers = {"x-oss-complete-all": "yes"}
    read_out(bucket.complete_multipart_upload(KEY, upload_id, None, headers=headers))
    digest = hashlib.md5(b"".join(parts), usedforsecurity=False).digest()
    got = bucket.get_object(KEY)
    assert got.headers["Content-MD5"] == base64.b64encode(digest).decode()
    assert got.read() == b"".join(parts)


@covers(
    "InitiateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "ListMultipartUploads",
    "ListParts",
)
def test_an_upload_with_the_second_client(lab: Lab, client: Any) -> None:
    name = lab.create("parts").bucket_name
    parts = pieces(2)
    client.put_object(oss_v2.PutObjectRequest(name, "source", body=parts[0]))

    def initiate() -> str:
        begun = client.initiate_multipart_upload(
            oss_v2.InitiateMultipartUploadRequest(name, KEY, metadata={"colour": "red"})
        )
        assert (begun.bucket, begun.key) == (name, KEY)
        return str(begun.upload_id)

    upload_id, other = sorted((initiate(), initiate()))
    copied = client.upload_part_copy(
        oss_v2.UploadPartCopyRequest(
            name, KEY, part_number=1, upload_id=upload_id, source_key="source"
        )
    )
    sent = client.upload_part(
        oss_v2.UploadPartRequest(name, KEY, part_number=2, upload_id=upload_id, body=parts[1])
    )
    shown = client.list_parts(oss_v2.ListPartsRequest(name, KEY, upload_id=upload_id))
    assert [(each.part_number, each.etag, each.size) for each in shown.parts] == [
        (1, copied.etag, KIB_100),
        (2, sent.etag, 777),
    ]
    assert shown.parts[1].hash_crc64 == sent.hash_crc64
    pages = client.list_multipart_uploads_paginator(limit=1)
    found = [
        each.upload_id
        for page in pages.iter_page(oss_v2.ListMultipartUploadsRequest(name))
        for each in page.uploads or []
    ]
    assert found == [upload_id, other]
    aborted = client.abort_multipart_upload(
        oss_v2.AbortMultipartUploadRequest(name, KEY, upload_id=other)
    )
    assert aborted.status_code == 204
    done = client.complete_multipart_upload(
        oss_v2.CompleteMultipartUploadRequest(
            name,
            KEY,
            upload_id=upload_id,
            complete_multipart_upload=oss_v2.CompleteMultipartUpload(
                parts=[
                    oss_v2.UploadPart(part_number=n, etag=each.etag)
                    for n, each in ((1, copied), (2, sent))
                ]
            ),
        )
    )
    assert (done.bucket, done.key, done.etag[-3:]) == (name, KEY, '-2"')
    got = client.get_object(oss_v2.GetObjectRequest(name, KEY))
    assert (got.body.content, got.metadata) == (b"".join(parts), {"colour": "red"})
    assert (got.object_type, got.hash_crc64) == ("Multipart", done.hash_crc64)


@covers("InitiateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
def test_the_uploader_of_the_second_client(lab: Lab, client: Any, tmp_path: Path) -> None:
    bucket = lab.create("parts")
    data = b"".join(pieces(8))
    file = tmp_path / "data"
    file.write_bytes(data)
    uploader = client.uploader(part_size=KIB_100, parallel_num=3)
    request = oss_v2.PutObjectRequest(bucket.bucket_name, KEY)
    result = uploader.upload_file(request, filepath=str(file))
    assert (result.status_code, result.etag[-3:]) == (200, '-8"')
    assert content(bucket, KEY) == data


@covers("CompleteMultipartUpload", "GetObject")
@pytest.mark.parametrize("versioned", [False, True], ids=["plain", "versioned"])
def test_a_completed_upload_is_copied_as_one_object(lab: Lab, versioned: bool) -> None:
    source, destination = lab.replicate(versioned=versioned)
    put_rich(source, KEY, b"before")
    upload_id = source.init_multipart_upload(KEY, headers=HEADERS).upload_id
    source.upload_part(KEY, upload_id, 1, b"never completed")
    lab.settle()
    done = upload(source, KEY, pieces(3))
    lab.settle()
    seen = face(destination, KEY)
    assert seen == face(source, KEY)
    assert seen["header ETag"] == f'"{done.etag}"'
    assert seen["header x-oss-object-type"] == "Multipart"
    assert seen["body"] == b"".join(pieces(3))
    assert stack(destination, KEY) == stack(source, KEY)
    assert keys_of(destination) == [KEY]
