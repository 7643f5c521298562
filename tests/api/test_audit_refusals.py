"""Refusals that no policy decides stand in the audit log too: who asked, what, and why not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from emulator.protocol.signing import Credentials, Scheme, Signer, SigningRequest, request_target
from tests.support.delivery import (
    BLOCK,
    PAYS,
    REQUESTER,
    anonymous,
    by_url,
    let_b_in,
    make_public,
    put_setting,
)
from tests.support.hostile import Attacker, Reply
from tests.support.places import fresh_bucket
from tests.support.process import KEY_A, KEY_B, SECRET_A, UID_A, UID_B
from tests.support.rpc import Keys, call_v1, call_v3
from tests.support.upload_forms import CONTENT_TYPE, form, policy, v1_fields
from tests.support.wire import Call

PUBLIC = (("x-oss-object-acl", "public-read"),)
WRONG = "notTheSecretOfAnybody"
REFERER = """<RefererConfiguration><AllowEmptyReferer>false</AllowEmptyReferer>
<RefererList><Referer>http://ok</Referer></RefererList></RefererConfiguration>"""


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "refused") as name:
        attacker.ok(Call("PUT", name, "key", body=b"content"))
        yield name


def log(attacker: Attacker, **filters: object) -> list[dict[str, Any]]:
    """The entries that fit."""
    page = attacker.server.control("GET", f"audit?{urlencode(filters)}")
    entries: list[dict[str, Any]] = page["entries"]
    return entries


def noted(attacker: Attacker, reply: Reply) -> dict[str, Any]:
    """What the log has of a refused request."""
    found = log(attacker, **{"request-id": reply.header("x-oss-request-id")})
    denied = [entry for entry in found if entry["decision"] == "Deny"]
    assert len(denied) == 1, found
    assert found[-1] == denied[0]
    entry = denied[0]
    assert entry["ec"] == reply.header("x-oss-ec")
    assert entry["peer"] == "127.0.0.1"
    return entry


