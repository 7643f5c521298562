"""The simulator's answer to who may take a role on: a user, a role, or a cloud service."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from emulator.access.assume import judge_assume
from emulator.access.authorise import policy_request
from emulator.access.decision import AccessCheck, OperationClass
from emulator.access.identity import Principal, PrincipalKind, Role
from emulator.access.identity_store import IdentityStore
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.conditions import Context
from emulator.access.policy.evaluate import Outcome
from emulator.access.policy.faults import PolicyError
from emulator.access.policy.near import NearMiss
from emulator.access.policy.records import NamedPolicy, PolicyKind, StatementRef
from emulator.access.policy.trace import StatementTrace, trace
from emulator.access.replication_rights import service_context
from emulator.access.simulate_context import given, request_context
from emulator.access.simulate_question import (
    Question,
    SimulationError,
    find_principal,
    gather_policies,
)
from emulator.access.simulate_records import Simulation, deciding, shown
from emulator.access.trust import (
    ASSUME_ROLE,
    ServicePrincipal,
    may_assume,
    nearly_trusted,
    trust_policy,
    trust_request,
    trusted_caller,
)

_ROLE = re.compile(r"acs:ram:[^:]*:([0-9]+):role/([^/*?]+)")
_SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about somebody; ``traces`` are of every policy that was asked."""

    principal: str
    account: str
    allowed: bool
    reason: str
    statement: StatementRef | None
    near: NearMiss | None
    traces: tuple[StatementTrace, ...]
    context: Context
    documents: Mapping[tuple[PolicyKind, str], str]


def asks_to_assume(question: Question) -> bool:
    """Whether a question is about a role's trust policy."""
    is_assume = question.action.lower() == ASSUME_ROLE.lower()
    return is_assume and _ROLE.fullmatch(question.resource) is not None


def simulate_assume(
    identities: IdentityStore, cache: PolicyCache, question: Question, now: str
) -> Simulation:
    """Answer a question that ``asks_to_assume``. Raises SimulationError."""
    found = _ROLE.fullmatch(question.resource)
    role = None if found is None else identities.role(found[1], found[2])
    if role is None:
        raise SimulationError("resource", f"there is no role {question.resource!r}")
    if question.bucket_policy is not None:
        raise SimulationError("bucket_policy", "the resource is in no bucket")
    try:
        trust = trust_policy(role, cache)
    except PolicyError as error:
        message = f"the trust policy of {role.name} cannot be read: {error}"
        raise SimulationError("resource", message) from error
    if _SERVICE.fullmatch(question.principal):
        said = _service(question, role, trust, now)
    else:
        principal = find_principal(identities, cache, question.principal)
        said = _identity(identities, cache, question, principal, role, trust, now)
    return Simulation(
        decision="Allow" if said.allowed else "Deny",
        reason=said.reason if said.near is None else f"{said.reason}; {said.near.describe()}",
        code="" if said.allowed else "NoPermission",
        ec="",
        message="" if said.allowed else said.reason,
        detail={},
        missing="" if said.allowed else f"{ASSUME_ROLE} on {role.arn}",
        remedy="",
        principal=said.principal,
        account=said.account,
        action=ASSUME_ROLE,
        resource=role.arn,
        context=dict(said.context),
        statement=deciding(said.statement, said.documents),
        considered=[shown(each) for each in said.traces],
        notes=[],
    )


def _service(question: Question, role: Role, trust: NamedPolicy, now: str) -> _Said:
    if question.policies or question.session_policy is not None:
        raise SimulationError("policies", "a service has no policies")
    who = ServicePrincipal(question.principal)
    context = given(question, dict(service_context(now)))
    evaluation = may_assume(trust, who, context)
    allowed = evaluation.effect is Outcome.ALLOW
    verb = "allows" if allowed else "does not allow"
    return _Said(
        principal=who.name,
        account="",
        allowed=allowed,
        reason=f"the trust policy of the role {role.name} {verb} it",
        statement=evaluation.statement,
        near=None if evaluation.statement else nearly_trusted(trust, who, context),
        traces=_traced(trust, who, context),
        context=context,
        documents={(PolicyKind.TRUST, trust.name): role.trust_policy},
    )


def _identity(  # noqa: PLR0913 - everything that decides
    identities: IdentityStore,
    cache: PolicyCache,
    question: Question,
    principal: Principal,
    role: Role,
    trust: NamedPolicy,
    now: str,
) -> _Said:
    policies = gather_policies(identities, cache, question, principal, None)
    principal = msgspec.structs.replace(
        principal, identity_policies=policies.identity, session_policy=policies.session
    )
    context = given(question, request_context(principal, None, None, now))
    if principal.kind is PrincipalKind.ANONYMOUS:
        raise SimulationError("principal", "anonymous callers assume no roles")
    verdict = judge_assume(principal, role, trust, context, sets_source=False)
    check = AccessCheck(
        action=ASSUME_ROLE,
        resource=role.arn,
        operation=OperationClass.MANAGEMENT,
        bucket=None,
        context=context,
    )
    name = f"acs:ram::{principal.account_uid}:{principal.kind.value}/{principal.name}"
    traces = trace(policies.in_order, policy_request(principal, check))
    if principal.kind is not PrincipalKind.ROOT:
        traces += _traced(trust, name, context)
    return _Said(
        principal=principal.arn or principal.kind.value,
        account=principal.account_uid,
        allowed=verdict.allowed,
        reason=verdict.reason,
        statement=verdict.statement,
        near=verdict.near,
        traces=traces,
        context=context,
        documents={**policies.documents, (PolicyKind.TRUST, trust.name): role.trust_policy},
    )


def _traced(
    trust: NamedPolicy, who: ServicePrincipal | str, context: Context
) -> tuple[StatementTrace, ...]:
    caller = trusted_caller(who)
    return () if caller is None else trace((trust,), trust_request(caller, context))
