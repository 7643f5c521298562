"""A fast, deterministic writer: a list of strings, joined once.

No namespace and no white space between elements; the order is the order of the calls.
"""

from __future__ import annotations

import re
from urllib.parse import quote

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

# What a row of values names: an element name, or an element with further ones inside it.
Shape = tuple["str | tuple[str, Shape]", ...]

_SPECIAL = re.compile("[\x00-\x1f&<>\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_UNCARRIABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """Text as element content; control characters become references.

    XML 1.0 has no way to carry some of them; OSS writes references all the same and clients ask
    for ``encoding-type=url`` (OSS ListObjects, encoding-type; documented).
    """
    return text if _SPECIAL.search(text) is None else _SPECIAL.sub(_reference, text)


def escape_visible(text: str) -> str:
    """As ``escape``, with a replacement mark for what XML cannot carry: always well-formed."""
    return text if _SPECIAL.search(text) is None else escape(_UNCARRIABLE.sub("\ufffd", text))


def _reference(special: re.Match[str]) -> str:
    character = special[0]
    return _NAMED.get(character) or f"&#{ord(character)};"


def url_encoded(text: str) -> str:
    """Text for ``encoding-type=url``: everything but unreserved characters as ``%XX``."""
    return quote(text, safe="", errors="surrogatepass")


class Row:
    """An element that repeats with the same children, such as one object of a listing.

    ``shape`` names the children: ``("Key", "Size", ("Owner", ("ID", "DisplayName")))`` takes four
    values. Made once, it writes a row with a single formatting step.
    """

    __slots__ = ("_template",)

    def __init__(self, tag: str, shape: Shape) -> None:
        self._template = f"<{tag}>{_template_of(shape)}</{tag}>"

    def text(self, values: tuple[str, ...]) -> str:
        """The markup of one row; values are plain text, one for each innermost name."""
        joined = "".join(values)
        # Half the time of the pattern; what is not printable gets the closer look.
        if not joined.isprintable() or "&" in joined or "<" in joined or ">" in joined:
            values = tuple([escape(value) for value in values])
        return self._template % values


def _template_of(shape: Shape) -> str:
    return "".join(
        f"<{part}>%s</{part}>"
        if isinstance(part, str)
        else f"<{part[0]}>{_template_of(part[1])}</{part[0]}>"
        for part in shape
    )


class XmlWriter:
    """One document. Elements still open are closed by ``to_bytes``."""

    __slots__ = ("_open", "_parts")

    def __init__(self, root: str) -> None:
        self._parts = [DECLARATION]
        self._open: list[str] = []
        self.open(root)

    def open(self, tag: str) -> None:
        """Begin an element."""
        self._parts.append(f"<{tag}>")
        self._open.append(tag)

    def close(self) -> None:
        """Close the element opened last."""
        self._parts.append(f"</{self._open.pop()}>")

    def element(self, tag: str, text: str = "") -> None:
        """An element with text."""
        self._parts.append(f"<{tag}>{escape(text)}</{tag}>")

    def text(self, text: str) -> None:
        """Text directly inside the element opened last."""
        self._parts.append(escape(text))

    def optional(self, tag: str, text: str | None) -> None:
        """An element that is left out when there is no text for it."""
        if text:
            self.element(tag, text)

    def number(self, tag: str, number: int) -> None:
        """An element with a number."""
        self._parts.append(f"<{tag}>{number}</{tag}>")

    def flag(self, tag: str, value: bool) -> None:
        """An element with ``true`` or ``false``."""
        self._parts.append(f"<{tag}>{'true' if value else 'false'}</{tag}>")

    def row(self, row: Row, *values: str) -> None:
        """One row of a shape."""
        self._parts.append(row.text(values))

    def to_bytes(self) -> bytes:
        """The finished document."""
        while self._open:
            self.close()
        return "".join(self._parts).encode("utf-8")
