"""The figures that are kept equal a count of everything, whatever was done and refused."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.domain import buckets, objects
from emulator.domain.buckets import BucketRequest
from emulator.domain.errors import BucketNotEmpty
from emulator.domain.model import (
    Acl,
    Bucket,
    StagedBlob,
    StorageClass,
    Versioning,
)
from emulator.domain.objects import Content, Moment, ObjectWrite
from emulator.domain.stats import Figures, Noun
from emulator.domain.uploads.records import Part, Upload, UploadName
from emulator.replication.ports import Replica
from emulator.rng import SeededRng
from emulator.storage.sqlite import stats
from emulator.storage.sqlite.stats import kept, recount
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx

T = TypeVar("T")

KEYS = ("a", "b", "c")
SOURCE, TARGET = "source", "target"
MIGRATION = Path(stats.__file__).with_name("migrations") / "0008_stats.sql"


class Refused(Exception):
    """The work has second thoughts."""


class Step(NamedTuple):
    """One work: what it does, with what, and whether it fails at its end."""

    name: str
    key: str
    size_bytes: int
    storage_class: StorageClass
    fails: bool


DONE = (
    "put",
    "put",
    "put",
    "delete",
    "delete-version",
    "rewrite",
    "replicate",
    "versioning",
    "drop",
)
UPLOADED = ("upload", "upload", "part", "part", "abort")

steps = st.builds(
    Step,
    name=st.sampled_from(DONE) | st.sampled_from(UPLOADED),
    key=st.sampled_from(KEYS),
    size_bytes=st.sampled_from([0, 1, 70_000]),
    storage_class=st.sampled_from(StorageClass),
    fails=st.sampled_from([False, False, True]),
)
# Works of one list are queued together: they share a transaction.
programs = st.lists(st.lists(steps, min_size=1, max_size=6), min_size=1, max_size=8)


class Runner:
    """Carries out steps in a store of its own."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.rng = SeededRng(1)
        self.now_ms = 0

    async def run(self, group: list[Step]) -> None:
        """The works of a group, queued at once."""
        works = [self.store.write(self._work(step)) for step in group]
        for outcome in await asyncio.gather(*works, return_exceptions=True):
            if isinstance(outcome, BaseException):
                assert isinstance(outcome, Refused | BucketNotEmpty), outcome

    def _work(self, step: Step) -> Callable[[SqliteTx], None]:
        def work(tx: SqliteTx) -> None:
            self._do(tx, step)
            if step.fails:
                raise Refused

        return work

    def _do(self, tx: SqliteTx, step: Step) -> None:
        self.now_ms += 1
        moment = Moment(self.now_ms, self.rng)
        bucket, target = self._bucket(tx, SOURCE), self._bucket(tx, TARGET)
        current = tx.current_version(bucket.id, step.key)
        match step.name:
            case "put":
                written = ObjectWrite(
                    key=step.key,
                    acl=Acl.DEFAULT,
                    storage_class=step.storage_class,
                    headers_json="{}",
                    tags_json="",
                )
                objects.put_object(tx, bucket, written, content(step.size_bytes), moment)
            case "delete":
                objects.delete_object(tx, bucket, step.key, moment)
            case "delete-version" if current is not None:
                objects.delete_version(tx, bucket, step.key, current.version_id, moment)
            case "rewrite" if current is not None and not current.is_delete_marker:
                tx.rewrite_version(
                    msgspec.structs.replace(
                        current,
                        size_bytes=current.size_bytes + step.size_bytes,
                        storage_class=step.storage_class,
                    )
                )
            case "replicate" if current is not None:
                others = tx.versions_of(bucket.id, step.key)
                tx.insert_replicas(
                    [Replica(each, target.id, tx.next_seq(), "1", 1, 1, 1) for each in others], []
                )
            case "versioning":
                buckets.set_versioning(tx, bucket, Versioning.ENABLED)
            case "drop":  # and made again under the same name by the next step
                for key in KEYS[:1]:
                    for entry in tx.versions_of(target.id, key):
                        objects.drop_entry(tx, entry)
                buckets.delete_bucket(tx, target)
            case "upload" | "part" | "abort":
                self._do_upload(tx, step, bucket)
            case _:
                pass

    def _do_upload(self, tx: SqliteTx, step: Step, bucket: Bucket) -> None:
        name = UploadName(bucket.id, step.key, "upload")
        found = tx.upload(*msgspec.structs.astuple(name))
        match step.name:
            case "upload" if found is None:
                tx.insert_upload(
                    Upload(
                        id=tx.next_seq(),
                        bucket_id=bucket.id,
                        key=step.key,
                        upload_id=name.upload_id,
                        initiated_ms=0,
                        initiator_uid="1",
                        storage_class=step.storage_class,
                    )
                )
            case "part" if found is not None:
                part = Part(
                    number=1 + step.size_bytes % 2,
                    seq=tx.next_seq(),
                    size_bytes=step.size_bytes,
                    etag="E" * 32,
                    crc64=1,
                    modified_ms=0,
                )
                tx.put_part(found, part, shares_blobs=False)
            case "abort" if found is not None:
                tx.delete_upload(found, ())
            case _:
                pass

    def _bucket(self, tx: SqliteTx, name: str) -> Bucket:
        found = tx.bucket(name)
        request = BucketRequest(name=name, owner_uid="1", region="cn-hangzhou")
        return found or buckets.put_bucket(tx, request, 0, buckets_max=9)