def signed_by(
    key_id: str, secret: str, call: Call, *, late_s: float = 0, scheme: Scheme = Scheme.V4
) -> bytes:
    """A request of whoever has this key."""
    credentials = Credentials(access_key_id=key_id, secret=secret)
    signer = Signer(credentials=credentials, scheme=scheme, region="cn-hangzhou")
    request = SigningRequest(
        method=call.method, bucket=call.bucket, key=call.key, query=call.query, headers=call.headers
    )
    added = signer.headers(request, time.time() - late_s)
    lines = [f"{call.method} {request_target(request)} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (*call.headers, *added.items())]
    return ("\r\n".join([*lines, "content-length: 0"]) + "\r\n\r\n").encode()


STRANGERS = [
    ("LTAInobody", WRONG, 0, "InvalidAccessKeyId", ""),
    (KEY_A, WRONG, 0, "SignatureDoesNotMatch", UID_A),
    (KEY_A, SECRET_A, 3600, "RequestTimeTooSkewed", UID_A),
    ("STS.nobody", WRONG, 0, "InvalidAccessKeyId", ""),
]


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize(("key_id", "secret", "late_s", "code", "account"), STRANGERS)
def test_failed_authentication(
    attacker: Attacker,
    bucket: str,
    scheme: Scheme,
    key_id: str,
    secret: str,
    late_s: float,
    code: str,
    account: str,
) -> None:
    call = Call("GET", bucket, "key")
    reply = attacker.raw(signed_by(key_id, secret, call, late_s=late_s, scheme=scheme))
    assert reply is not None
    assert reply.code == code
    entry = noted(attacker, reply)
    assert (entry["principal"], entry["kind"]) == ("unauthenticated", "anonymous")
    assert (entry["access_key_id"], entry["account"]) == (key_id, account)
    assert (entry["operation"], entry["action"]) == ("GetObject", "oss:GetObject")
    assert (entry["bucket"], entry["key"]) == (bucket, "key")
    assert entry["resource"] == f"acs:oss:oss-cn-hangzhou:{UID_A}:{bucket}/key"
    assert entry["reason"].startswith(f"{code}: ")
    assert entry["statement"] == ""
    assert secret not in json.dumps(entry)
    assert entry in log(attacker, principal="unauthenticated", bucket=bucket)
    assert entry in log(attacker, principal=key_id, decision="deny", action="GetObject")
    assert not log(attacker, principal="anonymous", bucket=bucket)
    if account:
        assert entry in log(attacker, account=account, bucket=bucket, decision="deny")


def test_a_signed_url_that_has_expired(attacker: Attacker, bucket: str) -> None:
    credentials = Credentials(access_key_id=KEY_A, secret=SECRET_A)
    signer = Signer(credentials=credentials, scheme=Scheme.V1, region="")
    request = SigningRequest(method="GET", bucket=bucket, key="key", query=(), headers=())
    added = signer.presigned_query(request, time.time() - 86_400, 60)
    reply = attacker.call(Call("GET", bucket, "key", tuple(added)), "")
    assert (reply.status, reply.code) == (403, "AccessDenied")
    entry = noted(attacker, reply)
    assert (entry["principal"], entry["access_key_id"]) == ("unauthenticated", KEY_A)
    assert entry["reason"].startswith("AccessDenied: ")


@pytest.mark.parametrize(
    "authorization",
    [
        "OSS nobody",
        "OSS4-HMAC-SHA256 Credential=x",
        "OSS \udcff\udcfe:x",
        "OSS " + "k" * 3000 + ":x",
    ],
)
def test_credentials_that_cannot_be_read_and_long_ones(
    attacker: Attacker, bucket: str, authorization: str
) -> None:
    head = f"GET /{bucket}/key HTTP/1.1\r\nHost: 127.0.0.1\r\nDate: x\r\n"
    head += f"Authorization: {authorization}\r\n\r\n"
    reply = attacker.raw(head.encode("utf-8", "surrogateescape"))
    assert reply is not None
    assert reply.status in (400, 403)
    entry = noted(attacker, reply)
    assert entry["principal"] == "unauthenticated"
    assert len(entry["access_key_id"]) <= 128
    assert len(entry["reason"]) <= 256


@pytest.mark.parametrize("target", ["/%FF%FE", "/b%C3%A9/%FF", f"/{'b' * 300}", "/?acl"])
def test_odd_targets_do_not_spoil_the_log(attacker: Attacker, target: str) -> None:
    for method in ("GET", "PUT"):
        head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n"
        head += "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nAuthorization: OSS LTAInobody:c2ln\r\n\r\n"
        reply = attacker.raw(head.encode())
        assert reply is not None
        assert 400 <= reply.status < 500
        log(attacker, limit=1000)


def test_operations_without_an_action_and_with_many_keys(attacker: Attacker, bucket: str) -> None:
    for call, action in (
        (Call("POST", bucket, query=(("delete", None),)), "oss:DeleteObject"),
        (Call("GET", "", ""), "oss:ListBuckets"),
        (Call("PUT", "another-bucket", ""), "oss:PutBucket"),
    ):
        reply = attacker.raw(signed_by(KEY_A, WRONG, call))
        assert reply is not None
        entry = noted(attacker, reply)
        assert entry["action"] == action
        assert entry["key"] == ""
        assert entry["bucket"] == call.bucket


@pytest.mark.parametrize("family", ["ram", "sts", "kms"])
def test_failed_authentication_of_calls(attacker: Attacker, family: str) -> None:
    action = {"ram": "ListUsers", "sts": "GetCallerIdentity", "kms": "Encrypt"}[family]
    secrets: dict[str, Any] = {}
    if family == "kms":
        secrets = {"KeyId": "k", "Plaintext": "VGhlU2VjcmV0"}
    for call in (call_v1, call_v3):
        for keys, code, account in (
            (Keys(KEY_A, WRONG), "SignatureDoesNotMatch", UID_A),
            (Keys("LTAInobody", WRONG), "InvalidAccessKeyId.NotFound", ""),
            (Keys(KEY_A, SECRET_A, "tok"), "InvalidSecurityToken.MismatchWithAccessKey", UID_A),
            (Keys("STS.nobody", WRONG), "MissingSecurityToken", ""),
        ):
            answer = call(attacker.server, keys, family, action, **secrets)
            assert answer.json["Code"] == code
            (entry,) = log(attacker, **{"request-id": answer.json["RequestId"]})
            assert (entry["operation"], entry["action"]) == (action, f"{family}:{action}")
            assert (entry["decision"], entry["reason"]) == ("Deny", code)
            assert (entry["principal"], entry["resource"]) == ("unauthenticated", "")
            assert (entry["access_key_id"], entry["account"]) == (keys.key_id, account)
            text = json.dumps(entry)
            assert not any(each in text for each in ("VGhlU2VjcmV0", WRONG, SECRET_A))
    answer = call_v1(attacker.server, Keys("", ""), family, action)
    (entry,) = log(attacker, **{"request-id": answer.json["RequestId"]})
    assert (entry["access_key_id"], entry["reason"]) == ("", answer.json["Code"])


def test_the_referer(attacker: Attacker, bucket: str) -> None:
    make_public(attacker, bucket)
    put_setting(attacker, bucket, "referer", REFERER)
    by_nobody = noted(attacker, anonymous(attacker, bucket, "key", referer="http://bad"))
    assert (by_nobody["principal"], by_nobody["ec"]) == ("anonymous", "0003-00000501")
    assert by_nobody["reason"] == "AccessDenied: You are denied by bucket referer policy."
    assert (by_nobody["action"], by_nobody["key"]) == ("oss:GetObject", "key")
    by_owner = noted(attacker, by_url(attacker, Call("GET", bucket, "key")))
    assert by_owner["principal"] == f"acs:ram::{UID_A}:root"
    passed = anonymous(attacker, bucket, "key", referer="http://ok/page")
    assert passed.status == 200
    (entry,) = log(attacker, **{"request-id": passed.header("x-oss-request-id")})
    assert entry["decision"] == "Allow"


def test_who_pays(attacker: Attacker, bucket: str) -> None:
    let_b_in(attacker, bucket)
    put_setting(attacker, bucket, "requestPayment", REQUESTER)
    b, nobody, call = f"acs:ram::{UID_B}:root", "anonymous", Call("GET", bucket, "key")
    for reply, who, ec in (
        (attacker.call(call, "b"), b, "0003-00000703"),
        (by_url(attacker, call, "b"), b, "0003-00000702"),
        (attacker.call(call, ""), nobody, "0003-00000701"),
    ):
        entry = noted(attacker, reply)
        assert (entry["principal"], entry["ec"]) == (who, ec)
        assert entry["reason"] == "AccessDenied: Access denied for requester pay bucket"
    attacker.ok(Call("GET", bucket, "key", headers=(PAYS,)), "b")


def test_who_pays_for_the_source_of_a_copy(attacker: Attacker, bucket: str) -> None:
    with fresh_bucket(attacker, "copies") as target:
        let_b_in(attacker, bucket)
        let_b_in(attacker, target)
        put_setting(attacker, bucket, "requestPayment", REQUESTER)
        source = ("x-oss-copy-source", f"/{bucket}/key")
        entry = noted(attacker, attacker.call(Call("PUT", target, "copy", headers=(source,)), "b"))
        assert (entry["operation"], entry["bucket"], entry["key"]) == ("CopyObject", bucket, "key")
        assert entry["access_key_id"] == KEY_B


def test_block_public_access(attacker: Attacker, bucket: str) -> None:
    put_setting(attacker, bucket, "publicAccessBlock", BLOCK)
    everyone = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": ["*"],
        "Resource": [f"acs:oss:*:*:{bucket}/*"],
    }
    document = json.dumps({"Version": "1", "Statement": [everyone]}).encode()
    for call, said in (
        (Call("PUT", bucket, "new", headers=PUBLIC), "object acl"),
        (Call("PUT", bucket, query=(("policy", None),), body=document), "bucket policy"),
    ):
        entry = noted(attacker, attacker.call(call))
        assert entry["reason"] == f"AccessDenied: Put public {said} is not allowed"
        assert (entry["principal"], entry["ec"]) == (f"acs:ram::{UID_A}:root", "0016-00000901")
        assert (entry["bucket"], entry["key"]) == (bucket, call.key)


