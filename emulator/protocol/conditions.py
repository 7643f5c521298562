"""Conditional requests. Pure. (OSS GetObject, CopyObject; documented)"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from emulator.domain import errors
from emulator.protocol.dates import http_date, read_any_date_ms
from emulator.protocol.ranges import ByteRange, select_range

__all__ = ["ByteRange", "Prefix", "check_conditions", "select_range"]


class Prefix(Enum):
    """Which headers carry the conditions: the object's own or those of a copy source."""

    OBJECT = ""
    COPY_SOURCE = "x-oss-copy-source-"


def check_conditions(
    headers: Mapping[str, str], etag: str, modified_ms: int, prefix: Prefix = Prefix.OBJECT
) -> None:
    """Raise PreconditionFailed or NotModified unless every condition of the request holds.

    Dates are compared at whole seconds; one that cannot be read is ignored (inferred). All
    conditions are looked at: a failed precondition wins over "not modified". The refusal names
    the header, for a copy with its prefix (inferred).
    """
    start = prefix.value
    match = headers.get(start + "if-match")
    if match is not None and not _names_etag(match, etag):
        raise errors.PreconditionFailed(start + "if-match" if start else "If-Match")
    seconds = modified_ms // 1000
    unmodified = _seconds(headers.get(start + "if-unmodified-since"))
    if unmodified is not None and seconds > unmodified:
        raise errors.PreconditionFailed(
            start + "if-unmodified-since" if start else "If-Unmodified-Since"
        )
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
