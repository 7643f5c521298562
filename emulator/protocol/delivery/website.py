"""Static websites: which object, redirection or page answers a request. Pure.

(OSS PutBucketWebsite; documented.) ``site`` carries out what is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import assert_never
from urllib.parse import quote

import msgspec

from emulator.domain.documents import reader_of

_KEY_VARIABLE = "${key}"
_CODE_DEFAULT = 301  # OSS PutBucketWebsite, HttpRedirectCode; documented
_UNKNOWN_STATUS = 404


class SubDirectory(Enum):
    """What a missing key without a final slash means (IndexDocument, Type)."""

    REDIRECT = 0
    MISSING = 1
    SERVE = 2


class _Index(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    suffix: str = ""
    support_sub_dir: bool = False
    type: int = 0


class _ErrorPage(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    key: str = ""
    http_status: int = _UNKNOWN_STATUS


class IncludeHeader(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """A header a request must have; what is None is not looked at."""

    key: str = ""
    equals: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None


class Condition(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """When a rule applies; all that is given must hold."""

    key_prefix_equals: str = ""
    key_suffix_equals: str = ""
    http_error_code_returned_equals: int | None = None
    include_header: tuple[IncludeHeader, ...] = ()


class RedirectType(Enum):
    """What a rule does."""

    EXTERNAL = "External"
    ALI_CDN = "AliCDN"
    INTERNAL = "Internal"
    MIRROR = "Mirror"


class RedirectSettings(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """Where a rule leads."""

    redirect_type: RedirectType = RedirectType.EXTERNAL
    protocol: str = ""
    host_name: str = ""
    http_redirect_code: int = _CODE_DEFAULT
    replace_key_with: str = ""
    replace_key_prefix_with: str = ""
    enable_replace_prefix: bool = False
    pass_query_string: bool = False


class RoutingRule(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """One rule."""

    rule_number: int = 0
    condition: Condition = Condition()
    redirect: RedirectSettings = RedirectSettings()


class _RoutingRules(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    routing_rule: tuple[RoutingRule, ...] = ()


class _Document(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    index_document: _Index = _Index()
    error_document: _ErrorPage = _ErrorPage()
    routing_rules: _RoutingRules = _RoutingRules()


class Website(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A bucket's website; ``index`` and ``error_key`` are empty where there is none.

    ``rules`` stand in the order in which they are tried.
    """

    index: str
    sub_directories: SubDirectory | None  # None: every directory shows the index of the root
    error_key: str
    error_status: int
    rules: tuple[RoutingRule, ...]


def _website_of(read: _Document) -> Website:
    index, page = read.index_document, read.error_document
    sub_directories = None
    if index.support_sub_dir:
        known = {each.value for each in SubDirectory}
        sub_directories = SubDirectory(index.type if index.type in known else 0)
    return Website(
        index=index.suffix,
        sub_directories=sub_directories,
        error_key=page.key,
        error_status=page.http_status,
        rules=tuple(sorted(read.routing_rules.routing_rule, key=lambda rule: rule.rule_number)),
    )


# Reads the setting's document.
read_website = reader_of(_Document, _website_of)


def index_key(website: Website, key: str) -> str:
    """The index document for the root (``""``) or a key that ends with a slash; ``""`` for none."""
    if not website.index or (key and not key.endswith("/")):
        return ""
    return key + website.index if website.sub_directories is not None else website.index


def sub_directory_key(website: Website, key: str) -> str:
    """The index document below a missing key without a final slash; ``""`` where Type asks for
    none."""
    if not website.index or not key or key.endswith("/"):
        return ""
    if website.sub_directories in (None, SubDirectory.MISSING):
        return ""
    return f"{key}/{website.index}"


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A request as rules see it; header names in lower case, ``status`` what it was answered."""

    key: str
    headers: Mapping[str, str]
    status: int


def matching_rule(website: Website, asked: Asked) -> RoutingRule | None:
    """The first rule by number whose condition holds."""
    return next((rule for rule in website.rules if _holds(rule.condition, asked)), None)


def _holds(condition: Condition, asked: Asked) -> bool:
    code = condition.http_error_code_returned_equals
    return (
        asked.key.startswith(condition.key_prefix_equals)
        and asked.key.endswith(condition.key_suffix_equals)
        and (code is None or code == asked.status)
        and all(_has(header, asked.headers) for header in condition.include_header)
    )


def _has(wanted: IncludeHeader, headers: Mapping[str, str]) -> bool:
    value = headers.get(wanted.key.lower())
    if value is None:
        return False
    return (
        (wanted.equals is None or value == wanted.equals)
        and (wanted.starts_with is None or value.startswith(wanted.starts_with))
        and (wanted.ends_with is None or value.endswith(wanted.ends_with))
    )


class Action(Enum):
    """What a matching rule comes to."""

    REDIRECT = "the client is sent elsewhere"
    SERVE = "another object of the bucket answers"
    MIRROR = "the origin would be asked"


class Route(msgspec.Struct, frozen=True, gc=False):
    """A rule applied to a request: where to, or which ``key`` answers instead."""

    action: Action
    status: int = 0
    location: str = ""
    key: str = ""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a website is asked: ``host`` with its port, ``base`` the path before its keys (empty,
    or ``/bucket`` where the path names the bucket), ``query`` as it is encoded in URLs."""

    host: str
    base: str = ""
    query: str = ""


def route_of(rule: RoutingRule, key: str, place: Place) -> Route:
    """What a matching rule comes to.

    AliCDN is answered as External: the header by which the CDN would know it is not published.
    Internal is not documented beyond its name and serves the replaced key (inferred).
    """
    redirect = rule.redirect
    match redirect.redirect_type:
        case RedirectType.MIRROR:
            return Route(Action.MIRROR)
        case RedirectType.INTERNAL:
            return Route(Action.SERVE, key=replaced_key(rule, key))
        case RedirectType.EXTERNAL | RedirectType.ALI_CDN:
            target = _target(redirect, quote(replaced_key(rule, key)), place)
            return Route(Action.REDIRECT, redirect.http_redirect_code, target)
        case _:
            assert_never(redirect.redirect_type)


def replaced_key(rule: RoutingRule, key: str) -> str:
    """The key after ReplaceKeyWith or ReplaceKeyPrefixWith.

    EnableReplacePrefix without ReplaceKeyPrefixWith cuts the prefix off; ReplaceKeyPrefixWith
    alone replaces it too, as the documents' example has it.
    """
    redirect, prefix = rule.redirect, rule.condition.key_prefix_equals
    if redirect.replace_key_with:
        return redirect.replace_key_with.replace(_KEY_VARIABLE, key)
    if redirect.replace_key_prefix_with or redirect.enable_replace_prefix:
        return redirect.replace_key_prefix_with + key.removeprefix(prefix)
    return key


def _target(redirect: RedirectSettings, path: str, place: Place) -> str:
    """The Location; without a HostName it stays on the host that was asked (inferred)."""
    base = "" if redirect.host_name else place.base
    host = redirect.host_name or place.host
    query = f"?{place.query}" if redirect.pass_query_string and place.query else ""
    return f"{redirect.protocol or 'http'}://{host}{base}/{path}{query}"
