"""Putting entries on the version stack of a key and taking them off."""

from __future__ import annotations

from emulator.domain.model import (
    NULL_VERSION_ID,
    Acl,
    Bucket,
    ObjectVersion,
    Origin,
    StorageClass,
    Versioning,
    VersionKind,
)
from emulator.domain.ports import MetaTx, Rng
from emulator.domain.versions import new_version_id, plan_entry


def entry_id(versioning: Versioning, seq: int, rng: Rng) -> str:
    """The version id of a new entry: a fresh one, or ``null`` where no versions are kept."""
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


def drop_entry(tx: MetaTx, entry: ObjectVersion) -> None:
    """Take an entry out of its stack; if it was the newest, the next one becomes current."""
    newest = tx.current_version(entry.bucket_id, entry.key)
    tx.delete_version(entry)
    if newest is None or newest.seq != entry.seq:
        return
    below = tx.current_version(entry.bucket_id, entry.key)
    if below is not None and not below.is_delete_marker:
        tx.set_listed(below, listed=True)


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
