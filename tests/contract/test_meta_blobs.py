"""Blobs in the metadata store: how often they are used, and when they are collected."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable

import msgspec
import pytest

from emulator.domain.model import BlobHome, Extent, ObjectVersion, StagedBlob
from emulator.storage.sqlite.statements import Values
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.contract.building import entry, inline, make_bucket

FILE = StagedBlob(size_bytes=3_000_000, file="0a" * 16)


def put_staged(tx: SqliteTx, bucket_id: int, key: str, staged: StagedBlob) -> ObjectVersion:
    """A version with this content."""
    extent = tx.add_blob(staged)
    version = entry(bucket_id, key, tx.next_seq(), extents=(extent,))
    tx.insert_version(version, shares_blobs=False, listed=True)
    return version


def copy(tx: SqliteTx, version: ObjectVersion, key: str) -> ObjectVersion:
    """Another version of the same content."""
    made = entry(version.bucket_id, key, tx.next_seq(), extents=version.extents)
    tx.insert_version(made, shares_blobs=True, listed=True)
    return made


async def test_small_content_is_kept_in_the_database(store: SqliteStore) -> None:
    data = bytes(range(256)) * 4
    extent = await store.write(lambda tx: tx.add_blob(inline(data)))
    with store.read() as view:
        blob = view.blob(extent.blob_id)
        assert view.inline_data(extent.blob_id) == data
    assert extent == Extent(extent.blob_id, 0, 1024)
    assert blob is not None
    assert (blob.size_bytes, blob.home, blob.file) == (1024, BlobHome.INLINE, "")


async def test_large_content_is_known_by_its_file(store: SqliteStore) -> None:
    extent = await store.write(lambda tx: tx.add_blob(FILE))
    with store.read() as view:
        blob = view.blob(extent.blob_id)
        assert view.inline_data(extent.blob_id) is None
    assert blob is not None
    assert (blob.size_bytes, blob.home, blob.file) == (3_000_000, BlobHome.FILE, FILE.file)
    assert store.known_files([FILE.file, "ff" * 16, ""]) == {FILE.file}


@pytest.mark.parametrize("staged", [inline(b"content"), FILE], ids=["inline", "file"])
async def test_content_goes_with_its_last_use(store: SqliteStore, staged: StagedBlob) -> None:
    unused: list[str] = []
    store.on_unused_files = unused.extend
    bucket = await make_bucket(store)
    first = await store.write(lambda tx: put_staged(tx, bucket.id, "first", staged))
    second = await store.write(lambda tx: copy(tx, first, "second"))
    blob_id = first.extents[0].blob_id
    await store.write(lambda tx: tx.delete_version(first))
    with store.read() as view:
        assert view.blob(blob_id) is not None
        assert view.inline_data(blob_id) == (staged.data or None)
    assert unused == []
    await store.write(lambda tx: tx.delete_version(second))
    with store.read() as view:
        assert view.blob(blob_id) is None
        assert view.inline_data(blob_id) is None
    assert unused == ([staged.file] if staged.file else [])


async def test_an_entry_may_use_a_blob_twice(store: SqliteStore) -> None:
    bucket = await make_bucket(store)

    def put_twice(tx: SqliteTx) -> ObjectVersion:
        first = put_staged(tx, bucket.id, "first", inline(b"content"))
        doubled = entry(bucket.id, "doubled", tx.next_seq(), extents=first.extents * 2)
        tx.insert_version(doubled, shares_blobs=True, listed=True)
        tx.delete_version(first)
        return doubled

    doubled = await store.write(put_twice)
    with store.read() as view:
        assert view.inline_data(doubled.extents[0].blob_id) == b"content"
    await store.write(lambda tx: tx.delete_version(doubled))
    with store.read() as view:
        assert view.blob(doubled.extents[0].blob_id) is None


async def test_a_copy_onto_itself_keeps_its_content(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    first = await store.write(lambda tx: put_staged(tx, bucket.id, "key", inline(b"content")))

    def replace(tx: SqliteTx) -> None:
        copy(tx, first, "key")
        tx.delete_version(first)

    await store.write(replace)
    with store.read() as view:
        assert view.inline_data(first.extents[0].blob_id) == b"content"


async def test_a_refused_delete_keeps_the_file(store: SqliteStore) -> None:
    unused: list[str] = []
    store.on_unused_files = unused.extend
    bucket = await make_bucket(store)
    version = await store.write(lambda tx: put_staged(tx, bucket.id, "key", FILE))

    def delete_and_fail(tx: SqliteTx) -> None:
        tx.delete_version(version)
        raise KeyError("no")

    with pytest.raises(KeyError):
        await store.write(delete_and_fail)
    await make_bucket(store, "other")
    assert unused == []
    assert store.known_files([FILE.file]) == {FILE.file}


async def test_the_id_of_a_collected_blob_is_not_used_again(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    first = await store.write(lambda tx: put_staged(tx, bucket.id, "key", inline(b"1")))
    await store.write(lambda tx: tx.delete_version(first))
    second = await store.write(lambda tx: put_staged(tx, bucket.id, "key", inline(b"2")))
    assert second.extents[0].blob_id > first.extents[0].blob_id


async def test_sharing_a_blob_that_is_gone_is_refused(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    stale = entry(bucket.id, "key", 1, extents=(Extent(99, 0, 1),))
    with pytest.raises(AssertionError):
        await store.write(lambda tx: tx.insert_version(stale, shares_blobs=True, listed=True))


MANY = 1_000


def put_many(tx: SqliteTx, bucket_id: int, staged: list[StagedBlob]) -> ObjectVersion:
    """A version of several blobs, the first of which it uses three times."""
    extents = tuple(tx.add_blob(each) for each in staged)
    tx.share_blobs((extents[0], extents[0]))
    version = entry(bucket_id, "many", tx.next_seq(), extents=(*extents, extents[0], extents[0]))
    tx.insert_version(version, shares_blobs=False, listed=True)
    return version


def counted(tx: SqliteTx, work: Callable[[], object]) -> int:
    """How many statements the work takes."""
    plain, run = tx._run, itertools.count()

    def counting(statement: str, values: Values = ()) -> sqlite3.Cursor:
        next(run)
        return plain(statement, values)

    tx._run = counting
    try:
        work()
    finally:
        tx._run = plain
    return next(run)


@pytest.mark.parametrize("number", [2, 5, MANY])
async def test_many_blobs_are_shared_and_given_up_together(store: SqliteStore, number: int) -> None:
    unused: list[str] = []
    store.on_unused_files = unused.extend
    bucket = await make_bucket(store)
    files = [StagedBlob(size_bytes=9, file=f"{each:032x}") for each in range(number)]
    staged = [inline(b"content"), *files[1:]]
    first = await store.write(lambda tx: put_many(tx, bucket.id, staged))
    ids = [extent.blob_id for extent in first.extents]
    taken: list[int] = []

    def share_and_release(tx: SqliteTx) -> None:
        taken.append(counted(tx, lambda: copy(tx, first, "copy")))
        taken.append(counted(tx, lambda: tx.delete_version(first)))

    await store.write(share_and_release)
    with store.read() as view:
        found = view.blobs(ids)
    assert [found[each].file for each in ids[:number]] == ["", *(each.file for each in files[1:])]
    assert unused == []
    second = msgspec.structs.replace(first, key="copy", seq=first.seq + 1)
    await store.write(lambda tx: taken.append(counted(tx, lambda: tx.delete_version(second))))
    with store.read() as view:
        assert view.blobs(ids) == {}
        assert view.inline_data(ids[0]) is None
    assert sorted(unused) == [each.file for each in files[1:]]
    assert number < MANY or max(taken) <= 6


async def test_blobs_that_are_gone_are_left_out(store: SqliteStore) -> None:
    extents = await store.write(lambda tx: [tx.add_blob(inline(b"x")) for _ in range(6)])
    ids = [extent.blob_id for extent in extents]
    await store.write(lambda tx: tx.release_blobs(extents[2:4]))
    with store.read() as view:
        assert sorted(view.blobs(ids)) == [*ids[:2], *ids[4:]]
        assert sorted(view.blobs(ids[1:3])) == [ids[1]]
