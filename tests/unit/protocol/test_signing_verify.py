"""Time windows, the variants a signature may take, and what a refusal says."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from emulator.domain.errors import (
    AccessDenied,
    InvalidArgument,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
)
from emulator.protocol.signing import (
    Claims,
    Credentials,
    Location,
    Scheme,
    Signer,
    SigningRequest,
    check_region,
    check_signature,
    check_time,
    read_claims,
    request_target,
)

Query = tuple[tuple[str, str | None], ...]

NOW_S = 1_700_000_000.0
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
SECRET = "emulatorSecretA"
TOKEN = "CAISsecurity/token+=="
REGION = "cn-hangzhou"
HEADER_SCHEMES = pytest.mark.parametrize("scheme", list(Scheme))


def signer(scheme: Scheme, token: str | None = None) -> Signer:
    credentials = Credentials(access_key_id="LTAI", secret=SECRET, security_token=token)
    return Signer(credentials=credentials, scheme=scheme, region=REGION)


def put(query: Query = ()) -> SigningRequest:
    return SigningRequest("PUT", "bucket", "a/b c", query, (("content-type", "text/plain"),))


def with_headers(request: SigningRequest, headers: dict[str, str]) -> SigningRequest:
    merged = (*request.headers, *headers.items())
    return SigningRequest(request.method, request.bucket, request.key, request.query, merged)


def with_query(request: SigningRequest, extra: Query) -> SigningRequest:
    query = (*request.query, *extra)
    return SigningRequest(request.method, request.bucket, request.key, query, request.headers)


def claims_of(request: SigningRequest) -> Claims:
    claims = read_claims(request)
    assert claims is not None
    return claims


def accepts(request: SigningRequest) -> bool:
    try:
        check_signature(claims_of(request), request, SECRET)
    except SignatureDoesNotMatch:
        return False
    return True


# --- time -------------------------------------------------------------------------------------


@HEADER_SCHEMES
@pytest.mark.parametrize("skew_s", [0, 899, 900, -900])
def test_header_signature_lives_for_fifteen_minutes_either_way(scheme: Scheme, skew_s: int) -> None:
    request = with_headers(put(), signer(scheme).headers(put(), NOW_S))
    check_time(claims_of(request), NOW_S + skew_s)


@HEADER_SCHEMES
@pytest.mark.parametrize(
    ("skew_s", "server_time"),
    [(901, "2023-11-14T22:28:21.000Z"), (-901, "2023-11-14T21:58:19.000Z")],
)
def test_skewed_header_signature_is_refused(scheme: Scheme, skew_s: int, server_time: str) -> None:
    request = with_headers(put(), signer(scheme).headers(put(), NOW_S))
    with pytest.raises(RequestTimeTooSkewed) as caught:
        check_time(claims_of(request), NOW_S + skew_s)
    error = caught.value
    assert error.message == (
        "The difference between the request time and the current time is too large."
    )
    assert error.ec == "0002-00000504"
    assert error.fields == {
        "MaxAllowedSkewMilliseconds": "900000",
        "RequestTime": "2023-11-14T22:13:20.000Z",
        "ServerTime": server_time,
    }


@pytest.mark.parametrize(
    ("headers", "ec"),
    [
        ((), "0002-00000503"),
        ((("date", ""),), "0002-00000503"),
        ((("date", "yesterday"),), "0002-00000502"),
        ((("date", DATE), ("x-oss-date", "yesterday")), "0002-00000502"),
    ],
)
@pytest.mark.parametrize(
    "authorization",
    [
        "OSS ak:s",
        "OSS2 AccessKeyId:ak,Signature:s",
        "OSS4-HMAC-SHA256 Credential=ak/20231114/r/oss/aliyun_v4_request,Signature=s",
    ],
)
def test_signed_request_without_valid_date_is_denied(
    authorization: str, headers: tuple[tuple[str, str], ...], ec: str
) -> None:
    request = SigningRequest("GET", headers=(("authorization", authorization), *headers))
    with pytest.raises(AccessDenied) as caught:
        check_time(claims_of(request), NOW_S)
    assert caught.value.message == "OSS authentication requires a valid Date."
    assert caught.value.ec == ec


@pytest.mark.parametrize("scheme", list(Scheme))
def test_url_is_valid_until_its_expiry(scheme: Scheme) -> None:
    request = with_query(put(), signer(scheme).presigned_query(put(), NOW_S, 60))
    check_time(claims_of(request), NOW_S + 60)
    with pytest.raises(AccessDenied) as caught:
        check_time(claims_of(request), NOW_S + 61)
    assert caught.value.message == "Request has expired."
    assert caught.value.ec == "0002-00000069"
    assert caught.value.fields == {
        "Expires": "2023-11-14T22:14:20.000Z",
        "ServerTime": "2023-11-14T22:14:21.000Z",
    }


def test_v4_url_may_be_used_fifteen_minutes_early() -> None:
    request = with_query(put(), signer(Scheme.V4).presigned_query(put(), NOW_S, 60))
    check_time(claims_of(request), NOW_S - 900)
    with pytest.raises(AccessDenied) as caught:
        check_time(claims_of(request), NOW_S - 901)
    assert caught.value.ec == "0002-00000235"


def test_v4_url_without_readable_date_is_denied() -> None:
    signed = dict(signer(Scheme.V4).presigned_query(put(), NOW_S, 60))
    signed["x-oss-date"] = "99999999T999999Z"
    with pytest.raises(AccessDenied) as caught:
        check_time(claims_of(with_query(put(), tuple(signed.items()))), NOW_S)
    assert caught.value.ec == "0002-00000502"


def test_times_past_the_calendar_are_shown_as_its_end() -> None:
    claims = Claims(
        scheme=Scheme.V4,
        location=Location.QUERY,
        access_key_id="ak",
        signature="s",
        signed_at_s=253_402_300_799,
        expires_at_s=253_402_300_799 + 604_800,
    )
    with pytest.raises(AccessDenied) as caught:
        check_time(claims, NOW_S)
    assert caught.value.fields["Expires"] == "9999-12-31T23:59:59.000Z"


def test_strict_region_check_concerns_v4_only() -> None:
    for scheme in Scheme:
        claims = claims_of(with_headers(put(), signer(scheme).headers(put(), NOW_S)))
        check_region(claims, REGION)
        if scheme is not Scheme.V4:
            check_region(claims, "cn-shanghai")
            continue
        with pytest.raises(InvalidArgument) as caught:
            check_region(claims, "cn-shanghai")
        assert caught.value.message == "Invalid signing region in Authorization header."
        assert caught.value.ec == "0002-00000226"


# --- variants of V1 ---------------------------------------------------------------------------


def v1_signed(query: Query, resource_query: str, *, url: bool = False) -> SigningRequest:
    """A GET of ``query`` by a client that puts ``resource_query`` in its string to sign."""
    date = str(int(NOW_S)) if url else DATE
    text = f"GET\n\n\n{date}\n/bucket/key{resource_query}"
    digest = hmac.digest(SECRET.encode(), text.encode(), "sha1")
    signature = base64.b64encode(digest).decode()
    request = SigningRequest("GET", "bucket", "key", query)
    if not url:
        return with_headers(request, {"date": DATE, "authorization": f"OSS ak:{signature}"})
    extra = (("OSSAccessKeyId", "ak"), ("Expires", date), ("Signature", signature))
    return with_query(request, extra)


FIVE: Query = tuple((f"x-oss-{letter}", "1") for letter in "abcde")


@pytest.mark.parametrize(
    ("query", "resource_query", "accepted"),
    [
        # core names are signed by everyone
        ((("acl", None),), "?acl", True),
        ((("acl", ""),), "?acl", True),
        ((("acl", ""),), "?acl=", True),
        ((("acl", None),), "", False),
        ((("versionId", "1"), ("acl", None)), "?acl&versionId=1", True),
        ((("versionId", "1"), ("acl", None)), "?versionId=1&acl", False),
        ((("response-expires", "a b/é"),), "?response-expires=a b/é", True),
        ((("response-expires", "a b"),), "?response-expires=a%20b", False),
        # names never signed
        ((("prefix", "a"), ("max-keys", "1")), "", True),
        ((("prefix", "a"),), "?prefix=a", False),
        # names some clients sign: all, all but x-oss-, none, any subset of up to four
        ((("lifecycle", None), ("x-oss-process", "p")), "?lifecycle&x-oss-process=p", True),
        ((("lifecycle", None), ("x-oss-process", "p")), "?lifecycle", True),
        ((("lifecycle", None), ("x-oss-process", "p")), "?x-oss-process=p", True),
        ((("lifecycle", None), ("x-oss-process", "p")), "", True),
        ((("lifecycle", ""), ("comp", "add")), "?comp=add&lifecycle=", True),
        ((("lifecycle", ""), ("comp", "add")), "?lifecycle=", True),
        ((("comp", "add"),), "?comp=delete", False),
        ((("comp", "add"),), "?comp", False),
        (FIVE, "?x-oss-a=1&x-oss-b=1&x-oss-c=1&x-oss-d=1&x-oss-e=1", True),
        (FIVE, "", True),
        (FIVE, "?x-oss-a=1&x-oss-b=1", False),
        ((*FIVE[:3], ("acl", None)), "?acl&x-oss-a=1&x-oss-c=1", True),
        ((*FIVE[:3], ("acl", None)), "?x-oss-a=1&x-oss-c=1", False),
    ],
)
def test_v1_header_subresources(query: Query, resource_query: str, accepted: bool) -> None:
    assert accepts(v1_signed(query, resource_query)) is accepted


@pytest.mark.parametrize(
    ("query", "resource_query", "accepted"),
    [
        ((("lifecycle", None),), "?lifecycle", True),
        ((("lifecycle", None),), "", False),
        ((("versionId", "1"), ("policy", None)), "?versionId=1", False),
        ((("x-oss-traffic-limit", "819200"),), "?x-oss-traffic-limit=819200", True),
        ((("x-oss-traffic-limit", "819200"),), "", True),
    ],
)
def test_v1_url_must_sign_what_selects_the_operation(
    query: Query, resource_query: str, accepted: bool
) -> None:
    assert accepts(v1_signed(query, resource_query, url=True)) is accepted


# --- variants of V4 ---------------------------------------------------------------------------


def v4_signed(query: Query, canonical_query: str, *, path: str = "/bucket/") -> SigningRequest:
    canonical = f"GET\n{path}\n{canonical_query}\nx-oss-date:20231114T221320Z\n\n\nUNSIGNED-PAYLOAD"
    scope = f"20231114/{REGION}/oss/aliyun_v4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"OSS4-HMAC-SHA256\n20231114T221320Z\n{scope}\n{digest}"
    key = f"aliyun_v4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return with_headers(
        SigningRequest("GET", "bucket", "", query),
        {
            "x-oss-date": "20231114T221320Z",
            "authorization": f"OSS4-HMAC-SHA256 Credential=ak/{scope},Signature={signature}",
        },
    )


LIST: Query = (("prefix", ""), ("acl", ""), ("marker", None))


@pytest.mark.parametrize(
    ("query", "canonical_query", "accepted"),
    [
        (LIST, "acl&marker&prefix", True),
        (LIST, "acl&marker&prefix=", True),
        (LIST, "acl=&marker&prefix=", True),
        (LIST, "acl=&marker&prefix", False),
        (LIST, "acl&marker=&prefix", False),
        (LIST, "prefix&marker&acl", False),
        ((("acl", ""),), "acl=", True),
        ((("prefix", ""),), "prefix=", True),
        ((("prefix", None),), "prefix=", False),
        ((("prefix", "a b/+é"),), "prefix=a%20b%2F%2B%C3%A9", True),
        ((("prefix", "a b/+é"),), "prefix=a+b/%2B%C3%A9", False),
        ((("b", "1"), ("B", "1"), ("~", "1"), ("a-b", "1")), "B=1&a-b=1&b=1&~=1", True),
    ],
)
def test_v4_empty_values_and_encoding(query: Query, canonical_query: str, accepted: bool) -> None:
    assert accepts(v4_signed(query, canonical_query)) is accepted


def test_v4_needs_the_slash_after_the_bucket() -> None:
    assert accepts(v4_signed((), ""))
    assert not accepts(v4_signed((), "", path="/bucket"))
    assert not accepts(v4_signed((), "", path="/"))


def test_v4_signed_header_missing_from_the_request_does_not_match() -> None:
    listed = ("range",)
    request = SigningRequest("GET", "bucket", "key", headers=(("range", "bytes=0-9"),))
    signed = with_headers(request, signer(Scheme.V4).headers(request, NOW_S, listed))
    assert accepts(signed)
    stripped = SigningRequest("GET", "bucket", "key", headers=signed.headers[1:])
    assert not accepts(stripped)


# --- canonical headers ------------------------------------------------------------------------

# By name, not by line: "-" sorts before ":".
CANONICAL = "x-oss-meta-a:1\nx-oss-meta-a-b:2  3\n"
AS_SENT = (("x-oss-meta-a-b", " 2  3\t"), ("x-oss-meta-a", "1"))


@pytest.mark.parametrize(
    ("authorization", "text"),
    [
        ("OSS ak:s", f"GET\n\n\n{DATE}\n{CANONICAL}/"),
        ("OSS2 AccessKeyId:ak,Signature:s", f"GET\n\n\n{DATE}\n{CANONICAL}\n%2F"),
    ],
)
def test_canonical_headers_of_v1_and_v2(authorization: str, text: str) -> None:
    headers = (*AS_SENT, ("date", DATE), ("authorization", authorization))
    assert refusal(SigningRequest("GET", headers=headers))["StringToSign"] == text


def test_canonical_headers_of_v4() -> None:
    scope = f"20231114/{REGION}/oss/aliyun_v4_request"
    authorization = (
        f"OSS4-HMAC-SHA256 Credential=ak/{scope},AdditionalHeaders=Range;abc,Signature=s"
    )
    headers = (
        *AS_SENT,
        ("range", "bytes=0-9"),
        ("content-type", "text/html; charset=utf-8"),
        ("abc", ""),
        ("host", "localhost"),
        ("date", DATE),
        ("authorization", authorization),
    )
    shown = refusal(SigningRequest("GET", headers=headers))["CanonicalRequest"]
    assert shown == (
        "GET\n/\n\nabc:\ncontent-type:text/html; charset=utf-8\nrange:bytes=0-9\n"
        f"{CANONICAL}\nabc;range\nUNSIGNED-PAYLOAD"
    )


# --- what a refusal says ----------------------------------------------------------------------


def refusal(request: SigningRequest) -> dict[str, str]:
    with pytest.raises(SignatureDoesNotMatch) as caught:
        check_signature(claims_of(request), request, SECRET + "x")
    assert (
        caught.value.ec
        == {
            Scheme.V1: "0002-00000040",
            Scheme.V2: "",
            Scheme.V4: "0002-00000201",
        }[claims_of(request).scheme]
    )
    return caught.value.fields


def test_v1_refusal_shows_the_string_of_the_server() -> None:
    fields = refusal(v1_signed((("x-oss-process", "p"), ("acl", ""), ("prefix", "x")), ""))
    text = f"GET\n\n\n{DATE}\n/bucket/key?acl&x-oss-process=p"
    assert list(fields) == [
        "OSSAccessKeyId",
        "SignatureProvided",
        "StringToSign",
        "StringToSignBytes",
    ]
    assert fields["OSSAccessKeyId"] == "ak"
    assert fields["StringToSign"] == text
    assert fields["StringToSignBytes"] == " ".join(f"{byte:02X}" for byte in text.encode())


def test_v4_refusal_shows_the_canonical_request_of_the_server() -> None:
    fields = refusal(v4_signed((("acl", ""),), ""))
    canonical = "GET\n/bucket/\nacl\nx-oss-date:20231114T221320Z\n\n\nUNSIGNED-PAYLOAD"
    assert fields["CanonicalRequest"] == canonical
    assert fields["StringToSign"].endswith(hashlib.sha256(canonical.encode()).hexdigest())
    assert list(fields)[-1] == "CanonicalRequest"


@HEADER_SCHEMES
@pytest.mark.parametrize("url", [True, False])
def test_refusal_holds_neither_secret_nor_token(scheme: Scheme, url: bool) -> None:
    ours = signer(scheme, TOKEN)
    request = put((("acl", None),))
    if url:
        request = with_query(request, ours.presigned_query(request, NOW_S, 60))
    else:
        request = with_headers(request, ours.headers(request, NOW_S))
    assert claims_of(request).security_token == TOKEN
    assert accepts(request)
    fields = refusal(request)
    told = "\n".join(fields.values()) + bytes.fromhex(fields["StringToSignBytes"]).decode()
    for hidden in (SECRET, "CAISsecurity"):
        assert hidden not in told
    assert "***" in told or scheme is not Scheme.V1 or "%2A%2A%2A" in told


def test_refusal_can_be_written_as_xml_whatever_the_key() -> None:
    request = SigningRequest("GET", "bucket", "\x00\udcff\ufffe", headers=(("date", DATE),))
    signed = with_headers(request, {"authorization": "OSS ak:\udc80\x01"})
    fields = refusal(signed)
    for value in fields.values():
        assert value.encode()
        assert not any(ord(letter) < 32 and letter not in "\t\n\r" for letter in value)
    assert fields["StringToSignBytes"].endswith("00 FF EF BF BE")


@HEADER_SCHEMES
def test_text_that_no_bytes_decode_to_is_refused(scheme: Scheme) -> None:
    request = with_headers(put(), signer(scheme).headers(put(), NOW_S))
    impossible = SigningRequest("PUT", "bucket", "\ud800", (), request.headers)
    with pytest.raises(InvalidArgument):
        check_signature(claims_of(impossible), impossible, SECRET)


@pytest.mark.parametrize("signature", ["ä", "", " ", "\udcff", "=" * 8000])
def test_odd_signatures_are_compared_not_crashed_on(signature: str) -> None:
    claims = claims_of(v1_signed((), ""))
    odd = Claims(
        scheme=Scheme.V1,
        location=Location.HEADER,
        access_key_id="ak",
        signature=signature,
        date_text=claims.date_text,
    )
    with pytest.raises(SignatureDoesNotMatch):
        check_signature(odd, v1_signed((), ""), SECRET)


# --- the signer -------------------------------------------------------------------------------


def test_credentials_do_not_show_their_secrets() -> None:
    shown = repr(signer(Scheme.V4, TOKEN))
    assert SECRET not in shown
    assert TOKEN not in shown


@pytest.mark.parametrize(
    ("now_s", "date"),
    [
        (0.0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (NOW_S + 0.9, DATE),
        (1709251199.0, "Thu, 29 Feb 2024 23:59:59 GMT"),
    ],
)
def test_date_header_of_the_signer(now_s: float, date: str) -> None:
    assert signer(Scheme.V1).headers(put(), now_s)["date"] == date


@pytest.mark.parametrize(
    ("request_", "path_style", "target"),
    [
        (SigningRequest("GET"), True, "/"),
        (SigningRequest("GET", "bucket"), True, "/bucket/"),
        (SigningRequest("GET", "bucket"), False, "/"),
        (SigningRequest("GET", "bucket", "a b/+é%"), True, "/bucket/a%20b/%2B%C3%A9%25"),
        (SigningRequest("GET", "bucket", "k", (("acl", None),)), False, "/k?acl"),
        (
            SigningRequest("GET", "bucket", "", (("prefix", "a/b"), ("marker", ""))),
            True,
            "/bucket/?prefix=a%2Fb&marker=",
        ),
    ],
)
def test_request_target(request_: SigningRequest, path_style: bool, target: str) -> None:
    assert request_target(request_, path_style=path_style) == target
