"""Preflight requests, probes of a bucket, and whether its policy is public."""

from __future__ import annotations

from tests.support.cases.forms import Case, at, on

_ORIGIN = "http://a.example"

CASES = {
    # Fresh buckets have no CORS rules: a right preflight is one that is refused.
    "OptionObject": Case(
        on("OPTIONS", origin=_ORIGIN, access_control_request_method="GET"),
        on("OPTIONS", origin=_ORIGIN),
        "BadRequest",
        found=403,
        missing_key=403,
    ),
    "OptionBucket": Case(
        at("OPTIONS", origin=_ORIGIN, access_control_request_method="GET"),
        at("OPTIONS", origin=_ORIGIN),
        "BadRequest",
        found=403,
    ),
    "HeadBucket": Case(at("HEAD"), at("HEAD", ("x-oss-traffic-limit", "1")), "InvalidArgument"),
    "GetBucketPolicyStatus": Case(
        at("GET", ("policyStatus", None)),
        at("GET", ("policyStatus", None), ("acl", None)),
        "InvalidArgument",
    ),
}
