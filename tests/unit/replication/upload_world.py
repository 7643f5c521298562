"""Multipart uploads around the engine's world, and what must hold of them at any moment."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import NamedTuple

from emulator.domain.model import (
    Acl,
    Bucket,
    Extent,
    ObjectVersion,
    StagedBlob,
    StorageClass,
    encode_strings,
)
from emulator.domain.objects import Content, ObjectWrite
from emulator.domain.uploads.completing import (
    CompletionOptions,
    PartRules,
    assemble,
    complete_upload,
)
from emulator.domain.uploads.parts import (
    UploadOptions,
    abort_upload,
    find_upload,
    initiate_upload,
    put_part,
    put_shared_part,
)
from emulator.domain.uploads.records import Part, Upload, UploadName
from emulator.replication.ports import ReplicationTx
from emulator.storage.sqlite.stats import kept, recount
from tests.unit.replication.engine_world import World

_PARTS_MAX = 10_000


class Shown(NamedTuple):
    """An upload as listings show it: its id, and content and instant of each part by number."""

    key: str
    upload_id: str
    initiated_ms: int
    parts: dict[int, tuple[bytes, int]]


class UploadWorld(World):
    """A world whose clients upload in parts."""

    async def initiate(
        self,
        bucket: str,
        key: str,
        *,
        tags: dict[str, str] | None = None,
        storage_class: StorageClass = StorageClass.STANDARD,
        encryption_json: str = "",
    ) -> str:
        """The id of a new upload."""
        write = ObjectWrite(
            key=key,
            acl=Acl.DEFAULT,
            storage_class=storage_class,
            headers_json='{"content-type":"text/plain"}',
            tags_json=encode_strings(tags) if tags else "",
            encryption_json=encryption_json,
        )
        options = UploadOptions(initiator_uid="1")
        made = await self.write(
            lambda tx: initiate_upload(tx, self._bucket(tx, bucket), write, options, self.moment)
        )
        return made.upload_id

    async def part(self, bucket: str, key: str, upload_id: str, number: int, data: bytes) -> Part:
        """UploadPart."""
        content = _content(data)
        return await self.write(
            lambda tx: put_part(
                tx, self._name(tx, bucket, key, upload_id), number, content, self.moment
            )
        )

    async def part_copy(
        self, bucket: str, key: str, upload_id: str, number: int, source: str
    ) -> Part:
        """UploadPartCopy of a whole object of the bucket."""

        def work(tx: ReplicationTx) -> Part:
            name = self._name(tx, bucket, key, upload_id)
            found = tx.current_version(name.bucket_id, source)
            assert found is not None
            data = _read(tx, found.extents)
            upload = find_upload(tx, name)
            return put_shared_part(tx, upload, number, _content(data), found.extents, self.moment)

        return await self.write(work)

    async def complete(self, bucket: str, key: str, upload_id: str) -> ObjectVersion:
        """CompleteMultipartUpload of all parts."""

        def work(tx: ReplicationTx) -> ObjectVersion:
            name = self._name(tx, bucket, key, upload_id)
            parts = tx.parts_of(find_upload(tx, name), limit=_PARTS_MAX)
            made = complete_upload(
                tx,
                self._bucket(tx, bucket),
                name,
                assemble(parts, None, PartRules(0)),
                CompletionOptions(),
                self.moment,
            )
            assert made is not None
            return made

        return await self.write(work)

    async def abort(self, bucket: str, key: str, upload_id: str) -> None:
        """AbortMultipartUpload."""
        await self.write(
            lambda tx: abort_upload(tx, self._name(tx, bucket, key, upload_id), self.moment)
        )

    def _name(self, tx: ReplicationTx, bucket: str, key: str, upload_id: str) -> UploadName:
        return UploadName(self._bucket(tx, bucket).id, key, upload_id)

    # looking

    def uploads(self, bucket: str) -> list[Shown]:
        """The unfinished uploads of a bucket."""
        with self.store.read() as view:
            return [
                Shown(
                    each.key,
                    each.upload_id,
                    each.initiated_ms,
                    {
                        part.number: (_read(view, part.extents), part.modified_ms)
                        for part in view.parts_of(each, limit=_PARTS_MAX)
                    },
                )
                for each in self._rows(bucket)
            ]

    def _rows(self, bucket: str) -> list[Upload]:
        with self.store.read() as view:
            found: Bucket | None = view.bucket(bucket)
            assert found is not None
            return view.upload_entries(found.id, start="", after_id="", end=None, limit=1000)

    def check_uses(self) -> None:
        """Every extent of a version and of a part counts one use of its blob, none is left over,
        and the figures of the buckets are what is in them."""
        uses: Counter[int] = Counter()
        with self.store.read() as view:
            for table in ("versions", "parts"):
                query = f"SELECT extents FROM {table} WHERE extents <> ''"  # noqa: S608 - one of two
                for (extents,) in view._run(query, ()).fetchall():
                    uses.update(blob for blob, _, _ in json.loads(str(extents)))
            counted = dict(view._run("SELECT id, refs FROM blobs", ()).fetchall())
            orphans = "SELECT count(*) FROM parts WHERE upload NOT IN (SELECT id FROM uploads)"
            assert view._run(orphans, ()).fetchone() == (0,)
        assert counted == dict(uses)
        assert kept(self.store._reading) == recount(self.store._reading)


def _content(data: bytes) -> Content:
    return Content(
        staged=StagedBlob(size_bytes=len(data), data=data) if data else None,
        size_bytes=len(data),
        etag=hashlib.md5(data).hexdigest().upper(),
        crc64=len(data),
    )


def _read(view: object, extents: tuple[Extent, ...]) -> bytes:
    inline = getattr(view, "inline_data")  # noqa: B009 - a view or a transaction
    return b"".join(
        (inline(each.blob_id) or b"")[each.offset_bytes :][: each.length_bytes] for each in extents
    )
