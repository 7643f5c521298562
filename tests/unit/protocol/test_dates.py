"""Dates of XML bodies and headers, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.protocol.dates import (
    http_date,
    iso_date,
    parse_http_date,
    parse_iso_date,
    read_any_date_ms,
)


@pytest.mark.parametrize(
    ("epoch_ms", "iso", "http"),
    [
        (0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
        (1704164645999, "2024-01-02T03:04:05.000Z", "Tue, 02 Jan 2024 03:04:05 GMT"),
        (1709164800000, "2024-02-29T00:00:00.000Z", "Thu, 29 Feb 2024 00:00:00 GMT"),
        (2147483648000, "2038-01-19T03:14:08.000Z", "Tue, 19 Jan 2038 03:14:08 GMT"),
        (4102444800000, "2100-01-01T00:00:00.000Z", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ],
)
def test_formats(epoch_ms: int, iso: str, http: str) -> None:
    assert (iso_date(epoch_ms), http_date(epoch_ms)) == (iso, http)
    whole_ms = epoch_ms // 1000 * 1000
    assert (parse_iso_date(iso), parse_http_date(http)) == (whole_ms, whole_ms)


@given(st.integers(0, 253_402_300_799))
def test_what_is_written_is_read(epoch_s: int) -> None:
    assert read_any_date_ms(iso_date(epoch_s * 1000)) == epoch_s * 1000
    assert read_any_date_ms(http_date(epoch_s * 1000)) == epoch_s * 1000


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T00:00:01.5Z", 1500),
        ("1970-01-01T00:00:01.123456Z", 1123),
    ],
)
def test_iso_dates_with_and_without_fraction(text: str, epoch_ms: int) -> None:
    assert parse_iso_date(text) == epoch_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-01-02",
        "2024-13-02T03:04:05.000Z",
        "2023-02-29T00:00:00.000Z",
        "2024-01-02T24:00:00.000Z",
        "2024-01-02T03:04:05.000+08:00",
        "2024-01-02T03:04:05.000Z\n",
        "٢024-01-02T03:04:05.000Z",
        "0000-01-01T00:00:00.000Z",
        "Tue, 02 Jan 2024 03:04:05 PST",
        "Tue, 02 Foo 2024 03:04:05 GMT",
        "Tue, 32 Jan 2024 03:04:05 GMT",
        "Tue, 02 Jan 0000 03:04:05 GMT",
        "Tuesday, 02-Jan-24 03:04:05 GMT",
        "1704164645",
        "9" * 100_000,
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    assert read_any_date_ms(text) is None


@given(st.text(max_size=40))
def test_any_text_is_read_or_not(text: str) -> None:
    assert read_any_date_ms(text) is None or text.endswith(("Z", "GMT"))
