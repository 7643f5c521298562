"""Who may take on a role: every pair of what either side says."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from emulator.access.assume import judge_assume
from emulator.access.decision import DecisionReason
from emulator.access.identity import Principal, Role, User, root_principal, user_principal
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.records import NamedPolicy, PolicyKind
from emulator.access.trust import role_principal, trust_policy

UID = "1000000000000001"
CACHE = PolicyCache()
ALLOW, DENY, SILENT = "Allow", "Deny", ""


def role(*statements: tuple[str, str, str]) -> Role:
    """A role whose trust policy has these (effect, action, principal)."""
    written = [
        {"Effect": effect, "Action": action, "Principal": {"RAM": [name]}}
        for effect, action, name in statements
    ]
    if not written:
        written = [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["x.y"]}}
        ]
    text = msgspec.json.encode({"Version": "1", "Statement": written}).decode()
    return Role(account_uid=UID, name="R", role_id="3", trust_policy=text)


def policies(*said: tuple[str, str]) -> tuple[NamedPolicy, ...]:
    written = [{"Effect": effect, "Action": action, "Resource": "*"} for effect, action in said]
    if not written:
        return ()
    text = msgspec.json.encode({"Version": "1", "Statement": written}).decode()
    return (NamedPolicy("p", CACHE.get(PolicyKind.RAM, text)),)


def user(*said: tuple[str, str]) -> Principal:
    return user_principal(User(account_uid=UID, name="ann", user_id="2"), policies(*said))


def allowed(who: Principal, target: Role, *, sets_source: bool = False) -> bool:
    trust = trust_policy(target, CACHE)
    return judge_assume(who, target, trust, {}, sets_source=sets_source).allowed


@pytest.mark.parametrize(
    ("own", "trusting"), list(itertools.product((ALLOW, DENY, SILENT), repeat=2))
)
def test_both_sides_have_to_allow(own: str, trusting: str) -> None:
    who = user(*([(own, "sts:AssumeRole")] if own else []))
    everyone = f"acs:ram::{UID}:root"
    target = role(*([(trusting, "sts:AssumeRole", everyone)] if trusting else []))
    assert allowed(who, target) is (own == trusting == ALLOW)


def test_root_never() -> None:
    trusting = role((ALLOW, "sts:*", f"acs:ram::{UID}:root"))
    verdict = judge_assume(
        root_principal(UID), trusting, trust_policy(trusting, CACHE), {}, sets_source=False
    )
    assert not verdict.allowed
    assert verdict.reason == "Roles may not be assumed by root accounts."


def test_the_verdict_says_which_side_refused() -> None:
    trusting = role((DENY, "sts:AssumeRole", f"acs:ram::{UID}:user/ann"))
    trust = trust_policy(trusting, CACHE)
    may = judge_assume(user((ALLOW, "sts:*")), trusting, trust, {}, sets_source=False)
    assert may.decision is None
    assert may.statement is not None
    assert may.statement.kind is PolicyKind.TRUST
    not_may = judge_assume(user(), trusting, trust, {}, sets_source=False)
    assert not_may.decision is not None
    assert not_may.decision.reason is DecisionReason.NO_ALLOW


def test_a_source_identity_takes_a_second_right_on_both_sides() -> None:
    both, one = ("sts:AssumeRole", "sts:SetSourceIdentity"), ("sts:AssumeRole",)
    for own, trusting in itertools.product((both, one), repeat=2):
        who = user(*((ALLOW, action) for action in own))
        target = role(*((ALLOW, action, f"acs:ram::{UID}:root") for action in trusting))
        assert allowed(who, target)
        assert allowed(who, target, sets_source=True) is (own == trusting == both)


def test_a_role_is_trusted_by_its_name_in_any_case() -> None:
    first = Role(account_uid=UID, name="First", role_id="31", trust_policy="{}")
    who = role_principal(first, policies((ALLOW, "sts:AssumeRole")), "sess")
    assert allowed(who, role((ALLOW, "sts:AssumeRole", f"acs:ram::{UID}:role/fIRST")))
    assert not allowed(who, role((ALLOW, "sts:AssumeRole", f"acs:ram::{UID}:role/other")))
    assert not allowed(who, role((ALLOW, "sts:AssumeRole", f"acs:ram::{UID}:user/First")))
