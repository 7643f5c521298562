"""Replicas of encrypted objects: the rights and the keys they take."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import oss2
import pytest

from tests.support.encrypted import REPLICATE, default_of, kms, on_key, replicating, shown
from tests.support.lab import Lab, allow, content
from tests.support.process import UID_A, UID_B, EmulatorProcess

BIG = os.urandom(300_000)


@pytest.fixture
def own(server: EmulatorProcess) -> Iterator[Lab]:
    """A lab whose work that is refused for ever does not follow other tests."""
    made = Lab(server)
    yield made
    made.clear()


def refusal(lab: Lab, source: oss2.Bucket, key: str) -> dict[str, Any]:
    """Why ``explain`` says a key was not copied."""
    note = lab.server.explain(source.bucket_name, key)["rules"][0]
    return dict(note["refusal"] or {})


@pytest.mark.parametrize(
    ("missing", "reason"),
    [("kms:Decrypt", "source-key-denied"), ("kms:GenerateDataKey", "replica-key-denied")],
)
def test_b81_each_right_of_the_role_is_needed(own: Lab, missing: str, reason: str) -> None:
    (first, arn1), (second, arn2) = own.key(), own.key()
    every = {"kms:Decrypt", "kms:GenerateDataKey"}
    source, target, role = replicating(own, second, rights=on_key(*(every - {missing})))
    source.put_object("secret", BIG, headers=kms(first))
    source.put_object("plain", BIG)
    own.settle()
    assert content(target, "plain") == BIG
    assert content(target, "secret") is None
    said = refusal(own, source, "secret")
    arn = arn1 if missing == "kms:Decrypt" else arn2
    assert (said["reason"], said["action"], said["resource"]) == (reason, missing, arn)
    page = own.server.control("GET", f"audit?principal={role}&action={missing}&decision=deny")
    assert page["entries"][-1]["resource"] == arn
    statements = [allow(REPLICATE, source), allow(REPLICATE, target), on_key(*every)]
    own.put_role(role, statements)
    own.settle()
    assert content(target, "secret") == BIG
    page = own.server.control("GET", f"audit?principal={role}&action=kms:*&decision=allow")
    asked = [(each["action"], each["resource"]) for each in page["entries"]][-3:]
    assert asked == [("kms:Decrypt", arn1), ("kms:GenerateDataKey", arn2), ("kms:Decrypt", arn2)]


def test_a_key_that_cannot_be_used_is_the_reason_and_is_tried_again(own: Lab) -> None:
    (first, _), (second, arn) = own.key(), own.key()
    source, target, _ = replicating(own, second)
    own.kms("DisableKey", KeyId=second)
    source.put_object("secret", BIG, headers=kms(first))
    own.settle()
    said = refusal(own, source, "secret")
    assert (said["reason"], said["action"]) == ("key-disabled", "kms:GenerateDataKey")
    assert said["resource"] == arn
    own.kms("EnableKey", KeyId=second)
    own.settle()
    assert content(target, "secret") == BIG


@pytest.mark.parametrize("default", ["AES256", "KMS"])
def test_large_plain_objects_are_encrypted_for_their_replicas(own: Lab, default: str) -> None:
    source, target, _ = replicating(own, "")
    default_of(target, default)
    bodies = {f"key-{number}": os.urandom(200_000 + number) for number in range(20)}
    for key, body in bodies.items():
        source.put_object(key, body)
    source.append_object("log", 0, BIG)
    own.settle()
    source.append_object("log", len(BIG), b"more")
    own.settle()
    bodies["log"] = BIG + b"more"
    for key, body in bodies.items():
        assert content(target, key) == content(source, key) == body
        assert shown(target, key)[0] == default
        assert own.server.explain(source.bucket_name, key)["rules"][0]["standing"] == "completed"
    assert target.get_object("log", byte_range=(299_999, 300_003)).read() == bodies["log"][-5:]
    source.delete_object("log")
    own.settle()
    assert content(target, "log") is None


def key_policy(*statements: tuple[str, tuple[str, ...]]) -> str:
    """A key policy that allows principals some actions."""
    return json.dumps(
        {
            "Version": "1",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"RAM": [principal]},
                    "Action": list(actions),
                    "Resource": ["*"],
                }
                for principal, actions in statements
            ],
        }
    )


def test_b78_b81_a_key_of_another_account_needs_its_key_policy_too(own: Lab) -> None:
    first, _ = own.key()
    second, arn = own.key("b")
    source, target, role = replicating(own, arn, account="b")
    source.put_object("secret", BIG, headers=kms(first))
    own.settle()
    said = refusal(own, source, "secret")
    assert (said["reason"], said["resource"]) == ("replica-key-denied", arn)
    assert "key's policy" in said["remedy"]
    named = f"acs:ram::{UID_A}:role/{role.lower()}"
    policy = key_policy(
        (f"acs:ram::{UID_B}:*", ("kms:*",)),
        (named, ("kms:Decrypt", "kms:GenerateDataKey")),
    )
    own.kms("SetKeyPolicy", "b", KeyId=second, PolicyName="default", Policy=policy)
    own.settle()
    assert content(target, "secret") == BIG
    assert shown(target, "secret") == ("KMS", second)


def test_b78_a_key_of_another_account_is_not_found_by_its_bare_id(own: Lab) -> None:
    first, _ = own.key()
    second, _ = own.key("b")
    source, target, _ = replicating(own, second, account="b")
    source.put_object("secret", BIG, headers=kms(first))
    own.settle()
    assert refusal(own, source, "secret")["reason"] == "key-missing"
    assert content(target, "secret") is None
