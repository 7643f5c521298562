"""Who may use keys: RAM policies, key policies, other accounts; through both client families."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.services.conftest import World, policy
from tests.support.process import KEY_B, SECRET_B, UID_A, UID_B
from tests.support.rpc import Keys, Refused, ServiceClient, call_v1

FORBIDDEN = (403, "Forbidden.NoPermission")
ROOT_B = Keys(KEY_B, SECRET_B)


def make(world: World, **parameters: Any) -> dict[str, Any]:
    """A key of account A."""
    return dict(world.root("kms", "CreateKey", **parameters)["KeyMetadata"])


def key_policy(*names: str, actions: tuple[str, ...] = ("kms:*",), effect: str = "Allow") -> str:
    statement = {
        "Effect": effect,
        "Principal": {"RAM": list(names)},
        "Action": list(actions),
        "Resource": ["*"],
    }
    return json.dumps({"Version": "1", "Statement": [statement]})


def refusal(client: ServiceClient, action: str, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        client("kms", action, **parameters)
    return caught.value.status, caught.value.code


def test_a_user_needs_the_right_on_the_key(world: World) -> None:
    key = make(world)
    _, keys = world.user(policy("kms:GenerateDataKey", resource=key["Arn"]))
    client = world.client(keys)
    made = client("kms", "GenerateDataKey", KeyId=key["KeyId"])
    assert refusal(client, "Decrypt", CiphertextBlob=made["CiphertextBlob"]) == FORBIDDEN
    assert refusal(client, "GenerateDataKey", KeyId=make(world)["KeyId"]) == FORBIDDEN
    assert refusal(client, "CreateKey") == FORBIDDEN
    assert refusal(client, "ListKeys") == FORBIDDEN
    alias = f"alias/{world.name('a')}"
    world.root("kms", "CreateAlias", AliasName=alias, KeyId=key["KeyId"])
    assert client("kms", "GenerateDataKey", KeyId=alias)["KeyId"] == key["KeyId"]


def test_a_key_policy_is_enough_within_the_account(world: World) -> None:
    key_id = make(world)["KeyId"]
    name, keys = world.user()
    client = world.client(keys)
    assert refusal(client, "GenerateDataKey", KeyId=key_id) == FORBIDDEN
    named = key_policy(f"acs:ram::{UID_A}:user/{name}", actions=("kms:GenerateDataKey",))
    world.root("kms", "SetKeyPolicy", KeyId=key_id, Policy=named)
    assert client("kms", "GenerateDataKey", KeyId=key_id)["KeyId"] == key_id
    assert refusal(client, "Encrypt", KeyId=key_id, Plaintext="YQ==") == FORBIDDEN


def test_a_key_policy_denies_whom_ram_allows(world: World) -> None:
    key_id = make(world)["KeyId"]
    name, keys = world.user(policy("kms:*"))
    denying = key_policy(f"acs:ram::{UID_A}:user/{name}", effect="Deny")
    world.root("kms", "SetKeyPolicy", KeyId=key_id, Policy=denying)
    assert refusal(world.client(keys), "GenerateDataKey", KeyId=key_id) == FORBIDDEN
    assert world.root("kms", "GenerateDataKey", KeyId=key_id)["KeyId"] == key_id


def user_of_b(world: World, *documents: str) -> tuple[str, Keys]:
    """A user of account B with these policies."""
    root, name = world.client(ROOT_B), world.name("user")
    root("ram", "CreateUser", UserName=name)
    key = root("ram", "CreateAccessKey", UserName=name)["AccessKey"]
    for document in documents:
        policy_name = world.name("policy")
        root("ram", "CreatePolicy", PolicyName=policy_name, PolicyDocument=document)
        attached = {"PolicyType": "Custom", "PolicyName": policy_name, "UserName": name}
        root("ram", "AttachPolicyToUser", **attached)
    return name, Keys(key["AccessKeyId"], key["AccessKeySecret"])


def test_b78_a_key_of_another_account(world: World) -> None:
    key = make(world)
    arn = key["Arn"]
    granted, granted_keys = user_of_b(world, policy("kms:GenerateDataKey", resource=arn))
    bare, bare_keys = user_of_b(world)
    with_ram, without_ram = world.client(granted_keys), world.client(bare_keys)
    assert refusal(with_ram, "GenerateDataKey", KeyId=arn) == FORBIDDEN  # RAM alone
    named = key_policy(f"acs:ram::{UID_B}:user/{granted}", f"acs:ram::{UID_B}:user/{bare}")
    world.root("kms", "SetKeyPolicy", KeyId=key["KeyId"], Policy=named)
    assert refusal(without_ram, "GenerateDataKey", KeyId=arn) == FORBIDDEN  # key policy alone
    made = with_ram("kms", "GenerateDataKey", KeyId=arn)
    assert made["KeyId"] == key["KeyId"]
    gone = (404, "Forbidden.KeyNotFound")
    assert refusal(with_ram, "GenerateDataKey", KeyId=key["KeyId"]) == gone
    assert refusal(with_ram, "Decrypt", CiphertextBlob=made["CiphertextBlob"]) == FORBIDDEN
    # the other account itself needs no RAM policy
    everyone = key_policy(f"acs:ram::{UID_B}:*")
    world.root("kms", "SetKeyPolicy", KeyId=key["KeyId"], Policy=everyone)
    root_b = world.client(ROOT_B)
    assert root_b("kms", "Decrypt", CiphertextBlob=made["CiphertextBlob"])["KeyId"] == key["KeyId"]
    assert with_ram("kms", "GenerateDataKey", KeyId=arn)["KeyId"] == key["KeyId"]
    assert refusal(without_ram, "GenerateDataKey", KeyId=arn) == FORBIDDEN


def test_encrypting_anew_needs_both_rights(world: World) -> None:
    source, target = make(world), make(world)
    blob = world.root("kms", "GenerateDataKey", KeyId=source["KeyId"])["CiphertextBlob"]
    asked = {"CiphertextBlob": blob, "DestinationKeyId": target["KeyId"]}
    out_of = policy("kms:ReEncryptFrom", resource=source["Arn"])
    into = policy("kms:ReEncryptTo", resource=target["Arn"])
    for documents in ((out_of,), (into,)):
        assert refusal(world.client(world.user(*documents)[1]), "ReEncrypt", **asked) == FORBIDDEN
    for allowed in ((out_of, into), (policy("kms:ReEncrypt*"),)):
        client = world.client(world.user(*allowed)[1])
        assert client("kms", "ReEncrypt", **asked)["KeyId"] == target["KeyId"]


def test_tags_decide(world: World) -> None:
    condition = {"StringEquals": {"kms:tag/team": "storage"}}
    client = world.client(world.user(policy("kms:*", Condition=condition))[1])
    tagged = make(world, Tags='[{"TagKey":"team","TagValue":"storage"}]')
    assert client("kms", "GenerateDataKey", KeyId=tagged["KeyId"])
    assert refusal(client, "GenerateDataKey", KeyId=make(world)["KeyId"]) == FORBIDDEN


def test_aliases_need_rights_on_alias_and_key(world: World) -> None:
    key = make(world)
    name = f"alias/{world.name('a')}"
    on_key = policy("kms:*Alias", resource=key["Arn"])
    on_alias = policy("kms:*Alias", resource=f"acs:kms:cn-hangzhou:{UID_A}:alias*")
    asked = {"AliasName": name, "KeyId": key["KeyId"]}
    for documents in ((on_key,), (on_alias,)):
        client = world.client(world.user(*documents)[1])
        assert refusal(client, "CreateAlias", **asked) == FORBIDDEN
    client = world.client(world.user(on_key, on_alias)[1])
    client("kms", "CreateAlias", **asked)
    client("kms", "UpdateAlias", **asked)
    client("kms", "DeleteAlias", AliasName=name)


def test_a_denial_says_what_decided(world: World) -> None:
    key = make(world)
    name, keys = world.user(policy("kms:*"))
    sid = {"Sid": "NotHere"}
    denying = json.loads(key_policy(f"acs:ram::{UID_A}:user/{name}", effect="Deny"))
    denying["Statement"][0] |= sid
    denied = {"KeyId": key["KeyId"]}
    world.root("kms", "SetKeyPolicy", Policy=json.dumps(denying), **denied)
    answer = call_v1(world.server, keys, "kms", "GenerateDataKey", **denied).json
    assert answer["Message"] == "This operation is forbidden by permission system."
    detail = answer["AccessDeniedDetail"]
    assert detail["AuthAction"] == "kms:GenerateDataKey"
    assert detail["AuthPrincipalType"] == "SubUser"
    assert detail["NoPermissionType"] == "ExplicitDeny"
    entries = world.server.control("GET", f"audit?request-id={answer['RequestId']}")["entries"]
    (entry,) = [each for each in entries if each["action"] == "kms:GenerateDataKey"]
    assert entry["resource"] == key["Arn"]
    assert entry["decision"] == "Deny"
    assert entry["statement"] == f"Deny statement 0 (NotHere) of key policy {key['KeyId']}"
