"""CORS, referer, website, payer, public access and traffic limit with the vendor's clients."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from functools import partial
from typing import Any, NamedTuple

import alibabacloud_oss_v2 as oss_v2
import oss2
import oss2.models
import pytest

from tests.support.clients import bucket_of, v2_client_of
from tests.support.covers import covers
from tests.support.lab import Lab
from tests.support.process import UID_B, EmulatorProcess

pytestmark = pytest.mark.conformance

ORIGIN = "http://www.a.com"
LIMIT = 819_200


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes


def http(server: EmulatorProcess, path: str, method: str = "GET", **headers: str) -> Answer:
    """An unsigned request; redirections are not followed."""
    pairs = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{server.endpoint}/{path}", headers=pairs, method=method)
    opener = urllib.request.build_opener(_Stay)
    try:
        with opener.open(request, timeout=30) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@pytest.fixture
def client(server: EmulatorProcess) -> Any:
    return v2_client_of(server)


@pytest.fixture
def name(lab: Lab) -> str:
    return str(lab.create("delivery").bucket_name)


def denied(call: Callable[[], object], message: str) -> None:
    """The second client's call must be refused with this message."""
    with pytest.raises(oss_v2.exceptions.OperationError) as caught:
        call()
    error = caught.value.unwrap()
    assert isinstance(error, oss_v2.exceptions.ServiceError)
    assert (error.status_code, error.code) == (403, "AccessDenied")
    assert message in error.message


def make_public(client: Any, name: str) -> None:
    client.put_bucket_acl(oss_v2.PutBucketAclRequest(bucket=name, acl="public-read"))


def put(client: Any, name: str, key: str, body: bytes = b"content") -> None:
    client.put_object(
        oss_v2.PutObjectRequest(bucket=name, key=key, body=body, content_type="text/html")
    )


