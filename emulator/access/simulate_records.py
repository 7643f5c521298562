"""What the policy simulator looks at, and the answer it gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

import msgspec

from emulator.access.decision import Acl, OperationClass
from emulator.access.identity_store import IdentityStore
from emulator.access.policy.records import PolicyKind, StatementRef
from emulator.access.policy.trace import Mismatch, StatementTrace
from emulator.access.replication_rights import OwnBucketPolicies


class SimulatedBucket(msgspec.Struct, frozen=True, kw_only=True):
    """What decisions look at of a bucket; ``policy`` is its policy's text, ``""`` if none."""

    name: str
    owner_uid: str
    location: str
    acl: Acl = Acl.PRIVATE
    policy: str = ""
    public_blocked: bool = False
    tags: Mapping[str, str] = {}


class SimulatedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What decisions look at of an object."""

    acl: Acl = Acl.DEFAULT
    tags: Mapping[str, str] = {}


class SimulationWorld(Protocol):
    """What is stored, as far as decisions look at it."""

    @property
    def identities(self) -> IdentityStore:
        """Accounts and what belongs to them."""
        ...

    @property
    def own_bucket_policies(self) -> OwnBucketPolicies:
        """What bucket policies mean to a sync role in its own account."""
        ...

    def operation_class(self, action: str) -> OperationClass:
        """Which ACLs may stand in for a policy; ``MANAGEMENT`` of an unknown action."""
        ...

    def bucket(self, name: str) -> SimulatedBucket | None:
        """A bucket by its name."""
        ...

    def entry(self, bucket: str, key: str, version_id: str) -> SimulatedEntry | None:
        """An object, in its current version if the id is empty; None for a delete marker."""
        ...


class StatementShown(msgspec.Struct, frozen=True, kw_only=True):
    """One statement that was considered. ``name`` is what messages and the audit log call it."""

    name: str
    kind: str
    policy: str
    index: int
    sid: str
    effect: str
    matched: bool
    mismatch: str
    why: str


class DecidingStatement(msgspec.Struct, frozen=True, kw_only=True):
    """The statement that decided, as it is written."""

    name: str
    kind: str
    policy: str
    index: int
    sid: str
    effect: str
    text: msgspec.Raw


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, ready for JSON. Of a denial ``code``, ``ec`` and ``message`` are what OSS says,
    ``missing`` the right as a person writes it."""

    decision: str
    reason: str
    code: str
    ec: str
    message: str
    detail: Mapping[str, str]
    missing: str
    remedy: str
    principal: str
    account: str
    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]]
    statement: DecidingStatement | None
    considered: list[StatementShown]
    notes: list[str]


def deciding(
    ref: StatementRef | None, documents: Mapping[tuple[PolicyKind, str], str]
) -> DecidingStatement | None:
    """The statement that decided, as it stands in its policy's text."""
    if ref is None:
        return None
    listed = json.loads(documents[ref.kind, ref.policy])["Statement"]
    text = json.dumps(listed[ref.index], ensure_ascii=False)
    return DecidingStatement(
        name=ref.describe(),
        kind=ref.kind.value,
        policy=ref.policy,
        index=ref.index,
        sid=ref.sid,
        effect=ref.effect.value,
        text=msgspec.Raw(text.encode()),
    )


def shown(each: StatementTrace) -> StatementShown:
    """A statement that was considered."""
    ref = each.statement
    return StatementShown(
        name=ref.describe(),
        kind=ref.kind.value,
        policy=ref.policy,
        index=ref.index,
        sid=ref.sid,
        effect=ref.effect.value,
        matched=each.mismatch is Mismatch.NONE,
        mismatch="" if each.mismatch is Mismatch.NONE else each.mismatch.value,
        why=each.describe(),
    )
