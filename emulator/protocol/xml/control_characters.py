"""Carrying characters through the parser that XML 1.0 forbids or changes.

Clients put keys into batch deletes as they are: control characters raw or as references such as
``&#1;``, which no XML parser accepts, and a raw CR, which every parser turns into LF (observed).
Before parsing each such character becomes an escape followed by a mark; afterwards the pair
becomes the character again. The escape itself is carried the same way, so no text is ambiguous.
"""

from __future__ import annotations

import re

# The last code point of all: private use, so nothing else gives it a meaning.
_ESCAPE = "\U0010fffd"
_MARK_BASE = 0x100
_FORBIDDEN = (*(chr(code) for code in range(0x20) if chr(code) not in "\t\n"), "\ufffe", "\uffff")
_CARRIED = (*_FORBIDDEN, _ESCAPE)
_PAIR_OF = {character: _ESCAPE + chr(_MARK_BASE + i) for i, character in enumerate(_CARRIED)}
_CLASS = "[" + re.escape("".join(_CARRIED)) + "]"
_RAW = re.compile(_CLASS)
_CARRIES = re.compile(_CLASS + "|&#")
# Up to this length one look-up for each character is faster than one pass for each pair.
_SHORT_CHARS = 16

# What stands before the root element. Possessive: a broken prolog fails in one pass.
_PROLOG = re.compile(r"(?:[ \t\r\n]++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
# Markup is stepped over as a whole, up to the end if it is not closed: the parser refuses that
# itself, and looking again from the next character would cost quadratic time.
_TOKEN = re.compile(
    r"(?P<cdata><!\[CDATA\[.*?(?:\]\]>|\Z))"
    r"|(?P<markup><!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|<[^>]*+>?)"
    r"|&\#(?:x(?P<hex>[0-9a-fA-F]{1,12})|(?P<decimal>[0-9]{1,12}));"
    r"|(?P<text>(?:[^<&]++|&(?!\#))++)",
    re.DOTALL,
)


def carry(document: str) -> str:
    """Replace what the parser would refuse or change in the text of the root element."""
    if _CARRIES.search(document) is None:
        return document
    prolog = _PROLOG.match(document)
    start = prolog.end() if prolog else 0
    end = max(document.rfind("</"), start)
    return document[:start] + _TOKEN.sub(_carried, document[start:end]) + document[end:]


def restore(text: str) -> str:
    """Undo ``carry`` in one piece of parsed text."""
    if _ESCAPE in text:
        # The pair of the escape itself is the last: it alone makes an escape again.
        for character, pair in _PAIR_OF.items():
            text = text.replace(pair, character)
    return text


def _carried(token: re.Match[str]) -> str:
    match token.lastgroup:
        case "text" | "cdata":
            return _carried_text(token[0])
        case "hex":
            return _carried_reference(token[0], int(token["hex"], 16))
        case "decimal":
            return _carried_reference(token[0], int(token["decimal"]))
        case _:
            return token[0]


def _carried_text(text: str) -> str:
    if _RAW.search(text) is None:
        return text
    if len(text) <= _SHORT_CHARS:
        return "".join([_PAIR_OF.get(character, character) for character in text])
    for character, pair in reversed(_PAIR_OF.items()):
        text = text.replace(character, pair)
    return text


def _carried_reference(reference: str, code: int) -> str:
    # References beyond Unicode are left for the parser to refuse.
    return _PAIR_OF.get(chr(code), reference) if code <= 0x10FFFF else reference
