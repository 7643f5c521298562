"""One use of a key for a replica: who uses it, how it is noted, and if it is refused, why and what
would mend it.

A replica under SSE-KMS takes ``kms:Decrypt`` with the source's key, and ``kms:GenerateDataKey`` and
``kms:Decrypt`` with its own (OSS replication, KMS: the key's policy has to list both; documented.
That a replica is refused for the want of either alone is inferred).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import msgspec

from emulator.access.audit import PlainVerdict, Verdict
from emulator.access.identity import Principal
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.conditions import Context
from emulator.domain.encryption import KeyHolder, encryption_of
from emulator.kms.access import DECRYPT, GENERATE_DATA_KEY, KeyDecision, KeyDecisionReason
from emulator.kms.model import ALIAS_PREFIX
from emulator.kms.object_keys import KeyDenied, KeyUser
from emulator.kms.refusals import KeyRefused, Reason
from emulator.replication.model import FailureReason, Refusal

# Told of every use of a key: the action, the key's ARN, the answer.
NoteAnswer: TypeAlias = Callable[[str, str, Verdict], None]
Answer: TypeAlias = tuple[str, str, Verdict]
T = TypeVar("T")

_REMEDIES = {
    Reason.DISABLED: "Enable the key {arn}.",
    Reason.PENDING_DELETION: "Cancel the deletion of the key {arn}.",
    Reason.PENDING_IMPORT: "Import the material of the key {arn}.",
    Reason.ALIAS_NOT_FOUND: "Create the alias {arn}.",
    Reason.NOT_FOUND: (
        "See that the key {arn} is there; a key of another account is named by its ARN in the rule."
    ),
}
_STATES = frozenset({Reason.DISABLED, Reason.PENDING_DELETION, Reason.PENDING_IMPORT})
_REASONS = {
    Reason.DISABLED: FailureReason.KEY_DISABLED,
    Reason.PENDING_DELETION: FailureReason.KEY_PENDING_DELETION,
    Reason.PENDING_IMPORT: FailureReason.KEY_PENDING_IMPORT,
    Reason.ALIAS_NOT_FOUND: FailureReason.KEY_MISSING,
    Reason.NOT_FOUND: FailureReason.KEY_MISSING,
}
_SOURCE_GONE = "The key {arn} is gone, and with it the content: write the object again."
_WHERE = {
    KeyDecisionReason.KEY_POLICY_LACKS: "in the key's policy",
    KeyDecisionReason.RAM_POLICY_LACKS: "in a policy of the role",
    KeyDecisionReason.NOTHING_ALLOWS: "in a policy of the role, or in the key's policy",
}


class ReplicaNotEncrypted(Exception):
    """A key that a replica takes cannot be used; ``refusal`` says why."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)


class KeyUse(msgspec.Struct, frozen=True, gc=False):
    """What a key is used for, and what it is called if the right to it is missing."""

    action: str
    denied: FailureReason


OPEN_SOURCE = KeyUse(DECRYPT, FailureReason.SOURCE_KEY_DENIED)
MAKE_REPLICA = KeyUse(GENERATE_DATA_KEY, FailureReason.REPLICA_KEY_DENIED)
READ_REPLICA = KeyUse(DECRYPT, FailureReason.REPLICA_KEY_DENIED)


class KeyCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a key as ``explain`` shows it; ``refusal`` is None of one that is allowed."""

    action: str
    resource: str
    decided_by: str
    refusal: Refusal | None = None


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who uses keys: a rule's role, or with no role OSS itself. See ``KeyUser``."""

    role: Principal | None
    policies: PolicyCache
    now_ms: int
    note: NoteAnswer | None
    context: Context
    owner_uid: str = ""

    def use(
        self,
        use: KeyUse,
        name: Callable[[], str],
        run: Callable[[KeyUser], T],
        told: list[Answer] | None = None,
    ) -> T:
        """Use a key once and note how it went, in one entry, and in ``told`` if it went well.

        ``name`` is the ARN of a key that is not found. Raises ReplicaNotEncrypted.
        """
        asked: list[tuple[str, str, KeyDecision]] = []
        user = KeyUser(
            self.role,
            self.policies,
            self.now_ms,
            lambda *each: asked.append(each),
            self.context,
            self.owner_uid,
        )
        try:
            done = run(user)
        except KeyRefused as error:
            refusal, verdict = self._refused(use, asked[-1][1] if asked else name(), error)
            if self.note is not None:
                self.note(use.action, refusal.resource, verdict)
            raise ReplicaNotEncrypted(refusal) from error
        if self.note is not None:
            for each in asked:
                self.note(*each)
        if told is not None:
            told.extend(asked)
        return done

    def _refused(self, use: KeyUse, arn: str, error: KeyRefused) -> tuple[Refusal, Verdict]:
        if isinstance(error, KeyDenied):
            return self._denied(use, error), error.decision
        is_state = error.reason in _STATES
        said = error.reason.value if is_state else error.message.rstrip(".")
        remedy = _REMEDIES.get(error.reason, "See that the key {arn} can be used.")
        if use is OPEN_SOURCE and error.reason is Reason.NOT_FOUND:
            remedy = _SOURCE_GONE
        refusal = Refusal(
            reason=_REASONS.get(error.reason, FailureReason.KEY_UNUSABLE),
            action=use.action,
            resource=arn,
            message=f"The key {arn} cannot be used for {use.action}: {said}.",
            remedy=remedy.format(arn=arn),
        )
        return refusal, PlainVerdict(False, said)

    def _denied(self, use: KeyUse, error: KeyDenied) -> Refusal:
        decision, arn = error.decision, error.key_arn
        message = f"The role may not use the key: {decision.message}"
        if decision.statement is None:
            where = _WHERE.get(decision.reason, "in a policy of the role")
            remedy = f"Allow {use.action} on {arn} to {self._role_arn()} {where}."
        else:
            remedy = f"Remove or narrow {decision.statement.describe()}."
        if decision.near is not None:
            message = f"{message}; {decision.near.describe()}"
            remedy = decision.near.remedy(remedy)
        return Refusal(
            reason=use.denied,
            action=use.action,
            resource=arn,
            statement="" if decision.statement is None else decision.statement.describe(),
            message=f"{message}.",
            remedy=remedy,
        )

    def _role_arn(self) -> str:
        """The role as key policies name it."""
        role = self.role
        return "" if role is None else f"acs:ram::{role.account_uid}:role/{role.name}"


def key_arn(encryption_json: str, holder: KeyHolder) -> str:
    """The ARN that a key's name means to a holder, whether or not there is such a key."""
    encryption = encryption_of(encryption_json)
    name = "" if encryption is None else encryption.key_id
    if name.startswith("acs:"):
        return name
    kind = "" if name.startswith(ALIAS_PREFIX) else "key/"
    return f"acs:kms:{holder.region}:{holder.account_uid}:{kind}{name}"
