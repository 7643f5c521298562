"""Who may use a key: key policies and the caller's own. Pure.

In the key's account an Allow of the key policy or of a RAM policy is enough; from another account
both have to allow. A Deny of either ends it, except for the account that owns the key (KMS, key
policies; documented). ``acs:ram::{uid}:*`` as a principal means, in the key's own account, the
account itself and not each of its users and roles: the default policy, which names it, leaves
them to their RAM policies (inferred: that policy would otherwise let every user do everything).
"""

from __future__ import annotations

import enum

import msgspec

from emulator.access.identity import Principal, PrincipalKind
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.conditions import EMPTY_CONTEXT, Context
from emulator.access.policy.evaluate import (
    IMPLICIT_DENY,
    Evaluation,
    Outcome,
    PolicyRequest,
    evaluate,
)
from emulator.access.policy.faults import PolicyError
from emulator.access.policy.near import NearMiss, near_miss
from emulator.access.policy.principals import ram_name
from emulator.access.policy.records import Caller, NamedPolicy, PolicyKind, StatementRef
from emulator.kms.model import Key
from emulator.kms.refusals import invalid

ENCRYPT, DECRYPT = "kms:Encrypt", "kms:Decrypt"
GENERATE_DATA_KEY = "kms:GenerateDataKey"
SID_CHARACTERS_MAX = 128

_ROOT, _ROLE = PrincipalKind.ROOT, PrincipalKind.ROLE


class KeyDecisionReason(enum.Enum):
    """What decided."""

    OWNER = "the key belongs to the caller"
    RAM_POLICY_ALLOWS = "a RAM policy allows it"
    KEY_POLICY_ALLOWS = "the key policy allows it"
    BOTH_ALLOW = "the key policy and a RAM policy allow it"
    SESSION_POLICY = "the session policy does not allow it"
    RAM_POLICY_DENIES = "a RAM policy denies it"
    KEY_POLICY_DENIES = "the key policy denies it"
    NOTHING_ALLOWS = "neither the key policy nor a RAM policy allows it"
    RAM_POLICY_LACKS = "the key policy allows it, no RAM policy of the caller does"
    KEY_POLICY_LACKS = "the key policy does not allow it to the other account's caller"
    ANONYMOUS = "anonymous callers may not use keys"


