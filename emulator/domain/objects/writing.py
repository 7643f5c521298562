"""New object versions: each function is one OSS operation inside a transaction."""

from __future__ import annotations

from emulator.domain import errors, retention, worm
from emulator.domain.events import NOTIFICATIONS, record_event
from emulator.domain.model import (
    Bucket,
    ChangeKind,
    Extent,
    ObjectState,
    ObjectVersion,
    StagedBlob,
    Versioning,
    VersionKind,
)
from emulator.domain.objects.etags import opaque_etag
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


def put_symlink(
    tx: MetaTx, bucket: Bucket, write: ObjectWrite, target: str, moment: Moment
) -> ObjectVersion:
    """Store a symbolic link to a key of the same bucket, whether or not that exists
    (OSS PutSymlink; documented). Raises FileAlreadyExists."""
    bucket = live_bucket(tx, bucket)
    return add_object(
        tx,
        bucket,
        write,
        moment,
        kind=VersionKind.SYMLINK,
        size_bytes=0,
        etag=opaque_etag(moment.rng),
        crc64=0,
        extents=(),
        shares_blobs=False,
        change=ChangeKind.PUT,
        symlink_target=target,
    )


def copy_object(
    tx: MetaTx,
    bucket: Bucket,
    write: ObjectWrite,
    source: ObjectVersion,
    moment: Moment,
    staged: StagedBlob | None = None,
) -> ObjectVersion:
    """Store a copy of ``source``: the same extents again, so no bytes move (OSS CopyObject).
    ``staged`` is its content once more where the copy is encrypted in another way.

    A symbolic link is copied as a link (documented). A copy onto itself that changes nothing but
    the storage class is recorded as such, because replication leaves it out (documented). Raises
    NoSuchKey, OperationNotSupported and FileAlreadyExists.
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
        kind=_kind_of_copy(bucket, write.key, found),
        size_bytes=found.size_bytes,
        etag=found.etag,
        crc64=found.crc64,
        extents=found.extents if staged is None else (tx.add_blob(staged),),
        shares_blobs=staged is None,
        change=(
            ChangeKind.CLASS if _only_class_changes(tx, bucket, write, found) else ChangeKind.PUT
        ),
        symlink_target=found.symlink_target,
        state_json=_state_of_copy(bucket, write.key, found),
    )


def _is_itself(bucket: Bucket, key: str, source: ObjectVersion) -> bool:
    return source.bucket_id == bucket.id and source.key == key


def _kind_of_copy(bucket: Bucket, key: str, source: ObjectVersion) -> VersionKind:
    """The kind of a copy. An appendable object stays one only when it is copied onto itself, to
    change what describes it; where versions are kept it cannot be copied (documented; the code is
    inferred)."""
    if source.kind is not VersionKind.APPENDABLE:
        return source.kind
    if bucket.versioning is not Versioning.NEVER:
        raise errors.OperationNotSupported(
            "An appendable object cannot be copied to a bucket with versioning."
        )
    return VersionKind.APPENDABLE if _is_itself(bucket, key, source) else VersionKind.NORMAL


def _state_of_copy(bucket: Bucket, key: str, source: ObjectVersion) -> str:
    """What stays of what befell the source: that an appendable object is sealed (inferred)."""
    if source.kind is not VersionKind.APPENDABLE or not _is_itself(bucket, key, source):
        return ""
    return ObjectState(sealed_ms=source.state.sealed_ms).to_json()


def _only_class_changes(
    tx: MetaTx, bucket: Bucket, write: ObjectWrite, source: ObjectVersion
) -> bool:
    if (
        not _is_itself(bucket, write.key, source)
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
    symlink_target: str = "",
    state_json: str = "",
    as_null_version: bool = False,
    upload_id: str = "",
) -> ObjectVersion:
    """Put a new object version on its stack and record the change.

    Raises FileAlreadyExists, FileImmutable and what ``retention.first_state`` raises.

    ``as_null_version``: it replaces the null version also while versioning is enabled;
    ``upload_id``: of the upload that became it.
    """
    current = tx.current_version(bucket.id, write.key)
    _check_overwrite(bucket, write, current)
    stacking = bucket.versioning
    if as_null_version and stacking is Versioning.ENABLED:
        stacking = Versioning.SUSPENDED
    worm.require_replaceable(tx, bucket, stacking, current, write.key, moment.now_ms)
    state_json = retention.first_state(tx, bucket, state_json, write.retention_json, moment.now_ms)
    seq = tx.next_seq()
    version = ObjectVersion(
        bucket_id=bucket.id,
        key=write.key,
        seq=seq,
        version_id=entry_id(stacking, seq, moment.rng),
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
        symlink_target=symlink_target,
        state_json=state_json,
    )
    push_entry(tx, stacking, version, current, shares_blobs=shares_blobs)
    if NOTIFICATIONS in bucket.setting_names:
        record_event(tx, bucket, version, moment, prior=current)
    if bucket.records_changes:
        tx.append_change(version=version, kind=change, at_ms=moment.now_ms, upload_id=upload_id)
    return version


def _check_overwrite(bucket: Bucket, write: ObjectWrite, current: ObjectVersion | None) -> None:
    """What keeps versions ignores ``x-oss-forbid-overwrite`` (documented)."""
    keeps_versions = bucket.versioning is not Versioning.NEVER
    if write.forbid_overwrite and current is not None and not keeps_versions:
        raise errors.FileAlreadyExists
