"""Appending, links, reading, copying and encryption through the vendor's clients."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import SHANGHAI, Lab, content, face, fresh

pytestmark = pytest.mark.conformance

BODY = b"0123456789"


@pytest.fixture
def client(lab: Lab) -> Any:
    """The client of account A."""
    return v2_client_of(lab.server)


@pytest.fixture
def name(lab: Lab) -> str:
    """A fresh bucket."""
    return str(lab.create("content").bucket_name)


def refused(call: Callable[[], object]) -> oss_v2.exceptions.ServiceError:
    """The error the server answers a call with."""
    with pytest.raises(oss_v2.exceptions.OperationError) as caught:
        call()
    error = caught.value.unwrap()
    assert isinstance(error, oss_v2.exceptions.ServiceError)
    return error


@covers("AppendObject")
def test_oss2_appends_and_checks_the_running_crc(lab: Lab) -> None:
    bucket = lab.create("append")
    first = bucket.append_object("log", 0, b"first ", init_crc=0)
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as wrong:
        bucket.append_object("log", 0, b"second")
    assert wrong.value.next_position == first.next_position == 6
    second = bucket.append_object("log", 6, b"second", init_crc=first.crc)
    assert second.next_position == 12
    head = bucket.head_object("log")
    assert (head.object_type, head.server_crc) == ("Appendable", second.crc)
    assert bucket.get_object("log").read() == b"first second"
    bucket.put_object("normal", b"x")
    with pytest.raises(oss2.exceptions.ObjectNotAppendable):
        bucket.append_object("normal", 1, b"y")
    with pytest.raises(oss2.exceptions.InconsistentError):
        bucket.append_object("other", 0, b"x", init_crc=1)


@covers("AppendObject", "HeadObject", "SealAppendObject")
def test_the_second_client_appends_and_seals(client: Any, name: str) -> None:
    made = client.append_object(
        oss_v2.AppendObjectRequest(
            bucket=name,
            key="log",
            position=0,
            body=b"one",
            metadata={"a": "1"},
            storage_class="IA",
            server_side_encryption="KMS",
        )
    )
    assert (made.next_position, made.server_side_encryption) == (3, "KMS")
    longer = client.append_object(
        oss_v2.AppendObjectRequest(bucket=name, key="log", position=3, body=b" two")
    )
    assert longer.next_position == 7
    assert longer.server_side_encryption_key_id == made.server_side_encryption_key_id
    sealed = client.seal_append_object(
        oss_v2.SealAppendObjectRequest(bucket=name, key="log", position=7)
    )
    head = client.head_object(oss_v2.HeadObjectRequest(bucket=name, key="log"))
    assert (head.object_type, head.storage_class) == ("Appendable", "IA")
    assert (head.next_append_position, head.metadata["a"]) == (7, "1")
    assert head.sealed_time == sealed.sealed_time
    assert head.hash_crc64 == longer.hash_crc64
    error = refused(
        lambda: client.append_object(
            oss_v2.AppendObjectRequest(bucket=name, key="log", position=7, body=b"!")
        )
    )
    assert (error.status_code, error.code) == (400, "AppendSealedObjectNotAllowed")


def test_the_append_only_file_of_the_second_client(client: Any, name: str) -> None:
    with client.append_file(bucket=name, key="log") as file:
        file.write(b"one ")
        file.write(b"two ")
    with client.append_file(bucket=name, key="log") as file:
        file.write(b"three")
    read = client.get_object(oss_v2.GetObjectRequest(bucket=name, key="log"))
    assert read.body.content == b"one two three"


@covers("PutSymlink", "GetSymlink")
def test_oss2_links(lab: Lab) -> None:
    bucket = lab.create("links")
    bucket.put_object("dir/a b+c%20ä", b"hello")
    bucket.put_symlink("dir/a b+c%20ä", "link \x0c!@#", headers={"x-oss-meta-key1": "value1"})
    assert bucket.get_symlink("link \x0c!@#").target_key == "dir/a b+c%20ä"
    head = bucket.head_object("link \x0c!@#")
    assert (head.content_length, head.etag) == (5, "5D41402ABC4B2A76B9719D911017C592")
    assert head.headers["x-oss-meta-key1"] == "value1"
    bucket.delete_object("dir/a b+c%20ä")
    with pytest.raises(oss2.exceptions.ServerError) as missing:
        bucket.head_object("link \x0c!@#")
    assert missing.value.code == "SymlinkTargetNotExist"
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.get_symlink("missing")


@covers("PutSymlink", "GetSymlink")
def test_the_second_client_links(client: Any, name: str) -> None:
    client.put_object(oss_v2.PutObjectRequest(bucket=name, key="target", body=BODY))
    made = client.put_symlink(
        oss_v2.PutSymlinkRequest(
            bucket=name, key="link", symlink_target="target", metadata={"a": "1"}
        )
    )
    assert made.status_code == 200
    link = client.get_symlink(oss_v2.GetSymlinkRequest(bucket=name, key="link"))
    assert (link.target, link.metadata["a"]) == ("target", "1")
    read = client.get_object(oss_v2.GetObjectRequest(bucket=name, key="link"))
    assert (read.body.content, read.object_type) == (BODY, "Symlink")
    error = refused(lambda: client.get_symlink(oss_v2.GetSymlinkRequest(bucket=name, key="target")))
    assert (error.status_code, error.code) == (400, "NotSymlink")


@covers("GetObject", "GetObjectMeta")
def test_reading_with_the_second_client(client: Any, name: str) -> None:
    client.put_object(oss_v2.PutObjectRequest(bucket=name, key="key", body=BODY, tagging="a=1"))

    def read(**fields: Any) -> Any:
        return client.get_object(oss_v2.GetObjectRequest(bucket=name, key="key", **fields))

    part = read(range_header="bytes=2-4")
    assert (part.status_code, part.body.content) == (206, b"234")
    assert (part.content_range, part.content_length) == ("bytes 2-4/10", 3)
    assert read(range_header="bytes=8-20").body.content == BODY
    assert read(range_header="bytes=8-20", range_behavior="standard").body.content == b"89"
    error = refused(lambda: read(range_header="bytes=10-", range_behavior="standard"))
    assert (error.status_code, error.code) == (416, "InvalidRange")
    whole = read(response_content_type="text/x-other")
    assert whole.body.content == BODY
    assert (whole.content_type, whole.tagging_count) == ("text/x-other", 1)
    meta = client.get_object_meta(oss_v2.GetObjectMetaRequest(bucket=name, key="key"))
    assert (meta.content_length, meta.etag) == (10, whole.etag)
    failed = refused(lambda: read(if_match='"x"'))
    assert (failed.status_code, failed.code) == (412, "PreconditionFailed")


@covers("GetObject")
def test_several_ranges_at_once(lab: Lab) -> None:
    bucket = lab.create("ranges")
    bucket.put_object("key", BODY)
    headers = {"Range": "bytes=0-1,8-9", "x-oss-multi-range-behavior": "multi-range"}
    answer = bucket.get_object("key", headers=headers)
    assert answer.status == 206
    kind, _, boundary = answer.headers["Content-Type"].partition(";boundary=")
    parts = answer.read().split(b"--" + boundary.encode())
    assert kind == "multipart/byteranges"
    assert [part.partition(b"\r\n\r\n")[2].rstrip() for part in parts[1:-1]] == [b"01", b"89"]
    headers["Range"] = "bytes=" + ",".join(["0-0"] * 51)
    with pytest.raises(oss2.exceptions.ServerError) as many:
        bucket.get_object("key", headers=headers)
    assert (many.value.status, many.value.code) == (400, "MultiRangeFailed")


@covers("GetObject")
def test_text_comes_compressed(lab: Lab, client: Any) -> None:
    bucket = lab.create("text")
    text = b"all work and no play " * 5000
    bucket.put_object("key.txt", text)
    answer = bucket.get_object("key.txt", headers={"Accept-Encoding": "gzip"})
    assert answer.read() == text
    assert answer.content_length is None
    assert answer.headers["Content-Encoding"] == "gzip"
    assert bucket.get_object("key.txt").content_length == len(text)
    request = oss_v2.GetObjectRequest(
        bucket=bucket.bucket_name, key="key.txt", accept_encoding="gzip"
    )
    read = client.get_object(request).body.content
    assert text == (gzip.decompress(read) if read.startswith(b"\x1f\x8b") else read)


@covers("CopyObject")
def test_copies_with_the_second_client(lab: Lab, client: Any, name: str) -> None:
    other, (key_id, _) = lab.create("other").bucket_name, lab.key()
    client.put_object(
        oss_v2.PutObjectRequest(
            bucket=name, key="key", body=BODY, metadata={"a": "1"}, tagging="t=1", acl="private"
        )
    )

    def copy(**fields: Any) -> Any:
        fields = {
            "bucket": other,
            "key": "copy",
            "source_bucket": name,
            "source_key": "key",
        } | fields
        return client.copy_object(oss_v2.CopyObjectRequest(**fields))

    def head() -> Any:
        return client.head_object(oss_v2.HeadObjectRequest(bucket=other, key="copy"))

    made = copy()
    assert made.etag == head().etag == '"781E5E245D69B566979B86E28D23F2C7"'
    assert (head().metadata["a"], head().tagging_count) == ("1", 1)
    acl = client.get_object_acl(oss_v2.GetObjectAclRequest(bucket=other, key="copy"))
    assert acl.acl == "default"
    replaced = copy(
        metadata_directive="REPLACE",
        metadata={"b": "2"},
        tagging_directive="Replace",
        tagging="",
        storage_class="IA",
        server_side_encryption="KMS",
        server_side_encryption_key_id=key_id,
    )
    shown = head()
    assert dict(shown.metadata) == {"b": "2"}
    assert (shown.storage_class, shown.tagging_count) == ("IA", None)
    assert shown.server_side_encryption_key_id == key_id
    assert replaced.server_side_encryption == "KMS"
    error = refused(lambda: copy(if_match='"x"'))
    assert (error.status_code, error.code) == (412, "PreconditionFailed")
    error = refused(lambda: copy(forbid_overwrite=True))
    assert (error.status_code, error.code) == (409, "FileAlreadyExists")
    far = lab.create("far", region=SHANGHAI).bucket_name
    error = refused(lambda: copy(bucket=far))
    assert (error.status_code, error.code) == (403, "AccessDenied")


def test_an_unmodified_source_is_not_copied(lab: Lab) -> None:
    bucket = lab.create("unmodified")
    etag = bucket.put_object("key", BODY).etag
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.copy_object(
            bucket.bucket_name, "key", "copy", {"x-oss-copy-source-if-none-match": etag}
        )
    with pytest.raises(oss2.exceptions.PreconditionFailed) as failed:
        bucket.copy_object(bucket.bucket_name, "key", "copy", {"x-oss-copy-source-if-match": '"x"'})
    assert failed.value.details["Condition"] == "x-oss-copy-source-if-match"
    assert content(bucket, "copy") is None


def test_another_account_copies_what_it_may_read(lab: Lab) -> None:
    source = lab.create("source")
    source.put_object("open", BODY, headers={"x-oss-object-acl": "public-read"})
    source.put_object("closed", BODY)
    target = lab.create("target", account="b")
    target.copy_object(source.bucket_name, "open", "copy")
    assert content(target, "copy") == BODY
    with pytest.raises(oss2.exceptions.AccessDenied):
        target.copy_object(source.bucket_name, "closed", "copy")


# --- replication --------------------------------------------------------------------------------


@pytest.mark.parametrize("versioned", [False, True])
def test_a_replica_follows_every_append(lab: Lab, versioned: bool) -> None:
    source, destination = lab.replicate(versioned=versioned)
    whole = b""
    for number, piece in enumerate((b"a" * 10, b"b" * 200_000, b"c", b"", b"d" * 70_000, b"e")):
        source.append_object("log", len(whole), piece)
        whole += piece
        if number % 2 == 0:
            lab.settle()
            assert content(destination, "log") == whole
    lab.settle()
    assert face(destination, "log") == face(source, "log")
    assert content(destination, "log") == whole
    # what they share goes when the last of them goes
    source.delete_object("log", params={"versionId": "null"} if versioned else None)
    lab.settle()
    assert content(source, "log") is None


def test_a_replica_of_an_append_survives_its_source(lab: Lab) -> None:
    source, destination = lab.replicate(actions=["PUT"])
    source.append_object("log", 0, b"x" * 100_000)
    lab.settle()
    source.append_object("log", 100_000, b"y" * 100_000)
    lab.settle()
    source.delete_object("log")
    lab.settle()
    assert content(destination, "log") == b"x" * 100_000 + b"y" * 100_000


def test_a_link_is_replicated_as_a_link(lab: Lab) -> None:
    source, destination = lab.replicate()
    source.put_object("target", BODY)
    source.put_symlink("target", "link", headers={"x-oss-meta-a": "1"})
    lab.settle()
    assert destination.get_symlink("link").target_key == "target"
    assert content(destination, "link") == BODY
    assert face(destination, "link") == face(source, "link")


SSE = "x-oss-server-side-encryption"


def _encryption(bucket: oss2.Bucket, key: str) -> tuple[str | None, str | None]:
    headers = bucket.head_object(key).headers
    return headers.get(SSE), headers.get(f"{SSE}-key-id")


def _set_default(bucket: oss2.Bucket, algorithm: str) -> None:
    rule = oss2.models.ServerSideEncryptionRule()
    rule.sse_algorithm = algorithm
    bucket.put_bucket_encryption(rule)


def test_r49_an_sse_oss_object_stays_what_it_is(lab: Lab) -> None:
    source, destination = lab.replicate()
    _set_default(destination, "KMS")
    source.put_object("key", BODY, headers={SSE: "AES256"})
    lab.settle()
    assert _encryption(destination, "key") == ("AES256", None)


def test_r50_an_unencrypted_object_takes_the_destinations_default(lab: Lab) -> None:
    source, destination = lab.replicate()
    _set_default(destination, "AES256")
    source.put_object("key", BODY)
    lab.settle()
    assert _encryption(source, "key") == (None, None)
    assert _encryption(destination, "key") == ("AES256", None)


@covers("PutObject", "PutBucketEncryption")
def test_a_buckets_default_encryption_is_that_of_its_objects(lab: Lab, client: Any) -> None:
    bucket, (key_id, _) = lab.create("default"), lab.key()
    rule = oss2.models.ServerSideEncryptionRule()
    rule.sse_algorithm, rule.kms_master_keyid = "KMS", key_id
    bucket.put_bucket_encryption(rule)
    made = client.put_object(
        oss_v2.PutObjectRequest(bucket=bucket.bucket_name, key="key", body=BODY)
    )
    assert made.headers[f"{SSE}-key-id"] == key_id
    assert _encryption(bucket, "key") == ("KMS", key_id)
    bucket.put_object("own", BODY, headers={SSE: "SM4"})
    assert _encryption(bucket, "own") == ("SM4", None)
    bucket.append_object("log", 0, BODY)
    assert _encryption(bucket, "log") == ("KMS", key_id)
    bucket.copy_object(bucket.bucket_name, "own", "copy")
    assert _encryption(bucket, "copy") == ("KMS", key_id)


def test_of_a_world_of_names(lab: Lab, client: Any) -> None:
    """Keys that need encoding are appended to, linked and copied as any other."""
    bucket = lab.create("names")
    for key in ("dir/", "a+b c", "ä/ü%20", fresh("x") + "\x01"):
        bucket.append_object(key, 0, b"1")
        bucket.append_object(key, 1, b"2")
        bucket.put_symlink(key, f"link to {key}")
        assert bucket.get_object(f"link to {key}").read() == b"12"
        bucket.copy_object(bucket.bucket_name, f"link to {key}", "copied")
        assert bucket.get_symlink("copied").target_key == key
