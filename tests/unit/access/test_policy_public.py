"""Which bucket policies grant to the public."""

from __future__ import annotations

import pytest

from emulator.access.policy.document import parse_policy
from emulator.access.policy.public import is_public
from emulator.access.policy.records import PolicyKind
from tests.unit.access.build import Json, allow, deny, document

EVERYBODY: Json = {"Principal": ["*"]}


def given(operator: str, key: str, *values: str) -> Json:
    return {**EVERYBODY, "Condition": {operator: {key: list(values)}}}


ROWS: list[tuple[str, Json, bool]] = [
    ("everyone", allow("oss:GetObject", **EVERYBODY), True),
    ("an empty list", allow("oss:GetObject", Principal=[]), True),
    ("everyone beside somebody", allow("oss:*", Principal=["2000", "*"]), True),
    ("one account", allow("oss:*", Principal=["2000"]), False),
    ("one role", allow("oss:*", Principal=["arn:sts::2000:assumed-role/r/s"]), False),
    ("any session of a role", allow("oss:*", Principal=["arn:sts::2000:assumed-role/r/*"]), True),
    ("a deny", deny("oss:*", **EVERYBODY), False),
    ("one VPC", allow("oss:*", **given("StringEquals", "acs:SourceVpc", "vpc-1")), False),
    ("two VPCs", allow("oss:*", **given("StringEquals", "acs:SourceVpc", "v1", "v2")), False),
    ("a VPC id", allow("oss:*", **given("StringLike", "acs:SourceVpcId", "vpc-1")), False),
    ("any VPC", allow("oss:*", **given("StringLike", "acs:SourceVpc", "vpc-*")), True),
    ("one of them any", allow("oss:*", **given("StringLike", "acs:SourceVpc", "v", "*")), True),
    ("no VPC", allow("oss:*", **given("StringNotEquals", "acs:SourceVpc", "vpc-1")), True),
    ("one key", allow("oss:*", **given("StringEquals", "acs:AccessId", "LTAI1")), False),
    ("a key like", allow("oss:*", **given("StringLike", "acs:AccessId", "LTAI?")), True),
    ("an address", allow("oss:*", **given("IpAddress", "acs:SourceIp", "10.0.0.1")), False),
    ("a /8", allow("oss:*", **given("IpAddress", "acs:SourceIp", "10.0.0.0/8")), False),
    ("a /7", allow("oss:*", **given("IpAddress", "acs:SourceIp", "10.0.0.0/7")), True),
    ("a /8 and all", allow("oss:*", **given("IpAddress", "acs:SourceIp", "10.0.0.0/8", "*")), True),
    ("a v6 /32", allow("oss:*", **given("IpAddress", "acs:SourceIp", "2001:db8::/32")), False),
    ("a v6 /31", allow("oss:*", **given("IpAddress", "acs:SourceIp", "2001:db8::/31")), True),
    (
        "all of v4 in v6",
        allow("oss:*", **given("IpAddress", "acs:SourceIp", "::ffff:0:0/96")),
        True,
    ),
    ("not an address", allow("oss:*", **given("NotIpAddress", "acs:SourceIp", "10.0.0.1")), True),
    ("an address of another key", allow("oss:*", **given("IpAddress", "my:Ip", "10.0.0.1")), True),
    ("a tag", allow("oss:*", **given("StringEquals", "oss:ExistingObjectTag/a", "b")), True),
]


@pytest.mark.parametrize(("name", "statement", "public"), ROWS, ids=[row[0] for row in ROWS])
def test_a_statement_is_public_unless_something_fixed_narrows_it(
    name: str, statement: Json, public: bool
) -> None:
    assert is_public(parse_policy(document(statement), PolicyKind.BUCKET)) is public


def test_one_public_statement_makes_a_policy_public() -> None:
    private, public = allow("oss:*", Principal=["2000"]), allow("oss:*", **EVERYBODY)
    assert is_public(parse_policy(document(private, public), PolicyKind.BUCKET))
    assert not is_public(parse_policy(document(private, private), PolicyKind.BUCKET))


def test_a_statement_without_principal_means_nobody() -> None:
    text = document(allow("oss:*"))
    assert not is_public(parse_policy(text, PolicyKind.BUCKET, principal_required=False))


def test_policies_without_principals_are_never_public() -> None:
    assert not is_public(parse_policy(document(allow("oss:*")), PolicyKind.RAM))
