"""How a denial is put to the client: EC number, message and AccessDeniedDetail.

The numbers and texts are OSS's (OSS, 403 errors and EC pages; documented); which text goes with
an implicit deny of a RAM identity, and with a foreign bucket, is inferred.
"""

from __future__ import annotations

from emulator.access.decision import AccessCheck, Decision, DecisionReason, OperationClass
from emulator.access.identity import Principal, PrincipalKind
from emulator.access.policy.evaluate import Evaluation, Outcome

EC_ACL = "0003-00000001"
EC_READ_ACL = "0003-00000007"
EC_BUCKET_POLICY = "0003-00000101"
EC_IDENTITY_POLICY = "0003-00000201"
EC_NO_ALLOW = "0003-00000202"
EC_BOTH_POLICIES = "0003-00000203"
EC_BATCH = "0003-00000204"
EC_SESSION_POLICY = "0003-00000301"
EC_NOT_OWNER = "0003-00000905"

_ACL_TEXT = "You have no right to access this object because of bucket acl."
_READ_ACL_TEXT = "You have no right to access this object."
_POLICY_TEXT = "Access denied by bucket policy."  # said of RAM policies too
_SESSION_TEXT = "Access denied by authorizer's policy."
_ANONYMOUS_MANAGEMENT_TEXT = "Anonymous access is forbidden for this operation."
_ANONYMOUS_LIST_TEXT = "Anonymous user has no right to access this bucket."
_LIST_BUCKETS_TEXT = "You are forbidden to list buckets."
_NOT_OWNER_TEXT = "The bucket you access does not belong to you."
_PLAIN_TEXT = "AccessDenied"

_READ_ACL_ACTIONS = frozenset({"oss:getobjectacl", "oss:getobjectversionacl", "oss:getbucketacl"})

_IDENTITY_POLICY_TYPE = "AccountLevelIdentityBasedPolicy"
_SESSION_POLICY_TYPE = "SessionPolicy"

_PRINCIPAL_TYPES = {
    PrincipalKind.USER: "SubUser",
    PrincipalKind.ROLE: "AssumedRoleUser",
}


def session_denial(principal: Principal, check: AccessCheck, said: Evaluation) -> Decision:
    """The session policy denies, or does not allow."""
    return Decision(
        allowed=False,
        reason=DecisionReason.SESSION_POLICY,
        statement=said.statement,
        ec=EC_SESSION_POLICY,
        message=_SESSION_TEXT,
        denied_detail=_detail(principal, check, _SESSION_POLICY_TYPE, said.effect),
    )


def explicit_denial(
    principal: Principal, check: AccessCheck, identity: Evaluation, bucket: Evaluation
) -> Decision:
    """At least one of the two evaluations is an explicit deny."""
    if bucket.effect is not Outcome.EXPLICIT_DENY:
        reason, ec, statement = (
            DecisionReason.IDENTITY_POLICY_DENY,
            EC_IDENTITY_POLICY,
            identity.statement,
        )
    elif identity.effect is not Outcome.EXPLICIT_DENY:
        reason, ec, statement = (
            DecisionReason.BUCKET_POLICY_DENY,
            EC_BUCKET_POLICY,
            bucket.statement,
        )
    else:
        reason, ec, statement = (
            DecisionReason.BOTH_POLICIES_DENY,
            EC_BOTH_POLICIES,
            identity.statement,
        )
    by_identity = reason is not DecisionReason.BUCKET_POLICY_DENY
    return Decision(
        allowed=False,
        reason=reason,
        statement=statement,
        ec=EC_BATCH if check.batch else ec,
        message=_POLICY_TEXT,
        denied_detail=_detail(principal, check, _IDENTITY_POLICY_TYPE, Outcome.EXPLICIT_DENY)
        if by_identity
        else {},
    )


def implicit_denial(principal: Principal, check: AccessCheck) -> Decision:
    """Nothing allows, and nothing denies in so many words."""
    if principal.kind is PrincipalKind.ANONYMOUS:
        reason = DecisionReason.ANONYMOUS
    elif check.bucket is None or check.bucket.owner_uid == principal.account_uid:
        reason = DecisionReason.NO_ALLOW
    else:
        reason = DecisionReason.NOT_OWNER
    ec, message = _implicit_text(reason, check)
    detail = {}
    if reason is DecisionReason.NO_ALLOW:
        detail = _detail(principal, check, _IDENTITY_POLICY_TYPE, Outcome.IMPLICIT_DENY)
    return Decision(allowed=False, reason=reason, ec=ec, message=message, denied_detail=detail)


def _implicit_text(reason: DecisionReason, check: AccessCheck) -> tuple[str, str]:
    """EC number and message of an implicit denial."""
    management = check.operation is OperationClass.MANAGEMENT
    if management and check.action.lower() in _READ_ACL_ACTIONS:
        return EC_READ_ACL, _READ_ACL_TEXT
    if reason is DecisionReason.NO_ALLOW:
        if not management:
            return EC_NO_ALLOW, _ACL_TEXT
        listing = check.action.lower() == "oss:listbuckets"
        return EC_NO_ALLOW, _LIST_BUCKETS_TEXT if listing else _PLAIN_TEXT
    if reason is DecisionReason.ANONYMOUS:
        if management:
            return "", _ANONYMOUS_MANAGEMENT_TEXT
        if check.operation is OperationClass.LIST:
            return EC_ACL, _ANONYMOUS_LIST_TEXT
    elif management:
        return EC_NOT_OWNER, _NOT_OWNER_TEXT
    return EC_ACL, _ACL_TEXT


def _detail(
    principal: Principal, check: AccessCheck, policy_type: str, effect: Outcome
) -> dict[str, str]:
    """The children of AccessDeniedDetail but its encoded message.

    Only users and roles have policies of their own to be refused by.
    """
    return {
        "PolicyType": policy_type,
        "AuthPrincipalOwnerId": principal.account_uid,
        "AuthPrincipalType": _PRINCIPAL_TYPES[principal.kind],
        "AuthPrincipalDisplayName": principal.principal_id,
        "NoPermissionType": effect.value,
        "AuthAction": check.action,
    }
