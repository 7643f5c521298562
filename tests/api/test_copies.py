"""Copies while others write, and buckets in regions that there are."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator

import oss2
import pytest

from tests.support.process import KEY_A, SECRET_A, EmulatorProcess

_TIMES = 150


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as process:
        yield process
        assert process.errors() == ""


def client(server: EmulatorProcess, name: str = "src-bucket", region: str = "") -> oss2.Bucket:
    auth = oss2.make_auth(KEY_A, SECRET_A, "v4") if region else oss2.Auth(KEY_A, SECRET_A)
    return oss2.Bucket(auth, server.endpoint, name, region=region or None)


def test_a_source_that_is_overwritten_meanwhile_is_copied_whole(server: EmulatorProcess) -> None:
    contents = {bytes([letter]) * 1000 for letter in b"abc"}
    client(server).put_object("source", b"a" * 1000)
    stop = threading.Event()

    def overwrite() -> None:
        writer = client(server)
        while not stop.is_set():
            for content in contents:
                writer.put_object("source", content)

    thread = threading.Thread(target=overwrite)
    thread.start()
    try:
        bucket = client(server)
        for number in range(_TIMES):
            bucket.copy_object("src-bucket", "source", f"copy-{number}")
    finally:
        stop.set()
        thread.join()
    assert all(client(server).get_object(f"copy-{n}").read() in contents for n in range(_TIMES))


@pytest.mark.parametrize("name", ["x-oss-metadata-directive", "x-oss-tagging-directive"])
def test_the_directive_at_fault_is_named(server: EmulatorProcess, name: str) -> None:
    client(server).put_object("source", b"")
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        client(server).copy_object("src-bucket", "source", "target", headers={name: "MOVE"})
    assert refused.value.code == "InvalidArgument"
    assert refused.value.details["ArgumentName"] == name


@pytest.mark.parametrize("region", ["zz-nowhere", "eu-west-9", "cn-hangzhou"])
def test_a_bucket_is_made_in_a_region_that_exists(server: EmulatorProcess, region: str) -> None:
    bucket = client(server, "in-a-region", region)
    exists = region == "cn-hangzhou"
    if exists:
        bucket.create_bucket()
        assert bucket.get_bucket_info().location == "oss-cn-hangzhou"
        return
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.create_bucket()
    assert refused.value.code == "InvalidLocationConstraint"


@pytest.mark.parametrize(
    ("method", "path"), [("put_object_acl", "acl"), ("put_object_tagging", "tagging")]
)
def test_a_refusal_on_a_delete_marker_names_the_method(
    server: EmulatorProcess, method: str, path: str
) -> None:
    bucket = client(server, f"markers-{path}")
    bucket.create_bucket()
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    marker = bucket.delete_object("key").versionid
    value = "private" if path == "acl" else oss2.models.Tagging()
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        getattr(bucket, method)("key", value, params={"versionId": marker})
    assert refused.value.status == 405
    assert refused.value.details["Method"] == "PUT"


@pytest.mark.parametrize("suffix", ["", "example.test", "example.test:9480"])
def test_the_shown_endpoint_suffix_is_served(suffix: str) -> None:
    with EmulatorProcess(settings=(f"oss.endpoint_suffix={suffix}",)) as process:
        client(process).put_object("key", b"content")
        domain = suffix.partition(":")[0] or "aliyuncs.com"
        url = client(process).sign_url("GET", "key", 60).replace("/src-bucket/", "/")
        host = f"src-bucket.oss-cn-hangzhou.{domain}"
        request = urllib.request.Request(url, headers={"Host": host})
        with urllib.request.urlopen(request) as answer:
            assert answer.read() == b"content"
        assert client(process).get_object("key").read() == b"content"
