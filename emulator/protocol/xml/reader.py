"""A hardened reader: bytes of a request body in, a small immutable tree or MalformedXML out.

lxml calls a target of ours while it parses, because the limits below must hold while parsing, and
no tree of its own is made. It is fed, for then a target's exception ends the parsing at once. What
it would only tell us too late (a document type with entities, a tag with a hundred thousand
attributes) or not at all (the declaration, CDATA sections) is looked at before it starts.
lxml is loaded with the first body, so that the start of the emulator does not wait for it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

import msgspec

from emulator.domain.errors import MalformedXML
from emulator.protocol.xml.control_characters import carry, restore

if TYPE_CHECKING:
    from lxml import etree

BODY_BYTES_MAX = 2 * 1024 * 1024  # (OSS DeleteMultipleObjects, body; documented)
DEPTH_MAX = 16
NODES_MAX = 40_000  # CompleteMultipartUpload with 10,000 parts has 30,001
ATTRIBUTES_MAX = 16
# Different names in one document: no document of OSS has more, and lxml keeps them all.
NAMES_CHARS_MAX = 4 * 1024

# Longer markup is looked at before the parser turns it into attributes or remembers its name.
_TAG_BYTES_MAX = 4 * 1024
_LONG_RUN = re.compile(rb"<[^<!]{%d}" % _TAG_BYTES_MAX)
_LONG_REFERENCE = re.compile(rb"&[^;<&]{%d}" % _TAG_BYTES_MAX)
_TAG = re.compile(rb"""<(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+""")

_DECLARATION = re.compile(
    r"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?P<version>"[^"<]*"|'[^'<]*')"""
    r"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?P<encoding>"[^"<]*"|'[^'<]*'))?"""
    r"""(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*["'](?:yes|no)["'])?[ \t\r\n]*\?>"""
)
_CDATA = "<![CDATA["
_NAMESPACE_END = "}"  # lxml writes a name in a namespace as {namespace}name
_REASON_CHARS_MAX = 200


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
    """The parser's target: it builds the tree and holds the limits."""

    def __init__(self, nodes: int, *, carried: bool) -> None:
        self._carried = carried
        self._open: list[_Open] = []
        # Called for each reference too: a method of ours would make two megabytes of them slow.
        self._pieces: list[str] = []
        self.data = self._pieces.append
        self._nodes = nodes
        self._names: set[str] = set()
        self._names_chars = 0
        self._root: Element | None = None

    def start(
        self, name: str, attributes: Mapping[str, str], namespaces: Mapping[str | None, str]
    ) -> None:
        """A start tag; ``namespaces`` are those declared in it, by prefix."""
        self._node()
        if attributes or namespaces:
            if len(attributes) > ATTRIBUTES_MAX or len(namespaces) > ATTRIBUTES_MAX:
                raise MalformedXML(f"An element has more than {ATTRIBUTES_MAX} attributes.")
            self._meet(attributes)
            self._meet(prefix or "" for prefix in namespaces)
            self._meet(namespaces.values())
        if name not in self._names:
            self._meet((name,))
        if len(self._open) == DEPTH_MAX:
            raise MalformedXML(f"Elements are nested deeper than {DEPTH_MAX}.")
        if self._pieces:
            self._keep_text()
        self._open.append(_Open(name.rpartition(_NAMESPACE_END)[2]))

    def end(self, _name: str) -> None:
        """An end tag."""
        if self._pieces:
            self._keep_text()
        done = self._open.pop()
        text = "".join(done.texts)
        element = Element(done.tag, restore(text) if self._carried else text, tuple(done.children))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element

    def comment(self, _text: str) -> None:
        """A comment."""
        self._node()

    def pi(self, name: str, _text: str | None) -> None:
        """A processing instruction."""
        self._node()
        self._meet((name,))

    def close(self) -> Element | None:
        """The root element; the parser is done, or has given up.

        Nothing is kept: lxml holds its targets in cycles that wait for the collector.
        """
        root, self._root = self._root, None
        self._open.clear()
        self._pieces.clear()
        return root

    def _keep_text(self) -> None:
        self._open[-1].texts.append("".join(self._pieces))
        self._pieces.clear()

    def _node(self) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise MalformedXML(f"There are more than {NODES_MAX} nodes.")

    def _meet(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._names:
                self._names.add(name)
                self._names_chars += len(name)
        if self._names_chars > NAMES_CHARS_MAX:
            raise MalformedXML(f"The different names have more than {NAMES_CHARS_MAX} characters.")


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
    """Refuse what would keep the parser busy before it calls our target."""
    # Nothing else begins a document type in UTF-8, and in text these bytes help nobody.
    if b"<!DOCTYPE" in body:
        raise MalformedXML("A document type declaration is not allowed.")
    if len(body) <= _TAG_BYTES_MAX:
        return
    # An element has at most two tags, everything else that counts as a node has one.
    if body.count(b"<") > 2 * NODES_MAX:
        raise MalformedXML(f"There are more than {NODES_MAX} nodes.")
    # Where there are more, their names are short on the average.
    if body.count(b"&") <= NODES_MAX and _LONG_REFERENCE.search(body) is not None:
        raise MalformedXML("A reference does not end.")
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
        # The parser would take `<` and NUL for UTF-16, whatever encoding it was told.
        raise MalformedXML("The body holds a NUL.")
    _require_plain_declaration(document)
    # In a comment these bytes count too.
    nodes = document.count(_CDATA)
    if nodes > NODES_MAX:
        raise MalformedXML(f"There are more than {NODES_MAX} nodes.")
    return _parse_apart(document, _Builder(nodes, carried=control_characters))


def _require_plain_declaration(document: str) -> None:
    if not document.startswith("<?xml") or document[5:6] not in " \t\r\n":
        return
    declaration = _DECLARATION.match(document)
    if declaration is None:
        raise MalformedXML("The XML declaration is not well-formed.")
    if declaration["version"][1:-1] != "1.0":
        raise MalformedXML("The XML version is not 1.0.")
    encoding = declaration["encoding"]
    if encoding is not None and encoding[1:-1].lower() not in {"utf-8", "utf8"}:
        raise MalformedXML("The encoding is not UTF-8.")


def _parse_apart(document: str, builder: _Builder) -> Element:
    """Parse in a thread of its own, which takes the names that lxml remembers away with it."""
    outcome: list[Element | BaseException] = []

    def work() -> None:
        try:
            outcome.append(_parse(document, builder))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            outcome.append(error)

    thread = threading.Thread(target=work, name="ossemu-xml")
    thread.start()
    thread.join()
    (found,) = outcome
    if isinstance(found, BaseException):
        raise found
    return found


def _parse(document: str, builder: _Builder) -> Element:
    from lxml import etree  # here, so that the start does not load it

    parser = etree.XMLParser(
        target=cast("etree.ParserTarget", builder),
        encoding="utf-8",
        attribute_defaults=False,
        dtd_validation=False,
        huge_tree=False,
        load_dtd=False,
        no_network=True,
        recover=False,
        resolve_entities=False,
    )
    try:
        parser.feed(document.encode())
        root = cast("Element | None", parser.close())
    except etree.XMLSyntaxError as error:
        raise MalformedXML(f"{(error.msg or '')[:_REASON_CHARS_MAX]}.") from None
    # A wrong use of namespaces is only written down.
    for entry in parser.feed_error_log.filter_from_errors():
        where = f"line {entry.line}, column {entry.column}"
        raise MalformedXML(f"{entry.message[:_REASON_CHARS_MAX]} ({where}).")
    assert root is not None, "the parser accepts no document without an element"
    return root
