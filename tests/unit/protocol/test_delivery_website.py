"""Which object, redirection or page answers for a website."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.protocol.delivery.website import (
    Action,
    Asked,
    Place,
    Route,
    Website,
    index_key,
    matching_rule,
    read_website,
    route_of,
    sub_directory_key,
)

Json = dict[str, Any]

PLACE = Place("b.localhost:80", "", "a=b&c=d")


def site(*rules: Json, **index: object) -> Website:
    document: Json = {"RoutingRules": {"RoutingRule": list(rules)}}
    if index:
        document["IndexDocument"] = {"Suffix": "index.html", **index}
    return read_website(json.dumps(document))


FLAT: Json = {"SupportSubDir": False}
DEEP: Json = {"SupportSubDir": True}

INDEXES: list[tuple[str, Json, str, str]] = [
    ("the root", FLAT, "", "index.html"),
    ("a directory shows the root's", FLAT, "sub/", "index.html"),
    ("the root, with sub-directories", DEEP, "", "index.html"),
    ("a directory shows its own", DEEP, "a/b/", "a/b/index.html"),
    ("no directory", DEEP, "a/b", ""),
    ("no index", {}, "", ""),
    ("no index for a directory", {}, "a/", ""),
]


@pytest.mark.parametrize(("name", "index", "key", "expected"), INDEXES)
def test_the_index_answers_for_directories(name: str, index: Json, key: str, expected: str) -> None:
    assert index_key(site(**index), key) == expected


SUB_DIRECTORIES: list[tuple[Json, str, str]] = [
    (DEEP, "abc", "abc/index.html"),
    ({**DEEP, "Type": 0}, "abc", "abc/index.html"),
    ({**DEEP, "Type": 1}, "abc", ""),
    ({**DEEP, "Type": 2}, "abc", "abc/index.html"),
    ({**DEEP, "Type": 2}, "abc/", ""),
    ({**DEEP, "Type": 2}, "", ""),
    ({**FLAT, "Type": 2}, "abc", ""),
    ({}, "abc", ""),
]


@pytest.mark.parametrize(("index", "key", "expected"), SUB_DIRECTORIES)
def test_a_missing_key_may_be_a_directory(index: Json, key: str, expected: str) -> None:
    assert sub_directory_key(site(**index), key) == expected


CONDITIONS: list[tuple[str, Json, Asked, bool]] = [
    ("nothing asked", {}, Asked("k", {}, 200), True),
    ("prefix", {"KeyPrefixEquals": "abc/"}, Asked("abc/d", {}, 200), True),
    ("another prefix", {"KeyPrefixEquals": "abc/"}, Asked("abd", {}, 200), False),
    ("suffix", {"KeySuffixEquals": ".png"}, Asked("a.png", {}, 200), True),
    ("another suffix", {"KeySuffixEquals": ".png"}, Asked("a.jpg", {}, 200), False),
    ("status", {"HttpErrorCodeReturnedEquals": 404}, Asked("k", {}, 404), True),
    ("another status", {"HttpErrorCodeReturnedEquals": 404}, Asked("k", {}, 200), False),
    ("both", {"KeyPrefixEquals": "a", "HttpErrorCodeReturnedEquals": 404}, Asked("k", {}, 404),
     False),
    ("a header", {"IncludeHeader": [{"Key": "Host", "Equals": "h"}]},
     Asked("k", {"host": "h"}, 200), True),
    ("another value", {"IncludeHeader": [{"Key": "host", "Equals": "h"}]},
     Asked("k", {"host": "i"}, 200), False),
    ("no such header", {"IncludeHeader": [{"Key": "x"}]}, Asked("k", {}, 200), False),
    ("any value", {"IncludeHeader": [{"Key": "x"}]}, Asked("k", {"x": ""}, 200), True),
    ("begins and ends", {"IncludeHeader": [{"Key": "x", "StartsWith": "a", "EndsWith": "c"}]},
     Asked("k", {"x": "abc"}, 200), True),
    ("begins otherwise", {"IncludeHeader": [{"Key": "x", "StartsWith": "b"}]},
     Asked("k", {"x": "abc"}, 200), False),
    ("ends otherwise", {"IncludeHeader": [{"Key": "x", "EndsWith": "b"}]},
     Asked("k", {"x": "abc"}, 200), False),
    ("one of two", {"IncludeHeader": [{"Key": "x"}, {"Key": "y"}]}, Asked("k", {"x": ""}, 200),
     False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "condition", "asked", "matches"), CONDITIONS, ids=[row[0] for row in CONDITIONS]
)
def test_a_rule_applies_when_all_of_its_condition_holds(
    name: str, condition: Json, asked: Asked, matches: bool
) -> None:
    rules = site({"RuleNumber": 1, "Condition": condition, "Redirect": {}})
    assert (matching_rule(rules, asked) is not None) is matches


def test_rules_are_tried_by_their_number() -> None:
    rules = site({"RuleNumber": 2}, {"RuleNumber": 1, "Condition": {"KeyPrefixEquals": "a"}})
    first = matching_rule(rules, Asked("ab", {}, 200))
    second = matching_rule(rules, Asked("b", {}, 200))
    assert first is not None
    assert second is not None
    assert (first.rule_number, second.rule_number) == (1, 2)


WWW: Json = {"RedirectType": "External", "Protocol": "https", "HostName": "www.test.com"}
ABC: Json = {"KeyPrefixEquals": "abc/"}

ROUTES: list[tuple[str, Json, Json, str, Route]] = [
    ("a host", {}, WWW, "test", Route(Action.REDIRECT, 301, "https://www.test.com/test")),
    ("a code", {}, {**WWW, "HttpRedirectCode": 302}, "t",
     Route(Action.REDIRECT, 302, "https://www.test.com/t")),
    ("no protocol", {}, {"HostName": "h"}, "t", Route(Action.REDIRECT, 301, "http://h/t")),
    ("the same host", {}, {"ReplaceKeyWith": "u"}, "t",
     Route(Action.REDIRECT, 301, "http://b.localhost:80/u")),
    ("a replaced prefix", ABC, {**WWW, "ReplaceKeyPrefixWith": "def/"}, "abc/test.txt",
     Route(Action.REDIRECT, 301, "https://www.test.com/def/test.txt")),
    ("an enabled prefix", ABC,
     {**WWW, "ReplaceKeyPrefixWith": "def/", "EnableReplacePrefix": True}, "abc/test.txt",
     Route(Action.REDIRECT, 301, "https://www.test.com/def/test.txt")),
    ("a prefix cut off", ABC, {**WWW, "EnableReplacePrefix": True}, "abc/test.txt",
     Route(Action.REDIRECT, 301, "https://www.test.com/test.txt")),
    ("a prefix added", {}, {**WWW, "ReplaceKeyPrefixWith": "def/"}, "t",
     Route(Action.REDIRECT, 301, "https://www.test.com/def/t")),
    ("a replaced key", {}, {**WWW, "ReplaceKeyWith": "prefix/${key}.suffix"}, "test",
     Route(Action.REDIRECT, 301, "https://www.test.com/prefix/test.suffix")),
    ("the query", {}, {**WWW, "PassQueryString": True}, "t",
     Route(Action.REDIRECT, 301, "https://www.test.com/t?a=b&c=d")),
    ("an encoded key", {}, WWW, "a b/ü?",
     Route(Action.REDIRECT, 301, "https://www.test.com/a%20b/%C3%BC%3F")),
    ("a CDN", {}, {**WWW, "RedirectType": "AliCDN"}, "t",
     Route(Action.REDIRECT, 301, "https://www.test.com/t")),
    ("inside", ABC, {"RedirectType": "Internal", "ReplaceKeyPrefixWith": "def/"}, "abc/t",
     Route(Action.SERVE, key="def/t")),
    ("a mirror", {}, {"RedirectType": "Mirror", "MirrorURL": "http://x/"}, "t",
     Route(Action.MIRROR)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "condition", "redirect", "key", "expected"), ROUTES, ids=[row[0] for row in ROUTES]
)
def test_a_rule_leads_where_it_says(
    name: str, condition: Json, redirect: Json, key: str, expected: Route
) -> None:
    rules = site({"RuleNumber": 1, "Condition": condition, "Redirect": redirect})
    assert route_of(rules.rules[0], key, PLACE) == expected


def test_a_redirection_on_the_same_host_keeps_the_bucket_of_the_path() -> None:
    rules = site({"RuleNumber": 1, "Redirect": {"ReplaceKeyWith": "u"}})
    place = Place("127.0.0.1:9", "/bucket")
    assert route_of(rules.rules[0], "t", place).location == "http://127.0.0.1:9/bucket/u"
    away = site({"RuleNumber": 1, "Redirect": WWW})
    assert route_of(away.rules[0], "t", place).location == "https://www.test.com/t"


def test_the_error_page_has_the_status_that_was_put() -> None:
    page = read_website('{"ErrorDocument":{"Key":"e.html"}}')
    assert (page.error_key, page.error_status, page.index) == ("e.html", 404, "")
    assert read_website('{"ErrorDocument":{"Key":"e","HttpStatus":200}}').error_status == 200
