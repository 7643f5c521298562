"""Evaluation: policies and a request in, an effect and the statement that decided out. Pure.

One matching Deny anywhere wins over every Allow; without a matching statement the answer is an
implicit deny (RAM, Policy evaluation; documented).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from emulator.access.policy.conditions import EMPTY_CONTEXT, ContextReader
from emulator.access.policy.match import split_resource
from emulator.access.policy.public import grants_public
from emulator.access.policy.records import (
    NO_ONE,
    Caller,
    NamedPolicy,
    Statement,
    StatementRef,
    statement_ref,
)


class Outcome(enum.Enum):
    """What policies say to a request."""

    ALLOW = "Allow"
    EXPLICIT_DENY = "ExplicitDeny"
    IMPLICIT_DENY = "ImplicitDeny"


class Evaluation(msgspec.Struct, frozen=True, gc=False):
    """An outcome with the statement that decided, None where none matched."""

    effect: Outcome
    statement: StatementRef | None = None


class PolicyRequest(msgspec.Struct, frozen=True, gc=False):
    """What is asked of policies.

    ``owner`` says that the caller is the bucket owner; ``public_blocked`` that grants to the
    public count for nothing (OSS Block Public Access; documented).
    """

    action: str
    resource: str
    context: ContextReader = EMPTY_CONTEXT
    caller: Caller = NO_ONE
    owner: bool = False
    public_blocked: bool = False


IMPLICIT_DENY = Evaluation(Outcome.IMPLICIT_DENY)


def evaluate(policies: Sequence[NamedPolicy], request: PolicyRequest) -> Evaluation:
    """Decide ``request``. Raises ValueError if its resource is no resource name."""
    action = request.action.lower()
    scope, relative = split_resource(request.resource)
    for named in policies:
        for statement in named.policy.denies:
            if _matches(statement, request, action, scope, relative):
                return Evaluation(Outcome.EXPLICIT_DENY, statement_ref(named, statement))
    for named in policies:
        for statement in named.policy.allows:
            if _matches(statement, request, action, scope, relative):
                return Evaluation(Outcome.ALLOW, statement_ref(named, statement))
    return IMPLICIT_DENY


def principal_matches(statement: Statement, request: PolicyRequest) -> bool:
    """Whether the statement means the caller at all."""
    principals = statement.principals
    if principals is None:
        return True
    if request.public_blocked and grants_public(statement):
        return False
    return principals.reach(
        request.caller, owner=request.owner, conditional=bool(statement.conditions)
    )


def _matches(
    statement: Statement, request: PolicyRequest, action: str, scope: str, relative: str
) -> bool:
    if statement.actions.matches(action) is statement.not_action:
        return False
    if statement.resources.matches(scope, relative) is statement.not_resource:
        return False
    if statement.principals is not None and not principal_matches(statement, request):
        return False
    return not statement.conditions or all(
        condition.holds(request.context) for condition in statement.conditions
    )
