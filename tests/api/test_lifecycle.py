"""Lifecycle rules and the access monitor on the wire: what is shown, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.test_errors_of_operations import code_of
from tests.support.cases.lifecycle import MONITOR
from tests.support.covers import covers
from tests.support.hostile import Attacker, Reply
from tests.support.places import fresh_bucket
from tests.support.wire import Call

OVERLAP = (("x-oss-allow-same-action-overlap", "true"),)
DISABLED = MONITOR.replace(b"Enabled", b"Disabled")
ACCESS = (
    "<Transition><Days>30</Days><StorageClass>IA</StorageClass><IsAccessTime>true</IsAccessTime>"
    "<ReturnToStdWhenVisit>false</ReturnToStdWhenVisit></Transition>"
)


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "lifecycle") as name:
        yield name


def rules(*inner: str) -> bytes:
    """A document whose rules have these elements after prefix and status."""
    each = "".join(
        f"<Rule><ID>r{place}</ID><Prefix>p{place}/</Prefix><Status>Enabled</Status>{text}</Rule>"
        for place, text in enumerate(inner)
    )
    return f"<LifecycleConfiguration>{each}</LifecycleConfiguration>".encode()


def put(
    attacker: Attacker, bucket: str, body: bytes, headers: tuple[tuple[str, str], ...] = ()
) -> Reply:
    query = (("lifecycle", None),)
    return attacker.call(Call("PUT", bucket, query=query, headers=headers, body=body))


def shown(attacker: Attacker, bucket: str) -> str:
    body = attacker.ok(Call("GET", bucket, query=(("lifecycle", None),))).body.decode()
    return body.partition("<LifecycleConfiguration>")[2].removesuffix("</LifecycleConfiguration>")


def monitor(attacker: Attacker, bucket: str, body: bytes = MONITOR) -> Reply:
    return attacker.call(Call("PUT", bucket, query=(("accessmonitor", None),), body=body))


@covers("PutBucketLifecycle", "GetBucketLifecycle")
def test_every_element_comes_back_in_order(attacker: Attacker, bucket: str) -> None:
    rule = (
        "<Rule><ID>all &amp; more</ID><Prefix>中文/</Prefix><Status>Disabled</Status>"
        "<Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value></Value></Tag>"
        "<Filter><ObjectSizeGreaterThan>203</ObjectSizeGreaterThan>"
        "<ObjectSizeLessThan>311</ObjectSizeLessThan>"
        "<Not><Prefix>中文/x</Prefix></Not>"
        "<Not><Prefix>中文/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></Not></Filter>"
        "<Expiration><Days>400</Days></Expiration>"
        "<Transition><Days>355</Days><StorageClass>Archive</StorageClass></Transition>"
        "<Transition><Days>352</Days><StorageClass>IA</StorageClass></Transition>"
        "<NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays>"
        "</NoncurrentVersionExpiration>"
        "<NoncurrentVersionTransition><NoncurrentDays>25</NoncurrentDays>"
        "<StorageClass>ColdArchive</StorageClass></NoncurrentVersionTransition></Rule>"
        "<Rule><ID>up</ID><Prefix>u</Prefix><Status>Enabled</Status>"
        "<Expiration><CreatedBeforeDate>2016-12-25T00:00:00.000Z</CreatedBeforeDate></Expiration>"
        "<AbortMultipartUpload><Days>356</Days></AbortMultipartUpload></Rule>"
    )
    body = f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>".encode()
    assert put(attacker, bucket, body).status == 200
    assert shown(attacker, bucket) == rule


def test_what_was_not_sent_is_made_up(attacker: Attacker, bucket: str) -> None:
    rule = "<Rule>{}<Status>Enabled</Status><Expiration>{}</Expiration></Rule>"
    date = "<Date>2016-12-25T00:00:00Z</Date>"
    body = "<LifecycleConfiguration>{}</LifecycleConfiguration>"
    bare = body.format(rule.format("", date))
    assert put(attacker, bucket, bare.encode()).status == 200
    text = shown(attacker, bucket)
    assert len(text.partition("<ID>")[2].partition("</ID>")[0]) == 36
    assert "<Prefix></Prefix>" in text
    assert "<Date>2016-12-25T00:00:00.000Z</Date>" in text
    empty = rule.format("<ID></ID><Prefix>a</Prefix>", date)
    assert put(attacker, bucket, body.format(empty).encode()).status == 200
    assert "<ID></ID>" not in shown(attacker, bucket)


def test_no_rules(attacker: Attacker, bucket: str) -> None:
    missing = attacker.call(Call("GET", bucket, query=(("lifecycle", None),)))
    assert (missing.status, missing.code) == (404, "NoSuchLifecycle")
    assert missing.document.findtext("BucketName") == bucket
    assert missing.document.findtext("Message") == "No Row found in Lifecycle Table."
    for _ in range(2):
        gone = attacker.call(Call("DELETE", bucket, query=(("lifecycle", None),)))
        assert gone.status == 204


EXPIRE = "<Expiration><Days>{}</Days></Expiration>"
TO = "<Transition><Days>{}</Days><StorageClass>{}</StorageClass></Transition>"
REFUSED = {
    "no body": (b"", "MalformedXML"),
    "no rule": (b"<LifecycleConfiguration/>", "MalformedXML"),
    "another root": (b"<Lifecycle/>", "MalformedXML"),
    "not closed": (b"<LifecycleConfiguration><Rule>", "MalformedXML"),
    "two prefixes": (rules(EXPIRE.format(1) + "<Prefix>b</Prefix>"), "MalformedXML"),
    "words for days": (rules(EXPIRE.format("abc")), "InvalidArgument"),
    "nothing for days": (rules(EXPIRE.format("")), "InvalidArgument"),
    "many digits": (rules(EXPIRE.format("1" + "0" * 400)), "InvalidArgument"),
    "a space": (rules(EXPIRE.format(" 5")), "InvalidArgument"),
    "a fraction": (rules(EXPIRE.format("5.0")), "InvalidArgument"),
    "other digits": (rules(EXPIRE.format("\u0665")), "InvalidArgument"),
    "no digits for a size": (
        rules("<Filter><ObjectSizeLessThan>abc</ObjectSizeLessThan></Filter>" + EXPIRE.format(1)),
        "MalformedXML",
    ),
    "no days": (rules(EXPIRE.format(0)), "InvalidArgument"),
    "minus": (rules(EXPIRE.format(-1)), "InvalidArgument"),
    "beyond 32 bits": (rules(EXPIRE.format(2**31)), "InvalidArgument"),
    "to Standard": (rules(TO.format(1, "Standard")), "InvalidArgument"),
    "expires first": (rules(TO.format(4, "IA") + EXPIRE.format(3)), "InvalidArgument"),
    "access time without monitor": (rules(ACCESS), "MalformedXML"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_rules_leave_no_trace(attacker: Attacker, bucket: str, case: str) -> None:
    body, code = REFUSED[case]
    before = rules(EXPIRE.format(7))
    assert put(attacker, bucket, before).status == 200
    reply = put(attacker, bucket, body)
    assert (reply.status, code_of(reply)) == (400, code)
    assert "<Days>7</Days>" in shown(attacker, bucket)


def test_overlaps(attacker: Attacker, bucket: str) -> None:
    both = rules(EXPIRE.format(3), EXPIRE.format(9)).replace(b"p1/", b"p0/x")
    reply = put(attacker, bucket, both)
    assert (reply.status, reply.code) == (400, "InvalidRequest")
    assert reply.document.findtext("Message") == "Overlap for same action type Expiration"
    assert put(attacker, bucket, both, OVERLAP).status == 200
    wrong = (("x-oss-allow-same-action-overlap", "perhaps"),)
    assert code_of(put(attacker, bucket, both, wrong)) == "InvalidArgument"


@covers("PutBucketAccessMonitor", "GetBucketAccessMonitor")
def test_the_monitor_stays_while_a_rule_needs_it(attacker: Attacker, bucket: str) -> None:
    def status() -> str | None:
        reply = attacker.ok(Call("GET", bucket, query=(("accessmonitor", None),)))
        return reply.document.findtext("Status")

    assert status() == "Disabled"
    assert monitor(attacker, bucket, DISABLED).status == 200
    assert monitor(attacker, bucket).status == 200
    assert status() == "Enabled"
    info = attacker.ok(Call("GET", bucket, query=(("bucketInfo", None),)))
    assert info.document.findtext("Bucket/AccessMonitor") == "Enabled"
    assert put(attacker, bucket, rules(ACCESS)).status == 200
    base = shown(attacker, bucket).partition("<AtimeBase>")[2].partition("<")[0]
    assert int(base) > 1_600_000_000
    refused = monitor(attacker, bucket, DISABLED)
    assert (refused.status, refused.code) == (400, "AccessMonitorDisableNotAllowed")
    assert status() == "Enabled"
    attacker.ok(Call("DELETE", bucket, query=(("lifecycle", None),)))
    assert monitor(attacker, bucket, DISABLED).status == 200
    assert status() == "Disabled"


@pytest.mark.parametrize(
    "body",
    [b"", b"<AccessMonitorConfiguration/>", MONITOR.replace(b"Enabled", b""), b"<x/>"],
)
def test_wrong_monitor_documents(attacker: Attacker, bucket: str, body: bytes) -> None:
    reply = monitor(attacker, bucket, body)
    assert (reply.status, code_of(reply)) == (400, "MalformedXML")


def test_headers_of_reads(attacker: Attacker, bucket: str) -> None:
    strange = rules(EXPIRE.format(1)).replace(b"r0", '"日" & %\t'.encode().replace(b"&", b"&amp;"))
    assert put(attacker, bucket, strange).status == 200
    attacker.ok(Call("PUT", bucket, "p0/a", body=b"content"))
    attacker.ok(Call("PUT", bucket, "other", body=b"content"))
    for method in ("GET", "HEAD"):
        read = attacker.call(Call(method, bucket, "p0/a"))
        assert read.status == 200
        text = read.header("x-oss-expiration")
        assert text.startswith('expiry-date="')
        assert text.endswith(' 00:00:00 GMT", rule-id="%22%E6%97%A5%22 & %25%09"')
        assert not attacker.call(Call(method, bucket, "other")).header("x-oss-expiration")
    meta = Call("HEAD", bucket, "other", query=(("objectMeta", None),))
    assert not attacker.call(meta).header("x-oss-last-access-time")
    assert monitor(attacker, bucket).status == 200
    assert attacker.call(meta).header("x-oss-last-access-time").endswith(" GMT")
    assert attacker.call(Call("HEAD", bucket, "other")).header("x-oss-last-access-time")


def test_a_thousand_rules(attacker: Attacker, bucket: str) -> None:
    body = rules(*[EXPIRE.format(1)] * 1000)
    assert put(attacker, bucket, body).status == 200
    assert shown(attacker, bucket).count("<Rule>") == 1000
    assert put(attacker, bucket, rules(*[EXPIRE.format(1)] * 1001)).status == 400