def content(size_bytes: int) -> Content:
    """Content of a size."""
    data = b"x" * size_bytes
    staged = StagedBlob(size_bytes=size_bytes, data=data) if data else None
    return Content(staged=staged, size_bytes=size_bytes, etag="E" * 32, crc64=1)


def with_store(use: Callable[[SqliteStore], Awaitable[T]]) -> T:
    """Use a store in memory, then close it."""

    async def body() -> T:
        store = SqliteStore.open(":memory:")
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(body())


def database(store: SqliteStore) -> sqlite3.Connection:
    """The store's own connection: in memory there is no other way in."""
    return store._reading


@settings(max_examples=120)
@given(program=programs)
def test_figures_equal_a_count(program: list[list[Step]]) -> None:
    async def use(store: SqliteStore) -> None:
        runner = Runner(store)
        for group in program:
            await runner.run(group)
            assert kept(database(store)) == recount(database(store))

    with_store(use)


def test_a_bucket_takes_its_figures_along() -> None:
    """Also where its objects go in the same transaction, and one of the same name comes."""

    async def use(store: SqliteStore) -> None:
        runner = Runner(store)
        put = Step("put", "a", 1, StorageClass.STANDARD, fails=False)
        await runner.run([put, put._replace(name="replicate"), put])
        drop = put._replace(name="drop")
        await runner.run(
            [drop, put, put._replace(name="replicate"), drop, drop._replace(fails=True)]
        )
        rows = database(store).execute("SELECT DISTINCT bucket_id FROM bucket_stats").fetchall()
        living = database(store).execute("SELECT id FROM buckets").fetchall()
        assert set(rows) <= set(living)
        assert kept(database(store)) == recount(database(store))

    with_store(use)


def test_colder_classes_are_billed_as_64_kib_at_least() -> None:
    async def use(store: SqliteStore) -> None:
        runner = Runner(store)
        sizes = ((StorageClass.STANDARD, 1), (StorageClass.IA, 1), (StorageClass.IA, 70_000))
        for key, (storage_class, size_bytes) in zip(KEYS, sizes, strict=True):
            await runner.run([Step("put", key, size_bytes, storage_class, fails=False)])
        with store.read() as view:
            bucket = view.bucket(SOURCE)
            assert bucket is not None
            assert view.bucket_stats(bucket.id) == {
                (Noun.OBJECT, StorageClass.STANDARD): Figures(1, 1, 1),
                (Noun.OBJECT, StorageClass.IA): Figures(2, 70_001, 65_536 + 70_000),
            }

    with_store(use)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE bucket_stats SET entries = entries + 1",
        "DELETE FROM bucket_stats",
        "UPDATE versions SET size_bytes = size_bytes + 1",
        "DELETE FROM versions",
        "UPDATE versions SET kind = 'DeleteMarker'",
    ],
)
def test_a_wrong_figure_is_noticed(damage: str) -> None:
    async def use(store: SqliteStore) -> None:
        await Runner(store).run([Step("put", "a", 1, StorageClass.IA, fails=False)])
        assert kept(database(store)) == recount(database(store))
        database(store).execute(damage)
        assert kept(database(store)) != recount(database(store))

    with_store(use)


def test_existing_data_is_counted_once_and_for_all() -> None:
    """The migration that brings the figures counts what was there before it."""

    async def use(store: SqliteStore) -> None:
        runner = Runner(store)
        put = Step("put", "a", 70_000, StorageClass.IA, fails=False)
        rest = ["versioning", "put", "delete", "replicate"]
        await runner.run([put, *(put._replace(name=name) for name in rest)])
        connection = database(store)
        before = kept(connection)
        assert len(before) > 2
        connection.executescript("DROP TABLE bucket_stats; DROP TRIGGER bucket_stats_go;")
        connection.executescript(MIGRATION.read_text("utf-8"))
        assert kept(connection) == before == recount(connection)

    with_store(use)
