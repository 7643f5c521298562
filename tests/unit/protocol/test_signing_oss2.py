"""Requests signed by oss2 are accepted, exactly as its HTTP library puts them on the wire."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

import oss2
import pytest
import requests
from oss2.credentials import StaticCredentialsProvider

from emulator.domain.errors import SignatureDoesNotMatch
from emulator.protocol.signing import (
    Location,
    Scheme,
    SigningRequest,
    check_signature,
    check_time,
    read_claims,
)

KEY_ID = "STS.LTAIemulator"
SECRET = "emulatorSecretA"
TOKEN = "CAIStoken+/=="
KEYS = [
    "plain.txt",
    "a b",
    "a+b",
    "100%",
    "%2B",
    "目录/é",
    "/lead//double/",
    "dir/",
    "~!*'()-._&=?#",
]

AUTHS: dict[str, tuple[Any, Scheme, str | None]] = {
    "Auth": (oss2.Auth(KEY_ID, SECRET), Scheme.V1, None),
    "StsAuth": (oss2.StsAuth(KEY_ID, SECRET, TOKEN), Scheme.V1, TOKEN),
    "AuthV2": (oss2.AuthV2(KEY_ID, SECRET), Scheme.V2, None),
    "StsAuth V2": (oss2.StsAuth(KEY_ID, SECRET, TOKEN, "v2"), Scheme.V2, TOKEN),
    "AuthV4": (oss2.AuthV4(KEY_ID, SECRET), Scheme.V4, None),
    "ProviderAuthV4": (
        oss2.ProviderAuthV4(StaticCredentialsProvider(KEY_ID, SECRET, TOKEN)),
        Scheme.V4,
        TOKEN,
    ),
}
each_auth = pytest.mark.parametrize("name", list(AUTHS))


class Sent(Exception):
    """The request oss2 was about to send."""

    def __init__(self, prepared: requests.PreparedRequest) -> None:
        self.prepared = prepared


class Wire:
    """Stands where oss2's session stands, up to the point where the bytes would leave."""

    def do_request(self, req: Any, timeout: float) -> None:
        assert timeout
        request = requests.Request(
            req.method, req.url, headers=req.headers, params=req.params, data=req.data
        )
        with requests.Session() as session:
            raise Sent(session.prepare_request(request))


def bucket_of(auth: Any) -> Any:
    endpoint = "http://127.0.0.1:9480"
    return oss2.Bucket(auth, endpoint, "bucket", session=Wire(), region="cn-hangzhou")


def received(method: str, url: str, headers: dict[str, str]) -> SigningRequest:
    """What a server makes of a path-style request."""
    parts = urlsplit(url)
    _, bucket, key = parts.path.split("/", 2)
    query: list[tuple[str, str | None]] = []
    for item in parts.query.split("&") if parts.query else []:
        name, found, value = item.partition("=")
        query.append((unquote_plus(name), unquote_plus(value) if found else None))
    lowered = tuple((name.lower(), value) for name, value in headers.items())
    return SigningRequest(method, bucket, unquote(key), tuple(query), lowered)


def header_text(prepared: requests.PreparedRequest) -> dict[str, str]:
    return {
        header: value.decode("latin-1") if isinstance(value, bytes) else value
        for header, value in prepared.headers.items()
    }


def sent_by(call: Any) -> SigningRequest:
    with pytest.raises(Sent) as caught:
        call()
    prepared = caught.value.prepared
    assert prepared.method is not None
    assert prepared.url is not None
    return received(prepared.method, prepared.url, header_text(prepared))


def check(request: SigningRequest, name: str, location: Location) -> None:
    _, scheme, token = AUTHS[name]
    claims = read_claims(request)
    assert claims is not None
    assert (claims.scheme, claims.location) == (scheme, location)
    assert (claims.access_key_id, claims.security_token) == (KEY_ID, token)
    now_s = claims.signed_at_s if claims.expires_at_s is None else claims.expires_at_s
    assert now_s is not None
    check_time(claims, now_s)
    check_signature(claims, request, SECRET)
    with pytest.raises(SignatureDoesNotMatch):
        check_signature(claims, request, SECRET + "x")


@each_auth
@pytest.mark.parametrize("key", KEYS)
def test_put_object(name: str, key: str) -> None:
    bucket = bucket_of(AUTHS[name][0])
    headers = {"x-oss-meta-author": "alice", "Content-Type": "text/plain; charset=utf-8"}
    request = sent_by(lambda: bucket.put_object(key, b"data", headers=headers))
    assert request.key == key
    check(request, name, Location.HEADER)


@each_auth
@pytest.mark.parametrize("key", KEYS)
def test_sign_url(name: str, key: str) -> None:
    bucket = bucket_of(AUTHS[name][0])
    params = {"versionId": "CAEQ+/= x", "response-content-type": "text/html; charset=utf-8"}
    headers = {"content-type": "text/plain", "x-oss-meta-a": "b"}
    for slash_safe in (False, True):
        url = bucket.sign_url("PUT", key, 60, dict(headers), dict(params), slash_safe)
        request = received("PUT", url, headers)
        assert request.key == key
        check(request, name, Location.QUERY)


@each_auth
@pytest.mark.parametrize("prefix", ["", "a b/+é%", "dir/"])
def test_listing(name: str, prefix: str) -> None:
    bucket = bucket_of(AUTHS[name][0])
    request = sent_by(lambda: bucket.list_objects(prefix=prefix, delimiter="/"))
    assert dict(request.query)["prefix"] == prefix
    check(request, name, Location.HEADER)
    request = sent_by(lambda: bucket.list_objects_v2(prefix=prefix, continuation_token="a+/="))
    check(request, name, Location.HEADER)


@each_auth
def test_operations_on_subresources(name: str) -> None:
    bucket = bucket_of(AUTHS[name][0])
    calls = [
        bucket.get_bucket_replication,
        lambda: bucket.get_bucket_replication_progress("rule id"),
        lambda: bucket.delete_bucket_replication("rule id"),
        lambda: bucket.put_bucket_policy("{}"),
        bucket.get_bucket_versioning,
        bucket.list_object_versions,
        lambda: bucket.upload_part("key", "upload id", 3, b"x"),
        lambda: bucket.batch_delete_objects(["a", "b"]),
        lambda: bucket.append_object("key", 7, b"x"),
    ]
    for call in calls:
        check(sent_by(call), name, Location.HEADER)


@each_auth
def test_service_level(name: str) -> None:
    endpoint = "http://127.0.0.1:9480"
    service = oss2.Service(AUTHS[name][0], endpoint, session=Wire(), region="cn-hangzhou")
    with pytest.raises(Sent) as caught:
        service.list_buckets(prefix="a")
    prepared = caught.value.prepared
    headers = tuple((header.lower(), value) for header, value in header_text(prepared).items())
    query: list[tuple[str, str | None]] = []
    for item in urlsplit(prepared.url or "").query.split("&"):
        key, _, value = str(item).partition("=")
        query.append((key, unquote_plus(value)))
    check(SigningRequest("GET", "", "", tuple(query), headers), name, Location.HEADER)
