"""Signatures whose expected value comes from somewhere else than this code.

The source of each row is in its id: ``py2`` the unit tests of alibabacloud-oss-v2, ``php`` those of
the PHP kits, ``doc`` the product documentation, ``ali-oss`` a request captured from the Node kit,
``own`` a value computed by an independent script.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest

from emulator.domain.errors import SignatureDoesNotMatch
from emulator.protocol.signing import (
    Location,
    Scheme,
    SigningRequest,
    check_signature,
    check_time,
    read_claims,
)
from emulator.protocol.signing.v4 import canonical_request, signing_key

Query = tuple[tuple[str, str | None], ...]
Headers = tuple[tuple[str, str], ...]

DATE_V1 = "Wed, 28 Dec 2022 10:27:41 GMT"
DATE_V1_S = 1672223261
NODE_MD5 = ("content-md5", "ndTkYSaMgDT1yFZOFVxnpg==")
UNSIGNED = ("x-oss-content-sha256", "UNSIGNED-PAYLOAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    name: str
    request: SigningRequest
    now_s: int
    secret: str = "sk"


def v4_header(
    name: str,
    request: SigningRequest,
    x_oss_date: str,
    signature: str,
    *,
    scope: str = "cn-hangzhou/oss",
    additional: str = "",
    now_s: int,
) -> Vector:
    listed = f"AdditionalHeaders={additional}," if additional else ""
    credential = f"ak/{x_oss_date[:8]}/{scope}/aliyun_v4_request"
    authorization = f"OSS4-HMAC-SHA256 Credential={credential},{listed}Signature={signature}"
    headers = (*request.headers, ("x-oss-date", x_oss_date), ("authorization", authorization))
    return Vector(name=name, request=_with(request, headers=headers), now_s=now_s)


def v4_url(
    name: str,
    x_oss_date: str,
    signature: str,
    *,
    expires: str = "599",
    scope: str = "cn-hangzhou/oss",
    extra: Query = (),
    now_s: int,
) -> Vector:
    query = (
        *BASE_B.query,
        ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
        ("x-oss-credential", f"ak/{x_oss_date[:8]}/{scope}/aliyun_v4_request"),
        ("x-oss-date", x_oss_date),
        ("x-oss-expires", expires),
        *extra,
        ("x-oss-signature", signature),
    )
    return Vector(name=name, request=_with(BASE_B, query=query), now_s=now_s)


def v1_header(
    name: str,
    request: SigningRequest,
    signature: str,
    *,
    key_id: str = "ak",
    secret: str = "sk",
    now_s: int = DATE_V1_S,
) -> Vector:
    headers = (*request.headers, ("authorization", f"OSS {key_id}:{signature}"))
    return Vector(name=name, request=_with(request, headers=headers), now_s=now_s, secret=secret)


def v1_url(
    name: str,
    request: SigningRequest,
    expires: int,
    signature: str,
    *,
    key_id: str = "ak",
    secret: str = "sk",
) -> Vector:
    query = (
        *request.query,
        ("OSSAccessKeyId", key_id),
        ("Expires", str(expires)),
        ("Signature", signature),
    )
    return Vector(name=name, request=_with(request, query=query), now_s=expires, secret=secret)


def _with(
    request: SigningRequest,
    *,
    query: Query | None = None,
    headers: Headers | None = None,
) -> SigningRequest:
    return SigningRequest(
        method=request.method,
        bucket=request.bucket,
        key=request.key,
        query=request.query if query is None else query,
        headers=request.headers if headers is None else headers,
    )


BASE_A = SigningRequest(
    method="PUT",
    bucket="bucket",
    key="1234+-/123/1.txt",
    query=(
        ("param1", "value1"),
        ("+param1", "value3"),
        ("|param1", "value4"),
        ("+param2", ""),
        ("|param2", ""),
        ("param2", ""),
    ),
    headers=(
        ("x-oss-head1", "value"),
        ("abc", "value"),
        ("zabc", "value"),
        ("xyz", "value"),
        ("content-type", "text/plain"),
        UNSIGNED,
    ),
)
BASE_B = _with(
    BASE_A,
    headers=(
        ("x-oss-head1", "value"),
        ("abc", "value"),
        ("zabc", "value"),
        ("xyz", "value"),
        ("content-type", "application/octet-stream"),
    ),
)
BASE_C = SigningRequest(
    method="PUT",
    bucket="examplebucket",
    key="nelson",
    headers=(
        ("content-md5", "eB5eJF1ptWaXm4bijSPyxw=="),
        ("content-type", "text/html"),
        ("x-oss-meta-author", "alice"),
        ("x-oss-meta-magic", "abracadabra"),
        ("x-oss-date", DATE_V1),
        ("date", DATE_V1),
    ),
)
BASE_C_STS = _with(BASE_C, headers=(*BASE_C.headers, ("x-oss-security-token", "token")))
BUCKET_C = SigningRequest(
    method="GET", bucket="examplebucket", headers=(("x-oss-date", DATE_V1), ("date", DATE_V1))
)
NODE_V4 = SigningRequest(method="GET", bucket="mybucket", headers=(UNSIGNED,))
NODE_V1_DATE = ("x-oss-date", "Fri, 20 Nov 2026 19:21:03 GMT")
DOC_SECRET = "OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV"
DOC_KEY_ID = "44CF9590006BF252F707"

V4_HEADER_VECTORS = (
    v4_header(
        "1-py2",
        BASE_A,
        "20231216T162057Z",
        "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe",
        now_s=1702743657,
    ),
    v4_header(
        "2-py2-token",
        _with(BASE_A, headers=(*BASE_A.headers, ("x-oss-security-token", "token"))),
        "20231217T034736Z",
        "b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea",
        now_s=1702784856,
    ),
    v4_header(
        "3-py2-additional",
        BASE_A,
        "20231216T172512Z",
        "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f",
        additional="abc;zabc",
        now_s=1702747512,
    ),
    v4_header(
        "4-py2-cloud-box",
        BASE_A,
        "20231216T162057Z",
        "94ce1f12c17d148ea681030275a94449d3357f5b5b21133996eec80af3e08a43",
        scope="cb-123/oss-cloudbox",
        now_s=1702743657,
    ),
    v4_header(
        "10-own-service",
        SigningRequest(method="GET", headers=(UNSIGNED,)),
        "20231216T162057Z",
        "2a7fe0c537ae2b2319d6a44def3d754c1f9ca397946234d46ba2ecdb8f8f0a96",
        now_s=1702743657,
    ),
    v4_header(
        "11-own-list",
        SigningRequest(
            method="GET",
            bucket="bucket",
            query=(
                ("acl", None),
                ("encoding-type", "url"),
                ("list-type", "2"),
                ("prefix", "a b/é"),
            ),
            headers=(UNSIGNED,),
        ),
        "20231216T162057Z",
        "d5cd09fc4c65c79d3883df3735c926837b43f831b9be11681151d80a2bc285ad",
        now_s=1702743657,
    ),
    v4_header(
        "12-ali-oss-put",
        SigningRequest(method="PUT", bucket="mybucket", key="a b/+c", headers=(NODE_MD5, UNSIGNED)),
        "20261120T192103Z",
        "b717497349d188a231b3ff40c2e62a8613ce30e775c5a13119d13ba70166e6b4",
        now_s=1795202463,
    ),
    v4_header(
        "13-ali-oss-list-keeps-equals",
        _with(NODE_V4, query=(("prefix", ""), ("max-keys", "10"))),
        "20261120T192103Z",
        "67a5c96d8e0e75befc72bc434dacf905c1f0944a4ea0d7491e36ce11c063bb89",
        now_s=1795202463,
    ),
    v4_header(
        "13-own-list-without-equals",
        _with(NODE_V4, query=(("prefix", ""), ("max-keys", "10"))),
        "20261120T192103Z",
        "382f55199ba5349f98531d0c830d59dca92a592e0907bdf82cf58cafbef5a284",
        now_s=1795202463,
    ),
    v4_header(
        "14-ali-oss-bare-subresource",
        _with(NODE_V4, query=(("acl", ""),)),
        "20261120T192103Z",
        "63f5eebd7251dc9ff3d140903ecc2c78802fb5ea812b9b67c0c25e765831f76a",
        now_s=1795202463,
    ),
)

V4_URL_VECTORS = (
    v4_url(
        "5-py2",
        "20231217T025437Z",
        "a39966c61718be0d5b14e668088b3fa07601033f6518ac7b523100014269c0fe",
        now_s=1702781677,
    ),
    v4_url(
        "6-py2-token",
        "20231217T035628Z",
        "3817ac9d206cd6dfc90f1c09c00be45005602e55898f26f5ddb06d7892e1f8b5",
        extra=(("x-oss-security-token", "token"),),
        now_s=1702785388,
    ),
    v4_url(
        "7-py2-additional",
        "20231217T033009Z",
        "6bd984bfe531afb6db1f7550983a741b103a8c58e5e14f83ea474c2322dfa2b7",
        extra=(("x-oss-additional-headers", "abc;zabc"),),
        now_s=1702783809,
    ),
    v4_url(
        "8-py2-long-expiry",
        "20231217T025437Z",
        "31029123dc7732d2d2cfd4006ea4fdb6cf86da6478f813e2bf8f87877c7b9fec",
        expires="432000",
        now_s=1702781677 + 432_000,
    ),
    v4_url(
        "9-py2-cloud-box",
        "20231217T025437Z",
        "07284191b9b4978ac3520cd39ee2dea2747eda454089359371ff463a6c7ba20f",
        scope="cb-123/oss-cloudbox",
        extra=(("x-oss-additional-headers", "abc;zabc"),),
        now_s=1702781677,
    ),
)

V1_VECTORS = (
    v1_header("20-php", BASE_C, "kSHKmLxlyEAKtZPkJhG9bZb5k7M="),
    v1_header("21-php-acl", _with(BASE_C, query=(("acl", None),)), "/afkugFbmWDQ967j1vr6zygBLQk="),
    v1_header(
        "21-php-acl-and-unsigned-name",
        _with(BASE_C, query=(("acl", None), ("non-resource", "123"))),
        "/afkugFbmWDQ967j1vr6zygBLQk=",
    ),
    v1_header(
        "22-php-resource-group",
        _with(BUCKET_C, query=(("resourceGroup", None),)),
        "vkQmfuUDyi1uDi3bKt67oemssIs=",
    ),
    v1_header(
        "23-php-two-subresources",
        _with(BUCKET_C, query=(("resourceGroup", None), ("acl", ""))),
        "x3E5TgOvl/i7PN618s5mEvpJDYk=",
    ),
    v1_header("24-php-token", BASE_C_STS, "H3PAlN3Vucn74tPVEqaQC4AnLwQ="),
    v1_header(
        "25-php-token-acl",
        _with(BASE_C_STS, query=(("acl", None),)),
        "yeceHMAsgusDPCR979RJcLtd7RI=",
    ),
    v1_url(
        "26-py2-url",
        SigningRequest(
            method="GET", bucket="bucket", key="key", query=(("versionId", "versionId"),)
        ),
        1699807420,
        "dcLTea+Yh9ApirQ8o8dOPqtvJXQ=",
    ),
    v1_url(
        "27-py2-url-token",
        SigningRequest(
            method="GET",
            bucket="bucket",
            key="key+123",
            query=(("versionId", "versionId"), ("security-token", "token")),
        ),
        1699808204,
        "jzKYRrM5y6Br0dRFPaTGOsbrDhY=",
    ),
    v1_header(
        "28-doc",
        SigningRequest(
            method="PUT",
            bucket="oss-example",
            key="nelson",
            headers=(
                ("content-md5", "ODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM="),
                ("content-type", "text/html"),
                ("date", "Thu, 17 Nov 2005 18:49:58 GMT"),
                ("x-oss-magic", "abracadabra"),
                ("x-oss-meta-author", "foo@bar.com"),
            ),
        ),
        "26NBxoKdsyly4EDv6inkoDft/yA=",
        key_id=DOC_KEY_ID,
        secret=DOC_SECRET,
        now_s=1132253398,
    ),
    v1_url(
        "29-own-url",
        SigningRequest(method="GET", bucket="oss-example", key="oss-api.pdf"),
        1141889120,
        "EwaNTn1erJGkimiJ9WmXgwnANLc=",
        key_id=DOC_KEY_ID,
        secret=DOC_SECRET,
    ),
    v1_header(
        "30-ali-oss-put",
        SigningRequest(
            method="PUT", bucket="mybucket", key="a b/+c", headers=(NODE_MD5, NODE_V1_DATE)
        ),
        "YP8pprEIiGYqORjoRBZMRdIGhiw=",
        now_s=1795202463,
    ),
    v1_header(
        "31-ali-oss-service",
        SigningRequest(method="GET", headers=(NODE_V1_DATE,)),
        "0AUc2yn+nNKqkh6zybQOWT34Pis=",
        now_s=1795202463,
    ),
)

V2_VECTORS = (
    Vector(
        name="40-own-header",
        request=SigningRequest(
            method="PUT",
            bucket="examplebucket",
            key="dir/nelson",
            query=(("acl", None), ("x", "a/b c")),
            headers=(
                ("content-md5", "eB5eJF1ptWaXm4bijSPyxw=="),
                ("content-type", "text/html"),
                ("date", DATE_V1),
                ("x-oss-meta-author", "alice"),
                ("range", "bytes=0-9"),
                (
                    "authorization",
                    "OSS2 AccessKeyId:ak,AdditionalHeaders:range,"
                    "Signature:sP2Aenw/rxyNb0zXZ2ivd9Zf8szbRW1AqII/NYkIoTQ=",
                ),
            ),
        ),
        now_s=DATE_V1_S,
    ),
    Vector(
        name="41-own-url",
        request=SigningRequest(
            method="GET",
            bucket="bucket",
            key="key",
            query=(
                ("versionId", "v1"),
                ("x-oss-signature-version", "OSS2"),
                ("x-oss-expires", "1699807420"),
                ("x-oss-access-key-id", "ak"),
                ("x-oss-signature", "7YKvGWjbldlqkfPNukxTK4qWP/kghZPyemAhFvFCM9Y="),
            ),
        ),
        now_s=1699807420,
    ),
)

VECTORS = (*V4_HEADER_VECTORS, *V4_URL_VECTORS, *V1_VECTORS, *V2_VECTORS)
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


@each_vector
def test_known_signature_is_accepted(vector: Vector) -> None:
    claims = read_claims(vector.request)
    assert claims is not None
    check_time(claims, vector.now_s)
    check_signature(claims, vector.request, vector.secret)


@each_vector
def test_known_signature_is_refused_with_another_secret(vector: Vector) -> None:
    claims = read_claims(vector.request)
    assert claims is not None
    with pytest.raises(SignatureDoesNotMatch):
        check_signature(claims, vector.request, vector.secret + "x")


@pytest.mark.parametrize(
    ("vectors", "scheme", "count"),
    [
        (V4_HEADER_VECTORS, Scheme.V4, 10),
        (V4_URL_VECTORS, Scheme.V4, 5),
        (V1_VECTORS, Scheme.V1, 13),
        (V2_VECTORS, Scheme.V2, 2),
    ],
)
def test_vectors_are_read_as_their_scheme(
    vectors: tuple[Vector, ...], scheme: Scheme, count: int
) -> None:
    found = [read_claims(vector.request) for vector in vectors]
    assert [claims.scheme for claims in found if claims is not None] == [scheme] * count
    in_url = ["x-oss-signature" in dict(v.request.query) for v in vectors]
    if scheme is not Scheme.V1:
        located = [claims.location is Location.QUERY for claims in found if claims is not None]
        assert located == in_url


def test_intermediate_values_of_the_first_vector() -> None:
    request = V4_HEADER_VECTORS[0].request
    claims = read_claims(request)
    assert claims is not None
    assert (
        hashlib.sha256(canonical_request(claims, request)).hexdigest()
        == "f4613657f1b108998e8dbd10a1aa5da621dc2c6e02c9ddec0f163664848704c4"
    )
    assert (
        signing_key("sk", "20231216", "cn-hangzhou", "oss").hex()
        == "b412a03b134ebddd720f5167b5de6db66620ebb3b01cff4d49e3ccb09f8de97f"
    )
