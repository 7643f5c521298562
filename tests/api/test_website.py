"""Buckets as static websites."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.test_errors_of_operations import code_of
from tests.support.delivery import anonymous, make_public, put_setting
from tests.support.hostile import Attacker, Reply
from tests.support.places import fresh_bucket
from tests.support.wire import Call

PAGES = {
    "index.html": b"the root",
    "sub/index.html": b"of sub",
    "error.html": b"sorry",
    "page": b"a page",
    "def/moved": b"moved here",
}


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "website") as name:
        make_public(attacker, name)
        for key, body in PAGES.items():
            html = (("content-type", "text/html"),)
            attacker.ok(Call("PUT", name, key, headers=html, body=body))
        yield name


def put_website(
    attacker: Attacker, bucket: str, index: str = "", error: str = "", rules: str = ""
) -> None:
    parts = []
    if index:
        parts.append(f"<IndexDocument><Suffix>index.html</Suffix>{index}</IndexDocument>")
    if error:
        parts.append(f"<ErrorDocument><Key>error.html</Key>{error}</ErrorDocument>")
    if rules:
        parts.append(f"<RoutingRules>{rules}</RoutingRules>")
    document = f"<WebsiteConfiguration>{''.join(parts)}</WebsiteConfiguration>"
    put_setting(attacker, bucket, "website", document)


FLAT = "<SupportSubDir>false</SupportSubDir>"
NOT_FOUND = "<HttpStatus>404</HttpStatus>"


def deep(kind: int) -> str:
    return f"<SupportSubDir>true</SupportSubDir><Type>{kind}</Type>"


def rule(condition: str, redirect: str, number: int = 1) -> str:
    return (
        f"<RoutingRule><RuleNumber>{number}</RuleNumber><Condition>{condition}</Condition>"
        f"<Redirect>{redirect}</Redirect></RoutingRule>"
    )


def shown(reply: Reply) -> tuple[int, bytes]:
    return reply.status, reply.body


def test_the_root_shows_the_index_to_strangers_and_the_listing_to_signed_callers(
    attacker: Attacker, bucket: str
) -> None:
    put_website(attacker, bucket, FLAT)
    reply = anonymous(attacker, bucket)
    assert shown(reply) == (200, b"the root")
    assert reply.header("content-type") == "text/html"
    assert shown(anonymous(attacker, bucket, "", ("v", "1"))) == (200, b"the root")
    signed = attacker.ok(Call("GET", bucket))
    assert signed.document.tag == "ListBucketResult"
    listing = anonymous(attacker, bucket, "", ("prefix", "sub"))
    assert listing.document.tag == "ListBucketResult"
    head = anonymous(attacker, bucket, method="HEAD")
    assert (head.status, head.header("content-length")) == (200, "8")


def test_directories_show_the_roots_index_or_their_own(attacker: Attacker, bucket: str) -> None:
    put_website(attacker, bucket, FLAT)
    assert shown(anonymous(attacker, bucket, "sub/")) == (200, b"the root")
    assert shown(anonymous(attacker, bucket, "none/")) == (200, b"the root")
    put_website(attacker, bucket, deep(0))
    assert shown(anonymous(attacker, bucket, "sub/")) == (200, b"of sub")
    assert anonymous(attacker, bucket, "none/").status == 404


def test_a_signed_get_of_a_missing_directory_shows_the_index(
    attacker: Attacker, bucket: str
) -> None:
    put_website(attacker, bucket, FLAT, NOT_FOUND)
    assert shown(attacker.ok(Call("GET", bucket, "none/"))) == (200, b"the root")
    attacker.ok(Call("PUT", bucket, "there/", body=b"itself"))
    assert shown(attacker.ok(Call("GET", bucket, "there/"))) == (200, b"itself")
    missing = attacker.call(Call("GET", bucket, "none"))
    assert (missing.status, code_of(missing)) == (404, "NoSuchKey")
    attacker.ok(Call("DELETE", bucket, "index.html"))
    missing = attacker.call(Call("GET", bucket, "none/"))
    assert (missing.status, code_of(missing)) == (404, "NoSuchKey")


def test_a_missing_key_may_be_a_directory(attacker: Attacker, bucket: str) -> None:
    put_website(attacker, bucket, deep(0))
    reply = anonymous(attacker, bucket, "sub")
    assert (reply.status, reply.header("location")) == (302, f"/{bucket}/sub/")
    assert anonymous(attacker, bucket, "none").status == 404
    put_website(attacker, bucket, deep(1))
    assert code_of(anonymous(attacker, bucket, "sub")) == "NoSuchKey"
    put_website(attacker, bucket, deep(2))
    assert shown(anonymous(attacker, bucket, "sub")) == (200, b"of sub")
    assert code_of(anonymous(attacker, bucket, "none")) == "NoSuchKey"
    put_website(attacker, bucket, FLAT)
    assert code_of(anonymous(attacker, bucket, "sub")) == "NoSuchKey"


@pytest.mark.parametrize("status", [404, 200, 403])
def test_the_error_page_shows_under_the_status_that_was_put(
    attacker: Attacker, bucket: str, status: int
) -> None:
    put_website(attacker, bucket, FLAT, f"<HttpStatus>{status}</HttpStatus>")
    conditional = {"range": "bytes=0-1", "if_none_match": "*"}
    for headers in ({}, conditional):
        reply = anonymous(attacker, bucket, "none", **headers)
        assert shown(reply) == (status, b"sorry")
        assert reply.header("content-type") == "text/html"
    head = anonymous(attacker, bucket, "none", method="HEAD")
    assert (head.status, head.body, head.header("content-length")) == (status, b"", "5")
    assert shown(anonymous(attacker, bucket, "page")) == (200, b"a page")


def test_without_its_page_an_error_is_an_error(attacker: Attacker, bucket: str) -> None:
    put_website(attacker, bucket, FLAT, NOT_FOUND)
    attacker.ok(Call("DELETE", bucket, "error.html"))
    assert code_of(anonymous(attacker, bucket, "none")) == "NoSuchKey"


def test_pages_need_the_right_of_the_stranger(attacker: Attacker, bucket: str) -> None:
    put_website(attacker, bucket, FLAT, NOT_FOUND)
    private = (("x-oss-object-acl", "private"),)
    for key in ("index.html", "error.html", "page"):
        attacker.ok(Call("PUT", bucket, key, (("acl", None),), private))
    for key in ("", "page", "sub/"):
        assert code_of(anonymous(attacker, bucket, key)) == "AccessDenied"
    assert code_of(anonymous(attacker, bucket, "none")) == "NoSuchKey"
    for key in ("none", "x/y"):
        assert b"sorry" not in anonymous(attacker, bucket, key).body


def test_ranges_and_conditions_hold_for_the_index(attacker: Attacker, bucket: str) -> None:
    put_website(attacker, bucket, FLAT)
    part = anonymous(attacker, bucket, range="bytes=0-2")
    assert shown(part) == (206, b"the")
    etag = anonymous(attacker, bucket).header("etag")
    assert anonymous(attacker, bucket, if_none_match=etag).status == 304


WWW = "<RedirectType>External</RedirectType><HostName>www.test.com</HostName>"


def test_rules_send_elsewhere(attacker: Attacker, bucket: str) -> None:
    missing = "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>"
    abc = "<KeyPrefixEquals>abc/</KeyPrefixEquals>"
    host = "<IncludeHeader><Key>x-way</Key><Equals>out</Equals></IncludeHeader>"
    rules = (
        rule(host, WWW + "<Protocol>https</Protocol><HttpRedirectCode>307</HttpRedirectCode>", 1)
        + rule(
            missing + abc,
            WWW + "<ReplaceKeyPrefixWith>def/</ReplaceKeyPrefixWith>"
            "<HttpRedirectCode>302</HttpRedirectCode><PassQueryString>true</PassQueryString>",
            2,
        )
        + rule(missing, WWW + "<ReplaceKeyWith>gone/${key}</ReplaceKeyWith>", 3)
    )
    put_website(attacker, bucket, FLAT, NOT_FOUND, rules)

    def leads(key: str, *query: tuple[str, str | None], **headers: str) -> tuple[int, str]:
        reply = anonymous(attacker, bucket, key, *query, **headers)
        assert reply.body == b"" or reply.status == 200
        return reply.status, reply.header("location")

    assert leads("page") == (200, "")
    assert leads("page", x_way="out") == (307, "https://www.test.com/page")
    assert leads("", x_way="out") == (307, "https://www.test.com/")
    assert leads("abc/t", ("a", "b c")) == (302, "http://www.test.com/def/t?a=b%20c")
    assert leads("other") == (301, "http://www.test.com/gone/other")
    signed = attacker.call(Call("GET", bucket, "other"))
    assert (signed.status, code_of(signed)) == (404, "NoSuchKey")


def test_a_rule_may_answer_with_another_object(attacker: Attacker, bucket: str) -> None:
    inside = (
        "<RedirectType>Internal</RedirectType><ReplaceKeyPrefixWith>def/</ReplaceKeyPrefixWith>"
    )
    put_website(
        attacker, bucket, FLAT, rules=rule("<KeyPrefixEquals>abc/</KeyPrefixEquals>", inside)
    )
    assert shown(anonymous(attacker, bucket, "abc/moved")) == (200, b"moved here")
    assert code_of(anonymous(attacker, bucket, "abc/none")) == "NoSuchKey"


def test_an_origin_is_never_asked(attacker: Attacker, bucket: str) -> None:
    mirror = "<RedirectType>Mirror</RedirectType><MirrorURL>http://origin.invalid/</MirrorURL>"
    missing = "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>"
    put_website(attacker, bucket, FLAT, rules=rule(missing, mirror))
    reply = anonymous(attacker, bucket, "none")
    assert (reply.status, code_of(reply)) == (424, "MirrorFailed")
    assert shown(anonymous(attacker, bucket, "page")) == (200, b"a page")


def test_a_large_page_that_a_rule_replaces_is_let_go(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "big", body=b"x" * 200_000))
    put_website(attacker, bucket, FLAT, rules=rule("<KeyPrefixEquals>big</KeyPrefixEquals>", WWW))
    for _ in range(3):
        assert anonymous(attacker, bucket, "big").status == 301


def test_sub_resources_and_versions_are_not_pages(attacker: Attacker, bucket: str) -> None:
    put_website(attacker, bucket, FLAT, NOT_FOUND)
    assert code_of(anonymous(attacker, bucket, "page", ("acl", None))) == "AccessDenied"
    version = ("versionId", "null")
    assert code_of(anonymous(attacker, bucket, "none", version)) in (
        "AccessDenied",
        "NoSuchVersion",
    )
    overridden = anonymous(attacker, bucket, "page", ("response-content-type", "text/plain"))
    assert (overridden.status, code_of(overridden)) == (400, "InvalidRequest")
