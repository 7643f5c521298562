"""Which role acts for a rule, and what it may do at either end.

What needs which right (the rights are documented, which effect needs which is inferred from their
descriptions):

=====================  =======================  =====================================
                       on the source            on the destination
=====================  =======================  =====================================
reading history        ``ReplicateList``        ``ReplicateList``
copying, updating,     ``ReplicateGet``         ``ReplicateGet``, ``ReplicatePut``
uploads and parts
copying a marker       ``ReplicateGet``         ``ReplicateGet`` and ``ReplicatePut``, or
                                                ``ReplicateDelete`` if the rule copies deletions
deleting, aborting                              ``ReplicateGet``, ``ReplicateDelete``
=====================  =======================  =====================================

``ReplicateGet`` on the destination is what the comparison with the entry already there takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

import msgspec

from emulator.access.audit import Verdict
from emulator.access.identity import Principal, Role
from emulator.access.identity_store import IdentityStore
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.conditions import Context
from emulator.access.policy.evaluate import Evaluation, Outcome
from emulator.access.policy.faults import PolicyError
from emulator.access.policy.records import NamedPolicy, PolicyKind
from emulator.access.replication_rights import (
    CURRENT_TIME,
    BucketEnd,
    OwnBucketPolicies,
    PreparedRight,
    RightDecision,
    prepare_right,
    service_context,
)
from emulator.access.trust import (
    OSS_SERVICE,
    may_assume,
    nearly_trusted,
    role_principal,
    trust_policy,
)
from emulator.domain.model import Bucket
from emulator.replication.model import Effect, FailureReason, Refusal, Work
from emulator.replication.settings import ReplicationSettings
from emulator.replication.target import Target

LIST = "oss:ReplicateList"
GET = "oss:ReplicateGet"
PUT = "oss:ReplicatePut"
DELETE = "oss:ReplicateDelete"

_SESSION = "oss-replication"
_RULES_KEPT = 1024
_LAST_MS = 253_402_300_799_999  # the end of the year 9999

# Told of every right that is asked for: its action, the resource, the answer.
Note: TypeAlias = Callable[[str, str, Verdict], None]


class Right(msgspec.Struct, frozen=True, gc=False):
    """One right of a rule's role at one end; ``reason`` is what its lack is called."""

    prepared: PreparedRight
    bucket: BucketEnd
    prefix: str  # of the resource names of the bucket's objects
    action: str
    reason: FailureReason
    everywhere: RightDecision | None  # for all objects of the bucket, if it is the same for them

    def refusal_of(self, key: str, note: Note | None = None) -> Refusal | None:
        """Why the role may not do this to an object, if it may not."""
        decision = self.everywhere
        if decision is None:
            return self.refusal(self.prefix + key, note)
        if note is not None:
            note(self.action, self.prefix + key, decision)
        return None

    def refusal(self, resource: str, note: Note | None = None) -> Refusal | None:
        """Why the role may not, if it may not."""
        decision = self.prepared.decide(resource)
        if note is not None:
            note(self.action, resource, decision)
        return None if decision.allowed else _refusal(self.reason, decision)


class CheckedRight(msgspec.Struct, frozen=True, kw_only=True):
    """A right as ``explain`` shows it."""

    action: str
    resource: str
    allowed: bool
    decided_by: str
    refusal: Refusal | None = None


class RuleRights:
    """The rights of one rule, settled but for the object. Without a role everything is allowed:
    the service then acts with its own rights (OSS PutBucketReplication, SyncRole; documented).

    ``principal`` is the role as it acts, None for the service itself.
    """

    __slots__ = ("_copy", "_delete", "_lists", "_marker_by_delete", "_only_delete", "principal")

    def __init__(
        self,
        *,
        lists: tuple[Right, ...] = (),
        read: tuple[Right, ...] = (),
        put: tuple[Right, ...] = (),
        delete: tuple[Right, ...] = (),
        principal: Principal | None = None,
    ) -> None:
        self.principal = principal
        source, destination = read[:1], read[1:]
        self._lists = lists
        self._copy = source + destination + put
        self._marker_by_delete = source + destination + delete
        self._delete = destination + delete
        self._only_delete = delete

    def refusal(self, work: Work, key: str, note: Note | None = None) -> Refusal | None:
        """Why the role may not do this work on a key, if it may not."""
        for right in self._needed(work):
            refusal = right.refusal_of(key, note)
            if refusal is not None:
                return refusal
        return None

    def list_refusal(self, note: Note | None = None) -> Refusal | None:
        """Why the role may not read history, if it may not."""
        for right in self._lists:
            refusal = right.refusal(right.bucket.resource(), note)
            if refusal is not None:
                return refusal
        return None

    def check(self, key: str, *, lists: bool, deletes: bool) -> Iterator[CheckedRight]:
        """Every right that a rule takes for a key: for copies, with ``lists`` for the reading of
        history, with ``deletes`` for deletions."""
        if lists:
            for right in self._lists:
                yield _checked(right, right.bucket.resource())
        for right in self._copy + self._only_delete if deletes else self._copy:
            yield _checked(right, right.prefix + key)

    def _needed(self, work: Work) -> tuple[Right, ...]:
        if not work.needs_delete_right:
            return self._copy
        return self._marker_by_delete if work.effect is Effect.COPY_MARKER else self._delete


