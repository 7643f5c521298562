"""Lifecycle rules as oss2 writes them."""

from __future__ import annotations

from typing import Any

import oss2
from oss2.models import BucketLifecycle, LifecycleExpiration, LifecycleRule


def put_rules(bucket: oss2.Bucket, *rules: LifecycleRule) -> None:
    """PutBucketLifecycle."""
    bucket.put_bucket_lifecycle(BucketLifecycle(list(rules)))


def lifecycle_rule(name: str = "r", prefix: str = "", **fields: Any) -> LifecycleRule:
    """A rule that is switched on."""
    return LifecycleRule(name, prefix, status=LifecycleRule.ENABLED, **fields)


def expiring(days: int = 1) -> LifecycleRule:
    """A rule that lets everything expire."""
    return lifecycle_rule(expiration=LifecycleExpiration(days=days))


def class_of(bucket: oss2.Bucket, key: str) -> str:
    """The storage class that HEAD shows."""
    return str(bucket.head_object(key).headers["x-oss-storage-class"])
