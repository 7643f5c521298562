"""What a copy is recorded as, and what the refusals of a read carry."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from emulator.domain import objects
from emulator.domain.errors import MethodNotAllowed, NoSuchBucket, NoSuchKey
from emulator.domain.model import (
    Acl,
    Bucket,
    ChangeKind,
    ObjectVersion,
    StorageClass,
    Versioning,
    VersionKind,
)
from emulator.domain.objects import Content, Moment, ObjectWrite
from emulator.replication.model import RuleSpec
from emulator.replication.ports import NewRule
from emulator.rng import SeededRng
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.contract.building import inline, new_bucket

MOMENT = Moment(1_000, SeededRng(1))
CONTENT = Content(staged=inline(b"x"), size_bytes=1, etag="AB", crc64=1)
WRITE = ObjectWrite(
    key="key",
    acl=Acl.DEFAULT,
    storage_class=StorageClass.STANDARD,
    headers_json='{"a":"b"}',
    tags_json='{"c":"d"}',
)


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(":memory:")
    yield opened
    await opened.close()


def recording_bucket(tx: SqliteTx) -> Bucket:
    """A versioned bucket with a rule, so that its changes are recorded."""
    bucket = tx.insert_bucket(new_bucket("bucket"))
    tx.set_bucket_versioning(bucket.id, Versioning.ENABLED)
    new = NewRule(
        source_bucket_id=bucket.id,
        spec=RuleSpec(rule_id="r", destination_bucket="d", destination_location="oss-d"),
        created_ms=0,
        starts_ms=0,
        cursor_seq=0,
        bound_seq=0,
    )
    tx.insert_rule(new)
    return objects.live_bucket(tx, bucket)


@pytest.mark.parametrize(
    ("write", "older", "kind"),
    [
        ({"storage_class": StorageClass.IA}, False, ChangeKind.CLASS),
        ({}, False, ChangeKind.PUT),
        ({"storage_class": StorageClass.IA, "key": "other"}, False, ChangeKind.PUT),
        ({"storage_class": StorageClass.IA, "headers_json": "{}"}, False, ChangeKind.PUT),
        ({"storage_class": StorageClass.IA, "tags_json": ""}, False, ChangeKind.PUT),
        ({"storage_class": StorageClass.IA, "acl": Acl.PRIVATE}, False, ChangeKind.PUT),
        # An older version brings its content back.
        ({"storage_class": StorageClass.IA}, True, ChangeKind.PUT),
    ],
)
async def test_only_a_copy_that_changes_nothing_but_the_class_is_recorded_as_that(
    store: SqliteStore, write: dict[str, object], older: bool, kind: ChangeKind
) -> None:
    def work(tx: SqliteTx) -> ChangeKind:
        bucket = recording_bucket(tx)
        source = objects.put_object(tx, bucket, WRITE, CONTENT, MOMENT)
        if older:
            objects.put_object(tx, bucket, WRITE, CONTENT, MOMENT)
        copied = msgspec.structs.replace(WRITE, **write)
        objects.copy_object(tx, bucket, copied, source, MOMENT)
        return tx.changes_of_key(bucket.id, copied.key, limit=1)[0].kind

    assert await store.write(work) == kind


async def test_a_copy_of_a_version_that_is_gone_by_now_is_refused(store: SqliteStore) -> None:
    def work(tx: SqliteTx) -> None:
        bucket = recording_bucket(tx)
        source = objects.put_object(tx, bucket, WRITE, CONTENT, MOMENT)
        objects.delete_version(tx, bucket, "key", source.version_id, MOMENT)
        objects.copy_object(tx, bucket, WRITE, source, MOMENT)

    with pytest.raises(NoSuchKey):
        await store.write(work)


async def test_a_bucket_made_again_under_the_name_is_another_one(store: SqliteStore) -> None:
    first = await store.write(lambda tx: tx.insert_bucket(new_bucket("bucket")))
    await store.write(lambda tx: tx.delete_bucket(first.id))
    await store.write(lambda tx: tx.insert_bucket(new_bucket("bucket")))
    with pytest.raises(NoSuchBucket):
        await store.write(lambda tx: objects.put_object(tx, first, WRITE, CONTENT, MOMENT))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
async def test_the_version_id_of_a_delete_marker_cannot_be_read(
    store: SqliteStore, method: str
) -> None:
    def work(tx: SqliteTx) -> tuple[Bucket, str]:
        bucket = recording_bucket(tx)
        done = objects.delete_object(tx, bucket, "key", MOMENT)
        assert done.version_id is not None
        return bucket, done.version_id

    bucket, version_id = await store.write(work)
    marker = {"x-oss-delete-marker": "true", "x-oss-version-id": version_id}
    with store.read() as view, pytest.raises(MethodNotAllowed) as refusal:
        objects.find_readable(view, bucket, "key", version_id, method=method)
    assert refusal.value.fields == {"Method": method, "ResourceType": "DeleteMarker"}
    assert refusal.value.headers == {"Allow": "DELETE", **marker}
    with store.read() as view, pytest.raises(NoSuchKey) as missing:
        objects.find_readable(view, bucket, "key", None)
    assert missing.value.headers == marker


async def test_an_appendable_object_becomes_a_normal_one_by_copying(store: SqliteStore) -> None:
    def work(tx: SqliteTx) -> ObjectVersion:
        bucket = tx.insert_bucket(new_bucket("bucket"))
        source = objects.put_object(tx, bucket, WRITE, CONTENT, MOMENT)
        appendable = msgspec.structs.replace(
            source, seq=tx.next_seq(), key="log", kind=VersionKind.APPENDABLE
        )
        tx.insert_version(appendable, shares_blobs=True, listed=True)
        return objects.copy_object(tx, bucket, WRITE, appendable, MOMENT)

    assert (await store.write(work)).kind is VersionKind.NORMAL
