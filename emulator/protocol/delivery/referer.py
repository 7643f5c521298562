"""Hotlink protection: may this Referer have it? Pure.

(OSS hotlink protection; documented.) An empty Referer is judged by AllowEmptyReferer alone, unless
the whitelist is empty, which lets everything pass; otherwise the blacklist is asked before the
whitelist. Only unsigned requests and signed URLs are judged. Entries are prefixes with the
wildcards ``*`` and ``?``; that an entry must fit the whole of a Referer whose path is cut off
(TruncatePath), and that letter case counts, is inferred.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from emulator.access.policy.match import PatternSet, compile_patterns
from emulator.domain.documents import reader_of
from emulator.domain.errors import AccessDenied

_EC = "0003-00000501"
_TEXT = "You are denied by bucket referer policy."


class _RefererList(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    referer: tuple[str, ...] = ()


class _Document(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    allow_empty_referer: bool = True
    allow_truncate_query_string: bool = True
    truncate_path: bool = False
    referer_list: _RefererList = _RefererList()
    referer_blacklist: _RefererList = _RefererList()


class RefererRules(msgspec.Struct, frozen=True, gc=False):
    """A bucket's hotlink protection with its patterns compiled."""

    allows_empty: bool
    cuts_query: bool
    cuts_path: bool
    whitelist: PatternSet
    blacklist: PatternSet


def _rules_of(read: _Document) -> RefererRules:
    return RefererRules(
        allows_empty=read.allow_empty_referer,
        cuts_query=read.allow_truncate_query_string,
        cuts_path=read.truncate_path,
        whitelist=_patterns(read.referer_list, whole=read.truncate_path),
        blacklist=_patterns(read.referer_blacklist, whole=read.truncate_path),
    )


def _patterns(listed: _RefererList, *, whole: bool) -> PatternSet:
    entries = [entry.strip() for entry in listed.referer]
    return compile_patterns([entry if whole else f"{entry}*" for entry in entries if entry])


# Reads the setting's document; the empty one lets everything pass.
read_referer = reader_of(_Document, _rules_of)


class RefererOutcome(Enum):
    """Why a request may or may not have what it asks for."""

    EMPTY_ALLOWED = "an empty Referer is allowed"
    NO_WHITELIST = "there is no whitelist"
    WHITELISTED = "the Referer is on the whitelist"
    EMPTY_REFUSED = "an empty Referer is not allowed"
    BLACKLISTED = "the Referer is on the blacklist"
    NOT_WHITELISTED = "the Referer is not on the whitelist"


_REFUSED = frozenset(
    {RefererOutcome.EMPTY_REFUSED, RefererOutcome.BLACKLISTED, RefererOutcome.NOT_WHITELISTED}
)


def judge_referer(rules: RefererRules, referer: str) -> RefererOutcome:
    """Decide about the value of a Referer header; ``""`` where it is absent."""
    referer = referer.strip()
    if not referer:
        if rules.allows_empty:
            return RefererOutcome.EMPTY_ALLOWED
        if rules.whitelist.empty:
            return RefererOutcome.NO_WHITELIST
        return RefererOutcome.EMPTY_REFUSED
    judged = _cut(rules, referer)
    if rules.blacklist.matches(judged):
        return RefererOutcome.BLACKLISTED
    if rules.whitelist.empty:
        return RefererOutcome.NO_WHITELIST
    if rules.whitelist.matches(judged):
        return RefererOutcome.WHITELISTED
    return RefererOutcome.NOT_WHITELISTED


def check_referer(document: str, referer: str) -> None:
    """Raise AccessDenied unless the request may have what it asks for."""
    if judge_referer(read_referer(document), referer) in _REFUSED:
        raise AccessDenied(_TEXT, ec=_EC)


def _cut(rules: RefererRules, referer: str) -> str:
    if rules.cuts_query:
        referer = referer.partition("?")[0]
    if rules.cuts_path:
        scheme, separator, rest = referer.partition("://")
        if separator:
            return scheme + separator + rest.partition("/")[0].partition("?")[0]
        return referer.partition("/")[0].partition("?")[0]
    return referer
