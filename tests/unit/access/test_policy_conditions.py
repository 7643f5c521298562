"""Condition operators, one row per documented behaviour."""

from __future__ import annotations

import pytest

from emulator.access.policy.conditions import Operator, compile_condition, read_network

ROWS: list[tuple[str, tuple[str, ...], str, bool]] = [
    ("StringEquals", ("a",), "a", True),
    ("StringEquals", ("a",), "A", False),
    ("StringEquals", ("a*",), "ab", False),
    ("StringEquals", ("",), "", True),
    ("StringEquals", ("a", "b"), "b", True),
    ("StringNotEquals", ("a",), "b", True),
    ("StringNotEquals", ("a", "b"), "b", False),
    ("StringEqualsIgnoreCase", ("aB",), "Ab", True),
    ("StringEqualsIgnoreCase", ("ab",), "a", False),
    ("StringNotEqualsIgnoreCase", ("AB",), "ab", False),
    ("StringNotEqualsIgnoreCase", ("AB",), "c", True),
    ("StringLike", ("vpc-*",), "vpc-1", True),
    ("StringLike", ("vpc-*",), "VPC-1", False),
    ("StringLike", ("v?c",), "vpc", True),
    ("StringLike", ("hangzhou/2015/*",), "hangzhou/2016/", False),
    ("StringNotLike", ("vpc-*",), "vpc-1", False),
    ("StringNotLike", ("vpc-*",), "", True),
    ("NumericEquals", ("10",), "10.0", True),
    ("NumericEquals", ("10",), "11", False),
    ("NumericEquals", ("10",), "ten", False),
    ("NumericEquals", ("1e2",), "100", True),
    ("NumericEquals", ("9007199254740993",), "9007199254740992", False),
    ("NumericNotEquals", ("10",), "10", False),
    ("NumericNotEquals", ("10",), "ten", True),
    ("NumericLessThan", ("10",), "9.9", True),
    ("NumericLessThan", ("10",), "10", False),
    ("NumericLessThan", ("10",), "-Infinity", False),
    ("NumericLessThanEquals", ("10",), "10", True),
    ("NumericLessThanEquals", ("10",), "10.1", False),
    ("NumericGreaterThan", ("10",), "10", False),
    ("NumericGreaterThan", ("20", "10"), "11", True),
    ("NumericGreaterThanEquals", ("10",), "10", True),
    ("NumericGreaterThanEquals", ("10",), "9", False),
    ("DateEquals", ("2026-01-01T00:00:00Z",), "2026-01-01T08:00:00+08:00", True),
    ("DateEquals", ("2026-01-01T00:00:00",), "2026-01-01T00:00:00Z", True),
    ("DateEquals", ("2026-01-01T00:00:00Z",), "2026-01-01T00:00:00.001Z", False),
    ("DateNotEquals", ("2026-01-01T00:00:00Z",), "2026-01-01T00:00:00Z", False),
    ("DateNotEquals", ("2026-01-01T00:00:00Z",), "no date", True),
    ("DateLessThan", ("2026-01-01T00:00:00Z",), "2025-12-31T23:59:59Z", True),
    ("DateLessThan", ("2026-01-01T00:00:00Z",), "2026-01-01T00:00:00Z", False),
    ("DateLessThan", ("2026-01-01T00:00:00Z",), "no date", False),
    ("DateLessThanEquals", ("2026-01-01T00:00:00Z",), "2026-01-01T00:00:00Z", True),
    ("DateGreaterThan", ("0001-01-01T00:00:00+14:00",), "9999-12-31T23:59:59-14:00", True),
    ("DateGreaterThan", ("2026-01-01T00:00:00Z",), "2026-01-01T00:00:00Z", False),
    ("DateGreaterThanEquals", ("2026-01-01T00:00:00Z",), "2026-01-01T00:00:00Z", True),
    ("DateEquals", ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), "2027-01-01T00:00:00Z", True),
    ("DateEquals", ("2026-01-01T00:00:00.000001Z",), "2026-01-01T00:00:00Z", False),
    ("Bool", ("true",), "true", True),
    ("Bool", ("True",), "true", True),
    ("Bool", ("true",), "TRUE", True),
    ("Bool", ("true",), "false", False),
    ("Bool", ("true", "false"), "false", True),
    ("Bool", ("false",), "maybe", False),
    ("IpAddress", ("10.0.0.1",), "10.0.0.1", True),
    ("IpAddress", ("10.0.0.1",), "10.0.0.2", False),
    ("IpAddress", ("10.0.0.0/8",), "10.255.255.255", True),
    ("IpAddress", ("10.0.0.1/8",), "10.0.0.0", True),
    ("IpAddress", ("10.0.0.0/8",), "11.0.0.0", False),
    ("IpAddress", ("10.0.0.0/8", "192.168.0.0/16"), "192.168.1.1", True),
    ("IpAddress", ("10.0.0.0/8",), "::ffff:10.1.2.3", True),
    ("IpAddress", ("::ffff:10.0.0.0/104",), "10.1.2.3", True),
    ("IpAddress", ("2001:db8::/32",), "2001:db8::1", True),
    ("IpAddress", ("2001:db8::/32",), "10.0.0.1", False),
    ("IpAddress", ("::/0",), "10.0.0.1", False),
    ("IpAddress", ("*",), "10.0.0.1", True),
    ("IpAddress", ("*",), "2001:db8::1", True),
    ("IpAddress", ("*",), "0.0.0.0", True),
    ("IpAddress", ("*",), "255.255.255.255", True),
    ("IpAddress", ("*",), "::", True),
    ("IpAddress", ("*",), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", True),
    ("IpAddress", ("2001:db8::1",), "2001:db8::1", True),
    ("IpAddress", ("2001:db8::10.0.0.1",), "10.0.0.1", False),
    ("IpAddress", ("10.0.0.0/8",), "unknown", False),
    ("NotIpAddress", ("10.0.0.0/8",), "10.0.0.1", False),
    ("NotIpAddress", ("10.0.0.0/8",), "11.0.0.1", True),
    ("NotIpAddress", ("10.0.0.0/8",), "unknown", True),
    ("IpAddressIncludeBorder", ("10.0.0.0/24",), "10.0.0.0", True),
    ("IpAddressIncludeBorder", ("10.0.0.0/24",), "10.0.0.255", True),
    ("IpAddressIncludeBorder", ("10.0.0.0/24",), "10.0.1.0", False),
]