SERVICE_RIGHTS = RuleRights()


class Rights:
    """Looks the role of a rule up and settles its rights.

    What was settled is kept as long as the texts it was settled from are the same ones, and the
    time, where a condition asks for it. Other condition keys see what ``service_context`` gives.
    """

    def __init__(
        self, identities: IdentityStore, policies: PolicyCache, settings: ReplicationSettings
    ) -> None:
        self._identities = identities
        self._policies = policies
        self._own_bucket_policies = OwnBucketPolicies(settings.same_account_bucket_policy.value)
        self._kept: dict[int, tuple[object, int | None, RuleRights | Refusal]] = {}

    def role_refusal(self, account_uid: str, role_name: str, now_ms: int) -> Refusal | None:
        """Why OSS cannot take the role on, if it cannot."""
        role = self._assumable(account_uid, role_name, context_at(now_ms))
        return role if isinstance(role, Refusal) else None

    def of_rule(self, target: Target, now_ms: int) -> RuleRights | Refusal:
        """The rights of a rule's role at its two buckets, or why nobody acts for it."""
        source, destination = target.source, target.destination
        texts = (
            self._identities.identity_version(),
            target.rule.spec.sync_role,
            (source.name, source.owner_uid, source.policy),
            (destination.name, destination.owner_uid, destination.policy),
        )
        kept = self._kept.get(target.rule.uid)
        if kept is not None and kept[0] == texts and kept[1] in (None, now_ms):
            return kept[2]
        at_ms: int | None = now_ms
        try:
            rights = self._settle(target, context_at(now_ms))
            at_ms = now_ms if self._is_timed(target) else None
        except PolicyError as error:
            rights = Refusal(
                reason=FailureReason.ROLE_NOT_ASSUMABLE,
                resource=target.rule.spec.role_name,
                message=f"A policy that decides for this rule cannot be read: {error}",
                remedy="Write the policy anew.",
            )
        if len(self._kept) >= _RULES_KEPT:
            self._kept.clear()
        self._kept[target.rule.uid] = (texts, at_ms, rights)
        return rights

    def _is_timed(self, target: Target) -> bool:
        """Whether any policy that decides for a rule asks for the time. Raises PolicyError."""
        uid, name = target.source.owner_uid, target.rule.spec.role_name
        role = self._identities.role(uid, name)
        texts = [(PolicyKind.BUCKET, target.source.policy)]
        texts.append((PolicyKind.BUCKET, target.destination.policy))
        if role is not None:
            texts.append((PolicyKind.TRUST, role.trust_policy))
            texts += [
                (PolicyKind.RAM, policy.document)
                for policy in self._identities.policies_of_role(uid, name)
            ]
        return any(
            condition.key == CURRENT_TIME
            for kind, text in texts
            if text
            for statement in self._policies.get(kind, text).statements
            for condition in statement.conditions
        )

    def _settle(self, target: Target, context: Context) -> RuleRights | Refusal:
        source, destination = target.source, target.destination
        if not target.rule.spec.sync_role:
            if source.owner_uid == destination.owner_uid:
                return SERVICE_RIGHTS
            return Refusal(
                reason=FailureReason.ROLE_MISSING,
                message="The destination bucket belongs to another account and the rule has no "
                "SyncRole.",
                remedy="Make the rule again with a SyncRole.",
            )
        role = self._assumable(source.owner_uid, target.rule.spec.role_name, context)
        if isinstance(role, Refusal):
            return role
        policies = tuple(
            NamedPolicy(policy.name, self._policies.get(PolicyKind.RAM, policy.document))
            for policy in self._identities.policies_of_role(role.account_uid, role.name)
        )
        principal = role_principal(role, policies, _SESSION)
        at_source, at_destination = self._end(source), self._end(destination)

        def right(action: str, end: BucketEnd, reason: FailureReason) -> Right:
            prepared = prepare_right(principal, action, end, context, self._own_bucket_policies)
            objects = f"{end.resource()}/"
            everywhere = prepared.allowed_below(objects)
            return Right(prepared, end, objects, action, reason, everywhere)

        return RuleRights(
            lists=(
                right(LIST, at_source, FailureReason.SOURCE_LIST_DENIED),
                right(LIST, at_destination, FailureReason.DESTINATION_LIST_DENIED),
            ),
            read=(
                right(GET, at_source, FailureReason.SOURCE_READ_DENIED),
                right(GET, at_destination, FailureReason.DESTINATION_READ_DENIED),
            ),
            put=(right(PUT, at_destination, FailureReason.DESTINATION_WRITE_DENIED),),
            delete=(right(DELETE, at_destination, FailureReason.DESTINATION_DELETE_DENIED),),
            principal=principal,
        )

    def _assumable(self, account_uid: str, role_name: str, context: Context) -> Role | Refusal:
        role = self._identities.role(account_uid, role_name)
        if role is None:
            return Refusal(
                reason=FailureReason.ROLE_MISSING,
                action="sts:AssumeRole",
                resource=f"acs:ram::{account_uid}:role/{role_name}",
                message=f"The account {account_uid} has no role {role_name}.",
                remedy=f"Create the role {role_name} in the account {account_uid}.",
            )
        trust = trust_policy(role, self._policies)
        said = may_assume(trust, OSS_SERVICE, context)
        return role if said.effect is Outcome.ALLOW else _not_trusted(role, trust, said, context)

    def _end(self, bucket: Bucket) -> BucketEnd:
        policy = None
        if bucket.policy:
            policy = NamedPolicy(bucket.name, self._policies.get(PolicyKind.BUCKET, bucket.policy))
        return BucketEnd(
            name=bucket.name, owner_uid=bucket.owner_uid, policy=policy, location=bucket.location
        )


