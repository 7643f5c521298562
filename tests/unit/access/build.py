"""Short ways to write policies, principals and checks in tests."""

from __future__ import annotations

import json
from collections.abc import Mapping

from emulator.access.decision import AccessCheck, Acl, BucketFacts, OperationClass
from emulator.access.identity import Principal, Role, User, user_principal
from emulator.access.policy.document import parse_policy
from emulator.access.policy.records import NamedPolicy, PolicyKind
from emulator.access.trust import role_principal

OWNER = "1000"
OTHER = "2000"

Json = dict[str, object]

TRUSTS_OSS: Json = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"Service": ["oss.aliyuncs.com"]},
}


def document(*statements: Json) -> str:
    """A policy document."""
    return json.dumps({"Version": "1", "Statement": list(statements)})


def allow(action: object, resource: object = "*", **more: object) -> Json:
    """An Allow statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: object, resource: object = "*", **more: object) -> Json:
    """A Deny statement."""
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def named(kind: PolicyKind, *statements: Json, name: str = "p") -> NamedPolicy:
    """A parsed policy under a name."""
    return NamedPolicy(name, parse_policy(document(*statements), kind))


def ram(*statements: Json, name: str = "p") -> NamedPolicy:
    """A parsed RAM policy."""
    return named(PolicyKind.RAM, *statements, name=name)


def bucket_policy(*statements: Json, name: str = "b") -> NamedPolicy:
    """A parsed bucket policy."""
    return named(PolicyKind.BUCKET, *statements, name=name)


def session_policy(*statements: Json) -> NamedPolicy:
    """A parsed session policy."""
    return named(PolicyKind.SESSION, *statements, name="sess")


def trust(*statements: Json) -> NamedPolicy:
    """A parsed trust policy."""
    return named(PolicyKind.TRUST, *statements, name="role")


def a_user(*policies: NamedPolicy, account_uid: str = OWNER) -> Principal:
    """A RAM user."""
    user = User(account_uid=account_uid, name="alice", user_id=f"{account_uid}77")
    return user_principal(user, policies)


def a_role(
    *policies: NamedPolicy,
    account_uid: str = OWNER,
    name: str = "SyncRole",
    narrowed: NamedPolicy | None = None,
) -> Principal:
    """A role in a session."""
    role = Role(
        account_uid=account_uid, name=name, role_id="300", trust_policy=document(TRUSTS_OSS)
    )
    return role_principal(role, policies, "sess", session_policy=narrowed)


def facts(
    *statements: Json, owner_uid: str = OWNER, acl: Acl = Acl.PRIVATE, blocked: bool = False
) -> BucketFacts:
    """The facts of bucket ``b``."""
    policy = bucket_policy(*statements) if statements else None
    return BucketFacts(owner_uid=owner_uid, acl=acl, policy=policy, public_blocked=blocked)


_RESOURCE_OF = {
    OperationClass.DATA_READ: ("oss:GetObject", "b/k"),
    OperationClass.DATA_WRITE: ("oss:PutObject", "b/k"),
    OperationClass.LIST: ("oss:ListObjects", "b"),
    OperationClass.MANAGEMENT: ("oss:GetBucketInfo", "b"),
}


def check(
    operation: OperationClass,
    bucket: BucketFacts | None = None,
    *,
    object_acl: Acl | None = None,
    context: Mapping[str, tuple[str, ...]] | None = None,
    batch: bool = False,
) -> AccessCheck:
    """The usual check of an operation class on bucket ``b`` or object ``b/k``."""
    bucket = bucket or facts()
    action, relative = _RESOURCE_OF[operation]
    return AccessCheck(
        action=action,
        resource=f"acs:oss:*:{bucket.owner_uid}:{relative}",
        operation=operation,
        bucket=bucket,
        object_acl=object_acl,
        context=context or {},
        batch=batch,
    )
