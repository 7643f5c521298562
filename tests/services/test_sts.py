"""AssumeRole and GetCallerIdentity, and what temporary credentials may do."""

from __future__ import annotations

from typing import Any

import oss2
import pytest

from tests.services.conftest import ROOT_A, World, policy, trust
from tests.support.process import KEY_B, SECRET_B, UID_A, UID_B, EmulatorProcess
from tests.support.rpc import Keys, Refused, call_v1, call_v3

MAY_ASSUME = policy("sts:AssumeRole")
TRUSTS_A = trust({"RAM": [f"acs:ram::{UID_A}:root"]})
TRUSTS_OSS = trust({"Service": ["oss.aliyuncs.com"]})
READS = policy("oss:GetObject", "oss:ListObjects", "oss:PutObject")


def arn(role: str, uid: str = UID_A) -> str:
    return f"acs:ram::{uid}:role/{role}"


def assume(world: World, keys: Keys, role: str, **more: Any) -> dict[str, Any]:
    asked = {"RoleArn": arn(role), "RoleSessionName": "sess", **more}
    return world.client(keys)("sts", "AssumeRole", **asked)


def keys_of(answer: dict[str, Any]) -> Keys:
    made = answer["Credentials"]
    return Keys(made["AccessKeyId"], made["AccessKeySecret"], made["SecurityToken"])


