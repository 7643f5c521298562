"""A process that writes until it is killed; see ``test_kill_storage``.

Each writer owns some keys and gives each of them one operation after the other: operation ``n``
of a key puts content that only this key and number have, or deletes. What is acknowledged is
written to the standard output as ``key n``. Started as
``python -m tests.fault.storage_child FOLDER DURABILITY SEED BUG``.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sys
import threading
from collections import Counter
from pathlib import Path

from emulator.config import Durability
from emulator.domain.model import Bucket, ChangeKind, Extent, StagedBlob
from emulator.rng import SeededRng
from emulator.storage.blobs import BLOBS_FOLDER, FileBlobStore
from emulator.storage.sqlite.groups import Group, GroupWriter
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx, SqliteView
from tests.contract.building import entry, inline, make_bucket

WRITERS = 8
KEYS_EACH = 3
DELETE_EVERY = 5
FILE_EVERY = 3
ANSWER_EARLY = "answer-before-commit"
ROW_FIRST = "row-before-blob"


def content(key: str, number: int) -> bytes:
    """What operation ``number`` puts under ``key``; empty for a delete."""
    if number % DELETE_EVERY == DELETE_EVERY - 1:
        return b""
    digest = hashlib.sha256(f"{key} {number}".encode()).digest()
    return digest * (10_000 if number % FILE_EVERY == 0 else 40)


def operations_done(view: SqliteView, bucket_id: int) -> Counter[str]:
    """How many operations each key has seen: every one of them recorded a change."""
    changes = view.changes_after(bucket_id, 0, limit=10_000_000)
    return Counter(change.key for change, _ in changes)


class EarlyWriter(GroupWriter):
    """A bug: who waits is answered before the commit."""

    def _commit(self, group: Group) -> None:
        for request in group.requests:
            request.settle()
        super()._commit(group)

    def _sync_commit(self) -> None:
        threading.Event().wait(0.005)
        super()._sync_commit()


class EarlyStore(SqliteStore):
    """A store with that bug."""

    writer_kind = EarlyWriter


class Writer:
    """One of those who write."""

    def __init__(self, store: SqliteStore, blobs: FileBlobStore, bucket: Bucket, bug: str) -> None:
        self._store = store
        self._blobs = blobs
        self._bucket = bucket
        self._bug = bug

    async def run(self, keys: list[str], done: Counter[str], chance: random.Random) -> None:
        """Write for ever."""
        while True:
            key = chance.choice(keys)
            number = done[key]
            await self._put(key, number, content(key, number))
            done[key] += 1
            os.write(1, f"{key} {number}\n".encode())

    async def _put(self, key: str, number: int, data: bytes) -> None:
        if number % FILE_EVERY or not data:
            await self._store.write(lambda tx: self._apply(tx, key, data, inline(data)))
            return
        writer = self._blobs.writer()
        await writer.write(data)
        if self._bug == ROW_FIRST:
            early = StagedBlob(size_bytes=len(data), file=writer._name)
            await self._store.write(lambda tx: self._apply(tx, key, data, early))
            await writer.finish()
            return
        staged = await writer.finish()
        await self._store.write(lambda tx: self._apply(tx, key, data, staged))

    def _apply(self, tx: SqliteTx, key: str, data: bytes, staged: StagedBlob) -> None:
        current = tx.current_version(self._bucket.id, key)
        extents: tuple[Extent, ...] = (tx.add_blob(staged),) if data else ()
        version = entry(self._bucket.id, key, tx.next_seq(), extents=extents)
        if data:
            tx.insert_version(version, shares_blobs=False, listed=True)
        if current is not None:
            tx.delete_version(current)
        tx.append_change(
            version=version, kind=ChangeKind.PUT if data else ChangeKind.DELETE, at_ms=1
        )


async def main(folder: Path, durability: Durability, seed: int, bug: str) -> None:
    """Open the folder and write until the process is killed."""
    kind = EarlyStore if bug == ANSWER_EARLY else SqliteStore
    store = kind.open(folder, durability)
    blobs = FileBlobStore(
        folder / BLOBS_FOLDER, durability=durability, rng=SeededRng(seed), known=store.known_files
    )
    store.on_unused_files = blobs.remove
    with store.read() as view:
        bucket = view.bucket("bucket")
    bucket = bucket or await make_bucket(store)
    with store.read() as view:
        done = operations_done(view, bucket.id)
    writers = Writer(store, blobs, bucket, bug)
    runs = [
        writers.run([f"{w}/{k}" for k in range(KEYS_EACH)], done, random.Random(seed * 100 + w))
        for w in range(WRITERS)
    ]
    await asyncio.gather(blobs.clean(), *runs)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Durability(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
