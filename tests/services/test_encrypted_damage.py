"""Encrypted content of which a bit was flipped on the disk: no read ever returns a wrong byte."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest
import requests

from emulator.kms.frames import FRAME_BYTES, HEAD_BYTES, SEALED_FRAME_BYTES
from emulator.kms.vault import TAG_BYTES
from emulator.storage.blobs import BLOBS_FOLDER
from emulator.storage.sqlite.connections import DATABASE_NAME
from tests.support.at_rest import rows
from tests.support.key_service import SSE, bucket_of_a, sse_kms
from tests.support.process import EmulatorProcess

SIZE = 3 * FRAME_BYTES + 3000  # four frames
CONTENT = random.Random(1).randbytes(SIZE)
TINY = b"tiny!"
_BROKEN = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)
BROKEN = (*_BROKEN, oss2.exceptions.RequestError, oss2.exceptions.InconsistentError)


def places() -> Iterator[int]:
    """Stored bytes of every region: format, salt, and of three frames content and tag."""
    yield from (0, 1, 16, HEAD_BYTES - 1)
    for frame in (0, 1, 3):
        start = HEAD_BYTES + frame * SEALED_FRAME_BYTES
        length = min(FRAME_BYTES, SIZE - frame * FRAME_BYTES)
        yield from (start, start + length // 2, start + length - 1)
        yield from (start + length, start + length + TAG_BYTES - 1)


def damage(data: Path, key: str, place: int) -> None:
    """Flip one bit of what is stored of an object of one blob."""
    ((blob_id, file),) = rows(
        data,
        f"""SELECT blobs.id, file FROM versions, blobs
        WHERE key = '{key}' AND blobs.id = json_extract(extents, '$[0][0]')""",  # noqa: S608
    )
    if file:
        path = next((data / BLOBS_FOLDER).rglob(str(file)))
        path.write_bytes(flipped(path.read_bytes(), place))
        return
    database = sqlite3.connect(data / DATABASE_NAME)
    with database:
        found = database.execute("SELECT data FROM blob_data WHERE blob_id = ?", (blob_id,))
        changed = flipped(found.fetchone()[0], place)
        database.execute("UPDATE blob_data SET data = ? WHERE blob_id = ?", (changed, blob_id))
    database.close()


def flipped(stored: bytes, place: int) -> bytes:
    """One bit of one byte is another."""
    changed = bytearray(stored)
    changed[place] ^= 1 << place % 8
    return bytes(changed)


def fails(bucket: oss2.Bucket, key: str, **asked: Any) -> None:
    """The read is refused as OSS refuses, or it breaks off: no byte of it may be wrong."""
    first = (asked.get("byte_range") or (0, 0))[0]
    received = b""
    try:
        answer = bucket.get_object(key, **asked)
        while piece := answer.read(1000):
            received += piece
    except oss2.exceptions.ServerError as error:
        refused = (error.status, error.code)
    except BROKEN:
        refused = (500, "InternalError")
    else:
        raise AssertionError(f"{key} was read, {asked}: {len(received)} bytes")
    assert refused == (500, "InternalError")
    assert CONTENT[first:].startswith(received)


RANGES = [(0, 0), (FRAME_BYTES - 1, FRAME_BYTES), (FRAME_BYTES, 2 * FRAME_BYTES - 1),
          (2 * FRAME_BYTES, 2 * FRAME_BYTES + 9), (SIZE - 1, SIZE - 1), (1, SIZE - 2)]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("home", ["file", "inline"])
def test_a_flipped_bit_is_never_read(tmp_path: Path, home: str) -> None:
    data = tmp_path / "data"
    settings = (f"oss.inline_bytes_max={SIZE if home == 'inline' else 0}",)
    with EmulatorProcess(
        data=data, settings=settings, arguments=("--durability", "process")
    ) as server:
        bucket = bucket_of_a(server, "damage", create=True)
        headers = {
            "Content-Type": "text/plain",
            **(sse_kms() if home == "file" else {SSE: "AES256"}),
        }
        for place in places():
            bucket.put_object(f"key-{place}", CONTENT, headers=headers)
        tiny = range(HEAD_BYTES + len(TINY) + TAG_BYTES)
        for place in tiny:
            bucket.put_object(f"tiny-{place}", TINY, headers=headers)
        server.stop()
        homes = {row[0] for row in rows(data, "SELECT home FROM blobs")}
        assert homes == {home}
        for place in places():
            damage(data, f"key-{place}", place)
        for place in tiny:
            damage(data, f"tiny-{place}", place)
        server.start()
        bucket = bucket_of_a(server, "damage")
        for place in tiny:
            with pytest.raises(oss2.exceptions.ServerError) as caught:
                bucket.get_object(f"tiny-{place}")
            assert (caught.value.status, caught.value.code) == (500, "InternalError")
        for place in places():
            check_reads(bucket, f"key-{place}", place)


def check_reads(bucket: oss2.Bucket, key: str, place: int) -> None:
    """Reads that touch the damage fail, all others are right."""
    assert bucket.head_object(key).content_length == SIZE
    frame = (place - HEAD_BYTES) // SEALED_FRAME_BYTES  # -1 for the head
    for first, last in RANGES:
        if frame < 0 or first // FRAME_BYTES <= frame <= last // FRAME_BYTES:
            fails(bucket, key, byte_range=(first, last))
        else:
            read = bucket.get_object(key, byte_range=(first, last)).read()
            assert read == CONTENT[first : last + 1]
    fails(bucket, key)
    several = {"Range": f"bytes=0-1,{SIZE - 2}-{SIZE - 1},{FRAME_BYTES}-{FRAME_BYTES}"}
    answer = None
    try:
        answer = bucket.get_object(
            key, headers={**several, "x-oss-multi-range-behavior": "multi-range"}
        ).read()
    except (oss2.exceptions.ServerError, *BROKEN):
        pass
    assert answer is None
    fails(bucket, key, headers={"Accept-Encoding": "gzip"})
    for headers in ({}, {SSE: "KMS"}):
        copied = f"{key}-copy"
        if headers:  # encrypted copies share the bytes, and the damage
            bucket.copy_object(bucket.bucket_name, key, copied, headers=headers)
            fails(bucket, copied)
            continue
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            bucket.copy_object(bucket.bucket_name, key, copied)
        assert (caught.value.status, caught.value.code) == (500, "InternalError")
        assert not bucket.object_exists(copied)
