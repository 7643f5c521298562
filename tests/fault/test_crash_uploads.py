"""kill -9 under multipart uploads: parts and objects are whole, and nothing is left over."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.process import EmulatorProcess
from tests.support.wire import Call, Wire

pytestmark = [pytest.mark.fault, pytest.mark.slow]

BUCKET, WRITERS, ROUNDS = "uploads", 4, 4
Uploads = dict[str, tuple[str, dict[int, bytes]]]  # key and acknowledged parts by upload id


class Books:
    """What was acknowledged."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.uploads: Uploads = {}
        self.objects: dict[str, bytes] = {}


async def write(server: EmulatorProcess, books: Books, writer: int, round_number: int) -> None:
    """Uploads, one after the other, until the server is gone."""
    wire = Wire(server.port)
    number = 0
    try:
        while True:
            number += 1
            key = f"{round_number}-{writer}-{number}"
            reply = await wire.ok(Call("POST", BUCKET, key, (("uploads", None),)))
            upload_id = reply.document.findtext("UploadId", "")
            parts: dict[int, bytes] = {}
            books.uploads[upload_id] = (key, parts)
            for part in (1, 2, 2, 3):
                data = bytes([part]) * books.rng.choice((10, 70_000))
                query = (("partNumber", str(part)), ("uploadId", upload_id))
                parts.pop(part, None)
                await wire.ok(Call("PUT", BUCKET, key, query, body=data))
                parts[part] = data
            name = (("uploadId", upload_id),)
            if number % 4 == 0:
                await wire.ok(Call("DELETE", BUCKET, key, name))
            else:
                every = (("x-oss-complete-all", "yes"),)
                await wire.ok(Call("POST", BUCKET, key, name, every))
                books.objects[key] = b"".join(parts[part] for part in sorted(parts))
            del books.uploads[upload_id]
    except ConnectionError:
        return
    finally:
        wire.close()


async def crash(server: EmulatorProcess, books: Books, round_number: int) -> None:
    """Let the writers work for a while, and kill the server under them."""
    writers = [
        asyncio.create_task(write(server, books, writer, round_number)) for writer in range(WRITERS)
    ]
    await asyncio.wait(writers, timeout=books.rng.uniform(0.2, 0.6))
    server.kill()
    await asyncio.gather(*writers)


async def check(server: EmulatorProcess, books: Books) -> None:
    """Every acknowledged object and part is there, whole."""
    wire = Wire(server.port)
    for key, data in books.objects.items():
        assert (await wire.ok(Call("GET", BUCKET, key))).body == data
    for upload_id, (key, parts) in list(books.uploads.items()):
        reply = await wire.send(Call("GET", BUCKET, key, (("uploadId", upload_id),)))
        whole = await wire.send(Call("GET", BUCKET, key))
        if reply.status == 404:  # completed or aborted without an answer
            if whole.status == 200:
                assert len(whole.body) == sum(map(len, parts.values()))
            del books.uploads[upload_id]
            continue
        assert whole.status == 404
        found = {
            int(each.findtext("PartNumber", "")): int(each.findtext("Size", ""))
            for each in reply.document.iterfind("Part")
        }
        for number, data in parts.items():
            assert found[number] == len(data)
        assert set(found) - set(parts) <= {1, 2, 3}
    wire.close()


def check_blobs(folder: Path) -> None:
    """Every blob is used as often as is counted, and has its file; no file is left over."""
    uses: Counter[int] = Counter()
    with closing(sqlite3.connect(folder / "meta.db")) as database:
        for table in ("versions", "parts"):
            query = f"SELECT extents FROM {table} WHERE extents <> ''"  # noqa: S608
            for (text,) in database.execute(query):
                uses.update(blob_id for blob_id, _, _ in json.loads(text))
        assert dict(database.execute("SELECT id, refs FROM blobs")) == dict(uses)
        orphans = "SELECT count(*) FROM parts WHERE upload NOT IN (SELECT id FROM uploads)"
        assert database.execute(orphans).fetchone() == (0,)
        files = {file for (file,) in database.execute("SELECT file FROM blobs WHERE file <> ''")}
    assert {path.name for path in (folder / "blobs").rglob("*") if path.is_file()} == files


def test_kill_9_leaves_whole_uploads_and_objects(tmp_path: Path) -> None:
    folder, books = tmp_path / "data", Books(7)
    server = EmulatorProcess(
        data=folder, settings=("oss.part_bytes_min=0",), arguments=("--durability", "process")
    )
    with server:
        asyncio.run(prepare(server))
        for round_number in range(ROUNDS):
            asyncio.run(crash(server, books, round_number))
            server.start()
            asyncio.run(check(server, books))
        assert server.stop() == 0
        check_blobs(folder)
    assert len(books.objects) > 10 * ROUNDS


async def prepare(server: EmulatorProcess) -> None:
    wire = Wire(server.port)
    await wire.ok(Call("PUT", BUCKET))
    wire.close()
