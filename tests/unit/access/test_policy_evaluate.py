"""Which statement decides, why the others did not, and the prepared form of the same question."""

from __future__ import annotations

import pytest

from emulator.access.policy.document import parse_policy
from emulator.access.policy.evaluate import IMPLICIT_DENY, Outcome, PolicyRequest, evaluate
from emulator.access.policy.prepared import prepare
from emulator.access.policy.records import (
    Caller,
    Effect,
    NamedPolicy,
    PolicyKind,
    StatementRef,
)
from emulator.access.policy.trace import Mismatch, trace
from tests.unit.access.build import Json, allow, bucket_policy, deny, document, ram

OBJECT = "acs:oss:*:1000:b/k"
BUCKET = "acs:oss:*:1000:b"
ROLE = "arn:sts::1000:assumed-role/syncrole/sess"
ALLOW, EXPLICIT, IMPLICIT = Outcome.ALLOW, Outcome.EXPLICIT_DENY, Outcome.IMPLICIT_DENY


STATEMENTS: list[tuple[str, list[Json], str, str, Outcome, int | None]] = [
    ("no statement fits", [allow("oss:PutObject")], "oss:GetObject", OBJECT, IMPLICIT, None),
    ("an allow", [allow("oss:GetObject")], "oss:GetObject", OBJECT, ALLOW, 0),
    ("actions without case", [allow("oss:getobject")], "oss:GetObject", OBJECT, ALLOW, 0),
    ("asked without case", [allow("oss:PutBucketRTC")], "oss:putbucketrtc", BUCKET, ALLOW, 0),
    (
        "resources with case",
        [allow("*", "acs:oss:*:*:B/*")],
        "oss:GetObject",
        OBJECT,
        IMPLICIT,
        None,
    ),
    ("a deny after an allow", [allow("*"), deny("oss:Get*")], "oss:GetObject", OBJECT, EXPLICIT, 1),
    (
        "a deny before an allow",
        [deny("oss:Get*"), allow("*")],
        "oss:GetObject",
        OBJECT,
        EXPLICIT,
        0,
    ),
    ("a deny of something else", [deny("oss:Put*"), allow("*")], "oss:GetObject", OBJECT, ALLOW, 1),
    ("the first of two allows", [allow("oss:*"), allow("*")], "oss:GetObject", OBJECT, ALLOW, 0),
    (
        "a version is another action",
        [allow("oss:GetObject")],
        "oss:GetObjectVersion",
        OBJECT,
        IMPLICIT,
        None,
    ),
    (
        "objects are not the bucket",
        [allow("*", "acs:oss:*:*:b/*")],
        "oss:ListObjects",
        BUCKET,
        IMPLICIT,
        None,
    ),
    (
        "the bucket is not its objects",
        [allow("*", "acs:oss:*:*:b")],
        "oss:GetObject",
        OBJECT,
        IMPLICIT,
        None,
    ),
    (
        "NotAction",
        [{"Effect": "Allow", "NotAction": "oss:Put*", "Resource": "*"}],
        "oss:GetObject",
        OBJECT,
        ALLOW,
        0,
    ),
    (
        "NotAction of the action",
        [{"Effect": "Allow", "NotAction": "oss:Get*", "Resource": "*"}],
        "oss:GetObject",
        OBJECT,
        IMPLICIT,
        None,
    ),
    (
        "NotResource",
        [{"Effect": "Deny", "Action": "*", "NotResource": "acs:oss:*:*:c/*"}],
        "oss:GetObject",
        OBJECT,
        EXPLICIT,
        0,
    ),
    (
        "NotResource of the resource",
        [{"Effect": "Deny", "Action": "*", "NotResource": "acs:oss:*:*:b/*"}],
        "oss:GetObject",
        OBJECT,
        IMPLICIT,
        None,
    ),
    (
        "NotResource of nothing that exists",
        [{"Effect": "Deny", "Action": "*", "NotResource": "acs:oss:b"}],
        "oss:GetObject",
        OBJECT,
        EXPLICIT,
        0,
    ),
]


@pytest.mark.parametrize(
    ("statements", "action", "resource", "outcome", "index"),
    [row[1:] for row in STATEMENTS],
    ids=[row[0] for row in STATEMENTS],
)
def test_statements_decide(
    statements: list[Json], action: str, resource: str, outcome: Outcome, index: int | None
) -> None:
    policies = (ram(*statements),)
    said = evaluate(policies, PolicyRequest(action, resource))
    assert said.effect is outcome
    assert (said.statement.index if said.statement else None) == index
    assert prepare(policies, action).decide(resource) == said


def test_a_deny_in_a_later_policy_wins_and_is_named() -> None:
    policies = (ram(allow("*"), name="first"), ram(deny("*", Sid="stop"), name="second"))
    said = evaluate(policies, PolicyRequest("oss:GetObject", OBJECT))
    assert said.statement == StatementRef(PolicyKind.RAM, "second", "stop", 0, Effect.DENY)
    assert said.statement.describe() == "Deny statement 0 (stop) of RAM policy second"