def refusal(world: World, keys: Keys, role: str, **more: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        assume(world, keys, role, **more)
    return caught.value.status, caught.value.code


def bucket(server: EmulatorProcess, keys: Keys, name: str = "src-bucket") -> oss2.Bucket:
    auth = oss2.StsAuth(keys.key_id, keys.secret, keys.token)
    return oss2.Bucket(auth, server.endpoint, name)


def oss_refusal(server: EmulatorProcess, keys: Keys, key: str = "b-object") -> tuple[str, str]:
    with pytest.raises(oss2.exceptions.OssError) as caught:
        bucket(server, keys).put_object(key, b"x")
    return caught.value.code, caught.value.details.get("EC", "")


def test_b11_tokens_belong_to_their_keys(world: World) -> None:
    _, keys = world.user(MAY_ASSUME)
    role = world.role(TRUSTS_A, READS)
    one, other = (keys_of(assume(world, keys, role)) for _ in range(2))
    without, foreign = Keys(one.key_id, one.secret), Keys(one.key_id, one.secret, other.token)
    useless = Keys(keys.key_id, keys.secret, one.token)
    for call in (call_v1, call_v3):
        answer = call(world.server, without, "sts", "GetCallerIdentity")
        assert (answer.status, answer.json["Code"]) == (400, "MissingSecurityToken")
        for wrong in (foreign, useless):
            answer = call(world.server, wrong, "sts", "GetCallerIdentity")
            code = "InvalidSecurityToken.MismatchWithAccessKey"
            assert (answer.status, answer.json["Code"]) == (400, code)
        assert call(world.server, one, "sts", "GetCallerIdentity").status == 200


@pytest.mark.parametrize("seconds", [899, 3601])
def test_b30_durations(world: World, seconds: int) -> None:
    _, keys = world.user(MAY_ASSUME)
    role = world.role(TRUSTS_A)
    wanted = (400, "InvalidParameter.DurationSeconds")
    assert refusal(world, keys, role, DurationSeconds=seconds) == wanted
    world.ram("UpdateRole", RoleName=role, NewMaxSessionDuration=7200)
    assert assume(world, keys, role, DurationSeconds=7200)["Credentials"]["Expiration"]


def test_b31_not_with_root_keys(world: World) -> None:
    role = world.role(TRUSTS_A, READS)
    with pytest.raises(Refused, match="Roles may not be assumed by root accounts") as caught:
        assume(world, ROOT_A, role)
    assert (caught.value.status, caught.value.code) == (403, "NoPermission")


def test_b32_both_sides_have_to_allow(world: World) -> None:
    name, with_right = world.user(MAY_ASSUME)
    _, without_right = world.user(READS)
    trusted = world.role(TRUSTS_A)
    trusts_other = world.role(trust({"RAM": [f"acs:ram::{UID_A}:user/somebody"]}))
    trusts_one = world.role(trust({"RAM": [f"acs:ram::{UID_A}:user/{name}"]}))
    for keys, role in ((without_right, trusted), (with_right, trusts_other)):
        assert refusal(world, keys, role) == (403, "NoPermission")
    assert refusal(world, without_right, trusts_one) == (403, "NoPermission")
    for role in (trusted, trusts_one):
        assert keys_of(assume(world, with_right, role)).token
    assert refusal(world, with_right, "no-such-role") == (404, "EntityNotExist.Role")
    denied = trust({"RAM": [f"acs:ram::{UID_A}:root"]}, Effect="Deny")
    assert refusal(world, with_right, world.role(denied)) == (403, "NoPermission")
    _, forbidden = world.user(MAY_ASSUME, policy("sts:*", effect="Deny"))
    assert refusal(world, forbidden, trusted) == (403, "NoPermission")


def test_roles_of_another_account_are_assumed_with_both_sides(world: World) -> None:
    role = world.role(trust({"RAM": [f"acs:ram::{UID_B}:root"]}))
    b_root = world.client(Keys(KEY_B, SECRET_B))
    name = world.name("user-of-b")
    b_root("ram", "CreateUser", UserName=name)
    made = b_root("ram", "CreateAccessKey", UserName=name)["AccessKey"]
    keys = Keys(made["AccessKeyId"], made["AccessKeySecret"])
    assert refusal(world, keys, role) == (403, "NoPermission")
    attached = {"PolicyType": "System", "PolicyName": "AliyunSTSAssumeRoleAccess"}
    b_root("ram", "AttachPolicyToUser", UserName=name, **attached)
    answer = assume(world, keys, role)
    assert answer["AssumedRoleUser"]["Arn"] == f"acs:ram::{UID_A}:role/{role}/sess"


def test_b33_a_role_for_a_service_is_for_the_service_alone(world: World) -> None:
    _, keys = world.user(MAY_ASSUME)
    role = world.role(TRUSTS_OSS)
    assert refusal(world, keys, role) == (403, "NoPermission")


def test_b34_what_is_given_out(world: World) -> None:
    _, keys = world.user(MAY_ASSUME)
    role = world.role(TRUSTS_A)
    answer = assume(world, keys, role.upper())
    role_id = world.ram("GetRole", RoleName=role)["Role"]["RoleId"]
    assert answer["Credentials"]["AccessKeyId"].startswith("STS.")
    assert answer["Credentials"]["SecurityToken"].startswith("CAIS")
    assert answer["AssumedRoleUser"] == {
        "Arn": f"acs:ram::{UID_A}:role/{role}/sess",
        "AssumedRoleId": f"{role_id}:sess",
    }


def test_b35_tokens_end_with_their_time_and_with_their_role(world: World) -> None:
    _, keys = world.user(MAY_ASSUME)
    role = world.role(TRUSTS_A, READS)
    token = keys_of(assume(world, keys, role, DurationSeconds=900))
    bucket(world.server, token).put_object("b35", b"x")
    start = world.server.control("GET", "clock")
    world.server.advance(899)
    try:
        assert call_v1(world.server, token, "sts", "GetCallerIdentity").status == 200
        world.server.advance(1)
        answer = call_v1(world.server, token, "sts", "GetCallerIdentity")
        assert (answer.status, answer.json["Code"]) == (400, "InvalidSecurityToken.Expired")
        assert oss_refusal(world.server, token)[0] == "SecurityTokenExpired"
    finally:
        world.server.control("POST", "clock", {"set": start["now"]})

    token = keys_of(assume(world, keys, role))
    bucket(world.server, token).put_object("b35", b"x")
    for attached in world.ram("ListPoliciesForRole", RoleName=role)["Policies"]["Policy"]:
        world.ram(
            "DetachPolicyFromRole",
            RoleName=role,
            PolicyType="Custom",
            PolicyName=attached["PolicyName"],
        )
    world.ram("DeleteRole", RoleName=role)
    assert oss_refusal(world.server, token)[0] == "InvalidAccessKeyId"
    # a role that is made anew under the name does not give them back
    world.ram("CreateRole", RoleName=role, AssumeRolePolicyDocument=TRUSTS_A)
    assert oss_refusal(world.server, token)[0] == "InvalidAccessKeyId"
    answer = call_v1(world.server, token, "sts", "GetCallerIdentity")
    assert (answer.status, answer.json["Code"]) == (404, "InvalidAccessKeyId.NotFound")


def test_b36_a_session_policy_only_narrows(world: World) -> None:
    _, keys = world.user(MAY_ASSUME)
    role = world.role(TRUSTS_A, READS)
    narrow = policy("oss:GetObject")
    token = keys_of(assume(world, keys, role, Policy=narrow))
    bucket(world.server, keys_of(assume(world, keys, role))).put_object("b36", b"x")
    assert bucket(world.server, token).get_object("b36").read() == b"x"
    assert oss_refusal(world.server, token, "b36")[0] == "AccessDenied"
    wide = keys_of(assume(world, keys, role, Policy=policy("*")))
    bucket(world.server, wide).put_object("b36", b"y")
    with pytest.raises(oss2.exceptions.AccessDenied):
        bucket(world.server, wide).delete_object("b36")


def test_b37_a_session_policy_that_is_silent_denies(world: World) -> None:
    _, keys = world.user(MAY_ASSUME)
    role = world.role(TRUSTS_A, READS)
    token = keys_of(assume(world, keys, role, Policy=policy("oss:ListObjects")))
    assert oss_refusal(world.server, token) == ("AccessDenied", "0003-00000301")
    with pytest.raises(Refused, match="NoPermission"):
        world.client(token)("ram", "ListRoles")


def test_b38_detaching_takes_effect_at_once(world: World) -> None:
    _, keys = world.user(MAY_ASSUME)
    role = world.role(TRUSTS_A)
    token = keys_of(assume(world, keys, role))
    attached = {"RoleName": role, "PolicyType": "System", "PolicyName": "AliyunOSSFullAccess"}
    assert oss_refusal(world.server, token)[0] == "AccessDenied"
    world.ram("AttachPolicyToRole", **attached)
    bucket(world.server, token).put_object("b38", b"x")
    world.ram("DetachPolicyFromRole", **attached)
    assert oss_refusal(world.server, token)[0] == "AccessDenied"


def test_b39_who_am_i(world: World) -> None:
    name, keys = world.user()
    user_id = world.ram("GetUser", UserName=name)["User"]["UserId"]
    root = world.root("sts", "GetCallerIdentity")
    assert (root["IdentityType"], root["AccountId"]) == ("Account", UID_A)
    assert (root["UserId"], root["Arn"]) == (UID_A, f"acs:ram::{UID_A}:root")
    user = world.client(keys)("sts", "GetCallerIdentity")
    assert (user["IdentityType"], user["UserId"]) == ("RAMUser", user_id)
    assert user["Arn"] == f"acs:ram::{UID_A}:user/{name}"
    _, caller = world.user(MAY_ASSUME)
    role = world.role(TRUSTS_A)
    token = keys_of(assume(world, caller, role))
    mine = world.client(token)("sts", "GetCallerIdentity")
    assert mine["IdentityType"] == "AssumedRoleUser"
    assert mine["PrincipalId"] == f"{mine['RoleId']}:sess"
    assert mine["Arn"] == f"acs:ram::{UID_A}:assumed-role/{role}/sess"


def test_arguments(world: World) -> None:
    _, keys = world.user(MAY_ASSUME)
    role = world.role(TRUSTS_A)
    cases = [
        ({"RoleArn": "role"}, "InvalidParameter.RoleArn"),
        ({"RoleSessionName": "x"}, "InvalidParameter.RoleSessionName"),
        ({"RoleSessionName": "x" * 65}, "InvalidParameter.RoleSessionName"),
        ({"RoleSessionName": "a b"}, "InvalidParameter.RoleSessionName"),
        ({"Policy": "{"}, "InvalidParameter.PolicyGrammar"),
        ({"Policy": policy("oss:*", resource="x" * 2048)}, "InvalidParameter.PolicySize"),
        ({"ExternalId": "x"}, "InvalidParameter.ExternalId"),
    ]
    for more, code in cases:
        assert refusal(world, keys, role, **more) == (400, code)


def test_trust_conditions(world: World) -> None:
    _, keys = world.user(MAY_ASSUME)
    principal = {"RAM": [f"acs:ram::{UID_A}:root"]}
    external = {"StringEquals": {"sts:ExternalId": "secret-1"}}
    role = world.role(trust(principal, Condition=external))
    assert refusal(world, keys, role) == (403, "NoPermission")
    assert refusal(world, keys, role, ExternalId="secret-2") == (403, "NoPermission")
    assert keys_of(assume(world, keys, role, ExternalId="secret-1")).token
    elsewhere = {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}
    assert refusal(world, keys, world.role(trust(principal, Condition=elsewhere)))[0] == 403


def test_a_source_identity_takes_a_right_of_its_own(world: World) -> None:
    principal = {"RAM": [f"acs:ram::{UID_A}:root"]}
    both = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    _, plain = world.user(MAY_ASSUME)
    _, setting = world.user(policy(*both))
    role, closed = world.role(trust(principal, Action=both)), world.role(TRUSTS_A)
    assert refusal(world, plain, role, SourceIdentity="alice") == (403, "NoPermission")
    assert refusal(world, setting, closed, SourceIdentity="alice") == (403, "NoPermission")
    assert assume(world, setting, role, SourceIdentity="alice")["SourceIdentity"] == "alice"


def test_a_role_may_take_on_a_role(world: World) -> None:
    _, keys = world.user(MAY_ASSUME)
    first = world.role(TRUSTS_A, MAY_ASSUME)
    second = world.role(trust({"RAM": [arn(first)]}))
    assert refusal(world, keys, second) == (403, "NoPermission")
    token = keys_of(assume(world, keys, first))
    answer = assume(world, token, second)
    assert answer["AssumedRoleUser"]["Arn"] == f"{arn(second)}/sess"
    # the audit log names what decided
    audit = world.server.control("GET", "audit?action=sts:AssumeRole&decision=deny&limit=1")
    assert audit["entries"][0]["resource"] == arn(second)