def _not_trusted(role: Role, trust: NamedPolicy, said: Evaluation, context: Context) -> Refusal:
    message = f"The trust policy of the role {role.name} does not let OSS take it on"
    remedy = (
        f"Allow sts:AssumeRole to the service {OSS_SERVICE.name} in the trust policy of "
        f"{role.name}."
    )
    if said.statement is not None:
        remedy = f"Remove or narrow {said.statement.describe()}."
    else:
        near = nearly_trusted(trust, OSS_SERVICE, context)
        if near is not None:
            message, remedy = f"{message}: {near.describe()}", near.remedy(remedy)
    return Refusal(
        reason=FailureReason.ROLE_NOT_ASSUMABLE,
        action="sts:AssumeRole",
        resource=role.arn,
        statement="" if said.statement is None else said.statement.describe(),
        message=f"{message}.",
        remedy=remedy,
    )


def context_at(now_ms: int) -> Context:
    """What conditions see when OSS acts for itself at an instant."""
    return _context_of_second(min(max(now_ms, 0), _LAST_MS) // 1000)


@lru_cache(maxsize=16)
def _context_of_second(instant_s: int) -> Context:
    at = datetime.fromtimestamp(instant_s, UTC)
    return service_context(at.isoformat(timespec="seconds"))


def _refusal(reason: FailureReason, decision: RightDecision) -> Refusal:
    return Refusal(
        reason=reason,
        action=decision.action,
        resource=decision.resource,
        statement="" if decision.statement is None else decision.statement.describe(),
        message=decision.message,
        remedy=decision.remedy,
    )


def _checked(right: Right, resource: str) -> CheckedRight:
    decision = right.prepared.decide(resource)
    return CheckedRight(
        action=right.action,
        resource=right.bucket.as_written(resource),
        allowed=decision.allowed,
        decided_by=decision.reason.value,
        refusal=None if decision.allowed else _refusal(right.reason, decision),
    )
