"""Condition operators and what they make of a request's context.

A context maps a condition key to the values the request has for it. A key that is absent, or has
no values, makes every positive operator false and every negated one true (RAM, Policy elements,
Condition; documented by samples). A negated operator is true only when no listed value matches
(inferred).
"""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from emulator.access.policy.match import PatternSet, compile_patterns

Context = Mapping[str, tuple[str, ...]]


class ContextReader(Protocol):
    """A context that is only asked, key by key; every ``Context`` is one."""

    def get(self, key: str, default: tuple[str, ...], /) -> tuple[str, ...]:
        """The values of a key, ``default`` where it is absent."""
        ...


EMPTY_CONTEXT: Context = {}


class Operator(enum.StrEnum):
    """Every condition operator (RAM, Condition operators; OSS, Bucket Policy; documented)."""

    STRING_EQUALS = "StringEquals"
    STRING_NOT_EQUALS = "StringNotEquals"
    STRING_EQUALS_IGNORE_CASE = "StringEqualsIgnoreCase"
    STRING_NOT_EQUALS_IGNORE_CASE = "StringNotEqualsIgnoreCase"
    STRING_LIKE = "StringLike"
    STRING_NOT_LIKE = "StringNotLike"
    NUMERIC_EQUALS = "NumericEquals"
    NUMERIC_NOT_EQUALS = "NumericNotEquals"
    NUMERIC_LESS_THAN = "NumericLessThan"
    NUMERIC_LESS_THAN_EQUALS = "NumericLessThanEquals"
    NUMERIC_GREATER_THAN = "NumericGreaterThan"
    NUMERIC_GREATER_THAN_EQUALS = "NumericGreaterThanEquals"
    DATE_EQUALS = "DateEquals"
    DATE_NOT_EQUALS = "DateNotEquals"
    DATE_LESS_THAN = "DateLessThan"
    DATE_LESS_THAN_EQUALS = "DateLessThanEquals"
    DATE_GREATER_THAN = "DateGreaterThan"
    DATE_GREATER_THAN_EQUALS = "DateGreaterThanEquals"
    BOOL = "Bool"
    IP_ADDRESS = "IpAddress"
    NOT_IP_ADDRESS = "NotIpAddress"
    # Named by OSS without a definition; taken as IpAddress, whose ranges include both ends.
    IP_ADDRESS_INCLUDE_BORDER = "IpAddressIncludeBorder"


class Comparison(Protocol):
    """One comparison against the listed values; true when any of them fits."""

    def accepts(self, value: str) -> bool:
        """Whether the request's ``value`` fits."""


class OneOf(msgspec.Struct, frozen=True, gc=False):
    """Equality, with or without letter case."""

    values: frozenset[str]
    fold: bool

    def accepts(self, value: str) -> bool:
        """Whether ``value`` is one of the listed."""
        return (value.casefold() if self.fold else value) in self.values


class Like(msgspec.Struct, frozen=True, gc=False):
    """Wildcards, with letter case."""

    patterns: PatternSet

    def accepts(self, value: str) -> bool:
        """Whether ``value`` fits a listed pattern."""
        return self.patterns.matches(value)


class CompareNumber(msgspec.Struct, frozen=True, gc=False):
    """An order between decimal numbers."""

    order: Callable[[Decimal, Decimal], bool]
    bounds: tuple[Decimal, ...]

    def accepts(self, value: str) -> bool:
        """Whether ``value`` is a number in that order to a listed one."""
        try:
            number = read_number(value)
        except ValueError:
            return False
        return any(self.order(number, bound) for bound in self.bounds)


class CompareDate(msgspec.Struct, frozen=True, gc=False):
    """An order between moments, in microseconds since 1970."""

    order: Callable[[int, int], bool]
    bounds_us: tuple[int, ...]

    def accepts(self, value: str) -> bool:
        """Whether ``value`` is a moment in that order to a listed one."""
        try:
            moment_us = read_date_us(value)
        except ValueError:
            return False
        return any(self.order(moment_us, bound_us) for bound_us in self.bounds_us)


class Networks(msgspec.Struct, frozen=True, gc=False):
    """Address ranges as (version, first address, last address), both ends included."""

    ranges: tuple[tuple[int, int, int], ...]

    def accepts(self, value: str) -> bool:
        """Whether ``value`` is an address in a listed range."""
        try:
            given = ipaddress.ip_address(value)
        except ValueError:
            return False
        if isinstance(given, ipaddress.IPv6Address) and given.ipv4_mapped is not None:
            given = given.ipv4_mapped
        version, address = given.version, int(given)
        return any(
            version == known and first <= address <= last for known, first, last in self.ranges
        )


class Condition(msgspec.Struct, frozen=True, gc=False):
    """One operator and key with the values listed for it."""

    operator: Operator
    key: str
    values: tuple[str, ...]
    negated: bool
    test: Comparison

    def holds(self, context: ContextReader) -> bool:
        """Whether the request's context satisfies this condition."""
        for value in context.get(self.key, ()):
            if self.test.accepts(value):
                return not self.negated
        return self.negated


