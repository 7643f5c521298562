"""Server-side encryption of objects with keys of the key service, through the vendor's clients."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
import requests

from tests.services.conftest import ROOT_A, World, policy
from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.process import EmulatorProcess
from tests.support.rpc import CoreClient, Keys

SSE = "x-oss-server-side-encryption"
KEY_ID = f"{SSE}-key-id"
OSS_RIGHTS = policy("oss:*")
UNREADABLE = (oss2.exceptions.ServerError, requests.exceptions.ChunkedEncodingError)
BIG = os.urandom(700_001)


@pytest.fixture
def world(server: EmulatorProcess) -> World:
    """Fresh names; one client family is enough here."""
    return World(server, "core")


@pytest.fixture
def bucket(world: World) -> oss2.Bucket:
    """A bucket of account A."""
    made = of(world, ROOT_A, world.name("sse"))
    made.create_bucket()
    return made


def of(world: World, keys: Keys, name: str) -> oss2.Bucket:
    """A client of a bucket with somebody's keys."""
    return oss2.Bucket(
        oss2.Auth(keys.key_id, keys.secret), world.server.endpoint, name, connect_timeout=10
    )


def make_key(world: World) -> tuple[str, str]:
    """Id and ARN of a fresh key."""
    made = world.root("kms", "CreateKey")["KeyMetadata"]
    return made["KeyId"], made["Arn"]


def kms(key: str = "") -> dict[str, str]:
    """The headers that ask for SSE-KMS."""
    return {SSE: "KMS", **({KEY_ID: key} if key else {})}


def refusal(what: Any, *given: Any, **named: Any) -> tuple[int, str, str]:
    """Status, code and EC of a refused request."""
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        what(*given, **named)
    error = caught.value
    return error.status, error.code, error.details.get("EC", "")


WAYS = [{SSE: "AES256"}, {SSE: "SM4"}, kms(), {**kms(), f"{SSE}-data-encryption": "SM4"}]


@pytest.mark.parametrize("headers", WAYS, ids=["AES256", "SM4", "KMS", "KMS-SM4"])
@pytest.mark.parametrize("body", [b"", b"x", BIG[:65_537], BIG], ids=len)
def test_what_was_put_is_read_whole_and_in_ranges(
    bucket: oss2.Bucket, headers: dict[str, str], body: bytes
) -> None:
    bucket.put_object("key", body, headers=headers)
    assert bucket.get_object("key").read() == body
    assert bucket.head_object("key").content_length == len(body)
    size = len(body)
    if size < 2:
        return
    ends = [(0, 0), (size - 1, size - 1), (1, size - 2)]
    ends += [(each, each + 100) for each in (65_430, 131_000, 262_100) if each + 100 < size]
    for first, last in ends:
        assert bucket.get_object("key", byte_range=(first, last)).read() == body[first : last + 1]
    wanted = {"Range": f"bytes=0-9,{size // 2}-{size - 1}"}
    wanted["x-oss-multi-range-behavior"] = "multi-range"
    several = bucket.get_object("key", headers=wanted).read()
    assert body[:10] in several
    assert body[size // 2 :] in several


def test_encrypted_text_is_compressed_on_its_way(bucket: oss2.Bucket) -> None:
    text = b"a line of text\n" * 20_000
    bucket.put_object("key.txt", text, headers={SSE: "AES256", "Content-Type": "text/plain"})
    answer = bucket.get_object("key.txt", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.read() == text


@covers("PutObject", "GetObject", "HeadObject")
def test_a_key_is_named_by_id_alias_or_arn(world: World, bucket: oss2.Bucket) -> None:
    key_id, arn = make_key(world)
    alias = f"alias/{world.name('sse')}"
    world.root("kms", "CreateAlias", AliasName=alias, KeyId=key_id)
    client = v2_client_of(world.server)
    for name in (key_id, alias, arn):
        client.put_object(
            oss_v2.PutObjectRequest(
                bucket=bucket.bucket_name,
                key="key",
                body=b"x",
                server_side_encryption="KMS",
                server_side_encryption_key_id=name,
            )
        )
        assert bucket.head_object("key").headers[KEY_ID] == key_id
        assert bucket.get_object("key").read() == b"x"


def test_b76_without_a_key_the_service_key_is_made_and_used(
    world: World, bucket: oss2.Bucket
) -> None:
    bucket.put_object("key", b"x", headers=kms())
    used = bucket.head_object("key").headers[KEY_ID]
    described = world.root("kms", "DescribeKey", KeyId="alias/acs/oss")["KeyMetadata"]
    assert (described["KeyId"], described["Creator"]) == (used, "Oss")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("12345678-1234-1234-1234-123456789012", (404, "KeyNotFound", "0005-00000208")),
        ("alias/nobody", (404, "AliasNotFound", "")),
        ("a key", (400, "InvalidParameter", "0005-00000205")),
    ],
)
def test_keys_that_there_are_not(
    bucket: oss2.Bucket, name: str, wanted: tuple[int, str, str]
) -> None:
    status, code, ec = refusal(bucket.put_object, "key", b"x", headers=kms(name))
    assert (status, code) == wanted[:2]
    assert ec == wanted[2] or not wanted[2]
    assert not bucket.object_exists("key")


