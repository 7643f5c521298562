"""Cross-origin requests: which rule matches, and what is answered. Pure.

(OSS PutBucketCors and OptionObject; documented.) The first rule whose origin, method and requested
headers all match decides. Header names are compared without case. That answers which are errors
carry the headers too: the vendor's client for browsers reads their codes (inferred).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import msgspec

from emulator.domain.documents import reader_of
from emulator.domain.errors import AccessForbidden, BadRequest, OssError

_NOT_ENABLED = "CORSResponse: CORS is not enabled for this bucket."
_NO_ORIGIN = "Insufficient information. Origin request header needed."
_NO_METHOD = "Insufficient information. Request Access-Control-Request-Method header needed."


class CorsRule(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """One rule; ``max_age_seconds`` is None where none was put."""

    allowed_origin: tuple[str, ...] = ()
    allowed_method: tuple[str, ...] = ()
    allowed_header: tuple[str, ...] = ()
    expose_header: tuple[str, ...] = ()
    max_age_seconds: int | None = None


class CorsConfiguration(msgspec.Struct, frozen=True, gc=False):
    """A bucket's rules, in order."""

    rules: tuple[CorsRule, ...] = msgspec.field(name="CORSRule", default=())
    response_vary: bool = msgspec.field(name="ResponseVary", default=False)


# Reads the setting's document; the empty one is a bucket without rules.
read_cors = reader_of(CorsConfiguration)


class CorsOutcome(Enum):
    """Why a preflight is answered as it is."""

    ALLOWED = "a rule matches"
    NO_ORIGIN = "the request has no Origin"
    NO_METHOD = "the request has no Access-Control-Request-Method"
    NOT_ENABLED = "the bucket has no rules"
    NO_MATCH = "no rule matches"


class Preflight(msgspec.Struct, frozen=True, gc=False):
    """What a browser asks for; ``headers`` is the value of Access-Control-Request-Headers."""

    origin: str
    method: str
    headers: str = ""

    @property
    def header_names(self) -> list[str]:
        """The names it asks for, in lower case."""
        return [name for each in self.headers.split(",") if (name := each.strip().lower())]


class PreflightDecision(msgspec.Struct, frozen=True, gc=False):
    """The outcome, and the headers to answer where it is ``ALLOWED``."""

    outcome: CorsOutcome
    headers: dict[str, str] = {}

    def refusal(self) -> OssError | None:
        """The error to answer, None where the request is allowed."""
        match self.outcome:
            case CorsOutcome.ALLOWED:
                return None
            case CorsOutcome.NO_ORIGIN:
                return BadRequest(_NO_ORIGIN)
            case CorsOutcome.NO_METHOD:
                return BadRequest(_NO_METHOD)
            case CorsOutcome.NOT_ENABLED:
                return AccessForbidden(_NOT_ENABLED)
            case CorsOutcome.NO_MATCH:
                return AccessForbidden()


def preflight(configuration: CorsConfiguration, asked: Preflight) -> PreflightDecision:
    """Decide a preflight request."""
    if not asked.origin:
        return PreflightDecision(CorsOutcome.NO_ORIGIN)
    if not asked.method:
        return PreflightDecision(CorsOutcome.NO_METHOD)
    if not configuration.rules:
        return PreflightDecision(CorsOutcome.NOT_ENABLED)
    names = asked.header_names
    found = _first_match(configuration, asked.origin, asked.method, names)
    if found is None:
        return PreflightDecision(CorsOutcome.NO_MATCH)
    headers = _rule_headers(*found, asked.origin)
    if names:
        headers["Access-Control-Allow-Headers"] = asked.headers
    if configuration.response_vary:
        headers["Vary"] = "Origin"
    return PreflightDecision(CorsOutcome.ALLOWED, headers)


def simple_headers(configuration: CorsConfiguration, origin: str, method: str) -> dict[str, str]:
    """The headers to add to the answer of an ordinary request; ``origin`` may be empty.

    ``Vary: Origin`` also goes to requests of the same origin (OSS PutBucketCors, ResponseVary;
    documented).
    """
    headers: dict[str, str] = {}
    if not configuration.rules:
        return headers
    found = _first_match(configuration, origin, method, ()) if origin else None
    if found is not None:
        headers = _rule_headers(*found, origin)
    if configuration.response_vary:
        headers["Vary"] = "Origin"
    return headers


def _first_match(
    configuration: CorsConfiguration, origin: str, method: str, header_names: Sequence[str]
) -> tuple[CorsRule, str] | None:
    """The rule that decides, with the AllowedOrigin that matched."""
    for rule in configuration.rules:
        if method not in rule.allowed_method:
            continue
        allowed = next((each for each in rule.allowed_origin if _fits(each, origin)), None)
        if allowed is not None and _all_allowed(rule, header_names):
            return rule, allowed
    return None


def _all_allowed(rule: CorsRule, header_names: Sequence[str]) -> bool:
    allowed = [pattern.lower() for pattern in rule.allowed_header] if header_names else []
    return all(any(_fits(pattern, name) for pattern in allowed) for name in header_names)


def _fits(pattern: str, text: str) -> bool:
    """Whether a pattern with at most one ``*`` fits the whole text."""
    head, star, tail = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)


def _rule_headers(rule: CorsRule, allowed_origin: str, origin: str) -> dict[str, str]:
    headers = {
        "Access-Control-Allow-Origin": "*" if allowed_origin == "*" else origin,
        "Access-Control-Allow-Methods": ", ".join(rule.allowed_method),
    }
    if rule.expose_header:
        headers["Access-Control-Expose-Headers"] = ", ".join(rule.expose_header)
    if rule.max_age_seconds is not None:
        headers["Access-Control-Max-Age"] = str(rule.max_age_seconds)
    return headers
