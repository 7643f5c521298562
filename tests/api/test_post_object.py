"""PostObject: what a form may say, who may send it, and what is answered."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.test_errors_of_operations import code_of
from tests.support.hostile import Attacker, Reply, check_clean
from tests.support.process import UID_A, UID_B
from tests.support.upload_forms import (
    CONTENT_TYPE,
    END,
    SUBMIT,
    file_part,
    form,
    part,
    policy,
    v1_fields,
    v4_fields,
)
from tests.support.wire import Call

_NUMBERS = itertools.count(1)
_HOST = b"Host: 127.0.0.1\r\n"


@pytest.fixture
def bucket(attacker: Attacker) -> str:
    """A bucket of account A."""
    name = f"forms-{next(_NUMBERS)}"
    attacker.ok(Call("PUT", name))
    return name


def post(
    attacker: Attacker, bucket: str, body: bytes, *, kind: str = CONTENT_TYPE, **headers: str
) -> Reply:
    """Send a form as a browser does: without any signature but the form's own."""
    pairs = (("content-type", kind), *((n.replace("_", "-"), v) for n, v in headers.items()))
    reply = attacker.call(Call("POST", bucket, headers=pairs, body=body), "")
    check_clean(reply)
    return reply


def signed(fields: dict[str, str], conditions: tuple[Any, ...] = ()) -> dict[str, str]:
    """The fields with a V1 signature of account A."""
    return {**fields, **v1_fields(policy(conditions))}


def clock_now(attacker: Attacker) -> datetime:
    """The time on the server's clock."""
    text = attacker.server.control("GET", "clock")["now"]
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def test_everything_a_form_says_is_kept(attacker: Attacker, bucket: str) -> None:
    fields = signed(
        {
            "key": "dir/${filename}",
            "Content-Type": "text/html",
            "Cache-Control": "no-cache",
            "Content-Disposition": "attachment",
            "Expires": "Fri, 28 Feb 2099 05:38:42 GMT",
            "X-OSS-Meta-Tag": "mytag",
            "x-oss-object-acl": "public-read",
            "x-oss-storage-class": "IA",
            "x-oss-tagging": "a=b",
            "x-oss-server-side-encryption": "AES256",
        }
    )
    reply = post(attacker, bucket, form(fields, b"content", "C:\\My Documents\\naïve.txt"))
    assert (reply.status, reply.body) == (204, b"")
    assert reply.header("etag") == f'"{hashlib.md5(b"content").hexdigest().upper()}"'
    assert reply.header("x-oss-server-side-encryption") == "AES256"
    shown = attacker.ok(Call("GET", bucket, "dir/naïve.txt"))
    assert shown.body == b"content"
    assert {
        name: shown.header(name)
        for name in ("content-type", "cache-control", "content-disposition", "x-oss-meta-tag")
    } == {
        "content-type": "text/html",
        "cache-control": "no-cache",
        "content-disposition": "attachment",
        "x-oss-meta-tag": "mytag",
    }
    assert shown.header("x-oss-storage-class") == "IA"
    assert shown.header("x-oss-tagging-count") == "1"
    assert shown.header("x-oss-object-type") == "Normal"
    acl = attacker.ok(Call("GET", bucket, "dir/naïve.txt", (("acl", None),)))
    assert b"<Grant>public-read</Grant>" in acl.body


TYPES = [
    ({}, "text/x-part", "text/x-part"),
    ({"Content-Type": "text/x-form"}, "text/x-part", "text/x-form"),
    ({"Content-Type": "text/x-form", "x-oss-content-type": "text/x-oss"}, "a/b", "text/x-oss"),
    ({"x-oss-content-type": ""}, "text/x-part", "text/x-part"),
]


@pytest.mark.parametrize(("fields", "kind", "shown"), TYPES)
def test_the_first_type_given_counts(
    attacker: Attacker, bucket: str, fields: dict[str, str], kind: str, shown: str
) -> None:
    post(attacker, bucket, form(signed({"key": "k", **fields}), b"x", kind=kind))
    assert attacker.ok(Call("HEAD", bucket, "k")).header("content-type") == shown