def post(attacker: Attacker, bucket: str, fields: dict[str, str]) -> Reply:
    """Send an upload form."""
    headers = (("content-type", CONTENT_TYPE),)
    return attacker.call(Call("POST", bucket, headers=headers, body=form(fields, b"x")), "")


def test_upload_forms(attacker: Attacker, bucket: str) -> None:
    late = policy(expiration="2020-01-01T00:00:00.000Z")
    forged = {**v1_fields(policy()), "Signature": base64.b64encode(b"x" * 20).decode()}
    unknown = {**v1_fields(policy()), "OSSAccessKeyId": "LTAInobody"}
    for fields, code, who in (
        (forged, "SignatureDoesNotMatch", "unauthenticated"),
        (unknown, "InvalidAccessKeyId", "unauthenticated"),
        (v1_fields(late), "AccessDenied", f"acs:ram::{UID_A}:root"),
    ):
        entry = noted(attacker, post(attacker, bucket, {"key": "new", **fields}))
        assert (entry["operation"], entry["principal"]) == ("PostObject", who)
        assert entry["reason"].startswith(f"{code}: ")
        assert entry["access_key_id"] == fields["OSSAccessKeyId"]
        assert entry["bucket"] == bucket
    put_setting(attacker, bucket, "publicAccessBlock", BLOCK)
    fields = {"key": "new", "x-oss-object-acl": "public-read", **v1_fields(policy())}
    assert "Put public object acl" in noted(attacker, post(attacker, bucket, fields))["reason"]
    attacker.ok(Call("DELETE", bucket, query=(("publicAccessBlock", None),)))
    put_setting(attacker, bucket, "requestPayment", REQUESTER)
    let_b_in(attacker, bucket)
    fields = {"key": "new", **v1_fields(policy(), "b")}
    entry = noted(attacker, post(attacker, bucket, fields))
    assert (entry["ec"], entry["key"]) == ("0003-00000703", "new")
