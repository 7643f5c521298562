"""The one place where XML is read and written."""

from __future__ import annotations

from emulator.protocol.xml.reader import BODY_BYTES_MAX, Element, read_xml
from emulator.protocol.xml.writer import Row, XmlWriter, escape, escape_visible, url_encoded

__all__ = [
    "BODY_BYTES_MAX",
    "Element",
    "Row",
    "XmlWriter",
    "escape",
    "escape_visible",
    "read_xml",
    "url_encoded",
]