def test_a_file_without_a_type_has_the_default_one(attacker: Attacker, bucket: str) -> None:
    fields = b"".join(part(name, value) for name, value in signed({"key": "k"}).items())
    assert post(attacker, bucket, fields + part("file", b"x") + END).status == 204
    assert attacker.ok(Call("HEAD", bucket, "k")).header("content-type") == (
        "application/octet-stream"
    )


@pytest.mark.parametrize(("wanted", "status"), [("200", 200), ("201", 201), ("204", 204),
                                                ("404", 204), ("", 204), ("x", 204)])  # fmt: skip
def test_the_form_chooses_the_status(
    attacker: Attacker, bucket: str, wanted: str, status: int
) -> None:
    fields = signed({"key": "a b/<é>", "success_action_status": wanted})
    reply = post(attacker, bucket, form(fields, b"x"))
    assert reply.status == status
    if status != 201:
        assert reply.body == b""
        return
    document = reply.document
    assert document.tag == "PostResponse"
    assert document.findtext("Bucket") == bucket
    assert document.findtext("Key") == "a b/<é>"
    assert document.findtext("ETag") == reply.header("etag")
    assert (document.findtext("Location") or "").endswith("/a%20b/%3C%C3%A9%3E")


def test_a_browser_is_sent_on(attacker: Attacker, bucket: str) -> None:
    fields = {"key": "k", "success_action_redirect": "http://example.com/ok?a=b#c"}
    reply = post(attacker, bucket, form(signed(fields), b"x"))
    assert (reply.status, reply.body) == (303, b"")
    place = reply.header("location")
    assert place.startswith(f"http://example.com/ok?a=b&bucket={bucket}&key=k&etag=%22")
    assert place.endswith("%22#c")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "//x", "http://", "http://a/\r\nX: y", "http://é", "ftp://a/b"]
)
def test_a_browser_is_not_sent_just_anywhere(attacker: Attacker, bucket: str, url: str) -> None:
    fields = signed({"key": "k", "success_action_redirect": url})
    assert post(attacker, bucket, form(fields, b"x")).status == 204


def test_versions_are_kept(attacker: Attacker, bucket: str) -> None:
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    attacker.ok(Call("PUT", bucket, query=(("versioning", None),), body=enabled))
    ids = {
        post(attacker, bucket, form(signed({"key": "k"}), data)).header("x-oss-version-id")
        for data in (b"1", b"2")
    }
    assert len(ids) == 2
    assert "" not in ids


def test_large_files_stream(attacker: Attacker, bucket: str) -> None:
    data = bytes(range(256)) * 8192
    assert post(attacker, bucket, form(signed({"key": "k"}), data)).status == 204
    assert attacker.ok(Call("GET", bucket, "k")).body == data


def test_the_digest_of_the_whole_body_is_checked(attacker: Attacker, bucket: str) -> None:
    body = form(signed({"key": "k"}), b"x") + b"epilogue"
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    assert post(attacker, bucket, body, content_md5=md5).status == 204
    reply = post(attacker, bucket, body + b"!", content_md5=md5)
    assert (reply.status, code_of(reply)) == (400, "InvalidDigest")


def test_v4_and_its_date(attacker: Attacker, bucket: str) -> None:
    now = clock_now(attacker)
    conditions = [{"bucket": bucket}, ["starts-with", "$key", "in/"],
                  ["in", "$content-type", ["text/plain"]],
                  ["not-in", "$cache-control", ["no-cache"]]]  # fmt: skip
    good = v4_fields(conditions, now=now)
    assert post(attacker, bucket, form({**good, "key": "in/k"}, b"x")).status == 204
    refused = post(attacker, bucket, form({**good, "key": "out/k"}, b"x"))
    assert (refused.status, refused.code) == (403, "AccessDenied")
    other = v4_fields(conditions, now=now.replace(year=now.year + 1))
    refused = post(attacker, bucket, form({**other, "key": "in/k"}, b"x"))
    assert (refused.status, refused.code) == (403, "AccessDenied")


