"""Which Referer may have it."""

from __future__ import annotations

import json

import pytest

from emulator.domain.errors import AccessDenied
from emulator.protocol.delivery.referer import (
    RefererOutcome,
    check_referer,
    judge_referer,
    read_referer,
)

EMPTY_OK, EMPTY_NO = RefererOutcome.EMPTY_ALLOWED, RefererOutcome.EMPTY_REFUSED
LISTED, UNLISTED = RefererOutcome.WHITELISTED, RefererOutcome.NOT_WHITELISTED
BLACK, FREE = RefererOutcome.BLACKLISTED, RefererOutcome.NO_WHITELIST


def document(white: list[str], black: list[str] | None = None, /, **more: bool) -> str:
    lists: dict[str, object] = {"RefererList": {"Referer": white} if white else {}}
    if black is not None:
        lists["RefererBlacklist"] = {"Referer": black}
    return json.dumps({**lists, **more})


A = "http://www.aliyun.com"
CLOSED = {"AllowEmptyReferer": False}
CUT = {"TruncatePath": True}
WHOLE_QUERY = {"AllowTruncateQueryString": False}

ROWS: list[tuple[str, str, str, RefererOutcome]] = [
    ("nothing set, empty", "", "", EMPTY_OK),
    ("nothing set", "", A, FREE),
    ("no whitelist, empty not allowed", document([], **CLOSED), "", FREE),
    ("a whitelist, empty allowed", document([A]), "", EMPTY_OK),
    ("a whitelist, empty not allowed", document([A], **CLOSED), "", EMPTY_NO),
    ("blanks are empty", document([A], **CLOSED), "  ", EMPTY_NO),
    ("an empty one passes the blacklist", document([], ["*"]), "", EMPTY_OK),
    ("listed", document([A]), A, LISTED),
    ("a page of it", document([A]), f"{A}/a/b.html", LISTED),
    ("what begins like it", document([A]), f"{A}.cn/", LISTED),
    ("another scheme", document([A]), "https://www.aliyun.com/", UNLISTED),
    ("without the scheme", document(["www.aliyun.com"]), A, UNLISTED),
    ("a star", document(["http://*.aliyun.com"]), "http://help.aliyun.com/x", LISTED),
    ("a star before", document(["*.aliyun.com"]), "https://help.aliyun.com/", LISTED),
    ("the domain itself", document(["http://*.domain.com"]), "http://domain.com", UNLISTED),
    ("a question mark", document(["http://?.aliyun.com"]), "http://a.aliyun.com", LISTED),
    ("two characters", document(["http://?.aliyun.com"]), "http://ab.aliyun.com", UNLISTED),
    ("a path", document([f"{A}/index.html"]), f"{A}/logo.html", UNLISTED),
    ("blanks around an entry", document([f" {A} "]), A, LISTED),
    ("blacklisted", document([], [A]), f"{A}/x", BLACK),
    ("not blacklisted", document([], [A]), "http://other", FREE),
    ("on both", document([A], [A]), A, BLACK),
    ("everyone but one", document(["*"], ["*example.com"]), "http://www.example.com/p", BLACK),
    ("everyone else", document(["*"], ["*example.com"]), "http://www.other.com/p", LISTED),
    ("the query is cut off", document([], ["*evil*"]), f"{A}/?evil=1", FREE),
    ("the query is kept", document([], ["*evil*"], **WHOLE_QUERY), f"{A}/?evil=1", BLACK),
    ("the path is cut off", document([A], **CUT), f"{A}/a/b?c", LISTED),
    ("cut, the whole must fit", document([A], **CUT), f"{A}.evil.com/", UNLISTED),
    ("cut, a query without path", document([A], **CUT, **WHOLE_QUERY), f"{A}?x=/y", LISTED),
    ("cut, a path can never fit", document([f"{A}/a"], **CUT), f"{A}/a", UNLISTED),
    ("cut, no scheme", document(["www.aliyun.com"], **CUT), "www.aliyun.com/a", LISTED),
]


@pytest.mark.parametrize(("name", "rules", "referer", "outcome"), ROWS, ids=[r[0] for r in ROWS])
def test_a_referer_is_judged_as_documented(
    name: str, rules: str, referer: str, outcome: RefererOutcome
) -> None:
    assert judge_referer(read_referer(rules), referer) is outcome
    if outcome in (EMPTY_NO, BLACK, UNLISTED):
        with pytest.raises(AccessDenied) as refused:
            check_referer(rules, referer)
        assert refused.value.message == "You are denied by bucket referer policy."
        assert refused.value.ec == "0003-00000501"
    else:
        check_referer(rules, referer)
