"""Text of a request as bytes, percent-encoded, and as something fit for an error body."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from emulator.domain.errors import InvalidArgument

_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]*")
_UNRESERVED_PATH: Final = re.compile(r"[A-Za-z0-9._~/-]*")
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def wire_bytes(text: str) -> bytes:
    """The bytes the client sent for ``text``.

    Raises InvalidArgument for text that no bytes decode to (a lone surrogate).
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InvalidArgument("The request holds text that is not valid.") from None


def percent_encode(text: str) -> str:
    """Encode everything but RFC 3986 unreserved characters, as for query names and values."""
    if _UNRESERVED.fullmatch(text):
        return text
    return quote(wire_bytes(text), safe="~")


def percent_encode_path(text: str) -> str:
    """Like percent_encode, with slashes kept."""
    if _UNRESERVED_PATH.fullmatch(text):
        return text
    return quote(wire_bytes(text), safe="/~")


def legible(text: str) -> str:
    """``text`` with characters that XML cannot carry replaced, for the fields of an error."""
    return _NOT_XML.sub("\ufffd", text)