@pytest.mark.parametrize(("name", "listed", "value", "expected"), ROWS)
def test_operators(name: str, listed: tuple[str, ...], value: str, expected: bool) -> None:
    condition = compile_condition(Operator(name), "k", listed)
    assert condition.holds({"k": (value,)}) is expected


def test_every_operator_has_a_row() -> None:
    assert {row[0] for row in ROWS} == set(Operator)


NEGATED = {one for one in Operator if "Not" in one}


@pytest.mark.parametrize("named", list(Operator))
@pytest.mark.parametrize("context", [{}, {"k": ()}, {"K": ("1",)}])
def test_a_missing_key_fails_positive_operators_and_satisfies_negated_ones(
    named: Operator, context: dict[str, tuple[str, ...]]
) -> None:
    listed = next(row[1] for row in ROWS if row[0] == named)
    assert compile_condition(named, "k", listed).holds(context) is (named in NEGATED)


def test_several_values_of_a_request_are_or_for_positive_and_none_for_negated() -> None:
    context = {"k": ("a", "b")}
    assert compile_condition(Operator.STRING_EQUALS, "k", ("b",)).holds(context)
    assert not compile_condition(Operator.STRING_NOT_EQUALS, "k", ("b",)).holds(context)
    assert compile_condition(Operator.STRING_NOT_EQUALS, "k", ("c",)).holds(context)


def test_ipv6_blocks_wider_than_the_mapped_range_stay_ipv6() -> None:
    assert read_network("::ffff:0:0/96") == (4, 0, 0xFFFFFFFF)
    assert read_network("::/0")[0] == 6