def test_the_caller_must_have_the_right_to_the_key(attacker: Attacker, bucket: str) -> None:
    statement = {
        "Effect": "Allow", "Action": ["oss:PutObject"], "Principal": [UID_B],
        "Resource": [f"acs:oss:*:{UID_A}:{bucket}/shared/*"],
    }  # fmt: skip
    document = json.dumps({"Version": "1", "Statement": [statement]}).encode()
    attacker.ok(Call("PUT", bucket, query=(("policy", None),), body=document))
    for key, status in (("shared/k", 204), ("other/k", 403)):
        fields = {"key": key, **v1_fields(policy(), "b")}
        assert post(attacker, bucket, form(fields, b"x")).status == status
    # an ACL or tags need their own rights
    for more in ({"x-oss-object-acl": "private"}, {"x-oss-tagging": "a=b"}):
        fields = {"key": "shared/k", **more, **v1_fields(policy(), "b")}
        reply = post(attacker, bucket, form(fields, b"x"))
        assert (reply.status, reply.code) == (403, "AccessDenied")


def test_everybody_may_write_where_everybody_may_write(attacker: Attacker, bucket: str) -> None:
    body = form({"key": "k"}, b"x")
    assert post(attacker, bucket, body).status == 403
    attacker.ok(
        Call("PUT", bucket, query=(("acl", None),), headers=(("x-oss-acl", "public-read-write"),))
    )
    assert post(attacker, bucket, body).status == 204
    # but who signs must do it right
    reply = post(attacker, bucket, form({"key": "k", "Signature": "x"}, b"x"))
    assert (reply.status, reply.code) == (400, "InvalidArgument")


def test_a_signed_header_is_not_looked_at(attacker: Attacker, bucket: str) -> None:
    headers = (("content-type", CONTENT_TYPE),)
    call = Call("POST", bucket, headers=headers, body=form({"key": "k"}, b"x"))
    assert attacker.call(call, "a").status == 403  # nobody signed the form
    call = call._replace(body=form(signed({"key": "k"}), b"x"))
    assert attacker.call(call, "b").status == 204


BROKEN_V1 = v1_fields(policy())
REFUSED: list[tuple[str, dict[str, str], bytes, int, str]] = [
    ("no key", {}, b"x", 400, "InvalidArgument"),
    ("an empty key", {"key": ""}, b"x", 400, "InvalidArgument"),
    ("a key that cannot be", {"key": "/k"}, b"x", 400, "InvalidObjectName"),
    ("a NUL in a key", {"key": "a\0b"}, b"x", 400, "InvalidObjectName"),
    ("a long key", {"key": "k" * 1024}, b"x", 400, "InvalidObjectName"),
    ("an unknown ACL", {"key": "k", "x-oss-object-acl": "all"}, b"x", 400, "InvalidArgument"),
    ("an unknown class", {"key": "k", "x-oss-storage-class": "x"}, b"x", 400, "InvalidArgument"),
    ("a flag that is none", {"key": "k", "x-oss-forbid-overwrite": "x"}, b"x", 400,
     "InvalidArgument"),
    ("a line break in metadata", {"key": "k", "x-oss-meta-a": "a\r\nb"}, b"x", 400,
     "InvalidArgument"),
    ("too much metadata", {"key": "k", "x-oss-meta-a": "a" * 9000}, b"x", 400, "InvalidArgument"),
    ("an unknown cipher", {"key": "k", "x-oss-server-side-encryption": "rot13"}, b"x", 400,
     "InvalidEncryptionAlgorithmError"),
    ("another checksum", {"key": "k", "x-oss-hash-crc64ecma": "1"}, b"x", 400, "InvalidCRC64"),
    ("a callback while none may be made", {"key": "k", "callback": "e30="}, b"x", 400,
     "NotImplemented"),
    ("a wrong signature", {"key": "k", **BROKEN_V1, "Signature": "x"}, b"x", 403,
     "SignatureDoesNotMatch"),
    ("another policy", {"key": "k", **BROKEN_V1, "policy": policy([{"a": "b"}])}, b"x", 403,
     "SignatureDoesNotMatch"),
    ("an unknown key id", {"key": "k", **BROKEN_V1, "OSSAccessKeyId": "nobody"}, b"x", 403,
     "InvalidAccessKeyId"),
    ("a token of nobody", {"key": "k", **BROKEN_V1, "x-oss-security-token": "t"}, b"x", 403,
     "AccessKeyIdAndSecurityTokenNotMatch"),
    ("a policy that ended", {"key": "k", **v1_fields(policy(expiration="2020-01-01T00:00:00Z"))},
     b"x", 403, "AccessDenied"),
    ("a policy that is none", {"key": "k", **v1_fields("bm9uZQ==")}, b"x", 400,
     "InvalidPolicyDocument"),
    ("another bucket", {"key": "k", **v1_fields(policy([{"bucket": "x"}]))}, b"x", 403,
     "AccessDenied"),
    ("too small", {"key": "k", **v1_fields(policy([["content-length-range", 2, 9]]))}, b"x", 400,
     "EntityTooSmall"),
    ("too large", {"key": "k", **v1_fields(policy([["content-length-range", 0, 9]]))},
     b"x" * 100_000, 400, "EntityTooLarge"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "fields", "data", "status", "code"), REFUSED, ids=[row[0] for row in REFUSED]
)
def test_a_refused_form_leaves_no_trace(
    attacker: Attacker,
    bucket: str,
    name: str,
    fields: dict[str, str],
    data: bytes,
    status: int,
    code: str,
) -> None:
    before = attacker.everything()
    given = fields if "policy" in fields else {**fields, **BROKEN_V1}
    reply = post(attacker, bucket, form(given, data))
    assert (reply.status, code_of(reply)) == (status, code), reply.raw
    assert attacker.everything() == before


