"""Bodies: documents that are none, contents that are not what was announced."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import time

import pytest

from tests.support.hostile import Attacker, check_clean, check_refused, signed_raw
from tests.support.hostile_table import answers
from tests.support.wire import Call

Query = tuple[tuple[str, str | None], ...]

BOMB = (
    b'<!DOCTYPE a [<!ENTITY x0 "ha">'
    + b"".join(b'<!ENTITY x%d "&x%d;&x%d;">' % (i, i - 1, i - 1) for i in range(1, 30))
    + b"]><Delete><Object><Key>&x29;</Key></Object></Delete>"
)
QUADRATIC = (
    b'<!DOCTYPE a [<!ENTITY q "' + b"q" * 50_000 + b'">]><Delete>' + b"&q;" * 20_000 + b"</Delete>"
)
EXTERNAL = (
    b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    b"<Delete><Object><Key>&e;</Key></Object></Delete>"
)
PARAMETER = b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x">%p;]><Delete/>'
MALFORMED = [
    ("D1 entity bomb", BOMB),
    ("D1 quadratic", QUADRATIC),
    ("D1 external entity", EXTERNAL),
    ("D1 parameter entity", PARAMETER),
    ("D1 document type", b"<!DOCTYPE Delete><Delete/>"),
    ("D2 deep", b"<Delete>" + b"<a>" * 200_000),
    ("D2 deep and closed", b"<a>" * 200_000 + b"</a>" * 200_000),
    ("D2 broad", b"<Delete>" + b"<a/>" * 400_000 + b"</Delete>"),
    ("D2 attributes", b"<Delete " + b" ".join(b'a%d=""' % i for i in range(100_000)) + b"/>"),
    ("D2 comments", b"<Delete>" + b"<!---->" * 100_000 + b"</Delete>"),
    ("D2 CDATA", b"<Delete>" + b"<![CDATA[]]>" * 100_000 + b"</Delete>"),
    ("D2 more than 2 MB", b"<Delete>" + b" " * 2_100_000 + b"</Delete>"),
    ("D3 UTF-16", "<Delete/>".encode("utf-16")),
    ("D3 UTF-7", b'<?xml version="1.0" encoding="UTF-7"?><Delete/>'),
    ("D3 wrong label", b'<?xml version="1.0" encoding="latin-1"?><Delete/>'),
    ("D3 byte order mark", b"\xef\xbb\xbf<Delete/>"),
    ("D3 no UTF-8", b"<Delete>\xff\xfe</Delete>"),
    ("D3 lone ampersand", b"<Delete>&</Delete>"),
    ("D3 NUL", b"<Delete>\0</Delete>"),
    ("D3 two roots", b"<Delete/><Delete/>"),
    ("D3 unclosed", b"<Delete><Object><Key>a</Key></Object>"),
    ("D3 other root", b"<Destroy/>"),
    ("D3 no markup", b"Delete"),
    ("D3 unbound prefix", b"<x:Delete><Object><Key>a</Key></Object></x:Delete>"),
    ("D3 JSON", b'{"Delete": []}'),
]
XML_OPERATIONS: list[tuple[str, str, str, Query]] = [
    ("POST", "src-bucket", "", (("delete", None),)),
    ("PUT", "src-bucket", "", (("versioning", None),)),
    ("POST", "src-bucket", "", (("replication", None), ("comp", "add"))),
    ("POST", "src-bucket", "", (("replication", None), ("comp", "delete"))),
    ("PUT", "src-bucket", "", (("rtc", None),)),
    ("PUT", "src-bucket", "plain", (("tagging", None),)),
    ("PUT", "new-bucket", "", ()),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("operation", XML_OPERATIONS, ids=lambda row: f"{row[0]} {row[3]}")
@pytest.mark.parametrize(("name", "body"), MALFORMED, ids=[row[0] for row in MALFORMED])
def test_a_document_that_is_none_is_malformed(
    attacker: Attacker, operation: tuple[str, str, str, Query], name: str, body: bytes
) -> None:
    method, bucket, key, query = operation
    started = time.monotonic()
    reply = attacker.call(Call(method, bucket, key, query=query, body=body))
    check_refused(reply, 400, "MalformedXML")
    assert b"root:" not in reply.raw
    assert time.monotonic() - started < 1


def _delete_of(*keys: str, version: str = "") -> bytes:
    shown = f"<VersionId>{version}</VersionId>" if version else ""
    objects = "".join(f"<Object><Key>{key}</Key>{shown}</Object>" for key in keys)
    return f"<Delete>{objects}</Delete>".encode()


BATCHES = [
    ("D4 1,001 keys", _delete_of(*(f"k{i}" for i in range(1001))), "MalformedXML"),
    ("D4 no keys", _delete_of(), "MalformedXML"),
    ("D4 a key of 1,024 bytes", _delete_of("plain", "k" * 1024), "InvalidObjectName"),
    ("D4 an empty key", _delete_of("plain", ""), "UserKeyMustBeSpecified"),
    ("D4 a key with a slash", _delete_of("plain", "/x"), "InvalidObjectName"),
    ("D4 a huge version id", _delete_of("plain", version="v" * 1_000_000), "InvalidArgument"),
    ("D4 no key element", b"<Delete><Object/></Delete>", "UserKeyMustBeSpecified"),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("name", "body", "code"), BATCHES, ids=[row[0] for row in BATCHES])
def test_a_batch_is_refused_as_a_whole(
    attacker: Attacker, name: str, body: bytes, code: str
) -> None:
    reply = attacker.call(Call("POST", "src-bucket", query=(("delete", None),), body=body))
    check_refused(reply, 400, code)


def _policy(**fields: object) -> bytes:
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": ["*"],
        "Resource": ["acs:oss:*:*:src-bucket/*"],
        **fields,
    }
    return json.dumps({"Version": "1", "Statement": [statement]}).encode()


POLICIES = [
    ("D6 larger than the limit", _policy(Resource=["acs:oss:*:*:src-bucket/" + "x" * 17_000])),
    ("D7 nested", b'{"Version": "1", "Statement": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    ("D7 doubled key", b'{"Version": "1", "Version": "1", "Statement": []}'),
    ("D7 doubled effect", _policy().replace(b'"Allow"', b'"Deny", "Effect": "Allow"')),
    ("D7 number beyond floats", b'{"Version": 1e999, "Statement": []}'),
    ("D7 NaN", b'{"Version": NaN, "Statement": []}'),
    ("D7 16 MB", b'{"Version": "' + b"1" * 4_000_000 + b'"}'),
    ("D7 no JSON", b"Allow everything"),
    ("D7 nothing", b""),
    ("D7 array", b"[]"),
    ("D7 string", b'"Allow"'),
    ("D7 null", b"null"),
    ("D7 no UTF-8", b'{"Version": "\xff"}'),
    ("D7 other version", b'{"Version": "2", "Statement": []}'),
    ("D7 effect", _policy(Effect="allow")),
    ("D7 number for a list", _policy(Action=5)),
    ("D7 unknown condition", _policy(Condition={"Stringlike": {"oss:Prefix": "a"}})),
    ("D7 lone surrogate", _policy().replace(b"oss:GetObject", b"oss:\\ud800")),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("name", "body"), POLICIES, ids=[row[0] for row in POLICIES])
def test_a_policy_that_is_none_is_not_stored(attacker: Attacker, name: str, body: bytes) -> None:
    started = time.monotonic()
    reply = attacker.call(Call("PUT", "src-bucket", query=(("policy", None),), body=body))
    check_clean(reply)
    assert (reply.status, reply.code) in ((400, "InvalidPolicyDocument"), (400, "EntityTooLarge"))
    assert time.monotonic() - started < 1


@answers("D6")
def test_many_wildcards_take_linear_time(attacker: Attacker) -> None:
    pattern = "acs:oss:*:*:wild/" + "*a" * 1000
    attacker.ok(Call("PUT", "wild"))
    attacker.ok(Call("PUT", "wild", "a" * 1000 + "b", body=b"x"))
    policy = _policy(Resource=[pattern], Effect="Allow")
    attacker.ok(Call("PUT", "wild", query=(("policy", None),), body=policy))
    started = time.monotonic()
    check_refused(attacker.call(Call("GET", "wild", "a" * 1000 + "b"), "b"), 403, "AccessDenied")
    assert time.monotonic() - started < 0.5
    attacker.ok(Call("DELETE", "wild", "a" * 1000 + "b"))
    attacker.ok(Call("DELETE", "wild"))


RULES = [
    ("two rules", "<Rule/><Rule/>"),
    ("no rule", ""),
    ("no destination", "<Rule><Action>ALL</Action></Rule>"),
    ("to itself", "<Rule><Destination><Bucket>src-bucket</Bucket>"
     "<Location>oss-cn-hangzhou</Location></Destination></Rule>"),
    ("to nowhere", "<Rule><Destination><Bucket>no-such-bucket-x</Bucket>"
     "<Location>oss-cn-hangzhou</Location></Destination></Rule>"),
    ("wrong place", "<Rule><Destination><Bucket>dest-bucket</Bucket>"
     "<Location>oss-cn-beijing</Location></Destination></Rule>"),
    ("no place", "<Rule><Destination><Bucket>dest-bucket</Bucket>"
     "<Location>oss-mars-1</Location></Destination></Rule>"),
    ("eleven prefixes", "<Rule><PrefixSet>" + "".join(f"<Prefix>p{i}/</Prefix>" for i in range(11))
     + "</PrefixSet><Destination><Bucket>dest-bucket</Bucket><Location>oss-cn-shanghai</Location>"
     "</Destination><SyncRole>roleNameTest</SyncRole></Rule>"),
    ("unknown action", "<Rule><Action>EVERYTHING</Action><Destination><Bucket>dest-bucket</Bucket>"
     "<Location>oss-cn-shanghai</Location></Destination></Rule>"),
    ("role of nobody", "<Rule><Destination><Bucket>public</Bucket><Location>oss-cn-hangzhou"
     "</Location></Destination><SyncRole>no-such-role</SyncRole></Rule>"),
]  # fmt: skip


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("name", "inner"), RULES, ids=[row[0] for row in RULES])
def test_a_replication_rule_that_cannot_be_is_not_stored(
    attacker: Attacker, name: str, inner: str
) -> None:
    body = f"<ReplicationConfiguration>{inner}</ReplicationConfiguration>".encode()
    query: Query = (("replication", None), ("comp", "add"))
    reply = attacker.call(Call("POST", "src-bucket", query=query, body=body))
    check_clean(reply)
    assert 400 <= reply.status < 500, reply.raw
    assert reply.code


DIGESTS = ["", "not base64!", "AAAA", "A" * 24, base64.b64encode(bytes(16)).decode(), "ä", "=" * 24]


@answers("C2")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize(
    ("key", "query", "body"),
    [("new", (), b"abc"), ("new", (), b"x" * 100_000), ("", (("delete", None),), b"<Delete/>")],
)
def test_a_wrong_digest_stores_nothing(
    attacker: Attacker, digest: str, key: str, query: Query, body: bytes
) -> None:
    method = "PUT" if key else "POST"
    call = Call(method, "src-bucket", key, query, (("content-md5", digest),), body)
    check_refused(attacker.call(call), 400, "InvalidDigest")


@pytest.mark.usefixtures("unchanged")
def test_a_wrong_checksum_stores_nothing(attacker: Attacker) -> None:
    headers = (("x-oss-hash-crc64ecma", "1"),)
    reply = attacker.call(Call("PUT", "src-bucket", "new", headers=headers, body=b"abc"))
    check_refused(reply, 400, "InvalidCRC64")


@answers("D8")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("size", [3, 70_000, 3_000_000])
@pytest.mark.parametrize("close", ["half", "whole"])
def test_a_body_that_ends_early_stores_nothing(attacker: Attacker, size: int, close: str) -> None:
    head = signed_raw("PUT", "/src-bucket/half", key="half", length=size)
    with attacker.line() as line:
        line.send(head + b"x" * (size // 2))
        if close == "whole":
            return
        line.socket.shutdown(1)
        reply = line.reply("PUT")
    if reply is not None:
        check_clean(reply)
        assert reply.code in ("IncompleteBody", "RequestTimeout")


@answers("D8")
def test_a_body_that_is_longer_than_it_says_is_cut_there(attacker: Attacker) -> None:
    """What follows is no request: it ends the connection, and the first one too if both came in
    one piece."""
    head = signed_raw("PUT", "/public/long", bucket="public", key="long", length=3)
    with attacker.line() as line:
        line.send(head + b"abcdefghij\r\n\r\n")
        first = line.reply("PUT")
        assert first is not None
        check_clean(first)
        last = line.reply() if first.status == 200 else first
        assert last is None or last.status == 400
        assert line.is_closed()
    stored = attacker.call(Call("GET", "public", "long"))
    assert (
        (stored.status, stored.body) == (200, b"abc")
        if first.status == 200
        else (stored.status == 404)
    )
    attacker.ok(Call("DELETE", "public", "long"))


@answers("D9")
@pytest.mark.usefixtures("unchanged")
def test_an_object_without_a_length_is_refused(attacker: Attacker) -> None:
    head = signed_raw("PUT", "/src-bucket/x", key="x", length=None)
    check_refused(attacker.raw(head, "PUT"), 411, "MissingContentLength")


@answers("D10")
@pytest.mark.usefixtures("unchanged")
def test_an_object_that_grows_beyond_the_limit_is_refused(attacker: Attacker) -> None:
    chunked = [("transfer-encoding", "chunked")]
    head = signed_raw("PUT", "/src-bucket/x", key="x", unsigned=chunked, length=None)
    with attacker.line() as line:
        line.send(head + (b"100000\r\n" + b"x" * 0x100000 + b"\r\n") * 5)
        check_refused(line.reply("PUT"), 400, "EntityTooLarge")
        assert line.is_closed()


ENCODED = [
    ("valid", gzip.compress(b"text" * 1000)),
    ("bomb", gzip.compress(bytes(3_000_000))),
    ("broken", b"\x1f\x8b\x08not gzip"),
    ("not at all", b"plain"),
    ("empty", b""),
]


@pytest.mark.parametrize(("name", "body"), ENCODED, ids=[row[0] for row in ENCODED])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x" * 100])
def test_an_encoded_body_is_stored_as_it_was_sent(
    attacker: Attacker, coding: str, name: str, body: bytes
) -> None:
    headers = (("content-encoding", coding),)
    put = attacker.ok(Call("PUT", "public", "encoded", headers=headers, body=body))
    assert put.header("etag") == f'"{hashlib.md5(body).hexdigest().upper()}"'
    got = attacker.ok(Call("GET", "public", "encoded"))
    assert got.body == body
    assert got.header("content-encoding") == coding
    attacker.ok(Call("DELETE", "public", "encoded"))


METADATA: list[tuple[str, tuple[tuple[str, str], ...], int, str]] = [
    ("C1 8 KB and a byte", (("x-oss-meta-a", "v" * 8192),), 400, "InvalidArgument"),
    ("C1 underscore", (("x-oss-meta-a_b", "v"),), 400, "InvalidArgument"),
    ("C1 no name", (("x-oss-meta-", "v"),), 400, "InvalidArgument"),
    ("C3 condition", (("if-match", "*"),), 400, "NotImplemented"),
    ("C3 dated condition", (("if-modified-since", "x"),), 400, "NotImplemented"),
    ("C4 no slash", (("x-oss-copy-source", "src-bucket/plain"),), 400, "InvalidArgument"),
    ("C4 no key", (("x-oss-copy-source", "/src-bucket"),), 400, "InvalidArgument"),
    ("C4 empty key", (("x-oss-copy-source", "/src-bucket/"),), 400, "InvalidArgument"),
    ("C4 empty", (("x-oss-copy-source", ""),), 400, "InvalidArgument"),
    ("C4 encoded twice", (("x-oss-copy-source", "/src-bucket/pl%2561in"),), 404, "NoSuchKey"),
    ("C4 no encoding", (("x-oss-copy-source", "/src-bucket/%zz"),), 400, "InvalidObjectName"),
    ("C4 version", (("x-oss-copy-source", "/versioned/key?versionId=../"),), 400,
     "InvalidArgument"),
    ("C4 no bucket", (("x-oss-copy-source", "/no-such-bucket-x/k"),), 404, "NoSuchBucket"),
    ("C4 delete marker", (("x-oss-copy-source", "/versioned/gone"),), 404, "NoSuchKey"),
    ("C4 of another account", (("x-oss-copy-source", "/dest-bucket/b-key"),), 403, "AccessDenied"),
    ("C6 eleven tags", (("x-oss-tagging", "&".join(f"k{i}=v" for i in range(11))),), 400,
     "InvalidTag"),
    ("C6 long key", (("x-oss-tagging", "k" * 129 + "=v"),), 400, "InvalidTag"),
    ("C6 long value", (("x-oss-tagging", "k=" + "v" * 257),), 400, "InvalidTag"),
    ("C6 doubled key", (("x-oss-tagging", "k=1&k=2"),), 400, "InvalidArgument"),
    ("C6 no encoding", (("x-oss-tagging", "k=%zz"),), 400, "InvalidArgument"),
    ("C6 no UTF-8", (("x-oss-tagging", "k=%ff"),), 400, "InvalidArgument"),
    ("class", (("x-oss-storage-class", "Gold"),), 400, "InvalidArgument"),
    ("ACL", (("x-oss-object-acl", "everybody"),), 400, "InvalidArgument"),
    ("flag", (("x-oss-forbid-overwrite", "maybe"),), 400, "InvalidArgument"),
    ("encryption", (("x-oss-server-side-encryption", "rot13"),), 400,
     "InvalidEncryptionAlgorithmError"),
    ("directive", (("x-oss-copy-source", "/src-bucket/plain"),
                   ("x-oss-metadata-directive", "MOVE")), 400, "InvalidArgument"),
]  # fmt: skip


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("name", "headers", "status", "code"), METADATA, ids=[row[0] for row in METADATA]
)
def test_headers_of_a_write_that_cannot_be_honoured_are_refused(
    attacker: Attacker, name: str, headers: tuple[tuple[str, str], ...], status: int, code: str
) -> None:
    reply = attacker.call(Call("PUT", "src-bucket", "new", headers=headers))
    check_refused(reply, status, code)


@answers("C1")
@pytest.mark.parametrize("value", ["naïve", "日本", "a\tb", "  x  ", "\u00ff\u0100"])
def test_metadata_beyond_ascii_comes_back_as_it_was_sent(attacker: Attacker, value: str) -> None:
    headers = (("x-oss-meta-note", value),)
    attacker.ok(Call("PUT", "public", "noted", headers=headers))
    reply = attacker.ok(Call("HEAD", "public", "noted"))
    assert reply.header("x-oss-meta-note").encode("latin-1") == value.strip().encode()
    attacker.ok(Call("DELETE", "public", "noted"))


@answers("C1")
@pytest.mark.usefixtures("unchanged")
def test_metadata_that_is_no_utf_8_is_refused(attacker: Attacker) -> None:
    bytes_ = b"\xff\xfe".decode("utf-8", "surrogateescape")
    head = signed_raw("PUT", "/src-bucket/x", key="x", headers=[("x-oss-meta-a", bytes_)])
    check_refused(attacker.raw(head, "PUT"), 400, "InvalidArgument")


@answers("C1")
def test_a_hundred_and_more_metadata_entries_within_the_limits_are_kept(attacker: Attacker) -> None:
    headers = tuple((f"x-oss-meta-n{i}", "v") for i in range(110))
    attacker.ok(Call("PUT", "public", "many", headers=headers))
    reply = attacker.ok(Call("HEAD", "public", "many"))
    assert sum(name.startswith("x-oss-meta-") for name, _ in reply.pairs) == 110
    attacker.ok(Call("DELETE", "public", "many"))
