"""Sources and parts that change while an operation looks at them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emulator.access.audit import Audit
from emulator.access.identity import Principal, PrincipalKind
from emulator.config import OssSettings
from emulator.domain import errors, objects
from emulator.domain.model import Acl, Bucket, StagedBlob, StorageClass
from emulator.domain.objects import Content, Moment, ObjectWrite
from emulator.domain.uploads.parts import UploadOptions, abort_upload, initiate_upload, put_part
from emulator.domain.uploads.records import Upload, UploadName
from emulator.protocol.api.multipart import perform_complete
from emulator.protocol.api.part_copies import upload_part_copy
from emulator.protocol.call import Call
from emulator.protocol.operations import operation_named
from emulator.rng import SeededRng
from emulator.storage.memory import MemoryBlobStore
from emulator.storage.sqlite.store import SqliteStore
from tests.contract.building import new_bucket

OWNER = "1"
NOW = Moment(5_000, SeededRng(1))


class Meddler(SqliteStore):
    """Does something of its own before each of the next writes."""

    meddling: Callable[[], Any] | None = None
    times = 0

    async def write(self, work: Callable[..., Any]) -> Any:
        """The same, after what somebody else does."""
        if self.meddling is not None and self.times > 0:
            self.times -= 1
            await super().write(self.meddling())
        return await super().write(work)


class Scene:
    """A bucket with a source and an upload, and calls on them."""

    def __init__(self, store: Meddler) -> None:
        self.store = store
        self.blobs = MemoryBlobStore(rng=SeededRng(2), known=store.known_files)
        self.bucket: Bucket
        self.upload: Upload

    async def prepare(self, *, is_sequential: bool = False) -> None:
        """Make them."""
        self.bucket = await self.store.write(
            lambda tx: tx.insert_bucket(new_bucket("bucket", owner_uid=OWNER))
        )
        await self.store.write(self.overwrite(b"first"))
        options = UploadOptions(initiator_uid=OWNER, is_sequential=is_sequential)
        self.upload = await self.store.write(
            lambda tx: initiate_upload(tx, self.bucket, self._about("key"), options, NOW)
        )

    def _about(self, key: str) -> ObjectWrite:
        return ObjectWrite(
            key=key, acl=Acl.DEFAULT, storage_class=StorageClass.STANDARD, headers_json="{}"
        )

    @property
    def name(self) -> UploadName:
        """The upload."""
        return UploadName(self.bucket.id, "key", self.upload.upload_id)

    def overwrite(self, data: bytes) -> Callable[..., Any]:
        """Give the source other content."""
        return lambda tx: objects.put_object(
            tx, self.bucket, self._about("source"), content_of(data), NOW
        )

    def part(self, data: bytes, number: int = 1) -> Callable[..., Any]:
        """Give the upload a part."""
        return lambda tx: put_part(tx, self.name, number, content_of(data), NOW)

    def call(self, operation: str, body: bytes = b"", **headers: str) -> Call:
        """A request of the owner."""

        async def read_document(bytes_max: int) -> bytes:
            return body

        principal = Principal(
            kind=PrincipalKind.ROOT, account_uid=OWNER, access_key_id="key-of-the-owner"
        )
        context = SimpleNamespace(
            store=self.store,
            blobs=self.blobs,
            rng=SeededRng(3),
            oss=OssSettings(),
            audit=Audit(),
            wire=SimpleNamespace(xml_bytes_max=1000),
            changed=lambda: None,
        )
        query = {"partNumber": "1", "uploadId": self.upload.upload_id}
        return cast(
            Call,
            SimpleNamespace(
                operation=operation_named(operation),
                context=context,
                principal=principal,
                bucket=self.bucket,
                found_bucket=self.bucket,
                key="key",
                query=query,
                headers={name.replace("_", "-"): value for name, value in headers.items()},
                body=SimpleNamespace(read_document=read_document),
                version_id=None,
                peer="",
                request_id="0" * 24,
                now_ms=6_000,
            ),
        )

    def copy(self) -> Call:
        """UploadPartCopy of the source."""
        return self.call("UploadPartCopy", x_oss_copy_source="/bucket/source")

    def complete(self) -> Call:
        """CompleteMultipartUpload with all parts."""
        return self.call("CompleteMultipartUpload", x_oss_complete_all="yes")

    def blob_count(self) -> int:
        """How many blobs have a row."""
        with self.store.read() as view:
            (count,) = view._run("SELECT count(*) FROM blobs", ()).fetchone()
        assert isinstance(count, int)
        return count


def content_of(data: bytes) -> Content:
    """Small content."""
    staged = StagedBlob(size_bytes=len(data), data=data)
    return Content(staged=staged, size_bytes=len(data), etag="0" * 32, crc64=0)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A store in memory."""
    store = Meddler.open(":memory:")
    made = Scene(store)
    await made.prepare()
    yield made
    await store.close()


async def test_a_source_overwritten_meanwhile_is_read_again(scene: Scene) -> None:
    scene.store.meddling, scene.store.times = lambda: scene.overwrite(b"second"), 1
    answer = await upload_part_copy(scene.copy())
    with scene.store.read() as view:
        (part,) = view.parts_of(scene.upload, limit=10)
        assert view.inline_data(part.extents[0].blob_id) == b"second"
    assert answer.headers["ETag"] == f'"{part.etag}"'
    assert scene.blob_count() == 1


async def test_a_source_overwritten_all_the_time_is_given_up(scene: Scene) -> None:
    scene.store.meddling, scene.store.times = lambda: scene.overwrite(b"other"), 100
    with pytest.raises(errors.ServiceUnavailable):
        await upload_part_copy(scene.copy())
    with scene.store.read() as view:
        assert view.parts_of(scene.upload, limit=10) == []


async def test_a_source_deleted_meanwhile_is_gone(scene: Scene) -> None:
    def gone() -> Callable[..., Any]:
        return lambda tx: objects.delete_object(tx, scene.bucket, "source", NOW)

    scene.store.meddling, scene.store.times = gone, 1
    with pytest.raises(errors.NoSuchKey):
        await upload_part_copy(scene.copy())
    assert scene.blob_count() == 0


async def test_a_part_replaced_meanwhile_is_in_the_object(scene: Scene) -> None:
    await scene.store.write(scene.part(b"first"))
    scene.store.meddling, scene.store.times = lambda: scene.part(b"second!"), 1
    version = await perform_complete(scene.complete())
    assert (version.size_bytes, scene.blob_count()) == (7, 2)


async def test_parts_replaced_all_the_time_are_given_up(scene: Scene) -> None:
    await scene.store.write(scene.part(b"first"))
    scene.store.meddling, scene.store.times = lambda: scene.part(b"other"), 100
    with pytest.raises(errors.ServiceUnavailable):
        await perform_complete(scene.complete())


async def test_an_upload_aborted_meanwhile_is_gone(scene: Scene) -> None:
    await scene.store.write(scene.part(b"first"))

    def gone() -> Callable[..., Any]:
        return lambda tx: abort_upload(tx, scene.name, NOW)

    scene.store.meddling, scene.store.times = gone, 1
    with pytest.raises(errors.NoSuchUpload):
        await perform_complete(scene.complete())
    scene.store.times = 0
    with pytest.raises(errors.NoSuchUpload):
        await upload_part_copy(scene.copy())
    assert scene.blob_count() == 1  # the source's
