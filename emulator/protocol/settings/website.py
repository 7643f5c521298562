"""What the shape of a website configuration cannot say."""

from __future__ import annotations

from emulator.domain import errors
from emulator.domain.errors import MalformedXML
from emulator.protocol.settings.shape import Tree, group_in, groups_in, text_in

_NAMED_BY = {"IndexDocument": "Suffix", "ErrorDocument": "Key"}
_MIRROR = "Mirror"
_MIRRORED_STATUS = 404
_REDIRECT_CODES = (301, 302, 307)
_MIRROR_URLS = ("MirrorURL", "MirrorURLSlave")


def check_website(tree: Tree) -> Tree:
    """At least one of the three parts, and rules that can be followed.

    An index or error document that names nothing counts as absent, because clients cannot leave
    it out (inferred). Raises MalformedXML, InvalidArgument (which of the two; inferred).
    """
    kept = dict(tree)
    for tag, name in _NAMED_BY.items():
        if tag in kept and not text_in(group_in(kept, tag), name):
            del kept[tag]
    rules = groups_in(group_in(kept, "RoutingRules"), "RoutingRule")
    if not rules:
        kept.pop("RoutingRules", None)
    if not {"IndexDocument", "ErrorDocument", "RoutingRules"} & kept.keys():
        raise MalformedXML("IndexDocument, ErrorDocument and RoutingRules are all missing")
    numbers = [rule["RuleNumber"] for rule in rules]
    if len(set(map(str, numbers))) < len(numbers):
        raise _invalid("RuleNumber", "a number twice")
    for rule in rules:
        _check_rule(group_in(rule, "Condition"), group_in(rule, "Redirect"))
    return kept


def _check_rule(condition: Tree, redirect: Tree) -> None:
    """(OSS PutBucketWebsite, Redirect; documented.)"""
    if redirect["RedirectType"] == _MIRROR:
        _check_mirror(condition, redirect)
    elif redirect.get("HttpRedirectCode", 301) not in _REDIRECT_CODES:
        raise _invalid("HttpRedirectCode", str(redirect["HttpRedirectCode"]))
    if text_in(redirect, "ReplaceKeyWith") and (
        text_in(redirect, "ReplaceKeyPrefixWith") or redirect.get("EnableReplacePrefix") is True
    ):
        raise _invalid("ReplaceKeyWith", text_in(redirect, "ReplaceKeyWith"))


def _check_mirror(condition: Tree, redirect: Tree) -> None:
    """Mirroring follows a 404. The service shows its MirrorPassQueryString under both names
    (vendor's suite; observed)."""
    status = condition.get("HttpErrorCodeReturnedEquals", _MIRRORED_STATUS)
    if status != _MIRRORED_STATUS:
        raise _invalid("HttpErrorCodeReturnedEquals", str(status))
    for tag in _MIRROR_URLS:
        url = text_in(redirect, tag)
        if url and not _is_folder_url(url):
            raise _invalid(tag, url)
    if "MirrorPassQueryString" in redirect:
        redirect["PassQueryString"] = redirect["MirrorPassQueryString"]


def _is_folder_url(url: str) -> bool:
    return url.startswith(("http://", "https://")) and url.endswith("/")


def _invalid(name: str, value: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(f"The {name} is invalid.", name=name, value=value)
