"""The wire of the RPC-style APIs: signatures, dates, keys, formats, and what stays OSS's."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import oss2
import pytest

from tests.services.conftest import ROOT_A, World, trust
from tests.support.clients import auth_of, bucket_of
from tests.support.process import KEY_A, SECRET_B, UID_A, EmulatorProcess
from tests.support.rpc import (
    Keys,
    Refused,
    TeaClient,
    call_v1,
    call_v3,
    fresh_nonce,
    send,
    v1_parameters,
)

WRONG = Keys(KEY_A, SECRET_B)
REQUEST_ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
TRUSTS = trust({"Service": ["oss.aliyuncs.com"]})
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def identity(answer: Any) -> str:
    assert answer.status == 200, answer.body
    return str(answer.json["Arn"])


def code(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json["Code"]


def test_b01_a_wrong_secret_is_refused(server: EmulatorProcess) -> None:
    assert identity(call_v1(server, ROOT_A, "sts", "GetCallerIdentity")) == f"acs:ram::{UID_A}:root"
    assert identity(call_v3(server, ROOT_A, "sts", "GetCallerIdentity")).endswith(":root")
    for call in (call_v1, call_v3):
        assert code(call(server, WRONG, "sts", "GetCallerIdentity")) == (
            400,
            "SignatureDoesNotMatch",
        )


def test_b02_b03_a_value_verifies_in_query_and_form(server: EmulatorProcess) -> None:
    for number, in_form in enumerate(((), ("Description", "SignatureType"))):
        answer = call_v1(
            server,
            ROOT_A,
            "ram",
            "CreateRole",
            method="POST",
            in_form=in_form,
            RoleName=f"b02-{number}",
            Description="a b*~é+/=&",
            SignatureType="",
            AssumeRolePolicyDocument=TRUSTS,
        )
        assert answer.json["Role"]["Description"] == "a b*~é+/=&"


def test_b03_everything_in_the_form(server: EmulatorProcess) -> None:
    names = tuple(v1_parameters("POST", ROOT_A, "sts", "X", {}))
    answer = call_v1(
        server, ROOT_A, "sts", "GetCallerIdentity", method="POST", in_form=(*names, "Signature")
    )
    assert identity(answer).endswith(":root")


def test_b04_all_headers_signed(server: EmulatorProcess) -> None:
    more = {"user-agent": "agent/1 (x)", "accept": "application/json", "x-acs-extra": "a  b"}
    answer = call_v3(server, ROOT_A, "sts", "GetCallerIdentity", headers=more)
    assert identity(answer).endswith(":root")


def test_b05_a_host_header_with_its_scheme(server: EmulatorProcess) -> None:
    host = f"http://127.0.0.1:{server.port}"
    assert identity(
        call_v3(server, ROOT_A, "sts", "GetCallerIdentity", headers={"host": host})
    ).endswith(":root")
    client = TeaClient(server, ROOT_A, scheme="http://")
    assert client("sts", "GetCallerIdentity")["AccountId"] == UID_A


def test_the_generated_clients_sign_with_v1_too(server: EmulatorProcess) -> None:
    client = TeaClient(server, ROOT_A, signature="v2")
    assert client("sts", "GetCallerIdentity")["AccountId"] == UID_A
    with pytest.raises(Refused, match=r"EntityNotExist\.Role"):
        client("ram", "GetRole", RoleName="no-such role"[:7])


def test_b06_a_body_that_is_not_the_hashed_one(server: EmulatorProcess) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = call_v3(
        server,
        ROOT_A,
        "ram",
        "GetRole",
        headers=form,
        body=b"RoleName=a",
        sent_body=b"RoleName=b",
    )
    assert code(answer) == (400, "SignatureDoesNotMatch")
    answer = call_v3(server, ROOT_A, "ram", "GetRole", headers=form, body=b"RoleName=AliyunOSSRole")
    assert answer.json["Role"]["RoleName"] == "AliyunOSSRole"


def test_b07_the_message_carries_the_text_that_was_signed(world: World) -> None:
    client = world.client(WRONG)
    with pytest.raises(Refused) as caught:
        client("ram", "ListRoles")
    if world.family == "tea":
        phrase = "server string to sign is:ACS3-HMAC-SHA256"
        assert caught.value.code == "SignatureDoesNotMatch"
        assert phrase in caught.value.message
        return
    # the core client finds the server's text equal to its own and blames the secret
    assert caught.value.code == "InvalidAccessKeySecret"


def server_text(server: EmulatorProcess, offset_s: float) -> str:
    """An instant as the server's clock goes, which stands still while the machine's goes on."""
    now = datetime.fromisoformat(server.control("GET", "clock")["now"])
    return (now + timedelta(seconds=offset_s)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("date", "wanted"),
    [
        (-16 * 60, "InvalidTimeStamp.Expired"),
        (16 * 60, "InvalidTimeStamp.Expired"),
        ("yesterday", "InvalidTimeStamp.Format"),
    ],
)
def test_b08_dates(server: EmulatorProcess, date: float | str, wanted: str) -> None:
    text = date if isinstance(date, str) else server_text(server, date)
    v1 = call_v1(server, ROOT_A, "sts", "GetCallerIdentity", Timestamp=text)
    v3 = call_v3(server, ROOT_A, "sts", "GetCallerIdentity", headers={"x-acs-date": text})
    assert code(v1) == code(v3) == (400, wanted)


def test_b09_a_nonce_serves_once(server: EmulatorProcess) -> None:
    nonce = fresh_nonce()
    # whoever does not know the secret cannot use it up
    wrong = call_v1(server, WRONG, "sts", "GetCallerIdentity", SignatureNonce=nonce)
    first = call_v1(server, ROOT_A, "sts", "GetCallerIdentity", SignatureNonce=nonce)
    again = call_v3(
        server, ROOT_A, "sts", "GetCallerIdentity", headers={"x-acs-signature-nonce": nonce}
    )
    assert code(wrong) == (400, "SignatureDoesNotMatch")
    assert first.status == 200
    assert code(again) == (400, "SignatureNonceUsed")


def test_b10_unknown_and_inactive_keys(world: World) -> None:
    unknown = Keys("LTAIunknown", "x")
    name, keys = world.user()
    world.ram("UpdateAccessKey", UserName=name, UserAccessKeyId=keys.key_id, Status="Inactive")
    for wrong, status, wanted in (
        (unknown, 404, "InvalidAccessKeyId.NotFound"),
        (keys, 400, "InvalidAccessKeyId.Inactive"),
    ):
        with pytest.raises(Refused) as caught:
            world.client(wrong)("sts", "GetCallerIdentity")
        assert (caught.value.status, caught.value.code) == (status, wanted)
    # OSS refuses it as well
    bucket = oss2.Bucket(oss2.Auth(keys.key_id, keys.secret), world.server.endpoint, "src-bucket")
    with pytest.raises(oss2.exceptions.OssError, match="InvalidAccessKeyId"):
        bucket.get_object("x")


def test_b12_a_missing_parameter_is_named(server: EmulatorProcess) -> None:
    answer = call_v1(server, ROOT_A, "ram", "GetRole")
    assert code(answer) == (400, "MissingRoleName")
    assert answer.json["Message"] == "RoleName is mandatory for this action."
    assert code(call_v1(server, ROOT_A, "ram", "GetRole", RoleName="")) == (400, "MissingRoleName")


def test_b13_the_version_tells_the_product(server: EmulatorProcess) -> None:
    cases: list[tuple[dict[str, Any], str, tuple[int, str]]] = [
        ({"Version": "2015-04-01"}, "GetRole", (404, "InvalidAction.NotFound")),
        ({"Version": "2014-05-26"}, "GetRole", (400, "InvalidVersion")),
        ({}, "NoSuchThing", (404, "InvalidAction.NotFound")),
        ({}, "getrole", (404, "InvalidAction.NotFound")),
    ]
    for more, action, wanted in cases:
        assert code(call_v1(server, ROOT_A, "ram", action, **more)) == wanted
    assert code(call_v3(server, ROOT_A, "ram", "NoSuchThing")) == (404, "InvalidApi.NotFound")


def test_b14_b15_formats_and_request_ids(server: EmulatorProcess) -> None:
    xml = call_v1(
        server,
        ROOT_A,
        "ram",
        "CreateRole",
        Format="XML",
        RoleName="b14",
        AssumeRolePolicyDocument=TRUSTS,
    )
    assert xml.headers["content-type"] == "text/xml;charset=utf-8"
    text = xml.body.decode()
    assert "<CreateRoleResponse><RequestId>" in text
    assert f"<Arn>acs:ram::{UID_A}:role/b14</Arn>" in text
    listed = call_v1(server, ROOT_A, "ram", "ListRoles", Format="xml").body.decode()
    assert "<Roles><Role><RoleId>" in listed
    wrong = call_v1(server, ROOT_A, "ram", "GetRole", Format="XML", RoleName="no").body.decode()
    assert re.search("<Error><RequestId>.*</RequestId><HostId>.*<Code>EntityNotExist.Role<", wrong)

    answer = call_v1(server, ROOT_A, "ram", "GetRole", RoleName="no", Format="json")
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert {"RequestId", "HostId", "Code", "Message", "Recommend"} == set(answer.json)
    answers = [
        answer,
        call_v1(server, ROOT_A, "sts", "GetCallerIdentity"),
        call_v1(server, WRONG, "sts", "GetCallerIdentity"),
        send(server, "GET", "/?Action=X&Version=2015-05-01"),
        send(server, "POST", "/", FORM, b"Action=X"),
        send(server, "POST", "/", FORM, b"\xff"),
    ]
    for one in answers:
        assert REQUEST_ID.fullmatch(one.json["RequestId"])


def test_requests_that_are_not_whole(server: EmulatorProcess) -> None:
    cases = [
        ("GET", "/?Action=GetRole&Version=2015-05-01", {}, b"", (400, "MissingAccessKeyId")),
        ("POST", "/", FORM, b"Action=X", (400, "MissingVersion")),
        ("POST", "/", FORM, b"Version=2015-05-01", (400, "MissingAction")),
        ("PUT", "/?Action=X&Version=2015-05-01", {}, b"", (400, "UnsupportedHTTPMethod")),
        ("PUT", "/?Action=X&Version=2016-01-20", {}, b"", (403, "UnsupportedHTTPMethod")),
        ("POST", "/", FORM, b"x" * 3_000_000, (413, "RequestEntityTooLarge")),
    ]
    for method, target, headers, body, wanted in cases:
        assert code(send(server, method, target, headers, body)) == wanted


def test_oss_requests_stay_with_oss(server: EmulatorProcess) -> None:
    service = oss2.Service(auth_of("a"), server.endpoint)
    parameters = {"Action": "CreateUser", "Version": "2015-05-01"}
    assert [one.name for one in service.list_buckets(params=parameters).buckets]
    assert bucket_of(server, "src-bucket").list_objects("no-such-prefix").object_list == []
    upload = {"Content-Type": "multipart/form-data; boundary=x"}
    assert b"<Code>" in send(server, "POST", "/src-bucket", upload, b"--x--\r\n").body
    assert b"<Code>" in send(server, "GET", "/").body  # anonymous ListBuckets


def test_a_continue_is_sent_before_the_body(server: EmulatorProcess) -> None:
    body = b"Action=X&Version=2015-05-01"
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nExpect: 100-continue\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    answer = server.raw(head.encode() + body)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404")
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["Code"] == "InvalidAction.NotFound"


def test_bytes_that_are_no_text_are_refused_and_nothing_fails_behind_it(world: World) -> None:
    server, (name, keys) = world.server, world.user()
    bad = "\xff\xfe"  # sent as these bytes, which are no UTF-8
    claims = f"ACS3-HMAC-SHA256 Credential={bad},SignedHeaders=host,Signature=00"
    cases = [
        send(server, "POST", "/", {"Authorization": claims}),
        send(server, "POST", "/", {"x-acs-action": bad, "x-acs-version": bad}),
        send(server, "GET", "/?Action=GetUser&Version=2015-05-01&A=%ff"),
        send(server, "GET", "/?Action=GetUser&Version=2015-05-01", {"Host": f"127.0.0.1{bad}"}),
        call_v3(server, keys, "ram", "GetUser", UserName="%ff"),
        call_v1(server, ROOT_A, "ram", "GetUser", UserName="a\x00b"),
        call_v1(
            server,
            ROOT_A,
            "ram",
            "TagResources",
            ResourceType="role",
            ResourceNames='["AliyunOSSRole"]',
            Tag='[{"Key": "\\ud800"}]',
        ),
    ]
    assert [one.status for one in cases if not 400 <= one.status < 500] == []
    query = urlencode(v1_parameters("GET", keys, "ram", "GetUser", {"UserName": name}))
    denied = send(server, "GET", f"/?{query}", {"User-Agent": bad})
    assert code(denied) == (403, "NoPermission")
