"""Both signatures against fixed vectors, and requests that do not carry a whole one."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.services.rpc.errors import RpcError
from emulator.services.rpc.request import RpcRequest, make_request
from emulator.services.rpc.signing import (
    canonical_request,
    is_signed_with,
    read_claims,
    string_to_sign,
    v1_signature,
    v1_string_to_sign,
    v3_signature,
)

TRUST = '{"Version":"1","Statement":[]}'
V1 = {"Format": "JSON", "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0"}
A = {
    **V1,
    "AccessKeyId": "testid",
    "Action": "CreateUser",
    "SignatureNonce": "6a6e0ca6-4557-11e5-86a2-b8e8563dc8d2",
    "Timestamp": "2015-08-18T03:15:45Z",
    "UserName": "test",
    "Version": "2015-05-01",
}
B = {
    **V1,
    "AccessKeyId": "testid",
    "Action": "CreateRole",
    "RoleName": "a b*~é",
    "AssumeRolePolicyDocument": TRUST,
    "SignatureNonce": "n-1",
    "Timestamp": "2026-01-02T03:04:05Z",
    "Version": "2015-05-01",
}
C = {
    **V1,
    "AccessKeyId": "STS.testid",
    "Action": "GetCallerIdentity",
    "SecurityToken": "tok/+=",
    "SignatureType": "",
    "SignatureNonce": "n-2",
    "Timestamp": "2026-01-02T03:04:05Z",
    "Version": "2015-04-01",
}
STRING_OF_B = (
    "POST&%2F&AccessKeyId%3Dtestid%26Action%3DCreateRole%26AssumeRolePolicyDocument%3D%257B%2522"
    "Version%2522%253A%25221%2522%252C%2522Statement%2522%253A%255B%255D%257D%26Format%3DJSON%26"
    "RoleName%3Da%2520b%252A~%25C3%25A9%26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3Dn-1%26"
    "SignatureVersion%3D1.0%26Timestamp%3D2026-01-02T03%253A04%253A05Z%26Version%3D2015-05-01"
)
VECTORS = [
    pytest.param("GET", A, "kRA2cnpJVacIhDMzXnoNZG9tDCI=", id="A"),
    pytest.param("POST", B, "zDvL9MKiNMB361ABiMCb9Kvvflg=", id="B"),
    pytest.param("POST", C, "9JO6qYxLNArSFEcwb0vyhY6zu/g=", id="C"),
]

EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SIGNED = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
QUERY_D = {
    "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
    "RegionId": "cn-shanghai",
}
QUERY_E = {"RoleName": "a b*~é", "AssumeRolePolicyDocument": TRUST}


def v1_request(
    method: str, query: dict[str, str], form: dict[str, str] | None = None
) -> RpcRequest:
    body = b"" if form is None else urlencode(form).encode()
    headers = {} if form is None else {"content-type": "application/x-www-form-urlencoded"}
    return make_request(method, "/?" + urlencode(query), headers, body)


def v3_request(
    headers: dict[str, str], query: dict[str, str], signed: str, signature: str, body: bytes = b""
) -> RpcRequest:
    claims = f"ACS3-HMAC-SHA256 Credential=id,SignedHeaders={signed},Signature={signature}"
    target = "/?" + urlencode(query) if query else "/"
    return make_request("POST", target, {**headers, "authorization": claims}, body)


def headers_v3(host: str, action: str, version: str, date: str, nonce: str) -> dict[str, str]:
    return {
        "host": host,
        "x-acs-action": action,
        "x-acs-version": version,
        "x-acs-date": date,
        "x-acs-signature-nonce": nonce,
        "x-acs-content-sha256": EMPTY_HASH,
    }


HEADERS_D = headers_v3(
    "ecs.cn-shanghai.aliyuncs.com",
    "RunInstances",
    "2014-05-26",
    "2023-10-26T10:22:32Z",
    "3156853299f313e23d1673dc12e1703d",
)
HEADERS_E = headers_v3("127.0.0.1:8399", "CreateRole", "2015-05-01", "2026-01-02T03:04:05Z", "n-1")
BODY_F = b"RoleName=demo"
FORM = "application/x-www-form-urlencoded"
HEADERS_F = {
    **HEADERS_E,
    "content-type": FORM,
    "x-acs-content-sha256": "7d964c3c29ad921b5e6f7c2ba43e44799db8279dd35a94f27659f88b6ba559fb",
}
V3_VECTORS = [
    pytest.param(
        v3_request(
            HEADERS_D,
            QUERY_D,
            SIGNED,
            "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
        ),
        "YourAccessKeySecret",
        "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259",
        id="D",
    ),
    pytest.param(
        v3_request(
            HEADERS_E,
            QUERY_E,
            SIGNED,
            "2ffb930719804289ac6fd768009d02efa77f6828af59cdc820973ee960958cab",
        ),
        "testsecret",
        "0de0753e1f1660ed93e36488d5bb69990c5224283bad7df86ea33e11a0b1309d",
        id="E",
    ),
    pytest.param(
        v3_request(
            HEADERS_F,
            {},
            "content-type;" + SIGNED,
            "dd77c1cab9736e1c9d3af3d8c4b5d81172d1b1148e627a9102c6de4284584b00",
            BODY_F,
        ),
        "testsecret",
        "a8646ad22574af2ca2e55126d6e0e3fe13e529a2f2244614405730013aff2234",
        id="F",
    ),
]


def refused(request: RpcRequest) -> str:
    with pytest.raises(RpcError) as caught:
        read_claims(request)
    return caught.value.code


@pytest.mark.parametrize(("method", "parameters", "signature"), VECTORS)
def test_v1_vectors(method: str, parameters: dict[str, str], signature: str) -> None:
    assert v1_signature("testsecret", v1_string_to_sign(method, parameters)) == signature


def test_v1_string_to_sign() -> None:
    assert v1_string_to_sign("POST", B) == STRING_OF_B


@pytest.mark.parametrize(("method", "parameters", "signature"), VECTORS)
def test_b01_v1_requests_verify_and_one_flipped_character_does_not(
    method: str, parameters: dict[str, str], signature: str
) -> None:
    request = v1_request(method, {**parameters, "Signature": signature})
    claims = read_claims(request)
    assert is_signed_with(request, claims, "testsecret")
    assert not is_signed_with(request, claims, "testsecreT")
    flipped = signature.swapcase()
    wrong = v1_request(method, {**parameters, "Signature": flipped})
    assert not is_signed_with(wrong, read_claims(wrong), "testsecret")


@pytest.mark.parametrize(("request_", "secret", "hashed"), V3_VECTORS)
def test_b01_v3_requests_verify_and_one_flipped_character_does_not(
    request_: RpcRequest, secret: str, hashed: str
) -> None:
    claims = read_claims(request_)
    canonical = canonical_request(request_, claims.signed_headers)
    assert hashlib.sha256(canonical.encode()).hexdigest() == hashed
    assert string_to_sign(request_, claims) == f"ACS3-HMAC-SHA256\n{hashed}"
    assert is_signed_with(request_, claims, secret)
    assert not is_signed_with(request_, claims, secret + "x")


@pytest.mark.parametrize("quoting", [quote, quote_plus])
def test_b02_a_space_verifies_however_it_is_sent(quoting: object) -> None:
    assert callable(quoting)
    pairs = {**B, "Signature": "zDvL9MKiNMB361ABiMCb9Kvvflg="}
    text = "&".join(f"{name}={quoting(value)}" for name, value in pairs.items())
    request = make_request("POST", f"/?{text}", {})
    assert is_signed_with(request, read_claims(request), "testsecret")


def test_b03_query_and_form_are_signed_together() -> None:
    form = {"SecurityToken": C["SecurityToken"], "SignatureType": ""}
    query = {name: value for name, value in C.items() if name not in form}
    query["Signature"] = "9JO6qYxLNArSFEcwb0vyhY6zu/g="
    request = v1_request("POST", query, form)
    assert is_signed_with(request, read_claims(request), "testsecret")


def test_b06_a_body_that_is_not_the_hashed_one_is_refused() -> None:
    request = v3_request(HEADERS_F, {}, "content-type;" + SIGNED, "00", BODY_F)
    claims = read_claims(request)
    signature = v3_signature("testsecret", string_to_sign(request, claims))
    good = v3_request(HEADERS_F, {}, "content-type;" + SIGNED, signature, BODY_F)
    other = v3_request(HEADERS_F, {}, "content-type;" + SIGNED, signature, BODY_F + b"2")
    assert is_signed_with(good, read_claims(good), "testsecret")
    assert not is_signed_with(other, read_claims(other), "testsecret")
    # signed over the real body, but the header says another hash
    lying = {**HEADERS_F, "x-acs-content-sha256": EMPTY_HASH}
    unsigned = v3_request(lying, {}, "content-type;" + SIGNED, "00", BODY_F)
    text = string_to_sign(unsigned, read_claims(unsigned))
    mine = hmac.new(b"testsecret", text.encode(), hashlib.sha256).hexdigest()
    signed = v3_request(lying, {}, "content-type;" + SIGNED, mine, BODY_F)
    assert not is_signed_with(signed, read_claims(signed), "testsecret")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AccessKeyId": ""}, "MissingAccessKeyId"),
        ({"SignatureNonce": ""}, "MissingSignatureNonce"),
        ({"Timestamp": ""}, "MissingTimestamp"),
        ({"SignatureMethod": ""}, "MissingSignatureMethod"),
        ({"SignatureMethod": "HMAC-SHA256"}, "InvalidSignatureMethod"),
        ({"SignatureType": "BEARERTOKEN"}, "InvalidSignatureMethod"),
        ({"SignatureVersion": "2.0"}, "InvalidSignatureVersion"),
        ({"Signature": ""}, "IncompleteSignature"),
    ],
)
def test_v1_claims_that_are_not_whole(change: dict[str, str], code: str) -> None:
    assert refused(v1_request("GET", {**A, "Signature": "x", **change})) == code


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("ACS3-HMAC-SHA256 Credential=id", "IncompleteSignature"),
        ("ACS3-HMAC-SHA256", "IncompleteSignature"),
        (
            f"ACS3-HMAC-SM3 Credential=i,SignedHeaders={SIGNED},Signature=00",
            "InvalidSignatureMethod",
        ),
        (
            f"ACS3-RSA-SHA256 Credential=i,SignedHeaders={SIGNED},Signature=00",
            "InvalidSignatureMethod",
        ),
        ("ACS3-HMAC-SHA256 Credential=i,SignedHeaders=host,Signature=00", "IncompleteSignature"),
    ],
)
def test_v3_claims_that_are_not_whole(authorization: str, code: str) -> None:
    request = make_request("POST", "/", {**HEADERS_E, "authorization": authorization})
    assert refused(request) == code


def test_a_v3_token_must_be_signed() -> None:
    headers = {**HEADERS_E, "x-acs-security-token": "t"}
    assert refused(v3_request(headers, {}, SIGNED, "00")) == "IncompleteSignature"
    claims = read_claims(v3_request(headers, {}, SIGNED + ";x-acs-security-token", "00"))
    assert claims.security_token == "t"


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("/?A=1&A=2", b"", "InvalidParameter.Repeated"),
        ("/?A=1", b"A=2", "InvalidParameter.Repeated"),
        ("/?A=%FF", b"", "InvalidParameter.Encoding"),
        ("/?A=\udcff", b"", "InvalidParameter.Encoding"),
        ("/", b"A=\xff", "InvalidParameter.Encoding"),
        ("/?" + "&".join(f"a{n}=" for n in range(2001)), b"", "InvalidParameter.TooMany"),
    ],
)
def test_parameters_that_cannot_be_read(target: str, body: bytes, code: str) -> None:
    with pytest.raises(RpcError) as caught:
        make_request("POST", target, {"content-type": FORM}, body)
    assert caught.value.code == code


def test_parameters_are_merged_and_empty_ones_kept() -> None:
    form = {"content-type": FORM + "; charset=utf-8"}
    request = make_request("POST", "/?A=1&B=&A=1", form, b"C=x+y&D&A=1")
    assert request.parameters == {"A": "1", "B": "", "C": "x y", "D": ""}
    assert request.query == {"A": "1", "B": ""}


@given(st.text(max_size=60), st.binary(max_size=60), st.text(max_size=60))
def test_whatever_comes_is_read_or_refused(target: str, body: bytes, claims: str) -> None:
    headers = {"content-type": FORM, "authorization": f"ACS3-{claims}", "host": target}
    for headers_ in (headers, {**headers, "authorization": claims}):
        with suppress(RpcError):
            request = make_request("POST", f"/?{target}", headers_, body)
            assert not is_signed_with(request, read_claims(request), "secret")
