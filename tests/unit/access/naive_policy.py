"""A second evaluator, written for plainness: it reads documents, keeps nothing, and recurses.

It shares no code with the first; the two must agree on everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tests.unit.access.build import Json

Context = Mapping[str, tuple[str, ...]]


@cache
def fits(pattern: str, text: str) -> bool:
    """Whether a pattern with ``*`` and ``?`` matches a text."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return fits(pattern[1:], text) or (text != "" and fits(pattern, text[1:]))
    return text != "" and pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])


def resource_fits(pattern: str, resource: str) -> bool:
    """Compare part by part; the star that ends a shorter pattern covers the rest."""
    parts = resource.split(":", 4)
    wanted = pattern.split(":", 4)
    if len(wanted) < 5 and wanted[-1].endswith("*"):
        wanted += ["*"] * (5 - len(wanted))
    return len(wanted) == 5 and all(fits(w, p) for w, p in zip(wanted, parts, strict=True))


def as_list(value: object) -> list[str]:
    """A text or a list of texts."""
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def condition_holds(operator: str, listed: list[str], given: tuple[str, ...]) -> bool:
    """Operators on strings, truth values and whole numbers."""
    negated = "Not" in operator
    match operator.replace("Not", ""):
        case "StringEquals":
            hit = any(g == w for g in given for w in listed)
        case "StringLike":
            hit = any(fits(w, g) for g in given for w in listed)
        case "NumericLessThan":
            hit = any(g.isdigit() and int(g) < int(w) for g in given for w in listed)
        case _:
            raise AssertionError(operator)
    return not hit if negated else hit


def statement_fits(statement: Json, action: str, resource: str, context: Context) -> bool:
    """Whether one statement matches a request."""
    if "Action" in statement:
        action_fits = any(fits(a.lower(), action.lower()) for a in as_list(statement["Action"]))
    else:
        action_fits = not any(
            fits(a.lower(), action.lower()) for a in as_list(statement["NotAction"])
        )
    if "Resource" in statement:
        hit = any(resource_fits(r, resource) for r in as_list(statement["Resource"]))
    else:
        hit = not any(resource_fits(r, resource) for r in as_list(statement["NotResource"]))
    conditions = statement.get("Condition", {})
    assert isinstance(conditions, dict)
    return (
        action_fits
        and hit
        and all(
            condition_holds(operator, as_list(listed), context.get(key, ()))
            for operator, keys in conditions.items()
            for key, listed in keys.items()
        )
    )


def naive_evaluate(policies: list[list[Json]], action: str, resource: str, context: Context) -> str:
    """``Allow``, ``ExplicitDeny`` or ``ImplicitDeny``."""
    effects = {
        statement["Effect"]
        for statements in policies
        for statement in statements
        if statement_fits(statement, action, resource, context)
    }
    if "Deny" in effects:
        return "ExplicitDeny"
    return "Allow" if effects else "ImplicitDeny"
