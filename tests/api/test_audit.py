"""The audit log over HTTP: requests, denials and replication, found by filters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import oss2
import pytest

from tests.support.cast import Cast, give_policy, ram, refused
from tests.support.lab import GET, LIST, PUT, SHANGHAI, Lab, bucket_policy
from tests.support.lab import allow as allow_on
from tests.support.process import UID_A, EmulatorProcess


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """A server of its own: the log of another would be full of other tests."""
    with EmulatorProcess() as process:
        yield process
        assert process.errors() == ""


@pytest.fixture
def lab(server: EmulatorProcess) -> Iterator[Lab]:
    """Fresh buckets, rules and roles."""
    made = Lab(server)
    yield made
    made.clear()


@pytest.fixture
def cast(server: EmulatorProcess) -> Iterator[Cast]:
    """Users and sessions."""
    made = Cast(server)
    yield made
    made.close()


def log(server: EmulatorProcess, **filters: object) -> list[dict[str, Any]]:
    """The entries that fit."""
    entries: list[dict[str, Any]] = server.control("GET", f"audit?{urlencode(filters)}")["entries"]
    return entries


def test_what_the_account_itself_does_is_noted(server: EmulatorProcess, lab: Lab) -> None:
    bucket = lab.create("audited")
    result = bucket.put_object("dir/k", b"content")
    (entry,) = log(server, **{"request-id": result.request_id})
    assert (entry["operation"], entry["action"]) == ("PutObject", "oss:PutObject")
    assert (entry["bucket"], entry["key"]) == (bucket.bucket_name, "dir/k")
    assert entry["resource"] == f"acs:oss:oss-cn-hangzhou:{UID_A}:{bucket.bucket_name}/dir/k"
    assert (entry["decision"], entry["reason"]) == ("Allow", "the bucket belongs to the caller")
    assert (entry["account"], entry["kind"]) == (UID_A, "root")
    assert entry["access_key_id"] == "LTAIemulatorA"
    assert entry["peer"] == "127.0.0.1"
    assert entry["at"].endswith("Z")
    bucket.batch_delete_objects(["dir/k", "other"])
    found = log(server, bucket=bucket.bucket_name, action="oss:DeleteObject")
    assert [each["key"] for each in found] == ["dir/k", "other"]


def test_denials_name_the_statement_and_the_number(
    server: EmulatorProcess, lab: Lab, cast: Cast
) -> None:
    bucket = lab.create("audited")
    name = bucket.bucket_name
    bucket.put_object("k", b"")
    user = cast.user(ram("Allow", "oss:*"))
    session = cast.session(ram("Allow", "oss:GetObject"))
    deny = {"Effect": "Deny", "Action": ["oss:GetObject"], "Principal": [user.uid]}
    give_policy(bucket, {"Sid": "No", **deny})
    refused(lambda: user.bucket(bucket).get_object("k"))
    session.bucket(bucket).get_object("k").read()
    nobody = cast.client(oss2.AnonymousAuth(), name)
    refused(lambda: nobody.get_object("k"))
    by_user, by_role, by_nobody = log(server, bucket=name, action="GetObject")
    assert by_user["decision"] == "Deny"
    assert by_user["statement"] == f"Deny statement 0 (No) of bucket policy {name}"
    assert by_user["ec"] == "0003-00000101"
    assert by_user["principal"] == user.arn
    assert by_role["principal"] == session.arn
    assert by_role["statement"] == f"Allow statement 0 of RAM policy of-{session.name}"
    assert (by_nobody["principal"], by_nobody["account"]) == ("anonymous", "")
    assert log(server, bucket=name, decision="deny") == [by_user, by_nobody]
    assert log(server, principal=user.uid) == [by_user]
    assert log(server, principal=session.key_id, account=UID_A) == [by_role]
    text = json.dumps([by_user, by_role, by_nobody])
    assert "secret" not in text.lower()
    assert session.token not in [value for each in (by_user, by_role) for value in each.values()]


def test_every_permission_a_request_needs_is_noted(
    server: EmulatorProcess, lab: Lab, cast: Cast
) -> None:
    bucket = lab.create("audited")
    user = cast.user(ram("Allow", "oss:PutObject"))
    tagged = {"x-oss-tagging": "k=v"}
    refused(lambda: user.bucket(bucket).put_object("k", b"", headers=tagged))
    found = log(server, bucket=bucket.bucket_name, principal=user.name)
    assert [(each["action"], each["decision"]) for each in found] == [
        ("oss:PutObject", "Allow"),
        ("oss:PutObjectTagging", "Deny"),
    ]
    assert found[0]["request_id"] == found[1]["request_id"]


def test_replication_is_noted_with_its_role(server: EmulatorProcess, lab: Lab) -> None:
    source, destination = lab.pair(account="b", region=SHANGHAI)
    role = lab.role([allow_on([LIST, GET], source)])
    rule = lab.add_rule(source, destination, sync_role_name=role)
    lab.settle()
    source.put_object("k", b"content")
    lab.settle()
    denied = log(server, action=f"replication {rule}", key="k", decision="deny")
    assert denied, log(server)
    assert (denied[-1]["action"], denied[-1]["bucket"]) == (GET, destination.bucket_name)
    assert denied[-1]["reason"] == "the bucket policy does not allow it"
    assert role in denied[-1]["principal"]
    destination.put_bucket_policy(bucket_policy(destination, [LIST, GET, PUT], role.lower()))
    lab.settle()
    found = log(server, action=f"replication {rule}", key="k", after=denied[-1]["seq"])
    allowed = [each for each in found if each["decision"] == "Allow"]
    assert [each["action"] for each in allowed][-3:] == [GET, GET, PUT]
    assert allowed[-1]["statement"] == (
        f"Allow statement 0 of bucket policy {destination.bucket_name}"
    )
    assert destination.get_object("k").read() == b"content"


def test_a_role_that_cannot_be_taken_on_is_noted(server: EmulatorProcess, lab: Lab) -> None:
    source, destination = lab.pair()
    role = lab.role([allow_on([LIST, GET, PUT], "*")])
    rule = lab.add_rule(source, destination, sync_role_name=role)
    lab.settle()
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": ["ecs.aliyuncs.com"]},
    }
    lab.put_role(role, trust={"Version": "1", "Statement": [statement]})
    source.put_object("k", b"content")
    lab.settle()
    last = log(server, action="sts:AssumeRole")[-1]
    assert (last["operation"], last["decision"]) == (f"replication {rule}", "Deny")
    assert last["resource"] == f"acs:ram::{UID_A}:role/{role}"
    assert "does not let OSS take it on" in last["reason"]


def test_pages(server: EmulatorProcess, lab: Lab) -> None:
    bucket = lab.create("audited")
    for number in range(5):
        bucket.put_object(f"k{number}", b"")
    name = bucket.bucket_name

    def page(**filters: object) -> Any:
        asked = {"bucket": name, "action": "PutObject", **filters}
        return server.control("GET", f"audit?{urlencode(asked)}")

    newest = page(limit=2)
    assert [each["key"] for each in newest["entries"]] == ["k3", "k4"]
    assert newest["next_after"] is None
    first = page(after=0, limit=2)
    assert [each["key"] for each in first["entries"]] == ["k0", "k1"]
    rest = page(after=first["next_after"])
    assert [each["key"] for each in rest["entries"]] == ["k2", "k3", "k4"]
    assert page(after=0)["next_after"] is None


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=1001", "after=-1", "decision=maybe", "colour=red"]
)
def test_wrong_filters(server: EmulatorProcess, query: str) -> None:
    status, value = server.control_status("GET", f"audit?{query}")
    assert status == 400
    assert value["error"]


def test_the_log_is_as_long_as_the_setting_says() -> None:
    with EmulatorProcess(settings=("oss.audit_entries_max=3",)) as server:
        auth = oss2.Auth("LTAIemulatorA", "emulatorSecretA")
        bucket = oss2.Bucket(auth, server.endpoint, "src-bucket")
        for number in range(5):
            bucket.put_object(f"k{number}", b"")
        found = server.control("GET", "audit?after=0")
        assert [each["key"] for each in found["entries"]] == ["k2", "k3", "k4"]
        assert found["oldest_seq"] == found["entries"][0]["seq"]
        bucket.session.session.close()
