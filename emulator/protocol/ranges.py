"""Ranges of bytes. Pure. (OSS GetObject, Range; documented)"""

from __future__ import annotations

import msgspec

from emulator.domain import errors
from emulator.domain.errors import MultiRangeFailed

_DIGITS_MAX = 19
_BEYOND_EVERYTHING = 10**_DIGITS_MAX
_RANGES_MAX = 50


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
    listed = _listed_ranges(header)
    if not listed:
        return None
    return _select(listed.split(",", 1)[0].strip(), size_bytes, standard=standard)


def select_ranges(header: str | None, size_bytes: int, *, standard: bool) -> list[ByteRange]:
    """The ranges a GET with ``x-oss-multi-range-behavior: multi-range`` asks for, in its order.

    None for the whole object, which is what one wrong range gives (documented). In standard mode
    ranges beyond the object are left out, and InvalidRange is raised if none is left, as HTTP has
    it (inferred). Raises MultiRangeFailed above 50 ranges (documented).
    """
    texts = [each.strip() for each in _listed_ranges(header).split(",")]
    if len(texts) > _RANGES_MAX:
        raise MultiRangeFailed
    found: list[ByteRange] = []
    beyond = False
    for text in texts:
        try:
            chosen = _select(text, size_bytes, standard=standard)
        except errors.InvalidRange:
            if not standard:
                raise
            beyond = True
            continue
        if chosen is None:
            return []
        found.append(chosen)
    if beyond and not found:
        raise errors.InvalidRange
    return found


def _listed_ranges(header: str | None) -> str:
    """What follows ``bytes=``, ``""`` for any other header."""
    unit, _, listed = (header or "").strip().partition("=")
    return listed if unit.strip() == "bytes" else ""


def _select(text: str, size_bytes: int, *, standard: bool) -> ByteRange | None:
    """One range; ``None`` where it counts for the whole object."""
    start_text, dash, end_text = text.partition("-")
    if not dash or not _are_numbers(start_text, end_text):
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
