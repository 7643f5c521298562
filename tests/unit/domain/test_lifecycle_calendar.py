"""Days and hours of lifecycle rules, by the documented examples."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from emulator.domain.lifecycle.calendar import DAY_MS, HOUR_MS, aged_ms, midnight_ms, scheduled_ms


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("written", "days", "due"),
    [
        # documented: before 08:00 Beijing time on 20 July, which is midnight UTC: from 21 July on
        ("2020-07-19T23:59:59.999", 1, "2020-07-21T00:00"),
        ("2020-07-20T00:00:00.001", 1, "2020-07-22T00:00"),
        ("2020-07-20T00:00", 1, "2020-07-21T00:00"),
        ("2020-07-20T10:00", 30, "2020-08-20T00:00"),
        ("1970-01-01T00:00", 1, "1970-01-02T00:00"),
    ],
)
def test_ages_are_whole_days_from_the_next_midnight(written: str, days: int, due: str) -> None:
    assert aged_ms(at(written), days) == at(due)


@pytest.mark.parametrize("hour", [0, 1, 23])
def test_a_scan_is_due_every_day_at_its_hour(hour: int) -> None:
    day = at("2026-03-01T00:00") + hour * HOUR_MS
    assert scheduled_ms(day - 1, hour) == day - DAY_MS
    assert scheduled_ms(day, hour) == day
    assert scheduled_ms(day + DAY_MS - 1, hour) == day


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2016-12-25T00:00:00.000Z", "2016-12-25T00:00"),
        ("2016-12-25T00:00:00Z", "2016-12-25T00:00"),
        ("2016-12-25T00:00:00.001Z", None),
        ("2016-12-25T08:00:00.000Z", None),
        ("2016-12-25", None),
        ("2016-02-30T00:00:00.000Z", None),
        ("0000-01-01T00:00:00.000Z", None),
        ("٢٠١٦-12-25T00:00:00.000Z", None),
        ("", None),
    ],
)
def test_dates_are_midnights(text: str, instant: str | None) -> None:
    assert midnight_ms(text) == (None if instant is None else at(instant))