def test_a_key_of_another_region_is_none(world: World, bucket: oss2.Bucket) -> None:
    key_id, arn = make_key(world)
    other = arn.replace("cn-hangzhou", "cn-shanghai")
    assert arn.endswith(key_id)
    assert refusal(bucket.put_object, "key", b"x", headers=kms(other))[:2] == (404, "KeyNotFound")


def test_b71_b72_states_of_a_key(world: World, bucket: oss2.Bucket) -> None:
    key_id, _ = make_key(world)
    bucket.put_object("key", b"x", headers=kms(key_id))

    def both(code: str, ec: str) -> None:
        assert refusal(bucket.put_object, "new", b"x", headers=kms(key_id)) == (409, code, ec)
        assert refusal(bucket.get_object, "key") == (409, code, ec)
        assert bucket.head_object("key").headers[KEY_ID] == key_id

    world.root("kms", "DisableKey", KeyId=key_id)
    both("KeyDisabled", "0005-00000214")
    world.root("kms", "EnableKey", KeyId=key_id)
    assert bucket.get_object("key").read() == b"x"
    world.root("kms", "ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=7)
    both("KeyPendingDeletion", "0005-00000215")
    world.root("kms", "CancelKeyDeletion", KeyId=key_id)
    assert bucket.get_object("key").read() == b"x"


def test_b77_a_user_needs_the_rights_on_the_key(world: World, bucket: oss2.Bucket) -> None:
    key_id, arn = make_key(world)
    bucket.put_object("key", b"x", headers=kms(key_id))
    name = bucket.bucket_name
    denied = (403, "AccessDenied")
    writer = of(world, world.user(OSS_RIGHTS, policy("kms:GenerateDataKey", resource=arn))[1], name)
    reader = of(world, world.user(OSS_RIGHTS, policy("kms:Decrypt", resource=arn))[1], name)
    writer.put_object("mine", b"y", headers=kms(key_id))
    assert refusal(writer.get_object, "mine")[:2] == denied
    assert reader.get_object("mine").read() == b"y"
    assert refusal(reader.put_object, "new", b"x", headers=kms(key_id))[:2] == denied
    assert not bucket.object_exists("new")
    assert reader.head_object("mine").content_length == 1


def test_both_calls_stand_in_the_audit_log(world: World, bucket: oss2.Bucket) -> None:
    key_id, arn = make_key(world)
    _, keys = world.user(OSS_RIGHTS, policy("kms:*", resource=arn))
    mine = of(world, keys, bucket.bucket_name)
    mine.put_object("key", b"x", headers=kms(key_id))
    mine.get_object("key").read()
    page = world.server.control("GET", f"audit?principal={keys.key_id}&action=kms:*")
    noted = [(each["operation"], each["action"], each["resource"]) for each in page["entries"]]
    assert noted == [
        ("PutObject", "kms:GenerateDataKey", arn),
        ("GetObject", "kms:Decrypt", arn),
    ]


@pytest.mark.parametrize("headers", [{SSE: "AES256"}, kms()], ids=["AES256", "KMS"])
def test_parts_and_appends_are_encrypted_too(bucket: oss2.Bucket, headers: dict[str, str]) -> None:
    upload = bucket.init_multipart_upload("parts", headers=headers).upload_id
    halves = (BIG[:400_000], BIG[400_000:])
    parts = [
        oss2.models.PartInfo(number, bucket.upload_part("parts", upload, number, half).etag)
        for number, half in enumerate(halves, 1)
    ]
    bucket.complete_multipart_upload("parts", upload, parts)
    assert bucket.get_object("parts").read() == BIG
    assert bucket.get_object("parts", byte_range=(399_990, 400_010)).read() == BIG[399_990:400_011]
    bucket.append_object("log", 0, BIG[:10], headers=headers)
    for start, end in ((10, 20), (20, 100_000), (100_000, 100_001), (100_001, len(BIG))):
        bucket.append_object("log", start, BIG[start:end])
    assert bucket.get_object("log").read() == BIG
    assert bucket.head_object("log").headers[SSE] == headers[SSE]


def test_copies_between_all_encryptions(world: World, bucket: oss2.Bucket) -> None:
    key_id, _ = make_key(world)
    every: dict[str, dict[str, str]] = {
        "plain": {},
        "oss": {SSE: "AES256"},
        "service": kms(),
        "own": kms(key_id),
    }
    for body in (b"small", BIG):
        for source, headers in every.items():
            bucket.put_object(source, body, headers=headers)
            for target, wanted in every.items():
                bucket.copy_object(bucket.bucket_name, source, "copy", headers=wanted)
                assert bucket.get_object("copy").read() == body, (source, target)
                shown = bucket.head_object("copy")
                assert shown.headers.get(SSE) == wanted.get(SSE)
                assert shown.etag == bucket.head_object(source).etag
                upload = bucket.init_multipart_upload("parts", headers=wanted).upload_id
                whole = (0, len(body) - 1)
                part = bucket.upload_part_copy(
                    bucket.bucket_name, source, whole, "parts", upload, 1
                )
                info = oss2.models.PartInfo(1, part.etag)
                bucket.complete_multipart_upload("parts", upload, [info])
                assert bucket.get_object("parts").read() == body, (source, target)


def test_a_copy_stays_readable_without_the_key_of_its_source(
    world: World, bucket: oss2.Bucket
) -> None:
    (one, _), (other, _) = make_key(world), make_key(world)
    bucket.put_object("source", BIG, headers=kms(one))
    bucket.copy_object(bucket.bucket_name, "source", "copy", headers=kms(other))
    world.root("kms", "DisableKey", KeyId=one)
    assert refusal(bucket.get_object, "source")[1] == "KeyDisabled"
    assert bucket.get_object("copy").read() == BIG
    copy = (bucket.copy_object, bucket.bucket_name, "source", "again")
    assert refusal(*copy, headers=kms(other))[1] == "KeyDisabled"


def test_the_default_of_the_bucket_counts(world: World, bucket: oss2.Bucket) -> None:
    key_id, _ = make_key(world)
    rule = oss2.models.ServerSideEncryptionRule()
    rule.sse_algorithm, rule.kms_master_keyid = "KMS", key_id
    bucket.put_bucket_encryption(rule)
    bucket.put_object("key", BIG)
    assert bucket.head_object("key").headers[KEY_ID] == key_id
    world.root("kms", "DisableKey", KeyId=key_id)
    assert refusal(bucket.get_object, "key")[1] == "KeyDisabled"
    assert refusal(bucket.put_object, "key", b"")[1] == "KeyDisabled"


@pytest.fixture
def own(tmp_path: Any) -> Iterator[EmulatorProcess]:
    """A server of its own with a data folder; what it logs is not looked at."""
    with EmulatorProcess(data=tmp_path / "data", arguments=("--durability", "process")) as process:
        yield process


def test_at_rest_there_is_no_plaintext(own: EmulatorProcess, tmp_path: Any) -> None:
    world = World(own, "core")
    bucket = of(world, ROOT_A, "at-rest")
    bucket.create_bucket()
    needle = b"a plaintext that must not be found"
    key_id, _ = make_key(world)
    every = {"aes": {SSE: "AES256"}, "kms": kms(key_id)}
    for name, headers in every.items():
        for kind, body in (("small", needle), ("big", BIG + needle + BIG)):
            bucket.put_object(f"{name}-{kind}", body, headers=headers)
            bucket.copy_object(bucket.bucket_name, f"{name}-{kind}", f"{name}-{kind}-copy",
                               headers=every["aes"])  # fmt: skip
        bucket.append_object(f"{name}-log", 0, needle, headers={SSE: headers[SSE]})
        upload = bucket.init_multipart_upload("parts", headers=headers).upload_id
        bucket.upload_part("parts", upload, 1, needle)
    bucket.put_object("plain", b"but this one is")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    stored = b"".join(path.read_bytes() for path in files)
    assert b"but this one is" in stored
    assert needle not in stored
    assert BIG[100:164] not in stored


def test_a_damaged_blob_is_never_read_wrong(own: EmulatorProcess, tmp_path: Any) -> None:
    world = World(own, "core")
    bucket = of(world, ROOT_A, "damage")
    bucket.create_bucket()
    bucket.put_object("key", BIG, headers={SSE: "AES256"})
    files = [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]
    assert len(files) == 1
    stored = files[0].read_bytes()
    places = [0, 1, 32, 33, 1000, 65_600, 300_000, len(stored) - 17, len(stored) - 1]
    for place in places:
        damaged = bytearray(stored)
        damaged[place] ^= 0x10
        files[0].write_bytes(damaged)
        with pytest.raises(UNREADABLE):
            bucket.get_object("key").read()
    files[0].write_bytes(stored[:-1])
    with pytest.raises(UNREADABLE):
        bucket.get_object("key").read()
    files[0].write_bytes(stored)
    assert bucket.get_object("key").read() == BIG
    own.kill()


def test_keys_outlive_a_restart(tmp_path: Any) -> None:
    key_id = ""
    for is_first in (True, False):
        with EmulatorProcess(data=tmp_path / "data") as process:
            world = World(process, "core")
            assert isinstance(world.root, CoreClient)
            bucket = of(world, ROOT_A, "restarted")
            if is_first:
                key_id, _ = make_key(world)
                bucket.create_bucket()
                bucket.put_object("oss", BIG, headers={SSE: "AES256"})
                bucket.put_object("kms", BIG, headers=kms(key_id))
            assert bucket.get_object("oss").read() == BIG
            assert bucket.get_object("kms").read() == BIG
