"""What the domain asks of its surroundings: metadata, blobs, time, chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import msgspec

from emulator.clock import Clock
from emulator.domain.blob_ports import BlobReader, BlobStore, BlobWriter
from emulator.domain.events.model import NewEvent
from emulator.domain.lifecycle.records import Entry, Scan
from emulator.domain.model import (
    Acl,
    Blob,
    Bucket,
    ChangeKind,
    Extent,
    ObjectVersion,
    StagedBlob,
    Versioning,
)
from emulator.domain.stats import BucketStats
from emulator.domain.uploads.records import Part, PartTotals, Upload
from emulator.rng import Rng

T = TypeVar("T")

__all__ = [
    "BlobReader",
    "BlobStore",
    "BlobWriter",
    "Clock",
    "MetaStore",
    "MetaTx",
    "MetaView",
    "NewBucket",
    "Rng",
]


class NewBucket(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a bucket that is about to be stored."""

    name: str
    owner_uid: str
    region: str
    created_ms: int
    acl: str
    storage_class: str
    redundancy: str


class MetaView(Protocol):
    """A consistent reading of the committed metadata (or, in a transaction, of its own writes)."""

    # buckets

    def bucket(self, name: str) -> Bucket | None:
        """The bucket of this name."""
        ...

    def bucket_by_id(self, bucket_id: int) -> Bucket | None:
        """The bucket of this id."""
        ...

    def buckets_of(
        self, owner_uid: str, *, prefix: str = "", marker: str = "", limit: int = 1000
    ) -> list[Bucket]:
        """Buckets of an account by name: those after ``marker`` that start with ``prefix``."""
        ...

    def bucket_count(self, owner_uid: str, region: str) -> int:
        """How many buckets an account has in a region."""
        ...

    def bucket_is_empty(self, bucket_id: int) -> bool:
        """Whether the bucket has neither versions nor delete markers (nor unfinished uploads)."""
        ...

    # settings

    def bucket_setting(self, bucket: Bucket, name: str, item: str = "") -> str:
        """A setting's document (JSON with OSS's element names), ``""`` when there is none.

        ``name`` is the sub-resource; ``item`` tells apart settings of which there are several.
        Costs nothing when ``bucket.setting_names`` does not have the name.
        """
        ...

    def bucket_setting_items(self, bucket: Bucket, name: str) -> list[tuple[str, str]]:
        """Item and document of every setting of this name, by item."""
        ...

    def buckets_with_setting(self, name: str) -> list[Bucket]:
        """Every bucket that has a setting of this name."""
        ...

    def account_setting(self, account_uid: str, name: str) -> str:
        """A setting's document, ``""`` when there is none."""
        ...

    def bucket_stats(self, bucket_id: int) -> BucketStats:
        """What the bucket holds, in figures; in a transaction as before its own writes."""
        ...

    # versions

    def current_version(self, bucket_id: int, key: str) -> ObjectVersion | None:
        """The newest entry of the key's stack, which may be a delete marker."""
        ...

    def version(self, bucket_id: int, key: str, version_id: str) -> ObjectVersion | None:
        """The entry with this version id; ``"null"`` finds the null version."""
        ...

    def version_by_seq(self, bucket_id: int, key: str, seq: int) -> ObjectVersion | None:
        """The entry at this place of the stack."""
        ...

    def versions_of(
        self, bucket_id: int, key: str, *, below_seq: int | None = None, limit: int = 1000
    ) -> list[ObjectVersion]:
        """The key's stack, newest first, optionally only entries older than ``below_seq``."""
        ...

    def listed_objects(
        self, bucket_id: int, *, start: str, inclusive: bool, end: str | None, limit: int
    ) -> list[ObjectVersion]:
        """Current versions that are no delete markers, by key, from ``start`` to before ``end``."""
        ...

    def version_entries(
        self, bucket_id: int, *, start: str, below_seq: int | None, end: str | None, limit: int
    ) -> list[ObjectVersion]:
        """All entries by key, newest first within a key, from key ``start`` up to before ``end``.

        ``below_seq``: of key ``start`` itself only entries with a smaller ``seq``; ``None`` takes
        all of them, ``0`` none of them.
        """
        ...

    # uploads

    def upload(self, bucket_id: int, key: str, upload_id: str) -> Upload | None:
        """The upload of this id, if it is one of this key."""
        ...

    def upload_entries(
        self, bucket_id: int, *, start: str, after_id: str, end: str | None, limit: int
    ) -> list[Upload]:
        """Uploads by key and id: of key ``start`` those beyond ``after_id`` (``""``: all of them),
        then those of later keys up to before ``end``."""
        ...

    def part(self, upload: Upload, number: int) -> Part | None:
        """The part of this number."""
        ...

    def parts_of(self, upload: Upload, *, after: int = 0, limit: int) -> list[Part]:
        """Parts by number, those beyond ``after``."""
        ...

    def last_part_number(self, upload: Upload) -> int:
        """The highest number a part has, 0 when there is none."""
        ...

    def part_totals(self, upload: Upload) -> PartTotals:
        """How many parts there are, their bytes, and the newest ``seq``. Reads all of them."""
        ...

    # lifecycle and access times

    def open_scan(self, scheduled_ms: int) -> Scan | None:
        """A scan of a bucket with lifecycle rules that is not done, or older than the instant."""
        ...

    def scanned_entries(
        self, bucket_id: int, *, start: str, below_seq: int, end: str | None, limit: int
    ) -> list[Entry]:
        """What lifecycle rules see of entries: by key, newest first within a key, from ``start``
        up to before ``end``. ``below_seq`` over 0: of ``start`` itself only entries below it."""
        ...

    def monitored_since_ms(self, bucket_id: int) -> int | None:
        """Since when reads of the bucket are monitored, ``None``: they are not."""
        ...

    def access_time_ms(self, bucket_id: int, key: str, seq: int) -> int | None:
        """The last read of a version that is kept."""
        ...

    def access_times_ms(self, bucket_id: int, first: str, last: str) -> dict[tuple[str, int], int]:
        """The last reads that are kept of keys from ``first`` to ``last``, by key and seq."""
        ...

    # blobs

    def blobs(self, blob_ids: Sequence[int]) -> dict[int, Blob]:
        """Where the blobs are that there are, by id; a few statements however many they are."""
        ...

    def inline_data(self, blob_id: int) -> bytes | None:
        """The bytes of an inline blob."""
        ...


