"""Key policies: the grammar's fifth kind, element by element."""

from __future__ import annotations

import pytest

from emulator.access.policy.document import parse_policy
from emulator.access.policy.faults import PolicyError, PolicyFault
from emulator.access.policy.records import PolicyKind
from tests.unit.access.build import Json, allow, document

KEY = PolicyKind.KEY
ACCOUNT, USER = "acs:ram::1000:*", "acs:ram::1000:user/ann"


def of_key(**changes: object) -> Json:
    return allow("kms:*", ["*"], Principal={"RAM": [ACCOUNT]}) | changes


@pytest.mark.parametrize(
    "principal",
    [ACCOUNT, USER, "acs:ram::1000:root", "acs:ram::1000:role/Sync", [ACCOUNT, USER]],
)
def test_principals_of_keys(principal: object) -> None:
    policy = parse_policy(document(of_key(Principal={"RAM": principal})), KEY)
    principals = policy.statements[0].principals
    assert principals is not None
    listed = principal if isinstance(principal, list) else [principal]
    assert principals.entries == tuple(listed)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"Principal": {"RAM": ["1000"]}}, "Statement[0].Principal.RAM"),
        ({"Principal": {"Service": ["oss.aliyuncs.com"]}}, "Statement[0].Principal"),
        ({"Principal": {"RAM": [ACCOUNT], "Service": ["x.y"]}}, "Statement[0].Principal"),
        ({"Principal": {}}, "Statement[0].Principal"),
        ({"Principal": ["*"]}, "Statement[0].Principal"),
        ({"Resource": ["acs:kms:*:1000:key/k"]}, "Statement[0].Resource"),
        ({"NotResource": ["*"]}, "Statement[0].NotResource"),
        ({"NotAction": ["kms:*"]}, "Statement[0].NotAction"),
    ],
)
def test_what_is_no_key_policy(changes: Json, path: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document(of_key(**changes)), KEY)
    assert (caught.value.reason, caught.value.path) == (PolicyFault.SYNTAX, path)


def test_a_key_policy_names_its_users() -> None:
    statement = {name: value for name, value in of_key().items() if name != "Principal"}
    with pytest.raises(PolicyError, match="Principal is missing"):
        parse_policy(document(statement), KEY, principal_required=False)


def test_size_of_key_policies() -> None:
    rest = len(document(of_key(Sid="")))
    parse_policy(document(of_key(Sid="x" * (32_768 - rest))), KEY)
    with pytest.raises(PolicyError) as caught:
        parse_policy(document(of_key(Sid="x" * (32_769 - rest))), KEY)
    assert caught.value.reason is PolicyFault.TOO_LARGE
