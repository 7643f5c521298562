"""Cross-origin requests as browsers make them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.test_errors_of_operations import code_of
from tests.support.covers import covers
from tests.support.delivery import anonymous, make_public, put_setting
from tests.support.hostile import Attacker, Reply
from tests.support.places import fresh_bucket
from tests.support.wire import Call

ORIGIN = "https://www.example.com"
RULES = f"""<CORSConfiguration>
<CORSRule><AllowedOrigin>http://first</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>
<CORSRule><AllowedOrigin>{ORIGIN}</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>
<AllowedMethod>GET</AllowedMethod><AllowedHeader>X-Oss-*</AllowedHeader>
<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>5</MaxAgeSeconds></CORSRule>
</CORSConfiguration>"""
VARYING = RULES.replace("</CORSConf", "<ResponseVary>true</ResponseVary></CORSConf")
ALLOW_ORIGIN = "access-control-allow-origin"


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "cors") as name:
        attacker.ok(Call("PUT", name, "key", body=b"content"))
        yield name


def preflight(attacker: Attacker, bucket: str, key: str = "key", **headers: str) -> Reply:
    asked = {"origin": ORIGIN, "access_control_request_method": "PUT", **headers}
    return anonymous(
        attacker, bucket, key, method="OPTIONS", **{k: v for k, v in asked.items() if v}
    )


@covers("OptionObject", "OptionBucket")
@pytest.mark.parametrize("key", ["key", "no such key", ""])
def test_a_preflight_needs_no_signature_and_no_object(
    attacker: Attacker, bucket: str, key: str
) -> None:
    put_setting(attacker, bucket, "cors", RULES)
    reply = preflight(attacker, bucket, key, access_control_request_headers="x-oss-test, X-OSS-b")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.header(ALLOW_ORIGIN) == ORIGIN
    assert reply.header("access-control-allow-methods") == "PUT, GET"
    assert reply.header("access-control-allow-headers") == "x-oss-test, X-OSS-b"
    assert reply.header("access-control-expose-headers") == "ETag"
    assert reply.header("access-control-max-age") == "5"
    assert reply.header("vary") == ""


REFUSED = [
    ({"origin": ""}, 400, "BadRequest"),
    ({"access_control_request_method": ""}, 400, "BadRequest"),
    ({"origin": "https://other"}, 403, "AccessForbidden"),
    ({"access_control_request_method": "DELETE"}, 403, "AccessForbidden"),
    ({"access_control_request_headers": "authorization"}, 403, "AccessForbidden"),
]


@covers("OptionObject")
@pytest.mark.parametrize(("headers", "status", "code"), REFUSED)
def test_a_preflight_nothing_allows_is_refused(
    attacker: Attacker, bucket: str, headers: dict[str, str], status: int, code: str
) -> None:
    put_setting(attacker, bucket, "cors", RULES)
    reply = preflight(attacker, bucket, **headers)
    assert (reply.status, code_of(reply)) == (status, code)
    assert reply.header(ALLOW_ORIGIN) == ""


@covers("OptionObject")
def test_without_rules_no_preflight_is_allowed(attacker: Attacker, bucket: str) -> None:
    reply = preflight(attacker, bucket)
    assert (reply.status, code_of(reply)) == (403, "AccessForbidden")
    message = reply.document.findtext("Message")
    assert message == "CORSResponse: CORS is not enabled for this bucket."


def test_an_ordinary_answer_carries_the_headers_of_the_rule(
    attacker: Attacker, bucket: str
) -> None:
    put_setting(attacker, bucket, "cors", RULES)
    origin = (("origin", ORIGIN),)
    for call in (
        Call("GET", bucket, "key", headers=origin),
        Call("PUT", bucket, "key", headers=origin, body=b"x"),
        Call("GET", bucket, headers=origin),
    ):
        reply = attacker.ok(call)
        assert reply.header(ALLOW_ORIGIN) == ORIGIN
        assert reply.header("access-control-expose-headers") == "ETag"
    for call in (
        Call("GET", bucket, "key"),
        Call("GET", bucket, "key", headers=(("origin", "https://other"),)),
        Call("DELETE", bucket, "key", headers=origin),
    ):
        reply = attacker.ok(call)
        assert reply.header(ALLOW_ORIGIN) == ""


def test_an_error_carries_them_too_so_that_a_browser_can_read_its_code(
    attacker: Attacker, bucket: str
) -> None:
    put_setting(attacker, bucket, "cors", RULES)
    for account, code in (("a", "NoSuchKey"), ("b", "AccessDenied"), ("", "AccessDenied")):
        call = Call("GET", bucket, "missing", headers=(("origin", ORIGIN),))
        reply = attacker.call(call, account)
        assert code_of(reply) == code
        assert reply.header(ALLOW_ORIGIN) == ORIGIN
    unsigned = Call("GET", bucket, "key", (), (("origin", ORIGIN), ("authorization", "OSS a:b")))
    reply = attacker.call(unsigned, "")
    assert reply.status == 403
    assert reply.header(ALLOW_ORIGIN) == ORIGIN


def test_vary_goes_to_every_answer_when_it_is_wanted(attacker: Attacker, bucket: str) -> None:
    put_setting(attacker, bucket, "cors", VARYING)
    make_public(attacker, bucket)
    assert "Origin" in anonymous(attacker, bucket, "key").header("vary")
    assert "Origin" in anonymous(attacker, bucket, "missing").header("vary")
    assert "Origin" in anonymous(attacker, bucket, "key", origin=ORIGIN).header("vary")
    assert preflight(attacker, bucket).header("vary") == "Origin"


def test_no_rules_means_no_headers(attacker: Attacker, bucket: str) -> None:
    put_setting(attacker, bucket, "cors", RULES)
    attacker.ok(Call("DELETE", bucket, query=(("cors", None),)))
    reply = attacker.ok(Call("GET", bucket, "key", headers=(("origin", ORIGIN),)))
    assert reply.header(ALLOW_ORIGIN) == ""
