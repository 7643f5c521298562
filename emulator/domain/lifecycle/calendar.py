"""When rules act: whole days from midnight to midnight UTC, and one scan a day.

An age in days counts from the first midnight at or after the instant it is counted from, and what
is due is done by the scan of that day (OSS lifecycle, "rounds up the last modification time";
documented). An object written on 20 July at 10:00 UTC under a rule of 1 day is due on 22 July at
00:00 UTC, one written on 20 July at 00:00 on 21 July at 00:00.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_MIDNIGHT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T00:00:00(?:\.0{1,9})?Z", re.ASCII)


def day_end_ms(instant_ms: int) -> int:
    """The first midnight UTC at or after an instant."""
    return -(-instant_ms // DAY_MS) * DAY_MS


def aged_ms(since_ms: int, days: int) -> int:
    """When something has the age of so many days."""
    return day_end_ms(since_ms) + days * DAY_MS


def scheduled_ms(now_ms: int, hour: int) -> int:
    """When the newest scan was due, ``hour`` being the hour of the day in UTC.

    OSS runs its rules every day from 08:00 Beijing time on, which is midnight UTC (documented).
    """
    offset_ms = hour * HOUR_MS
    return (now_ms - offset_ms) // DAY_MS * DAY_MS + offset_ms


def midnight_ms(text: str) -> int | None:
    """The instant of a date as rules write it; ``None`` unless it is a midnight UTC."""
    match = _MIDNIGHT.fullmatch(text)
    if match is None:
        return None
    try:
        midnight = datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
    except ValueError:
        return None
    return round(midnight.timestamp() * 1000)
