"""What OSS says of a denial, read with RAM, and the source identity of sessions in conditions."""

from __future__ import annotations

import json
from typing import Any

import oss2
import pytest
from lxml import etree

from tests.services.conftest import World, policy, trust
from tests.support.clients import bucket_of
from tests.support.process import UID_A
from tests.support.rpc import Keys, Refused

TRUSTS_A = {"RAM": [f"acs:ram::{UID_A}:root"]}
SETS_SOURCE = ["sts:AssumeRole", "sts:SetSourceIdentity"]
IS_ALICE = {"StringEquals": {"acs:SourceIdentity": "alice"}}


def own_bucket(world: World) -> oss2.Bucket:
    """A new bucket of account A, used by the account itself."""
    bucket = bucket_of(world.server, world.name("shown"))
    bucket.create_bucket()
    return bucket


def as_client(world: World, bucket: oss2.Bucket, keys: Keys) -> oss2.Bucket:
    """The bucket used with other keys."""
    auth = oss2.StsAuth(keys.key_id, keys.secret, keys.token) if keys.token else None
    auth = auth or oss2.Auth(keys.key_id, keys.secret)
    return oss2.Bucket(auth, world.server.endpoint, bucket.bucket_name, session=bucket.session)


def denial(bucket: oss2.Bucket, key: str = "k") -> dict[str, str]:
    """The AccessDeniedDetail of a PutObject that has to be refused."""
    with pytest.raises(oss2.exceptions.AccessDenied) as caught:
        bucket.put_object(key, b"x", headers={"User-Agent": "é" * 500})
    detail = etree.fromstring(caught.value.body).find("AccessDeniedDetail")
    return {} if detail is None else {child.tag: child.text or "" for child in detail}


def decoded(world: World, detail: dict[str, str]) -> dict[str, Any]:
    """What RAM reads out of a denial."""
    text = detail["EncodedDiagnosticMessage"]
    answer = world.ram("DecodeDiagnosticMessage", EncodedDiagnosticMessage=text)
    return dict(answer["DecodedDiagnosticMessage"])


@pytest.mark.parametrize(
    ("document", "kind", "statements"),
    [
        (policy("oss:PutObject", effect="Deny", Sid="NoWrites"), "ExplicitDeny", 1),
        (policy("oss:GetObject"), "ImplicitDeny", 0),
    ],
    ids=["explicit", "implicit"],
)
def test_a_denial_of_oss_can_be_decoded(
    world: World, document: str, kind: str, statements: int
) -> None:
    bucket = own_bucket(world)
    _, keys = world.user(document)
    detail = denial(as_client(world, bucket, keys))
    assert list(detail) == [
        "PolicyType",
        "AuthPrincipalOwnerId",
        "AuthPrincipalType",
        "AuthPrincipalDisplayName",
        "NoPermissionType",
        "AuthAction",
        "EncodedDiagnosticMessage",
    ]
    assert detail["NoPermissionType"] == kind
    said = decoded(world, detail)
    name = f"acs:oss:oss-cn-hangzhou:{UID_A}:{bucket.bucket_name}/k"
    assert (said["AuthAction"], said["AuthResource"]) == ("oss:PutObject", name)
    assert said["ExplicitDeny"] is (kind == "ExplicitDeny")
    assert len(said["MatchedPolicies"]) == statements
    conditions = {each["ConditionKey"]: each["ConditionValues"] for each in said["AuthConditions"]}
    assert conditions["acs:AccessId"] == [keys.key_id]
    assert len(conditions["acs:UserAgent"][0]) <= 256


def session(world: World, role: str, source: str = "") -> Keys:
    """A session of a role by a user, with a source identity if one is given."""
    _, keys = world.user(policy(*SETS_SOURCE))
    asked = {"RoleArn": f"acs:ram::{UID_A}:role/{role}", "RoleSessionName": "sess"}
    if source:
        asked["SourceIdentity"] = source
    made = world.client(keys)("sts", "AssumeRole", **asked)["Credentials"]
    return Keys(made["AccessKeyId"], made["AccessKeySecret"], made["SecurityToken"])


def test_a_role_policy_asks_for_the_source_identity(world: World) -> None:
    bucket = own_bucket(world)
    rights = policy("oss:PutObject", "ram:ListUsers", Condition=IS_ALICE)
    role = world.role(trust(TRUSTS_A, Action=SETS_SOURCE), rights)
    alice = session(world, role, "alice")
    as_client(world, bucket, alice).put_object("k", b"x")
    assert "Users" in world.client(alice)("ram", "ListUsers")
    for other in (session(world, role, "bob"), session(world, role)):
        said = decoded(world, denial(as_client(world, bucket, other)))
        keys = {each["ConditionKey"]: each["ConditionValues"] for each in said["AuthConditions"]}
        assert keys.get("acs:SourceIdentity") in (["bob"], None)
        with pytest.raises(Refused, match="NoPermission"):
            world.client(other)("ram", "ListUsers")


def test_a_bucket_policy_asks_for_the_source_identity(world: World) -> None:
    bucket = own_bucket(world)
    role = world.role(trust(TRUSTS_A, Action=SETS_SOURCE), policy("oss:GetObject"))
    statement = {
        "Effect": "Allow",
        "Action": ["oss:PutObject"],
        "Principal": [f"arn:sts::{UID_A}:assumed-role/{role.lower()}/*"],
        "Resource": [f"acs:oss:*:{UID_A}:{bucket.bucket_name}/*"],
        "Condition": IS_ALICE,
    }
    bucket.put_bucket_policy(json.dumps({"Version": "1", "Statement": [statement]}))
    as_client(world, bucket, session(world, role, "alice")).put_object("k", b"x")
    assert denial(as_client(world, bucket, session(world, role)))["NoPermissionType"]
