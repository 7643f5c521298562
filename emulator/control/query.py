"""Reading the query of a control request, strictly: what is not known is refused."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from emulator.control.json import ControlError

_NUMBER_DIGITS_MAX = 18


def read_query(request: web.BaseRequest, names: tuple[str, ...]) -> dict[str, str]:
    """The parameters by name. Raises ControlError for one that is not among ``names``, or is
    given twice."""
    query: dict[str, str] = {}
    text = urlsplit(request.raw_path).query
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name not in names:
            raise ControlError(400, f"there is no parameter {name!r}", f"known: {', '.join(names)}")
        if name in query:
            raise ControlError(400, f"{name} is given twice")
        query[name] = value
    return query


def read_number(query: dict[str, str], name: str, default: int) -> int:
    """A number that is not negative. Raises ControlError."""
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX):
        raise ControlError(400, f"{name} must be a number, not {text!r}")
    return int(text)


def read_limit(query: dict[str, str], default: int, largest: int) -> int:
    """How many a page may hold. Raises ControlError."""
    limit = read_number(query, "limit", default)
    if not 1 <= limit <= largest:
        raise ControlError(400, f"limit must be between 1 and {largest}")
    return limit
