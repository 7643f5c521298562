"""The figures of a bucket."""

from __future__ import annotations

from tests.support.cases.forms import Case, at

CASES = {
    "GetBucketStat": Case(
        at("GET", ("stat", None)),
        at("GET", ("stat", None), ("acl", None)),
        "InvalidArgument",
    ),
}
