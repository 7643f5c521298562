"""Forms as the vendor's samples build them, and callbacks through both of its clients."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import alibabacloud_oss_v2
import oss2
import pytest
import requests

from tests.support.clients import bucket_of, v2_client_of
from tests.support.covers import covers
from tests.support.lab import Lab
from tests.support.listener import OK, Listener, Said
from tests.support.process import EmulatorProcess
from tests.support.upload_forms import policy, v1_fields, v4_fields

_SESSION = ("STS.formSession", "formSessionSecret", "formSessionToken")
_WORLD = """
accounts:
  - uid: "1000000000000001"
    roles:
      - name: formRole
        trust: {Version: "1", Statement: [{Effect: Allow, Action: "sts:AssumeRole",
                Principal: {RAM: ["acs:ram::1000000000000001:root"]}}]}
        policies: [AliyunOSSFullAccess]
        sessions:
          - name: upload
            key: {id: STS.formSession, secret: formSessionSecret}
            token: formSessionToken
"""


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """The application server."""
    with Listener() as listening:
        yield listening


@pytest.fixture(scope="module")
def server(listener: Listener) -> Iterator[EmulatorProcess]:
    """The two-account world, on a server that may call the application server."""
    allow = f"oss.outgoing_allow=127.0.0.1:{listener.port}"
    with EmulatorProcess(settings=(allow,)) as process:
        process.load_world(_WORLD)
        yield process
        assert process.errors() == ""


def clock_now(server: EmulatorProcess) -> datetime:
    """The time on the server's clock."""
    text = server.control("GET", "clock")["now"]
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def send(
    server: EmulatorProcess, bucket: str, fields: dict[str, str], data: Any, filename: str = "f.txt"
) -> requests.Response:
    """Send a form to the bucket's own host, as a page would."""
    host = f"{bucket}.oss-cn-hangzhou.aliyuncs.com"
    files = {"file": (filename, data, "text/plain")}
    return requests.post(
        server.endpoint, data=fields, files=files, headers={"Host": host}, timeout=30,
        allow_redirects=False,
    )  # fmt: skip


