"""Replicas of encrypted objects: which encryption they get, and the rights that takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import oss2
import pytest

from tests.support.lab import Lab, allow, bucket_policy, content, rule_xml
from tests.support.process import UID_A, UID_B, EmulatorProcess

SSE = "x-oss-server-side-encryption"
KEY_ID = f"{SSE}-key-id"
BIG = os.urandom(300_000)
REPLICATE = (
    "oss:ReplicateList",
    "oss:ReplicateGet",
    "oss:ReplicatePut",
    "oss:ReplicateDelete",
)


@pytest.fixture
def own(server: EmulatorProcess) -> Iterator[Lab]:
    """A lab whose work that is refused for ever does not follow other tests."""
    made = Lab(server)
    yield made
    made.clear()


def on_key(*actions: str, resource: str = "*") -> dict[str, object]:
    """A statement that allows actions on keys."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def kms_rule(role: str, key: str, status: str = "Enabled") -> str:
    """The part of a rule that is about encryption."""
    chosen = (
        f"<SyncRole>{role}</SyncRole><SourceSelectionCriteria><SseKmsEncryptedObjects>"
        f"<Status>{status}</Status></SseKmsEncryptedObjects></SourceSelectionCriteria>"
    )
    if key:
        chosen += (
            f"<EncryptionConfiguration><ReplicaKmsKeyID>{key}</ReplicaKmsKeyID>"
            "</EncryptionConfiguration>"
        )
    return chosen


def kms(key: str = "") -> dict[str, str]:
    """The headers that ask for SSE-KMS."""
    return {SSE: "KMS", **({KEY_ID: key} if key else {})}


def shown(bucket: oss2.Bucket, key: str) -> tuple[str | None, str | None]:
    """Algorithm and key id that HEAD shows."""
    headers = bucket.head_object(key).headers
    return headers.get(SSE), headers.get(KEY_ID)


def refusal(lab: Lab, source: oss2.Bucket, key: str) -> dict[str, Any]:
    """Why ``explain`` says a key was not copied."""
    note = lab.server.explain(source.bucket_name, key)["rules"][0]
    return dict(note["refusal"] or {})


def default_of(bucket: oss2.Bucket, algorithm: str, key: str | None = None) -> None:
    """Give a bucket a default encryption."""
    rule = oss2.models.ServerSideEncryptionRule()
    rule.sse_algorithm, rule.kms_master_keyid = algorithm, key
    bucket.put_bucket_encryption(rule)


def replicating(
    lab: Lab, key: str, *, status: str = "Enabled", account: str = "a", rights: Any = None
) -> tuple[oss2.Bucket, oss2.Bucket, str]:
    """Two buckets with a rule under a role of its own: source, destination, role."""
    source, target = lab.pair(account=account)
    role = f"Kms-{source.bucket_name}"
    statements = [allow(REPLICATE, source), allow(REPLICATE, target)]
    keys = on_key("kms:Decrypt", "kms:GenerateDataKey") if rights is None else rights
    lab.put_role(role, [*statements, keys] if keys else statements)
    if account != "a":
        target.put_bucket_policy(bucket_policy(target, REPLICATE, role.lower()))
    lab.add_xml(source, rule_xml(target, "cn-hangzhou", kms_rule(role, key, status)))
    lab.settle()
    return source, target, role


@pytest.mark.parametrize("body", [b"small", BIG], ids=["small", "big"])
def test_r48_b80_sse_kms_objects_are_copied_if_selected(own: Lab, body: bytes) -> None:
    (first, _), (second, _) = own.key(), own.key()
    source, target, _ = replicating(own, second)
    source.put_object("secret", body, headers=kms(first))
    source.put_object("default", body, headers=kms())
    own.settle()
    assert shown(target, "secret") == ("KMS", second)
    own.kms("DisableKey", KeyId=first)
    assert content(target, "secret") == content(target, "default") == body
    own.kms("DisableKey", KeyId=second)
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        target.get_object("secret")
    assert caught.value.code == "KeyDisabled"
    assert not target.object_exists("none")


def test_r48_b80_they_are_left_out_if_not(own: Lab) -> None:
    source, target, _ = replicating(own, "", status="Disabled")
    source.put_object("secret", BIG, headers=kms(own.key()[0]))
    source.put_object("plain", BIG)
    own.settle()
    assert content(target, "plain") == BIG
    assert content(target, "secret") is None


def test_without_a_key_of_the_rule_the_sources_is_used(own: Lab) -> None:
    key_id, _ = own.key()
    source, target, _ = replicating(own, "")
    source.put_object("secret", BIG, headers=kms(key_id))
    own.settle()
    assert shown(target, "secret") == ("KMS", key_id)
    assert content(target, "secret") == BIG


@pytest.mark.parametrize("headers", [{}, {SSE: "AES256"}, {SSE: "SM4"}])
@pytest.mark.parametrize("default", ["", "AES256", "KMS", "own"])
def test_r49_r50_what_is_not_sse_kms(own: Lab, headers: dict[str, str], default: str) -> None:
    key_id, _ = own.key()
    source, target, _ = replicating(own, key_id)
    if default:
        default_of(
            target, "KMS" if default == "own" else default, key_id if default == "own" else None
        )
    source.put_object("key", b"small", headers=headers)
    source.put_object("empty", b"", headers=headers)
    source.append_object("log", 0, b"one", headers=headers)
    own.settle()
    source.append_object("log", 3, b"two")
    own.settle()
    algorithm = headers.get(SSE) or {"": None, "own": "KMS"}.get(default, default)
    for name, body in (("key", b"small"), ("empty", b""), ("log", b"onetwo")):
        assert shown(target, name)[0] == algorithm, name
        assert content(target, name) == body, name
    if default == "own" and not headers:
        assert shown(target, "key")[1] == key_id


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
    assert [each["action"] for each in page["entries"]][-2:] == sorted(every)


def test_a_key_that_cannot_be_used_is_the_reason_and_is_tried_again(own: Lab) -> None:
    (first, _), (second, _) = own.key(), own.key()
    source, target, _ = replicating(own, second)
    own.kms("DisableKey", KeyId=second)
    source.put_object("secret", BIG, headers=kms(first))
    own.settle()
    said = refusal(own, source, "secret")
    assert (said["reason"], said["action"]) == ("key-unusable", "kms:GenerateDataKey")
    assert said["resource"] == second
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
    assert refusal(own, source, "secret")["reason"] == "key-unusable"
    assert content(target, "secret") is None
