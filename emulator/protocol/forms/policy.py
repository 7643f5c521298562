"""The policy of an upload form: what it asks, and whether a form keeps to it. Pure.

(OSS PostObject, appendix policy; documented.) A field the policy does not name may have any
value, as the forms of the vendor's samples need it (samples; observed). Values are compared as
they were sent, before ``${filename}`` is replaced (documented).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple, assert_never

import msgspec

from emulator.domain import errors
from emulator.protocol.dates import parse_iso_date

_SIZE_RANGE: Final = "content-length-range"
_SIZE_BYTES_MAX: Final = 1 << 62
_VALUE_TYPE_EC: Final = "0006-00000224"
_DOLLAR: Final = re.compile(r"\\(.)", re.DOTALL)


class SizeRange(NamedTuple):
    """How large the file may be, both ends included."""

    least_bytes: int = 0
    most_bytes: int = _SIZE_BYTES_MAX


class Match(StrEnum):
    """How a condition compares."""

    EQ = "eq"
    STARTS_WITH = "starts-with"
    IN = "in"
    NOT_IN = "not-in"


class Condition(msgspec.Struct, frozen=True):
    """One condition on a field (lower case); ``shown`` is how a refusal names it."""

    match: Match
    field: str
    values: tuple[str, ...]
    shown: str


class FormPolicy(msgspec.Struct, frozen=True):
    """A policy that was understood."""

    expires_ms: int
    conditions: tuple[Condition, ...]
    size: SizeRange


def read_form_policy(encoded: str) -> FormPolicy:
    """Read the ``policy`` field: base64 of JSON. Raises InvalidPolicyDocument."""
    document = _decode(encoded)
    if not isinstance(document, dict):
        raise _invalid("Policy must be a JSON object.")
    expiration, listed = document.get("expiration"), document.get("conditions")
    expires_ms = parse_iso_date(expiration) if isinstance(expiration, str) else None
    if expires_ms is None:
        raise _invalid("Invalid 'expiration' value.")
    if not isinstance(listed, list):
        raise _invalid("Policy missing 'conditions'.")
    conditions: list[Condition] = []
    size = SizeRange()
    for each in listed:
        if isinstance(each, list) and each[:1] and _is_word(each[0], _SIZE_RANGE):
            size = _narrowed(size, each)
        else:
            conditions.append(_condition(each))
    if not listed:
        raise _not_simple()
    return FormPolicy(expires_ms, tuple(conditions), size)


def check_form_policy(policy: FormPolicy, values: Mapping[str, str], now_ms: int) -> None:
    """Refuse a form that came too late or breaks a condition.

    ``values`` holds the fields by lower-case name, ``bucket`` among them. Raises AccessDenied.
    """
    if now_ms >= policy.expires_ms:
        raise errors.AccessDenied("Invalid according to Policy: Policy expired.")
    for condition in policy.conditions:
        if not _holds(condition, values.get(condition.field)):
            raise errors.AccessDenied(
                f"Invalid according to Policy: Policy Condition failed: {condition.shown}"
            )


def _holds(condition: Condition, value: str | None) -> bool:
    match condition.match:
        case Match.EQ:
            return value == condition.values[0]
        case Match.STARTS_WITH:
            # An empty beginning asks for nothing, not even for the field (inferred).
            return (value or "").startswith(condition.values[0])
        case Match.IN:
            return value in condition.values
        case Match.NOT_IN:
            return value not in condition.values
        case _:
            assert_never(condition.match)


def _decode(encoded: str) -> object:
    try:
        text = base64.b64decode(encoded.encode("ascii"), validate=True).decode("utf-8")
    except (UnicodeError, binascii.Error) as error:
        raise _invalid("Policy is not base64 encoded UTF-8.") from error
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return msgspec.json.decode(_DOLLAR.sub(_plain_dollar, text))
    except (msgspec.DecodeError, RecursionError) as error:
        raise _invalid(f"Invalid JSON: {error}") from error


def _plain_dollar(match: re.Match[str]) -> str:
    r"""OSS's own escape ``\$``, which JSON does not know."""
    return r"\\$" if match[1] == "$" else match[0]


def _condition(each: object) -> Condition:
    if isinstance(each, dict):
        if len(each) != 1:
            raise _not_simple()
        ((name, value),) = each.items()
        return _made(Match.EQ, f"${name}", value)
    if not isinstance(each, list) or len(each) != 3:
        raise _invalid("Invalid Condition: a condition must be an object or a list of three.")
    word, name, value = each
    try:
        match = Match(word.lower()) if isinstance(word, str) else None
    except ValueError:
        match = None
    if match is None or not isinstance(name, str) or not name.startswith("$"):
        raise _invalid("Invalid Condition: the operation or the field is not known.")
    return _made(match, name, value)


def _made(match: Match, name: str, value: object) -> Condition:
    lists = match in (Match.IN, Match.NOT_IN)
    given = value if lists and isinstance(value, list) else [value]
    if lists is not isinstance(value, list) or not all(_is_text(one) for one in given):
        raise _invalid("Invalid Condition: the type of the value is not valid.", _VALUE_TYPE_EC)
    values = tuple(str(one).replace("\\$", "$") for one in given)
    shown = msgspec.json.format(msgspec.json.encode([match.value, name, value]), indent=0)
    return Condition(match, name[1:].lower(), values, shown.decode())


def _is_text(value: object) -> bool:
    """Numbers stand for their text, as in ``{"success_action_status": 200}`` (inferred)."""
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def _is_word(value: object, word: str) -> bool:
    return isinstance(value, str) and value.lower() == word


def _narrowed(size: SizeRange, each: list[object]) -> SizeRange:
    ends = [_size_bytes(end) for end in each[1:]]
    if len(ends) != 2:
        raise _invalid("Invalid content-length-range.")
    return SizeRange(max(size.least_bytes, ends[0]), min(size.most_bytes, ends[1]))


def _size_bytes(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _SIZE_BYTES_MAX:
        raise _invalid("Invalid content-length-range.")
    return value


def _not_simple() -> errors.InvalidPolicyDocument:
    return _invalid(
        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
    )


def _invalid(reason: str, ec: str = "") -> errors.InvalidPolicyDocument:
    return errors.InvalidPolicyDocument(f"Invalid Policy: {reason}", ec=ec)