@covers("PostObject")
def test_a_form_signed_on_the_application_server(server: EmulatorProcess, lab: Lab) -> None:
    """V1, as the samples for web uploads do it: a policy by size and directory."""
    bucket = lab.create("forms")
    name = bucket.bucket_name
    expiration = (clock_now(server) + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [["content-length-range", 0, 1048576000], ["starts-with", "$key", "user-dir/"]]
    fields = {
        "name": "f.txt",
        "key": "user-dir/${filename}",
        "success_action_status": "200",
        **v1_fields(policy(conditions, expiration=expiration)),
    }
    reply = send(server, name, fields, b"content")
    assert (reply.status_code, reply.content) == (200, b"")
    assert bucket.get_object("user-dir/f.txt").read() == b"content"
    outside = send(server, name, {**fields, "key": "other/x"}, b"content")
    assert outside.status_code == 403
    assert b'Policy Condition failed: ["starts-with", "$key", "user-dir/"]' in outside.content
    server.advance(61)
    late = send(server, name, fields, b"content")
    assert late.status_code == 403
    assert b"Invalid according to Policy: Policy expired." in late.content


@covers("PostObject")
def test_a_form_of_the_fourth_version(server: EmulatorProcess, lab: Lab) -> None:
    bucket = lab.create("forms")
    conditions = [{"bucket": bucket.bucket_name}, ["content-length-range", 1, 10]]
    fields = v4_fields(conditions, now=clock_now(server))
    given = {**fields, "key": "k", "success_action_status": "201", "x-oss-meta-a": "b"}
    reply = send(server, bucket.bucket_name, given, b"12345")
    assert reply.status_code == 201
    assert b"<PostResponse>" in reply.content
    assert bucket.head_object("k").headers["x-oss-meta-a"] == "b"
    assert send(server, bucket.bucket_name, {**fields, "key": "k"}, b"").status_code == 400
    changed = {
        **given,
        "x-oss-credential": given["x-oss-credential"].replace("hangzhou", "beijing"),
    }
    assert send(server, bucket.bucket_name, changed, b"12345").status_code == 403


@covers("PostObject")
def test_a_form_of_temporary_credentials(server: EmulatorProcess, lab: Lab) -> None:
    bucket = lab.create("forms")
    key_id, secret, token = _SESSION
    fields = v4_fields([], now=clock_now(server), keys=(key_id, secret), token=token)
    given = {**fields, "key": "k"}
    assert send(server, bucket.bucket_name, given, b"x").status_code == 204
    assert send(
        server, bucket.bucket_name, {**given, "x-oss-security-token": "other"}, b"x"
    ).status_code == 403  # fmt: skip
    del given["x-oss-security-token"]
    assert send(server, bucket.bucket_name, given, b"x").status_code == 403


@covers("PostObject")
def test_an_uploaded_form_replicates_like_any_other_object(lab: Lab) -> None:
    source, destination = lab.replicate()
    fields = {"key": "k", **v1_fields(policy())}
    assert send(lab.server, source.bucket_name, fields, b"content").status_code == 204
    lab.settle()
    assert destination.get_object("k").read() == b"content"


def _parameter(document: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def _callback(listener: Listener) -> dict[str, str]:
    return {
        "callbackUrl": listener.url,
        "callbackBody": "bucket=${bucket}&object=${object}&size=${size}&my=${x:my_var}",
    }


def test_oss2_uploads_with_a_callback(server: EmulatorProcess, listener: Listener) -> None:
    bucket = bucket_of(server, "src-bucket")
    headers = {
        "x-oss-callback": _parameter(_callback(listener)),
        "x-oss-callback-var": _parameter({"x:my_var": "my var"}),
    }
    result = bucket.put_object("called", b"content", headers=headers)
    assert (result.status, json.loads(result.resp.read())) == (200, {"Status": "OK"})
    assert result.etag == hashlib.md5(b"content").hexdigest().upper()
    told = listener.next()
    assert told.body == b"bucket=src-bucket&object=called&size=7&my=my%20var"
    # in a signed URL the parameters are part of what is signed
    params = {
        "callback": headers["x-oss-callback"], "callback-var": headers["x-oss-callback-var"]
    }  # fmt: skip
    for version in ("v1", "v4"):
        signer = bucket_of(server, "src-bucket", version=version)
        url = signer.sign_url("PUT", "called-too", 3600, params=dict(params), slash_safe=True)
        reply = requests.put(url, data=b"xy", timeout=30)
        assert (reply.status_code, reply.content) == (200, OK), reply.text
        assert b"object=called-too&size=2" in listener.next().body


def test_oss2_completes_with_a_callback(server: EmulatorProcess, listener: Listener) -> None:
    bucket = bucket_of(server, "src-bucket")
    upload_id = bucket.init_multipart_upload("parts").upload_id
    part = bucket.upload_part("parts", upload_id, 1, b"content")
    parts = [oss2.models.PartInfo(1, part.etag)]
    headers = {"x-oss-callback": _parameter(_callback(listener))}
    result = bucket.complete_multipart_upload("parts", upload_id, parts, headers=headers)
    assert result.status == 200
    assert listener.next().body == b"bucket=src-bucket&object=parts&size=7&my="
    assert bucket.get_object("parts").read() == b"content"


def test_the_second_client_uploads_with_a_callback(
    server: EmulatorProcess, listener: Listener
) -> None:
    client = v2_client_of(server)
    result = client.put_object(
        alibabacloud_oss_v2.PutObjectRequest(
            bucket="src-bucket",
            key="called",
            body=b"content",
            callback=_parameter(_callback(listener)),
            callback_var=_parameter({"x:my_var": "1"}),
        )
    )
    assert result.status_code == 200
    assert json.loads(result.callback_result) == {"Status": "OK"}
    assert listener.next().body.endswith(b"&size=7&my=1")


def test_the_second_client_completes_with_a_callback(
    server: EmulatorProcess, listener: Listener
) -> None:
    client = v2_client_of(server)
    target = {"bucket": "src-bucket", "key": "parts"}
    begun = client.initiate_multipart_upload(
        alibabacloud_oss_v2.InitiateMultipartUploadRequest(**target)
    )
    part = client.upload_part(
        alibabacloud_oss_v2.UploadPartRequest(
            **target, upload_id=begun.upload_id, part_number=1, body=b"content"
        )
    )
    listed = alibabacloud_oss_v2.CompleteMultipartUpload(
        parts=[alibabacloud_oss_v2.UploadPart(part_number=1, etag=part.etag)]
    )
    result = client.complete_multipart_upload(
        alibabacloud_oss_v2.CompleteMultipartUploadRequest(
            **target,
            upload_id=begun.upload_id,
            complete_multipart_upload=listed,
            callback=_parameter(_callback(listener)),
        )
    )
    assert json.loads(result.callback_result) == {"Status": "OK"}
    assert b"object=parts&size=7" in listener.next().body


def test_a_failed_callback_is_no_error_to_oss2(server: EmulatorProcess, listener: Listener) -> None:
    listener.answer = lambda _: Said(500)
    bucket = bucket_of(server, "src-bucket")
    headers = {"x-oss-callback": _parameter(_callback(listener))}
    result = bucket.put_object("failed", b"content", headers=headers)
    assert result.status == 203
    assert b"<Code>CallbackFailed</Code>" in result.resp.read()
    assert bucket.get_object("failed").read() == b"content"
    listener.answer = lambda _: Said()
    listener.all()
    wrong = {"x-oss-callback": "none"}
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_object("wrong", b"content", headers=wrong)
    assert (caught.value.status, caught.value.code) == (400, "InvalidArgument")
    assert not bucket.object_exists("wrong")
