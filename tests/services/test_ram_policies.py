"""Policies, versions, attachments, and the right to call RAM at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.services.conftest import World, policy, trust
from tests.support.process import KEY_B, SECRET_B, UID_A
from tests.support.rpc import Keys, Refused, call_v1

TRUSTS = trust({"Service": ["oss.aliyuncs.com"]})
ROTATE = "DeleteOldestNonDefaultVersionWhenLimitExceeded"


def refusal(world: World, action: str, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        world.ram(action, **parameters)
    return caught.value.status, caught.value.code


def document_of(world: World, name: str) -> str:
    shown = world.ram("GetPolicy", PolicyType="Custom", PolicyName=name)
    return str(shown["DefaultPolicyVersion"]["PolicyDocument"])


def version_ids(world: World, name: str) -> list[str]:
    shown = world.ram("ListPolicyVersions", PolicyType="Custom", PolicyName=name)
    return [one["VersionId"] for one in shown["PolicyVersions"]["PolicyVersion"]]


def test_b21_versions_begin_with_v1_and_do_not_come_into_force_by_themselves(world: World) -> None:
    first, second = policy("oss:GetObject"), policy("oss:PutObject")
    name = world.policy(first)
    shown = world.ram("GetPolicy", PolicyType="Custom", PolicyName=name)
    assert shown["Policy"]["DefaultVersion"] == "v1"
    assert shown["DefaultPolicyVersion"]["VersionId"] == "v1"
    made = world.ram("CreatePolicyVersion", PolicyName=name, PolicyDocument=second)
    assert made["PolicyVersion"]["VersionId"] == "v2"
    assert made["PolicyVersion"]["IsDefaultVersion"] is False
    assert document_of(world, name) == first
    asked = {"PolicyType": "Custom", "PolicyName": name, "VersionId": "v2"}
    assert world.ram("GetPolicyVersion", **asked)["PolicyVersion"]["PolicyDocument"] == second
    world.ram("SetDefaultPolicyVersion", PolicyName=name, VersionId="v2")
    assert document_of(world, name) == second
    asked["VersionId"] = "v9"
    assert refusal(world, "GetPolicyVersion", **asked) == (404, "EntityNotExist.Policy.Version")


def test_b22_five_versions_and_the_rotate_strategy(world: World) -> None:
    name, document = world.policy(policy("oss:GetObject")), policy("oss:PutObject")
    for _ in range(4):
        world.ram("CreatePolicyVersion", PolicyName=name, PolicyDocument=document)
    sixth = {"PolicyName": name, "PolicyDocument": document}
    assert refusal(world, "CreatePolicyVersion", **sixth) == (409, "LimitExceeded.Policy.Version")
    made = world.ram("CreatePolicyVersion", SetAsDefault=True, RotateStrategy=ROTATE, **sixth)[
        "PolicyVersion"
    ]
    assert (made["VersionId"], made["IsDefaultVersion"]) == ("v6", True)
    assert version_ids(world, name) == ["v1", "v3", "v4", "v5", "v6"]
    world.ram("CreatePolicyVersion", RotateStrategy=ROTATE, **sixth)
    assert version_ids(world, name) == ["v3", "v4", "v5", "v6", "v7"]


def test_b23_the_version_in_force_stays(world: World) -> None:
    name = world.policy(policy("oss:GetObject"))
    world.ram("CreatePolicyVersion", PolicyName=name, PolicyDocument=policy("oss:*"))
    assert refusal(world, "DeletePolicyVersion", PolicyName=name, VersionId="v1") == (
        409,
        "DeleteConflict.Policy.Version.Default",
    )
    assert refusal(world, "DeletePolicy", PolicyName=name) == (
        409,
        "DeleteConflict.Policy.Version",
    )
    world.ram("DeletePolicyVersion", PolicyName=name, VersionId="v2")
    # its number is not given again
    made = world.ram("CreatePolicyVersion", PolicyName=name, PolicyDocument=policy("oss:*"))
    assert made["PolicyVersion"]["VersionId"] == "v3"
    world.ram("DeletePolicyVersion", PolicyName=name, VersionId="v3")
    world.ram("DeletePolicy", PolicyName=name)


def test_b24_deleting_what_is_attached(world: World) -> None:
    name, role = world.policy(policy("oss:*")), world.role(TRUSTS)
    attached = {"PolicyType": "Custom", "PolicyName": name}
    world.ram("AttachPolicyToRole", RoleName=role, **attached)
    world.ram("CreatePolicyVersion", PolicyName=name, PolicyDocument=policy("oss:Get*"))
    status, code = refusal(world, "DeletePolicy", PolicyName=name)
    assert (status, code) == (409, "DeleteConflict.Policy.Role")
    world.ram("DeletePolicy", PolicyName=name, CascadingDelete=True)
    assert refusal(world, "GetPolicy", **attached) == (404, "EntityNotExist.Policy")
    assert world.ram("ListPoliciesForRole", RoleName=role)["Policies"]["Policy"] == []
    world.ram("DeleteRole", RoleName=role)


def test_b25_attaching_and_detaching(world: World) -> None:
    name, role = world.policy(policy("oss:*")), world.role(TRUSTS)
    user, _ = world.user()
    custom = {"PolicyType": "Custom", "PolicyName": name}

    def count() -> int:
        return int(world.ram("GetPolicy", **custom)["Policy"]["AttachmentCount"])

    assert count() == 0
    world.ram("AttachPolicyToRole", RoleName=role, **custom)
    world.ram("AttachPolicyToUser", UserName=user, **custom)
    assert count() == 2
    twice = {"RoleName": role, **custom}
    assert refusal(world, "AttachPolicyToRole", **twice) == (409, "EntityAlreadyExists.Role.Policy")
    held = world.ram("ListEntitiesForPolicy", **custom)
    assert [one["RoleName"] for one in held["Roles"]["Role"]] == [role]
    assert [one["UserName"] for one in held["Users"]["User"]] == [user]
    assert held["Groups"]["Group"] == []
    listed = world.ram("ListPoliciesForRole", RoleName=role)["Policies"]["Policy"]
    assert [one["PolicyName"] for one in listed] == [name]
    assert listed[0]["AttachDate"].endswith("Z")
    world.ram("DetachPolicyFromRole", RoleName=role, **custom)
    world.ram("DetachPolicyFromUser", UserName=user, **custom)
    assert count() == 0
    assert refusal(world, "DetachPolicyFromRole", **twice) == (404, "EntityNotExist.Role.Policy")
    stranger = {"PolicyType": "System", "PolicyName": "AdministratorAccess", "RoleName": role}
    assert refusal(world, "DetachPolicyFromRole", **stranger) == (404, "EntityNotExist.Role.Policy")
    nobody = {"RoleName": "no", **custom}
    assert refusal(world, "AttachPolicyToRole", **nobody) == (404, "EntityNotExist.Role")
    nothing = {"RoleName": role, "PolicyType": "Custom", "PolicyName": "no"}
    assert refusal(world, "AttachPolicyToRole", **nothing) == (404, "EntityNotExist.Policy")


def test_a_role_has_five_custom_policies_at_most(world: World) -> None:
    role = world.role(TRUSTS, *[policy("oss:GetObject")] * 5)
    sixth = {"PolicyType": "Custom", "PolicyName": world.policy(policy("oss:*")), "RoleName": role}
    assert refusal(world, "AttachPolicyToRole", **sixth) == (409, "LimitExceeded.Role.Policy")
    assert len(world.ram("ListPoliciesForRole", RoleName=role)["Policies"]["Policy"]) == 5
    system = {"PolicyType": "System", "PolicyName": "AliyunOSSFullAccess", "RoleName": role}
    world.ram("AttachPolicyToRole", **system)


def test_b27_system_policies_are_shown_and_cannot_be_changed(world: World) -> None:
    name = "AliyunOSSReadOnlyAccess"
    shown = world.ram("GetPolicy", PolicyType="System", PolicyName=name)
    statement = json.loads(shown["DefaultPolicyVersion"]["PolicyDocument"])["Statement"][0]
    assert statement["Action"] == ["oss:Get*", "oss:List*"]
    assert shown["Policy"]["PolicyType"] == "System"
    kms = world.ram("GetPolicy", PolicyType="System", PolicyName="AliyunKMSFullAccess")
    assert kms["Policy"]["DefaultVersion"] == "v3"
    document = policy("oss:*")
    for action, more in (
        ("CreatePolicyVersion", {"PolicyDocument": document}),
        ("DeletePolicy", {}),
        ("DeletePolicyVersion", {"VersionId": "v1"}),
        ("UpdatePolicyDescription", {"NewDescription": "x"}),
    ):
        assert refusal(world, action, PolicyName=name, **more) == (404, "EntityNotExist.Policy")
    made = {"PolicyName": name, "PolicyDocument": document}
    assert refusal(world, "CreatePolicy", **made) == (409, "EntityAlreadyExists.Policy")


def test_policies_by_pages_and_type(world: World) -> None:
    made = {world.policy(policy("oss:*")) for _ in range(2)}
    for type_, wanted in (("Custom", made), ("System", {"AdministratorAccess"}), (None, made)):
        seen: list[str] = []
        more = {} if type_ is None else {"PolicyType": type_}
        while True:
            page = world.ram("ListPolicies", MaxItems=3, **more)
            seen += [one["PolicyName"] for one in page["Policies"]["Policy"]]
            if not page["IsTruncated"]:
                break
            more["Marker"] = page["Marker"]
        assert wanted <= set(seen)
        assert len(seen) == len(set(seen))
    assert refusal(world, "ListPolicies", PolicyType="X") == (400, "InvalidParameter.PolicyType")


def test_malformed_policies_leave_no_trace(world: World) -> None:
    name = world.name("policy")
    long = policy("oss:*", resource="x" * 6200)
    for document, wanted in (
        ("{", "MalformedPolicyDocument"),
        (json.dumps({"Version": 1, "Statement": []}), "MalformedPolicyDocument"),
        (long, "InvalidParameter.PolicyDocument.Length"),
    ):
        made = {"PolicyName": name, "PolicyDocument": document}
        assert refusal(world, "CreatePolicy", **made) == (400, wanted)
    asked = {"PolicyType": "Custom", "PolicyName": name}
    assert refusal(world, "GetPolicy", **asked) == (404, "EntityNotExist.Policy")


def test_a_description_is_changed(world: World) -> None:
    name = world.policy(policy("oss:*"))
    world.ram("UpdatePolicyDescription", PolicyName=name, NewDescription="d")
    shown = world.ram("GetPolicy", PolicyType="Custom", PolicyName=name)
    assert shown["Policy"]["Description"] == "d"


# the right to call


def test_users_need_a_right_on_the_resource(world: World) -> None:
    mine, other = world.role(TRUSTS), world.role(TRUSTS)
    name, keys = world.user(policy("ram:GetRole", resource=f"acs:ram:*:{UID_A}:role/{mine}"))
    client = world.client(keys)
    assert client("ram", "GetRole", RoleName=mine.upper())["Role"]["RoleName"] == mine
    for action, more in (("GetRole", {"RoleName": other}), ("ListRoles", {})):
        with pytest.raises(Refused) as caught:
            client("ram", action, **more)
        assert (caught.value.status, caught.value.code) == (403, "NoPermission")
        assert caught.value.message == "You are not authorized to do this action."
    assert world.ram("GetUser", UserName=name)["User"]["UserName"] == name


def test_a_deny_cannot_be_stepped_around_by_case(world: World) -> None:
    role = world.role(TRUSTS)
    denied = policy("ram:*", effect="Deny", resource=f"acs:ram:*:*:role/{role}")
    _, keys = world.user(policy("ram:*"), denied)
    for name in (role, role.lower(), role.upper()):
        with pytest.raises(Refused, match="NoPermission"):
            world.client(keys)("ram", "GetRole", RoleName=name)


def test_attaching_needs_both_rights(world: World) -> None:
    role, target = world.role(TRUSTS), world.policy(policy("oss:*"))
    on_role, on_policy = f"acs:ram:*:*:role/{role}", f"acs:ram:*:*:policy/{target}"
    attach = {"RoleName": role, "PolicyType": "Custom", "PolicyName": target}
    for resource in (on_role, on_policy):
        _, keys = world.user(policy("ram:AttachPolicyToRole", resource=resource))
        with pytest.raises(Refused, match="NoPermission"):
            world.client(keys)("ram", "AttachPolicyToRole", **attach)
    _, keys = world.user(
        policy("ram:AttachPolicyToRole", resource=on_role),
        policy("ram:AttachPolicyToRole", resource=on_policy),
    )
    world.client(keys)("ram", "AttachPolicyToRole", **attach)
    system = {"RoleName": role, "PolicyType": "System", "PolicyName": "AdministratorAccess"}
    with pytest.raises(Refused, match="NoPermission"):
        world.client(keys)("ram", "AttachPolicyToRole", **system)


def test_the_denial_tells_why_and_can_be_decoded(world: World) -> None:
    name, keys = world.user(policy("ram:GetUser", effect="Deny", Sid="NoUsers"))
    answer = call_v1(world.server, keys, "ram", "GetUser", UserName=name)
    assert answer.status == 403
    detail = answer.json["AccessDeniedDetail"]
    assert detail["AuthAction"] == "ram:GetUser"
    assert detail["AuthPrincipalType"] == "SubUser"
    assert detail["AuthPrincipalOwnerId"] == UID_A
    assert detail["NoPermissionType"] == "ExplicitDeny"
    assert detail["PolicyType"] == "AccountLevelIdentityBasedPolicy"
    decoded = world.ram(
        "DecodeDiagnosticMessage", EncodedDiagnosticMessage=detail["EncodedDiagnosticMessage"]
    )["DecodedDiagnosticMessage"]
    assert decoded["AuthResource"] == f"acs:ram::{UID_A}:user/{name}"
    assert decoded["ExplicitDeny"] is True
    assert decoded["MatchedPolicies"][0]["Effect"] == "Deny"
    status, code = refusal(world, "DecodeDiagnosticMessage", EncodedDiagnosticMessage="x")
    assert (status, code) == (400, "InvalidParameter.EncodedDiagnosticMessage.Format")
    audit = world.server.control("GET", f"audit?request-id={answer.json['RequestId']}")
    assert [one["decision"] for one in audit["entries"]] == ["Deny"]
    assert "NoUsers" in audit["entries"][0]["statement"]


def test_accounts_do_not_see_each_other(world: World) -> None:
    role = world.role(TRUSTS)
    other = world.client(Keys(KEY_B, SECRET_B))
    with pytest.raises(Refused, match=r"EntityNotExist\.Role"):
        other("ram", "GetRole", RoleName=role)
    seen = {one["RoleName"] for one in other("ram", "ListRoles", MaxItems=1000)["Roles"]["Role"]}
    assert role not in seen


def test_a_user_s_own_keys_need_no_name(world: World) -> None:
    name, keys = world.user(policy("ram:*AccessKey*", resource=f"acs:ram:*:{UID_A}:user/*"))
    client = world.client(keys)
    made = client("ram", "CreateAccessKey")["AccessKey"]
    listed = client("ram", "ListAccessKeys")["AccessKeys"]["AccessKey"]
    assert len(listed) == 2
    client("ram", "DeleteAccessKey", UserAccessKeyId=made["AccessKeyId"])
    assert len(world.ram("ListAccessKeys", UserName=name)["AccessKeys"]["AccessKey"]) == 1
