"""Users, keys, groups and roles, through both client families."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.services.conftest import World, policy, trust
from tests.support.process import UID_A
from tests.support.rpc import Keys, Refused, call_v1

TRUSTS = trust({"Service": ["oss.aliyuncs.com"]})


def refusal(world: World, action: str, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        world.ram(action, **parameters)
    return caught.value.status, caught.value.code


def test_b16_roles_that_are_there_and_that_are_not(world: World) -> None:
    name = world.role(TRUSTS)
    made = {"RoleName": name, "AssumeRolePolicyDocument": TRUSTS}
    assert refusal(world, "CreateRole", **made) == (409, "EntityAlreadyExists.Role")
    made["RoleName"] = name.upper()
    assert refusal(world, "CreateRole", **made) == (409, "EntityAlreadyExists.Role")
    assert refusal(world, "GetRole", RoleName="nobody") == (404, "EntityNotExist.Role")


def test_a_role_is_shown_whole(world: World) -> None:
    name = world.role(TRUSTS, Description="über", MaxSessionDuration=7200)
    role = world.ram("GetRole", RoleName=name)["Role"]
    assert role["RoleName"] == name
    assert role["Arn"] == f"acs:ram::{UID_A}:role/{name}"
    assert role["Description"] == "über"
    assert role["MaxSessionDuration"] == 7200
    assert role["AssumeRolePolicyDocument"] == TRUSTS
    assert role["CreateDate"] == role["UpdateDate"]
    assert len(role["CreateDate"]) == len("2026-01-02T03:04:05Z")
    other = trust({"RAM": [f"acs:ram::{UID_A}:root"]})
    world.ram("UpdateRole", RoleName=name, NewAssumeRolePolicyDocument=other)
    world.ram("UpdateRole", RoleName=name, NewMaxSessionDuration=3600)
    changed = world.ram("GetRole", RoleName=name.lower())["Role"]
    assert changed["AssumeRolePolicyDocument"] == other
    assert changed["MaxSessionDuration"] == 3600
    assert (changed["RoleId"], changed["Description"]) == (role["RoleId"], "über")


@pytest.mark.parametrize(
    "document",
    [
        "no JSON",
        "{}",
        json.dumps(
            {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}
        ),
        json.dumps({"Version": "1", "Statement": []}),
        policy("oss:*"),
    ],
)
def test_b17_malformed_trust(world: World, document: str) -> None:
    made = {"RoleName": world.name("b17"), "AssumeRolePolicyDocument": document}
    assert refusal(world, "CreateRole", **made) == (400, "MalformedPolicyDocument")
    assert refusal(world, "GetRole", RoleName=made["RoleName"])[0] == 404


@pytest.mark.parametrize(
    ("name", "problem"), [("a_b", "InvalidChars"), ("a" * 65, "Length"), ("a b", "InvalidChars")]
)
def test_b18_role_names(world: World, name: str, problem: str) -> None:
    made = {"RoleName": name, "AssumeRolePolicyDocument": TRUSTS}
    assert refusal(world, "CreateRole", **made) == (400, f"InvalidParameter.RoleName.{problem}")


def test_b19_a_role_with_a_policy_stays(world: World) -> None:
    name = world.role(TRUSTS)
    attached = {"RoleName": name, "PolicyType": "System", "PolicyName": "AliyunOSSFullAccess"}
    world.ram("AttachPolicyToRole", **attached)
    assert refusal(world, "DeleteRole", RoleName=name) == (409, "DeleteConflict.Role.Policy")
    world.ram("DetachPolicyFromRole", **attached)
    world.ram("DeleteRole", RoleName=name)
    assert refusal(world, "GetRole", RoleName=name) == (404, "EntityNotExist.Role")


def test_b20_two_keys_and_their_secrets_once(world: World) -> None:
    name, keys = world.user()
    second = world.ram("CreateAccessKey", UserName=name)["AccessKey"]
    assert second["AccessKeySecret"]
    assert second["Status"] == "Active"
    assert refusal(world, "CreateAccessKey", UserName=name) == (
        409,
        "LimitExceeded.User.AccessKey",
    )
    listed = world.ram("ListAccessKeys", UserName=name)["AccessKeys"]["AccessKey"]
    assert {one["AccessKeyId"] for one in listed} == {keys.key_id, second["AccessKeyId"]}
    assert all("AccessKeySecret" not in one for one in listed)
    world.ram("UpdateAccessKey", UserName=name, UserAccessKeyId=keys.key_id, Status="Inactive")
    states = {
        one["AccessKeyId"]: one["Status"]
        for one in world.ram("ListAccessKeys", UserName=name)["AccessKeys"]["AccessKey"]
    }
    assert states == {keys.key_id: "Inactive", second["AccessKeyId"]: "Active"}
    used = world.ram("GetAccessKeyLastUsed", UserName=name, UserAccessKeyId=keys.key_id)
    assert "AccessKeyLastUsed" in used
    assert refusal(world, "DeleteUser", UserName=name) == (409, "DeleteConflict.User.AccessKey")
    for one in listed:
        world.ram("DeleteAccessKey", UserName=name, UserAccessKeyId=one["AccessKeyId"])
    gone = {"UserName": name, "UserAccessKeyId": keys.key_id}
    assert refusal(world, "DeleteAccessKey", **gone) == (404, "EntityNotExist.User.AccessKey")
    world.ram("DeleteUser", UserName=name)
    assert refusal(world, "GetUser", UserName=name) == (404, "EntityNotExist.User")


def test_a_key_of_another_user_is_not_found(world: World) -> None:
    _, keys = world.user()
    other, _ = world.user()
    wrong = {"UserName": other, "UserAccessKeyId": keys.key_id}
    assert refusal(world, "DeleteAccessKey", **wrong) == (404, "EntityNotExist.User.AccessKey")


def test_users_are_changed_and_renamed_with_what_belongs_to_them(world: World) -> None:
    name, keys = world.user(policy("ram:GetUser"))
    group = world.name("group")
    world.ram("CreateGroup", GroupName=group)
    world.ram("AddUserToGroup", GroupName=group, UserName=name)
    new = world.name("renamed")
    world.ram("UpdateUser", UserName=name, NewUserName=new, NewDisplayName="D", NewComments="c")
    user = world.ram("GetUser", UserName=new)["User"]
    assert (user["UserName"], user["DisplayName"], user["Comments"]) == (new, "D", "c")
    assert refusal(world, "GetUser", UserName=name) == (404, "EntityNotExist.User")
    client = world.client(keys)
    assert client("sts", "GetCallerIdentity")["Arn"] == f"acs:ram::{UID_A}:user/{new}"
    assert client("ram", "GetUser", UserName=new)["User"]["UserId"] == user["UserId"]
    groups = world.ram("ListGroupsForUser", UserName=new)["Groups"]["Group"]
    assert [one["GroupName"] for one in groups] == [group]
    third, _ = world.user()
    assert refusal(world, "UpdateUser", UserName=third, NewUserName=new) == (
        409,
        "EntityAlreadyExists.User",
    )
    assert refusal(world, "CreateUser", UserName=new) == (409, "EntityAlreadyExists.User")
    listed = world.ram("ListUsers", MaxItems=1000)["Users"]["User"]
    assert {new, third} <= {one["UserName"] for one in listed}


def test_groups(world: World) -> None:
    group, (name, keys) = world.name("group"), world.user()
    world.ram("CreateGroup", GroupName=group, Comments="c")
    assert refusal(world, "CreateGroup", GroupName=group) == (409, "EntityAlreadyExists.Group")
    assert world.ram("GetGroup", GroupName=group)["Group"]["Comments"] == "c"
    world.ram("AddUserToGroup", GroupName=group, UserName=name)
    pair = {"GroupName": group, "UserName": name}
    assert refusal(world, "AddUserToGroup", **pair) == (409, "EntityAlreadyExists.User.Group")
    members = world.ram("ListUsersForGroup", GroupName=group)["Users"]["User"]
    assert [one["UserName"] for one in members] == [name]
    assert group in {one["GroupName"] for one in world.ram("ListGroups")["Groups"]["Group"]}

    # what is attached to the group counts for its members, as long as they are in it
    client = world.client(keys)
    attached = {"GroupName": group, "PolicyType": "System", "PolicyName": "AliyunRAMFullAccess"}
    with pytest.raises(Refused, match="NoPermission"):
        client("ram", "GetUser", UserName=name)
    world.ram("AttachPolicyToGroup", **attached)
    assert client("ram", "GetUser", UserName=name)["User"]["UserName"] == name
    renamed = world.name("group")
    world.ram("UpdateGroup", GroupName=group, NewGroupName=renamed)
    assert client("ram", "GetUser", UserName=name)["User"]["UserName"] == name
    attached["GroupName"] = renamed
    assert refusal(world, "DeleteGroup", GroupName=renamed) == (409, "DeleteConflict.Group.User")
    assert refusal(world, "DeleteUser", UserName=name)[1] == "DeleteConflict.User.AccessKey"
    world.ram("RemoveUserFromGroup", GroupName=renamed, UserName=name)
    with pytest.raises(Refused, match="NoPermission"):
        client("ram", "GetUser", UserName=name)
    assert refusal(world, "DeleteGroup", GroupName=renamed) == (409, "DeleteConflict.Group.Policy")
    world.ram("DetachPolicyFromGroup", **attached)
    world.ram("DeleteGroup", GroupName=renamed)
    assert refusal(world, "GetGroup", GroupName=renamed) == (404, "EntityNotExist.Group")


def test_a_user_is_in_five_groups_at_most(world: World) -> None:
    name, _ = world.user()
    groups = [world.name("group") for _ in range(6)]
    for group in groups:
        world.ram("CreateGroup", GroupName=group)
    for group in groups[:5]:
        world.ram("AddUserToGroup", GroupName=group, UserName=name)
    sixth = {"GroupName": groups[5], "UserName": name}
    assert refusal(world, "AddUserToGroup", **sixth) == (409, "LimitExceeded.User.Group")
    for group in groups[:5]:
        world.ram("RemoveUserFromGroup", GroupName=group, UserName=name)
    for group in groups:
        world.ram("DeleteGroup", GroupName=group)


def test_b26_roles_by_pages(world: World) -> None:
    made = {world.role(TRUSTS) for _ in range(2)}
    seen: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = world.ram("ListRoles", MaxItems=1, **more)
        shown = page["Roles"]["Role"]
        assert len(shown) == 1
        assert "AssumeRolePolicyDocument" not in shown[0]
        seen.append(shown[0]["RoleName"])
        if not page["IsTruncated"]:
            break
        more = {"Marker": page["Marker"]}
    assert made <= set(seen)
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen, key=str.casefold)


def test_b28_b29_tags(world: World) -> None:
    name, pairs = world.role(TRUSTS), [{"Key": "k", "Value": "v"}, {"Key": "é", "Value": ""}]
    asked: dict[str, Any] = {"ResourceType": "role", "ResourceNames": [name]}

    def listed() -> dict[str, str]:
        found = world.ram("ListTagResources", **asked)["TagResources"]
        assert all(one["ResourceName"] == name for one in found)
        return {one["TagKey"]: one["TagValue"] for one in found}

    assert listed() == {}
    world.ram("TagResources", Tag=pairs, **asked)
    assert listed() == {"k": "v", "é": ""}
    shown = world.ram("ListRoles", MaxItems=1000)["Roles"]["Role"]
    (role,) = (one for one in shown if one["RoleName"] == name)
    assert {"TagKey": "k", "TagValue": "v"} in role["Tags"]["Tag"]
    world.ram("UntagResources", TagKeys=["k"], **asked)
    assert listed() == {"é": ""}
    world.ram("UntagResources", All=True, **asked)
    assert listed() == {}
    missing: dict[str, Any] = {"ResourceType": "role", "ResourceNames": ["no"]}
    assert refusal(world, "TagResources", Tag=pairs, **missing) == (404, "EntityNotExist.Role")


def test_tags_by_pages_and_by_numbered_parameters(world: World) -> None:
    root = Keys("LTAIemulatorA", "emulatorSecretA")
    names = [world.role(TRUSTS) for _ in range(2)]
    document = json.dumps([{"Key": f"k{n}", "Value": "x"} for n in range(3)])
    tagged: dict[str, Any] = {"ResourceType": "role", "ResourceNames": json.dumps(names)}
    assert call_v1(world.server, root, "ram", "TagResources", Tag=document, **tagged).status == 200
    seen: list[tuple[str, str]] = []
    more: dict[str, Any] = {}
    while True:
        page = call_v1(
            world.server, root, "ram", "ListTagResources", MaxItems="2", **tagged, **more
        ).json
        seen += [(one["ResourceName"], one["TagKey"]) for one in page["TagResources"]]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert seen == [(name, f"k{n}") for name in sorted(names) for n in range(3)]
    keys: dict[str, Any] = {"TagKey.1": "k0", "TagKey.2": "k2"}
    assert call_v1(world.server, root, "ram", "UntagResources", **tagged, **keys).status == 200
    every = call_v1(world.server, root, "ram", "ListTagResources", ResourceType="role").json
    left = [one for one in every["TagResources"] if one["ResourceName"] in names]
    assert [one["TagKey"] for one in left] == ["k1", "k1"]


@pytest.mark.parametrize("seconds", [3599, 43201])
def test_b30_how_long_sessions_may_be(world: World, seconds: int) -> None:
    made = {"AssumeRolePolicyDocument": TRUSTS, "MaxSessionDuration": seconds}
    status, code = refusal(world, "CreateRole", RoleName=world.name("b30"), **made)
    assert (status, code) == (400, "InvalidParameter.MaxSessionDuration.Format")
    name = world.role(TRUSTS)
    status, _ = refusal(world, "UpdateRole", RoleName=name, NewMaxSessionDuration=seconds)
    assert status == 400


def test_what_force_destroying_clients_ask(world: World) -> None:
    name, _ = world.user()
    assert refusal(world, "DeleteLoginProfile", UserName=name) == (
        404,
        "EntityNotExist.User.LoginProfile",
    )
    assert refusal(world, "UnbindMFADevice", UserName=name) == (
        404,
        "EntityNotExist.User.MFADevice",
    )
    assert refusal(world, "GetLoginProfile", UserName="no") == (404, "EntityNotExist.User")


def test_a_world_file_s_identities_are_shown(world: World) -> None:
    role = world.ram("GetRole", RoleName="aliyunossrole")["Role"]
    assert role["RoleName"] == "AliyunOSSRole"
    assert not role["CreateDate"].startswith("1970")
    attached = world.ram("ListPoliciesForRole", RoleName="AliyunOSSRole")["Policies"]["Policy"]
    assert [one["PolicyName"] for one in attached] == ["AliyunOSSFullAccess"]
    shown = world.ram("GetPolicy", PolicyType="Custom", PolicyName="replicate-src-bucket")
    assert "oss:ReplicateGet" in shown["DefaultPolicyVersion"]["PolicyDocument"]