def test_a_statement_without_sid_is_described_by_its_number() -> None:
    said = evaluate((ram(deny("*")),), PolicyRequest("oss:GetObject", OBJECT))
    assert said.statement is not None
    assert said.statement.describe() == "Deny statement 0 of RAM policy p"


def test_no_policy_is_an_implicit_deny() -> None:
    assert evaluate((), PolicyRequest("oss:GetObject", OBJECT)) is IMPLICIT_DENY


TWO_KEYS: Json = {"StringEquals": {"k": ["a", "b"], "l": "c"}}
TWO_OPERATORS: Json = {"StringEquals": {"k": "a"}, "StringNotEquals": {"l": "c"}}


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        (TWO_KEYS, {"k": "b", "l": "c"}, True),
        (TWO_KEYS, {"k": "b"}, False),
        (TWO_KEYS, {"k": "c", "l": "c"}, False),
        (TWO_OPERATORS, {"k": "a"}, True),
        (TWO_OPERATORS, {"k": "a", "l": "c"}, False),
    ],
)
def test_operators_and_keys_are_and_and_values_are_or(
    condition: Json, context: dict[str, str], holds: bool
) -> None:
    policies = (ram(allow("*", Condition=condition)),)
    given = {key: (value,) for key, value in context.items()}
    said = evaluate(policies, PolicyRequest("oss:GetObject", OBJECT, given))
    assert (said.effect is ALLOW) is holds
    assert prepare(policies, "oss:GetObject", given).decide(OBJECT) == said


VPC: Json = {"StringNotEquals": {"acs:SourceVpc": ["vpc-1"]}}

PRINCIPALS: list[tuple[str, object, Caller, bool, bool]] = [
    ("everyone, a stranger", ["*"], Caller(("2000",)), False, True),
    ("everyone, anonymous", ["*"], Caller(), False, True),
    ("everyone, the owner", ["*"], Caller(("1000",)), True, False),
    ("everyone as text", "*", Caller(("2000",)), False, True),
    ("an empty list, a stranger", [], Caller(("2000",)), False, True),
    ("an empty list, the owner", [], Caller(("1000",)), True, False),
    ("everyone and the owner by name", ["*", "1000"], Caller(("1000",)), True, True),
    ("an account", ["2000"], Caller(("2000",)), False, True),
    ("an account, anonymous", ["2000"], Caller(), False, False),
    ("an account, its user", ["2000"], Caller(("2000", "77")), False, True),
    ("a user", ["77"], Caller(("2000", "77")), False, True),
    ("a user, the account", ["77"], Caller(("2000",)), False, False),
    ("a role", [ROLE], Caller(("1000",), ROLE), False, True),
    (
        "a role, any session",
        ["arn:sts::1000:assumed-role/syncrole/*"],
        Caller((), ROLE),
        False,
        True,
    ),
    (
        "a role, other session",
        ["arn:sts::1000:assumed-role/syncrole/x"],
        Caller((), ROLE),
        False,
        False,
    ),
    (
        "a role in mixed case",
        ["arn:sts::1000:assumed-role/SyncRole/*"],
        Caller((), ROLE),
        False,
        False,
    ),
    ("any role", ["arn:sts::*:*/*/*"], Caller((), ROLE), False, True),
    ("any role, a user", ["arn:sts::*:*/*/*"], Caller(("1000",)), False, False),
]


@pytest.mark.parametrize(
    ("principal", "caller", "owner", "reached"),
    [row[1:] for row in PRINCIPALS],
    ids=[row[0] for row in PRINCIPALS],
)
@pytest.mark.parametrize("effect", [allow, deny])
def test_principals_of_bucket_policies(
    principal: object, caller: Caller, owner: bool, reached: bool, effect: object
) -> None:
    write = allow if effect is allow else deny
    policies = (bucket_policy(write("oss:*", Principal=principal)),)
    said = evaluate(policies, PolicyRequest("oss:GetObject", OBJECT, {}, caller, owner))
    assert (said.effect is not IMPLICIT) is reached
    assert prepare(policies, "oss:GetObject", {}, caller, owner=owner).decide(OBJECT) == said


@pytest.mark.parametrize("caller", [Caller(("1000",)), Caller()])
def test_everyone_under_a_condition_reaches_the_owner_and_the_anonymous(caller: Caller) -> None:
    policies = (bucket_policy(deny("oss:*", Principal=["*"], Condition=VPC)),)
    request = PolicyRequest("oss:GetObject", OBJECT, {}, caller, bool(caller.names))
    assert evaluate(policies, request).effect is EXPLICIT


def test_an_empty_condition_is_no_condition() -> None:
    policies = (bucket_policy(deny("oss:*", Principal=["*"], Condition={"Bool": {}})),)
    request = PolicyRequest("oss:GetObject", OBJECT, {}, Caller(("1000",)), True)
    assert evaluate(policies, request).effect is IMPLICIT


