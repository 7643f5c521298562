"""Conditional requests and ranges. Pure. (OSS GetObject; documented)"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from emulator.domain import errors
from emulator.protocol.dates import http_date, read_any_date_ms

_DIGITS_MAX = 19
_BEYOND_EVERYTHING = 10**_DIGITS_MAX


class Prefix(Enum):
    """Which headers carry the conditions: the object's own or those of a copy source."""

    OBJECT = ""
    COPY_SOURCE = "x-oss-copy-source-"


def check_conditions(
    headers: Mapping[str, str], etag: str, modified_ms: int, prefix: Prefix = Prefix.OBJECT
) -> None:
    """Raise PreconditionFailed or NotModified unless every condition of the request holds.

    Dates are compared at whole seconds; one that cannot be read is ignored (inferred). All
    conditions are looked at: a failed precondition wins over "not modified".
    """
    start = prefix.value
    match = headers.get(start + "if-match")
    if match is not None and not _names_etag(match, etag):
        raise errors.PreconditionFailed("If-Match")
    seconds = modified_ms // 1000
    unmodified = _seconds(headers.get(start + "if-unmodified-since"))
    if unmodified is not None and seconds > unmodified:
        raise errors.PreconditionFailed("If-Unmodified-Since")
    none_match = headers.get(start + "if-none-match")
    modified = _seconds(headers.get(start + "if-modified-since"))
    if (none_match is not None and _names_etag(none_match, etag)) or (
        modified is not None and seconds <= modified
    ):
        shown = {"ETag": f'"{etag}"', "Last-Modified": http_date(modified_ms)}
        raise errors.NotModified(headers=shown)


def _names_etag(header: str, etag: str) -> bool:
    given = header.strip()
    return given == "*" or given.strip('"').upper() == etag


def _seconds(header: str | None) -> int | None:
    if header is None:
        return None
    instant_ms = read_any_date_ms(header.strip())  # copy conditions may carry either form
    return None if instant_ms is None else instant_ms // 1000


class ByteRange(msgspec.Struct, frozen=True, gc=False):
    """``length_bytes`` bytes from ``start`` on."""

    start: int
    length_bytes: int


def select_range(header: str | None, size_bytes: int, *, standard: bool) -> ByteRange | None:
    """The range a GET asks for, ``None`` for the whole object.

    By default OSS answers a range that reaches beyond the object with the whole object;
    ``x-oss-range-behavior: standard`` cuts it or raises InvalidRange. Of several ranges the first
    counts (documents differ).
    """
    if header is None:
        return None
    unit, _, rest = header.strip().partition("=")
    first = rest.split(",", 1)[0].strip()
    start_text, dash, end_text = first.partition("-")
    if unit.strip() != "bytes" or not dash or not _are_numbers(start_text, end_text):
        return None
    if not start_text:
        return _suffix(_number(end_text), size_bytes, standard=standard)
    start = _number(start_text)
    end = _number(end_text) if end_text else size_bytes - 1
    if end_text and end < start:
        return None
    if start >= size_bytes:
        if standard:
            raise errors.InvalidRange
        return None
    if end >= size_bytes:
        if not standard:
            return None
        end = size_bytes - 1
    return ByteRange(start, end - start + 1)


def _are_numbers(start: str, end: str) -> bool:
    """Whether both are plain decimal numbers, one of which may be missing."""
    if not start and not end:
        return False
    return all(not text or (text.isascii() and text.isdigit()) for text in (start, end))


def _number(digits: str) -> int:
    """A decimal number; one that is beyond every size there is need not be exact."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _DIGITS_MAX else _BEYOND_EVERYTHING


def _suffix(length_bytes: int, size_bytes: int, *, standard: bool) -> ByteRange | None:
    if size_bytes == 0 and not standard:
        return None
    if length_bytes == 0 or size_bytes == 0:
        raise errors.InvalidRange
    if length_bytes > size_bytes:
        if not standard:
            return None
        length_bytes = size_bytes
    return ByteRange(size_bytes - length_bytes, length_bytes)
