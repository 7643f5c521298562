"""Uploads and parts in the metadata store: their order, and whose the blobs are."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from emulator.config import Durability
from emulator.domain import buckets, errors
from emulator.domain.model import Acl, Bucket, Extent, Origin, StagedBlob, StorageClass
from emulator.domain.objects import Content, Moment, ObjectWrite, delete_object
from emulator.domain.uploads.completing import (
    Assembly,
    CompletionOptions,
    PartRules,
    assemble,
    complete_upload,
)
from emulator.domain.uploads.parts import (
    UploadOptions,
    abort_upload,
    initiate_upload,
    put_part,
    put_shared_part,
)
from emulator.domain.uploads.records import Part, PartTotals, Upload, UploadName
from emulator.rng import SeededRng
from emulator.storage.sqlite import uploads as statements
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.contract.building import inline, make_bucket

NOW = Moment(5_000, SeededRng(1))
RULES = PartRules(0)


def content(data: bytes, number: int = 0, *, file: bool = False) -> Content:
    """Staged content; its ETag tells the number."""
    staged = StagedBlob(size_bytes=len(data), file=f"{number:032x}") if file else inline(data)
    return Content(
        staged=staged if data else None,
        size_bytes=len(data),
        etag=f"{number:032X}",
        crc64=2**64 - 1 - number,
    )


async def begin(store: SqliteStore, bucket: Bucket, key: str = "key", **options: bool) -> Upload:
    """A new upload."""
    write = ObjectWrite(
        key=key,
        acl=Acl.DEFAULT,
        storage_class=StorageClass.IA,
        headers_json='{"a":"b"}',
        tags_json='{"c":"d"}',
        encryption_json='{"algorithm":"AES256"}',
        retention_json='{"legal_hold":"ON"}' if key == "held" else "",
    )
    made = UploadOptions(initiator_uid="7", **options)
    return await store.write(lambda tx: initiate_upload(tx, bucket, write, made, NOW))


def name_of(upload: Upload) -> UploadName:
    """What requests call it."""
    return UploadName(upload.bucket_id, upload.key, upload.upload_id)


async def give(store: SqliteStore, upload: Upload, number: int, what: Content) -> Part:
    """A part with this content."""
    return await store.write(lambda tx: put_part(tx, name_of(upload), number, what, NOW))


def assembled(store: SqliteStore, upload: Upload) -> Assembly:
    """All its parts."""
    with store.read() as view:
        return assemble(view.parts_of(upload, limit=10_000), None, RULES)


def blobs_left(store: SqliteStore) -> int:
    """How many blobs have a row."""
    with store.read() as view:
        (count,) = view._run("SELECT count(*) FROM blobs", ()).fetchone()
        (data,) = view._run("SELECT count(*) FROM blob_data", ()).fetchone()
    assert isinstance(count, int)
    assert isinstance(data, int)
    assert data <= count
    return count


async def test_an_upload_is_read_as_it_was_written(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    upload = await begin(store, bucket, is_sequential=True, has_hash_context=True)
    with store.read() as view:
        assert view.upload(bucket.id, "key", upload.upload_id) == upload
        assert view.upload(bucket.id, "other", upload.upload_id) is None
        assert view.upload(bucket.id + 1, "key", upload.upload_id) is None
    held = await begin(store, bucket, "held")
    with store.read() as view:
        assert view.upload(bucket.id, "held", held.upload_id) == held
    assert held.retention_json
    assert (len(upload.upload_id), upload.upload_id) == (32, upload.upload_id.upper())
    assert (upload.storage_class, upload.initiator_uid) == (StorageClass.IA, "7")


async def test_an_upload_may_tell_where_it_comes_from(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    upload = Upload(
        id=1,
        bucket_id=bucket.id,
        key="k",
        upload_id="A" * 32,
        initiated_ms=1,
        initiator_uid="",
        storage_class=StorageClass.STANDARD,
        origin=Origin(1, 2, 3, 4),
    )
    await store.write(lambda tx: tx.insert_upload(upload))
    with store.read() as view:
        assert view.upload(bucket.id, "k", "A" * 32) == upload


async def test_parts_come_by_number(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    upload = await begin(store, bucket)
    other = await begin(store, bucket)
    await give(store, other, 4, content(b"x"))
    parts = {number: await give(store, upload, number, content(b"xy", number)) for number in (3, 1)}
    with store.read() as view:
        assert view.parts_of(upload, limit=10) == [parts[1], parts[3]]
        assert view.parts_of(upload, limit=1) == [parts[1]]
        assert view.parts_of(upload, after=1, limit=10) == [parts[3]]
        assert view.part(upload, 3) == parts[3]
        assert view.part(upload, 2) is None
        assert view.last_part_number(upload) == 3
        assert view.part_totals(upload) == PartTotals(2, 4, parts[1].seq)
        assert view.part_totals(other).parts == 1


@pytest.mark.parametrize("in_file", [True, False], ids=["file", "inline"])
async def test_the_content_of_a_replaced_part_goes(store: SqliteStore, in_file: bool) -> None:
    unused: list[str] = []
    store.on_unused_files = unused.extend
    bucket = await make_bucket(store)
    upload = await begin(store, bucket)
    await give(store, upload, 1, content(b"one", 1, file=in_file))
    second = await give(store, upload, 1, content(b"two", 2, file=in_file))
    assert unused == ([f"{1:032x}"] if in_file else [])
    assert blobs_left(store) == 1
    with store.read() as view:
        assert view.parts_of(upload, limit=10) == [second]


async def test_the_blobs_pass_from_the_parts_to_the_object(store: SqliteStore) -> None:
    unused: list[str] = []
    store.on_unused_files = unused.extend
    bucket = await make_bucket(store)
    upload = await begin(store, bucket)
    for number in (1, 2, 3):
        await give(store, upload, number, content(b"part", number, file=True))
    made = assembled(store, upload)
    version = await store.write(
        lambda tx: complete_upload(tx, bucket, name_of(upload), made, CompletionOptions(), NOW)
    )
    assert version is not None
    assert (version.size_bytes, len(version.extents), version.kind) == (12, 3, "Multipart")
    assert (version.headers_json, version.tags_json) == (upload.headers_json, upload.tags_json)
    assert (version.storage_class, version.encryption_json) == (
        StorageClass.IA,
        upload.encryption_json,
    )
    assert (unused, blobs_left(store)) == ([], 3)
    with store.read() as view:
        assert view.upload(bucket.id, "key", upload.upload_id) is None
        assert view.part_totals(upload) == PartTotals(0, 0, 0)
    await store.write(lambda tx: delete_object(tx, bucket, "key", NOW))
    assert (sorted(unused), blobs_left(store)) == ([f"{number:032x}" for number in (1, 2, 3)], 0)


async def test_parts_changed_meanwhile_are_looked_at_again(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    upload = await begin(store, bucket)
    await give(store, upload, 1, content(b"one", 1))
    made = assembled(store, upload)
    await give(store, upload, 1, content(b"two", 2))
    done = await store.write(
        lambda tx: complete_upload(tx, bucket, name_of(upload), made, CompletionOptions(), NOW)
    )
    assert done is None
    with store.read() as view:
        assert view.upload(bucket.id, "key", upload.upload_id) == upload
        assert view.current_version(bucket.id, "key") is None


async def test_a_shared_part_keeps_what_it_shares(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    first, second = await begin(store, bucket), await begin(store, bucket)
    part = await give(store, first, 1, content(b"0123456789"))
    (whole,) = part.extents
    shared = (Extent(whole.blob_id, 2, 3), Extent(whole.blob_id, 0, 1))
    await store.write(lambda tx: put_shared_part(tx, second, 1, content(b"2340"), shared, NOW))
    await store.write(lambda tx: abort_upload(tx, name_of(first), NOW))
    assert blobs_left(store) == 1
    with store.read() as view:
        assert view.inline_data(whole.blob_id) == b"0123456789"
        assert view.parts_of(second, limit=1)[0].extents == shared
    await store.write(lambda tx: abort_upload(tx, name_of(second), NOW))
    assert blobs_left(store) == 0


async def test_a_refused_completion_leaves_everything(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    one, two = await begin(store, bucket), await begin(store, bucket)
    for upload in (one, two):
        await give(store, upload, 1, content(b"data"))
    options = CompletionOptions(forbid_overwrite=True)
    made = assembled(store, one)
    await store.write(lambda tx: complete_upload(tx, bucket, name_of(one), made, options, NOW))
    again = assembled(store, two)
    with pytest.raises(errors.FileAlreadyExists):
        await store.write(lambda tx: complete_upload(tx, bucket, name_of(two), again, options, NOW))
    with store.read() as view:
        assert view.upload(bucket.id, "key", two.upload_id) == two
        assert view.part_totals(two).parts == 1


async def test_a_bucket_with_uploads_is_not_empty(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    upload = await begin(store, bucket)
    with pytest.raises(errors.BucketNotEmpty):
        await store.write(lambda tx: buckets.delete_bucket(tx, bucket))
    await store.write(lambda tx: abort_upload(tx, name_of(upload), NOW))
    await store.write(lambda tx: buckets.delete_bucket(tx, bucket))


async def test_a_full_disk_takes_no_uploads_and_gives_them_up(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    upload, other = await begin(store, bucket), await begin(store, bucket)
    await give(store, upload, 1, content(b"data"))
    made = assembled(store, upload)

    def fill(tx: SqliteTx) -> None:
        tx.is_full = True

    await store.write(fill)
    store._writer._reserve = None  # nobody looks for space again
    with pytest.raises(errors.StorageFull):
        await begin(store, bucket)
    for what in (content(b"more"), content(b"")):
        with pytest.raises(errors.StorageFull):
            await give(store, other, 1, what)
    with pytest.raises(errors.StorageFull):
        await store.write(
            lambda tx: complete_upload(tx, bucket, name_of(upload), made, CompletionOptions(), NOW)
        )
    await store.write(lambda tx: abort_upload(tx, name_of(upload), NOW))
    assert blobs_left(store) == 0


async def test_uploads_outlive_a_restart(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "data", Durability.PROCESS)
    bucket = await make_bucket(store)
    upload = await begin(store, bucket)
    part = await give(store, upload, 7, content(b"data", 3))
    await store.close()
    store = SqliteStore.open(tmp_path / "data", Durability.PROCESS)
    with store.read() as view:
        assert view.upload(bucket.id, "key", upload.upload_id) == upload
        assert view.parts_of(upload, limit=10) == [part]
    await store.close()


async def test_ten_thousand_parts_cost_few_statements(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    upload = await begin(store, bucket)
    shared = content(b"x", 1)
    first = await give(store, upload, 1, shared)
    for start in range(2, 10_001, 1000):
        numbers = range(start, min(start + 1000, 10_001))
        await store.write(
            lambda tx, some=numbers: [  # type: ignore[misc] # a default cannot be annotated
                put_shared_part(tx, upload, number, shared, first.extents, NOW) for number in some
            ]
        )
    made = assembled(store, upload)
    assert (made.etag[-6:], made.size_bytes) == ("-10000", 10_000)
    run: list[str] = []

    def complete(tx: statements.UploadWrites) -> object:
        plain = tx._run

        def counted(statement: str, values: object = ()) -> sqlite3.Cursor:
            run.append(statement)
            return plain(statement, values)  # type: ignore[arg-type] # passed on as it came

        tx._run = counted
        try:
            return complete_upload(
                tx,  # type: ignore[arg-type] # the whole transaction has every part
                bucket,
                name_of(upload),
                made,
                CompletionOptions(),
                NOW,
            )
        finally:
            tx._run = plain

    assert await store.write(complete) is not None
    assert len(run) <= 10