def test_what_exists_may_be_kept_from_being_overwritten(attacker: Attacker, bucket: str) -> None:
    fields = signed({"key": "k", "x-oss-forbid-overwrite": "true"})
    assert post(attacker, bucket, form(fields, b"1")).status == 204
    reply = post(attacker, bucket, form(fields, b"2"))
    assert (reply.status, reply.code) == (409, "FileAlreadyExists")


BODIES = [
    ("no form", b"key=k", "application/x-www-form-urlencoded", "RequestIsNotMultiPartContent"),
    ("no boundary", b"", "multipart/form-data", "MalformedPOSTRequest"),
    ("a boundary of 300", b"", "multipart/form-data; boundary=" + "x" * 300,
     "MalformedPOSTRequest"),
    ("no file", part("key", "k") + END, CONTENT_TYPE, "IncorrectNumberOfFilesInPOSTRequest"),
    ("the key after the file", file_part(b"x") + part("key", "k") + END, CONTENT_TYPE,
     "InvalidArgument"),
    ("1000 fields", b"".join(part(f"f{n}", "") for n in range(1000)) + file_part(b"") + END,
     CONTENT_TYPE, "MaxPOSTPreDataLengthExceededError"),
    ("a preamble of 1 MB", b"x" * (1 << 20) + SUBMIT + END, CONTENT_TYPE,
     "MaxPOSTPreDataLengthExceededError"),
    ("a field over 2 MB", part("f", b"x" * (2 << 20) + b"x") + SUBMIT, CONTENT_TYPE,
     "FieldItemTooLong"),
]  # fmt: skip


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("name", "body", "kind", "code"), BODIES, ids=[row[0] for row in BODIES])
def test_a_body_that_is_no_form_is_refused(
    attacker: Attacker, name: str, body: bytes, kind: str, code: str
) -> None:
    reply = post(attacker, "src-bucket", body, kind=kind)
    assert (reply.status, code_of(reply)) == (400, code)


def test_a_form_that_ends_too_early_is_refused(attacker: Attacker, bucket: str) -> None:
    whole = form(signed({"key": "k"}), b"data")
    for length in range(0, len(whole) - len(SUBMIT + END), 37):
        reply = post(attacker, bucket, whole[:length])
        assert (reply.status, reply.code) == (400, "MalformedPOSTRequest")
    assert attacker.call(Call("GET", bucket, "k")).status == 404


def test_a_chunked_form_with_expectation_is_read(attacker: Attacker, bucket: str) -> None:
    body = form(signed({"key": "k"}), b"data")
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, bytes([byte])) for byte in body) + b"0\r\n\r\n"
    head = f"POST /{bucket} HTTP/1.1\r\n".encode() + _HOST
    head += f"Content-Type: {CONTENT_TYPE}\r\nTransfer-Encoding: chunked\r\n".encode()
    with attacker.line() as line:
        line.send(head + b"Expect: 100-continue\r\n\r\n")
        going_on = line.reply("POST")
        assert going_on is not None
        assert going_on.status == 100
        line.send(chunks)
        reply = line.reply("POST")
    assert reply is not None
    assert reply.status == 204
