"""Reading credentials: what is accepted, and how each malformed form is refused."""

from __future__ import annotations

import pytest

from emulator.domain.errors import (
    AccessDenied,
    InvalidAccessKeyId,
    InvalidArgument,
    InvalidRequest,
    OssError,
)
from emulator.protocol.signing import Claims, Location, Scheme, SigningRequest, read_claims

Query = tuple[tuple[str, str | None], ...]
Headers = tuple[tuple[str, str], ...]

HEX = "0" * 64
CREDENTIAL = "ak/20231216/cn-hangzhou/oss/aliyun_v4_request"
V4_DATE = ("x-oss-date", "20231216T162057Z")
V4_DATE_S = 1702743657
V4 = f"OSS4-HMAC-SHA256 Credential={CREDENTIAL},Signature={HEX}"
V4_QUERY: dict[str, str] = {
    "x-oss-signature-version": "OSS4-HMAC-SHA256",
    "x-oss-credential": CREDENTIAL,
    "x-oss-date": "20231216T162057Z",
    "x-oss-expires": "60",
    "x-oss-signature": HEX,
}
V2_QUERY: dict[str, str] = {
    "x-oss-signature-version": "OSS2",
    "x-oss-expires": "1699807420",
    "x-oss-access-key-id": "ak",
    "x-oss-signature": "c2ln",
}
V1_QUERY: dict[str, str] = {"OSSAccessKeyId": "ak", "Expires": "1699807420", "Signature": "c2ln"}


def request(headers: Headers = (), query: Query = ()) -> SigningRequest:
    return SigningRequest(method="GET", bucket="bucket", key="key", query=query, headers=headers)


def claims_of(headers: Headers = (), query: Query = ()) -> Claims:
    claims = read_claims(request(headers, query))
    assert claims is not None
    return claims


def edited(params: dict[str, str], **changes: str | None) -> Query:
    """``params`` with names (``_`` for ``-``) set, or left out when None."""
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    merged: dict[str, str | None] = {**params, **changed}
    return tuple((name, value) for name, value in merged.items() if value is not None)


@pytest.mark.parametrize(
    "query",
    [(), (("prefix", "a"),), (("Expires", "1"),), (("x-oss-process", "image/info"),)],
)
def test_request_without_credentials_is_anonymous(query: Query) -> None:
    assert read_claims(request((("host", "localhost"), ("date", "whatever")), query)) is None


@pytest.mark.parametrize(
    "authorization",
    [
        V4,
        f"OSS4-HMAC-SHA256 Credential={CREDENTIAL}, Signature={HEX}",
        f"OSS4-HMAC-SHA256  Signature={HEX} ,\tCredential={CREDENTIAL} ",
    ],
)
def test_v4_header_allows_blanks_and_any_order(authorization: str) -> None:
    claims = claims_of((("authorization", authorization), V4_DATE))
    assert claims == Claims(
        scheme=Scheme.V4,
        location=Location.HEADER,
        access_key_id="ak",
        signature=HEX,
        date_text="20231216T162057Z",
        signed_at_s=V4_DATE_S,
        date="20231216",
        region="cn-hangzhou",
        product="oss",
    )


@pytest.mark.parametrize("key_id", ["STS.NUx", "a/b", "a/20231216/b/oss/aliyun_v4_request"])
def test_v4_key_id_may_hold_dots_and_slashes(key_id: str) -> None:
    authorization = V4.replace("=ak/", f"={key_id}/")
    claims = claims_of((("authorization", authorization), V4_DATE))
    assert (claims.access_key_id, claims.date) == (key_id, "20231216")


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("abc;zabc", ("abc", "zabc")),
        ("zabc;ABC; abc", ("abc", "zabc")),
        ("host;content-type;x-oss-date", ("host",)),
    ],
)
def test_additional_headers_come_in_one_form(listed: str, expected: tuple[str, ...]) -> None:
    in_header = V4.replace(",Signature", f",AdditionalHeaders={listed},Signature")
    assert claims_of((("authorization", in_header), V4_DATE)).additional_headers == expected
    in_url = edited(V4_QUERY, x_oss_additional_headers=listed)
    assert claims_of(query=in_url).additional_headers == expected


@pytest.mark.parametrize(
    ("date", "date_text"),
    [
        ("Sat, 16 Dec 2023 16:20:57 GMT", "20231216T162057Z"),
        ("20231216T162057Z", "20231216T162057Z"),
    ],
)
def test_v4_without_x_oss_date_takes_date(date: str, date_text: str) -> None:
    claims = claims_of((("authorization", V4), ("date", date)))
    assert (claims.date_text, claims.signed_at_s) == (date_text, V4_DATE_S)