class KeyDecision(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The answer. ``statement`` is the one that decided, None where none matched.

    ``missing`` is, of a refusal, the right as a person writes it: ``{action} on {key ARN}``, and
    ``near`` the statement that would have allowed it but for one part.
    """

    allowed: bool
    reason: KeyDecisionReason
    statement: StatementRef | None = None
    missing: str = ""
    near: NearMiss | None = None

    @property
    def message(self) -> str:
        """A refusal in words, with the statement that decided if one did."""
        by = f" ({self.statement.describe()})" if self.statement is not None else ""
        return f"{self.missing}: {self.reason.value}{by}"


_OWNER = KeyDecision(allowed=True, reason=KeyDecisionReason.OWNER)


def default_policy(account_uid: str) -> str:
    """The key policy a key has until another is set (KMS GetKeyPolicy; documented)."""
    return (
        '{"Version":"1","Statement":[{"Sid":"kms default key policy","Effect":"Allow",'
        f'"Principal":{{"RAM":["acs:ram::{account_uid}:*"]}},'
        '"Action":["kms:*"],"Resource":["*"]}]}'
    )


def read_key_policy(text: str, policies: PolicyCache) -> None:
    """Raise KeyRefused for what is no key policy (KMS SetKeyPolicy, Policy; documented)."""
    try:
        policy = policies.get(PolicyKind.KEY, text)
    except PolicyError as error:
        raise invalid("Policy", f"The specified parameter Policy is not valid: {error}") from error
    if any(len(statement.sid) > SID_CHARACTERS_MAX for statement in policy.statements):
        raise invalid("Policy", f"A Sid has at most {SID_CHARACTERS_MAX} characters.")


def authorise_key_use(
    principal: Principal,
    key: Key,
    action: str,
    policies: PolicyCache,
    context: Context = EMPTY_CONTEXT,
) -> KeyDecision:
    """May the principal do ``action`` ("kms:Decrypt") with the key?

    Raises PolicyError if a stored key policy cannot be read.
    """
    owned = principal.account_uid == key.account_uid
    if principal.kind is _ROOT and owned:
        return _OWNER
    if key.tags:
        context = {**context, **{f"kms:tag/{name}": (value,) for name, value in key.tags.items()}}
    request = PolicyRequest(action, key.arn, context, _caller(principal, key))
    if principal.session_policy is not None:
        said = evaluate((principal.session_policy,), request)
        if said.effect is not Outcome.ALLOW:
            decision = _refused(KeyDecisionReason.SESSION_POLICY, request, said)
            return _with_near(decision, principal, key, request, policies)
    by_ram = evaluate(principal.identity_policies, request)
    if principal.kind is _ROOT:
        by_ram = Evaluation(Outcome.ALLOW)
    by_key = _by_key_policy(principal, key, request, policies)
    decision = _combined(request, by_ram, by_key, owned=owned, kind=principal.kind)
    return _with_near(decision, principal, key, request, policies)


def _by_key_policy(
    principal: Principal, key: Key, request: PolicyRequest, policies: PolicyCache
) -> Evaluation:
    """What the key policy says; the default one names the account alone, which needs no policy.

    A Deny of the whole account reaches its users and roles as well (inferred).
    """
    if not key.policy:
        return IMPLICIT_DENY
    named = NamedPolicy(key.id, policies.get(PolicyKind.KEY, key.policy))
    said = evaluate((named,), request)
    if said.effect is Outcome.EXPLICIT_DENY or principal.kind is _ROOT:
        return said
    account = Caller(names=(f"acs:ram::{principal.account_uid}:*",))
    of_account = evaluate((named,), msgspec.structs.replace(request, caller=account))
    return of_account if of_account.effect is Outcome.EXPLICIT_DENY else said


def _combined(
    request: PolicyRequest,
    by_ram: Evaluation,
    by_key: Evaluation,
    *,
    owned: bool,
    kind: PrincipalKind,
) -> KeyDecision:
    why = KeyDecisionReason
    if by_ram.effect is Outcome.EXPLICIT_DENY:
        return _refused(why.RAM_POLICY_DENIES, request, by_ram)
    if by_key.effect is Outcome.EXPLICIT_DENY:
        return _refused(why.KEY_POLICY_DENIES, request, by_key)
    ram, policy = by_ram.effect is Outcome.ALLOW, by_key.effect is Outcome.ALLOW
    if not owned:
        if kind is PrincipalKind.ANONYMOUS:
            return _refused(why.ANONYMOUS, request, by_key)
        if not policy:
            return _refused(why.KEY_POLICY_LACKS, request, by_key)
        if not ram:
            return _refused(why.RAM_POLICY_LACKS, request, by_ram)
        return KeyDecision(allowed=True, reason=why.BOTH_ALLOW, statement=by_key.statement)
    if ram:
        return KeyDecision(allowed=True, reason=why.RAM_POLICY_ALLOWS, statement=by_ram.statement)
    if policy:
        return KeyDecision(allowed=True, reason=why.KEY_POLICY_ALLOWS, statement=by_key.statement)
    return _refused(why.NOTHING_ALLOWS, request, by_ram)


def _refused(reason: KeyDecisionReason, request: PolicyRequest, said: Evaluation) -> KeyDecision:
    statement = said.statement if said.effect is Outcome.EXPLICIT_DENY else None
    missing = f"{request.action} on {request.resource}"
    return KeyDecision(allowed=False, reason=reason, statement=statement, missing=missing)


def _with_near(
    decision: KeyDecision,
    principal: Principal,
    key: Key,
    request: PolicyRequest,
    policies: PolicyCache,
) -> KeyDecision:
    """A refusal with the statement that would have allowed it but for one part."""
    if decision.allowed or decision.statement is not None:
        return decision
    own = principal.identity_policies
    of_key = (NamedPolicy(key.id, policies.get(PolicyKind.KEY, key.policy)),) if key.policy else ()
    match decision.reason:
        case KeyDecisionReason.SESSION_POLICY if principal.session_policy is not None:
            asked: tuple[NamedPolicy, ...] = (principal.session_policy,)
        case KeyDecisionReason.RAM_POLICY_LACKS:
            asked = own
        case KeyDecisionReason.KEY_POLICY_LACKS:
            asked = of_key
        case _:
            asked = (*own, *of_key)
    return msgspec.structs.replace(decision, near=near_miss(asked, request, "the request"))


def _caller(principal: Principal, key: Key) -> Caller:
    """How a key policy names the principal: by its RAM name, a role without its session.

    A whole account is named by ``:*``; of other accounts that means their users and roles.
    """
    uid = principal.account_uid
    account = f"acs:ram::{uid}:*"
    if principal.kind is _ROOT:
        return Caller(names=(account, f"acs:ram::{uid}:root"))
    if not uid:
        return Caller()
    kind = "role" if principal.kind is _ROLE else "user"
    own = ram_name(f"acs:ram::{uid}:{kind}/{principal.name}")
    return Caller(names=(own,) if uid == key.account_uid else (own, account))
