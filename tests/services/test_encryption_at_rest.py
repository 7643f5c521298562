"""What encrypted objects leave in the data folder: no plaintext and no key, in no form."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import oss2
import pytest
import requests

from tests.services.conftest import World, policy
from tests.support.at_rest import (
    MARKER_BYTES,
    Needles,
    files_of,
    marked,
    new_marker,
    secrets_of,
    without_plain_objects,
)
from tests.support.key_service import KEY_ID, SSE, KeyService, bucket_of_a, sse_kms
from tests.support.lab import Lab, rule_xml
from tests.support.process import EmulatorProcess
from tests.support.upload_forms import CONTENT_TYPE, form, v1_fields
from tests.support.upload_forms import policy as form_policy

SMALL, INLINE, LARGE = 100, 60_000, 150_000
SETTINGS = ("oss.check_signing_time=false",)
QUICK = ("--durability", "process")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def own(data: Path) -> Iterator[EmulatorProcess]:
    """A server with a data folder; what it logs is looked at by the test."""
    with EmulatorProcess(data=data, settings=SETTINGS, arguments=QUICK) as process:
        yield process


class Writings:
    """Every way to write an encrypted object; ``markers`` are what must be found nowhere.

    ``also_plain`` are of content that is there unencrypted as well.
    """

    def __init__(self, bucket: oss2.Bucket) -> None:
        self.bucket = bucket
        self.markers: list[tuple[str, bytes]] = []
        self.also_plain: list[tuple[str, bytes]] = []

    def body(self, name: str, size_bytes: int, *, plain: bool = False) -> bytes:
        marker = new_marker()
        (self.also_plain if plain else self.markers).append((name, marker))
        return marked(marker, size_bytes)

    def every_way(self, name: str, headers: Mapping[str, str]) -> None:
        bucket = self.bucket
        for size_bytes in (SMALL, INLINE, LARGE):
            key = f"{name}-{size_bytes}"
            bucket.put_object(key, self.body(key, size_bytes), headers=headers)
            plain = f"{key}-plain"
            bucket.put_object(plain, self.body(plain, size_bytes, plain=True))
            bucket.copy_object(bucket.bucket_name, plain, f"{key}-copied", headers=headers)
            bucket.copy_object(bucket.bucket_name, key, f"{key}-again", headers={SSE: "AES256"})
        self.append(f"{name}-log", {SSE: headers[SSE]})  # takes no key of one's own (documented)
        self.parts(f"{name}-parts", headers)
        bucket.put_object(f"{name}-gone", self.body("gone", INLINE), headers=headers)
        bucket.put_object(f"{name}-gone", self.body("gone too", LARGE), headers=headers)
        bucket.delete_object(f"{name}-gone")

    def append(self, key: str, headers: Mapping[str, str]) -> None:
        at = 0
        for size_bytes in (SMALL, LARGE, INLINE):
            self.bucket.append_object(key, at, self.body(key, size_bytes), headers=headers)
            at += size_bytes

    def parts(self, key: str, headers: Mapping[str, str]) -> None:
        """One upload that is completed, one that stays as it is."""
        bucket, name = self.bucket, self.bucket.bucket_name
        bucket.put_object(f"{key}-plain", self.body(f"{key}-plain", LARGE, plain=True))
        for is_completed in (True, False):
            upload = bucket.init_multipart_upload(key, headers=headers).upload_id
            done = [bucket.upload_part(key, upload, 1, self.body(key, LARGE))]
            done.append(
                bucket.upload_part_copy(name, f"{key}-plain", (0, LARGE - 1), key, upload, 2)
            )
            done.append(bucket.upload_part(key, upload, 3, self.body(key, INLINE)))
            if is_completed:
                infos = [oss2.models.PartInfo(at, part.etag) for at, part in enumerate(done, 1)]
                bucket.complete_multipart_upload(key, upload, infos)

    def by_form(self, key: str, headers: Mapping[str, str]) -> None:
        fields = {"key": key, **headers, **v1_fields(form_policy())}
        url = f"{self.bucket.endpoint}/{self.bucket.bucket_name}"
        body = form(fields, self.body(key, LARGE))
        answer = requests.post(url, data=body, headers={"Content-Type": CONTENT_TYPE}, timeout=30)
        assert answer.status_code == 204, answer.text


async def check_folder(
    server: EmulatorProcess, data: Path, tmp_path: Path, writings: Writings
) -> list[tuple[str, bytes]]:
    """Search the folder: of a running server, of one that was killed, of one that ended."""
    stored = [files_of(data)]
    server.kill()
    stored.append(files_of(data))
    server.start()
    stored.append(files_of(data))
    said = server.errors().encode()
    server.stop()
    stored.append(files_of(data))
    secrets = await secrets_of(data)
    nowhere = Needles(writings.markers + secrets)
    assert [nowhere.found_in(files) for files in [*stored, [said]]] == [set()] * 5
    packed = without_plain_objects(data, tmp_path / "copy")
    assert Needles(writings.markers + writings.also_plain + secrets).found_in(packed) == set()
    names = {name for name, _ in writings.also_plain}
    assert Needles(writings.also_plain).found_in(stored[-1]) == names  # they can be found
    return secrets


@pytest.mark.parametrize("size_bytes", [MARKER_BYTES, 32, 1200])
def test_the_search_finds_any_fifteen_bytes_in_any_form(size_bytes: int) -> None:
    secret, other = os.urandom(size_bytes), os.urandom(32)
    needles = Needles([("it", secret), ("another", other)])
    whole = marked(secret, 200) if size_bytes == MARKER_BYTES else secret
    for noise in range(8):
        before = os.urandom(100 + noise)
        for part in (whole[:15], whole[3:18], whole[-15:]):
            assert needles.found_in([b"", before + part + b"x"]) == {"it"}
        for text in (
            whole.hex().encode(),
            whole.hex().upper().encode(),
            base64.b64encode(before + whole + before),
            base64.urlsafe_b64encode(before + whole),
        ):
            assert needles.found_in([before + text]) == {"it"}
        assert needles.found_in([before, before + whole[:7] + b"x", bytes(100)]) == set()


@pytest.mark.slow
async def test_no_plaintext_and_no_key_lies_in_the_folder(
    own: EmulatorProcess, data: Path, tmp_path: Path
) -> None:
    kms = KeyService(own)
    key_id, brought = kms.make(), kms.make(Origin="EXTERNAL")
    material = os.urandom(32)
    kms.bring(brought, material)
    writings = Writings(bucket_of_a(own, "at-rest", create=True))
    ways = {
        "oss": {SSE: "AES256"},
        "sm4": {SSE: "SM4"},
        "service": sse_kms(),
        "own": sse_kms(key_id, **{f"{SSE}-data-encryption": "SM4"}),
        "brought": sse_kms(brought),
    }
    for name, headers in ways.items():
        writings.every_way(name, headers)
        writings.by_form(f"{name}-form", headers)
    rule = oss2.models.ServerSideEncryptionRule()
    rule.sse_algorithm, rule.kms_master_keyid = "KMS", key_id
    writings.bucket.put_bucket_encryption(rule)
    writings.bucket.put_object("default", writings.body("default", LARGE))
    kms("CreateKeyVersion", KeyId=key_id)
    writings.bucket.put_object("rotated", writings.body("rotated", LARGE))
    assert own.errors() == ""
    secrets = await check_folder(own, data, tmp_path, writings)
    assert material in [secret for _, secret in secrets]
    kinds = {name.split(" of ")[0].split(" ")[0] for name, _ in secrets}
    assert kinds == {"root", "fingerprint", "wrapping", "material", "import", "data", "blob"}
    assert len(secrets) > 100


@pytest.mark.slow
async def test_no_plaintext_of_replicas_that_are_encrypted_anew(
    own: EmulatorProcess, data: Path, tmp_path: Path
) -> None:
    kms, lab = KeyService(own), Lab(own)
    first, second, third = (kms.make() for _ in range(3))
    source = lab.create("source")
    writings = Writings(source)
    targets: dict[str, tuple[oss2.Bucket, str]] = {}
    for name, default, replica_key in (
        ("kms", ("KMS", first), second),
        ("service", ("KMS", None), second),
        ("oss", ("AES256", None), second),
        ("same", ("KMS", third), ""),
    ):
        target = lab.create(name)
        rule = oss2.models.ServerSideEncryptionRule()
        rule.sse_algorithm, rule.kms_master_keyid = default
        target.put_bucket_encryption(rule)
        inner = "<Action>ALL</Action><SyncRole>AliyunOSSRole</SyncRole>"
        inner += "<SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status>"
        inner += "</SseKmsEncryptedObjects></SourceSelectionCriteria>"
        if replica_key:
            inner += f"<EncryptionConfiguration><ReplicaKmsKeyID>{replica_key}"
            inner += "</ReplicaKmsKeyID></EncryptionConfiguration>"
        targets[name] = (target, replica_key)
        lab.add_xml(source, rule_xml(target, "cn-hangzhou", inner))
    lab.settle()
    give_rights_on_keys(World(own, "core"))
    for name, headers in (("plain", {}), ("aes", {SSE: "AES256"}), ("enc", sse_kms(third))):
        for size_bytes in (SMALL, INLINE, LARGE):
            key = f"{name}-{size_bytes}"
            body = writings.body(key, size_bytes, plain=not headers)
            source.put_object(key, body, headers=headers)
        body = writings.body(f"{name}-log", LARGE, plain=not headers)
        of_service = {SSE: headers[SSE]} if headers else {}  # no key of one's own (documented)
        source.append_object(f"{name}-log", 0, body[:SMALL], headers=of_service)
        lab.settle()
        source.append_object(f"{name}-log", SMALL, body[SMALL:])
        upload = source.init_multipart_upload(f"{name}-parts", headers=headers).upload_id
        body = writings.body(f"{name}-parts", LARGE, plain=not headers)
        etag = source.upload_part(f"{name}-parts", upload, 1, body).etag
        part = oss2.models.PartInfo(1, etag)
        source.complete_multipart_upload(f"{name}-parts", upload, [part])
        lab.settle()
    wanted = {"kms": "KMS", "service": "KMS", "oss": "AES256", "same": "KMS"}
    for name, (target, replica_key) in targets.items():
        for each in oss2.ObjectIteratorV2(source):
            shown = target.head_object(each.key).headers
            kind = each.key.split("-")[0]
            algorithm = {"plain": wanted[name], "aes": "AES256", "enc": "KMS"}[kind]
            assert shown[SSE] == algorithm, (name, each.key)
            if kind == "enc" and not each.key.endswith("log"):
                assert shown[KEY_ID] == (replica_key or third)
            assert target.get_object(each.key).read() == source.get_object(each.key).read()
    assert own.errors() == ""
    secrets = await check_folder(own, data, tmp_path, writings)
    assert len([name for name, _ in secrets if name.startswith("data key")]) >= 50


def give_rights_on_keys(world: World) -> None:
    """Let the role that has full access to OSS use keys."""
    name = world.policy(policy("kms:*"))
    world.ram("AttachPolicyToRole", RoleName="AliyunOSSRole", PolicyType="Custom", PolicyName=name)
