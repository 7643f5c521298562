"""The whole decision agrees with a naive judge, and planted faults are found by that."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from emulator.access import authorise as real
from emulator.access import denials
from emulator.access.decision import (
    AccessCheck,
    Acl,
    BucketFacts,
    Decision,
    DecisionReason,
    OperationClass,
)
from emulator.access.identity import (
    ANONYMOUS,
    Principal,
    Role,
    User,
    root_principal,
    user_principal,
)
from emulator.access.policy import evaluate as evaluation
from emulator.access.policy.document import parse_policy
from emulator.access.policy.match import ResourceSet
from emulator.access.policy.records import NamedPolicy, PolicyKind
from emulator.access.trust import role_principal
from tests.model.naive_policy import Asked, Json, Who, judge, said

OWNER, OTHER = "1000", "2000"
CLASSES = {
    "read": OperationClass.DATA_READ,
    "write": OperationClass.DATA_WRITE,
    "list": OperationClass.LIST,
    "manage": OperationClass.MANAGEMENT,
}

OPERATIONS = st.sampled_from(
    [
        ("oss:GetObject", "b/k", "read"),
        ("oss:GetObjectVersion", "b/dir/k", "read"),
        ("oss:PutObject", "b/k", "write"),
        ("oss:ListObjects", "b", "list"),
        ("oss:PutBucketPolicy", "b", "manage"),
        ("oss:GetObjectAcl", "b/k", "manage"),
    ]
)
ACTIONS = st.sampled_from(
    [
        *("*", "oss:*", "oss:*", "oss:Get*", "oss:getobject", "oss:GetObject?ersion"),
        *("oss:PutObject", "oss:*Acl", "oss:ListObjects", "oss:P*", "kms:*"),
    ]
)
SCOPES = st.sampled_from([f"acs:oss:*:{uid}" for uid in (OWNER, OTHER, OTHER, "*", "?000")])
RELATIVES = st.sampled_from(["b", "b/*", "b/k", "b/?", "b/dir/*", "*", "c/*", "B/k", "b*"])
RESOURCES = st.one_of(
    st.sampled_from(["*", "acs:oss:*", "acs:*"]), st.builds("{}:{}".format, SCOPES, RELATIVES)
)
PRINCIPALS = st.lists(
    st.sampled_from(
        [
            *("*", OWNER, OTHER, "100077", "200077"),
            "arn:sts::1000:assumed-role/syncrole/*",
            "arn:sts::1000:assumed-role/SyncRole/*",
            "arn:sts::*:*/*/*",
            "arn:sts::2000:assumed-role/*/sess",
        ]
    ),
    max_size=2,
)
ADDRESSES = ["10.1.2.3", "10.1.9.9", "192.168.0.7"]
MOMENTS = ["2026-01-01T00:00:00Z", "2026-06-01T08:00:00+08:00", "2027-01-01T00:00:00Z"]
ORDERS = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
STRINGS = ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"]
PATTERNS = ["StringLike", "StringNotLike"]
BLOCKS = ["10.1.2.3", "10.1.0.0/16", "10.0.0.0/8", "8.0.0.0/5", "*"]


def values(choices: list[str]) -> st.SearchStrategy[Any]:
    one = st.sampled_from(choices)
    return one | st.lists(one, min_size=1, max_size=2)


def condition(
    operators: list[str], key: str, choices: list[str]
) -> st.SearchStrategy[dict[str, dict[str, Any]]]:
    return st.builds(
        lambda operator, listed: {operator: {key: listed}},
        st.sampled_from(operators),
        values(choices),
    )


CONDITION = st.one_of(
    condition(STRINGS, "oss:Prefix", ["", "a", "A", "a/"]),
    condition(PATTERNS, "oss:Prefix", ["a*", "?", "", "*b"]),
    condition([*STRINGS, *PATTERNS], "acs:SourceVpc", ["vpc-1", "vpc-?"]),
    condition([f"Numeric{order}" for order in ORDERS], "oss:days", ["1", "1.50", "20", "-3"]),
    condition([f"Date{order}" for order in ORDERS], "acs:CurrentTime", MOMENTS),
    condition(["Bool"], "acs:SecureTransport", ["true", "false"]),
    condition(["IpAddress", "NotIpAddress", "IpAddressIncludeBorder"], "acs:SourceIp", BLOCKS),
)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "oss:Prefix": st.sampled_from(
            [
                [
                    "",
                ],
                ["a"],
                ["A"],
                ["ab"],
                ["a/"],
            ]
        ),
        "acs:SourceVpc": st.sampled_from([["vpc-1"], ["vpc-2"]]),
        "oss:days": st.sampled_from([["1"], ["1.5"], ["3"], ["20"]]),
        "acs:CurrentTime": st.sampled_from([[each] for each in MOMENTS]),
        "acs:SecureTransport": st.sampled_from([["true"], ["false"]]),
        "acs:SourceIp": st.sampled_from([[each] for each in ADDRESSES]),
    },
)


@st.composite
def statements(draw: st.DrawFn, kind: PolicyKind) -> Json:
    statement: Json = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    action = draw(st.sampled_from(["Action", "Action", "Action", "NotAction"]))
    statement[action] = draw(st.lists(ACTIONS, min_size=1, max_size=2))
    resource = "Resource"
    if kind is not PolicyKind.BUCKET:
        resource = draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]))
    statement[resource] = draw(st.lists(RESOURCES, min_size=1, max_size=2))
    if kind is PolicyKind.BUCKET:
        statement["Principal"] = draw(PRINCIPALS)
    if draw(st.integers(0, 2)) == 0:
        parts = draw(st.lists(CONDITION, max_size=2))
        merged: dict[str, dict[str, Any]] = {}
        for part in parts:
            for operator, keys in part.items():
                merged.setdefault(operator, {}).update(keys)
        statement["Condition"] = merged
    return statement


def policies(kind: PolicyKind, size_max: int = 3) -> st.SearchStrategy[Json]:
    listed = st.lists(statements(kind), min_size=1, max_size=size_max)
    return st.builds(lambda every: {"Version": "1", "Statement": every}, listed)


WHO = st.sampled_from(
    [
        Who(kind="root", account=OWNER),
        Who(kind="root", account=OTHER),
        Who(kind="user", account=OWNER, user_id="100077"),
        Who(kind="user", account=OTHER, user_id="200077"),
        Who(kind="role", account=OWNER, role="SyncRole", session="sess"),
        Who(kind="role", account=OTHER, role="SyncRole", session="sess"),
        Who(kind="anonymous"),
    ]
)
ACLS = st.sampled_from(["private", "public-read", "public-read-write"])


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    who = draw(WHO)
    action, relative, operation = draw(OPERATIONS)
    has_policies = who.kind in ("user", "role")
    ram = st.lists(policies(PolicyKind.RAM), max_size=2) if has_policies else st.just([])
    session = st.none() | policies(PolicyKind.SESSION, 2) if who.kind == "role" else st.none()
    has_object = "/" in relative
    return Asked(
        who=who,
        action=action,
        resource=f"acs:oss:oss-cn-hangzhou:{OWNER}:{relative}",
        operation=operation,
        owner=OWNER,
        bucket_acl=draw(ACLS),
        object_acl=draw(st.none() | ACLS | st.just("default")) if has_object else None,
        blocked=draw(st.booleans()),
        batch=draw(st.booleans()),
        context=draw(CONTEXTS),
        ram_policies=draw(ram),
        session_policy=draw(session),
        bucket_policy=draw(st.none() | policies(PolicyKind.BUCKET)),
    )


def named(kind: PolicyKind, document: Json, name: str) -> NamedPolicy:
    return NamedPolicy(name, parse_policy(json.dumps(document), kind))


def principal_of(asked: Asked) -> Principal:
    who = asked.who
    ram = tuple(named(PolicyKind.RAM, one, f"p{at}") for at, one in enumerate(asked.ram_policies))
    match who.kind:
        case "root":
            return root_principal(who.account)
        case "user":
            user = User(account_uid=who.account, name="ann", user_id=who.user_id)
            return user_principal(user, ram)
        case "role":
            role = Role(account_uid=who.account, name=who.role, role_id="3", trust_policy="")
            narrowed = asked.session_policy
            session = None if narrowed is None else named(PolicyKind.SESSION, narrowed, "s")
            return role_principal(role, ram, who.session, session_policy=session)
        case _:
            return ANONYMOUS


def check_of(asked: Asked) -> AccessCheck:
    assert asked.owner is not None
    policy = asked.bucket_policy
    bucket = BucketFacts(
        owner_uid=asked.owner,
        acl=Acl(asked.bucket_acl),
        policy=None if policy is None else named(PolicyKind.BUCKET, policy, "b"),
        public_blocked=asked.blocked,
    )
    return AccessCheck(
        action=asked.action,
        resource=asked.resource,
        operation=CLASSES[asked.operation],
        bucket=bucket,
        object_acl=None if asked.object_acl is None else Acl(asked.object_acl),
        context={key: tuple(listed) for key, listed in asked.context.items()},
        batch=asked.batch,
    )


def compare(asked: Asked) -> None:
    """The two judges agree; where a Deny or a session decides also on its number, and on what the
    bucket policy says by itself, which the rest of a decision often hides."""
    principal, check = principal_of(asked), check_of(asked)
    decision = real.authorise(principal, check)
    allowed, ec = judge(asked)
    if asked.bucket_policy is not None:
        policy = named(PolicyKind.BUCKET, asked.bucket_policy, "b")
        effect = evaluation.evaluate((policy,), real.policy_request(principal, check)).effect
        assert effect.value == said([asked.bucket_policy], asked)
    assert decision.allowed is allowed
    if ec:
        assert decision.ec == ec
    if decision.allowed:
        assert decision.ec == ""


@settings(max_examples=600, deadline=None)
@given(questions())
def test_decisions_agree(asked: Asked) -> None:
    compare(asked)


@st.composite
def addressed(draw: st.DrawFn) -> Asked:
    """A bucket policy of one statement about everything, so that whom it means decides."""
    statement: Json = {"Effect": draw(st.sampled_from(["Allow", "Deny"])), "Action": ["oss:*"]}
    statement |= {"Resource": ["*"], "Principal": draw(PRINCIPALS)}
    if draw(st.booleans()):
        statement["Condition"] = draw(CONDITION)
    return Asked(
        who=draw(WHO),
        action="oss:GetObject",
        resource=f"acs:oss:oss-cn-hangzhou:{OWNER}:b/k",
        operation="read",
        owner=OWNER,
        blocked=draw(st.booleans()),
        context=draw(CONTEXTS),
        bucket_policy={"Version": "1", "Statement": [statement]},
    )


@settings(max_examples=600, deadline=None)
@given(addressed())
def test_whom_a_statement_means_agrees(asked: Asked) -> None:
    compare(asked)


# Faults planted on purpose: what finds none of them proves nothing.


def forget_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resource is compared without the account it belongs to."""

    def matches(self: ResourceSet, _scope: str, relative: str) -> bool:
        return self.everything or any(what.matches(relative) for _, what in self.groups)

    monkeypatch.setattr(ResourceSet, "matches", matches)


