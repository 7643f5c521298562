"""Event notifications: which events are recorded, what they say, and how they are delivered."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.hostile import Attacker
from tests.support.listener import Listener, Said
from tests.support.process import UID_A, EmulatorProcess
from tests.support.upload_forms import CONTENT_TYPE, form, policy, v1_fields
from tests.support.wire import Call

_NUMBERS = itertools.count(1)
_KEPT = 60


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """The endpoint."""
    with Listener() as listening:
        yield listening


@pytest.fixture(scope="module")
def notifying(listener: Listener) -> Iterator[Attacker]:
    """A server on a virtual clock that may call the endpoint, and keeps few events."""
    allow = f"oss.outgoing_allow=127.0.0.1:{listener.port}"
    with EmulatorProcess(settings=(allow, f"oss.events_max={_KEPT}")) as process:
        made = Attacker(process)
        yield made
        made.close()
        assert process.errors() == ""


@pytest.fixture
def bucket(notifying: Attacker, listener: Listener) -> Iterator[str]:
    """A bucket whose rules go with the test."""
    name = f"events-{next(_NUMBERS)}"
    notifying.ok(Call("PUT", name))
    listener.answer = lambda _: Said()
    yield name
    notifying.server.control("DELETE", f"notifications?bucket={name}")
    notifying.server.settle(advance=False)
    listener.all()


def put_rules(notifying: Attacker, bucket: str, *rules: dict[str, Any]) -> Any:
    """Set a bucket's rules."""
    path = f"notifications?bucket={bucket}"
    return notifying.server.control("PUT", path, {"rules": list(rules)})


def rule(*events: str, **more: Any) -> dict[str, Any]:
    """A rule, of everything unless told otherwise."""
    return {"id": "all", "events": list(events) or ["ObjectCreated:*"], **more}


EVERYTHING = rule(
    "ObjectCreated:*", "ObjectModified:*", "ObjectRemoved:*", "ObjectDownloaded:GetObject"
)


def events(notifying: Attacker, bucket: str, query: str = "") -> list[dict[str, Any]]:
    """The events of a bucket."""
    found = notifying.server.control("GET", f"events?bucket={bucket}{query}")["events"]
    assert isinstance(found, list)
    return found


