"""Ranges and numbers: a range is honoured, ignored or refused, and never answered wrongly."""

from __future__ import annotations

import pytest

from tests.support.hostile import Attacker, check_clean, check_refused
from tests.support.hostile_table import answers
from tests.support.wire import Call

TEN = b"0123456789"
STANDARD = ("x-oss-range-behavior", "standard")
# What the header says, the bytes by default, the bytes in standard mode; None is InvalidRange.
RANGES: list[tuple[str, bytes | None, bytes | None]] = [
    ("bytes=0-4", TEN[:5], TEN[:5]),
    ("bytes=5-", TEN[5:], TEN[5:]),
    ("bytes=-3", TEN[-3:], TEN[-3:]),
    ("bytes=5-2", TEN, TEN),
    ("bytes=a-b", TEN, TEN),
    ("bytes=", TEN, TEN),
    ("bytes=-", TEN, TEN),
    ("bytes", TEN, TEN),
    ("bytes=--1", TEN, TEN),
    ("bytes=\u22121-5", TEN, TEN),
    ("bytes=1-5-7", TEN, TEN),
    ("bytes=\u0660-\u0664", TEN, TEN),
    ("items=0-4", TEN, TEN),
    ("bytes=+0-4", TEN, TEN),
    ("bytes=0x0-4", TEN, TEN),
    ("bytes=0-99999999999999999999", TEN, TEN),
    ("bytes=0-" + "9" * 4000, TEN, TEN),
    ("bytes=99999999999999999999-", TEN, None),
    ("bytes=10-", TEN, None),
    ("bytes=10-20", TEN, None),
    ("bytes=8-20", TEN, TEN[8:]),
    ("bytes=-20", TEN, TEN),
    ("bytes=-0", None, None),
    ("bytes=-" + "9" * 4000, TEN, TEN),
    ("bytes=1-2,4-5", TEN[1:3], TEN[1:3]),
    ("bytes=" + "0-0," * 2000 + "1-1", TEN[:1], TEN[:1]),
]


@answers("E1", "E2")
@pytest.mark.parametrize(("header", "by_default", "standard"), RANGES)
@pytest.mark.parametrize("mode", ["default", "standard"])
def test_ranges_of_a_plain_object(
    attacker: Attacker, mode: str, header: str, by_default: bytes | None, standard: bytes | None
) -> None:
    headers = (("range", header), *((STANDARD,) if mode == "standard" else ()))
    expected = standard if mode == "standard" else by_default
    reply = attacker.call(Call("GET", "src-bucket", "plain", headers=headers))
    if expected is None:
        check_refused(reply, 416, "InvalidRange")
        return
    check_clean(reply)
    assert reply.body == expected
    if reply.status == 206:
        shown = reply.header("content-range")
        first, _, last = shown.removeprefix("bytes ").removesuffix("/10").partition("-")
        assert TEN[int(first) : int(last) + 1] == expected
    else:
        assert reply.status == 200
        assert reply.header("content-range") == ""
    assert reply.header("etag") == '"781E5E245D69B566979B86E28D23F2C7"'


@answers("E3")
@pytest.mark.parametrize("header", ["bytes=0-0", "bytes=-1", "bytes=5-", "bytes=x"])
def test_an_empty_object_has_no_ranges(attacker: Attacker, header: str) -> None:
    reply = attacker.call(Call("GET", "src-bucket", "empty", headers=(("range", header),)))
    assert (reply.status, reply.body) == (200, b"")
    standard = (("range", header), STANDARD)
    reply = attacker.call(Call("GET", "src-bucket", "empty", headers=standard))
    assert reply.status == (200 if header == "bytes=x" else 416)


@answers("E3")
def test_a_range_of_a_delete_marker_is_not_found(attacker: Attacker) -> None:
    reply = attacker.call(Call("GET", "versioned", "gone", headers=(("range", "bytes=0-1"),)))
    check_refused(reply, 404, "NoSuchKey")
    assert reply.header("x-oss-delete-marker") == "true"


@answers("E3")
def test_ranges_across_the_pieces_of_a_large_object(attacker: Attacker) -> None:
    body = bytes(range(256)) * 4096  # 1 MiB: several pieces of a file
    attacker.ok(Call("PUT", "public", "large", body=body))
    for start, end in [(0, 0), (262_143, 262_144), (1, 1_048_574), (1_048_575, 1_048_575)]:
        headers = (("range", f"bytes={start}-{end}"),)
        reply = attacker.ok(Call("GET", "public", "large", headers=headers))
        assert reply.body == body[start : end + 1]
        assert reply.header("content-range") == f"bytes {start}-{end}/{len(body)}"
    attacker.ok(Call("DELETE", "public", "large"))


DATES = [
    "yesterday",
    "Thu, 01 Jan 0000 00:00:00 GMT",
    "9" * 40,
    "2024-01-02",
    "Tue, 32 Jan 2024 03:04:05 GMT",
    "Tue, 02 Jan 2024 25:04:05 GMT",
    "",
]


@answers("C5")
@pytest.mark.parametrize("date", DATES)
@pytest.mark.parametrize("name", ["if-modified-since", "if-unmodified-since"])
def test_a_condition_whose_date_cannot_be_read_is_ignored(
    attacker: Attacker, name: str, date: str
) -> None:
    reply = attacker.call(Call("GET", "src-bucket", "plain", headers=((name, date),)))
    check_clean(reply)
    assert (reply.status, reply.body) == (200, TEN)