@covers("OptionObject", "PutBucketCors")
def test_cors(server: EmulatorProcess, client: Any, name: str) -> None:
    rule = oss_v2.CORSRule(
        allowed_origins=[ORIGIN],
        allowed_methods=["PUT", "GET"],
        allowed_headers=["*"],
        expose_headers=["x-oss-test"],
        max_age_seconds=100,
    )
    client.put_bucket_cors(
        oss_v2.PutBucketCorsRequest(
            bucket=name,
            cors_configuration=oss_v2.CORSConfiguration(cors_rules=[rule], response_vary=True),
        )
    )
    request = oss_v2.OptionObjectRequest(
        bucket=name,
        key="any",
        origin=ORIGIN,
        access_control_request_method="PUT",
        access_control_request_headers="x-oss-test,x-oss-b",
    )
    result = client.option_object(request)
    assert result.access_control_allow_origin == ORIGIN
    assert result.access_control_allow_methods == "PUT, GET"
    assert result.access_control_allow_headers == "x-oss-test,x-oss-b"
    assert result.access_control_expose_headers == "x-oss-test"
    assert result.access_control_max_age == 100
    unsigned = http(
        server, f"{name}/any", "OPTIONS", Origin=ORIGIN, Access_Control_Request_Method="PUT"
    )
    assert (unsigned.status, unsigned.headers["Vary"]) == (200, "Origin")
    other = http(
        server, f"{name}/any", "OPTIONS", Origin=ORIGIN, Access_Control_Request_Method="DELETE"
    )
    assert other.status == 403
    put(client, name, "any")
    bucket = bucket_of(server, name)
    answer = bucket.get_object("any", headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Origin" not in bucket.get_object("any").headers


@covers("OptionBucket")
def test_a_preflight_of_a_bucket(server: EmulatorProcess, name: str) -> None:
    bucket = bucket_of(server, name)
    rule = oss2.models.CorsRule(allowed_origins=["*"], allowed_methods=["GET"])
    bucket.put_bucket_cors(oss2.models.BucketCors([rule]))
    answer = http(server, name, "OPTIONS", Origin=ORIGIN, Access_Control_Request_Method="GET")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


@covers("PutBucketReferer")
def test_referer(server: EmulatorProcess, client: Any, name: str) -> None:
    make_public(client, name)
    put(client, name, "key")
    client.put_bucket_referer(
        oss_v2.PutBucketRefererRequest(
            bucket=name,
            referer_configuration=oss_v2.RefererConfiguration(
                allow_empty_referer=False,
                allow_truncate_query_string=True,
                truncate_path=True,
                referer_list=oss_v2.RefererList(referers=["http://*.aliyun.com"]),
                referer_blacklist=oss_v2.RefererBlacklist(referers=["http://ban.aliyun.com"]),
            ),
        )
    )
    bucket = bucket_of(server, name)
    signed = bucket.sign_url("GET", "key", 60).removeprefix(f"{server.endpoint}/")
    for path in (f"{name}/key", signed):
        assert http(server, path, Referer="http://www.aliyun.com/a/b?c").status == 200
        for headers in (
            {"Referer": "http://ban.aliyun.com/"},
            {"Referer": "http://www.aliyun.com.evil.com/"},
            {},
        ):
            answer = http(server, path, **headers)
            assert answer.status == 403
            assert b"You are denied by bucket referer policy." in answer.body
    assert bucket.get_object("key", headers={"Referer": "http://evil"}).read() == b"content"


@covers("PutBucketWebsite")
def test_website(server: EmulatorProcess, client: Any, name: str) -> None:
    make_public(client, name)
    for key in ("index.html", "sub/index.html", "error.html"):
        put(client, name, key, key.encode())
    client.put_bucket_website(
        oss_v2.PutBucketWebsiteRequest(
            bucket=name,
            website_configuration=oss_v2.WebsiteConfiguration(
                index_document=oss_v2.IndexDocument(
                    suffix="index.html", support_sub_dir=True, type=0
                ),
                error_document=oss_v2.ErrorDocument(key="error.html", http_status=404),
            ),
        )
    )
    for path, status, body in (
        ("", 200, b"index.html"),
        ("sub/", 200, b"sub/index.html"),
        ("none", 404, b"error.html"),
    ):
        answer = http(server, f"{name}/{path}")
        assert (answer.status, answer.body) == (status, body)
    moved = http(server, f"{name}/sub")
    assert (moved.status, moved.headers["Location"]) == (302, f"/{name}/sub/")
    listed = client.list_objects_v2(oss_v2.ListObjectsV2Request(bucket=name))
    assert len(listed.contents) == 3
    bucket = bucket_of(server, name)
    simple = oss2.models.BucketWebsite("index.html", "error.html")
    bucket.put_bucket_website(simple)
    assert bucket.get_object("missing/").read() == b"index.html"
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.get_object("missing")


@covers("PutBucketRequestPayment", "GetBucketRequestPayment")
def test_request_payment(server: EmulatorProcess, client: Any, name: str) -> None:
    put(client, name, "key")
    statement = {
        "Effect": "Allow",
        "Action": ["oss:*"],
        "Principal": [UID_B],
        "Resource": [f"acs:oss:*:*:{name}", f"acs:oss:*:*:{name}/*"],
    }
    document = json.dumps({"Version": "1", "Statement": [statement]})
    client.put_bucket_policy(oss_v2.PutBucketPolicyRequest(bucket=name, body=document))
    client.put_bucket_request_payment(
        oss_v2.PutBucketRequestPaymentRequest(
            bucket=name,
            request_payment_configuration=oss_v2.RequestPaymentConfiguration(payer="Requester"),
        )
    )
    shown = client.get_bucket_request_payment(oss_v2.GetBucketRequestPaymentRequest(bucket=name))
    assert shown.request_payment_configuration.payer == "Requester"
    stranger = v2_client_of(server, "b")
    wanted = "Access denied for requester pay bucket"
    for wrong in (None, "bucketOwner"):
        read = oss_v2.GetObjectRequest(bucket=name, key="key", request_payer=wrong)
        denied(partial(stranger.get_object, read), wanted)
        head = oss_v2.HeadObjectRequest(bucket=name, key="key", request_payer=wrong)
        denied(partial(stranger.head_object, head), wanted)
    paid = stranger.get_object(
        oss_v2.GetObjectRequest(bucket=name, key="key", request_payer="requester")
    )
    assert paid.body.content == b"content"
    assert paid.headers["x-oss-request-charged"] == "requester"
    old = bucket_of(server, name, "b")
    payer = {"x-oss-request-payer": "requester"}
    with pytest.raises(oss2.exceptions.AccessDenied):
        old.object_exists("key")
    assert old.object_exists("key", headers=payer)
    url = old.sign_url("GET", "key", 60, params=payer)
    assert old.get_object_with_url(url).read() == b"content"
    assert http(server, f"{name}/key").status == 403


@covers("GetBucketPolicyStatus", "PutBucketPublicAccessBlock", "PutBucketAcl")
def test_public_access(server: EmulatorProcess, client: Any, name: str) -> None:
    put(client, name, "key")
    status = oss_v2.GetBucketPolicyStatusRequest(bucket=name)
    assert client.get_bucket_policy_status(status).policy_status.is_public is False
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": ["*"],
        "Resource": [f"acs:oss:*:*:{name}/*"],
    }
    document = json.dumps({"Version": "1", "Statement": [statement]})
    client.put_bucket_policy(oss_v2.PutBucketPolicyRequest(bucket=name, body=document))
    assert client.get_bucket_policy_status(status).policy_status.is_public is True
    assert http(server, f"{name}/key").status == 200
    client.put_bucket_public_access_block(
        oss_v2.PutBucketPublicAccessBlockRequest(
            bucket=name,
            public_access_block_configuration=oss_v2.PublicAccessBlockConfiguration(
                block_public_access=True
            ),
        )
    )
    assert http(server, f"{name}/key").status == 403
    denied(lambda: make_public(client, name), "Put public bucket acl is not allowed")
    bucket = bucket_of(server, name)
    with pytest.raises(oss2.exceptions.AccessDenied, match="Put public object acl"):
        bucket.put_object_acl("key", oss2.OBJECT_ACL_PUBLIC_READ)
    assert bucket.get_object_acl("key").acl == "default"


