"""Reading an operation's parameters, each way they come, with the product's own refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from emulator.services.rpc.dialect import Dialect

T = TypeVar("T")

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_REPEATED_MAX = 1000


class TextRule(msgspec.Struct, frozen=True):
    """What a text may be; ``form`` matches the whole of it."""

    len_max: int
    len_min: int = 1
    form: re.Pattern[str] | None = None


class Parameters:
    """The parameters of one call. All methods raise RpcError in the dialect of the product."""

    __slots__ = ("_dialect", "values")

    def __init__(self, values: Mapping[str, str], dialect: Dialect) -> None:
        self.values = values
        self._dialect = dialect

    def get(self, name: str, default: str = "") -> str:
        """The text as sent; ``default`` where it is absent or empty."""
        return self.values.get(name) or default

    def required(self, name: str) -> str:
        """The text as sent, which must not be empty."""
        value = self.values.get(name)
        if not value:
            raise self._dialect.missing(name)
        return value

    def text(self, name: str, rule: TextRule, *, required: bool = True) -> str:
        """A text that keeps to a rule; ``""`` where it is absent and not required."""
        value = self.required(name) if required else self.get(name)
        if not value:
            return value
        if not rule.len_min <= len(value) <= rule.len_max:
            message = f"The parameter {name} must have {rule.len_min} to {rule.len_max} characters."
            raise self._dialect.invalid(name, "Length", message)
        if rule.form is not None and not rule.form.fullmatch(value):
            message = f"The parameter {name} has characters that are not allowed."
            raise self._dialect.invalid(name, "InvalidChars", message)
        return value

    def number(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number of a range; without a default it has to be there."""
        value = self.get(name) if default is not None else self.required(name)
        if not value and default is not None:
            return default
        if not _NUMBER.fullmatch(value) or not low <= int(value) <= high:
            message = f"The parameter {name} must be a number from {low} to {high}."
            raise self._dialect.invalid(name, "Format", message)
        return int(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """``true`` or ``false``, in any case."""
        value = self.get(name).lower()
        if not value:
            return default
        if value not in ("true", "false"):
            message = f"The parameter {name} must be true or false."
            raise self._dialect.invalid(name, "Format", message)
        return value == "true"

    def one_of(self, name: str, choices: tuple[str, ...], default: str = "") -> str:
        """One of a few words, with case; without a default it has to be there."""
        value = self.get(name, default) if default else self.required(name)
        if value not in choices:
            message = f"The parameter {name} must be one of {', '.join(choices)}."
            raise self._dialect.invalid(name, "Format", message)
        return value

    def repeated(self, name: str, *fields: str) -> list[dict[str, str]]:
        """``Tag.1.Key=a&Tag.1.Value=b`` → ``[{"Key": "a", "Value": "b"}]``.

        The first item has the number 1; a gap ends the list. Fields that are absent are absent.
        """
        items: list[dict[str, str]] = []
        while len(items) < _REPEATED_MAX:
            prefix = f"{name}.{len(items) + 1}"
            item = {
                field: self.values[f"{prefix}.{field}"]
                for field in fields
                if f"{prefix}.{field}" in self.values
            }
            if not item:
                break
            items.append(item)
        return items

    def repeated_texts(self, name: str) -> list[str]:
        """``TagKey.1=a&TagKey.2=b`` → ``["a", "b"]``."""
        items: list[str] = []
        while len(items) < _REPEATED_MAX and f"{name}.{len(items) + 1}" in self.values:
            items.append(self.values[f"{name}.{len(items) + 1}"])
        return items

    def json_value(self, name: str, kind: type[T], default: T | None = None) -> T:
        """A parameter that is a JSON text, of a type msgspec knows."""
        value = self.get(name) if default is not None else self.required(name)
        if not value and default is not None:
            return default
        try:
            return msgspec.json.decode(value, type=kind)
        except (msgspec.MsgspecError, UnicodeEncodeError) as error:
            message = f"The parameter {name} is not the JSON text that is expected."
            raise self._dialect.invalid(name, "Format", message) from error
