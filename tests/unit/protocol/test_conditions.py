"""Conditional requests and ranges: the documented tables row by row, and any text at all."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain.errors import InvalidRange, NotModified, PreconditionFailed
from emulator.protocol.conditions import ByteRange, Prefix, check_conditions, select_range
from emulator.protocol.dates import http_date, iso_date

ETAG = "5B3C1A2E053D763E1B002CC607C5A0FE"
OTHER = "0" * 32
MODIFIED_MS = 1_700_000_000_750
BEFORE, SAME, AFTER = (http_date(MODIFIED_MS + shift) for shift in (-1000, 0, 1000))
QUOTED = f'"{ETAG}"'


def outcome(headers: dict[str, str], prefix: Prefix = Prefix.OBJECT) -> int:
    """The HTTP status a request with these conditions gets."""
    try:
        check_conditions(headers, ETAG, MODIFIED_MS, prefix)
    except PreconditionFailed:
        return 412
    except NotModified:
        return 304
    return 200


SINGLE = [
    ("if-match", ETAG, 200),
    ("if-match", QUOTED, 200),
    ("if-match", ETAG.lower(), 200),
    ("if-match", f" {QUOTED} ", 200),
    ("if-match", "*", 200),
    ("if-match", OTHER, 412),
    ("if-match", f'"{OTHER}"', 412),
    ("if-match", "", 412),
    ("if-none-match", ETAG, 304),
    ("if-none-match", QUOTED, 304),
    ("if-none-match", ETAG.lower(), 304),
    ("if-none-match", "*", 304),
    ("if-none-match", OTHER, 200),
    ("if-none-match", "", 200),
    ("if-modified-since", BEFORE, 200),
    ("if-modified-since", SAME, 304),
    ("if-modified-since", AFTER, 304),
    ("if-unmodified-since", BEFORE, 412),
    ("if-unmodified-since", SAME, 200),
    ("if-unmodified-since", AFTER, 200),
    ("if-modified-since", "yesterday", 200),
    ("if-unmodified-since", "yesterday", 200),
    ("if-modified-since", "", 200),
    ("if-modified-since", iso_date(MODIFIED_MS), 304),
    ("if-unmodified-since", iso_date(MODIFIED_MS - 1000), 412),
]


@pytest.mark.parametrize(("name", "value", "status"), SINGLE)
def test_one_condition(name: str, value: str, status: int) -> None:
    assert outcome({name: value}) == status


@pytest.mark.parametrize(("name", "value", "status"), SINGLE)
def test_one_condition_on_a_copy_source(name: str, value: str, status: int) -> None:
    headers = {f"x-oss-copy-source-{name}": value}
    assert outcome(headers, Prefix.COPY_SOURCE) == status
    # Neither set of headers is looked at for the other.
    assert outcome(headers, Prefix.OBJECT) == 200
    assert outcome({name: value}, Prefix.COPY_SOURCE) == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"if-match": ETAG, "if-unmodified-since": SAME}, 200),
        ({"if-match": ETAG, "if-unmodified-since": BEFORE}, 412),
        ({"if-match": OTHER, "if-unmodified-since": AFTER}, 412),
        ({"if-none-match": OTHER, "if-modified-since": BEFORE}, 200),
        ({"if-none-match": OTHER, "if-modified-since": SAME}, 304),
        ({"if-none-match": ETAG, "if-modified-since": BEFORE}, 304),
        ({"if-match": ETAG, "if-none-match": ETAG}, 304),
        ({"if-match": OTHER, "if-none-match": ETAG}, 412),
        ({"if-unmodified-since": BEFORE, "if-modified-since": AFTER}, 412),
        ({"if-unmodified-since": SAME, "if-modified-since": SAME}, 304),
    ],
)
def test_every_condition_counts_and_a_failed_precondition_wins(
    headers: dict[str, str], status: int
) -> None:
    assert outcome(headers) == status


@pytest.mark.parametrize(
    ("name", "value", "condition"),
    [
        ("if-match", OTHER, "If-Match"),
        ("if-unmodified-since", BEFORE, "If-Unmodified-Since"),
    ],
)
def test_a_failed_precondition_is_named(name: str, value: str, condition: str) -> None:
    with pytest.raises(PreconditionFailed) as refusal:
        check_conditions({name: value}, ETAG, MODIFIED_MS)
    assert refusal.value.fields == {"Condition": condition}


def test_not_modified_keeps_etag_and_date() -> None:
    with pytest.raises(NotModified) as answer:
        check_conditions({"if-none-match": "*"}, ETAG, MODIFIED_MS)
    assert answer.value.headers == {"ETag": QUOTED, "Last-Modified": SAME}


header_texts = st.text(max_size=30) | st.text('*",W/0123456789ABCDEFabcdef- :GMTZ', max_size=40)


@given(
    st.dictionaries(st.sampled_from([name for name, _, _ in SINGLE]), header_texts, max_size=4),
    st.integers(0, 4_000_000_000_000),
)
def test_any_condition_is_answered(headers: dict[str, str], modified_ms: int) -> None:
    with suppress(PreconditionFailed, NotModified):
        check_conditions(headers, ETAG, modified_ms)


# --- ranges -----------------------------------------------------------------------------------

WHOLE = None
REFUSED = "InvalidRange"
Answer = tuple[int, int] | str | None  # (first byte, length), the refusal, or the whole object


def answer(header: str | None, size_bytes: int, *, standard: bool) -> Answer:
    try:
        chosen = select_range(header, size_bytes, standard=standard)
    except InvalidRange:
        return REFUSED
    return WHOLE if chosen is None else (chosen.start, chosen.length_bytes)


RANGES: list[tuple[str | None, int, Answer, Answer]] = [
    (None, 1000, WHOLE, WHOLE),
    ("bytes=0-499", 1000, (0, 500), (0, 500)),
    ("bytes=500-", 1000, (500, 500), (500, 500)),
    ("bytes=-500", 1000, (500, 500), (500, 500)),
    ("bytes=0-0", 1000, (0, 1), (0, 1)),
    ("bytes=999-999", 1000, (999, 1), (999, 1)),
    ("bytes=0-999", 1000, (0, 1000), (0, 1000)),
    ("bytes=-1000", 1000, (0, 1000), (0, 1000)),
    ("bytes=500-1000", 1000, WHOLE, (500, 500)),
    ("bytes=500-2000", 1000, WHOLE, (500, 500)),
    ("bytes=1000-2000", 1000, WHOLE, REFUSED),
    ("bytes=1000-", 1000, WHOLE, REFUSED),
    ("bytes=-2000", 1000, WHOLE, (0, 1000)),
    ("bytes=600-500", 1000, WHOLE, WHOLE),
    ("bytes=2000-1500", 1000, WHOLE, WHOLE),
    ("bytes=abc", 1000, WHOLE, WHOLE),
    ("byte=0-9", 1000, WHOLE, WHOLE),
    ("bytes=-", 1000, WHOLE, WHOLE),
    ("bytes=", 1000, WHOLE, WHOLE),
    ("bytes", 1000, WHOLE, WHOLE),
    ("", 1000, WHOLE, WHOLE),
    ("bytes=0--9", 1000, WHOLE, WHOLE),
    ("bytes=+0-9", 1000, WHOLE, WHOLE),
    ("bytes=0x1-9", 1000, WHOLE, WHOLE),
    ("bytes=1_0-20", 1000, WHOLE, WHOLE),
    ("bytes=٣-9", 1000, WHOLE, WHOLE),
    ("bytes=²-9", 1000, WHOLE, WHOLE),
    ("bytes=-0", 1000, REFUSED, REFUSED),
    ("bytes=0-9,20-29", 1000, (0, 10), (0, 10)),
    ("bytes=0-9, abc", 1000, (0, 10), (0, 10)),
    ("bytes=0-9", 0, WHOLE, REFUSED),
    ("bytes=0-", 0, WHOLE, REFUSED),
    ("bytes=-5", 0, WHOLE, REFUSED),
    ("bytes=-0", 0, WHOLE, REFUSED),
    # Numbers of any length are numbers.
    ("bytes=5-" + "9" * 30, 1000, WHOLE, (5, 995)),
    ("bytes=" + "9" * 30 + "-", 1000, WHOLE, REFUSED),
    ("bytes=-" + "9" * 5000, 1000, WHOLE, (0, 1000)),
    ("bytes=" + "0" * 5000 + "5-9", 1000, (5, 5), (5, 5)),
]


def short(value: object) -> str | None:
    return f"{value[:24]}…" if isinstance(value, str) and len(value) > 24 else None


@pytest.mark.parametrize(("header", "size_bytes", "by_default", "standard"), RANGES, ids=short)
def test_a_range_selects(
    header: str | None, size_bytes: int, by_default: Answer, standard: Answer
) -> None:
    assert answer(header, size_bytes, standard=False) == by_default
    assert answer(header, size_bytes, standard=True) == standard


numbers = st.integers(0, 12)


@given(numbers, numbers, numbers)
def test_a_range_is_a_slice(size_bytes: int, first: int, length: int) -> None:
    content = bytes(range(size_bytes))
    for header, part in (
        (f"bytes={first}-{first + length}", content[first : first + length + 1]),
        (f"bytes={first}-", content[first:]),
        (f"bytes=-{length}", content[-length:] if length else b""),
    ):
        chosen = answer(header, size_bytes, standard=True)
        if part:
            assert isinstance(chosen, tuple)
            assert content[chosen[0] : chosen[0] + chosen[1]] == part
        else:
            assert chosen == REFUSED


@given(st.text(max_size=30) | st.text("bytes=0123456789-, ", max_size=30), numbers, st.booleans())
def test_any_range_lies_within_the_object(header: str, size_bytes: int, standard: bool) -> None:
    chosen = None
    with suppress(InvalidRange):
        chosen = select_range(header, size_bytes, standard=standard)
    if chosen is not None:
        assert isinstance(chosen, ByteRange)
        assert chosen.start >= 0
        assert chosen.length_bytes >= 1
        assert chosen.start + chosen.length_bytes <= size_bytes


@given(st.text(max_size=30) | st.text("bytes=0123456789-, ", max_size=30))
def test_default_and_standard_mode_agree_where_both_select(header: str) -> None:
    by_default, standard = (answer(header, 10, standard=mode) for mode in (False, True))
    assert by_default in (WHOLE, standard)