@pytest.mark.parametrize(
    "text",
    [
        "Sat, 16 Dec 2023 16:20:57 GMT",
        "2023",
        "20231316T162057Z",
        "20231216T162060Z",
        "20231216 162057Z",
        "2023121\uff16T162057Z",
        "",
    ],
)
def test_v4_unreadable_x_oss_date_is_no_date(text: str) -> None:
    claims = claims_of((("authorization", V4), ("x-oss-date", text), ("date", "whatever")))
    assert claims.signed_at_s is None


@pytest.mark.parametrize(
    ("headers", "date_text", "signed_at_s"),
    [
        ((("date", "Wed, 28 Dec 2022 10:27:41 GMT"),), "Wed, 28 Dec 2022 10:27:41 GMT", 1672223261),
        ((("date", "Wed, 28 Dec 2022 10:27:41 +0000"),), None, 1672223261),
        (
            (("date", "Wed, 28 Dec 2022 10:27:41 GMT"), ("x-oss-date", "20231216T162057Z")),
            "20231216T162057Z",
            V4_DATE_S,
        ),
        ((("date", "Wed, 28 Dec 2022 10:27:41 PST"),), None, None),
        ((("date", "Wed, 28 Dez 2022 10:27:41 GMT"),), None, None),
        ((("date", "Wed, 31 Feb 2022 10:27:41 GMT"),), None, None),
        ((("date", "Wed, 28 Dec 0000 10:27:41 GMT"),), None, None),
        ((("date", "Wed, ٢٨ Dec 2022 10:27:41 GMT"),), None, None),
        ((("date", "1672223261"),), None, None),
        ((), "", None),
    ],
)
def test_v1_date_line(headers: Headers, date_text: str | None, signed_at_s: int | None) -> None:
    claims = claims_of((("authorization", "OSS ak:c2ln"), *headers))
    assert claims.date_text == (headers[0][1] if date_text is None else date_text)
    assert claims.signed_at_s == signed_at_s


def test_v1_and_v2_claims() -> None:
    v1 = claims_of((("authorization", "OSS STS.ak:c2ln="),))
    assert (v1.scheme, v1.access_key_id, v1.signature) == (Scheme.V1, "STS.ak", "c2ln=")
    v2 = claims_of((("authorization", "OSS2 AccessKeyId:ak,AdditionalHeaders:b;a,Signature:s="),))
    assert (v2.scheme, v2.access_key_id, v2.signature) == (Scheme.V2, "ak", "s=")
    assert v2.additional_headers == ("a", "b")


@pytest.mark.parametrize("params", [V1_QUERY, V2_QUERY])
def test_url_expiry_is_the_date_line(params: dict[str, str]) -> None:
    claims = claims_of(query=edited(params))
    assert claims.location is Location.QUERY
    assert (claims.date_text, claims.expires_at_s) == ("1699807420", 1699807420)
    assert claims.signed_at_s is None


def test_blank_in_the_signature_of_a_url_is_a_plus() -> None:
    claims = claims_of(query=edited(V1_QUERY, Signature="a b+c/="))
    assert claims.signature == "a+b+c/="


@pytest.mark.parametrize(
    ("headers", "query", "token"),
    [
        ((("authorization", V4), V4_DATE, ("x-oss-security-token", "t")), (), "t"),
        ((("authorization", "OSS ak:s"), ("security-token", "t")), (), "t"),
        ((("authorization", "OSS ak:s"),), (), None),
        ((), edited(V1_QUERY, security_token="t"), "t"),
        ((), edited(V2_QUERY, security_token="t"), "t"),
        ((), edited(V4_QUERY, x_oss_security_token="t"), "t"),
        ((), edited(V4_QUERY, security_token="t"), None),
    ],
)
def test_security_token_is_found(headers: Headers, query: Query, token: str | None) -> None:
    assert claims_of(headers, query).security_token == token


