"""A key whose material was not brought yet, was taken away or has expired, in requests to OSS."""

from __future__ import annotations

import os
from collections.abc import Iterator

import oss2
import pytest

from tests.support.key_service import (
    KEY_ID,
    KeyService,
    bucket_of_a,
    clock_s,
    refusal,
    sse_kms,
)
from tests.support.process import EmulatorProcess

PENDING = (409, "KeyPendingImport", "0005-00000216")


@pytest.fixture
def own() -> Iterator[EmulatorProcess]:
    """A server whose clock can be moved away from the clients'."""
    with EmulatorProcess(settings=("oss.check_signing_time=false",)) as process:
        yield process


@pytest.mark.slow
def test_b74_a_key_without_material(own: EmulatorProcess) -> None:
    kms, bucket = KeyService(own), bucket_of_a(own, "pending", create=True)
    name = bucket.bucket_name
    key_id, material = kms.make(Origin="EXTERNAL"), os.urandom(32)
    headers, other = sse_kms(key_id), sse_kms(kms.make())
    body = os.urandom(150_000)
    assert refusal(bucket.put_object, "key", body, headers=headers) == PENDING
    assert refusal(bucket.init_multipart_upload, "up", headers=headers) == PENDING
    bucket.put_object("plain", body)
    assert refusal(bucket.copy_object, name, "plain", "key", headers=headers) == PENDING
    assert [each.key for each in oss2.ObjectIteratorV2(bucket)] == ["plain"]
    kms.bring(key_id, material)
    bucket.put_object("key", body, headers=headers)
    upload = bucket.init_multipart_upload("up", headers=headers).upload_id
    part = bucket.upload_part("up", upload, 1, body)
    bucket.put_object("other", body, headers=other)
    kms("DeleteKeyMaterial", KeyId=key_id)

    def nothing_works() -> None:
        assert refusal(bucket.get_object, "key") == PENDING
        assert refusal(bucket.get_object, "key", byte_range=(1, 2)) == PENDING
        assert refusal(bucket.upload_part, "up", upload, 2, b"x") == PENDING
        assert refusal(bucket.copy_object, name, "key", "copy", headers=other) == PENDING
        assert refusal(bucket.copy_object, name, "other", "copy", headers=headers) == PENDING
        assert refusal(bucket.copy_object, name, "key", "copy") == PENDING
        assert not bucket.object_exists("copy")
        assert bucket.head_object("key").headers[KEY_ID] == key_id
        assert bucket.get_object("other").read() == body

    nothing_works()
    kms.bring(key_id, material)
    assert bucket.get_object("key").read() == body
    infos = [oss2.models.PartInfo(1, part.etag)]
    bucket.complete_multipart_upload("up", upload, infos)
    assert bucket.get_object("up").read() == body
    upload = bucket.init_multipart_upload("up", headers=headers).upload_id
    kms("DeleteKeyMaterial", KeyId=key_id)
    kms.bring(key_id, material, expires_s=clock_s(own) + 3600)
    assert bucket.get_object("key", byte_range=(0, 9)).read() == body[:10]
    own.advance(3601)
    nothing_works()
    kms.bring(key_id, material)
    assert bucket.get_object("key").read() == body
    assert own.errors() == ""
