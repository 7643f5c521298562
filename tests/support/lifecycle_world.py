"""A bucket in memory with lifecycle rules, a clock at rest, and the worker that scans it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from emulator.clock import VirtualClock
from emulator.domain import objects
from emulator.domain.access_times import AccessTimes
from emulator.domain.buckets import BucketRequest, put_bucket
from emulator.domain.lifecycle.settings import put_lifecycle
from emulator.domain.lifecycle.worker import PAGE_LEN, LifecycleWorker
from emulator.domain.model import (
    Acl,
    Bucket,
    ObjectVersion,
    StagedBlob,
    StorageClass,
    Versioning,
    encode_strings,
)
from emulator.domain.objects import Content, Moment, ObjectWrite
from emulator.rng import SeededRng
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx

T = TypeVar("T")

DAY = 86_400_000
START = 20_000 * DAY  # 4 October 2024, 00:00 UTC


class LifecycleWorld:
    """One bucket, to be begun first."""

    def __init__(
        self, *, page_len: int = PAGE_LEN, folder: Path | None = None, start_ms: int = START
    ) -> None:
        self.clock = VirtualClock(start_ms)
        self.rng = SeededRng(1)
        self.store = SqliteStore.open(":memory:" if folder is None else folder)
        self.changes = 0
        self.worker = LifecycleWorker(
            self.store, self.clock, self.rng, hour=0, changed=self._changed, page_len=page_len
        )
        self.access_times = AccessTimes(self.store, self.clock, self.rng)

    def _changed(self) -> None:
        self.changes += 1

    @property
    def moment(self) -> Moment:
        """Now."""
        return Moment(self.clock.now_ms(), self.rng)

    async def begin(self, versioning: Versioning = Versioning.NEVER, name: str = "bucket") -> None:
        """Make the bucket."""
        request = BucketRequest(name=name, owner_uid="1", region="cn-hangzhou")

        def work(tx: SqliteTx) -> None:
            made = put_bucket(tx, request, self.clock.now_ms(), buckets_max=100)
            tx.set_bucket_versioning(made.id, versioning)

        self.name = name
        await self.store.write(work)

    @property
    def bucket(self) -> Bucket:
        """The bucket as it is now."""
        with self.store.read() as view:
            found = view.bucket(self.name)
        assert found is not None
        return found

    async def write(self, work: Callable[[SqliteTx], T]) -> T:
        """Run a transaction."""
        return await self.store.write(work)

    async def put(
        self,
        key: str,
        size: int = 1,
        storage_class: StorageClass = StorageClass.STANDARD,
        tags: Mapping[str, str] | None = None,
    ) -> ObjectVersion:
        """Put an object of that many bytes."""
        write = ObjectWrite(
            key=key,
            acl=Acl.DEFAULT,
            storage_class=storage_class,
            headers_json="{}",
            tags_json=encode_strings(dict(tags)) if tags else "",
        )
        staged = StagedBlob(size_bytes=size, data=b"x" * size) if size else None
        content = Content(staged=staged, size_bytes=size, etag="A" * 32, crc64=0)
        bucket, moment = self.bucket, self.moment
        return await self.write(lambda tx: objects.put_object(tx, bucket, write, content, moment))

    async def delete(self, key: str) -> None:
        """Delete without a version id."""
        bucket, moment = self.bucket, self.moment
        await self.write(lambda tx: objects.delete_object(tx, bucket, key, moment))

    async def set_versioning(self, versioning: Versioning) -> None:
        """Change the versioning state."""
        bucket_id = self.bucket.id
        await self.write(lambda tx: tx.set_bucket_versioning(bucket_id, versioning))

    async def put_rules(self, *rules: Mapping[str, Any]) -> None:
        """Put rules; ID, prefix and status are filled in."""
        filled = [
            {"ID": f"r{place}", "Prefix": "", "Status": "Enabled", **rule}
            for place, rule in enumerate(rules)
        ]
        await self.put_rules_document(msgspec.json.encode({"Rule": filled}).decode())

    async def put_rules_document(self, document: str) -> None:
        """Put rules as the store keeps them."""
        bucket, now_ms = self.bucket, self.clock.now_ms()
        await self.write(lambda tx: put_lifecycle(tx, bucket, document, now_ms, hour=0))

    async def days(self, number: int) -> int:
        """Go to a later midnight and let the worker work; what it did."""
        self.clock.set((self.clock.now_ms() // DAY + number) * DAY)
        before = self.worker.done
        await self.worker.run_due()
        return self.worker.done - before

    def versioning(self) -> Versioning:
        """The versioning state."""
        return self.bucket.versioning

    def stack(self, key: str) -> list[ObjectVersion]:
        """The entries of a key, newest first."""
        with self.store.read() as view:
            return view.versions_of(self.bucket.id, key)

    def keys(self) -> list[str]:
        """The keys that ListObjects shows."""
        with self.store.read() as view:
            found = view.listed_objects(
                self.bucket.id, start="", inclusive=True, end=None, limit=10_000
            )
            return [each.key for each in found]
