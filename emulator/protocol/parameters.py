"""Reading query parameters and document values that are numbers or closed choices."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from emulator.domain import errors

_KEY_BYTES_MAX = 1023
_NUMBER_DIGITS_MAX = 20  # longer texts are refused before they are converted

Choice = TypeVar("Choice", bound=StrEnum)


def read_count(query: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    """A page size from 1 to ``most`` (OSS listings, max-keys; documented). InvalidArgument."""
    text = query.get(name)
    if text is None:
        return default
    number = plain_number(text)
    if number is None or not 1 <= number <= most:
        raise errors.InvalidArgument(
            f"Argument {name} must be an integer between 1 and {most}.", name=name, value=text
        )
    return number


def read_key_text(query: Mapping[str, str], name: str) -> str:
    """A parameter that is compared with keys, ``""`` when absent. Raises InvalidArgument when it
    is longer than a key may be (OSS ListObjects, prefix, marker; documented)."""
    value = query.get(name, "")
    if len(value.encode("utf-8", "surrogatepass")) > _KEY_BYTES_MAX:
        raise errors.InvalidArgument(
            f"The length of {name} must be at most {_KEY_BYTES_MAX}.", name=name, value=value
        )
    return value


def plain_number(text: str) -> int | None:
    """A number of decimal digits; ``None`` for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX):
        return None
    return int(text)


def read_choice(kind: type[Choice], text: str, *, name: str, message: str) -> Choice:
    """One of the values of a closed set. Raises InvalidArgument."""
    try:
        return kind(text)
    except ValueError as error:
        raise errors.InvalidArgument(message, name=name, value=text) from error
