"""Transfers that are slowed down on request."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from emulator.protocol.signing import Scheme
from tests.api.test_errors_of_operations import code_of
from tests.support.delivery import anonymous, by_url, make_public
from tests.support.hostile import Attacker
from tests.support.places import fresh_bucket
from tests.support.wire import Call

LIMIT = ("x-oss-traffic-limit", "819200")  # 100 KiB/s
BODY = bytes(range(256)) * 320  # 80 KiB, of which 16 pass at once
LEAST_S, MOST_S = 0.55, 3.0


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "traffic") as name:
        yield name


def timed(attacker: Attacker, call: Call, account: str = "a") -> tuple[bytes, float]:
    started = time.monotonic()
    reply = attacker.ok(call, account)
    return reply.body, time.monotonic() - started


@pytest.mark.parametrize("place", ["header", "query"])
def test_an_upload_takes_its_time(attacker: Attacker, bucket: str, place: str) -> None:
    call = Call("PUT", bucket, "key", body=BODY)
    limited = (
        call._replace(headers=(LIMIT,)) if place == "header" else call._replace(query=(LIMIT,))
    )
    assert LEAST_S < timed(attacker, limited)[1] < MOST_S
    assert timed(attacker, call)[1] < LEAST_S
    assert attacker.ok(Call("GET", bucket, "key")).body == BODY


@pytest.mark.parametrize("place", ["header", "query"])
def test_a_download_takes_its_time(attacker: Attacker, bucket: str, place: str) -> None:
    attacker.ok(Call("PUT", bucket, "key", body=BODY))
    call = Call("GET", bucket, "key")
    limited = (
        call._replace(headers=(LIMIT,)) if place == "header" else call._replace(query=(LIMIT,))
    )
    body, took_s = timed(attacker, limited)
    assert body == BODY
    assert LEAST_S < took_s < MOST_S
    body, took_s = timed(attacker, call)
    assert body == BODY
    assert took_s < LEAST_S
    part = limited._replace(headers=(*limited.headers, ("range", "bytes=0-99")))
    assert timed(attacker, part)[1] < LEAST_S
    head = limited._replace(method="HEAD")
    assert timed(attacker, head)[1] < LEAST_S


def test_an_upload_and_a_download_do_not_wait_for_one_another(
    attacker: Attacker, bucket: str
) -> None:
    attacker.ok(Call("PUT", bucket, "key", body=BODY))
    with attacker.line() as line:
        line.send(
            f"GET /{bucket}/key?{LIMIT[0]}={LIMIT[1]} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        )
        assert timed(attacker, Call("GET", bucket, "key"))[1] < LEAST_S


def test_strangers_and_signed_urls_ask_in_the_query(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "key", body=b"small"))
    make_public(attacker, bucket)
    assert anonymous(attacker, bucket, "key", LIMIT).body == b"small"
    for scheme in (Scheme.V1, Scheme.V4):
        assert by_url(attacker, Call("GET", bucket, "key", (LIMIT,)), scheme=scheme).status == 200


@pytest.mark.parametrize("value", ["819199", "838860801", "0", "fast", ""])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_limits_outside_the_range_are_refused(
    attacker: Attacker, bucket: str, method: str, value: str
) -> None:
    attacker.ok(Call("PUT", bucket, "key", body=b"x"))
    pair = (LIMIT[0], value)
    for call in (Call(method, bucket, "key", (pair,)), Call(method, bucket, "key", (), (pair,))):
        reply = attacker.call(call)
        assert (reply.status, code_of(reply)) == (400, "InvalidArgument")
        assert reply.document.findtext("ArgumentName") == LIMIT[0]
    twice = attacker.call(Call(method, bucket, "key", (LIMIT,), (LIMIT,)))
    assert (twice.status, code_of(twice)) == (400, "InvalidArgument")
    assert attacker.ok(Call("GET", bucket, "key")).body == b"x"
