"""Every header that describes an object, with its case and form, over raw HTTP."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

import pytest

from tests.support.hostile import Attacker, Reply, head_of
from tests.support.places import fresh_bucket
from tests.support.wire import Call

MD5 = "eB5eJF1ptWaXm4bijSPyxw=="
ETAG = '"781E5E245D69B566979B86E28D23F2C7"'
CRC = "2838902930144391966"
BODY = b"0123456789"
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OPAQUE = re.compile(r'"[0-9A-F]{24}0{8}"')
VERSION = re.compile(r"CAEQ[A-Za-z0-9_-]{60}")
REQUEST_ID = re.compile(r"[0-9A-F]{24}")
NUMBER = re.compile(r"\d+")

Expected = dict[str, str | re.Pattern[str]]
SSE = "x-oss-server-side-encryption"

EVERY: Expected = {
    "Server": "AliyunOSS",
    "Date": DATE,
    "x-oss-request-id": REQUEST_ID,
    "x-oss-server-time": NUMBER,
}
OBJECT: Expected = {
    **EVERY,
    "ETag": ETAG,
    "Last-Modified": DATE,
    "Content-Length": "10",
    "Content-Type": "application/octet-stream",
    "Content-MD5": MD5,
    "Accept-Ranges": "bytes",
    "x-oss-hash-crc64ecma": CRC,
    "x-oss-object-type": "Normal",
    "x-oss-storage-class": "Standard",
}
NO_MD5: Expected = {name: value for name, value in OBJECT.items() if name != "Content-MD5"}


def names_of(reply: Reply) -> dict[str, str]:
    """The headers as they were sent."""
    head = reply.raw.partition(b"\r\n\r\n")[0].decode("latin-1")
    pairs = [line.partition(": ") for line in head.split("\r\n")[1:]]
    assert len({name for name, _, _ in pairs}) == len(pairs)
    return {name: value for name, _, value in pairs}


def _lower(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in headers.items())


def check(reply: Reply, expected: Expected) -> None:
    """Exactly these headers, in this case, with these values."""
    found = names_of(reply)
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        if isinstance(wanted, str):
            assert found[name] == wanted, name
        else:
            assert wanted.fullmatch(found[name]), f"{name}: {found[name]}"


@pytest.fixture(scope="module")
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "headers") as name:
        yield name


@pytest.fixture(scope="module")
def versioned(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "headers-versioned", versioned=True) as name:
        yield name


DESCRIBED = {
    "Content-Type": "text/x-note",
    "Cache-Control": "max-age=7",
    "Content-Disposition": 'attachment; filename="n.txt"',
    "Content-Encoding": "identity",
    "Content-Language": "de",
    "Expires": "Fri, 28 Feb 2031 05:38:42 GMT",
    "x-oss-meta-colour": "Blue",
}
# Of each kind: the headers it is put with, and what its answers show besides OBJECT.
KINDS: list[tuple[str, dict[str, str], Expected]] = [
    ("plain", {}, {}),
    ("described", DESCRIBED, {**DESCRIBED}),
    ("tagged", {"x-oss-tagging": "a=1&b=2"}, {"x-oss-tagging-count": "2"}),
    ("IA", {"x-oss-storage-class": "IA"}, {"x-oss-storage-class": "IA"}),
    ("SSE-OSS", {SSE: "AES256"}, {SSE: "AES256"}),
    ("SM4", {SSE: "SM4", "x-oss-server-side-data-encryption": "SM4"}, {SSE: "SM4"}),
    ("KMS", {SSE: "KMS"}, {SSE: "KMS", f"{SSE}-key-id": UUID}),
    ("KMS and SM4", {SSE: "KMS", "x-oss-server-side-data-encryption": "SM4"},
     {SSE: "KMS", f"{SSE}-key-id": UUID, "x-oss-server-side-data-encryption": "SM4"}),
    ("data encryption alone", {"x-oss-server-side-data-encryption": "SM4"}, {}),
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("name", "sent", "shown"), KINDS, ids=[row[0] for row in KINDS])
def test_a_normal_object(
    attacker: Attacker,
    bucket: str,
    name: str,
    sent: dict[str, str],
    shown: Expected,
    method: str,
) -> None:
    put = attacker.ok(Call("PUT", bucket, name, headers=_lower(sent), body=BODY))
    encryption = {each: value for each, value in shown.items() if "server-side" in each}
    answer: Expected = {"ETag": ETAG, "Content-MD5": MD5, "x-oss-hash-crc64ecma": CRC}
    check(put, {**EVERY, "Content-Length": "0", **answer, **encryption})
    check(attacker.ok(Call(method, bucket, name)), {**OBJECT, **shown})


def test_a_part_of_an_object(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "plain", body=BODY))
    reply = attacker.ok(Call("GET", bucket, "plain", headers=(("range", "bytes=2-4"),)))
    assert reply.status == 206
    check(reply, {**OBJECT, "Content-Length": "3", "Content-Range": "bytes 2-4/10"})


def test_several_parts_of_an_object(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "plain", headers=(("content-type", "text/plain"),), body=BODY))
    headers = (
        ("range", "bytes=0-1,3-4,5-6,7-8"),
        ("x-oss-multi-range-behavior", "multi-range"),
    )
    reply = attacker.ok(Call("GET", bucket, "plain", headers=headers))
    assert reply.status == 206
    several: Expected = {
        **OBJECT,
        "Content-Type": re.compile(rf"multipart/byteranges;boundary={UUID.pattern}"),
        "Content-Length": "446",  # as in the documented sample
    }
    check(reply, several)
    boundary = reply.header("content-type").partition("=")[2]
    parts = reply.body.split(f"--{boundary}".encode())
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    assert parts[1:-1] == [
        b"\r\nContent-type: text/plain\r\nContent-range: bytes %d-%d/10\r\n\r\n%s\r\n"
        % (start, start + 1, BODY[start : start + 2])
        for start in (0, 3, 5, 7)
    ]


def test_object_meta_shows_a_few_headers(attacker: Attacker, bucket: str) -> None:
    sent = (("x-oss-tagging", "a=1"), ("x-oss-meta-a", "1"), (SSE, "AES256"))
    attacker.ok(Call("PUT", bucket, "meta", headers=sent, body=BODY))
    reply = attacker.ok(Call("HEAD", bucket, "meta", (("objectMeta", None),)))
    few = ("ETag", "Last-Modified", "Content-Length", "x-oss-hash-crc64ecma")
    expected: Expected = {**EVERY, **{name: OBJECT[name] for name in few}}
    found = names_of(reply)
    found.pop("Content-Type", None)  # of the HTTP layer
    assert found.keys() == expected.keys()
    assert attacker.call(Call("GET", bucket, "meta", (("objectMeta", None),))).status == 200


def test_an_appendable_object(attacker: Attacker, bucket: str) -> None:
    query = (("append", None), ("position", "0"))
    reply = attacker.ok(Call("POST", bucket, "log", query, body=BODY))
    after: Expected = {
        "ETag": OPAQUE,
        "x-oss-hash-crc64ecma": CRC,
        "x-oss-next-append-position": "10",
    }
    check(reply, {**EVERY, "Content-Length": "0", **after})
    seal = Call("POST", bucket, "log", (("seal", None), ("position", "10")))
    check(attacker.ok(seal), {**EVERY, "Content-Length": "0", "x-oss-sealed-time": DATE})
    appendable: Expected = {"x-oss-object-type": "Appendable", "x-oss-sealed-time": DATE}
    for method in ("GET", "HEAD"):
        check(attacker.ok(Call(method, bucket, "log")), {**NO_MD5, **appendable, **after})


def test_a_link(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "target", headers=((SSE, "AES256"),), body=BODY))
    sent = (("x-oss-symlink-target", "target"), ("x-oss-meta-a", "1"))
    link = re.compile(r'"[0-9A-F]{32}"')
    put = attacker.ok(Call("PUT", bucket, "link", (("symlink", None),), sent))
    made: Expected = {"ETag": link, "x-oss-hash-crc64ecma": "0", "Content-Length": "0"}
    check(put, {**EVERY, **made})
    read = attacker.ok(Call("GET", bucket, "link", (("symlink", None),)))
    shown: Expected = {"ETag": link, "Last-Modified": DATE, "Content-Length": "0"}
    found = names_of(read)
    found.pop("Content-Type", None)
    assert found.keys() == {*EVERY, *shown, "x-oss-symlink-target", "x-oss-meta-a"}
    through: Expected = {**OBJECT, "x-oss-object-type": "Symlink", "x-oss-meta-a": "1"}
    for method in ("GET", "HEAD"):
        check(attacker.ok(Call(method, bucket, "link")), through)


def test_versions(attacker: Attacker, versioned: str) -> None:
    put = attacker.ok(Call("PUT", versioned, "key", body=BODY))
    assert VERSION.fullmatch(names_of(put)["x-oss-version-id"])
    for method in ("GET", "HEAD"):
        check(attacker.ok(Call(method, versioned, "key")), {**OBJECT, "x-oss-version-id": VERSION})
    source = (("x-oss-copy-source", f"/{versioned}/key"),)
    copied = names_of(attacker.ok(Call("PUT", versioned, "copy", headers=source)))
    assert VERSION.fullmatch(copied["x-oss-version-id"])
    assert copied["x-oss-copy-source-version-id"] == names_of(put)["x-oss-version-id"]
    marker = attacker.ok(Call("DELETE", versioned, "key"))
    assert names_of(marker)["x-oss-delete-marker"] == "true"
    for method in ("GET", "HEAD"):
        gone = names_of(attacker.call(Call(method, versioned, "key")))
        assert gone["x-oss-delete-marker"] == "true"
        assert gone["x-oss-version-id"] == names_of(marker)["x-oss-version-id"]
        assert gone["x-oss-ec"] == "0026-00000001"


def test_what_an_answer_is_asked_to_show(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "plain", body=BODY))
    wanted = {name: value for name, value in DESCRIBED.items() if name != "x-oss-meta-colour"}
    query = tuple((f"response-{name.lower()}", value) for name, value in wanted.items())
    check(attacker.ok(Call("GET", bucket, "plain", query)), {**OBJECT, **wanted})


SSE_WRONG = [
    ({SSE: "rot13"}, "InvalidEncryptionAlgorithmError"),
    ({SSE: ""}, "InvalidEncryptionAlgorithmError"),
    ({SSE: "aes256"}, "InvalidEncryptionAlgorithmError"),
    ({SSE: "KMS", "x-oss-server-side-data-encryption": "AES256"},
     "InvalidDataEncryptionAlgorithmError"),
    ({"x-oss-server-side-data-encryption": "x"}, "InvalidDataEncryptionAlgorithmError"),
    ({SSE: "KMS", f"{SSE}-key-id": ""}, "InvalidParameter"),
    ({SSE: "AES256", f"{SSE}-key-id": "k"}, "InvalidArgument"),
    ({f"{SSE}-key-id": "k"}, "InvalidArgument"),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "code"), SSE_WRONG)
@pytest.mark.parametrize("how", ["put", "copy", "append"])
def test_encryption_that_there_is_not(
    attacker: Attacker, how: str, headers: dict[str, str], code: str
) -> None:
    pairs = tuple(headers.items())
    call = Call("PUT", "public", "new", headers=pairs, body=BODY)
    if how == "copy":
        copy = ("x-oss-copy-source", "/public/page")
        call = Call("PUT", "public", "new", headers=(*pairs, copy))
    if how == "append":
        if f"{SSE}-key-id" in headers:
            code = "InvalidArgument"  # an appendable object takes no key at all
        call = call._replace(method="POST", query=(("append", None), ("position", "0")))
    before = attacker.everything()
    reply = attacker.call(call)
    assert (reply.status, reply.code) == (400, code)
    assert attacker.everything() == before


def test_a_copy_is_encrypted_as_it_says_itself(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "secret", headers=((SSE, "KMS"),), body=BODY))
    source = ("x-oss-copy-source", f"/{bucket}/secret")
    plain = attacker.ok(Call("PUT", bucket, "copy", headers=(source,)))
    assert plain.header(SSE) == ""
    assert attacker.ok(Call("HEAD", bucket, "copy")).header(SSE) == ""
    asked = attacker.ok(Call("PUT", bucket, "copy", headers=(source, (SSE, "AES256"))))
    assert asked.header(SSE) == "AES256"
    shown = attacker.ok(Call("HEAD", bucket, "copy"))
    assert (shown.header(SSE), shown.header(f"{SSE}-key-id")) == ("AES256", "")


def test_the_default_key_is_always_the_same(attacker: Attacker, bucket: str) -> None:
    keys = {
        attacker.ok(Call("PUT", bucket, key, headers=((SSE, "KMS"),))).header(f"{SSE}-key-id")
        for key in ("a", "b")
    }
    assert len(keys) == 1


TEXT = (("content-type", "text/plain; charset=utf-8"),)


@pytest.mark.parametrize(
    ("accepted", "size", "content_type", "is_gzip"),
    [
        ("gzip", 1024, "text/plain; charset=utf-8", True),
        ("identity, gzip;q=0.5", 1024, "application/json", True),
        ("gzip", 1023, "text/plain", False),
        ("gzip", 1024, "image/png", False),
        ("gzip;q=0", 1024, "text/plain", False),
        ("identity", 1024, "text/plain", False),
        ("gzip", 300_000, "text/css", True),
    ],
)
def test_text_is_compressed_for_who_asks(
    attacker: Attacker, bucket: str, accepted: str, size: int, content_type: str, is_gzip: bool
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    attacker.ok(Call("PUT", bucket, "text", headers=(("content-type", content_type),), body=body))
    # HTTP/1.0, so that the content comes as it is and ends with the connection
    call = Call("GET", bucket, "text", headers=(("accept-encoding", accepted),))
    raw = attacker.server.raw(head_of(call, "a").replace(b"HTTP/1.1", b"HTTP/1.0"), timeout_s=1)
    head, _, content = raw.partition(b"\r\n\r\n")
    names = {line.partition(b":")[0] for line in head.split(b"\r\n")[1:]}
    assert (b"Content-Encoding" in names) == is_gzip
    assert (b"ETag" not in names) == is_gzip
    assert (b"Content-Length" not in names) == is_gzip
    assert b"x-oss-hash-crc64ecma" in names
    assert (zlib.decompress(content, 31) if is_gzip else content) == body


def test_a_part_is_never_compressed(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "text", headers=TEXT, body=b"x" * 4096))
    headers = (("accept-encoding", "gzip"), ("range", "bytes=0-2047"))
    assert attacker.ok(Call("GET", bucket, "text", headers=headers)).body == b"x" * 2048
