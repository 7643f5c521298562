"""Roles: who may take them on, and who one is then."""

from __future__ import annotations

import msgspec

from emulator.access.identity import Principal, PrincipalKind, Role
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.conditions import EMPTY_CONTEXT, Context
from emulator.access.policy.evaluate import IMPLICIT_DENY, Evaluation, PolicyRequest, evaluate
from emulator.access.policy.near import NearMiss, near_miss
from emulator.access.policy.principals import ram_name
from emulator.access.policy.records import Caller, NamedPolicy, PolicyKind

ASSUME_ROLE = "sts:AssumeRole"
SET_SOURCE_IDENTITY = "sts:SetSourceIdentity"

# A trust policy has no Resource: it stands on its role, whatever that is called.
_ITS_ROLE = "acs:ram:*:*:role"


class ServicePrincipal(msgspec.Struct, frozen=True, gc=False):
    """A cloud service by its host name."""

    name: str


OSS_SERVICE = ServicePrincipal("oss.aliyuncs.com")


def trust_policy(role: Role, cache: PolicyCache) -> NamedPolicy:
    """The role's trust policy, parsed. Raises PolicyError."""
    return NamedPolicy(role.name, cache.get(PolicyKind.TRUST, role.trust_policy))


def may_assume(
    trust: NamedPolicy,
    who: ServicePrincipal | str,
    context: Context = EMPTY_CONTEXT,
    *,
    action: str = ASSUME_ROLE,
) -> Evaluation:
    """What a trust policy says to a service or an ``acs:ram::`` identity that takes on its role.

    ``action`` is sts:AssumeRole unless another right on the role is asked for.
    ``acs:ram::{uid}:root`` as a principal means the account's users and roles, never the account
    itself: roles may not be assumed by root accounts (STS AssumeRole; documented). The identity's
    own policies have to allow the call as well; that is for the caller to ask.
    """
    caller = trusted_caller(who)
    if caller is None:
        return IMPLICIT_DENY
    return evaluate((trust,), trust_request(caller, context, action))


def trusted_caller(who: ServicePrincipal | str) -> Caller | None:
    """How a trust policy names a service or an identity; None for an account itself."""
    if isinstance(who, ServicePrincipal):
        return Caller(service=who.name)
    account, _, identity = who.rpartition(":")
    if identity == "root":
        return None
    return Caller(names=(ram_name(who), f"{account}:root"))


def trust_request(
    caller: Caller, context: Context = EMPTY_CONTEXT, action: str = ASSUME_ROLE
) -> PolicyRequest:
    """What is asked of a trust policy."""
    return PolicyRequest(action, _ITS_ROLE, context, caller)


def nearly_trusted(
    trust: NamedPolicy,
    who: ServicePrincipal | str,
    context: Context = EMPTY_CONTEXT,
    *,
    action: str = ASSUME_ROLE,
) -> NearMiss | None:
    """The statement of a trust policy that would have let a refused one in but for one part."""
    caller = trusted_caller(who)
    if caller is None:
        return None
    name = "OSS" if who == OSS_SERVICE else "the call"
    return near_miss((trust,), trust_request(caller, context, action), name)


def assumed_role_arn(account_uid: str, role_name: str, session_name: str) -> str:
    """How a bucket policy names a role: lower-cased, with its session.

    (OSS, replication across accounts, bucket policy of the destination; documented.)
    """
    return f"arn:sts::{account_uid}:assumed-role/{role_name.lower()}/{session_name}"


def role_principal(
    role: Role,
    policies: tuple[NamedPolicy, ...],
    session_name: str,
    *,
    session_policy: NamedPolicy | None = None,
    access_key_id: str = "",
    source_identity: str = "",
) -> Principal:
    """The role as taken on in a session.

    A bucket policy means it by its ``arn:sts::`` name and by its account's uid (the latter
    inferred from the account standing for all its identities).
    """
    uid = role.account_uid
    return Principal(
        kind=PrincipalKind.ROLE,
        account_uid=uid,
        name=role.name,
        session_name=session_name,
        principal_id=f"{role.role_id}:{session_name}",
        arn=f"acs:ram::{uid}:assumed-role/{role.name}/{session_name}",
        identity_policies=policies,
        session_policy=session_policy,
        access_key_id=access_key_id,
        source_identity=source_identity,
        caller=Caller(names=(uid,), role=assumed_role_arn(uid, role.name, session_name)),
    )