def compile_condition(named: Operator, key: str, values: tuple[str, ...]) -> Condition:
    """Read the listed values once. Raises ValueError for a value its operator cannot read."""
    negated = named in _NEGATED
    test = _BUILDERS[_NEGATED.get(named, named)](values)
    return Condition(named, key, values, negated, test)


_NUMBER = re.compile(r"[+-]?[0-9]{1,38}(?:\.[0-9]{1,38})?(?:[eE][+-]?[0-9]{1,2})?")


def read_number(text: str) -> Decimal:
    """A finite decimal number of bounded size. Raises ValueError."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def read_date_us(text: str) -> int:
    """An ISO 8601 moment in microseconds since 1970, UTC where no zone is given.

    Raises ValueError.
    """
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - _EPOCH) // _MICROSECOND


_MAPPED_BITS = 96
_MAPPED = int(ipaddress.IPv6Address("::ffff:0:0")) >> 32
_IPV4_ALL = 0xFFFFFFFF


def read_network(text: str) -> tuple[int, int, int]:
    """An address or CIDR block as (version, first, last). Raises ValueError.

    An IPv6-mapped IPv4 address is that IPv4 address, so that a dual-stack socket does not slip
    past a rule written for IPv4.
    """
    network = ipaddress.ip_network(text, strict=False)
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.version == 6 and network.prefixlen >= _MAPPED_BITS and first >> 32 == _MAPPED:
        return 4, first & _IPV4_ALL, last & _IPV4_ALL
    return network.version, first, last


def _one_of(values: tuple[str, ...]) -> Comparison:
    return OneOf(frozenset(values), fold=False)


def _one_of_folded(values: tuple[str, ...]) -> Comparison:
    return OneOf(frozenset(value.casefold() for value in values), fold=True)


def _like(values: tuple[str, ...]) -> Comparison:
    return Like(compile_patterns(values))


def _truth(values: tuple[str, ...]) -> Comparison:
    folded = frozenset(value.casefold() for value in values)
    for value in folded - {"true", "false"}:
        raise ValueError(value)
    return OneOf(folded, fold=True)


_ALL_NETWORKS = ((4, 0, _IPV4_ALL), (6, 0, (1 << 128) - 1))


def _networks(values: tuple[str, ...]) -> Comparison:
    ranges: list[tuple[int, int, int]] = []
    for value in values:
        if value == "*":
            ranges.extend(_ALL_NETWORKS)
        else:
            ranges.append(read_network(value))
    return Networks(tuple(ranges))


def _numbers(order: Callable[[Decimal, Decimal], bool]) -> Callable[[tuple[str, ...]], Comparison]:
    def build(values: tuple[str, ...]) -> Comparison:
        return CompareNumber(order, tuple(read_number(value) for value in values))

    return build


def _dates(order: Callable[[int, int], bool]) -> Callable[[tuple[str, ...]], Comparison]:
    def build(values: tuple[str, ...]) -> Comparison:
        return CompareDate(order, tuple(read_date_us(value) for value in values))

    return build


_NEGATED: dict[Operator, Operator] = {
    Operator.STRING_NOT_EQUALS: Operator.STRING_EQUALS,
    Operator.STRING_NOT_EQUALS_IGNORE_CASE: Operator.STRING_EQUALS_IGNORE_CASE,
    Operator.STRING_NOT_LIKE: Operator.STRING_LIKE,
    Operator.NUMERIC_NOT_EQUALS: Operator.NUMERIC_EQUALS,
    Operator.DATE_NOT_EQUALS: Operator.DATE_EQUALS,
    Operator.NOT_IP_ADDRESS: Operator.IP_ADDRESS,
}

_BUILDERS: dict[Operator, Callable[[tuple[str, ...]], Comparison]] = {
    Operator.STRING_EQUALS: _one_of,
    Operator.STRING_EQUALS_IGNORE_CASE: _one_of_folded,
    Operator.STRING_LIKE: _like,
    Operator.NUMERIC_EQUALS: _numbers(operator.eq),
    Operator.NUMERIC_LESS_THAN: _numbers(operator.lt),
    Operator.NUMERIC_LESS_THAN_EQUALS: _numbers(operator.le),
    Operator.NUMERIC_GREATER_THAN: _numbers(operator.gt),
    Operator.NUMERIC_GREATER_THAN_EQUALS: _numbers(operator.ge),
    Operator.DATE_EQUALS: _dates(operator.eq),
    Operator.DATE_LESS_THAN: _dates(operator.lt),
    Operator.DATE_LESS_THAN_EQUALS: _dates(operator.le),
    Operator.DATE_GREATER_THAN: _dates(operator.gt),
    Operator.DATE_GREATER_THAN_EQUALS: _dates(operator.ge),
    Operator.BOOL: _truth,
    Operator.IP_ADDRESS: _networks,
    Operator.IP_ADDRESS_INCLUDE_BORDER: _networks,
}
