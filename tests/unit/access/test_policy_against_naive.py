"""Two evaluators that share no code agree on random policies and requests."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.access.policy.evaluate import PolicyRequest, evaluate
from emulator.access.policy.prepared import prepare
from emulator.access.policy.trace import Mismatch, trace
from tests.unit.access.build import Json, ram
from tests.unit.access.naive_policy import naive_evaluate

ACTIONS = st.sampled_from(["oss:GetObject", "oss:PutObject", "oss:ReplicatePut", "kms:Decrypt"])
ACTION_PATTERNS = st.sampled_from(
    ["*", "oss:*", "oss:Get*", "oss:get?bject", "oss:*Object", "oss:PutObject", "k*:*", "oss:R*P?t"]
)
RELATIVES = st.text("ab/:", max_size=6)
SCOPES = st.sampled_from(["acs:oss:*:1", "acs:oss:r:1", "acs:oss:*:2", "acs:kms:r:1"])
RESOURCES = st.builds("{}:{}".format, SCOPES, RELATIVES)
SCOPE_PATTERNS = st.sampled_from(
    ["acs:oss:*:*", "acs:oss:*:1", "acs:*:?:1", "acs:oss:r:*", "acs:*:*:*", "acs:oss", "acs"]
)
RESOURCE_PATTERNS = st.one_of(
    st.sampled_from(["*", "acs:oss:*", "acs:*", "acs:oss:*:b"]),
    st.builds("{}:{}".format, SCOPE_PATTERNS, st.text("ab/:*?", max_size=6)),
)
KEYS = st.sampled_from(["k", "l"])
VALUES = st.sampled_from(["1", "2", "ab", "a*", ""])
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "StringEquals": st.dictionaries(KEYS, VALUES, max_size=2),
        "StringNotEquals": st.dictionaries(KEYS, VALUES, max_size=2),
        "StringLike": st.dictionaries(KEYS, st.lists(VALUES, min_size=1, max_size=2), max_size=2),
        "StringNotLike": st.dictionaries(KEYS, VALUES, max_size=2),
        "NumericLessThan": st.dictionaries(KEYS, st.sampled_from(["1", "2"]), max_size=1),
    },
)
CONTEXTS = st.dictionaries(KEYS, st.lists(VALUES, max_size=2).map(tuple), max_size=2)


def listed(values: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    return st.one_of(values, st.lists(values, min_size=1, max_size=3))


@st.composite
def statements(draw: st.DrawFn) -> Json:
    statement: Json = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    action = draw(st.sampled_from(["Action", "Action", "NotAction"]))
    resource = draw(st.sampled_from(["Resource", "Resource", "NotResource"]))
    statement[action] = draw(listed(ACTION_PATTERNS))
    statement[resource] = draw(listed(RESOURCE_PATTERNS))
    if draw(st.booleans()):
        statement["Condition"] = draw(CONDITIONS)
    return statement


POLICIES = st.lists(st.lists(statements(), min_size=1, max_size=4), max_size=3)


@settings(max_examples=400, deadline=None)
@given(POLICIES, ACTIONS, st.lists(RESOURCES, min_size=1, max_size=4), CONTEXTS)
def test_evaluators_agree(
    written: list[list[Json]],
    action: str,
    resources: list[str],
    context: dict[str, tuple[str, ...]],
) -> None:
    policies = tuple(ram(*one, name=str(at)) for at, one in enumerate(written))
    prepared = prepare(policies, action, context)
    for resource in resources:
        request = PolicyRequest(action, resource, context)
        said = evaluate(policies, request)
        assert said.effect.value == naive_evaluate(written, action, resource, context)
        assert prepared.decide(resource) == said
        matched = {t.statement for t in trace(policies, request) if t.mismatch is Mismatch.NONE}
        assert (said.statement in matched) if said.statement else not matched


BELOW = st.sampled_from(["acs:oss:*:1:", "acs:oss:*:1:b/", "acs:oss:*:1:bucket/", "acs:oss:*:2:b"])


@settings(max_examples=400, deadline=None)
@given(POLICIES, ACTIONS, BELOW, st.lists(st.text("a/b*?", max_size=4), max_size=8), CONTEXTS)
def test_what_is_said_of_all_resources_below_is_said_of_each(
    written: list[list[Json]],
    action: str,
    prefix: str,
    tails: list[str],
    context: dict[str, tuple[str, ...]],
) -> None:
    policies = tuple(ram(*one, name=str(at)) for at, one in enumerate(written))
    prepared = prepare(policies, action, context)
    said = prepared.decide_below(prefix)
    if said is not None:
        for tail in ["", *tails]:
            assert prepared.decide(prefix + tail) == said


def test_what_can_be_said_of_all_resources_below_a_prefix() -> None:
    policies = (
        ram(
            {"Effect": "Deny", "Action": "*", "Resource": "acs:oss:*:1:b/secret/*"},
            {"Effect": "Allow", "Action": "*", "Resource": ["acs:oss:*:1:b/*", "acs:oss:*:1:one"]},
        ),
    )
    prepared = prepare(policies, "oss:GetObject")

    def below(prefix: str) -> str | None:
        said = prepared.decide_below(prefix)
        assert said == prepared.decide_below(prefix)  # within the scope that was entered
        return None if said is None else said.effect.value

    assert below("acs:oss:r:1:b/secret/x") == "ExplicitDeny"
    assert below("acs:oss:r:1:b/public/") == "Allow"
    assert below("acs:oss:r:1:b/sec") is None
    assert below("acs:oss:r:1:on") is None
    assert below("acs:oss:r:2:b/") == "ImplicitDeny"
    assert below("acs:oss:r:1:c/") == "ImplicitDeny"
