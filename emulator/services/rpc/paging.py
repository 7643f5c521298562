"""The two ways RPC-style APIs page: by marker, and by page number."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from emulator.services.rpc.dialect import Members
from emulator.services.rpc.errors import RpcError
from emulator.services.rpc.parameters import Parameters

T = TypeVar("T")

MAX_ITEMS_MAX, MAX_ITEMS_DEFAULT = 1000, 100  # RAM, MaxItems; documented


class MarkerPage(msgspec.Struct, frozen=True):
    """Entries after ``after``; one more than ``limit`` is read, to know whether more follow."""

    after: str
    limit: int


def read_marker_page(
    parameters: Parameters, *, marker: str = "Marker", max_items: str = "MaxItems"
) -> MarkerPage:
    """Read the page that is wanted. Raises RpcError."""
    limit = parameters.number(max_items, 1, MAX_ITEMS_MAX, MAX_ITEMS_DEFAULT)
    return MarkerPage(_after(parameters.get(marker), marker), limit)


def cut_marker_page(
    found: Sequence[T], page: MarkerPage, key_of: Callable[[T], str]
) -> tuple[Sequence[T], Members]:
    """The entries of the page, and the members IsTruncated and, where there is more, Marker."""
    if len(found) <= page.limit:
        return found, {"IsTruncated": False}
    shown = found[: page.limit]
    return shown, {"IsTruncated": True, "Marker": make_marker(key_of(shown[-1]))}


def make_marker(key: str) -> str:
    """A marker, opaque to clients, for what comes after ``key``."""
    return base64.urlsafe_b64encode(key.encode()).decode()


def _after(marker: str, name: str) -> str:
    try:
        return base64.b64decode(marker.encode("ascii"), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise RpcError(
            400, f"InvalidParameter.{name}", f"The parameter {name} is not valid."
        ) from error


class NumberedPage(msgspec.Struct, frozen=True):
    """``PageNumber`` counts from 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many entries come before the page."""
        return (self.number - 1) * self.size

    def members(self, total: int) -> Members:
        """TotalCount, PageNumber and PageSize."""
        return {"TotalCount": total, "PageNumber": self.number, "PageSize": self.size}


def read_numbered_page(
    parameters: Parameters, *, size_default: int = 10, size_max: int = 100
) -> NumberedPage:
    """Read PageNumber and PageSize (KMS ListKeys; documented). Raises RpcError."""
    return NumberedPage(
        parameters.number("PageNumber", 1, 2**31 - 1, 1),
        parameters.number("PageSize", 1, size_max, size_default),
    )
