"""Lifecycle rules and the access monitor."""

from __future__ import annotations

from tests.support.cases.forms import BARE, Case, at
from tests.support.wire import Call

LIFECYCLE = b"""<LifecycleConfiguration><Rule><ID>r</ID><Prefix>never/</Prefix>
<Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"""
MONITOR = b"<AccessMonitorConfiguration><Status>Enabled</Status></AccessMonitorConfiguration>"

CASES = {
    "PutBucketLifecycle": Case(
        at("PUT", ("lifecycle", None), body=LIFECYCLE),
        at("PUT", ("lifecycle", None), body=LIFECYCLE.replace(b"Enabled", b"On")),
        "MalformedXML",
    ),
    "GetBucketLifecycle": Case(
        at("GET", ("lifecycle", None)),
        at("GET", ("lifecycle", None), ("acl", None)),
        "InvalidArgument",
        found=404,
    ),
    "DeleteBucketLifecycle": Case(
        Call("DELETE", BARE, query=(("lifecycle", None),)),
        at("DELETE", ("lifecycle", None), ("acl", None)),
        "InvalidArgument",
        found=204,
    ),
    "PutBucketAccessMonitor": Case(
        at("PUT", ("accessmonitor", None), body=MONITOR),
        at("PUT", ("accessmonitor", None), body=MONITOR.replace(b"Enabled", b"aa")),
        "MalformedXML",
    ),
    "GetBucketAccessMonitor": Case(
        at("GET", ("accessmonitor", None)),
        at("GET", ("accessmonitor", None), ("acl", None)),
        "InvalidArgument",
    ),
}
