"""New object versions: each function is one OSS operation inside a transaction."""

from __future__ import annotations

from emulator.domain import errors
from emulator.domain.model import (
    Bucket,
    ChangeKind,
    Extent,
    ObjectVersion,
    Versioning,
    VersionKind,
)
from emulator.domain.objects.records import Content, Moment, ObjectWrite, live_bucket
from emulator.domain.objects.stack import (
    entry_id,
    push_entry,
)
from emulator.domain.ports import MetaTx


def put_object(
    tx: MetaTx, bucket: Bucket, write: ObjectWrite, content: Content, moment: Moment
) -> ObjectVersion:
    """Store an object version (OSS PutObject; documented). Raises FileAlreadyExists."""
    bucket = live_bucket(tx, bucket)
    extents = () if content.staged is None else (tx.add_blob(content.staged),)
    return add_object(
        tx,
        bucket,
        write,
        moment,
        kind=VersionKind.NORMAL,
        size_bytes=content.size_bytes,
        etag=content.etag,
        crc64=content.crc64,
        extents=extents,
        shares_blobs=False,
        change=ChangeKind.PUT,
    )


def copy_object(
    tx: MetaTx,
    bucket: Bucket,
    write: ObjectWrite,
    source: ObjectVersion,
    moment: Moment,
) -> ObjectVersion:
    """Store a copy of ``source``: the same extents again, so no bytes move (OSS CopyObject).

    A copy onto itself that changes nothing but the storage class is recorded as such, because
    replication leaves it out (documented).
    """
    bucket = live_bucket(tx, bucket)
    found = tx.version_by_seq(source.bucket_id, source.key, source.seq)
    if found is None:
        raise errors.NoSuchKey(source.key)
    return add_object(
        tx,
        bucket,
        write,
        moment,
        kind=found.kind if found.kind is not VersionKind.APPENDABLE else VersionKind.NORMAL,
        size_bytes=found.size_bytes,
        etag=found.etag,
        crc64=found.crc64,
        extents=found.extents,
        shares_blobs=True,
        change=(
            ChangeKind.CLASS if _only_class_changes(tx, bucket, write, found) else ChangeKind.PUT
        ),
    )


def _only_class_changes(
    tx: MetaTx, bucket: Bucket, write: ObjectWrite, source: ObjectVersion
) -> bool:
    if (
        source.bucket_id != bucket.id
        or source.key != write.key
        or source.storage_class is write.storage_class
        or source.headers_json != write.headers_json
        or source.tags_json != write.tags_json
        or source.acl is not write.acl
    ):
        return False
    # A copy of an older version brings its content back.
    current = tx.current_version(bucket.id, write.key)
    return current is not None and current.seq == source.seq


def add_object(  # noqa: PLR0913 - the fields of one row, all by keyword
    tx: MetaTx,
    bucket: Bucket,
    write: ObjectWrite,
    moment: Moment,
    *,
    kind: VersionKind,
    size_bytes: int,
    etag: str,
    crc64: int,
    extents: tuple[Extent, ...],
    shares_blobs: bool,
    change: ChangeKind,
) -> ObjectVersion:
    """Put a new object version on its stack and record the change. Raises FileAlreadyExists."""
    current = tx.current_version(bucket.id, write.key)
    if (
        write.forbid_overwrite
        and bucket.versioning is Versioning.NEVER  # ignored otherwise (documented)
        and current is not None
    ):
        raise errors.FileAlreadyExists
    seq = tx.next_seq()
    version = ObjectVersion(
        bucket_id=bucket.id,
        key=write.key,
        seq=seq,
        version_id=entry_id(bucket.versioning, seq, moment.rng),
        kind=kind,
        size_bytes=size_bytes,
        etag=etag,
        crc64=crc64,
        modified_ms=moment.now_ms,
        storage_class=write.storage_class,
        acl=write.acl,
        owner_uid=bucket.owner_uid,
        headers_json=write.headers_json,
        tags_json=write.tags_json,
        extents=extents,
        encryption_json=write.encryption_json,
    )
    push_entry(tx, bucket.versioning, version, current, shares_blobs=shares_blobs)
    if bucket.records_changes:
        tx.append_change(version=version, kind=change, at_ms=moment.now_ms)
    return version
