"""Operations on a bucket itself, its listings, and the calls that act on many objects."""

from __future__ import annotations

from emulator.protocol.operations.model import AccessClass, Level, ResourceForm, rows_of

_row = rows_of(Level.BUCKET)
_LIST = AccessClass.LIST
_WRITE = AccessClass.DATA_WRITE

BUCKET_OPERATIONS = (
    _row("GetBucketInfo", "GET", "bucketInfo", 1),
    _row("GetBucketLocation", "GET", "location", 1),
    _row("GetBucketStat", "GET", "stat", 2),
    _row("PutBucketAcl", "PUT", "acl", 1),
    _row("GetBucketAcl", "GET", "acl", 1),
    _row("PutBucketVersioning", "PUT", "versioning", 1),
    _row("GetBucketVersioning", "GET", "versioning", 1),
    _row("PutBucketRequestPayment", "PUT", "requestPayment", 2),
    _row("GetBucketRequestPayment", "GET", "requestPayment", 2),
    _row("ListObjectVersions", "GET", "versions", 1, access=_LIST),
    _row("ListMultipartUploads", "GET", "uploads", 1, access=_LIST),
    _row(
        "DeleteMultipleObjects",
        "POST",
        "delete",
        1,
        action="DeleteObject",
        version_action="DeleteObjectVersion",
        header_actions=(("x-oss-bypass-governance-retention", "oss:BypassGovernanceRetention"),),
        resource=ResourceForm.OBJECT,
        access=_WRITE,
    ),
    _row("ListLiveChannel", "GET", "live", 3),
    _row("PutAsyncFetchTask", "POST", "asyncFetch", 4, action="PutObject"),
    _row("GetAsyncFetchTask", "GET", "asyncFetch", 4, action="GetObject"),
    # No sub-resource: what remains when nothing above is named.
    _row(
        "PutBucket",
        "PUT",
        "",
        1,
        header_actions=(
            ("x-oss-acl", "oss:PutBucketAcl"),
            ("x-oss-bucket-tagging", "oss:PutBucketTagging"),
        ),
    ),
    _row("DeleteBucket", "DELETE", "", 1),
    _row(
        "ListObjectsV2",
        "GET",
        "",
        1,
        query=(("list-type", "2"),),
        action="ListObjects",
        access=_LIST,
    ),
    _row("ListObjects", "GET", "", 1, access=_LIST),
    # Not part of the documented API; clients that probe with it get a status (inferred).
    _row("HeadBucket", "HEAD", "", 1, action="ListObjects", access=_LIST),
    _row(
        "PostObject",
        "POST",
        "",
        2,
        action="PutObject",
        resource=ResourceForm.OBJECT,
        access=_WRITE,
    ),
    _row("OptionBucket", "OPTIONS", "", 2, action="", access=AccessClass.DATA_READ),
)
