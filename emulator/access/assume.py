"""May this principal take on this role? Both sides have to allow. Pure.

The caller's own policies have to allow sts:AssumeRole on the role, and the role's trust policy has
to mean the caller; an explicit Deny on either side ends it (STS AssumeRole; documented).
"""

from __future__ import annotations

import msgspec

from emulator.access.authorise import authorise, policy_request
from emulator.access.decision import AccessCheck, Decision, OperationClass
from emulator.access.identity import Principal, PrincipalKind, Role
from emulator.access.policy.conditions import Context
from emulator.access.policy.evaluate import Outcome
from emulator.access.policy.near import NearMiss, near_miss
from emulator.access.policy.records import NamedPolicy, StatementRef
from emulator.access.trust import (
    ASSUME_ROLE,
    SET_SOURCE_IDENTITY,
    may_assume,
    nearly_trusted,
)

_REFUSED = "You are not authorized to do this action."


class AssumeVerdict(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Whether a role may be taken on, what decided, and the action that it was decided for.

    ``decision`` is the denial of the caller's own policies; None where the trust policy or the
    kind of caller decided. ``near`` is the statement that would have allowed it but for one
    part, for the audit log alone: the role may be another account's.
    """

    allowed: bool
    reason: str
    action: str = ASSUME_ROLE
    statement: StatementRef | None = None
    decision: Decision | None = None
    near: NearMiss | None = None


def judge_assume(
    principal: Principal, role: Role, trust: NamedPolicy, context: Context, *, sets_source: bool
) -> AssumeVerdict:
    """May the principal take on the role?

    ``sets_source``: the call also says who is behind it, which takes a right of its own on both
    sides (STS AssumeRole, SourceIdentity; documented for the trust policy).
    """
    if principal.kind is PrincipalKind.ROOT:
        reason = "Roles may not be assumed by root accounts."
        return AssumeVerdict(allowed=False, reason=reason)
    statement = None
    for action in (ASSUME_ROLE, SET_SOURCE_IDENTITY) if sets_source else (ASSUME_ROLE,):
        check = AccessCheck(
            action=action,
            resource=role.arn,
            operation=OperationClass.MANAGEMENT,
            bucket=None,
            context=context,
        )
        decision = authorise(principal, check)
        if not decision.allowed:
            return AssumeVerdict(
                allowed=False,
                reason=f"{_REFUSED} You should be authorized by RAM.",
                action=action,
                statement=decision.statement,
                decision=decision,
                near=None if decision.statement else _nearly_allowed(principal, check),
            )
        name = _trusted_name(principal)
        trusted = may_assume(trust, name, context, action=action)
        statement = trusted.statement
        if trusted.effect is not Outcome.ALLOW:
            return AssumeVerdict(
                allowed=False,
                reason=f"{_REFUSED} The trust policy of the role {role.name} does not allow it.",
                action=action,
                statement=statement,
                near=None if statement else nearly_trusted(trust, name, context, action=action),
            )
    return AssumeVerdict(
        allowed=True,
        reason="the caller's policies and the trust policy allow it",
        statement=statement,
    )


def _nearly_allowed(principal: Principal, check: AccessCheck) -> NearMiss | None:
    """The statement of the caller's own policies that would have allowed the call."""
    session = principal.session_policy
    policies = principal.identity_policies if session is None else (session,)
    return near_miss(policies, policy_request(principal, check), "the call")


def _trusted_name(principal: Principal) -> str:
    """How a trust policy names a user or a role."""
    return f"acs:ram::{principal.account_uid}:{principal.kind.value}/{principal.name}"
