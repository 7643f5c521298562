"""Creating, deleting and setting up buckets: each function is one operation in a transaction."""

from __future__ import annotations

import re

import msgspec

from emulator.domain import errors
from emulator.domain.model import (
    Acl,
    Bucket,
    Redundancy,
    StorageClass,
    Versioning,
)
from emulator.domain.objects import live_bucket
from emulator.domain.ports import MetaTx, NewBucket

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", re.ASCII)


def check_name(name: str) -> None:
    """Raise InvalidBucketName unless a bucket may be made under this name (documented)."""
    if _NAME.fullmatch(name) is None:
        raise errors.InvalidBucketName(name, ec="0015-00000001")


class BucketRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What PutBucket asks for; ``None`` leaves the default or what is there."""

    name: str
    owner_uid: str
    region: str
    acl: Acl | None = None
    storage_class: StorageClass | None = None
    redundancy: Redundancy | None = None


def put_bucket(tx: MetaTx, request: BucketRequest, now_ms: int, *, buckets_max: int) -> Bucket:
    """Create a bucket, or confirm one that is the caller's already (OSS PutBucket; documented).

    On the caller's own bucket only the ACL may change; any other difference, and a bucket of
    another account, is BucketAlreadyExists. Raises TooManyBuckets beyond ``buckets_max`` per
    account and region.
    """
    existing = tx.bucket(request.name)
    if existing is not None:
        return _put_existing(tx, existing, request)
    if tx.bucket_count(request.owner_uid, request.region) >= buckets_max:
        raise errors.TooManyBuckets
    return tx.insert_bucket(
        NewBucket(
            name=request.name,
            owner_uid=request.owner_uid,
            region=request.region,
            created_ms=now_ms,
            acl=request.acl or Acl.PRIVATE,
            storage_class=request.storage_class or StorageClass.STANDARD,
            redundancy=request.redundancy or Redundancy.LRS,
        )
    )


def _put_existing(tx: MetaTx, existing: Bucket, request: BucketRequest) -> Bucket:
    name = existing.name
    if existing.owner_uid != request.owner_uid:
        raise errors.BucketAlreadyExists(name, ec="0015-00000104")
    if request.region != existing.region:
        raise errors.BucketAlreadyExists(
            name, "The bucket you are trying to create already exists, cannot modify location."
        )
    if request.storage_class not in (None, existing.storage_class):
        raise errors.BucketAlreadyExists(name, "Cannot modify existing bucket's storage class.")
    if request.redundancy not in (None, existing.redundancy):
        raise errors.BucketAlreadyExists(
            name, "The bucket already exists, cannot modify data redundancy type."
        )
    if request.acl is not None and request.acl is not existing.acl:
        tx.set_bucket_acl(existing.id, request.acl)
    return existing


def delete_bucket(tx: MetaTx, bucket: Bucket) -> None:
    """Delete an empty bucket (OSS DeleteBucket; documented). Raises BucketNotEmpty."""
    bucket = live_bucket(tx, bucket)
    if not tx.bucket_is_empty(bucket.id):
        raise errors.BucketNotEmpty(bucket.name, ec="0015-00000301")
    tx.delete_bucket(bucket.id)


def set_versioning(tx: MetaTx, bucket: Bucket, versioning: Versioning) -> None:
    """Enable or suspend versioning; there is no way back to "never" (documented)."""
    bucket = live_bucket(tx, bucket)
    tx.set_bucket_versioning(bucket.id, versioning)


def set_acl(tx: MetaTx, bucket: Bucket, acl: Acl) -> None:
    """Change the bucket ACL (OSS PutBucketAcl)."""
    tx.set_bucket_acl(live_bucket(tx, bucket).id, acl)


def set_policy(tx: MetaTx, bucket: Bucket, policy: str) -> None:
    """Store the bucket policy exactly as given; ``""`` removes it (OSS PutBucketPolicy)."""
    tx.set_bucket_policy(live_bucket(tx, bucket).id, policy)
