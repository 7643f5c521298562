"""The date formats of OSS, both ways, without the locale.

Times are whole milliseconds since 1970 in UTC. OSS writes seconds only: the milliseconds of XML
dates are always ``000`` (clients match that literally; observed).
"""

from __future__ import annotations

import calendar
import re
import time
from datetime import UTC, datetime
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, start=1)}

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?Z"
)
_ISO_BASIC = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_HTTP = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), "
    r"([0-9]{1,2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) (?:GMT|UTC|\+0000)"
)
_LAST_S = 253_402_300_799  # the last second of the year 9999
_ISO_BASIC_CHARS = len("20231216T162057Z")
_HTTP_CHARS_MAX = len("Tue, 02 Jan 2024 03:04:05 +0000")


def iso_date(epoch_ms: int) -> str:
    """``2024-01-02T03:04:05.000Z``, as XML bodies carry it."""
    return _iso_date(_writable_s(epoch_ms))


def http_date(epoch_ms: int) -> str:
    """``Tue, 02 Jan 2024 03:04:05 GMT``, as headers carry it."""
    return _http_date(_writable_s(epoch_ms))


def iso_basic(epoch_ms: int) -> str:
    """``20240102T030405Z``, as V4 signatures carry it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(_writable_s(epoch_ms)))


def _writable_s(epoch_ms: int) -> int:
    """Seconds within the years that a date can be written for."""
    return min(max(epoch_ms // 1000, 0), _LAST_S)


@lru_cache(maxsize=4096)
def _iso_date(epoch_s: int) -> str:
    at = time.gmtime(epoch_s)
    return (
        f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}"
        f"T{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}.000Z"
    )


@lru_cache(maxsize=4096)
def _http_date(epoch_s: int) -> str:
    at = time.gmtime(epoch_s)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02d} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04d} "
        f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} GMT"
    )


def parse_iso_date(text: str) -> int | None:
    """Milliseconds of an ISO 8601 UTC date with or without a fraction; None if it is not one.

    Digits beyond the millisecond are cut off.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    fraction = match[7] or ""
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    epoch_s = _epoch_s(year, month, day, hour, minute, second)
    return None if epoch_s is None else epoch_s * 1000 + int(fraction[:3].ljust(3, "0"))


def parse_http_date(text: str) -> int | None:
    """Milliseconds of an RFC 1123 date; None if it is not one. The day's name is not checked."""
    # The length is looked at outside, so that hostile texts never enter the cache.
    return _parse_http_date(text) if len(text) <= _HTTP_CHARS_MAX else None


def parse_iso_basic(text: str) -> int | None:
    """Milliseconds of ``20231216T162057Z``; None if it is not of that form."""
    return _parse_iso_basic(text) if len(text) == _ISO_BASIC_CHARS else None


def read_any_date_ms(text: str) -> int | None:
    """Milliseconds of a date in either format; None if it is neither."""
    at_ms = parse_http_date(text)
    return parse_iso_date(text) if at_ms is None else at_ms


@lru_cache(maxsize=1024)
def _parse_http_date(text: str) -> int | None:
    match = _HTTP.fullmatch(text)
    if match is None or match[2] not in _MONTH_NUMBERS:
        return None
    day, year, hour, minute, second = (int(match[i]) for i in (1, 3, 4, 5, 6))
    epoch_s = _epoch_s(year, _MONTH_NUMBERS[match[2]], day, hour, minute, second)
    return None if epoch_s is None else epoch_s * 1000


# All requests of one second carry the same text: one parse serves them.
@lru_cache(maxsize=1024)
def _parse_iso_basic(text: str) -> int | None:
    match = _ISO_BASIC.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    epoch_s = _epoch_s(year, month, day, hour, minute, second)
    return None if epoch_s is None else epoch_s * 1000


def _epoch_s(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int | None:
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return calendar.timegm(at.timetuple())