INVALID_AUTHORIZATIONS = [
    ("", ""),
    ("OSS", "0002-00000062"),
    ("OSS ak", "0002-00000062"),
    ("OSS ak:", "0002-00000062"),
    ("OSS :c2ln", "0002-00000062"),
    ("OSS ak:c2ln:x", "0002-00000062"),
    ("oss ak:c2ln", ""),
    ("Bearer ak:c2ln", ""),
    ("AWS ak:c2ln", ""),
    ("OSS2 ak:c2ln", ""),
    ("OSS2 AccessKeyId:ak", ""),
    ("OSS2 AccessKeyId:,Signature:s", ""),
    ("OSS4-HMAC-SHA256", "0002-00000202"),
    (f"OSS4-HMAC-SHA256 Signature={HEX}", "0002-00000202"),
    (f"OSS4-HMAC-SHA256 Credential={CREDENTIAL}", "0002-00000202"),
    (f"OSS4-HMAC-SHA256 Credential={CREDENTIAL},Signature=", "0002-00000202"),
    (f"{V4},Signature={HEX}", "0002-00000202"),
    (f"{V4},Extra=1", "0002-00000202"),
    (f"{V4},", "0002-00000202"),
    (V4.replace("ak/2023", "/2023"), "0002-00000206"),
    (f"{V4},AdditionalHeaders=", "0002-00000209"),
    (f"{V4},AdditionalHeaders=a;;b", "0002-00000209"),
    (f"{V4},AdditionalHeaders=a b", "0002-00000209"),
    (V4.replace("20231216", "2023-12-16"), "0002-00000223"),
    (V4.replace("20231216", "20231217"), "0002-00000223"),
    (V4.replace("20231216", "٢٠٢٣١٢١٦"), "0002-00000223"),
    (V4.replace("cn-hangzhou", ""), "0002-00000226"),
    (V4.replace("cn-hangzhou", "r" * 65), "0002-00000226"),
    (V4.replace("/oss/", "/s3/"), "0002-00000227"),
    (V4.replace("aliyun_v4_request", "aws4_request"), ""),
    (V4.replace("ak/20231216/", ""), ""),
]


