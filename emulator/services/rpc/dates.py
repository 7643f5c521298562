"""``YYYY-MM-DDThh:mm:ssZ``, the one date format of RPC-style APIs."""

from __future__ import annotations

import calendar
import re
import time
from datetime import UTC, datetime

_FORM = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_LAST_S = 253_402_300_799  # the last second of the year 9999


def iso_seconds(epoch_ms: int) -> str:
    """An instant, cut to the second."""
    at_s = min(max(epoch_ms // 1000, 0), _LAST_S)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))


def read_iso_seconds(text: str) -> int | None:
    """Milliseconds since 1970; None where the text is no such date."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return calendar.timegm(at.timetuple()) * 1000
