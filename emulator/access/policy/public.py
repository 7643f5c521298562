"""Does a bucket policy grant to the public? Pure.

(OSS Block Public Access, conditions for non-public access; documented.) A Deny is never public. An
Allow is public when its Principal holds a wildcard, unless one of its conditions narrows it to
fixed values: of the VPC or the access key without ``*``, or to address ranges of at least 8 bits
(IPv4) or 32 bits (IPv6). Action and Resource do not matter. That only positive operators narrow,
and that ``?`` counts as a wildcard, is inferred.
"""

from __future__ import annotations

from emulator.access.policy.conditions import Condition, Operator, read_network
from emulator.access.policy.records import Effect, Policy, Statement

_FIXED_KEYS = frozenset({"acs:SourceVpc", "acs:SourceVpcId", "acs:AccessId"})
_ADDRESS_KEYS = frozenset({"acs:SourceIp", "acs:SourceVpcIp"})
_FIXING = frozenset(
    {Operator.STRING_EQUALS, Operator.STRING_EQUALS_IGNORE_CASE, Operator.STRING_LIKE}
)
_RANGING = frozenset({Operator.IP_ADDRESS, Operator.IP_ADDRESS_INCLUDE_BORDER})
_ADDRESSES_MAX = {4: 1 << (32 - 8), 6: 1 << (128 - 32)}


def is_public(policy: Policy) -> bool:
    """Whether any statement of the policy grants to the public."""
    return policy.public


def grants_public(statement: Statement) -> bool:
    """Whether one statement does."""
    principals = statement.principals
    if statement.effect is not Effect.ALLOW or principals is None:
        return False
    if not principals.everyone and not any(_is_wild(entry) for entry in principals.entries):
        return False
    return not any(_narrows(condition) for condition in statement.conditions)


def _narrows(condition: Condition) -> bool:
    if condition.key in _FIXED_KEYS and condition.operator in _FIXING:
        return not any(_is_wild(value) for value in condition.values)
    if condition.key in _ADDRESS_KEYS and condition.operator in _RANGING:
        return all(_is_small(value) for value in condition.values)
    return False


def _is_small(value: str) -> bool:
    """Whether an address or CIDR block, read before, covers few enough addresses."""
    if value == "*":
        return False
    version, first, last = read_network(value)
    return last - first < _ADDRESSES_MAX[version]


def _is_wild(text: str) -> bool:
    return "*" in text or "?" in text
