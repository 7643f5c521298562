"""A hardened reader: bytes of a request body in, a small immutable tree or MalformedXML out.

expat is fed by hand, because the limits below must hold while parsing. It reads everything in one
call: in small pieces this release scans a long token again and again. A handler's exception stops
our work at once, but expat runs on to the end of its input without us, so whatever could make it
busy there (a document type with entities) is refused before it starts.
"""

from __future__ import annotations

import re
from xml.parsers import expat

import msgspec

from emulator.domain.errors import MalformedXML
from emulator.protocol.xml.control_characters import carry, restore

BODY_BYTES_MAX = 2 * 1024 * 1024  # (OSS DeleteMultipleObjects, body; documented)
DEPTH_MAX = 16
NODES_MAX = 20_000
ATTRIBUTES_MAX = 16

# Markup that is this long is looked at before expat turns it into a list of attributes.
_TAG_BYTES_MAX = 64 * 1024
_LONG_RUN = re.compile(rb"<[^<!?]{%d}" % _TAG_BYTES_MAX)
_TAG = re.compile(rb"""<(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+""")

# No parser separator may occur in a name or a namespace that is worth anything.
_SEPARATOR = "\n"


class Element(msgspec.Struct, frozen=True, gc=False):
    """One element without its namespace, attributes, comments and instructions.

    ``text`` is all character data directly inside it, joined, white space kept.
    """

    tag: str
    text: str
    children: tuple[Element, ...]

    def child(self, tag: str) -> Element | None:
        """The first child of that name."""
        for element in self.children:
            if element.tag == tag:
                return element
        return None

    def children_of(self, tag: str) -> tuple[Element, ...]:
        """All children of that name, in order."""
        return tuple(element for element in self.children if element.tag == tag)

    def text_of(self, tag: str, default: str = "") -> str:
        """The text of the first child of that name."""
        element = self.child(tag)
        return default if element is None else element.text


class _Open:
    """An element whose end has not been seen."""

    __slots__ = ("children", "tag", "texts")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.texts: list[str] = []
        self.children: list[Element] = []


class _Builder:
    """expat's handlers: they build the tree and hold the limits."""

    def __init__(self, *, carried: bool) -> None:
        self._carried = carried
        self._open: list[_Open] = []
        self._nodes = 0
        self._namespaces = 0
        self.root: Element | None = None

    def attach(self, parser: expat.XMLParserType) -> None:
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self._declaration
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._node
        parser.ProcessingInstructionHandler = self._node
        parser.StartCdataSectionHandler = self._node
        parser.StartNamespaceDeclHandler = self._namespace

    def _declaration(self, version: str, encoding: str | None, _standalone: int) -> None:
        if version != "1.0":
            raise MalformedXML("The XML version is not 1.0.")
        if encoding is not None and encoding.lower() not in {"utf-8", "utf8"}:
            raise MalformedXML("The encoding is not UTF-8.")

    def _node(self, *_: object) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise MalformedXML(f"There are more than {NODES_MAX} nodes.")

    def _namespace(self, *_: object) -> None:
        self._namespaces += 1
        if self._namespaces > ATTRIBUTES_MAX:
            raise MalformedXML(f"An element has more than {ATTRIBUTES_MAX} attributes.")

    def _start(self, name: str, attributes: list[str]) -> None:
        self._node()
        self._namespaces = 0
        if len(attributes) > 2 * ATTRIBUTES_MAX:
            raise MalformedXML(f"An element has more than {ATTRIBUTES_MAX} attributes.")
        if len(self._open) == DEPTH_MAX:
            raise MalformedXML(f"Elements are nested deeper than {DEPTH_MAX}.")
        self._open.append(_Open(name.rpartition(_SEPARATOR)[2]))

    def _text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _end(self, _name: str) -> None:
        done = self._open.pop()
        text = "".join(done.texts)
        element = Element(done.tag, restore(text) if self._carried else text, tuple(done.children))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element


def read_xml(
    body: bytes,
    *,
    root: str = "",
    ec: str = "",
    body_bytes_max: int = BODY_BYTES_MAX,
    control_characters: bool = False,
) -> Element:
    """The root element of a body.

    ``root`` is the name it must have, if given. With ``control_characters`` the text may hold
    characters XML forbids, raw or as references, and a raw CR stays one (batch deletes).

    Raises MalformedXML, with ``ec``, for everything else that is not plain UTF-8 XML within the
    limits of this module.
    """
    try:
        element = _read(body, body_bytes_max, control_characters=control_characters)
        _require_root(element, root)
    except MalformedXML as error:
        error.ec = ec
        raise
    return element


def _scan(body: bytes) -> None:
    """Refuse what would keep expat busy after our handlers have given up."""
    # Nothing else begins a document type in UTF-8, and in text these bytes help nobody.
    if b"<!DOCTYPE" in body:
        raise MalformedXML("A document type declaration is not allowed.")
    if len(body) <= _TAG_BYTES_MAX:
        return
    # An element has at most two tags, everything else that counts as a node has one.
    if body.count(b"<") > 2 * NODES_MAX:
        raise MalformedXML(f"There are more than {NODES_MAX} nodes.")
    for run in _LONG_RUN.finditer(body):
        tag = _TAG.match(body, run.start())
        if tag is not None and len(tag[0]) > _TAG_BYTES_MAX:
            raise MalformedXML(f"A tag is longer than {_TAG_BYTES_MAX} bytes.")


def _require_root(element: Element, root: str) -> None:
    if root and element.tag != root:
        raise MalformedXML(f"The root element is not {root}.")


def _read(body: bytes, body_bytes_max: int, *, control_characters: bool) -> Element:
    if len(body) > body_bytes_max:
        raise MalformedXML(f"The body is longer than {body_bytes_max} bytes.")
    _scan(body)
    try:
        document = body.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedXML("The body is not UTF-8.") from None
    if document.startswith("\ufeff"):
        raise MalformedXML("The body starts with a byte order mark.")
    if control_characters:
        document = carry(document)
    if "\0" in document:
        # expat would take `<` and NUL for UTF-16, whatever encoding it was told.
        raise MalformedXML("The body holds a NUL.")
    builder = _Builder(carried=control_characters)
    parser = expat.ParserCreate("utf-8", _SEPARATOR)
    builder.attach(parser)
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset}"
        raise MalformedXML(f"{expat.ErrorString(error.code)} ({where}).") from None
    assert builder.root is not None, "expat accepts no document without an element"
    return builder.root