def objects_of(found: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Names and object elements."""
    return [(each["name"], each["message"]["events"][0]["oss"]["object"]) for each in found]


def test_an_event_says_what_the_service_says(notifying: Attacker, bucket: str) -> None:
    put_rules(notifying, bucket, rule(id="My-Rule"))
    reply = notifying.ok(Call("PUT", bucket, "a/é.txt", body=b"12345"))
    (event,) = events(notifying, bucket)
    assert (event["bucket"], event["rule"], event["key"]) == (bucket, "My-Rule", "a/é.txt")
    assert (event["name"], event["delivery"], event["attempts"]) == (
        "ObjectCreated:PutObject", "none", 0,
    )  # fmt: skip
    (told,) = event["message"]["events"]
    time = told.pop("eventTime")
    assert time.endswith(".000Z")
    assert time[:19] == event["at"][:19]
    assert told == {
        "eventName": "ObjectCreated:PutObject",
        "eventSource": "acs:oss",
        "eventVersion": "1.0",
        "oss": {
            "bucket": {
                "arn": f"acs:oss:cn-hangzhou:{UID_A}:{bucket}",
                "name": bucket,
                "ownerIdentity": UID_A,
                "virtualBucket": "",
            },
            "object": {
                "deltaSize": 5,
                "eTag": reply.header("etag")[1:-1],
                "key": "a/é.txt",
                "size": 5,
            },
            "ossSchemaVersion": "1.0",
            "ruleId": "My-Rule",
        },
        "region": "cn-hangzhou",
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"requestId": reply.header("x-oss-request-id")},
        "userIdentity": {"principalId": UID_A},
    }


def test_every_operation_has_its_event(notifying: Attacker, bucket: str) -> None:
    put_rules(notifying, bucket, EVERYTHING)
    call = notifying.ok
    call(Call("PUT", bucket, "k", body=b"12345"))
    call(Call("PUT", bucket, "k", body=b"12"))
    call(Call("GET", bucket, "k"))
    call(Call("GET", bucket, "k", headers=(("range", "bytes=1-1"),)))
    call(Call("HEAD", bucket, "k"))
    call(Call("PUT", bucket, "c", headers=(("x-oss-copy-source", f"/{bucket}/k"),)))
    call(Call("PUT", bucket, "k", (("acl", None),), (("x-oss-object-acl", "private"),)))
    call(Call("PUT", bucket, "s", (("symlink", None),), (("x-oss-symlink-target", "k"),)))
    for position, data in (("0", b"abc"), ("3", b"de")):
        call(Call("POST", bucket, "log", (("append", None), ("position", position)), body=data))
    fields = {"key": "f", **v1_fields(policy())}
    headers = (("content-type", CONTENT_TYPE),)
    call(Call("POST", bucket, headers=headers, body=form(fields, b"x")))
    call(Call("DELETE", bucket, "c"))
    call(Call("DELETE", bucket, "never there"))
    batch = b"<Delete><Object><Key>k</Key></Object><Object><Key>s</Key></Object></Delete>"
    call(Call("POST", bucket, query=(("delete", None),), body=batch))
    found = objects_of(events(notifying, bucket))
    assert [(name, each["key"], each["deltaSize"], each["size"]) for name, each in found] == [
        ("ObjectCreated:PutObject", "k", 5, 5),
        ("ObjectCreated:PutObject", "k", -3, 2),
        ("ObjectDownloaded:GetObject", "k", 0, 2),
        ("ObjectDownloaded:GetObject", "k", 0, 2),
        ("ObjectCreated:CopyObject", "c", 2, 2),
        ("ObjectModified:UpdateObjectMeta", "k", 0, 2),
        ("ObjectCreated:PutSymlink", "s", 0, 0),
        ("ObjectCreated:AppendObject", "log", 3, 3),
        ("ObjectCreated:AppendObject", "log", 2, 5),
        ("ObjectCreated:PostObject", "f", 1, 1),
        ("ObjectRemoved:DeleteObject", "c", -2, 2),
        ("ObjectRemoved:DeleteObjects", "k", -2, 2),
        ("ObjectRemoved:DeleteObjects", "s", 0, 0),
    ]
    assert [(each["readFrom"], each["readTo"]) for name, each in found if "readTo" in each] == [
        (0, 2), (1, 2),
    ]  # fmt: skip
    assert [each["position"] for _, each in found if "position" in each] == [0, 3]


def test_the_steps_of_an_upload_are_reported(notifying: Attacker, bucket: str) -> None:
    put_rules(notifying, bucket, EVERYTHING)
    call = notifying.ok
    notifying.ok(Call("PUT", bucket, "source", body=b"12345"))
    ids = [
        call(Call("POST", bucket, "k", (("uploads", None),))).document.findtext("UploadId", "")
        for _ in range(2)
    ]
    query = (("partNumber", "1"), ("uploadId", ids[0]))
    source = (("x-oss-copy-source", f"/{bucket}/source"),)
    call(Call("PUT", bucket, "k", query, source))
    etag = call(Call("PUT", bucket, "k", query, body=b"data")).header("etag")
    body = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
        "</CompleteMultipartUpload>"
    ).encode()
    call(Call("POST", bucket, "k", (("uploadId", ids[0]),), body=body))
    call(Call("DELETE", bucket, "k", (("uploadId", ids[1]),)))
    found = objects_of(events(notifying, bucket)[1:])
    assert [(name, each["deltaSize"], each["size"]) for name, each in found] == [
        ("ObjectCreated:InitiateMultipartUpload", 0, 0),
        ("ObjectCreated:InitiateMultipartUpload", 0, 0),
        ("ObjectCreated:UploadPartCopy", 0, 5),
        ("ObjectCreated:UploadPart", 0, 4),
        ("ObjectCreated:CompleteMultipartUpload", 4, 4),
        ("ObjectRemoved:AbortMultipartUpload", 0, 0),
    ]


def test_a_delete_marker_is_not_reported_but_a_version_is(notifying: Attacker, bucket: str) -> None:
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    notifying.ok(Call("PUT", bucket, query=(("versioning", None),), body=enabled))
    version_id = notifying.ok(Call("PUT", bucket, "k", body=b"1")).header("x-oss-version-id")
    put_rules(notifying, bucket, rule("ObjectRemoved:*"))
    marker = notifying.ok(Call("DELETE", bucket, "k")).header("x-oss-version-id")
    for each in (marker, version_id):
        notifying.ok(Call("DELETE", bucket, "k", (("versionId", each),)))
    found = objects_of(events(notifying, bucket))
    assert [(name, each["size"]) for name, each in found] == [("ObjectRemoved:DeleteObject", 1)]


def test_rules_choose_by_name_prefix_and_suffix(notifying: Attacker, bucket: str) -> None:
    put_rules(
        notifying,
        bucket,
        {"id": "jpg", "events": ["oss:ObjectCreated:PutObject"], "prefix": "i/", "suffix": ".jpg"},
        {"id": "copies", "events": ["ObjectCreated:CopyObject"]},
        {"id": "any", "events": ["ObjectCreated:*"], "prefix": "i/"},
    )
    for key in ("i/a.jpg", "i/b.png", "j/c.jpg"):
        notifying.ok(Call("PUT", bucket, key, body=b"x"))
    notifying.ok(Call("PUT", bucket, "d", headers=(("x-oss-copy-source", f"/{bucket}/j/c.jpg"),)))
    found = [(each["rule"], each["key"]) for each in events(notifying, bucket)]
    assert found == [("jpg", "i/a.jpg"), ("any", "i/a.jpg"), ("any", "i/b.png"), ("copies", "d")]


def test_a_refused_request_leaves_no_event(notifying: Attacker, bucket: str) -> None:
    put_rules(notifying, bucket, EVERYTHING)
    notifying.ok(Call("PUT", bucket, "k", body=b"x"))
    forbid = (("x-oss-forbid-overwrite", "true"),)
    assert notifying.call(Call("PUT", bucket, "k", headers=forbid, body=b"y")).status == 409
    assert notifying.call(Call("GET", bucket, "absent")).status == 404
    assert len(events(notifying, bucket)) == 1


def test_events_come_in_pages(notifying: Attacker, bucket: str) -> None:
    put_rules(notifying, bucket, rule())
    for number in range(5):
        notifying.ok(Call("PUT", bucket, f"k{number}"))
    keys: list[str] = []
    after: int | None = 0
    pages = 0
    while after is not None:
        path = f"events?bucket={bucket}&limit=2&after={after}"
        page = notifying.server.control("GET", path)
        keys += [each["key"] for each in page["events"]]
        after, pages = page["next_after"], pages + 1
    assert (keys, pages) == ([f"k{number}" for number in range(5)], 3)
    everywhere = notifying.server.control("GET", "events?limit=1000")
    assert [each["key"] for each in everywhere["events"]][-5:] == keys


def test_only_so_many_events_are_kept(notifying: Attacker, bucket: str) -> None:
    put_rules(notifying, bucket, rule())
    for number in range(_KEPT + 20):
        notifying.ok(Call("PUT", bucket, f"k{number}"))
    notifying.server.settle(advance=False)
    page = notifying.server.control("GET", "events?limit=1000")
    assert len(page["events"]) == _KEPT
    assert page["events"][-1]["key"] == f"k{_KEPT + 19}"
    assert page["oldest_seq"] == page["events"][0]["seq"]


def test_events_go_with_their_bucket(notifying: Attacker) -> None:
    notifying.ok(Call("PUT", "events-gone"))
    put_rules(notifying, "events-gone", rule("ObjectRemoved:*"))
    notifying.ok(Call("PUT", "events-gone", "k"))
    notifying.ok(Call("DELETE", "events-gone", "k"))
    assert len(events(notifying, "events-gone")) == 1
    notifying.ok(Call("DELETE", "events-gone"))
    everything = notifying.server.control("GET", "events?limit=1000")["events"]
    assert "events-gone" not in {each["bucket"] for each in everything}


def test_events_are_delivered_in_order(
    notifying: Attacker, bucket: str, listener: Listener
) -> None:
    put_rules(notifying, bucket, rule(endpoint=f"{listener.url}/hook?a=b"))
    for number in range(70):
        notifying.ok(Call("PUT", bucket, f"k{number}"))
    notifying.server.settle(advance=False)
    told = listener.all()
    keys = [json.loads(each.body)["events"][0]["oss"]["object"]["key"] for each in told]
    assert keys == [f"k{number}" for number in range(70)]
    assert told[0].path == "/hook?a=b"
    assert told[0].headers["content-type"] == "application/json"
    shown = events(notifying, bucket)
    assert {(each["delivery"], each["attempts"]) for each in shown} == {("delivered", 1)}
    assert json.loads(told[-1].body) == shown[-1]["message"]


def test_a_message_may_go_as_the_queue_service_sends_it(
    notifying: Attacker, bucket: str, listener: Listener
) -> None:
    put_rules(notifying, bucket, rule(endpoint=listener.url, format="base64"))
    notifying.ok(Call("PUT", bucket, "k"))
    told = listener.next()
    assert json.loads(base64.b64decode(told.body))["events"][0]["eventSource"] == "acs:oss"
    assert told.headers["x-mns-topic-name"] == "all"


def test_a_silent_endpoint_is_tried_again_later_and_the_next_event_waits(
    notifying: Attacker, bucket: str, listener: Listener
) -> None:
    server = notifying.server
    fails = True
    listener.answer = lambda _: Said(500 if fails else 200)
    put_rules(notifying, bucket, rule(endpoint=listener.url))
    for key in ("first", "second"):
        notifying.ok(Call("PUT", bucket, key))
    server.settle(advance=False)
    first, second = events(notifying, bucket)
    assert (first["delivery"], first["attempts"]) == ("waiting", 1)
    assert first["last_error"] == "answered 500"
    assert (second["delivery"], second["attempts"]) == ("waiting", 0)
    tried = 1
    for delay_s in (1, 2, 4):
        server.advance(delay_s - 0.5)
        server.settle(advance=False)
        assert events(notifying, bucket)[0]["attempts"] == tried
        server.advance(0.5)
        server.settle(advance=False)
        tried += 1
        assert events(notifying, bucket)[0]["attempts"] == tried
    assert len(listener.all()) == 4
    fails = False
    server.settle(advance=True)
    assert [each["delivery"] for each in events(notifying, bucket)] == ["delivered"] * 2
    assert len(listener.all()) == 2


def test_settling_does_not_wait_for_the_dead(
    notifying: Attacker, bucket: str, listener: Listener
) -> None:
    listener.answer = lambda _: Said(503)
    put_rules(notifying, bucket, rule(endpoint=listener.url))
    notifying.ok(Call("PUT", bucket, "k"))
    notifying.server.settle(advance=True)
    (event,) = events(notifying, bucket)
    assert event["delivery"] == "waiting"
    assert event["attempts"] < 10


def test_without_its_rule_nothing_is_delivered(
    notifying: Attacker, bucket: str, listener: Listener
) -> None:
    listener.answer = lambda _: Said(503)
    put_rules(notifying, bucket, rule(endpoint=listener.url))
    notifying.ok(Call("PUT", bucket, "k"))
    notifying.server.settle(advance=False)
    listener.all()
    put_rules(notifying, bucket)
    notifying.server.advance(10)
    notifying.server.settle(advance=False)
    assert [each["delivery"] for each in events(notifying, bucket)] == ["none"]
    assert listener.all() == []


def test_rules_are_shown_and_taken_away(notifying: Attacker, bucket: str) -> None:
    made = put_rules(notifying, bucket, rule("oss:ObjectRemoved:DeleteObject", prefix="a/"))
    shown = {
        "id": "all", "events": ["ObjectRemoved:DeleteObject"], "prefix": "a/", "suffix": "",
        "endpoint": "", "format": "json",
    }  # fmt: skip
    assert made == {"bucket": bucket, "rules": [shown]}
    control = notifying.server.control
    assert control("GET", f"notifications?bucket={bucket}") == made
    assert made in control("GET", "notifications")["buckets"]
    assert control("DELETE", f"notifications?bucket={bucket}")["rules"] == []
    assert control("GET", f"notifications?bucket={bucket}")["rules"] == []
    assert made not in control("GET", "notifications")["buckets"]


WRONG: list[tuple[str, Any, str]] = [
    ("no rules", {}, "rules"),
    ("an unknown field", {"rules": [rule(url="x")]}, "url"),
    ("no events", {"rules": [{"id": "a", "events": []}]}, "events are missing"),
    ("an unknown event", {"rules": [rule("ObjectCreated:Put")]}, "there is no event"),
    ("an unknown group", {"rules": [rule("Object:*")]}, "there is no event"),
    ("a bad id", {"rules": [rule(id="1a")]}, "an id is"),
    ("an id twice", {"rules": [rule(), rule()]}, "two rules"),
    ("too many", {"rules": [rule(id=f"r{n}") for n in range(11)]}, "10 rules"),
    ("no URL", {"rules": [rule(endpoint="file:///x")]}, "no http"),
    ("a host that is not allowed", {"rules": [rule(endpoint="http://127.0.0.1:9/")]},
     "oss.outgoing_allow"),
    ("an unknown format", {"rules": [rule(format="xml")]}, "format"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body", "said"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_rules_are_refused(
    notifying: Attacker, bucket: str, name: str, body: Any, said: str
) -> None:
    path = f"notifications?bucket={bucket}"
    status, answer = notifying.server.control_status("PUT", path, body)
    assert status == 400
    assert said in str(answer)
    assert notifying.server.control("GET", path)["rules"] == []


PATHS = [
    ("PUT", "notifications", 400), ("PUT", "notifications?bucket=absent-bucket", 404),
    ("GET", "notifications?bucket=absent-bucket", 404), ("DELETE", "notifications", 400),
    ("DELETE", "notifications?bucket=absent-bucket", 404), ("POST", "notifications", 405),
    ("GET", "events?bucket=absent-bucket", 404), ("GET", "events?limit=0", 400),
    ("GET", "events?limit=1001", 400), ("GET", "events?after=x", 400), ("PUT", "events", 405),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status"), PATHS)
def test_wrong_questions_are_refused(
    notifying: Attacker, method: str, path: str, status: int
) -> None:
    body: dict[str, list[Any]] | None = {"rules": []} if method == "PUT" else None
    assert notifying.server.control_status(method, path, body)[0] == status


def test_events_survive_a_restart(tmp_path: Any, listener: Listener) -> None:
    data = tmp_path / "data"
    allow = (f"oss.outgoing_allow=127.0.0.1:{listener.port}",)
    listener.answer = lambda _: Said(500)
    with EmulatorProcess(data=data, settings=allow) as process:
        client = Attacker(process)
        client.ok(Call("PUT", "events-kept"))
        put_rules(client, "events-kept", rule(endpoint=listener.url))
        client.ok(Call("PUT", "events-kept", "k"))
        process.settle(advance=False)
        client.close()
        process.kill()
        listener.all()
        listener.answer = lambda _: Said()
        process.start()
        process.advance(600)
        process.settle(advance=False)
        again = Attacker(process)
        assert [each["delivery"] for each in events(again, "events-kept")] == ["delivered"]
        again.close()
    assert len(listener.all()) == 1
