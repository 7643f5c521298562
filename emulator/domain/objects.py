"""Writing and deleting objects: each function is one OSS operation inside a transaction.

Every function re-reads the bucket by id, because it may have been deleted (and made again by
somebody else) while the request's body was on its way.
"""

from __future__ import annotations

import base64

import msgspec

from emulator.domain import errors
from emulator.domain.model import (
    NULL_VERSION_ID,
    Acl,
    Bucket,
    ChangeKind,
    Extent,
    ObjectVersion,
    Origin,
    StagedBlob,
    StorageClass,
    Versioning,
    VersionKind,
)
from emulator.domain.ports import MetaTx, MetaView, Rng
from emulator.domain.versions import is_version_id, new_version_id, plan_entry


class Moment(msgspec.Struct, frozen=True):
    """When something happens, and the chance it may draw on."""

    now_ms: int
    rng: Rng


class Content(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Received content: where it is staged (``None`` if empty) and what it hashes to."""

    staged: StagedBlob | None
    size_bytes: int
    etag: str
    crc64: int

    @property
    def md5_base64(self) -> str:
        """The MD5 as ``Content-MD5`` shows it."""
        return base64.b64encode(bytes.fromhex(self.etag)).decode()


class ObjectWrite(msgspec.Struct, frozen=True, kw_only=True):
    """What PutObject and CopyObject write besides the content."""

    key: str
    acl: Acl
    storage_class: StorageClass
    headers_json: str
    tags_json: str = ""
    encryption_json: str = ""
    forbid_overwrite: bool = False


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """What a delete did: the version id and marker flag its answer shows."""

    version_id: str | None
    is_delete_marker: bool


def live_bucket(view: MetaView, bucket: Bucket) -> Bucket:
    """The bucket as it is now, or NoSuchBucket."""
    now = view.bucket_by_id(bucket.id)
    if now is None:
        raise errors.NoSuchBucket(bucket.name, ec="0015-00000101")
    return now


def put_object(
    tx: MetaTx, bucket: Bucket, write: ObjectWrite, content: Content, moment: Moment
) -> ObjectVersion:
    """Store an object version (OSS PutObject; documented). Raises FileAlreadyExists."""
    bucket = live_bucket(tx, bucket)
    extents = () if content.staged is None else (tx.add_blob(content.staged),)
    return _add_object(
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
    return _add_object(
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


def _add_object(  # noqa: PLR0913 - the fields of one row, all by keyword
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
        version_id=_entry_id(bucket.versioning, seq, moment.rng),
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


def _entry_id(versioning: Versioning, seq: int, rng: Rng) -> str:
    if versioning is Versioning.ENABLED:
        return new_version_id(seq, rng)
    return NULL_VERSION_ID


def push_entry(
    tx: MetaTx,
    versioning: Versioning,
    version: ObjectVersion,
    current: ObjectVersion | None,
    *,
    shares_blobs: bool,
) -> None:
    """Put an entry on top of its stack, replacing or unlisting what the versioning state says.

    The new entry goes in first: it may share blobs with the one it replaces, and a blob whose
    last use goes is collected.
    """
    null = None
    if versioning is Versioning.SUSPENDED:
        null = tx.version(version.bucket_id, version.key, NULL_VERSION_ID)
    edit = plan_entry(versioning, current, null)
    tx.insert_version(version, shares_blobs=shares_blobs, listed=not version.is_delete_marker)
    if edit.remove is not None:
        tx.delete_version(edit.remove)
    if edit.unlist is not None:
        tx.set_listed(edit.unlist, listed=False)


def delete_object(tx: MetaTx, bucket: Bucket, key: str, moment: Moment) -> Deletion:
    """Delete without version id (OSS DeleteObject; documented).

    Removes the object where versions were never kept; otherwise puts a delete marker on top,
    also on a key that has no versions (inferred) or is deleted already.
    """
    bucket = live_bucket(tx, bucket)
    current = tx.current_version(bucket.id, key)
    if bucket.versioning is Versioning.NEVER:
        if current is not None:
            tx.delete_version(current)
        if bucket.records_changes:
            gone = current or absent_entry(bucket.id, key)
            tx.append_change(
                version=gone, kind=ChangeKind.DELETE, at_ms=moment.now_ms, removed=current
            )
        return Deletion(version_id=None, is_delete_marker=False)
    seq = tx.next_seq()
    version_id = _entry_id(bucket.versioning, seq, moment.rng)
    marker = delete_marker(bucket, key, seq, version_id, moment.now_ms)
    push_entry(tx, bucket.versioning, marker, current, shares_blobs=False)
    if bucket.records_changes:
        tx.append_change(
            version=marker, kind=ChangeKind.MARKER, at_ms=moment.now_ms, removed=current
        )
    return Deletion(version_id=version_id, is_delete_marker=True)


def delete_marker(
    bucket: Bucket,
    key: str,
    seq: int,
    version_id: str,
    modified_ms: int,
    origin: Origin | None = None,
) -> ObjectVersion:
    """A delete marker for a key."""
    return ObjectVersion(
        bucket_id=bucket.id,
        key=key,
        seq=seq,
        version_id=version_id,
        kind=VersionKind.DELETE_MARKER,
        size_bytes=0,
        etag="",
        crc64=0,
        modified_ms=modified_ms,
        storage_class=StorageClass.STANDARD,
        acl=Acl.DEFAULT,
        owner_uid=bucket.owner_uid,
        origin=origin,
    )


def absent_entry(bucket_id: int, key: str) -> ObjectVersion:
    """A stand-in for "no version", so that the delete of a missing key can be recorded."""
    return ObjectVersion(
        bucket_id=bucket_id,
        key=key,
        seq=0,
        version_id=NULL_VERSION_ID,
        kind=VersionKind.DELETE_MARKER,
        size_bytes=0,
        etag="",
        crc64=0,
        modified_ms=0,
        storage_class=StorageClass.STANDARD,
        acl=Acl.DEFAULT,
        owner_uid="",
    )


def delete_version(
    tx: MetaTx, bucket: Bucket, key: str, version_id: str, moment: Moment
) -> Deletion:
    """Remove one version or delete marker for good; a missing one is no error (documented)."""
    bucket = live_bucket(tx, bucket)
    check_version_id(version_id)
    shown = None if bucket.versioning is Versioning.NEVER else version_id
    found = tx.version(bucket.id, key, version_id)
    if found is None:
        return Deletion(version_id=shown, is_delete_marker=False)
    drop_entry(tx, found)
    if bucket.records_changes:
        tx.append_change(
            version=found, kind=ChangeKind.DELETE_VERSION, at_ms=moment.now_ms, removed=found
        )
    return Deletion(version_id=shown, is_delete_marker=found.is_delete_marker)


def drop_entry(tx: MetaTx, entry: ObjectVersion) -> None:
    """Take an entry out of its stack; if it was the newest, the next one becomes current."""
    newest = tx.current_version(entry.bucket_id, entry.key)
    tx.delete_version(entry)
    if newest is None or newest.seq != entry.seq:
        return
    below = tx.current_version(entry.bucket_id, entry.key)
    if below is not None and not below.is_delete_marker:
        tx.set_listed(below, listed=True)


def update_attributes(
    tx: MetaTx,
    bucket: Bucket,
    version: ObjectVersion,
    moment: Moment,
    *,
    acl: Acl | None = None,
    tags_json: str | None = None,
) -> ObjectVersion:
    """Change ACL or tags of a version in place (OSS PutObjectACL, PutObjectTagging; documented)."""
    bucket = live_bucket(tx, bucket)
    found = tx.version_by_seq(version.bucket_id, version.key, version.seq)
    if found is None:
        raise errors.NoSuchKey(version.key)
    new_acl = found.acl if acl is None else acl
    new_tags = found.tags_json if tags_json is None else tags_json
    tx.update_version(found, acl=new_acl, tags_json=new_tags)
    updated = msgspec.structs.replace(found, acl=new_acl, tags_json=new_tags)
    if bucket.records_changes:
        tx.append_change(version=updated, kind=ChangeKind.UPDATE, at_ms=moment.now_ms)
    return updated


def check_version_id(version_id: str) -> None:
    """Refuse text that cannot be a version id (OSS, InvalidArgument; observed)."""
    if version_id == NULL_VERSION_ID:
        return
    if not version_id:
        raise errors.InvalidArgument(
            "Version id can not be the empty string.", name="versionId", value=""
        )
    if not is_version_id(version_id):
        raise errors.InvalidArgument(
            "Invalid version id specified.", name="versionId", value=version_id
        )


def find_readable(
    view: MetaView, bucket: Bucket, key: str, version_id: str | None, *, method: str = "GET"
) -> ObjectVersion:
    """The version a read is about (OSS GetObject; documented); ``method`` is shown in refusals.

    Raises NoSuchKey for a missing key or a current delete marker, NoSuchVersion for an unknown
    version id and MethodNotAllowed for the version id of a delete marker.
    """
    if version_id is None:
        current = view.current_version(bucket.id, key)
        if current is None:
            raise errors.NoSuchKey(key)
        if current.is_delete_marker:
            shown = {"x-oss-delete-marker": "true", "x-oss-version-id": current.version_id}
            raise errors.NoSuchKey(key, headers=shown)
        return current
    check_version_id(version_id)
    found = view.version(bucket.id, key, version_id)
    if found is None:
        raise errors.NoSuchVersion(key, version_id)
    if found.is_delete_marker:
        refusal = errors.MethodNotAllowed(method=method, resource="DeleteMarker", allow="DELETE")
        refusal.headers["x-oss-delete-marker"] = "true"
        refusal.headers["x-oss-version-id"] = version_id
        raise refusal
    return found
