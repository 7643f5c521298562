"""The encoded message of a denial: what it says, and that nothing else is taken for one."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.access.authorise import authorise
from emulator.access.decision import AccessCheck, Decision, DecisionReason, OperationClass
from emulator.access.diagnostic import (
    decode_diagnostic,
    describe_denial,
    encode_diagnostic,
    encoded_detail,
)
from emulator.access.identity import Principal
from tests.unit.access.build import OWNER, a_role, a_user, allow, check, deny, ram

CONTEXT = {"acs:SourceIp": ("127.0.0.1",), "oss:Prefix": ("a", "b")}


def denial(who: Principal, checked: AccessCheck) -> dict[str, object]:
    decision: Decision = authorise(who, checked)
    assert not decision.allowed
    return describe_denial(who, checked.action, checked.resource, CONTEXT, decision)


def test_an_explicit_denial_names_its_statement() -> None:
    who = a_user(ram(allow("oss:*"), deny("oss:Get*", Sid="No"), name="narrow"))
    said = denial(who, check(OperationClass.DATA_READ))
    assert said["AuthAction"] == "oss:GetObject"
    assert said["AuthResource"] == f"acs:oss:*:{OWNER}:b/k"
    assert said["ExplicitDeny"] is True
    assert said["MatchedPolicies"] == [
        {
            "Effect": "Deny",
            "PolicyIdentifier": "narrow",
            "PolicyType": said["NoPermissionPolicyType"],
            "Statement": "Deny statement 1 (No) of RAM policy narrow",
        }
    ]
    assert said["AuthConditions"] == [
        {"ConditionKey": "acs:SourceIp", "ConditionValues": ["127.0.0.1"]},
        {"ConditionKey": "oss:Prefix", "ConditionValues": ["a", "b"]},
    ]


@pytest.mark.parametrize("who", [a_user(), a_role()])
def test_an_implicit_denial_has_no_statement(who: Principal) -> None:
    said = denial(who, check(OperationClass.MANAGEMENT))
    assert said["ExplicitDeny"] is False
    assert said["MatchedPolicies"] == []
    shown = said["AuthPrincipal"]
    assert isinstance(shown, dict)
    assert shown["AuthPrincipalOwnerId"] == OWNER
    assert shown["AuthPrincipalDisplayName"] == who.principal_id
    assert shown["AuthPrincipalType"]


def test_the_detail_of_a_denial_carries_the_message() -> None:
    who, checked = a_user(), check(OperationClass.DATA_READ)
    decision = authorise(who, checked)
    detail = encoded_detail(who, checked.action, checked.resource, CONTEXT, decision)
    encoded = detail.pop("EncodedDiagnosticMessage")
    assert detail == dict(decision.denied_detail)
    assert decode_diagnostic(encoded) == denial(who, checked)
    allowed = Decision(allowed=True, reason=DecisionReason.OWNER)
    assert encoded_detail(who, checked.action, checked.resource, CONTEXT, allowed) == {}


MESSAGES = st.dictionaries(st.text(max_size=10), st.text(max_size=50) | st.booleans())


@given(MESSAGES)
def test_what_is_encoded_is_read_again(message: dict[str, object]) -> None:
    text = encode_diagnostic(message)
    assert text.isascii()
    assert " " not in text
    assert decode_diagnostic(text) == message


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "é",
        "no base64!",
        base64.b64encode(b"not packed").decode(),
        base64.b64encode(zlib.compress(b'{"a": "b"}')[:-3]).decode(),
        packed(b"no JSON"),
        packed(b"[1]"),
        packed(b'{"a": "' + b"x" * (256 * 1024) + b'"}'),
        "",
    ],
)
def test_nothing_else_is_taken_for_a_message(text: str) -> None:
    with pytest.raises(ValueError, match="the message"):
        decode_diagnostic(text)


def test_the_longest_message_that_is_read() -> None:
    whole = json.dumps({"a": ""})
    text = "x" * (256 * 1024 - len(whole))
    assert decode_diagnostic(packed(json.dumps({"a": text}).encode())) == {"a": text}