def ask_allows_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Allow is looked for before a Deny."""

    def evaluate(every: Any, request: Any) -> Any:
        for effect in (evaluation.Outcome.ALLOW, evaluation.Outcome.EXPLICIT_DENY):
            for one in every:
                said = original((one,), request)
                if said.effect is effect:
                    return said
        return evaluation.IMPLICIT_DENY

    original = evaluation.evaluate
    monkeypatch.setattr(real, "evaluate", evaluate)


def let_identity_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Allow of a RAM policy ends it before the bucket policy is asked for a Deny."""

    def explicit_denial(principal: Any, check: Any, identity: Any, bucket: Any) -> Any:
        if identity.effect is evaluation.Outcome.ALLOW:
            return Decision(allowed=True, reason=DecisionReason.IDENTITY_POLICY_ALLOW)
        return original(principal, check, identity, bucket)

    original = denials.explicit_denial
    monkeypatch.setattr(real, "explicit_denial", explicit_denial)


@pytest.mark.parametrize(
    "plant",
    [forget_the_account, ask_allows_first, let_identity_go_first],
    ids=["resource without account", "deny after allow", "deny after another policy's allow"],
)
def test_planted_fault_is_found(
    monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    plant(monkeypatch)

    @settings(
        max_examples=1500,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(questions())
    def search(asked: Asked) -> None:
        compare(asked)

    with pytest.raises(AssertionError):
        search()
