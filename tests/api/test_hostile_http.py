"""HTTP framing: what is no well-formed request is refused or closed, and nothing comes of it."""

from __future__ import annotations

import socket
import struct
import time

import psutil
import pytest

from tests.support.hostile import (
    HOST,
    Attacker,
    check_clean,
    check_plain,
    check_refused,
    signed_raw,
)
from tests.support.hostile_table import answers
from tests.support.wire import Call

GET = b"GET / HTTP/1.1\r\n" + HOST
PUT = b"PUT /src-bucket/smuggled HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n"
WEBSOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(200))

# id, request. The answer is the HTTP layer's own 400, or the connection is closed at once.
NOT_HTTP = [
    ("A1", PUT + b"Content-Length: 3\r\n" + CHUNKED + b"\r\n0\r\n\r\n"),
    ("A2 equal", PUT + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    ("A2 different", PUT + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
    ("A3 signed", PUT + b"Content-Length: +4\r\n\r\nabcd"),
    ("A3 negative", PUT + b"Content-Length: -1\r\n\r\n"),
    ("A3 list", PUT + b"Content-Length: 4,4\r\n\r\nabcd"),
    ("A3 hexadecimal", PUT + b"Content-Length: 0x4\r\n\r\nabcd"),
    ("A3 beyond 64 bits", PUT + b"Content-Length: 18446744073709551616\r\n\r\n"),
    ("A3 other digits", PUT + "Content-Length: ٤\r\n\r\nabcd".encode()),
    ("A3 empty", PUT + b"Content-Length:\r\n\r\n"),
    ("A5 unknown", PUT + b"Transfer-Encoding: xchunked\r\n\r\n"),
    ("A5 not last", PUT + b"Transfer-Encoding: chunked, identity\r\n\r\n"),
    ("A5 doubled", PUT + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("A5 two headers", PUT + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n"),
    ("A5 identity", PUT + b"Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc"),
    ("A8 bare LF", b"GET / HTTP/1.1\n" + b"Host: 127.0.0.1\n\n"),
    ("A8 folding", GET + b"x-a: b\r\n c\r\n\r\n"),
    ("A8 space before colon", GET + b"x-a : b\r\n\r\n"),
    ("A8 NUL in value", GET + b"x-a: b\0c\r\n\r\n"),
    ("A8 CR in value", GET + b"x-a: b\rc\r\n\r\n"),
    ("A8 control byte in name", GET + b"x\x01a: b\r\n\r\n"),
    ("A10 long header", GET + b"x-a: " + b"v" * 20_000 + b"\r\n\r\n"),
    ("A10 many headers", GET + b"".join(b"x-%d: v\r\n" % i for i in range(140)) + b"\r\n"),
    ("A10 long target", b"GET /" + b"k" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("A10 long method", b"M" * 300 + b" / HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("A11 HTTP/2.0", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    ("A11 HTTP/0.9 by name", b"GET / HTTP/0.9\r\n" + HOST + b"\r\n"),
    ("A11 HTTP/0.9", b"GET /\r\n"),
    ("A11 HTTP/9.9", b"GET / HTTP/9.9\r\n" + HOST + b"\r\n"),
    ("A11 PRI", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("A11 TLS", TLS_HELLO),
    ("A11 WebSocket", GET + WEBSOCKET + b"\r\n"),
    ("A11 CONNECT", b"CONNECT 127.0.0.1:80 HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("A12 no host", b"GET / HTTP/1.1\r\n\r\n"),
    ("A12 two hosts", GET + b"Host: other\r\n\r\n"),
    ("A16 content type", GET + b"Content-Type: a/b\r\nContent-Type: a/c\r\n\r\n"),
    ("A17 markup", b"GET /<script>alert(1)</script> HTTP/x\r\n" + HOST + b"\r\n"),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("name", "request_"), NOT_HTTP, ids=[row[0] for row in NOT_HTTP])
def test_what_is_no_request_is_refused_and_the_connection_closed(
    attacker: Attacker, name: str, request_: bytes
) -> None:
    with attacker.line() as line:
        line.send(request_)
        reply = line.reply()
        check_plain(reply)
        assert line.is_closed()
    if reply is not None:
        assert b"script" not in reply.raw


BAD_CHUNKS = [
    ("A6 17 digits", b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
    ("A6 negative", b"-3\r\nabc\r\n0\r\n\r\n"),
    ("A6 prefix", b"0x3\r\nabc\r\n0\r\n\r\n"),
    ("A6 empty", b"\r\nabc\r\n0\r\n\r\n"),
    ("A6 16 digits", b"7fffffffffffffff\r\nabc"),
    ("A7 extension of 20 KB", b"3;" + b"x" * 20_000 + b"\r\nabc\r\n0\r\n\r\n"),
    ("A7 extensions everywhere", b"1;xxxxxxxxxxxxxxxxxxxxxxxx=y\r\na\r\n" * 4000 + b"0\r\n\r\n"),
    ("A7 trailers", b"3\r\nabc\r\n0\r\n" + b"x-t: v\r\n" * 100_000 + b"\r\n"),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("name", "body"), BAD_CHUNKS, ids=[row[0] for row in BAD_CHUNKS])
def test_a_broken_chunked_body_stores_nothing(attacker: Attacker, name: str, body: bytes) -> None:
    chunked = [("transfer-encoding", "chunked")]
    head = signed_raw("PUT", "/src-bucket/chunks", key="chunks", unsigned=chunked, length=None)
    started = time.monotonic()
    with attacker.line() as line:
        line.send(head)
        line.send(body)
        reply = line.reply("PUT")
        assert line.is_closed()
    assert time.monotonic() - started < 3
    assert reply is not None
    check_clean(reply)
    assert reply.status == 400


@answers("A5")
@pytest.mark.parametrize("coding", ["chunked", "Chunked", "CHUNKED"])
def test_a_chunked_body_is_stored_whatever_the_case_of_its_coding(
    attacker: Attacker, coding: str
) -> None:
    coded = [("transfer-encoding", coding)]
    head = signed_raw("PUT", "/public/chunked", bucket="public", key="chunked", unsigned=coded,
                      length=None)  # fmt: skip
    reply = attacker.raw(head + b"3\r\nabc\r\n1;ext=1\r\nd\r\n0\r\nx-trailer: v\r\n\r\n", "PUT")
    assert reply is not None
    assert reply.status == 200, reply.raw
    assert attacker.ok(Call("GET", "public", "chunked")).body == b"abcd"
    attacker.ok(Call("DELETE", "public", "chunked"))


@answers("A7")
def test_a_body_of_many_one_byte_chunks_takes_bounded_time(attacker: Attacker) -> None:
    coded = [("transfer-encoding", "chunked")]
    head = signed_raw("PUT", "/public/tiny", bucket="public", key="tiny", unsigned=coded,
                      length=None)  # fmt: skip
    started = time.process_time()
    with attacker.line(30) as line:
        line.send(head)
        line.send(b"1\r\na\r\n" * 200_000 + b"0\r\n\r\n")
        reply = line.reply("PUT")
    assert reply is not None
    assert reply.status == 200, reply.raw
    assert time.process_time() - started < 10
    assert attacker.ok(Call("HEAD", "public", "tiny")).header("content-length") == "200000"
    attacker.ok(Call("DELETE", "public", "tiny"))


@answers("A4", "D10")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("length", [2**62, 2**63, 5 * 2**30 + 1])
@pytest.mark.parametrize("method", ["PUT", "GET", "POST", "DELETE"])
def test_a_length_beyond_every_object_is_refused_from_the_header_alone(
    attacker: Attacker, method: str, length: int
) -> None:
    started = time.monotonic()
    with attacker.line() as line:
        line.send(signed_raw(method, "/src-bucket/plain", key="plain", length=length))
        check_refused(line.reply(method), 400, "EntityTooLarge")
        assert line.is_closed()
    assert time.monotonic() - started < 2


def test_a_get_with_a_length_and_no_body_is_answered(attacker: Attacker) -> None:
    started = time.monotonic()
    reply = attacker.raw(signed_raw("GET", "/src-bucket/plain", key="plain", length=10))
    assert reply is not None
    assert (reply.status, reply.body) == (200, b"0123456789")
    assert reply.header("connection") == "close"
    assert time.monotonic() - started < 2


SMUGGLERS = [
    PUT + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    PUT + b"Content-Length: +0\r\n\r\n",
    PUT + b"Transfer-Encoding: xchunked\r\n\r\n",
    b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    GET + WEBSOCKET + b"\r\n",
    GET + b"Expect: 200-maybe\r\n\r\n",
]


@answers("A9")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("first", SMUGGLERS)
def test_a_request_glued_behind_a_refused_one_is_never_executed(
    attacker: Attacker, first: bytes
) -> None:
    glued = signed_raw("PUT", "/src-bucket/smuggled", key="smuggled")
    with attacker.line() as line:
        line.send(first + glued)
        reply = line.reply()
        assert reply is not None
        assert reply.status in (400, 417)
        assert line.reply() is None


HOSTS = [
    ("127.0.0.1:9480", "/src-bucket/plain", 200, ""),
    ("localhost", "/src-bucket/plain", 200, ""),
    ("[::1]:9480", "/src-bucket/plain", 200, ""),
    ("src-bucket.localhost", "/plain", 200, ""),
    ("SRC-BUCKET.localhost.", "/plain", 200, ""),
    ("src-bucket.oss-cn-hangzhou.aliyuncs.com:80", "/plain", 200, ""),
    ("user@src-bucket.localhost", "/src-bucket/plain", 200, ""),
    ("src-bucket .localhost", "/src-bucket/plain", 200, ""),
    ("x" * 300, "/src-bucket/plain", 200, ""),
    ("src-bucket.evil.example", "/src-bucket/plain", 200, ""),
    ("src_bucket.localhost", "/plain", 404, "NoSuchBucket"),
    ("..localhost", "/plain", 400, "InvalidBucketName"),
    ("a.b.localhost", "/plain", 400, "InvalidBucketName"),
    ("-x-.localhost", "/plain", 400, "InvalidBucketName"),
]


@answers("A12")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("host", "path", "status", "code"), HOSTS, ids=[row[0] for row in HOSTS])
def test_a_host_names_its_bucket_or_none_and_never_another(
    attacker: Attacker, host: str, path: str, status: int, code: str
) -> None:
    signed = signed_raw("GET", path, key="plain").replace(
        b"host: 127.0.0.1", b"host: " + host.encode()
    )
    reply = attacker.raw(signed)
    assert reply is not None
    check_clean(reply)
    assert (reply.status, reply.code) == (status, code), reply.raw
    if status == 200:
        assert reply.body == b"0123456789"


@answers("A13")
@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://evil.example/src-bucket/plain", 200),
        ("HTTP://127.0.0.1/src-bucket/plain", 200),
        ("ftp://127.0.0.1/src-bucket/plain", 400),
        ("*", 400),
        ("src-bucket/plain", 400),
    ],
)
def test_an_absolute_target_is_read_by_the_host_alone(
    attacker: Attacker, target: str, status: int
) -> None:
    reply = attacker.raw(signed_raw("GET", target, key="plain"))
    assert reply is not None
    check_clean(reply)
    assert reply.status == status


@answers("A14")
def test_a_thousand_pipelined_requests_are_answered_in_order(attacker: Attacker) -> None:
    with attacker.line() as line:
        line.send(
            b"".join(
                b"GET /public/page?n=%d HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=%d-%d\r\n\r\n"
                % (i, i % 7, i % 7)
                for i in range(1000)
            )
        )
        for i in range(1000):
            reply = line.reply()
            assert reply is not None
            assert reply.body == b"for all"[i % 7 : i % 7 + 1]


@answers("A15")
@pytest.mark.usefixtures("unchanged")
def test_another_expectation_is_refused(attacker: Attacker) -> None:
    head = signed_raw("PUT", "/src-bucket/x", key="x", unsigned=[("expect", "200-maybe")], length=3)
    check_plain(attacker.raw(head + b"abc", "PUT"), 417)


@answers("A15")
@pytest.mark.usefixtures("unchanged")
def test_a_refusal_comes_before_the_body_is_asked_for(attacker: Attacker) -> None:
    expecting = [("expect", "100-continue")]
    head = signed_raw("PUT", "/src-bucket/x", key="other", unsigned=expecting, length=3)
    with attacker.line() as line:
        line.send(head)
        reply = line.reply("PUT")
        check_refused(reply, 403, "SignatureDoesNotMatch")
        assert reply is not None
        assert reply.header("connection") == "close"
        assert line.is_closed()


def test_the_body_is_asked_for_when_nothing_speaks_against_it(attacker: Attacker) -> None:
    expecting = [("expect", "100-Continue")]
    head = signed_raw("PUT", "/public/e", bucket="public", key="e", unsigned=expecting, length=3)
    with attacker.line() as line:
        line.send(head)
        asked = line.reply("PUT")
        assert asked is not None
        assert asked.status == 100
        line.send(b"abc")
        reply = line.reply("PUT")
        assert reply is not None
        assert reply.status == 200
    attacker.ok(Call("DELETE", "public", "e"))


DOUBLED = ["authorization", "x-oss-date", "x-oss-content-sha256", "x-oss-object-acl", "content-md5"]


@answers("A16")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", [*DOUBLED, "date", "x-oss-meta-a"])
def test_a_header_that_decides_may_not_come_twice(attacker: Attacker, name: str) -> None:
    values = {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg==", "date": "Tue, 02 Jan 2024 03:04:05 GMT"}
    value = values.get(name, "private")
    added_by_signer = ("authorization", "x-oss-date", "x-oss-content-sha256")
    headers = [] if name in added_by_signer else [(name, value)]
    head = signed_raw("PUT", "/src-bucket/x", key="x", headers=headers, unsigned=[(name, value)])
    check_refused(attacker.raw(head, "PUT"), 400, "InvalidArgument")


@answers("A18")
def test_a_client_that_resets_anywhere_leaves_nothing_behind(attacker: Attacker) -> None:
    request = signed_raw("PUT", "/src-bucket/r", key="r", length=40) + b"x" * 40
    process = psutil.Process(attacker.server.pid)
    before = attacker.everything()
    descriptors = process.num_fds()
    for end in range(0, len(request), 7):
        with attacker.line() as line:
            line.send(request[:end])
            linger = struct.pack("ii", 1, 0)  # closing resets
            line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    attacker.server.control("GET", "health/live")
    assert attacker.everything() == before
    deadline = time.monotonic() + 5
    while process.num_fds() > descriptors and time.monotonic() < deadline:
        attacker.server.control("GET", "health/live")
    assert process.num_fds() <= descriptors
    assert attacker.server.errors() == ""