def test_a_missing_principal_means_nobody() -> None:
    text = document(allow("oss:*"))
    policy = parse_policy(text, PolicyKind.BUCKET, principal_required=False)
    policies = (NamedPolicy("b", policy),)
    for caller in (Caller(), Caller(("1000",)), Caller((), ROLE)):
        assert (
            evaluate(policies, PolicyRequest("oss:GetObject", OBJECT, {}, caller)) is IMPLICIT_DENY
        )


PUBLIC: list[tuple[Json, bool]] = [
    (allow("oss:*", Principal=["*"]), False),
    (allow("oss:*", Principal=["*", "2000"]), False),
    (allow("oss:*", Principal=["2000"]), True),
    (allow("oss:*", Principal=["*"], Condition=VPC), False),  # whoever is in no VPC
    (deny("oss:*", Principal=["*"]), True),
]


@pytest.mark.parametrize(("statement", "counts"), PUBLIC)
def test_blocking_public_access_ignores_grants_to_the_public(statement: Json, counts: bool) -> None:
    caller = Caller(("2000",))
    policies = (bucket_policy(statement),)
    asked = PolicyRequest("oss:GetObject", OBJECT, {}, caller, False, True)
    assert (evaluate(policies, asked).effect is not IMPLICIT) is counts
    free = PolicyRequest("oss:GetObject", OBJECT, {}, caller)
    assert evaluate(policies, free).effect is not IMPLICIT


def test_a_trace_lists_every_statement_with_the_part_that_did_not_fit() -> None:
    policies = (
        bucket_policy(
            allow("oss:PutObject", Principal=["2000"], Sid="A"),
            allow("oss:*", "acs:oss:*:*:c/*", Principal=["2000"], Sid="R"),
            allow("oss:*", Principal=["3000"], Sid="P"),
            allow(
                "oss:*",
                Principal=["2000"],
                Sid="C",
                Condition={
                    "Bool": {"acs:SecureTransport": "true"},
                    "IpAddress": {"acs:SourceIp": ["10.0.0.1", "10.0.0.2"]},
                },
            ),
            allow("oss:*", Principal=["2000"], Sid="M", Condition={"Bool": {"x": "true"}}),
            deny("oss:*", Principal=["2000"]),
        ),
        ram(allow("oss:*"), name="q"),
    )
    context = {"acs:SecureTransport": ("true",), "acs:SourceIp": ("10.0.0.9",)}
    request = PolicyRequest("oss:GetObject", OBJECT, context, Caller(("2000",)))
    traced = trace(policies, request)
    assert [one.mismatch for one in traced] == [
        Mismatch.ACTION,
        Mismatch.RESOURCE,
        Mismatch.PRINCIPAL,
        Mismatch.CONDITION,
        Mismatch.CONDITION,
        Mismatch.NONE,
        Mismatch.NONE,
    ]
    assert [one.describe() for one in traced] == [
        "Allow statement 0 (A) of bucket policy b did not match: action",
        "Allow statement 1 (R) of bucket policy b did not match: resource",
        "Allow statement 2 (P) of bucket policy b did not match: principal",
        "Allow statement 3 (C) of bucket policy b did not match: "
        "IpAddress acs:SourceIp [10.0.0.1, 10.0.0.2], request has 10.0.0.9",
        "Allow statement 4 (M) of bucket policy b did not match: Bool x [true], request has absent",
        "Deny statement 5 of bucket policy b matched",
        "Allow statement 0 of RAM policy q matched",
    ]


def test_a_prepared_evaluation_follows_the_resource_from_account_to_account() -> None:
    prepared = prepare(
        (
            ram(
                allow("oss:*", ["acs:oss:*:1000:b/*", "acs:oss:*:2000:c/*"]),
                deny("oss:*", "acs:oss:*:*:*/no"),
            ),
        ),
        "oss:ReplicatePut",
    )
    answers = {
        "acs:oss:*:1000:b/k": ALLOW,
        "acs:oss:*:2000:b/k": IMPLICIT,
        "acs:oss:*:2000:c/k": ALLOW,
        "acs:oss:*:2000:c/no": EXPLICIT,
        "acs:oss:*:1000:c/k": IMPLICIT,
        "acs:oss:*:1000:b/no": EXPLICIT,
        "acs:kms:*:1000:b/k": IMPLICIT,
    }
    for _ in range(2):
        for resource, expected in answers.items():
            assert prepared.decide(resource).effect is expected


def test_a_prepared_evaluation_knows_which_keys_it_depends_on() -> None:
    policies = (
        ram(
            allow("oss:Put*", Condition={"Bool": {"unasked": "true"}}),
            allow("oss:Get*", Condition={"Bool": {"one": "true"}, "StringEquals": {"two": "x"}}),
        ),
        bucket_policy(allow("oss:*", Principal=["3000"], Condition={"Bool": {"other": "true"}})),
    )
    assert prepare(policies, "oss:GetObject").condition_keys == {"one", "two"}


def test_a_text_that_is_no_resource_is_a_broken_assumption() -> None:
    with pytest.raises(ValueError, match="is no resource name"):
        evaluate((), PolicyRequest("oss:GetObject", "b/k"))
    with pytest.raises(ValueError, match="is no resource name"):
        prepare((), "oss:GetObject").decide("b/k")