def test_traffic_limit(server: EmulatorProcess, client: Any, name: str) -> None:
    body = b"x" * (80 * 1024)

    def took_s(call: Callable[[], object]) -> float:
        started = time.monotonic()
        call()
        return time.monotonic() - started

    def upload() -> None:
        client.put_object(
            oss_v2.PutObjectRequest(bucket=name, key="key", body=body, traffic_limit=LIMIT)
        )

    def download() -> None:
        request = oss_v2.GetObjectRequest(bucket=name, key="key", traffic_limit=LIMIT)
        assert client.get_object(request).body.content == body

    bucket = bucket_of(server, name)
    headers = {oss2.models.OSS_TRAFFIC_LIMIT: str(LIMIT)}
    url = bucket.sign_url("GET", "key", 60, params=headers)
    for call in (
        upload,
        download,
        lambda: bucket.get_object_with_url(url).read(),
    ):
        assert 0.55 < took_s(call) < 3


@covers("HeadBucket")
def test_a_head_of_a_bucket(server: EmulatorProcess, client: Any, name: str) -> None:
    bucket = bucket_of(server, name)
    answer = bucket._do("HEAD", name, "")
    assert (answer.status, answer.headers["Content-Length"]) == (200, "0")
    assert client.is_bucket_exist(bucket=name)
    make_public(client, name)
    assert http(server, name, "HEAD").status == 200
    assert http(server, "no-such-bucket-x", "HEAD").status == 404
