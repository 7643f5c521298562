"""Kill -9 at random moments: what was acknowledged is there, and nothing is there by half."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from emulator.config import Durability
from emulator.domain.errors import BlobUnreadable
from emulator.domain.model import Blob, BlobHome, Extent
from emulator.rng import SeededRng
from emulator.storage.blobs import BLOBS_FOLDER, FileBlobStore
from emulator.storage.sqlite.store import SqliteStore
from tests.fault.storage_child import (
    ANSWER_EARLY,
    KEYS_EACH,
    ROW_FIRST,
    WRITERS,
    content,
    operations_done,
)

ROOT = Path(__file__).parents[2]
KEYS = [f"{w}/{k}" for w in range(WRITERS) for k in range(KEYS_EACH)]

pytestmark = [pytest.mark.fault, pytest.mark.slow]


def write_and_kill(
    folder: Path, durability: Durability, seed: int, bug: str, acknowledged: Counter[str]
) -> None:
    """One life of a writing process; adds the operations it acknowledged."""
    chance = random.Random(seed)
    command = [sys.executable, "-m", "tests.fault.storage_child"]
    child = subprocess.Popen(
        [*command, str(folder), durability.value, str(seed), bug],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    with child, child.stdout:
        lines: list[bytes] = []
        for _ in range(chance.randint(1, 300)):
            lines.append(child.stdout.readline())
            assert lines[-1], "the child ended by itself"
        child.kill()
        lines += child.stdout.readlines()
    for line in lines:
        key, number = line.decode().split()
        acknowledged[key] = max(acknowledged[key], int(number) + 1)


async def check(folder: Path, acknowledged: Counter[str]) -> list[str]:
    """Open the folder again and name everything that is not as promised."""
    store = SqliteStore.open(folder, Durability.PROCESS)
    blobs = FileBlobStore(
        folder / BLOBS_FOLDER,
        durability=Durability.PROCESS,
        rng=SeededRng(0),
        known=store.known_files,
    )
    with store.read() as view:
        bucket = view.bucket("bucket")
    faults = [] if bucket else ["the bucket is lost"]
    files: set[str] = set()
    uses: Counter[int] = Counter()
    kept: Counter[str] = Counter()
    if bucket is not None:
        with store.read() as view:
            kept = operations_done(view, bucket.id)
    for key in KEYS if bucket else ():
        assert bucket is not None
        done = kept[key]
        with store.read() as view:
            version = view.current_version(bucket.id, key)
            found = None
            data = b""
            if version is not None and version.extents:
                (extent,) = version.extents
                uses[extent.blob_id] += 1
                found = view.blob(extent.blob_id)
                data = view.inline_data(extent.blob_id) or b""
        if version is not None and found is None:
            faults.append(f"{key}: a row without its blob")
            continue
        if found is not None and found.home is BlobHome.FILE:
            files.add(found.file)
            data = await read_file(blobs, found, faults)
        if not acknowledged[key] <= done <= acknowledged[key] + 1:
            faults.append(f"{key}: {acknowledged[key]} acknowledged, {done} kept")
        elif data != (content(key, done - 1) if done else b""):
            faults.append(f"{key}: not the content of operation {done - 1}")
    faults += wrong_counts(store, uses)
    await blobs.clean()
    await blobs.close()
    await store.close()
    left = {path.name for path in (folder / BLOBS_FOLDER).rglob("*") if path.is_file()}
    faults += [f"a file without a row is left: {name}" for name in left - files]
    return faults


async def read_file(blobs: FileBlobStore, blob: Blob, faults: list[str]) -> bytes:
    """The content of a blob, or a fault."""
    try:
        pieces = blobs.open([(blob, Extent(blob.id, 0, blob.size_bytes))])
        return b"".join([piece async for piece in pieces])
    except BlobUnreadable as error:
        faults.append(f"a row without its file: {error}")
        return b""


def wrong_counts(store: SqliteStore, uses: Counter[int]) -> list[str]:
    """Blobs whose count is not how often they are used, and content without a blob."""
    with store.read() as view:
        counted = dict(view._run("SELECT id, refs FROM blobs", ()).fetchall())
        inline = view._run(
            "SELECT count(*) FROM blob_data WHERE blob_id NOT IN (SELECT id FROM blobs)", ()
        )
        stray = inline.fetchone()[0]
        (integrity,) = view._run("PRAGMA integrity_check", ()).fetchone()
    faults = [] if counted == dict(uses) else [f"counts {counted}, uses {dict(uses)}"]
    if stray:
        faults.append(f"{stray} inline contents without a blob")
    if integrity != "ok":
        faults.append(f"the database is damaged: {integrity}")
    return faults


def lives(folder: Path, durability: Durability, rounds: int, bug: str) -> list[str]:
    """Kill a writing process again and again until something is wrong."""
    acknowledged: Counter[str] = Counter()
    for seed in range(rounds):
        write_and_kill(folder, durability, seed, bug, acknowledged)
        faults = asyncio.run(check(folder, acknowledged))
        if faults:
            return faults
        take_stock(folder, acknowledged)
    assert sum(acknowledged.values()) > rounds
    return []


def take_stock(folder: Path, acknowledged: Counter[str]) -> None:
    """What was kept without an acknowledgement is a fact from now on."""

    async def count() -> Counter[str]:
        store = SqliteStore.open(folder, Durability.PROCESS)
        with store.read() as view:
            bucket = view.bucket("bucket")
            assert bucket is not None
            done = operations_done(view, bucket.id)
        await store.close()
        return done

    acknowledged |= asyncio.run(count())


@pytest.mark.parametrize(
    ("durability", "rounds"), [(Durability.POWER, 10), (Durability.PROCESS, 5)]
)
def test_nothing_acknowledged_is_lost_and_nothing_is_there_by_half(
    tmp_path: Path, durability: Durability, rounds: int
) -> None:
    assert lives(tmp_path / "data", durability, rounds, "") == []


@pytest.mark.parametrize("bug", [ANSWER_EARLY, ROW_FIRST])
def test_the_harness_finds_a_planted_bug(tmp_path: Path, bug: str) -> None:
    assert lives(tmp_path / "data", Durability.POWER, 10, bug) != []


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    acknowledged: Counter[str] = Counter()
    write_and_kill(tmp_path / "data", Durability.PROCESS, 1, "", acknowledged)
    assert (tmp_path / "data" / "lock").read_text().strip() != str(os.getpid())
    assert asyncio.run(check(tmp_path / "data", acknowledged)) == []
