"""What a settings document looks like: read from XML, kept as a tree, written as XML again.

A tree has OSS's own element names. Elements that may repeat are always lists, absent when there
are none; numbers are integers, yes and no are booleans, everything else is text as it was sent;
absent elements are absent. So the JSON of a tree is what the store keeps:
``{"CORSRule":[{"AllowedOrigin":["*"],"AllowedMethod":["GET"],"MaxAgeSeconds":5}]}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import TypedDict, Unpack

import msgspec

from emulator.domain.errors import MalformedXML
from emulator.protocol.object_headers.writes import NOT_IN_HEADERS
from emulator.protocol.xml import Element, XmlWriter

Value = object  # str, int, bool, Tree, or a list of one of them
Tree = dict[str, Value]

_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
INTEGER_MAX = 10**18 - 1
_BOOLEANS = {"true": True, "false": False}
_TREE = msgspec.json.Decoder(dict[str, object])


class Kind(Enum):
    """What is inside an element."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    GROUP = "group"


class Field(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One element: what is inside it, and how often it may stand there.

    ``choices`` restricts a text, ``low`` and ``high`` a number; ``many_max`` is 0 for an element
    that stands there once, else the most of them. ``fields`` are those of a group, in the order
    in which they are written; ``keeps_others`` keeps elements of a group that are not among them.
    A text ``in_headers`` is sent in headers later: it holds no characters that those cannot.
    """

    tag: str
    kind: Kind
    required: bool = False
    many_max: int = 0
    choices: tuple[str, ...] = ()
    low: int = -INTEGER_MAX
    high: int = INTEGER_MAX
    fields: tuple[Field, ...] = ()
    keeps_others: bool = False
    in_headers: bool = False


class Occurrence(TypedDict, total=False):
    """How often an element may stand there."""

    required: bool
    many_max: int


MANY = 10_000  # where the documents name no limit, the size of the body is one


def text(tag: str, *choices: str, **occurrence: Unpack[Occurrence]) -> Field:
    """An element with text, one of ``choices`` if there are any."""
    return Field(tag=tag, kind=Kind.TEXT, choices=choices, **occurrence)


def header_text(tag: str, **occurrence: Unpack[Occurrence]) -> Field:
    """An element with text that is sent in headers later."""
    return Field(tag=tag, kind=Kind.TEXT, in_headers=True, **occurrence)


def number(
    tag: str, low: int = -INTEGER_MAX, high: int = INTEGER_MAX, **occurrence: Unpack[Occurrence]
) -> Field:
    """An element with an integer from ``low`` to ``high``."""
    return Field(tag=tag, kind=Kind.NUMBER, low=low, high=high, **occurrence)


def flag(tag: str, **occurrence: Unpack[Occurrence]) -> Field:
    """An element with ``true`` or ``false``."""
    return Field(tag=tag, kind=Kind.FLAG, **occurrence)


def group(tag: str, *fields: Field, **occurrence: Unpack[Occurrence]) -> Field:
    """An element with further ones; also the root of a document."""
    return Field(tag=tag, kind=Kind.GROUP, fields=fields, **occurrence)


def open_group(tag: str, *fields: Field, **occurrence: Unpack[Occurrence]) -> Field:
    """A group that keeps elements nobody described, as text or as further elements."""
    return Field(tag=tag, kind=Kind.GROUP, fields=fields, keeps_others=True, **occurrence)


# reading


def read_tree(shape: Field, root: Element) -> Tree:
    """The tree of a document whose root has the name of ``shape``.

    Elements that are not described are passed over (OSS, request documents; documented). Raises
    MalformedXML, whose detail names the element.
    """
    return _read_group(shape, root, shape.tag)


def _read_group(shape: Field, element: Element, path: str) -> Tree:
    if element.text and not element.text.isspace():
        raise MalformedXML(f"{path} holds text beside its elements")
    by_tag: dict[str, list[Element]] = {}
    for child in element.children:
        by_tag.setdefault(child.tag, []).append(child)
    tree: Tree = {}
    for field in shape.fields:
        value = _read_field(field, by_tag.pop(field.tag, []), f"{path}/{field.tag}")
        if value is not None:
            tree[field.tag] = value
    if shape.keeps_others:
        tree.update({tag: _read_others(found) for tag, found in by_tag.items()})
    return tree


def _read_field(field: Field, found: list[Element], path: str) -> Value | None:
    if not found:
        if field.required:
            raise MalformedXML(f"{path} is missing")
        return None
    if not field.many_max:
        if len(found) > 1:
            raise MalformedXML(f"{path} stands there more than once")
        return _read_one(field, found[0], path)
    if len(found) > field.many_max:
        raise MalformedXML(f"{path} stands there more than {field.many_max} times")
    return [_read_each(field, element, path) for element in found]


def _read_each(field: Field, element: Element, path: str) -> Value:
    value = _read_one(field, element, path)
    if value is None:
        raise MalformedXML(f"{path} is empty")
    return value


def _read_one(field: Field, element: Element, path: str) -> Value | None:
    """The value of an element; ``None`` for an empty one that need not be there."""
    if field.kind is Kind.GROUP:
        return _read_group(field, element, path)
    if element.children:
        raise MalformedXML(f"{path} holds elements where text is expected")
    if field.kind is Kind.TEXT and not field.choices:
        if field.in_headers and NOT_IN_HEADERS.search(element.text):
            raise MalformedXML(f"{path} holds control characters")
        return element.text
    word = element.text.strip()
    if not word and not field.required:
        return None
    return _read_word(field, word, path)


def _read_word(field: Field, word: str, path: str) -> Value:
    match field.kind:
        case Kind.NUMBER:
            if not _INTEGER.fullmatch(word) or not field.low <= int(word) <= field.high:
                raise MalformedXML(f"{path} is not an integer from {field.low} to {field.high}")
            return int(word)
        case Kind.FLAG:
            # One of the vendor's clients writes "True" in some documents (oss2; observed).
            value = _BOOLEANS.get(word.lower())
            if value is None:
                raise MalformedXML(f"{path} is neither true nor false")
            return value
        case Kind.TEXT | Kind.GROUP:
            if word not in field.choices:
                raise MalformedXML(f"{path} is none of {', '.join(field.choices)}")
            return word


def _read_others(found: list[Element]) -> Value:
    values = [_read_other(element) for element in found]
    return values[0] if len(values) == 1 else values


def _read_other(element: Element) -> Value:
    if not element.children:
        return element.text
    by_tag: dict[str, list[Element]] = {}
    for child in element.children:
        by_tag.setdefault(child.tag, []).append(child)
    return {tag: _read_others(each) for tag, each in by_tag.items()}


# writing


def tree_xml(shape: Field, tree: Mapping[str, Value]) -> bytes:
    """The document of a tree, its elements in the order of ``shape``."""
    writer = XmlWriter(shape.tag)
    write_tree(writer, shape, tree)
    return writer.to_bytes()


def write_tree(writer: XmlWriter, shape: Field, tree: Mapping[str, Value]) -> None:
    """The elements of a group into the element that is open."""
    for field in shape.fields:
        if field.tag in tree:
            _write(writer, field, tree[field.tag])
    described = {field.tag for field in shape.fields}
    for tag, value in tree.items():
        if tag not in described:
            _write(writer, Field(tag=tag, kind=Kind.GROUP), value)


def _write(writer: XmlWriter, field: Field, value: Value) -> None:
    match value:
        case list():
            for each in value:
                _write(writer, field, each)
        case dict():
            writer.open(field.tag)
            write_tree(writer, field, value)
            writer.close()
        case bool():
            writer.flag(field.tag, value)
        case int():
            writer.number(field.tag, value)
        case _:
            writer.element(field.tag, str(value))


# keeping


def tree_json(tree: Mapping[str, Value]) -> str:
    """The text the store keeps."""
    return msgspec.json.encode(tree).decode()


def tree_of(document: str) -> Tree:
    """The tree of a text of the store."""
    return _TREE.decode(document)


# looking into trees


def groups_in(tree: Mapping[str, Value], tag: str) -> list[Tree]:
    """The groups of a repeating element, none if it is absent."""
    value = tree.get(tag)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def texts_in(tree: Mapping[str, Value], tag: str) -> list[str]:
    """The texts of a repeating element, none if it is absent."""
    value = tree.get(tag)
    return [str(each) for each in value] if isinstance(value, list) else []


def group_in(tree: Mapping[str, Value], tag: str) -> Tree:
    """A group, empty if it is absent."""
    value = tree.get(tag)
    return value if isinstance(value, dict) else {}


def text_in(tree: Mapping[str, Value], tag: str) -> str:
    """A text, empty if it is absent."""
    value = tree.get(tag)
    return value if isinstance(value, str) else ""
