"""JSON as policies need it: no doubled keys, no bottomless nesting, numbers kept as written."""

from __future__ import annotations

import json
import re

import msgspec

from emulator.access.policy.faults import refuse

DEPTH_MAX = 16

# Unterminated strings run to the end, so that each character is looked at once.
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)


class Number(msgspec.Struct, frozen=True, gc=False):
    """A JSON number in its own spelling."""

    text: str


def read_json(text: str) -> object:
    """The value of a JSON text: None, bool, str, Number, list or dict. Raises PolicyError."""
    _check_depth(text)
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        refuse(f"the policy is not valid JSON: {error.msg} at character {error.pos}")
    return value


def read_object(value: object, path: str) -> dict[str, object]:
    """``value`` as an object. Raises PolicyError."""
    if not isinstance(value, dict):
        refuse("an object is expected", path)
    return value


def read_list(value: object, path: str) -> list[object]:
    """``value`` as a list. Raises PolicyError."""
    if not isinstance(value, list):
        refuse("a list is expected", path)
    return value


def read_text(value: object, path: str) -> str:
    """``value`` as a string that UTF-8 can carry. Raises PolicyError."""
    if not isinstance(value, str):
        refuse("a string is expected", path)
    try:
        value.encode()
    except UnicodeEncodeError:
        refuse("the string is not valid Unicode", path)
    return value


def read_texts(value: object, path: str) -> tuple[str, ...]:
    """A string, or a list of at least one string, as a tuple. Raises PolicyError."""
    if isinstance(value, list):
        if not value:
            refuse("the list is empty", path)
        return tuple(read_text(item, f"{path}[{at}]") for at, item in enumerate(value))
    return (read_text(value, path),)


def _check_depth(text: str) -> None:
    depth = 0
    for token in _TOKENS.finditer(text):
        first = token[0][0]
        if first in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                refuse(f"the policy is nested more than {DEPTH_MAX} levels deep")
        elif first in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for key, value in pairs:
        if read_text(key, "") in fields:
            refuse(f"the key {key!r} is given twice")
        fields[key] = value
    return fields


def _constant(name: str) -> object:
    refuse(f"{name} is not a JSON value")
