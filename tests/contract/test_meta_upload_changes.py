"""Changes of multipart uploads in the metadata store: recorded with what they tell of."""

from __future__ import annotations

import hashlib

import pytest

from emulator.domain import errors
from emulator.domain.model import (
    Acl,
    Bucket,
    Change,
    ChangeKind,
    Origin,
    StagedBlob,
    StorageClass,
)
from emulator.domain.objects import Content, Moment, ObjectWrite, put_object
from emulator.domain.uploads.completing import (
    CompletionOptions,
    PartRules,
    assemble,
    complete_upload,
)
from emulator.domain.uploads.parts import (
    UploadOptions,
    abort_upload,
    drop_upload,
    initiate_upload,
    put_part,
    put_shared_part,
)
from emulator.domain.uploads.records import Part, Upload, UploadName
from emulator.replication.model import RuleSpec, TaskState
from emulator.replication.ports import NewRule, NewTask, ReplicationTx
from emulator.rng import SeededRng
from emulator.storage.sqlite.store import SqliteStore
from tests.contract.building import make_bucket

NOW = Moment(5_000, SeededRng(1))
WRITE = ObjectWrite(
    key="key",
    acl=Acl.DEFAULT,
    storage_class=StorageClass.IA,
    headers_json="{}",
    tags_json='{"c":"d"}',
)
OPTIONS = UploadOptions(initiator_uid="7")


def content(data: bytes) -> Content:
    """Staged content."""
    return Content(
        staged=StagedBlob(size_bytes=len(data), data=data),
        size_bytes=len(data),
        etag=hashlib.md5(data).hexdigest().upper(),
        crc64=1,
    )


def name_of(upload: Upload) -> UploadName:
    """What requests call it."""
    return UploadName(upload.bucket_id, upload.key, upload.upload_id)


async def ruled(store: SqliteStore) -> tuple[Bucket, int]:
    """A bucket that records changes, and the uid of its rule."""
    bucket = await make_bucket(store)
    spec = RuleSpec(rule_id="r", destination_bucket="d", destination_location="oss-cn-hangzhou")
    new = NewRule(
        source_bucket_id=bucket.id,
        spec=spec,
        created_ms=0,
        starts_ms=0,
        cursor_seq=0,
        bound_seq=0,
    )
    rule = await store.write(lambda tx: tx.insert_rule(new))
    return bucket, rule.uid


def changes(store: SqliteStore, bucket: Bucket) -> list[Change]:
    """All that is recorded."""
    with store.read() as view:
        return [change for change, _ in view.changes_after(bucket.id, 0, limit=100)]


def play(tx: ReplicationTx, bucket: Bucket) -> tuple[Upload, Upload, list[Part]]:
    """One upload that is completed, and one that is aborted."""
    source = put_object(tx, bucket, WRITE, content(b"object"), NOW)
    done = initiate_upload(tx, bucket, WRITE, OPTIONS, NOW)
    parts = [put_part(tx, name_of(done), number, content(b"%d" % number), NOW) for number in (4, 2)]
    parts.append(put_shared_part(tx, done, 4, content(b"object"), source.extents, NOW))
    made = assemble(tx.parts_of(done, limit=10), None, PartRules(0))
    complete_upload(tx, bucket, name_of(done), made, CompletionOptions(), NOW)
    given_up = initiate_upload(tx, bucket, WRITE, OPTIONS, NOW)
    abort_upload(tx, name_of(given_up), NOW)
    return done, given_up, parts


async def test_every_step_is_recorded_in_its_order(store: SqliteStore) -> None:
    bucket, _ = await ruled(store)
    done, given_up, parts = await store.write(lambda tx: play(tx, bucket))
    first, *found = changes(store, bucket)
    assert (first.kind, first.upload_id, first.part_number) == (ChangeKind.PUT, "", 0)
    assert [(each.kind, each.upload_id, each.part_number, each.version_seq) for each in found] == [
        (ChangeKind.INITIATE, done.upload_id, 0, done.id),
        (ChangeKind.PART, done.upload_id, 4, parts[0].seq),
        (ChangeKind.PART, done.upload_id, 2, parts[1].seq),
        (ChangeKind.PART, done.upload_id, 4, parts[2].seq),
        (ChangeKind.PUT, done.upload_id, 0, found[4].version_seq),
        (ChangeKind.INITIATE, given_up.upload_id, 0, given_up.id),
        (ChangeKind.ABORT, given_up.upload_id, 0, given_up.id),
    ]
    assert [each.prior_tags_json for each in found] == [""] * 6 + [WRITE.tags_json]
    assert {(each.bucket_id, each.key, each.at_ms) for each in found} == {(bucket.id, "key", 5_000)}
    with store.read() as view:
        newest = view.changes_of_key(bucket.id, "key")
    assert newest == [first, *found][::-1]


