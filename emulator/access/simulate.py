"""The policy simulator: what would be decided, which statement decides, and why others do not.

Nothing is done and nothing recorded. The question may add policies to those that are stored, or
put others in their place, so that a change can be tried before it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from emulator.access.authorise import authorise, policy_request
from emulator.access.decision import AccessCheck, BucketFacts
from emulator.access.identity import Principal, PrincipalKind
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.conditions import Context
from emulator.access.policy.evaluate import PolicyRequest
from emulator.access.policy.records import StatementRef
from emulator.access.policy.trace import StatementTrace, trace
from emulator.access.replication_rights import (
    BucketEnd,
    OwnBucketPolicies,
    prepare_right,
    service_context,
)
from emulator.access.simulate_assume import asks_to_assume, simulate_assume
from emulator.access.simulate_context import given, request_context
from emulator.access.simulate_question import (
    Place,
    Policies,
    Question,
    SimulationError,
    check_action,
    find_principal,
    gather_policies,
    read_place,
)
from emulator.access.simulate_records import (
    SimulatedBucket,
    SimulatedEntry,
    Simulation,
    SimulationWorld,
    deciding,
    shown,
)

__all__ = [
    "Question",
    "SimulatedBucket",
    "SimulatedEntry",
    "Simulation",
    "SimulationError",
    "SimulationWorld",
    "simulate",
]

_REPLICATION = "oss:replicate"
_CREATES = "oss:putbucket"
_DENIED = "AccessDenied"
_OTHER_SERVICE = "Only the caller's own policies are asked: key policies are not."
_ROOT_NOTE = "The account itself has no RAM policies: only bucket policies can say no to it."
_FOREIGN_NOTE = "The bucket belongs to another account: an Allow of a RAM policy does not reach it."
_REPLICATION_NOTE = (
    "Decided as for a sync role: bucket policies of its own account are not asked, a bucket of "
    "another account needs an Allow of that bucket's policy."
)


class _Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What either way of deciding comes to."""

    allowed: bool
    reason: str
    statement: StatementRef | None
    traces: Sequence[StatementTrace]
    ec: str = ""
    message: str = ""
    detail: Mapping[str, str] = {}
    remedy: str = ""


def simulate(
    world: SimulationWorld, cache: PolicyCache, question: Question, now: str
) -> Simulation:
    """Answer a question at ``now``, an ISO 8601 time. Raises SimulationError."""
    if asks_to_assume(question):
        return simulate_assume(world.identities, cache, question, now)
    principal = find_principal(world.identities, cache, question.principal)
    action = check_action(question.action)
    place = read_place(question, principal.account_uid)
    bucket = _bucket_of(world, place, action)
    stored = None if bucket is None else (bucket.name, bucket.policy)
    policies = gather_policies(world.identities, cache, question, principal, stored)
    principal = msgspec.structs.replace(
        principal, identity_policies=policies.identity, session_policy=policies.session
    )
    if bucket is not None:
        place = place.in_bucket(bucket.owner_uid, bucket.location)
    elif not place.owner:
        place = place.in_bucket(principal.account_uid, "*")
    entry = None
    if bucket is not None and place.key:
        entry = world.entry(bucket.name, place.key, question.version_id)
    is_sync = (
        bucket is not None
        and principal.kind is PrincipalKind.ROLE
        and action.lower().startswith(_REPLICATION)
    )
    has = dict(service_context(now)) if is_sync else request_context(principal, bucket, entry, now)
    context = given(question, has)
    if is_sync and bucket is not None:
        said = _as_sync_role(world, principal, action, place, bucket, policies, context)
    else:
        check = AccessCheck(
            action=action,
            resource=place.resource,
            operation=world.operation_class(action),
            bucket=None if bucket is None else _facts(bucket, policies),
            object_acl=None if entry is None else entry.acl,
            context=context,
        )
        said = _as_request(principal, check, policies)
    return Simulation(
        decision="Allow" if said.allowed else "Deny",
        reason=said.reason,
        code="" if said.allowed else _DENIED,
        ec=said.ec,
        message=said.message,
        detail=said.detail,
        missing="" if said.allowed else f"{action} on {place.resource}",
        remedy=said.remedy,
        principal=principal.arn or principal.kind.value,
        account=principal.account_uid,
        action=action,
        resource=place.resource,
        context=context,
        statement=deciding(said.statement, policies.documents),
        considered=[shown(each) for each in said.traces],
        notes=_notes(principal, action, bucket, synced=is_sync),
    )


def _bucket_of(world: SimulationWorld, place: Place, action: str) -> SimulatedBucket | None:
    if not place.bucket or action.lower() == _CREATES:
        return None
    bucket = world.bucket(place.bucket)
    if bucket is None:
        raise SimulationError("resource", f"there is no bucket {place.bucket!r}")
    if place.owner not in ("", "*", bucket.owner_uid):
        raise SimulationError(
            "resource", f"the bucket {bucket.name} belongs to the account {bucket.owner_uid}"
        )
    return bucket


def _facts(bucket: SimulatedBucket, policies: Policies) -> BucketFacts:
    return BucketFacts(
        owner_uid=bucket.owner_uid,
        acl=bucket.acl,
        policy=policies.bucket,
        public_blocked=bucket.public_blocked,
    )


def _as_request(principal: Principal, check: AccessCheck, policies: Policies) -> _Verdict:
    decision = authorise(principal, check)
    request = policy_request(principal, check)
    return _Verdict(
        allowed=decision.allowed,
        reason=decision.reason.value,
        statement=decision.statement,
        traces=trace(policies.in_order, request),
        ec=decision.ec,
        message=decision.message,
        detail=decision.denied_detail,
    )


def _as_sync_role(  # noqa: PLR0913 - everything that decides
    world: SimulationWorld,
    principal: Principal,
    action: str,
    place: Place,
    bucket: SimulatedBucket,
    policies: Policies,
    context: Context,
) -> _Verdict:
    """Decide as replication does for the role of a rule."""
    end = BucketEnd(
        name=bucket.name,
        owner_uid=bucket.owner_uid,
        policy=policies.bucket,
        location=bucket.location,
    )
    own = world.own_bucket_policies
    decision = prepare_right(principal, action, end, context, own).decide(place.resource)
    asked = list(policies.identity)
    foreign = bucket.owner_uid != principal.account_uid
    if policies.bucket is not None and (foreign or own is OwnBucketPolicies.DENY_WINS):
        asked.append(policies.bucket)
    request = PolicyRequest(action, place.resource, context, principal.caller)
    return _Verdict(
        allowed=decision.allowed,
        reason=decision.reason.value,
        statement=decision.statement,
        traces=trace(asked, request),
        message=decision.message,
        remedy=decision.remedy,
    )


def _notes(
    principal: Principal, action: str, bucket: SimulatedBucket | None, *, synced: bool
) -> list[str]:
    notes: list[str] = []
    if not action.lower().startswith("oss:"):
        notes.append(_OTHER_SERVICE)
    if principal.kind is PrincipalKind.ROOT:
        notes.append(_ROOT_NOTE)
    if synced:
        notes.append(_REPLICATION_NOTE)
    elif (
        bucket is not None
        and principal.identity_policies
        and bucket.owner_uid != principal.account_uid
    ):
        notes.append(_FOREIGN_NOTE)
    return notes
