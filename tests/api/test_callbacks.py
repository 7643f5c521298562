"""Upload callbacks: what is sent where, what is answered, and what is never called."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.support.hostile import Attacker, Reply, check_clean
from tests.support.listener import OK, Listener, Received, Said
from tests.support.process import UID_A, EmulatorProcess
from tests.support.upload_forms import CONTENT_TYPE, form, policy, v1_fields
from tests.support.wire import Call, signed_head

_NUMBERS = itertools.count(1)
_SYSTEM = ("bucket", "object", "etag", "size", "mimeType", "crc64", "contentMd5", "vpcId",
           "clientIp", "reqId", "operation", "imageInfo.height", "nothing")  # fmt: skip
_ALL = "&".join(f"{name}=${{{name}}}" for name in _SYSTEM)


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """The application server."""
    with Listener() as listening:
        yield listening


@pytest.fixture(scope="module")
def calling(listener: Listener) -> Iterator[Attacker]:
    """A server that may call the application server, and one name of it."""
    allow = f"oss.outgoing_allow=127.0.0.1:{listener.port}, *.example.com,localhost:{listener.port}"
    with EmulatorProcess(settings=(allow,)) as process:
        made = Attacker(process)
        made.ok(Call("PUT", "called"))
        yield made
        made.close()
        assert process.errors() == ""


@pytest.fixture(autouse=True)
def _quiet(listener: Listener) -> Iterator[None]:
    listener.answer = lambda _: Said()
    yield
    assert listener.all() == []


def encoded(document: Any) -> str:
    """A parameter as it is sent."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.b64encode(text).decode()


def put(calling: Attacker, callback: Any, variables: Any = None, body: bytes = b"data") -> Reply:
    """PutObject with a callback in the headers."""
    headers = [("x-oss-callback", encoded(callback)), ("content-type", "text/plain")]
    if variables is not None:
        headers.append(("x-oss-callback-var", encoded(variables)))
    key = f"dir/k&{next(_NUMBERS)}"
    reply = calling.call(Call("PUT", "called", key, headers=tuple(headers), body=body))
    check_clean(reply)
    return reply


