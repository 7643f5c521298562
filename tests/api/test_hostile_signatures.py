"""Signatures and time: what is signed holds, what is not signed is nobody's."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from emulator.protocol.operations.find import OPERATIONS
from emulator.protocol.operations.model import Operation
from emulator.protocol.signing import (
    Credentials,
    Scheme,
    Signer,
    SigningRequest,
    request_target,
)
from tests.support.hostile import HOST, Attacker, check_refused, signed_raw
from tests.support.hostile_table import answers
from tests.support.operations import request_of
from tests.support.process import KEY_A, KEY_B, SECRET_A
from tests.support.wire import Call

Query = tuple[tuple[str, str | None], ...]
SCHEMES = [Scheme.V1, Scheme.V2, Scheme.V4]
SKEW_S = 900


def signer(
    scheme: Scheme = Scheme.V4,
    *,
    key_id: str = KEY_A,
    secret: str = SECRET_A,
    token: str | None = None,
    region: str = "cn-hangzhou",
) -> Signer:
    credentials = Credentials(access_key_id=key_id, secret=secret, security_token=token)
    return Signer(credentials=credentials, scheme=scheme, region=region)


def head(request: SigningRequest, added: dict[str, str]) -> bytes:
    pairs = [("host", "127.0.0.1"), *request.headers, *added.items(), ("content-length", "0")]
    lines = [f"{request.method} {request_target(request)} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in pairs]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


PLAIN = SigningRequest(method="GET", bucket="src-bucket", key="plain")

AUTHORIZATIONS = [
    ("F1 unknown scheme", "Basic dXNlcjpwYXNz", 400, "InvalidArgument"),
    ("F1 Amazon's", "AWS4-HMAC-SHA256 Credential=x", 400, "InvalidArgument"),
    ("F1 empty", "", 400, "InvalidArgument"),
    ("F1 one word", "OSS", 400, "InvalidArgument"),
    ("F1 no colon", "OSS LTAIemulatorA", 400, "InvalidArgument"),
    ("F1 two colons", "OSS LTAIemulatorA:a:b", 400, "InvalidArgument"),
    ("F1 no key", "OSS :abc", 400, "InvalidArgument"),
    ("F1 no signature", "OSS LTAIemulatorA:", 400, "InvalidArgument"),
    ("F1 unknown key", "OSS LTAInobody:abc", 403, "InvalidAccessKeyId"),
    ("F1 blank in key", "OSS LTAI nobody:abc", 403, "InvalidAccessKeyId"),
    ("F1 temporary key", "OSS STS.nobody:abc", 403, "InvalidAccessKeyId"),
    ("F1 V4 empty", "OSS4-HMAC-SHA256 ", 400, "InvalidArgument"),
    ("F1 V4 no scope", "OSS4-HMAC-SHA256 Credential=a,Signature=b", 400, "InvalidArgument"),
    ("F1 V4 long", "OSS4-HMAC-SHA256 Credential=" + "a/" * 5000, 400, "InvalidArgument"),
    ("F9 terminator", "OSS4-HMAC-SHA256 Credential=LTAIemulatorA/20240102/cn-hangzhou/oss/aws4,"
     "Signature=b", 400, "InvalidArgument"),
    ("F9 product", "OSS4-HMAC-SHA256 Credential=LTAIemulatorA/20240102/cn-hangzhou/s3/"
     "aliyun_v4_request,Signature=b", 400, "InvalidArgument"),
    ("F9 day", "OSS4-HMAC-SHA256 Credential=LTAIemulatorA/2024/cn-hangzhou/oss/"
     "aliyun_v4_request,Signature=b", 400, "InvalidArgument"),
]  # fmt: skip


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("name", "value", "status", "code"), AUTHORIZATIONS, ids=[row[0] for row in AUTHORIZATIONS]
)
def test_an_authorization_that_is_none_is_refused(
    attacker: Attacker, name: str, value: str, status: int, code: str
) -> None:
    request = b"PUT /src-bucket/plain HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n"
    request += f"Authorization: {value}\r\nDate: Tue, 02 Jan 2024 03:04:05 GMT\r\n\r\n".encode()
    check_refused(attacker.raw(request, "PUT"), status, code)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_wrong_secret_is_told_what_was_signed_but_no_secret(
    attacker: Attacker, scheme: Scheme
) -> None:
    added = signer(scheme, secret="emulatorSecretX").headers(PLAIN, time.time())
    reply = attacker.raw(head(PLAIN, added))
    check_refused(reply, 403, "SignatureDoesNotMatch")
    assert reply is not None
    assert reply.document.findtext("StringToSign")
    assert SECRET_A.encode() not in reply.raw


@answers("C5")
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signed_request_without_a_date_is_refused(attacker: Attacker, scheme: Scheme) -> None:
    for wrong in (None, "yesterday", "", "9" * 30, "20240102T030405"):
        added = signer(scheme).headers(PLAIN, time.time())
        name = "x-oss-date" if scheme is Scheme.V4 else "date"
        added.pop(name)
        if wrong is not None:
            added[name] = wrong
        check_refused(attacker.raw(head(PLAIN, added)), 403, "AccessDenied")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("sign", [1, -1])
def test_fifteen_minutes_are_the_limit_both_ways(
    attacker: Attacker, scheme: Scheme, sign: int
) -> None:
    now_s = _server_now_s(attacker)
    for off_s, status in ((SKEW_S - 1, 200), (SKEW_S + 1, 403)):
        added = signer(scheme).headers(PLAIN, now_s + sign * off_s)
        reply = attacker.raw(head(PLAIN, added))
        assert reply is not None
        assert reply.status == status, reply.raw
        if status == 403:
            check_refused(reply, 403, "RequestTimeTooSkewed")
            assert reply.document.findtext("MaxAllowedSkewMilliseconds") == "900000"


def test_a_signed_request_may_come_again(attacker: Attacker) -> None:
    request = signed_raw("GET", "/src-bucket/plain", key="plain")
    for _ in range(3):
        reply = attacker.raw(request)
        assert reply is not None
        assert reply.status == 200


@pytest.mark.usefixtures("unchanged")
def test_another_body_under_a_signed_digest_is_refused(attacker: Attacker) -> None:
    digest = [("content-md5", "kAFQmDzST7DWlj99KOF/cg==")]  # of "abc"
    request = signed_raw("PUT", "/src-bucket/x", key="x", headers=digest, length=3)
    check_refused(attacker.raw(request + b"abd", "PUT"), 400, "InvalidDigest")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signed_header_may_not_be_changed_or_added(attacker: Attacker, scheme: Scheme) -> None:
    private = ("x-oss-object-acl", "private")
    request = SigningRequest(method="PUT", bucket="src-bucket", key="x", headers=(private,))
    added = signer(scheme).headers(request, time.time())
    changed = head(request, added).replace(b"acl: private", b"acl: public-read")
    check_refused(attacker.raw(changed, "PUT"), 403, "SignatureDoesNotMatch")
    bare = SigningRequest(method="PUT", bucket="src-bucket", key="x")
    added = signer(scheme).headers(bare, time.time())
    more = head(bare, {**added, "x-oss-meta-more": "1"})
    check_refused(attacker.raw(more, "PUT"), 403, "SignatureDoesNotMatch")


def test_a_header_that_is_not_signed_may_be_changed(attacker: Attacker) -> None:
    added = signer().headers(PLAIN, time.time())
    reply = attacker.raw(head(PLAIN, {**added, "user-agent": "other", "range": "bytes=0-1"}))
    assert reply is not None
    assert (reply.status, reply.body) == (206, b"01")


CHANGES: list[tuple[str, Callable[[str], str], str]] = [
    ("key", lambda url: url.replace("/plain?", "/empty?"), "GET"),
    ("bucket", lambda url: url.replace("/src-bucket/", "/public/"), "GET"),
    ("method", lambda url: url, "PUT"),
    ("sub-resource", lambda url: url + "&acl", "GET"),
    ("tagging", lambda url: url + "&tagging", "GET"),
    ("override", lambda url: url + "&response-content-type=text%2Fhtml", "GET"),
    ("version", lambda url: url + "&versionId=null", "GET"),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("name", "change", "method"), CHANGES, ids=[row[0] for row in CHANGES])
def test_a_presigned_url_is_good_for_what_it_says_only(
    attacker: Attacker, scheme: Scheme, name: str, change: Callable[[str], str], method: str
) -> None:
    url = presigned(scheme, attacker)
    good = attacker.raw(f"GET {url} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
    assert good is not None
    assert good.status == 200, good.raw
    wrong = f"{method} {change(url)} HTTP/1.1\r\n".encode() + HOST + b"Content-Length: 0\r\n\r\n"
    check_refused(attacker.raw(wrong, method), 403, "SignatureDoesNotMatch")


def presigned(scheme: Scheme, attacker: Attacker, *, expires_s: int = 60, off_s: float = 0) -> str:
    query = signer(scheme).presigned_query(PLAIN, _server_now_s(attacker) + off_s, expires_s)
    return request_target(
        SigningRequest(method="GET", bucket="src-bucket", key="plain", query=query)
    )


LATE = [
    (Scheme.V1, 60, -61, 403, "AccessDenied"),
    (Scheme.V1, 60, -59, 200, ""),
    (Scheme.V2, 60, -61, 403, "AccessDenied"),
    (Scheme.V4, 60, -61, 403, "AccessDenied"),
    (Scheme.V4, 60, -59, 200, ""),
    (Scheme.V4, 60, 899, 200, ""),
    (Scheme.V4, 60, 901, 403, "AccessDenied"),
    (Scheme.V4, 604_800, 0, 200, ""),
    (Scheme.V4, 604_801, 0, 400, "InvalidArgument"),
    (Scheme.V4, 0, 0, 400, "InvalidArgument"),
    (Scheme.V4, -5, 0, 400, "InvalidArgument"),
]


@pytest.mark.parametrize(("scheme", "expires_s", "off_s", "status", "code"), LATE)
def test_a_presigned_url_has_its_time(
    attacker: Attacker, scheme: Scheme, expires_s: int, off_s: int, status: int, code: str
) -> None:
    url = presigned(scheme, attacker, expires_s=expires_s, off_s=off_s)
    reply = attacker.raw(f"GET {url} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
    assert reply is not None
    assert (reply.status, reply.code) == (status, code), reply.raw


BROKEN_URLS = [
    ("no expiry", "?OSSAccessKeyId=LTAIemulatorA&Signature=x", 403, "AccessDenied"),
    ("no key", "?Expires=9999999999&Signature=x", 403, "AccessDenied"),
    ("no signature", "?OSSAccessKeyId=LTAIemulatorA&Expires=9999999999", 403, "AccessDenied"),
    ("expiry of letters", "?OSSAccessKeyId=LTAIemulatorA&Expires=x&Signature=x", 403,
     "AccessDenied"),
    ("expiry of many digits", "?OSSAccessKeyId=LTAIemulatorA&Signature=x&Expires=" + "9" * 400,
     403, "AccessDenied"),
    ("twice", "?OSSAccessKeyId=a&OSSAccessKeyId=b&Expires=1&Signature=x", 400, "InvalidArgument"),
    ("two versions", "?OSSAccessKeyId=a&x-oss-signature-version=OSS4-HMAC-SHA256&Signature=x",
     400, "InvalidArgument"),
    ("version 3", "?x-oss-signature-version=OSS3&x-oss-signature=x", 400, "InvalidArgument"),
    ("V4 without a credential", "?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-signature=x",
     400, "InvalidArgument"),
]  # fmt: skip


@answers("E4")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("name", "query", "status", "code"), BROKEN_URLS, ids=[row[0] for row in BROKEN_URLS]
)
def test_a_broken_signed_url_is_refused(
    attacker: Attacker, name: str, query: str, status: int, code: str
) -> None:
    request = f"PUT /src-bucket/plain{query} HTTP/1.1\r\n".encode() + HOST
    check_refused(attacker.raw(request + b"Content-Length: 0\r\n\r\n", "PUT"), status, code)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signature_in_header_and_url_is_refused(attacker: Attacker, scheme: Scheme) -> None:
    url = presigned(scheme, attacker)
    added = signer().headers(PLAIN, time.time())
    lines = "".join(f"{name}: {value}\r\n" for name, value in added.items())
    request = f"GET {url} HTTP/1.1\r\n{lines}".encode() + HOST + b"\r\n"
    check_refused(attacker.raw(request), 400, "InvalidArgument")


def test_a_scope_holds_for_its_day_and_its_key(attacker: Attacker) -> None:
    now_s = time.time()
    added = signer().headers(PLAIN, now_s)
    today = time.strftime("%Y%m%d", time.gmtime(now_s))
    for old, new, status, code in [
        (f"/{today}/", "/20200101/", 400, "InvalidArgument"),
        ("/cn-hangzhou/", "/cn-beijing/", 403, "SignatureDoesNotMatch"),
        (KEY_A, KEY_B, 403, "SignatureDoesNotMatch"),
        ("/oss/", "/oss-cloudbox/", 403, "SignatureDoesNotMatch"),
    ]:
        changed = {**added, "authorization": added["authorization"].replace(old, new)}
        check_refused(attacker.raw(head(PLAIN, changed)), status, code)


@pytest.mark.parametrize(
    ("listed", "status", "code"),
    [
        ("host", 403, "SignatureDoesNotMatch"),
        ("range;host", 403, "SignatureDoesNotMatch"),
        (";", 400, "InvalidArgument"),
        ("a b", 400, "InvalidArgument"),
        ("x" * 5000, 403, "SignatureDoesNotMatch"),
    ],
)
def test_additional_headers_cannot_be_claimed_afterwards(
    attacker: Attacker, listed: str, status: int, code: str
) -> None:
    added = signer().headers(PLAIN, time.time())
    value = added["authorization"].replace(",Signature", f",AdditionalHeaders={listed},Signature")
    check_refused(attacker.raw(head(PLAIN, {**added, "authorization": value})), status, code)


def test_an_unknown_payload_marker_is_refused(attacker: Attacker) -> None:
    marker = (("x-oss-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca49599"),)
    added = signer().headers(PLAIN, time.time())
    wrong = {**added, **dict(marker)}
    check_refused(attacker.raw(head(PLAIN, wrong)), 400, "InvalidArgument")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_permanent_key_takes_no_token(attacker: Attacker, scheme: Scheme) -> None:
    added = signer(scheme, token="CAISabc").headers(PLAIN, time.time())
    reply = attacker.raw(head(PLAIN, added))
    check_refused(reply, 403, "AccessKeyIdAndSecurityTokenNotMatch")
    assert reply is not None
    assert b"CAISabc" not in reply.raw


# A form is signed inside its body: its tests are beside those of the other fields.
SIGNED = [operation for operation in OPERATIONS if operation.name != "PostObject"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("operation", SIGNED, ids=lambda each: each.name)
def test_no_operation_takes_a_wrong_signature(attacker: Attacker, operation: Operation) -> None:
    request = request_of(operation)
    for scheme in SCHEMES:
        wrong = signer(scheme, secret="wrong")
        in_header = head(request, wrong.headers(request, time.time()))
        query = wrong.presigned_query(request, _server_now_s(attacker), 60)
        signed = SigningRequest(
            method=request.method,
            bucket=request.bucket,
            key=request.key,
            query=(*request.query, *query),
            headers=request.headers,
        )
        for data in (in_header, head(signed, {})):
            reply = attacker.raw(data, request.method)
            assert reply is not None
            assert reply.status == 403, (scheme, data, reply.raw)


def _server_now_s(attacker: Attacker) -> float:
    date = attacker.call(Call("GET", "")).header("date")
    return time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
