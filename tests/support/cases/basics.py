"""Buckets, objects, listings and replication rules."""

from __future__ import annotations

from tests.support.cases.forms import (
    ADD,
    BAD_VERSION,
    BARE,
    DROP,
    NO_RULE,
    POLICY,
    RTC,
    RULE,
    SUSPENDED,
    TAGS,
    Case,
    at,
    on,
)
from tests.support.wire import Call

CASES = {
    "ListBuckets": Case(
        Call("GET", ""), Call("GET", "", query=(("max-keys", "0"),)), "InvalidArgument"
    ),
    "PutBucket": Case(at("PUT"), at("PUT", body=b"<Wrong/>"), "MalformedXML"),
    "DeleteBucket": Case(
        Call("DELETE", BARE), at("DELETE", ("inventoryId", "1")), "InvalidArgument", found=204
    ),
    "GetBucketInfo": Case(
        at("GET", ("bucketInfo", None)),
        at("GET", ("bucketInfo", None), ("acl", None)),
        "InvalidArgument",
    ),
    "GetBucketLocation": Case(
        at("GET", ("location", None)),
        at("GET", ("location", None), ("acl", None)),
        "InvalidArgument",
    ),
    "PutBucketAcl": Case(
        at("PUT", ("acl", None), x_oss_acl="private"), at("PUT", ("acl", None)), "MissingArgument"
    ),
    "GetBucketAcl": Case(
        at("GET", ("acl", None)), at("GET", ("acl", None), ("policy", None)), "InvalidArgument"
    ),
    "PutBucketVersioning": Case(
        at("PUT", ("versioning", None), body=SUSPENDED),
        at("PUT", ("versioning", None), body=SUSPENDED.replace(b"Suspended", b"On")),
        "MalformedXML",
    ),
    "GetBucketVersioning": Case(
        at("GET", ("versioning", None)),
        at("GET", ("versioning", None), ("acl", None)),
        "InvalidArgument",
    ),
    "PutBucketPolicy": Case(
        at("PUT", ("policy", None), body=POLICY),
        at("PUT", ("policy", None), body=b"{"),
        "InvalidPolicyDocument",
    ),
    "GetBucketPolicy": Case(
        Call("GET", "locked", query=(("policy", None),)),
        at("GET", ("policy", None), ("comp", "x")),
        "InvalidArgument",
    ),
    "DeleteBucketPolicy": Case(
        at("DELETE", ("policy", None)),
        at("DELETE", ("policy", None), ("comp", "x")),
        "InvalidArgument",
        found=204,
    ),
    "ListObjects": Case(at("GET"), at("GET", ("max-keys", "-1")), "InvalidArgument"),
    "ListObjectsV2": Case(
        at("GET", ("list-type", "2")),
        at("GET", ("list-type", "2"), ("continuation-token", "!")),
        "InvalidArgument",
    ),
    "ListObjectVersions": Case(
        at("GET", ("versions", None)),
        at("GET", ("versions", None), ("version-id-marker", "x")),
        "InvalidArgument",
    ),
    "DeleteMultipleObjects": Case(
        at("POST", ("delete", None), body=b"<Delete><Object><Key>key</Key></Object></Delete>"),
        at("POST", ("delete", None), body=b"<Delete>"),
        "MalformedXML",
    ),
    "PutObject": Case(
        on("PUT", body=b"x"), on("PUT", content_md5="x"), "InvalidDigest", missing_key=200
    ),
    "CopyObject": Case(
        on("PUT", x_oss_copy_source="/public/page"),
        on("PUT", x_oss_copy_source="public/page"),
        "InvalidArgument",
        missing_key=200,
    ),
    "DeleteObject": Case(
        on("DELETE"), on("DELETE", BAD_VERSION), "InvalidArgument", found=204, missing_key=204
    ),
    "PutObjectAcl": Case(
        on("PUT", ("acl", None), x_oss_object_acl="private"),
        on("PUT", ("acl", None), x_oss_object_acl="all"),
        "InvalidArgument",
    ),
    "GetObjectAcl": Case(
        on("GET", ("acl", None)), on("GET", ("acl", None), BAD_VERSION), "InvalidArgument"
    ),
    "PutObjectTagging": Case(
        on("PUT", ("tagging", None), body=TAGS), on("PUT", ("tagging", None)), "MalformedXML"
    ),
    "GetObjectTagging": Case(
        on("GET", ("tagging", None)), on("GET", ("tagging", None), BAD_VERSION), "InvalidArgument"
    ),
    "DeleteObjectTagging": Case(
        on("DELETE", ("tagging", None)),
        on("DELETE", ("tagging", None), BAD_VERSION),
        "InvalidArgument",
        found=204,
    ),
    "GetObject": Case(on("GET"), on("GET", BAD_VERSION), "InvalidArgument"),
    "HeadObject": Case(on("HEAD"), on("HEAD", BAD_VERSION), "InvalidArgument"),
    "GetObjectMeta": Case(
        on("HEAD", ("objectMeta", None)),
        on("HEAD", ("objectMeta", None), BAD_VERSION),
        "InvalidArgument",
    ),
    "PutBucketReplication": Case(
        at("POST", *ADD, body=RULE), at("POST", *ADD, body=b"<x/>"), "MalformedXML"
    ),
    "GetBucketReplication": Case(
        Call("GET", "src-bucket", query=(("replication", None),)),
        at("GET", ("replication", None), ("acl", None)),
        "InvalidArgument",
    ),
    "DeleteBucketReplication": Case(
        at("POST", *DROP, body=NO_RULE), at("POST", *DROP), "MalformedXML"
    ),
    "GetBucketReplicationLocation": Case(
        at("GET", ("replicationLocation", None)),
        at("GET", ("replicationLocation", None), ("acl", None)),
        "InvalidArgument",
    ),
    "GetBucketReplicationProgress": Case(
        Call("GET", "src-bucket", query=(("replicationProgress", None),)),
        at("GET", ("replicationProgress", None), ("acl", None)),
        "InvalidArgument",
    ),
    "PutBucketRtc": Case(
        Call("PUT", "src-bucket", query=(("rtc", None),), body=RTC),
        at("PUT", ("rtc", None)),
        "MalformedXML",
    ),
}
