"""Which CORS rule matches, and what is answered."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain.errors import AccessForbidden, BadRequest
from emulator.protocol.delivery.cors import (
    CorsOutcome,
    Preflight,
    preflight,
    read_cors,
    simple_headers,
)

ORIGIN = "https://www.example.com"
ALLOWED, NO_MATCH = CorsOutcome.ALLOWED, CorsOutcome.NO_MATCH


def rule(
    origins: list[str], methods: list[str], headers: list[str] | None = None, **more: object
) -> dict[str, object]:
    made = {"AllowedOrigin": origins, "AllowedMethod": methods, **more}
    return made if headers is None else {**made, "AllowedHeader": headers}


def document(*rules: dict[str, object], **more: object) -> str:
    return json.dumps({"CORSRule": list(rules), **more})


# name, rule, origin, method, requested headers, outcome
MATCHES: list[tuple[str, dict[str, object], str, str, str, CorsOutcome]] = [
    ("any origin", rule(["*"], ["GET"]), ORIGIN, "GET", "", ALLOWED),
    ("this origin", rule([ORIGIN], ["GET"]), ORIGIN, "GET", "", ALLOWED),
    ("the second origin", rule(["http://a", ORIGIN], ["GET"]), ORIGIN, "GET", "", ALLOWED),
    ("another origin", rule(["http://a"], ["GET"]), ORIGIN, "GET", "", NO_MATCH),
    ("another scheme", rule(["http://www.example.com"], ["GET"]), ORIGIN, "GET", "", NO_MATCH),
    ("a sub-domain", rule(["https://*.example.com"], ["GET"]), ORIGIN, "GET", "", ALLOWED),
    ("a port", rule(["https://www.example.com:*"], ["GET"]), f"{ORIGIN}:81", "GET", "", ALLOWED),
    ("the domain itself", rule(["https://*.example.com"], ["GET"]), "https://example.com", "GET",
     "", NO_MATCH),
    ("no overlap", rule(["ab*ba"], ["GET"]), "aba", "GET", "", NO_MATCH),
    ("an empty star", rule(["ab*ba"], ["GET"]), "abba", "GET", "", ALLOWED),
    ("a later method", rule(["*"], ["GET", "PUT"]), ORIGIN, "PUT", "", ALLOWED),
    ("another method", rule(["*"], ["GET"]), ORIGIN, "PUT", "", NO_MATCH),
    ("a method in lower case", rule(["*"], ["GET"]), ORIGIN, "get", "", NO_MATCH),
    ("a header", rule(["*"], ["GET"], ["x-oss-test"]), ORIGIN, "GET", "x-oss-test", ALLOWED),
    ("case of headers", rule(["*"], ["GET"], ["X-OSS-Test"]), ORIGIN, "GET", "x-oss-TEST",
     ALLOWED),
    ("two headers", rule(["*"], ["GET"], ["a", "b"]), ORIGIN, "GET", "a , b", ALLOWED),
    ("one header too many", rule(["*"], ["GET"], ["a"]), ORIGIN, "GET", "a,b", NO_MATCH),
    ("any header", rule(["*"], ["GET"], ["*"]), ORIGIN, "GET", "a,b,c", ALLOWED),
    ("headers of a prefix", rule(["*"], ["GET"], ["x-oss-*"]), ORIGIN, "GET", "x-oss-a", ALLOWED),
    ("no headers allowed", rule(["*"], ["GET"]), ORIGIN, "GET", "a", NO_MATCH),
    ("empty names", rule(["*"], ["GET"]), ORIGIN, "GET", " , ", ALLOWED),
    ("no origin", rule(["*"], ["GET"]), "", "GET", "", CorsOutcome.NO_ORIGIN),
    ("no method", rule(["*"], ["GET"]), ORIGIN, "", "", CorsOutcome.NO_METHOD),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "one", "origin", "method", "headers", "outcome"),
    MATCHES,
    ids=[row[0] for row in MATCHES],
)
def test_a_rule_matches_with_origin_method_and_all_headers(
    name: str,
    one: dict[str, object],
    origin: str,
    method: str,
    headers: str,
    outcome: CorsOutcome,
) -> None:
    decision = preflight(read_cors(document(one)), Preflight(origin, method, headers))
    assert decision.outcome is outcome
    assert bool(decision.headers) is (outcome is ALLOWED)
    assert (decision.refusal() is None) is (outcome is ALLOWED)


def test_the_refusals_are_those_of_the_documents() -> None:
    def refusal(configuration: str, *asked: str) -> object:
        return preflight(read_cors(configuration), Preflight(*asked)).refusal()

    some = document(rule(["http://a"], ["GET"]))
    missing_origin = refusal(some, "", "GET")
    assert isinstance(missing_origin, BadRequest)
    assert "Origin" in missing_origin.message
    missing_method = refusal(some, ORIGIN, "")
    assert isinstance(missing_method, BadRequest)
    assert "Access-Control-Request-Method" in missing_method.message
    off = refusal("", ORIGIN, "GET")
    assert isinstance(off, AccessForbidden)
    assert off.message == "CORSResponse: CORS is not enabled for this bucket."
    other = refusal(some, ORIGIN, "GET")
    assert isinstance(other, AccessForbidden)
    assert other.message.startswith("CORSResponse: This CORS request is not allowed.")


def test_an_allowed_preflight_shows_the_rule() -> None:
    rules = read_cors(
        document(
            rule(["http://a"], ["GET"]),
            rule([ORIGIN], ["PUT", "GET"], ["*"], ExposeHeader=["ETag", "x"], MaxAgeSeconds=5),
            rule(["*"], ["PUT"], ["*"], MaxAgeSeconds=9),
            ResponseVary=True,
        )
    )
    assert preflight(rules, Preflight(ORIGIN, "PUT", "A, b")).headers == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Methods": "PUT, GET",
        "Access-Control-Allow-Headers": "A, b",
        "Access-Control-Expose-Headers": "ETag, x",
        "Access-Control-Max-Age": "5",
        "Vary": "Origin",
    }


def test_only_a_bare_star_answers_with_a_star() -> None:
    star = read_cors(document(rule(["*"], ["GET"])))
    assert simple_headers(star, ORIGIN, "GET")["Access-Control-Allow-Origin"] == "*"
    part = read_cors(document(rule(["https://*"], ["GET"])))
    assert simple_headers(part, ORIGIN, "GET")["Access-Control-Allow-Origin"] == ORIGIN


def test_an_ordinary_answer_is_dressed_or_left_alone_but_never_refused() -> None:
    rules = read_cors(document(rule([ORIGIN], ["GET"], [], MaxAgeSeconds=0)))
    assert simple_headers(rules, ORIGIN, "GET") == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Methods": "GET",
        "Access-Control-Max-Age": "0",
    }
    assert simple_headers(rules, ORIGIN, "PUT") == {}
    assert simple_headers(rules, "http://other", "GET") == {}
    assert simple_headers(rules, "", "GET") == {}
    assert simple_headers(read_cors(""), ORIGIN, "GET") == {}


def test_vary_goes_to_every_answer_of_a_bucket_that_wants_it() -> None:
    rules = read_cors(document(rule([ORIGIN], ["GET"]), ResponseVary=True))
    assert simple_headers(rules, "", "GET") == {"Vary": "Origin"}
    assert simple_headers(rules, "http://other", "PUT") == {"Vary": "Origin"}
    assert simple_headers(rules, ORIGIN, "GET")["Vary"] == "Origin"
    # Only with at least one rule (OSS PutBucketCors; documented).
    assert simple_headers(read_cors('{"ResponseVary":true}'), ORIGIN, "GET") == {}


@given(st.text("ab*", max_size=6), st.text("ab", max_size=8))
def test_a_pattern_with_one_star_means_what_a_plain_search_means(pattern: str, text: str) -> None:
    if pattern.count("*") > 1 or not text:
        return
    head, star, tail = pattern.partition("*")
    expected = text == pattern
    if star:
        expected = any(
            text == head + text[len(head) : len(head) + length] + tail
            for length in range(len(text) + 1)
        )
    decision = preflight(read_cors(document(rule([pattern], ["GET"]))), Preflight(text, "GET"))
    assert (decision.outcome is ALLOWED) is expected