def verified(calling: Attacker, received: Received) -> bool:
    """Verify a callback as the vendor's samples do; InvalidSignature otherwise."""
    url = base64.b64decode(received.headers["x-oss-pub-key-url"]).decode()
    path = urllib.parse.urlsplit(url).path
    assert path.startswith("/_emulator/")
    answer = calling.server.raw(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    key = load_pem_public_key(answer.partition(b"\r\n\r\n")[2])
    assert isinstance(key, RSAPublicKey)
    target, mark, query = received.path.partition("?")
    text = urllib.parse.unquote_to_bytes(target) + f"{mark}{query}\n".encode() + received.body
    signature = base64.b64decode(received.headers["authorization"])
    key.verify(signature, text, padding.PKCS1v15(), hashes.MD5())  # noqa: S303 - as OSS signs
    return True


def test_the_application_is_told_and_answers_for_the_service(
    calling: Attacker, listener: Listener
) -> None:
    callback = {
        "callbackUrl": f"{listener.url}/a%20b.php?id=1&x=%2F",
        "callbackBody": _ALL + "&my=${x:my}&none=${x:none}",
    }
    reply = put(calling, callback, {"x:my": "ä &="})
    assert (reply.status, reply.body) == (200, OK)
    assert reply.header("content-type") == "application/json"
    assert reply.header("etag") == f'"{hashlib.md5(b"data").hexdigest().upper()}"'
    told = listener.next()
    assert told.path == "/a%20b.php?id=1&x=%2F"
    assert told.headers["host"] == f"127.0.0.1:{listener.port}"
    assert told.headers["content-type"] == "application/x-www-form-urlencoded"
    assert told.headers["user-agent"] == "aliyun-oss-callback"
    assert told.headers["x-oss-bucket"] == "called"
    assert told.headers["x-oss-owner"] == UID_A
    assert told.headers["x-oss-request-id"] == reply.header("x-oss-request-id")
    assert told.headers["x-oss-tag"] == "CALLBACK"
    values = dict(urllib.parse.parse_qsl(told.body.decode(), keep_blank_values=True))
    md5 = hashlib.md5(b"data")
    assert values == {
        "bucket": "called",
        "object": f"dir/k&{_last()}",
        "etag": md5.hexdigest().upper(),
        "size": "4",
        "mimeType": "text/plain",
        "crc64": reply.header("x-oss-hash-crc64ecma"),
        "contentMd5": base64.b64encode(md5.digest()).decode(),
        "vpcId": "",
        "clientIp": "127.0.0.1",
        "reqId": reply.header("x-oss-request-id"),
        "operation": "PutObject",
        "imageInfo.height": "",
        "nothing": "",
        "my": "ä &=",
        "none": "",
    }
    assert b"mimeType=text%2Fplain" in told.body
    assert verified(calling, told)


def _last() -> int:
    return next(_NUMBERS) - 1


def test_a_json_body_has_json_values(calling: Attacker, listener: Listener) -> None:
    callback = {
        "callbackUrl": listener.url.removeprefix("http://"),
        "callbackHost": "app.example.com",
        "callbackBody": '{"o":${object},"s":${size},"t":${mimeType},"v":${x:v},"n":${x:n}}',
        "callbackBodyType": "application/json",
        "callbackSNI": True,
    }
    assert put(calling, callback, {"x:v": 'a"b\\'}).body == OK
    told = listener.next()
    assert (told.path, told.headers["host"]) == ("/", "app.example.com")
    assert told.headers["content-type"] == "application/json"
    assert json.loads(told.body) == {
        "o": f"dir/k&{_last()}", "s": 4, "t": "text/plain", "v": 'a"b\\', "n": "",
    }  # fmt: skip
    assert verified(calling, told)


def test_the_query_does_as_well_but_not_both(calling: Attacker, listener: Listener) -> None:
    value = encoded({"callbackUrl": listener.url, "callbackBody": "a=${x:a}"})
    more = encoded({"x:a": "1"})
    query = (("callback", value), ("callback-var", more))
    call = Call("PUT", "called", "k", query, body=b"x")
    assert calling.ok(call).body == OK
    assert listener.next().body == b"a=1"
    for name, again in (("x-oss-callback", value), ("x-oss-callback-var", more)):
        reply = calling.call(call._replace(headers=((name, again),)))
        assert (reply.status, reply.code) == (400, "InvalidArgument")


def test_an_empty_url_asks_for_nothing(calling: Attacker) -> None:
    reply = put(calling, {"callbackUrl": "", "callbackBody": "a"})
    assert (reply.status, reply.body) == (200, b"")


def test_urls_are_tried_until_one_answers(calling: Attacker, listener: Listener) -> None:
    listener.answer = lambda received: Said(200 if received.path == "/3" else 500)
    urls = ";".join(f"{listener.url}/{number}" for number in range(1, 6))
    assert put(calling, {"callbackUrl": urls, "callbackBody": "a"}).body == OK
    assert [each.path for each in listener.all()] == ["/1", "/2", "/3"]


_URL = "http://127.0.0.1"
FAILURES = [
    ("another status", Said(400), "Error status : 400."),
    ("created", Said(201), "Error status : 201."),
    ("a redirect", Said(302, headers=(("Location", "/other"),)), "Error status : 302."),
    ("no JSON", Said(body=b"OK"), "Response body is not valid json format."),
    ("a byte order mark", Said(body=b"\xef\xbb\xbf{}"), "Response body is not valid json format."),
    ("nothing", Said(body=b""), "Response body is not valid json format."),
    ("no length", Said(length=None),
     "Error status : 400.User server return too long content-length value."),
    ("too long", Said(length=3 * 1024 * 1024 + 1),
     "Error status : 400.User server return too long content-length value."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said", "message"), FAILURES, ids=[row[0] for row in FAILURES])
def test_a_failed_callback_is_told_and_the_object_stays(
    calling: Attacker, listener: Listener, name: str, said: Said, message: str
) -> None:
    listener.answer = lambda _: said
    reply = put(calling, {"callbackUrl": listener.url, "callbackBody": "a"})
    assert (reply.status, reply.header("content-type")) == (203, "application/xml")
    assert reply.document.findtext("Code") == "CallbackFailed"
    assert reply.document.findtext("Message") == message
    assert reply.document.findtext("EC") == "0007-00000203"
    assert reply.header("etag")
    assert len(listener.all()) == 1
    assert calling.ok(Call("GET", "called", f"dir/k&{_last()}")).body == b"data"


def test_the_longest_answer_is_passed_on(calling: Attacker, listener: Listener) -> None:
    text = b'"' + b"x" * (3 * 1024 * 1024 - 2) + b'"'
    listener.answer = lambda _: Said(body=text)
    reply = put(calling, {"callbackUrl": listener.url, "callbackBody": "a"})
    assert (reply.status, reply.body) == (200, text)
    listener.all()


def test_names_are_looked_up_and_only_then_allowed(calling: Attacker, listener: Listener) -> None:
    by_name = {"callbackUrl": f"localhost:{listener.port}", "callbackBody": "a"}
    assert put(calling, by_name).body == OK  # a private address, but listed by its name
    listener.all()
    nowhere = {"callbackUrl": "http://nowhere.example.com/", "callbackBody": "a"}
    reply = put(calling, nowhere)
    assert reply.status == 203
    assert "can not connect" in (reply.document.findtext("Message") or "")


@pytest.mark.slow
def test_who_does_not_answer_is_waited_for_five_seconds(
    calling: Attacker, listener: Listener
) -> None:
    done = threading.Event()

    def wait(_: Received) -> Said:
        done.wait(10)
        return Said()

    listener.answer = wait
    started = time.monotonic()
    callback = {"callbackUrl": listener.url, "callbackBody": "a"}
    calling.hang_up()
    header = (("x-oss-callback", encoded(callback)),)
    call = Call("PUT", "called", f"dir/k&{next(_NUMBERS)}", headers=header, body=b"data")
    with calling.line(timeout_s=9) as line:
        line.send(signed_head(call) + call.body)
        reply = line.reply("PUT")
    done.set()
    assert reply is not None
    assert reply.status == 203
    assert 4.9 < time.monotonic() - started < 8
    assert "timeout" in (reply.document.findtext("Message") or "")
    listener.all()


def _five(url: str) -> str:
    return ";".join([url] * 5)


def refused_documents(port: int) -> list[tuple[str, Any, Any, str]]:
    """Parameters that are refused, with the number of the error."""
    good = {"callbackUrl": f"{_URL}:{port}", "callbackBody": "a"}

    def having(**changes: Any) -> dict[str, Any]:
        return {**good, **changes}

    return [
        ("no JSON", b"{", None, ""),
        ("a list", [], None, ""),
        ("a number for a URL", having(callbackUrl=1), None, ""),
        ("six URLs", having(callbackUrl=_five(f"{_URL}:{port}") + f";{_URL}"), None,
         "0007-00000005"),
        ("a port that is none", having(callbackUrl="10.101.166.30:test"), None, "0007-00000004"),
        ("a large port", having(callbackUrl=f"{_URL}:70000"), None, "0007-00000004"),
        ("port 0", having(callbackUrl=f"{_URL}:0"), None, "0007-00000004"),
        ("a file", having(callbackUrl="file:///etc/passwd"), None, "0007-00000004"),
        ("another scheme", having(callbackUrl="gopher://127.0.0.1"), None, "0007-00000004"),
        ("a user in it", having(callbackUrl=f"http://a@127.0.0.1:{port}"), None, "0007-00000004"),
        ("letters beyond ASCII", having(callbackUrl="http://例.com/"), None, "0007-00000004"),
        ("a line break", having(callbackUrl=f"{_URL}:{port}/\r\nX:"), None, "0007-00000004"),
        ("only semicolons", having(callbackUrl=";"), None, "0007-00000004"),
        ("another port of an allowed host", having(callbackUrl=f"{_URL}:1"), None,
         "0007-00000008"),
        ("a metadata address", having(callbackUrl="http://100.100.100.200/latest"), None,
         "0007-00000008"),
        ("another loopback address", having(callbackUrl=f"http://127.0.0.2:{port}"), None,
         "0007-00000008"),
        ("a number for an address", having(callbackUrl=f"http://2130706433:{port}"), None,
         "0007-00000008"),
        ("IPv6", having(callbackUrl=f"http://[::1]:{port}"), None, "0007-00000008"),
        ("no body", having(callbackBody=""), None, "0007-00000011"),
        ("half a variable", having(callbackBody="a=${object"), None, ""),
        ("another type", having(callbackBodyType="text/plain"), None, ""),
        ("a host with a line break", having(callbackHost="a\r\nX: y"), None, ""),
        ("variables that are no JSON", good, b"x", ""),
        ("a variable that is no text", good, {"x:a": 1}, ""),
        ("a variable without x:", good, {"a": "1"}, ""),
        ("a variable in capitals", good, {"x:A": "1"}, ""),
        ("long variables", good, {"x:a": "x" * 5000}, "0007-00000101"),
        ("a long callback", having(callbackBody="x" * 5000), None, ""),
    ]  # fmt: skip


REFUSED = refused_documents(1)


@pytest.mark.parametrize("index", range(len(REFUSED)), ids=[row[0] for row in REFUSED])
def test_wrong_parameters_are_refused_before_anything_is_stored(
    calling: Attacker, listener: Listener, index: int
) -> None:
    _, document, variables, ec = refused_documents(listener.port)[index]
    reply = put(calling, document, variables)
    assert (reply.status, reply.code) == (400, "InvalidArgument"), reply.raw
    if ec:
        assert reply.header("x-oss-ec") == ec, reply.raw
    assert calling.call(Call("GET", "called", f"dir/k&{_last()}")).status == 404


@pytest.mark.parametrize("value", ["%%%", "e30", "é"])
def test_what_is_no_base64_is_refused(calling: Attacker, value: str) -> None:
    call = Call("PUT", "called", "none", (("callback", value),), body=b"x")
    reply = calling.call(call)
    assert (reply.status, reply.header("x-oss-ec")) == (400, "0007-00000002")
    assert calling.call(Call("GET", "called", "none")).status == 404


def test_a_form_calls_back_with_its_own_fields(calling: Attacker, listener: Listener) -> None:
    callback = {"callbackUrl": listener.url, "callbackBody": "o=${object}&p=${operation}&v=${x:v}"}
    fields = {
        "key": "form/${filename}", "callback": encoded(callback), "x:v": "1 2",
        "success_action_status": "201", **v1_fields(policy()),
    }  # fmt: skip
    call = Call("POST", "called", headers=(("content-type", CONTENT_TYPE),),
                body=form(fields, b"data", "f.txt"))  # fmt: skip
    reply = calling.call(call, "")
    assert (reply.status, reply.body) == (200, OK)
    told = listener.next()
    assert told.body == b"o=form%2Ff.txt&p=PostObject&v=1%202"
    assert verified(calling, told)


def test_a_completed_upload_calls_back(calling: Attacker, listener: Listener) -> None:
    begun = calling.ok(Call("POST", "called", "parts", (("uploads", None),)))
    upload_id = begun.document.findtext("UploadId", "")
    query = (("partNumber", "1"), ("uploadId", upload_id))
    etag = calling.ok(Call("PUT", "called", "parts", query, body=b"data")).header("etag")
    body = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
        "</CompleteMultipartUpload>"
    ).encode()
    callback = {"callbackUrl": listener.url, "callbackBody": "s=${size}&e=${etag}&m=${contentMd5}"}
    call = Call("POST", "called", "parts", (("uploadId", upload_id),), body=body)
    wrong = call._replace(headers=(("x-oss-callback", encoded({**callback, "callbackBody": ""})),))
    assert calling.call(wrong).status == 400
    reply = calling.ok(call._replace(headers=(("x-oss-callback", encoded(callback)),)))
    assert (reply.body, reply.header("content-type")) == (OK, "application/json")
    told = listener.next()
    assert told.body == f"s=4&e={reply.header('etag')[1:-1]}&m=".encode()


def test_without_the_setting_no_callback_is_made(attacker: Attacker) -> None:
    value = encoded({"callbackUrl": "http://127.0.0.1:9", "callbackBody": "a"})
    before = attacker.everything()
    for call in (
        Call("PUT", "public", "k", headers=(("x-oss-callback", value),), body=b"x"),
        Call("PUT", "public", "k", (("callback", value),), body=b"x"),
    ):
        reply = attacker.call(call)
        assert (reply.status, reply.code) == (400, "NotImplemented")
        assert reply.document.findtext("Header") == "x-oss-callback"
    assert attacker.everything() == before
