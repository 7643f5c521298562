"""The policy simulator over HTTP: the same answer as the real request, with every statement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cast import Cast, give_policy, ram, refused
from tests.support.lab import PUT, Lab
from tests.support.process import UID_A, UID_B, EmulatorProcess


@pytest.fixture
def lab(server: EmulatorProcess) -> Iterator[Lab]:
    """Fresh buckets."""
    made = Lab(server)
    yield made
    made.clear()


@pytest.fixture
def cast(server: EmulatorProcess) -> Iterator[Cast]:
    """Users and sessions."""
    made = Cast(server)
    yield made
    made.close()


def ask(server: EmulatorProcess, **question: object) -> Any:
    return server.control("POST", "simulate", question)


def test_the_answer_is_that_of_the_request(server: EmulatorProcess, lab: Lab, cast: Cast) -> None:
    bucket = lab.create("simulated")
    name = bucket.bucket_name
    bucket.put_object("k", b"", headers={"x-oss-tagging": "class=secret"})
    secret = {"StringEquals": {"oss:ExistingObjectTag/class": "secret"}}
    user = cast.user(
        ram("Allow", "oss:GetObject", f"{name}/*"),
        {**ram("Deny", "oss:GetObject", condition=secret), "Sid": "Secrets"},
        ram("Allow", "oss:ListObjects", f"{name}/*"),
    )
    said = ask(server, principal=user.arn, action="oss:GetObject", resource=f"{name}/k")
    assert (said["decision"], said["code"]) == ("Deny", "AccessDenied")
    assert said["ec"] == refused(lambda: user.bucket(bucket).get_object("k"))
    assert said["detail"]["AuthPrincipalDisplayName"] == user.uid
    assert said["statement"]["name"] == (f"Deny statement 1 (Secrets) of RAM policy of-{user.name}")
    assert said["statement"]["text"]["Condition"] == secret
    assert [(each["matched"], each["mismatch"]) for each in said["considered"]] == [
        (True, ""),
        (True, ""),
        (False, "action"),
    ]
    listing = ask(server, principal=user.arn, action="oss:ListObjects", resource=name)
    assert (listing["decision"], listing["considered"][2]["mismatch"]) == ("Deny", "resource")
    assert listing["missing"] == f"oss:ListObjects on acs:oss:oss-cn-hangzhou:{UID_A}:{name}"


def test_nothing_is_stored_or_noted(server: EmulatorProcess, lab: Lab, cast: Cast) -> None:
    bucket = lab.create("simulated")
    user = cast.user()
    extra = {"Version": "1", "Statement": [ram("Allow", "oss:PutObject")]}
    question: dict[str, Any] = {
        "principal": user.arn,
        "action": "oss:PutObject",
        "resource": f"{bucket.bucket_name}/k",
    }
    for document in (extra, json.dumps(extra)):
        said = ask(server, **question, policies=[{"name": "extra", "document": document}])
        assert (said["decision"], said["statement"]["policy"]) == ("Allow", "extra")
    assert ask(server, **question)["decision"] == "Deny"
    refused(lambda: user.bucket(bucket).put_object("k", b""))
    noted = server.control("GET", f"audit?principal={user.name}")["entries"]
    assert len(noted) == 1


def test_a_bucket_policy_can_be_tried(server: EmulatorProcess, lab: Lab) -> None:
    bucket = lab.create("simulated")
    name = bucket.bucket_name
    give_policy(bucket, {"Effect": "Deny", "Action": ["oss:*"], "Principal": [UID_B]})
    question = {"principal": UID_B, "action": "oss:GetObject", "resource": f"{name}/k"}
    assert ask(server, **question)["ec"] == "0003-00000101"
    allows = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": [UID_B],
        "Resource": [f"acs:oss:*:*:{name}/*"],
    }
    tried = {"Version": "1", "Statement": [allows]}
    assert ask(server, **question, bucket_policy=tried)["decision"] == "Allow"
    assert ask(server, **question, bucket_policy=None)["decision"] == "Deny"
    assert ask(server, **question, bucket_policy="")["decision"] == "Deny"


def test_strangers_and_blocked_access(server: EmulatorProcess, lab: Lab) -> None:
    bucket = lab.create("simulated")
    bucket.put_bucket_acl("public-read")
    question = {
        "principal": "anonymous",
        "action": "oss:GetObject",
        "resource": f"{bucket.bucket_name}/k",
    }
    assert ask(server, **question)["reason"] == "the bucket ACL allows it"
    bucket.put_bucket_public_access_block(True)
    assert ask(server, **question)["decision"] == "Deny"


def test_a_sync_role_of_a_rule(server: EmulatorProcess) -> None:
    said = ask(
        server,
        principal=f"acs:ram::{UID_A}:role/roleNameTest",
        action=PUT,
        resource="dest-bucket/k",
    )
    assert (said["decision"], said["reason"]) == ("Allow", "the bucket policy allows it")
    assert said["statement"]["kind"] == "bucket policy"
    said = ask(
        server, principal=f"acs:ram::{UID_A}:role/roleNameTest", action=PUT, resource="src-bucket/k"
    )
    assert said["decision"] == "Deny"
    assert said["remedy"].startswith("Add oss:ReplicatePut")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"principal": "LTAInobody"}, "there is no 'LTAInobody' - at `$.principal`"),
        ({"principal": 1}, "Expected `str`, got `int` - at `$.principal`"),
        ({"action": "GetObject"}, "'GetObject' is not one action - at `$.action`"),
        ({"resource": "no-bucket/k"}, "there is no bucket 'no-bucket' - at `$.resource`"),
        ({"context": {"k": 1}}, "at `$.context[...]`"),
        ({"colour": "red"}, "unknown field `colour`"),
        ({"bucket_policy": {"Version": "2"}}, "Version"),
        ({"bucket_policy": 1}, "a policy is an object or a text - at `$.bucket_policy`"),
        ({"policies": [{"name": "x"}]}, "missing required field `document`"),
        ({"policies": [{"name": "x", "document": {}}]}, "at `$.policies"),
    ],
)
def test_wrong_questions(server: EmulatorProcess, fields: dict[str, object], said: str) -> None:
    question = {"principal": UID_A, "action": "oss:GetObject", "resource": "src-bucket/k", **fields}
    status, value = server.control_status("POST", "simulate", question)
    assert status == 400, value
    assert said in value["error"], value
