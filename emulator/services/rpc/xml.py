"""Answers as XML: the same members as in JSON, a list repeating its element.

Only writing, and only elements with text: what the hardened reader guards against does not arise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>"
_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_UNCARRIABLE = "\ufffd"  # stands for what XML 1.0 has no way to carry


def to_xml(root: str, members: Mapping[str, object]) -> bytes:
    """The document of an answer."""
    parts = [_DECLARATION, f"<{root}>"]
    _add_members(parts, members)
    parts.append(f"</{root}>")
    return "".join(parts).encode()


def _add_members(parts: list[str], members: Mapping[str, object]) -> None:
    for name, value in members.items():
        for each in value if isinstance(value, list) else (value,):
            parts.append(f"<{name}>")
            if isinstance(each, Mapping):
                _add_members(parts, each)
            else:
                parts.append(_SPECIAL.sub(_reference, _text(each)))
            parts.append(f"</{name}>")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _reference(special: re.Match[str]) -> str:
    return _NAMED.get(special[0], _UNCARRIABLE)
