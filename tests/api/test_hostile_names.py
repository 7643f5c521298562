"""Targets and names: every spelling is its own key, and no key reaches the file system."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from tests.support.hostile import Attacker, Reply, check_clean, check_refused, signed_raw
from tests.support.hostile_table import answers
from tests.support.wire import Call

BIG = b"b" * 70_000  # larger than what the metadata store keeps itself

# id, the key as it is sent, the key it is
ORDINARY_KEYS = [
    ("B1 dots", "../../../etc/passwd", "../../../etc/passwd"),
    ("B1 one dot", ".", "."),
    ("B1 two dots", "..", ".."),
    ("B1 double slash inside", "a//b", "a//b"),
    ("B1 single slash inside", "a/b", "a/b"),
    ("B1 dot segment", "a/./b", "a/./b"),
    ("B1 trailing dot", "a.", "a."),
    ("B1 escaped dots", "%2e%2e/x", "../x"),
    ("B1 backslashes", "..%5C..%5Cx", "..\\..\\x"),
    ("B1 escaped slash", "p%2Fq", "p/q"),
    ("B3 1,023 bytes", "k" * 1023, "k" * 1023),
    ("B3 1,023 bytes of three-byte letters", quote("試" * 341), "試" * 341),
    ("B4 CR LF", "x%0D%0Ay", "x\r\ny"),
    ("B4 control characters", "x%01%1F%7Fy", "x\x01\x1f\x7fy"),
    ("B5 escaped percent", "%25zz", "%zz"),
    ("B5 escaped twice", "%2525zz", "%25zz"),
    ("B6 plus", "a+b", "a+b"),
    ("B6 blank", "a%20b", "a b"),
    ("B6 semicolon", "a;b", "a;b"),
    ("B6 colon", "a:b", "a:b"),
    ("B6 at", "a@b", "a@b"),
    ("B6 composed", quote("é"), "é"),
    ("B6 decomposed", quote("e\u0301"), "e\u0301"),
    ("B6 emoji", quote("🦀"), "🦀"),
    ("B6 right to left", quote("a\u202eb"), "a\u202eb"),
    ("B6 markup", quote("<b>&amp;\"'"), "<b>&amp;\"'"),
    ("B6 private use", quote("\U0010fffd\ufffe"), "\U0010fffd\ufffe"),
    ("B7 like a control path", "_emulator/health", "_emulator/health"),
]


def test_every_key_keeps_its_own_bytes_and_nothing_leaves_the_data_folder(
    attacker: Attacker, data_folder: Path
) -> None:
    outside = _files_outside(data_folder)
    attacker.ok(Call("PUT", "names"))
    for number, (_, sent, key) in enumerate(ORDINARY_KEYS):
        body = b"%d " % number + (BIG if number % 3 == 0 else b"")
        put = signed_raw("PUT", f"/names/{sent}", bucket="names", key=key, length=len(body))
        reply = attacker.raw(put + body, "PUT")
        assert reply is not None
        assert reply.status == 200, reply.raw
    for number, (_, sent, key) in enumerate(ORDINARY_KEYS):
        reply = attacker.raw(signed_raw("GET", f"/names/{sent}", bucket="names", key=key))
        assert reply is not None
        assert reply.body.startswith(b"%d " % number), (sent, reply.raw[:500])
    assert _listed(attacker) == sorted((key for _, _, key in ORDINARY_KEYS), key=str.encode)
    assert _files_outside(data_folder) == outside
    for _, _, key in ORDINARY_KEYS:
        attacker.ok(Call("DELETE", "names", key))
    attacker.ok(Call("DELETE", "names"))


def _listed(attacker: Attacker) -> list[str]:
    query = (("encoding-type", "url"), ("max-keys", "1000"))
    document = attacker.ok(Call("GET", "names", query=query)).document
    return [unquote(each.text or "") for each in document.iterfind("Contents/Key")]


def _files_outside(data_folder: Path) -> set[Path]:
    return {path for path in data_folder.parent.rglob("*") if data_folder not in path.parents}


REFUSED_KEYS = [
    ("B2 slash", "/x", "InvalidObjectName"),
    ("B2 escaped slash", "%2Fx", "InvalidObjectName"),
    ("B2 backslash", "%5Cx", "InvalidObjectName"),
    ("B3 1,024 bytes", "k" * 1024, "InvalidObjectName"),
    ("B3 342 letters of three bytes", quote("試" * 342), "InvalidObjectName"),
    ("B3 cut in the middle of a letter", quote("試" * 341)[:-3], "InvalidObjectName"),
    ("B4 no UTF-8", "%ff%fe", "InvalidObjectName"),
    ("B4 overlong", "%c0%af", "InvalidObjectName"),
    ("B4 lone surrogate", "%ed%a0%80", "InvalidObjectName"),
    ("B4 NUL", "a%00b", "InvalidObjectName"),
    ("B4 broken escape", "%zz", "InvalidObjectName"),
    ("B4 lone percent", "a%", "InvalidObjectName"),
    ("B4 half an escape", "a%2", "InvalidObjectName"),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("name", "sent", "code"), REFUSED_KEYS, ids=[r[0] for r in REFUSED_KEYS])
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_what_is_no_key_is_refused(
    attacker: Attacker, method: str, name: str, sent: str, code: str
) -> None:
    reply = attacker.raw(signed_raw(method, f"/src-bucket/{sent}", key="?"), method)
    check_refused(reply, 400, code)


BUCKETS = [
    *("..", ".", "A", "Abc", "a_b", "-ab", "ab-", "ab", "a" * 64, "a.b", "192.168.0.1", "xn--"),
    *("%61bc", "a%2Fb", "%00abc", "a%20b", "ä", "<x>"),
]


@answers("B7")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize(("method", "query"), [("PUT", ""), ("DELETE", ""), ("PUT", "?acl")])
def test_what_is_no_bucket_name_makes_and_finds_no_bucket(
    attacker: Attacker, method: str, query: str, bucket: str
) -> None:
    target = f"/{quote(bucket, safe='%.')}{query}"
    params = (("acl", None),) if query else ()
    reply = attacker.raw(signed_raw(method, target, bucket=bucket, query=params), method)
    assert reply is not None
    if (reply.status, reply.code) == (404, "NoSuchBucket"):  # may have existed before the rule
        assert bucket == "a_b"
        assert (method, query) != ("PUT", "")
    else:
        check_refused(reply, 400, "InvalidBucketName")


SUB_RESOURCES = [
    ("PUT", "?acl&acl", 400, "InvalidArgument"),
    ("PUT", "?acl&versioning", 400, "InvalidArgument"),
    ("GET", "?acl&policy", 400, "InvalidArgument"),
    ("PUT", "?acl=x", 400, "MissingArgument"),
    ("PUT", "?vip", 400, "NotImplemented"),
    ("PUT", "?lifecycle", 400, "MalformedXML"),
    ("GET", "?asyncFetch", 400, "NotImplemented"),
    ("PUT", "?policy&comp=nothing", 400, "InvalidArgument"),
    ("DELETE", "?inventoryId=1", 400, "InvalidArgument"),
    ("DELETE", "?versioning", 405, "MethodNotAllowed"),
    ("POST", "?replication", 400, "InvalidArgument"),
    ("POST", "?replication&comp=drop", 400, "InvalidArgument"),
    ("DELETE", "?udfImage", 400, "NotImplemented"),
    ("GET", "?prefix=a&prefix=b", 400, "InvalidArgument"),
    ("GET", "?max-keys=1&max-keys=2", 400, "InvalidArgument"),
    ("GET", "?prefix=%ff", 400, "InvalidArgument"),
    ("GET", "?prefix=%zz", 400, "InvalidArgument"),
    ("GET", "?%00=a", 200, ""),
    ("GET", "?unknown", 200, ""),
    ("PATCH", "", 405, "MethodNotAllowed"),
    ("PATCH", "?acl", 405, "MethodNotAllowed"),
]


@answers("B8")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("method", "query", "status", "code"), SUB_RESOURCES)
@pytest.mark.parametrize("bucket", ["src-bucket", "new-bucket"])
def test_a_sub_resource_is_the_one_it_says_or_none(
    attacker: Attacker, bucket: str, method: str, query: str, status: int, code: str
) -> None:
    params = tuple(
        (unquote(name), unquote(value) if equals else None)
        for name, equals, value in (part.partition("=") for part in query[1:].split("&") if part)
    )
    reply = attacker.raw(
        signed_raw(method, f"/{bucket}{query}", bucket=bucket, query=params), method
    )
    assert reply is not None
    check_clean(reply)
    if bucket == "new-bucket" and reply.code == "NoSuchBucket":
        return
    assert (reply.status, reply.code) == (status, code), reply.raw


@answers("B8")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", ["vip", "udf", "lifecycle", "unknown-sub-resource", "acl"])
def test_a_sub_resource_never_creates_a_bucket(attacker: Attacker, name: str) -> None:
    reply = attacker.call(Call("PUT", "brand-new", query=((name, None),)))
    assert reply.status in (400, 404)


OVERRIDES = [
    ("response-content-type", "a\r\nx-evil: 1", 400),
    ("response-content-disposition", "a\nb", 400),
    ("response-cache-control", "a\0b", 400),
    ("response-content-encoding", "\x7f", 400),
    ("response-content-language", "ü", 200),
    ("response-expires", "x" * 5000, 200),
]


@answers("B9")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("name", "value", "status"), OVERRIDES)
def test_a_header_override_cannot_split_the_answer(
    attacker: Attacker, name: str, value: str, status: int
) -> None:
    reply = attacker.call(Call("GET", "src-bucket", "plain", query=((name, value),)))
    check_clean(reply)
    assert reply.status == status
    assert reply.header("x-evil") == ""
    if status == 400:
        assert reply.code == "InvalidArgument"


@answers("B9")
@pytest.mark.usefixtures("unchanged")
def test_header_overrides_are_for_signed_requests(attacker: Attacker) -> None:
    query = (("response-content-type", "text/html"),)
    reply = attacker.call(Call("GET", "public", "page", query=query), "")
    check_refused(reply, 400, "InvalidRequest")


NUMBERS = [
    "0",
    "-1",
    "1001",
    "2147483648",
    "9" * 400,
    " 5",
    "5.0",
    "\u0665",
    "",
    "+5",
    "0x5",
    "1e2",
]


@answers("B10", "E4")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("other", [(), (("list-type", "2"),), (("versions", None),)])
def test_a_page_size_is_a_number_between_one_and_a_thousand(
    attacker: Attacker, other: tuple[tuple[str, str | None], ...], text: str
) -> None:
    call = Call("GET", "src-bucket", query=(*other, ("max-keys", text)))
    check_refused(attacker.call(call), 400, "InvalidArgument")


LISTINGS: list[tuple[tuple[tuple[str, str | None], ...], int]] = [
    ((("prefix", "p" * 1023),), 200),
    ((("prefix", "p" * 1024),), 400),
    ((("delimiter", "d" * 1023),), 200),
    ((("delimiter", "d" * 1024),), 400),
    ((("marker", "\U0010ffff" * 255),), 200),
    ((("marker", "m" * 1024),), 400),
    ((("encoding-type", "html"),), 400),
    ((("list-type", "2"), ("continuation-token", "not base64!")), 400),
    ((("list-type", "2"), ("continuation-token", "/" * 100_0)), 400),
    ((("list-type", "2"), ("continuation-token", "gA==")), 400),
    ((("versions", None), ("version-id-marker", "x")), 400),
    ((("versions", None), ("key-marker", "a"), ("version-id-marker", "")), 400),
    ((("versions", None), ("key-marker", "a"), ("version-id-marker", "../../x")), 400),
    ((("versions", None), ("key-marker", "a"), ("version-id-marker", "v" * 9000)), 400),
]


@answers("B10")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("query", "status"), LISTINGS)
def test_listings_take_any_text_and_refuse_what_is_too_long(
    attacker: Attacker, query: tuple[tuple[str, str | None], ...], status: int
) -> None:
    reply = attacker.call(Call("GET", "src-bucket", query=query))
    check_clean(reply)
    assert reply.status == status, reply.raw
    assert reply.code == ("InvalidArgument" if status == 400 else "")


VERSION_IDS = [
    ("plain", "", 400, "InvalidArgument"),
    ("plain", "../", 400, "InvalidArgument"),
    ("plain", "x" * 1_000, 400, "InvalidArgument"),
    ("plain", "'; DROP TABLE", 400, "InvalidArgument"),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("key", "version_id", "status", "code"), VERSION_IDS)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_version_id_that_none_can_be_is_refused(
    attacker: Attacker, method: str, key: str, version_id: str, status: int, code: str
) -> None:
    call = Call(method, "versioned", key, query=(("versionId", version_id),))
    check_refused(attacker.call(call), status, code)


@pytest.mark.usefixtures("unchanged")
def test_a_version_of_another_key_or_bucket_is_not_found(attacker: Attacker) -> None:
    stack = attacker.ok(
        Call("GET", "versioned", query=(("versions", None), ("prefix", "key")))
    ).document
    version_id = stack.findtext("Version/VersionId", "")
    assert version_id
    elsewhere: list[tuple[str, str]] = [("versioned", "gone"), ("src-bucket", "plain")]
    for bucket, key in elsewhere:
        reply: Reply = attacker.call(Call("GET", bucket, key, query=(("versionId", version_id),)))
        check_refused(reply, 404, "NoSuchVersion")
