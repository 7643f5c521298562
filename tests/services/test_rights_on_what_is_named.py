"""A right is asked for on what a call names, whichever way the call writes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.services.conftest import World, policy, trust
from tests.support.process import KEY_B, SECRET_B, UID_A, UID_B
from tests.support.rpc import Keys, RawAnswer, call_v1

TRUSTS = trust({"Service": ["oss.aliyuncs.com"]})
ROOT_B = Keys(KEY_B, SECRET_B)
ALLOWED = (200, "")
RAM_DENIED = (403, "NoPermission")
KMS_DENIED = (403, "Forbidden.NoPermission")
KEY_NOT_FOUND = (404, "Forbidden.KeyNotFound")
PAIR = json.dumps([{"Key": "k", "Value": "v"}])


def told(answer: RawAnswer) -> tuple[int, str]:
    return answer.status, answer.json.get("Code", "")


def ram(world: World, keys: Keys, action: str, **parameters: Any) -> tuple[int, str]:
    return told(call_v1(world.server, keys, "ram", action, **parameters))


def kms(world: World, keys: Keys, action: str, **parameters: Any) -> tuple[int, str]:
    return told(call_v1(world.server, keys, "kms", action, **parameters))


SYSTEM_CALLS = (
    "AttachPolicyToUser",
    "DetachPolicyFromUser",
    "GetPolicy",
    "ListPolicyVersions",
    "ListEntitiesForPolicy",
)


@pytest.mark.parametrize("action", SYSTEM_CALLS)
@pytest.mark.parametrize("owner", ["*", "system"])
def test_a_deny_of_a_system_policy_holds_in_every_case(
    world: World, action: str, owner: str
) -> None:
    guarded = "acs:ram:*:system:policy/AdministratorAccess"
    denying = policy("ram:*", effect="Deny", resource=guarded.replace("system", owner))
    name, keys = world.user(policy("ram:*"), denying)
    for written in ("AdministratorAccess", "ADMINISTRATORACCESS", "administratoraccess"):
        asked = {"PolicyType": "System", "PolicyName": written, "UserName": name}
        assert ram(world, keys, action, **asked) == RAM_DENIED
    if action == "AttachPolicyToUser":
        asked = {"PolicyType": "System", "PolicyName": "aliyunossreadonlyaccess", "UserName": name}
        assert ram(world, keys, action, **asked) == ALLOWED


TAG_CALLS: list[tuple[str, dict[str, str]]] = [
    ("TagResources", {"Tag": PAIR}),
    ("ListTagResources", {}),
    ("UntagResources", {"TagKeys": '["k"]'}),
]


@pytest.mark.parametrize("kind", ["role", "policy"])
def test_tags_ask_for_the_right_on_everything_that_is_named(world: World, kind: str) -> None:
    def made() -> str:
        return world.role(TRUSTS) if kind == "role" else world.policy(policy("oss:GetObject"))

    guarded, free = made(), made()
    on_guarded = f"acs:ram:*:{UID_A}:{kind}/{guarded}"
    _, denied = world.user(policy("ram:*"), policy("ram:*", effect="Deny", resource=on_guarded))
    _, one_alone = world.user(policy("ram:*Tag*", resource=on_guarded))
    for action, more in TAG_CALLS:

        def ask(keys: Keys, names: list[str], **given: str) -> tuple[int, str]:
            asked = {"ResourceType": kind, "ResourceNames": json.dumps(names), **given}
            return ram(world, keys, action, **asked)  # noqa: B023 - called at once

        for names in ([guarded], [guarded.upper()], [free, guarded.lower()]):
            assert ask(denied, names, **more) == RAM_DENIED, (action, names)
        assert ask(denied, [free], **more) == ALLOWED
        assert ask(one_alone, [guarded], **more) == ALLOWED
        assert ask(one_alone, [guarded, free], **more) == RAM_DENIED
        if action != "ListTagResources":
            assert ask(denied, [], **more) == (400, "MissingResourceNames")
    listing = {"ResourceType": kind}
    assert ram(world, denied, "ListTagResources", **listing) == ALLOWED
    assert ram(world, one_alone, "ListTagResources", **listing) == RAM_DENIED


def make_key(world: World, **parameters: Any) -> dict[str, str]:
    return dict(world.root("kms", "CreateKey", **parameters)["KeyMetadata"])


def key_of_alias(world: World, name: str) -> str:
    return str(world.root("kms", "DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"])


def test_no_alias_is_made_or_moved_in_another_account(world: World) -> None:
    used, opened = make_key(world), make_key(world)
    name, planted = f"alias/{world.name('payroll')}", f"alias/{world.name('planted')}"
    world.root("kms", "CreateAlias", KeyId=used["KeyId"], AliasName=name)
    statement = {
        "Effect": "Allow",
        "Principal": {"RAM": [f"acs:ram::{UID_B}:*"]},
        "Action": ["kms:*"],
        "Resource": ["*"],
    }
    to_everyone = json.dumps({"Version": "1", "Statement": [statement]})
    world.root("kms", "SetKeyPolicy", KeyId=opened["KeyId"], Policy=to_everyone)
    arn = opened["Arn"]
    assert kms(world, ROOT_B, "DescribeKey", KeyId=arn) == ALLOWED
    assert kms(world, ROOT_B, "UpdateAlias", KeyId=arn, AliasName=name) == KEY_NOT_FOUND
    assert kms(world, ROOT_B, "CreateAlias", KeyId=arn, AliasName=planted) == KEY_NOT_FOUND
    assert key_of_alias(world, name) == used["KeyId"]
    listed = world.root("kms", "ListAliasesByKeyId", KeyId=opened["KeyId"])
    assert listed["TotalCount"] == 0


def test_an_alias_is_asked_for_in_the_region_of_its_key(world: World) -> None:
    far = call_v1(world.server, ROOT_B, "kms", "CreateKey", RegionId="cn-shanghai").json
    key = far["KeyMetadata"]
    name = f"alias/{world.name('far')}"
    asked = {"AliasName": name, "KeyId": key["Arn"]}
    other = {**asked, "RegionId": "cn-hangzhou"}
    assert kms(world, ROOT_B, "CreateAlias", **other) == KEY_NOT_FOUND
    document = json.loads(policy("kms:*"))
    denied = {"Effect": "Deny", "Action": "kms:CreateAlias", "Resource": ""}
    denied["Resource"] = f"acs:kms:cn-shanghai:{UID_B}:alias"
    document["Statement"].append(denied)
    user = user_of_b(world, json.dumps(document))
    assert kms(world, user, "CreateAlias", **asked) == KMS_DENIED
    assert kms(world, ROOT_B, "CreateAlias", **asked) == ALLOWED
    denied.update(Action="kms:UpdateAlias", Resource=f"acs:kms:cn-shanghai:{UID_B}:{name}")
    user = user_of_b(world, json.dumps(document))
    assert kms(world, user, "UpdateAlias", **asked) == KMS_DENIED
    assert kms(world, ROOT_B, "UpdateAlias", **asked) == ALLOWED


def user_of_b(world: World, document: str) -> Keys:
    root, name, policy_name = world.client(ROOT_B), world.name("user"), world.name("policy")
    root("ram", "CreateUser", UserName=name)
    root("ram", "CreatePolicy", PolicyName=policy_name, PolicyDocument=document)
    attached = {"PolicyType": "Custom", "PolicyName": policy_name, "UserName": name}
    root("ram", "AttachPolicyToUser", **attached)
    key = root("ram", "CreateAccessKey", UserName=name)["AccessKey"]
    return Keys(key["AccessKeyId"], key["AccessKeySecret"])


def test_an_alias_is_moved_by_whoever_may_on_both_keys(world: World) -> None:
    former, later = make_key(world), make_key(world)
    name = f"alias/{world.name('moved')}"
    world.root("kms", "CreateAlias", KeyId=former["KeyId"], AliasName=name)
    on_alias = policy("kms:UpdateAlias", resource=f"acs:kms:cn-hangzhou:{UID_A}:{name}")
    on_keys = [policy("kms:UpdateAlias", resource=key["Arn"]) for key in (former, later)]
    asked = {"KeyId": later["KeyId"], "AliasName": name}
    for given in (on_keys, [on_alias, on_keys[0]], [on_alias, on_keys[1]]):
        assert kms(world, world.user(*given)[1], "UpdateAlias", **asked) == KMS_DENIED
    assert key_of_alias(world, name) == former["KeyId"]
    assert kms(world, world.user(on_alias, *on_keys)[1], "UpdateAlias", **asked) == ALLOWED
    assert key_of_alias(world, name) == later["KeyId"]
