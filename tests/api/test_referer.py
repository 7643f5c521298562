"""Hotlink protection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulator.protocol.signing import Scheme
from tests.api.test_errors_of_operations import code_of
from tests.support.delivery import anonymous, by_url, make_public, put_setting
from tests.support.hostile import Attacker, Reply
from tests.support.places import fresh_bucket
from tests.support.wire import Call

GOOD, BAD = "http://www.aliyun.com/page", "http://elsewhere/page"
RULES = """<RefererConfiguration><AllowEmptyReferer>false</AllowEmptyReferer>
<RefererList><Referer>http://*.aliyun.com</Referer></RefererList>
<RefererBlacklist><Referer>http://ban.aliyun.com</Referer></RefererBlacklist>
</RefererConfiguration>"""


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "referer") as name:
        make_public(attacker, name)
        attacker.ok(Call("PUT", name, "key", body=b"content"))
        put_setting(attacker, name, "referer", RULES)
        yield name


def is_refused(reply: Reply) -> bool:
    if reply.status == 200:
        return False
    assert (reply.status, code_of(reply)) == (403, "AccessDenied")
    if reply.body:
        message = reply.document.findtext("Message")
        assert message == "You are denied by bucket referer policy."
        assert reply.header("x-oss-ec") == "0003-00000501"
    return True


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_anonymous_requests_are_judged(attacker: Attacker, bucket: str, method: str) -> None:
    def refused(referer: str) -> bool:
        headers = {"referer": referer} if referer else {}
        return is_refused(anonymous(attacker, bucket, "key", method=method, **headers))

    assert not refused(GOOD)
    assert refused(BAD)
    assert refused("http://ban.aliyun.com/")
    assert refused("")


@pytest.mark.parametrize("scheme", [Scheme.V1, Scheme.V4])
def test_signed_urls_are_judged(attacker: Attacker, bucket: str, scheme: Scheme) -> None:
    def refused(referer: str) -> bool:
        headers = (("referer", referer),) if referer else ()
        call = Call("GET", bucket, "key", headers=headers)
        return is_refused(by_url(attacker, call, scheme=scheme))

    assert not refused(GOOD)
    assert refused(BAD)
    assert refused("")


def test_requests_with_a_signature_in_the_header_are_not(attacker: Attacker, bucket: str) -> None:
    for referer in (GOOD, BAD):
        attacker.ok(Call("GET", bucket, "key", headers=(("referer", referer),)))
    attacker.ok(Call("GET", bucket, "key"))


def test_empty_referers_and_empty_whitelists(attacker: Attacker, bucket: str) -> None:
    put_setting(attacker, bucket, "referer", RULES.replace("false", "true"))
    assert not is_refused(anonymous(attacker, bucket, "key"))
    assert is_refused(anonymous(attacker, bucket, "key", referer=BAD))
    nothing = RULES.replace("<Referer>http://*.aliyun.com</Referer>", "")
    put_setting(attacker, bucket, "referer", nothing)
    assert not is_refused(anonymous(attacker, bucket, "key"))
    assert not is_refused(anonymous(attacker, bucket, "key", referer=BAD))
    assert is_refused(anonymous(attacker, bucket, "key", referer="http://ban.aliyun.com/x"))
