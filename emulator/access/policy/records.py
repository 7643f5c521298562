"""What a parsed policy is, who may be meant by it, and how a statement is referred to."""

from __future__ import annotations

import enum

import msgspec

from emulator.access.policy.conditions import Condition
from emulator.access.policy.match import NOTHING, PatternSet, ResourceSet


class PolicyKind(enum.Enum):
    """Where a document may stand; the grammar is one, the permitted elements differ."""

    RAM = "RAM policy"
    SESSION = "session policy"
    BUCKET = "bucket policy"
    TRUST = "trust policy"
    KEY = "key policy"


class Effect(enum.Enum):
    """What a matching statement does."""

    ALLOW = "Allow"
    DENY = "Deny"


class Caller(msgspec.Struct, frozen=True, gc=False):
    """How policies name the one who asks.

    ``names`` are compared whole: account and user ids for a bucket policy, ``acs:ram::`` names for
    a trust policy. ``role`` is ``arn:sts::{uid}:assumed-role/{role}/{session}`` with the role's
    name in lower case. ``service`` is a service's host name.
    """

    names: tuple[str, ...] = ()
    role: str = ""
    service: str = ""


NO_ONE = Caller()


class Principals(msgspec.Struct, frozen=True, gc=False):
    """Whom a statement of a resource-based policy means; ``entries`` are as written."""

    everyone: bool = False
    names: frozenset[str] = frozenset()
    roles: PatternSet = NOTHING
    services: frozenset[str] = frozenset()
    entries: tuple[str, ...] = ()

    def reach(self, caller: Caller, *, owner: bool, conditional: bool) -> bool:
        """Whether the caller is meant.

        ``*`` spares the bucket owner unless the statement has a Condition
        (OSS Bucket Policy, How it works; documented).
        """
        if self.everyone and (conditional or not owner):
            return True
        for name in caller.names:
            if name in self.names:
                return True
        if caller.role and self.roles.matches(caller.role):
            return True
        return caller.service in self.services


class Statement(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One statement; ``principals`` is None where the policy is attached to its principal."""

    index: int
    sid: str
    effect: Effect
    actions: PatternSet  # lower-cased
    not_action: bool
    resources: ResourceSet
    not_resource: bool
    principals: Principals | None
    conditions: tuple[Condition, ...]
    action_texts: tuple[str, ...] = ()  # as written, for messages
    resource_texts: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A parsed document; ``denies`` and ``allows`` are its statements by effect, in order.

    ``public`` says that a statement grants to the public, see ``policy.public``.
    """

    kind: PolicyKind
    statements: tuple[Statement, ...]
    denies: tuple[Statement, ...]
    allows: tuple[Statement, ...]
    public: bool


class NamedPolicy(msgspec.Struct, frozen=True, gc=False):
    """A policy under the name it is attached or stored as: a RAM policy's, a bucket's, a role's."""

    name: str
    policy: Policy


class StatementRef(msgspec.Struct, frozen=True, gc=False):
    """Which statement decided; ``index`` counts from 0."""

    kind: PolicyKind
    policy: str
    sid: str
    index: int
    effect: Effect

    def describe(self) -> str:
        """In words, e.g. ``Deny statement 0 (NoDelete) of bucket policy dest-bucket``."""
        sid = f" ({self.sid})" if self.sid else ""
        return f"{self.effect.value} statement {self.index}{sid} of {self.kind.value} {self.policy}"


def statement_ref(named: NamedPolicy, statement: Statement) -> StatementRef:
    """The reference to a statement of ``named``."""
    return StatementRef(
        named.policy.kind, named.name, statement.sid, statement.index, statement.effect
    )