class MetaTx(MetaView, Protocol):
    """A write transaction. Everything done in it is kept together or not at all."""

    def next_seq(self) -> int:
        """A number larger than any given before, also across restarts."""
        ...

    def insert_bucket(self, new: NewBucket) -> Bucket:
        """Store a new bucket; the name must be free."""
        ...

    def delete_bucket(self, bucket_id: int) -> None:
        """Remove an empty bucket with everything that hangs on it."""
        ...

    def set_bucket_acl(self, bucket_id: int, acl: Acl) -> None:
        """Change the bucket ACL."""
        ...

    def set_bucket_versioning(self, bucket_id: int, versioning: Versioning) -> None:
        """Change the versioning state."""
        ...

    def set_bucket_policy(self, bucket_id: int, policy: str) -> None:
        """Change the bucket policy; ``""`` removes it."""
        ...

    def put_bucket_setting(self, bucket_id: int, name: str, document: str, item: str = "") -> None:
        """Store a setting's document in place of the one that was there."""
        ...

    def delete_bucket_setting(self, bucket_id: int, name: str, item: str = "") -> None:
        """Remove a setting; one that is not there is no error."""
        ...

    def put_account_setting(self, account_uid: str, name: str, document: str) -> None:
        """Store an account's setting; ``""`` removes it."""
        ...

    def add_blob(self, staged: StagedBlob) -> Extent:
        """Record staged content, counted as used once, and return the extent that covers it."""
        ...

    def insert_version(self, version: ObjectVersion, *, shares_blobs: bool, listed: bool) -> None:
        """Add an entry to a stack.

        ``shares_blobs``: its extents belong to other versions too, so count one more use of each;
        otherwise they come fresh from ``add_blob``. ``listed``: it is the current version and no
        delete marker.
        """
        ...

    def set_listed(self, version: ObjectVersion, *, listed: bool) -> None:
        """Say whether ListObjects shows this entry: the current one, if it is no delete marker."""
        ...

    def update_version(self, version: ObjectVersion, *, acl: Acl, tags_json: str) -> None:
        """Change ACL and tags of an entry in place; content and modification time stay."""
        ...

    def rewrite_version(self, version: ObjectVersion, *, shares_blobs: bool = False) -> None:
        """Store another content or state of an entry in place, found by its ``seq``.

        Kind, size, ETag, CRC, modification time, class, headers, extents, encryption and state
        change. Extents may only change at the end: those that are no longer there are given up,
        those that are new belong to other versions too (``shares_blobs``) or come fresh from
        ``add_blob``.
        """
        ...

    def delete_version(self, version: ObjectVersion) -> None:
        """Remove an entry and count its blobs as used once less; unused blobs are collected."""
        ...

    def insert_upload(self, upload: Upload) -> None:
        """Store a new upload."""
        ...

    def put_part(self, upload: Upload, part: Part, *, shares_blobs: bool) -> None:
        """Store a part in place of the one of its number, whose blobs are used once less.

        ``shares_blobs`` as in ``insert_version``.
        """
        ...

    def delete_upload(self, upload: Upload, released: Sequence[Extent]) -> None:
        """Remove an upload and all its parts, counting one use less of the blobs of ``released``.

        The uses of all other extents of its parts pass on to a version, or are lost.
        """
        ...

    def put_scan(self, scan: Scan) -> None:
        """Keep how far the lifecycle scan of a bucket has come."""
        ...

    def delete_scan(self, bucket_id: int) -> None:
        """Forget the scan of a bucket that has no lifecycle rules any more."""
        ...

    def put_access_monitor(self, bucket_id: int, since_ms: int | None) -> None:
        """Monitor reads of a bucket from now on, unless they are already; ``None``: no longer."""
        ...

    def put_access_time(
        self, bucket_id: int, key: str, seq: int, at_ms: int, *, apart_ms: int
    ) -> None:
        """Keep a read of a version, unless one less than ``apart_ms`` before is kept."""
        ...

    def append_change(
        self,
        *,
        version: ObjectVersion,
        kind: ChangeKind,
        at_ms: int,
        removed: ObjectVersion | None = None,
        upload_id: str = "",
    ) -> None:
        """Record what a client did to ``version`` (a change, see ``model.Change``).

        ``upload_id`` is that of the upload it was made of.
        """
        ...

    def append_upload_change(
        self, *, upload: Upload, kind: ChangeKind, at_ms: int, part: Part | None = None
    ) -> None:
        """Record what a client or a lifecycle rule did to an upload."""
        ...

    def append_event(self, event: NewEvent) -> None:
        """Record an event of a notification rule; see ``domain.events``."""
        ...


class MetaStore(Protocol):
    """The metadata store."""

    def read(self) -> AbstractContextManager[MetaView]:
        """A consistent view of what is committed. Never hold it across an ``await``."""
        ...

    async def write(self, work: Callable[[MetaTx], T]) -> T:
        """Run ``work`` in a transaction and return its result once it is durable.

        ``work`` is called on the event loop, must not block, and may share the durable commit with
        other writers. If it raises, nothing of it is kept and the exception is passed on.
        """
        ...
