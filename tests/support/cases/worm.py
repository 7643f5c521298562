"""Retention of buckets and of single objects.

No policy is locked and no object retained here: what is then not there, or not on, is asked for
rightly and refused. ``tests/api/test_worm.py`` and ``test_retention.py`` have the buckets for it.
"""

from __future__ import annotations

from tests.support.cases.forms import BAD_VERSION, BARE, Case, at, on

DAYS = (
    b"<%sWormConfiguration><RetentionPeriodInDays>1</RetentionPeriodInDays></%sWormConfiguration>"
)
INITIATE = DAYS % (b"Initiate", b"Initiate")
EXTEND = DAYS % (b"Extend", b"Extend")
OBJECT_WORM = (
    b"<ObjectWormConfiguration><ObjectWormEnabled>Enabled</ObjectWormEnabled>"
    b"</ObjectWormConfiguration>"
)
RETENTION = (
    b"<Retention><Mode>COMPLIANCE</Mode>"
    b"<RetainUntilDate>2099-01-01T00:00:00.000Z</RetainUntilDate></Retention>"
)
HOLD = b"<LegalHold><Status>ON</Status></LegalHold>"
_UNKNOWN = ("wormId", "NOSUCHPOLICY")

CASES = {
    "InitiateBucketWorm": Case(
        at("POST", ("worm", None), body=INITIATE)._replace(bucket=BARE),
        at("POST", ("worm", None), body=INITIATE.replace(b">1<", b">0<")),
        "InvalidWORMConfiguration",
    ),
    "AbortBucketWorm": Case(
        at("DELETE", ("worm", None)),
        at("DELETE", ("worm", None), ("acl", None)),
        "InvalidArgument",
        found=204,
    ),
    "CompleteBucketWorm": Case(
        at("POST", _UNKNOWN), at("POST", _UNKNOWN, ("acl", None)), "InvalidArgument", found=404
    ),
    "ExtendBucketWorm": Case(
        at("POST", ("wormExtend", None), _UNKNOWN, body=EXTEND),
        at("POST", ("wormExtend", None), _UNKNOWN),
        "MalformedXML",
        found=404,
    ),
    "GetBucketWorm": Case(
        at("GET", ("worm", None)),
        at("GET", ("worm", None), ("acl", None)),
        "InvalidArgument",
        found=404,
    ),
    "PutBucketObjectWormConfiguration": Case(
        at("PUT", ("objectWorm", None), body=OBJECT_WORM),
        at("PUT", ("objectWorm", None), body=OBJECT_WORM.replace(b"Enabled<", b"Disabled<")),
        "MalformedXML",
        found=400,
    ),
    "GetBucketObjectWormConfiguration": Case(
        at("GET", ("objectWorm", None)),
        at("GET", ("objectWorm", None), ("acl", None)),
        "InvalidArgument",
        found=404,
    ),
    "PutObjectRetention": Case(
        on("PUT", ("retention", None), body=RETENTION),
        on("PUT", ("retention", None), body=RETENTION.replace(b"2099", b"soon")),
        "MalformedXML",
        found=400,
        missing_key=400,
    ),
    "GetObjectRetention": Case(
        on("GET", ("retention", None)),
        on("GET", ("retention", None), BAD_VERSION),
        "InvalidRequest",
        found=400,
        missing_key=400,
    ),
    "PutObjectLegalHold": Case(
        on("PUT", ("legalHold", None), body=HOLD),
        on("PUT", ("legalHold", None), body=HOLD.replace(b"ON", b"on")),
        "MalformedXML",
        found=400,
        missing_key=400,
    ),
    "GetObjectLegalHold": Case(
        on("GET", ("legalHold", None)),
        on("GET", ("legalHold", None), BAD_VERSION),
        "InvalidRequest",
        found=400,
        missing_key=400,
    ),
}