async def test_without_a_rule_nothing_is_recorded(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    await store.write(lambda tx: play(tx, bucket))
    assert changes(store, bucket) == []


async def test_what_is_refused_is_not_recorded(store: SqliteStore) -> None:
    bucket, _ = await ruled(store)

    def refused(tx: ReplicationTx) -> None:
        done, _, _ = play(tx, bucket)
        put_part(tx, name_of(done), 1, content(b"late"), NOW)

    with pytest.raises(errors.NoSuchUpload):
        await store.write(refused)
    assert changes(store, bucket) == []


def replica(tx: ReplicationTx, bucket: Bucket) -> Upload:
    """An upload that a rule wrote."""
    made = Upload(
        id=tx.next_seq(),
        bucket_id=bucket.id,
        key="key",
        upload_id="U",
        initiated_ms=1,
        initiator_uid="1",
        storage_class=StorageClass.STANDARD,
        origin=Origin(1, 2, 3, 4),
    )
    tx.insert_upload(made)
    return made


async def test_what_clients_do_to_the_replica_of_an_upload_is_not_recorded(
    store: SqliteStore,
) -> None:
    bucket, _ = await ruled(store)

    def work(tx: ReplicationTx) -> Upload | None:
        made = replica(tx, bucket)
        put_part(tx, name_of(made), 1, content(b"one"), NOW)
        found = tx.upload(bucket.id, "key", "U")
        abort_upload(tx, name_of(made), NOW)
        return found

    found = await store.write(work)
    assert found is not None
    assert found.origin == Origin(1, 2, 3, 4)
    assert changes(store, bucket) == []


async def test_what_they_complete_is_a_write_of_their_own(store: SqliteStore) -> None:
    bucket, _ = await ruled(store)

    def work(tx: ReplicationTx) -> None:
        name = name_of(replica(tx, bucket))
        put_part(tx, name, 1, content(b"one"), NOW)
        upload = tx.upload(bucket.id, "key", "U")
        assert upload is not None
        made = assemble(tx.parts_of(upload, limit=10), None, PartRules(0))
        version = complete_upload(tx, bucket, name, made, CompletionOptions(), NOW)
        assert version is not None
        assert version.origin is None

    await store.write(work)
    (change,) = changes(store, bucket)
    assert (change.kind, change.upload_id) == (ChangeKind.PUT, "")


async def test_a_full_disk_lets_replicas_through_that_store_no_bytes(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    source = await store.write(lambda tx: put_object(tx, bucket, WRITE, content(b"object"), NOW))
    store._writer._reserve = None  # nobody looks for space again

    def fill(tx: ReplicationTx) -> None:
        setattr(tx, "is_full", True)  # noqa: B010 - not part of the port

    def work(tx: ReplicationTx) -> None:
        made = replica(tx, bucket)
        part = Part(
            number=1, seq=tx.next_seq(), size_bytes=6, etag="E", crc64=1, modified_ms=1,
            extents=source.extents,
        )  # fmt: skip
        tx.put_part(made, part, shares_blobs=True)
        drop_upload(tx, made)

    await store.write(fill)
    await store.write(work)
    with pytest.raises(errors.StorageFull):
        await store.write(lambda tx: initiate_upload(tx, bucket, WRITE, OPTIONS, NOW))


async def test_tasks_keep_upload_and_part(store: SqliteStore) -> None:
    bucket, uid = await ruled(store)
    await store.write(lambda tx: play(tx, bucket))
    found = changes(store, bucket)
    states = [TaskState.WAITING, *[TaskState.QUEUED] * (len(found) - 1)]
    tasks = [
        NewTask(rule_uid=uid, change=change, state=state, due_ms=1)
        for change, state in zip(found, states, strict=True)
    ]
    await store.write(lambda tx: tx.insert_tasks(tasks))
    with store.read() as view:
        assert [each.change for each in view.tasks_of_key(uid, "key")] == found
        assert [each.change for each, _ in view.due_tasks(1, 10)] == found[:1]
