"""Data folders that are older than encryption: they open, what they hold is read as it was, and
what is written from now on is encrypted."""

from __future__ import annotations

import random
from pathlib import Path

import oss2
import pytest

from tests.support.at_rest import Needles, files_of, marked, new_marker, secrets_of
from tests.support.early_folder import UPLOAD_ID, EarlyFolder
from tests.support.key_service import KEY_ID, SSE, KeyService, bucket_of_a, sse_kms
from tests.support.process import EmulatorProcess

SMALL = b"small and early"
LARGE = random.Random(1).randbytes(300_000)
# What was kept of an encryption then: only what headers show.
FACTS = {
    "plain": "",
    "aes": '{"algorithm":"AES256"}',
    "kms": '{"algorithm":"KMS","key_id":"an-early-key"}',
}


def fill(data: Path, number: int) -> None:
    """A folder of this format with objects of every kind."""
    early = EarlyFolder(data, number)
    for name, facts in FACTS.items():
        early.put(f"{name}-empty", b"", facts)
        early.put(f"{name}-small", SMALL, facts)
        early.put(f"{name}-large", LARGE, facts)
        early.put(f"{name}-log", SMALL, facts, kind="Appendable")
    early.upload("up", LARGE, FACTS["aes"])
    early.close()


def check_objects(bucket: oss2.Bucket) -> None:
    """Everything is as it was."""
    for name in FACTS:
        for kind, body in (("empty", b""), ("small", SMALL), ("large", LARGE)):
            assert bucket.get_object(f"{name}-{kind}").read() == body
            shown = bucket.head_object(f"{name}-{kind}").headers
            assert shown.get(SSE) == {"plain": None, "aes": "AES256", "kms": "KMS"}[name]
        part = bucket.get_object(f"{name}-large", byte_range=(65_500, 131_100)).read()
        assert part == LARGE[65_500:131_101]
    assert bucket.head_object("kms-small").headers[KEY_ID] == "an-early-key"


def serving(data: Path) -> EmulatorProcess:
    """A server that is told nothing but where its folder is."""
    return EmulatorProcess(data=data, world=None, arguments=("--durability", "process"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [6, 7, 9])
async def test_an_early_folder_opens_and_serves(tmp_path: Path, number: int) -> None:
    data, key_id = tmp_path / "data", ""
    fill(data, number)
    with serving(data) as server:
        bucket = bucket_of_a(server, "early")
        check_objects(bucket)
        assert bucket.get_bucket_stat().object_count == 4 * len(FACTS)
        key_id = KeyService(server).make()
        write_more(bucket, key_id)
        assert server.errors() == ""
    with serving(data) as server:
        bucket = bucket_of_a(server, "early")
        check_objects(bucket)
        for name in FACTS:
            assert bucket.get_object(f"{name}-log").read() == SMALL + b"more"
            for kind, body in (("small", SMALL), ("large", LARGE)):
                for key in (f"{name}-{kind}-aes", f"{name}-{kind}-kms", f"{name}-{kind}-plain"):
                    assert bucket.get_object(key).read() == body
        assert bucket.get_object("up").read() == LARGE + SMALL
        assert server.errors() == ""


def write_more(bucket: oss2.Bucket, key_id: str) -> None:
    """Go on with what was begun, and make copies of every encryption."""
    name = bucket.bucket_name
    for each in FACTS:
        bucket.append_object(f"{each}-log", len(SMALL), b"more")
        for kind in ("small", "large"):
            key = f"{each}-{kind}"
            bucket.copy_object(name, key, f"{key}-plain")
            bucket.copy_object(name, key, f"{key}-aes", headers={SSE: "AES256"})
            bucket.copy_object(name, key, f"{key}-kms", headers=sse_kms(key_id))
            assert bucket.head_object(f"{key}-kms").headers[KEY_ID] == key_id
    bucket.upload_part("up", UPLOAD_ID, 2, SMALL)
    parts = [each for each in bucket.list_parts("up", UPLOAD_ID).parts]
    infos = [oss2.models.PartInfo(part.part_number, part.etag) for part in parts]
    bucket.complete_multipart_upload("up", UPLOAD_ID, infos)


@pytest.mark.slow
async def test_what_is_written_to_an_early_folder_is_encrypted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, 7)
    markers = [(f"new {size}", new_marker()) for size in (1000, 200_000)]
    with serving(data) as server:
        bucket = bucket_of_a(server, "early")
        for name, marker in markers:
            size = int(name.split()[1])
            bucket.put_object(name, marked(marker, size), headers=sse_kms())
            assert bucket.get_object(name).read() == marked(marker, size)
    secrets = await secrets_of(data)
    assert Needles(markers + secrets).found_in(files_of(data)) == set()
    assert Needles([("early", SMALL)]).found_in(files_of(data)) == {"early"}