@pytest.mark.parametrize(("authorization", "ec"), INVALID_AUTHORIZATIONS)
def test_malformed_authorization_is_an_invalid_argument(authorization: str, ec: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_claims(request((("authorization", authorization), V4_DATE)))
    assert caught.value.ec == ec
    assert HEX not in str(caught.value.fields)


@pytest.mark.parametrize(
    ("query", "error", "ec"),
    [
        (edited(V1_QUERY, OSSAccessKeyId=None), AccessDenied, "0002-00000071"),
        (edited(V1_QUERY, Expires=None), AccessDenied, "0002-00000071"),
        (edited(V1_QUERY, OSSAccessKeyId=""), AccessDenied, "0002-00000072"),
        (edited(V1_QUERY, Signature=None), AccessDenied, "0002-00000074"),
        (edited(V1_QUERY, Signature=""), AccessDenied, "0002-00000074"),
        (edited(V1_QUERY, Expires=""), AccessDenied, "0002-00000070"),
        (edited(V1_QUERY, Expires="soon"), AccessDenied, "0002-00000070"),
        (edited(V1_QUERY, Expires="-1"), AccessDenied, "0002-00000070"),
        (edited(V1_QUERY, Expires="1e9"), AccessDenied, "0002-00000070"),
        (edited(V1_QUERY, Expires="9" * 400), AccessDenied, "0002-00000070"),
        (edited(V1_QUERY, Expires="9" * 5000), AccessDenied, "0002-00000070"),
        (edited(V1_QUERY, Expires="١٦٩٩٨٠٧٤٢٠"), AccessDenied, "0002-00000070"),
        (edited(V1_QUERY, OSSAccessKeyId="a\tk"), InvalidAccessKeyId, "0002-00000064"),
        (edited(V2_QUERY, x_oss_access_key_id=None), AccessDenied, ""),
        (edited(V2_QUERY, x_oss_expires=None), AccessDenied, "0002-00000113"),
        (edited(V2_QUERY, x_oss_expires=""), AccessDenied, "0002-00000114"),
        (edited(V2_QUERY, x_oss_expires="9" * 400), AccessDenied, "0002-00000070"),
        (edited(V2_QUERY, x_oss_signature=None), AccessDenied, ""),
        (edited(V4_QUERY, x_oss_signature=None), AccessDenied, "0002-00000219"),
        (edited(V4_QUERY, x_oss_credential=None), InvalidArgument, ""),
        (edited(V4_QUERY, x_oss_date="20231217T000000Z"), InvalidArgument, "0002-00000223"),
        (edited(V4_QUERY, x_oss_expires=None), InvalidArgument, "0002-00000232"),
        (edited(V4_QUERY, x_oss_expires="0"), InvalidArgument, "0002-00000232"),
        (edited(V4_QUERY, x_oss_expires="604801"), InvalidArgument, "0002-00000232"),
        (edited(V4_QUERY, x_oss_expires="-5"), InvalidArgument, "0002-00000232"),
        (edited(V4_QUERY, x_oss_expires="٦٠"), InvalidArgument, "0002-00000232"),
        (edited(V4_QUERY, x_oss_expires="9" * 400), InvalidArgument, "0002-00000232"),
        (edited(V4_QUERY, x_oss_additional_headers=""), InvalidArgument, "0002-00000209"),
        (edited(V4_QUERY, x_oss_signature_version=None), InvalidArgument, ""),
        (edited(V4_QUERY, x_oss_signature_version="OSS5"), InvalidArgument, ""),
        (edited(V4_QUERY, Signature="x"), InvalidArgument, ""),
        ((*edited(V1_QUERY), ("Expires", "1")), InvalidArgument, ""),
        ((*edited(V4_QUERY), ("x-oss-date", "20231216T162057Z")), InvalidArgument, ""),
    ],
)
def test_malformed_url_credentials(query: Query, error: type[OssError], ec: str) -> None:
    with pytest.raises(error) as caught:
        read_claims(request(query=query))
    assert caught.value.ec == ec


@pytest.mark.parametrize("expires", ["1", "604800"])
def test_v4_expiry_counts_from_the_date(expires: str) -> None:
    claims = claims_of(query=edited(V4_QUERY, x_oss_expires=expires))
    assert claims.expires_at_s == V4_DATE_S + int(expires)


def test_v4_url_without_date_has_no_expiry() -> None:
    assert claims_of(query=edited(V4_QUERY, x_oss_date=None)).expires_at_s is None


@pytest.mark.parametrize("key_id", ["a k", "ä", "a\x00", "a\udc80"])
def test_impossible_key_id_is_refused(key_id: str) -> None:
    in_v4 = V4.replace("=ak/", f"={key_id}/")
    in_v2 = f"OSS2 AccessKeyId:{key_id},Signature:s"
    for authorization in (f"OSS {key_id}:c2ln", in_v2, in_v4):
        with pytest.raises(InvalidAccessKeyId) as caught:
            read_claims(request((("authorization", authorization), V4_DATE)))
        assert caught.value.ec == "0002-00000064"
        assert caught.value.fields["OSSAccessKeyId"].encode()


@pytest.mark.parametrize("params", [V1_QUERY, V2_QUERY, V4_QUERY, {"Signature": "x"}])
def test_header_and_url_credentials_together_are_refused(params: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        read_claims(request((("authorization", V4), V4_DATE), edited(params)))


@pytest.mark.parametrize("name", ["security-token", "x-oss-security-token"])
def test_token_in_header_and_query_is_refused(name: str) -> None:
    signed = (("authorization", V4), V4_DATE)
    for header in ("security-token", "x-oss-security-token"):
        with pytest.raises(InvalidArgument):
            read_claims(request((*signed, (header, "t")), ((name, "t"),)))
        with pytest.raises(InvalidArgument):
            read_claims(request(((header, "t"),), (*edited(V4_QUERY), (name, "t"))))
        with pytest.raises(InvalidRequest):
            read_claims(request(((header, "t"),), edited(V4_QUERY)))


def test_token_under_both_header_names_is_refused() -> None:
    tokens = (("x-oss-security-token", "t"), ("security-token", "t"))
    with pytest.raises(InvalidArgument):
        read_claims(request((("authorization", "OSS ak:s"), *tokens)))


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "date",
        "content-type",
        "content-md5",
        "security-token",
        "x-oss-date",
        "x-oss-meta-a",
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_header_that_counts_sent_twice_is_refused(name: str, signed: bool) -> None:
    doubled = ((name, "1"), (name, "1"))
    headers = (*doubled, ("authorization", V4)) if signed else doubled
    with pytest.raises(InvalidArgument) as caught:
        read_claims(request(headers))
    assert caught.value.fields["ArgumentName"] in {name, "authorization"}


def test_other_header_may_be_sent_twice_unless_it_is_signed() -> None:
    headers = (("authorization", V4), V4_DATE, ("accept", "a"), ("accept", "b"))
    assert claims_of(headers).additional_headers == ()
    listing = (("authorization", f"{V4},AdditionalHeaders=accept"), *headers[1:])
    with pytest.raises(InvalidArgument) as caught:
        read_claims(request(listing))
    assert caught.value.fields["ArgumentName"] == "accept"


@pytest.mark.parametrize("marker", ["", "unsigned-payload", "e3b0c442", "STREAMING"])
def test_payload_marker_other_than_unsigned_is_refused(marker: str) -> None:
    header = ("x-oss-content-sha256", marker)
    for headers, query in (
        ((("authorization", V4), V4_DATE, header), ()),
        ((header,), edited(V4_QUERY)),
    ):
        with pytest.raises(InvalidArgument) as caught:
            read_claims(request(headers, query))
        assert caught.value.ec == "0002-00000214"
