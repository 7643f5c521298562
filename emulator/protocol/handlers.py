"""Which function answers which operation. What is not here answers NotImplemented."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.protocol import (
    api_bucket,
    api_copy,
    api_listing,
    api_object,
    api_read,
    api_replication,
    api_service,
)
from emulator.protocol.operations import Operation, operation_named
from emulator.protocol.server import Handler

_HANDLERS: Mapping[str, Handler] = {
    "ListBuckets": api_service.list_buckets,
    "PutBucket": api_bucket.put_bucket,
    "DeleteBucket": api_bucket.delete_bucket,
    "GetBucketInfo": api_bucket.get_bucket_info,
    "GetBucketLocation": api_bucket.get_bucket_location,
    "PutBucketAcl": api_bucket.put_bucket_acl,
    "GetBucketAcl": api_bucket.get_bucket_acl,
    "PutBucketVersioning": api_bucket.put_bucket_versioning,
    "GetBucketVersioning": api_bucket.get_bucket_versioning,
    "PutBucketPolicy": api_bucket.put_bucket_policy,
    "GetBucketPolicy": api_bucket.get_bucket_policy,
    "DeleteBucketPolicy": api_bucket.delete_bucket_policy,
    "ListObjects": api_listing.get_bucket,
    "ListObjectsV2": api_listing.list_objects_v2,
    "ListObjectVersions": api_listing.list_object_versions,
    "DeleteMultipleObjects": api_object.delete_multiple_objects,
    "PutObject": api_object.put_object,
    "CopyObject": api_copy.copy_object,
    "DeleteObject": api_object.delete_object,
    "PutObjectAcl": api_object.put_object_acl,
    "GetObjectAcl": api_object.get_object_acl,
    "PutObjectTagging": api_object.put_object_tagging,
    "GetObjectTagging": api_object.get_object_tagging,
    "DeleteObjectTagging": api_object.delete_object_tagging,
    "GetObject": api_read.get_object,
    "HeadObject": api_read.head_object,
    "GetObjectMeta": api_read.get_object_meta,
    "PutBucketReplication": api_replication.put_bucket_replication,
    "GetBucketReplication": api_replication.get_bucket_replication,
    "DeleteBucketReplication": api_replication.delete_bucket_replication,
    "GetBucketReplicationLocation": api_replication.get_bucket_replication_location,
    "GetBucketReplicationProgress": api_replication.get_bucket_replication_progress,
    "PutBucketRtc": api_replication.put_bucket_rtc,
}


def handlers() -> dict[Operation, Handler]:
    """The handlers by row of the operation table."""
    return {operation_named(name): handler for name, handler in _HANDLERS.items()}
