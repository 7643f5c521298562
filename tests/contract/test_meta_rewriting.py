"""Rewriting an entry in place: whose blobs are given up and whose are counted."""

from __future__ import annotations

from typing import cast

import msgspec

from emulator.domain.model import Extent, ObjectVersion, StagedBlob
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.contract.building import entry, inline, new_bucket


async def _put(store: SqliteStore, key: str, *pieces: StagedBlob) -> ObjectVersion:
    def work(tx: SqliteTx) -> ObjectVersion:
        bucket = tx.bucket("rewriting") or tx.insert_bucket(new_bucket("rewriting"))
        extents = tuple(tx.add_blob(piece) for piece in pieces)
        version = entry(bucket.id, key, tx.next_seq(), extents=extents)
        tx.insert_version(version, shares_blobs=False, listed=True)
        return version

    return await store.write(work)


def _uses(store: SqliteStore, extent: Extent) -> int:
    row = store.read()._run("SELECT refs FROM blobs WHERE id = ?", (extent.blob_id,)).fetchone()
    return 0 if row is None else cast(tuple[int], row)[0]


async def test_the_end_of_the_content_is_replaced(store: SqliteStore) -> None:
    before = await _put(store, "key", inline(b"one"), inline(b"two"), inline(b"three"))

    def work(tx: SqliteTx) -> ObjectVersion:
        joined = tx.add_blob(inline(b"twothreefour"))
        after = msgspec.structs.replace(before, extents=(before.extents[0], joined), size_bytes=15)
        tx.rewrite_version(after)
        return after

    after = await store.write(work)
    with store.read() as view:
        assert view.version_by_seq(after.bucket_id, "key", after.seq) == after
        assert view.inline_data(before.extents[1].blob_id) is None
        assert view.inline_data(after.extents[1].blob_id) == b"twothreefour"
    assert [_uses(store, extent) for extent in before.extents] == [1, 0, 0]
    assert _uses(store, after.extents[1]) == 1


async def test_shared_content_is_counted_and_what_it_replaces_given_up(store: SqliteStore) -> None:
    source = await _put(store, "source", inline(b"one"), inline(b"two"))
    replica = await _put(store, "replica", inline(b"old"))
    shared = msgspec.structs.replace(replica, extents=source.extents)
    await store.write(lambda tx: tx.rewrite_version(shared, shares_blobs=True))
    assert [_uses(store, extent) for extent in source.extents] == [2, 2]
    assert _uses(store, replica.extents[0]) == 0
    shorter = msgspec.structs.replace(shared, extents=source.extents[:1])
    await store.write(lambda tx: tx.rewrite_version(shorter, shares_blobs=True))
    assert [_uses(store, extent) for extent in source.extents] == [2, 1]
    await store.write(lambda tx: tx.delete_version(shorter))
    assert [_uses(store, extent) for extent in source.extents] == [1, 1]
