"""Who may use a key: the truth table of key policy, RAM policy and account."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from emulator.access.identity import (
    ANONYMOUS,
    Principal,
    Role,
    User,
    root_principal,
    user_principal,
)
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.document import parse_policy
from emulator.access.policy.records import NamedPolicy, PolicyKind
from emulator.access.trust import role_principal
from emulator.kms.access import (
    DECRYPT,
    GENERATE_DATA_KEY,
    KeyDecisionReason,
    authorise_key_use,
    default_policy,
    read_key_policy,
)
from emulator.kms.model import Key
from emulator.kms.refusals import KeyRefused, Reason
from tests.unit.kms.keys_twin import OTHER, OWNER, KeyWorld

POLICIES = PolicyCache()
KEY = KeyWorld().key()
Json = dict[str, object]


def document(*statements: Json) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


def said(effect: str, action: str = "kms:*", resource: str = "*") -> Json:
    return {"Effect": effect, "Action": action, "Resource": resource}


def by_key(effect: str, *names: str, action: str = "kms:*") -> Json:
    return said(effect, action) | {"Principal": {"RAM": list(names)}}


def ram(*statements: Json) -> tuple[NamedPolicy, ...]:
    if not statements:
        return ()
    return (NamedPolicy("Own", parse_policy(document(*statements), PolicyKind.RAM)),)


def user(account: str, *statements: Json) -> Principal:
    return user_principal(User(account_uid=account, name="Ann", user_id="20"), ram(*statements))


def role(account: str, *statements: Json) -> Principal:
    record = Role(account_uid=account, name="Crypto", role_id="30", trust_policy="{}")
    return role_principal(record, ram(*statements), "session")


def key(*statements: Json) -> Key:
    return replace(KEY, policy=document(*statements) if statements else "")


def why(who: Principal, what: Key, action: str = DECRYPT) -> KeyDecisionReason:
    decision = authorise_key_use(who, what, action, POLICIES)
    allowing = {"OWNER", "RAM_POLICY_ALLOWS", "KEY_POLICY_ALLOWS", "BOTH_ALLOW"}
    assert decision.allowed is (decision.reason.name in allowing)
    if not decision.allowed:
        assert decision.missing == f"{action} on {what.arn}"
        assert decision.missing in decision.message
    return decision.reason


ANN, ANN_ABROAD = f"acs:ram::{OWNER}:user/Ann", f"acs:ram::{OTHER}:user/Ann"
HERE, ABROAD = f"acs:ram::{OWNER}:*", f"acs:ram::{OTHER}:*"
WHY = KeyDecisionReason


@pytest.mark.parametrize(
    ("who", "policy", "expected"),
    [
        pytest.param(root_principal(OWNER), (), WHY.OWNER, id="the account itself"),
        pytest.param(
            root_principal(OWNER), (by_key("Deny", HERE),), WHY.OWNER, id="the account is never out"
        ),
        pytest.param(user(OWNER), (), WHY.NOTHING_ALLOWS, id="nothing allows"),
        pytest.param(
            user(OWNER),
            (by_key("Allow", HERE),),
            WHY.NOTHING_ALLOWS,
            id="an account is no user",
        ),
        pytest.param(user(OWNER, said("Allow")), (), WHY.RAM_POLICY_ALLOWS, id="RAM is enough"),
        pytest.param(
            user(OWNER), (by_key("Allow", ANN),), WHY.KEY_POLICY_ALLOWS, id="key policy is enough"
        ),
        pytest.param(
            user(OWNER, said("Deny")),
            (by_key("Allow", ANN),),
            WHY.RAM_POLICY_DENIES,
            id="RAM denies",
        ),
        pytest.param(
            user(OWNER, said("Allow")),
            (by_key("Deny", ANN),),
            WHY.KEY_POLICY_DENIES,
            id="key policy denies",
        ),
        pytest.param(
            user(OWNER, said("Allow")),
            (by_key("Deny", HERE),),
            WHY.KEY_POLICY_DENIES,
            id="key policy denies the account",
        ),
        pytest.param(
            user(OTHER, said("Allow")), (), WHY.KEY_POLICY_LACKS, id="abroad, RAM is not enough"
        ),
        pytest.param(
            user(OTHER),
            (by_key("Allow", ANN_ABROAD),),
            WHY.RAM_POLICY_LACKS,
            id="abroad, key policy is not enough",
        ),
        pytest.param(
            user(OTHER, said("Allow")),
            (by_key("Allow", ANN_ABROAD),),
            WHY.BOTH_ALLOW,
            id="abroad, both",
        ),
        pytest.param(
            user(OTHER, said("Allow")),
            (by_key("Allow", ABROAD),),
            WHY.BOTH_ALLOW,
            id="abroad, by account",
        ),
        pytest.param(
            user(OTHER, said("Allow")),
            (by_key("Allow", ANN),),
            WHY.KEY_POLICY_LACKS,
            id="abroad, another account's Ann",
        ),
        pytest.param(
            root_principal(OTHER), (by_key("Allow", ABROAD),), WHY.BOTH_ALLOW, id="account abroad"
        ),
        pytest.param(root_principal(OTHER), (), WHY.KEY_POLICY_LACKS, id="stranger"),
        pytest.param(
            role(OTHER, said("Allow")),
            (by_key("Allow", f"acs:ram::{OTHER}:role/CRYPTO"),),
            WHY.BOTH_ALLOW,
            id="a role, its name without case",
        ),
        pytest.param(
            role(OTHER, said("Allow", "kms:Decrypt", KEY.arn)),
            (by_key("Allow", f"acs:ram::{OTHER}:role/crypto", action="kms:Decrypt"),),
            WHY.BOTH_ALLOW,
            id="least privilege",
        ),
        pytest.param(
            user(OWNER, said("Allow", "kms:Encrypt")), (), WHY.NOTHING_ALLOWS, id="another action"
        ),
        pytest.param(
            user(OWNER, said("Allow", resource=KEY.arn + "x")),
            (),
            WHY.NOTHING_ALLOWS,
            id="another key",
        ),
        pytest.param(ANONYMOUS, (by_key("Allow", HERE),), WHY.ANONYMOUS, id="nobody"),
    ],
)
def test_who_may_use_a_key(
    who: Principal, policy: tuple[Json, ...], expected: KeyDecisionReason
) -> None:
    assert why(who, key(*policy)) is expected


def test_the_deciding_statement_is_named() -> None:
    denied = authorise_key_use(
        user(OWNER, said("Allow")),
        key(by_key("Allow", ANN), by_key("Deny", ANN, action="kms:Dec*") | {"Sid": "NoDecrypt"}),
        DECRYPT,
        POLICIES,
    )
    assert denied.statement is not None
    assert denied.statement.describe() == f"Deny statement 1 (NoDecrypt) of key policy {KEY.id}"
    assert denied.statement.describe() in denied.message


def test_a_session_policy_narrows() -> None:
    narrowing = NamedPolicy("s", parse_policy(document(said("Allow", DECRYPT)), PolicyKind.SESSION))
    who = replace(user(OWNER, said("Allow")), session_policy=narrowing)
    assert why(who, KEY) is WHY.RAM_POLICY_ALLOWS
    assert why(who, KEY, GENERATE_DATA_KEY) is WHY.SESSION_POLICY


def test_tags_of_the_key_are_condition_keys() -> None:
    condition = {"StringEquals": {"kms:tag/team": "storage"}}
    who = user(OWNER, said("Allow") | {"Condition": condition})
    assert why(who, KEY) is WHY.NOTHING_ALLOWS
    assert why(who, replace(KEY, tags={"team": "storage"})) is WHY.RAM_POLICY_ALLOWS


def test_the_default_policy_is_one() -> None:
    read_key_policy(default_policy(OWNER), POLICIES)
    told = replace(KEY, policy=default_policy(OWNER))
    assert why(user(OWNER), told) is why(user(OWNER), KEY)


GOOD = by_key("Allow", ANN)


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        document(GOOD | {"Principal": ["*"]}),
        document(GOOD | {"Principal": {"Service": ["oss.aliyuncs.com"]}}),
        document(GOOD | {"Principal": {"RAM": ["acs:ram::x:*"]}}),
        document(GOOD | {"Principal": {"RAM": []}}),
        document(GOOD | {"Resource": ["acs:kms:*:*:key/x"]}),
        document({name: GOOD[name] for name in GOOD if name != "Principal"}),
        document(GOOD | {"Sid": "s" * 129}),
        document(GOOD | {"NotResource": "*"}),
        json.dumps({"Version": 1, "Statement": [GOOD]}),
        document(GOOD) + " " * 32_768,
    ],
)
def test_what_is_no_key_policy_is_refused(text: str) -> None:
    with pytest.raises(KeyRefused) as refused:
        read_key_policy(text, POLICIES)
    assert refused.value.reason is Reason.INVALID
    assert refused.value.parameter == "Policy"


def test_a_refusal_names_the_statement_that_misses_by_one_part() -> None:
    home = {"Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}
    abroad = f"acs:ram::{OTHER}:role/Crypto"
    allows = said("Allow", DECRYPT)
    rows = [
        (
            role(OWNER, allows | home),
            KEY,
            "Allow statement 0 of RAM policy Own would, but its cond",
        ),
        (
            role(OTHER, allows),
            key(by_key("Allow", f"acs:ram::{OWNER}:*"), by_key("Allow", abroad) | home),
            f"Allow statement 1 of key policy {KEY.id} would, but its condition",
        ),
        (
            role(OTHER, allows),
            key(by_key("Allow", f"acs:ram::{OTHER}:role/Crypt")),
            f"{OTHER}:role/Crypt, asked was acs:ram::{OTHER}:role/crypto",
        ),
        (
            role(OTHER, said("Allow", GENERATE_DATA_KEY)),
            key(by_key("Allow", abroad)),
            "Allow statement 0 of RAM policy Own would, but its Action has kms:GenerateDataKey",
        ),
        (
            role(OTHER, said("Allow", DECRYPT, KEY.arn.replace(OWNER, OTHER))),
            key(by_key("Allow", abroad)),
            "(another account)",
        ),
        (
            replace(role(OWNER), session_policy=ram(allows | home)[0]),
            KEY,
            "Allow statement 0 of RAM policy Own would, but its condition",
        ),
        (role(OWNER), KEY, ""),
        (role(OWNER, said("Deny")), KEY, ""),
    ]
    for who, what, words in rows:
        decision = authorise_key_use(who, what, DECRYPT, POLICIES)
        assert not decision.allowed
        near = "" if decision.near is None else decision.near.describe()
        assert words in near
        assert bool(words) is bool(near)
