"""Documents of settings: from XML to trees and back, and everything that is no document."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.domain.errors import MalformedXML, OssError
from emulator.domain.errors import settings as settings_errors
from emulator.protocol.errors import WIRE_ERRORS
from emulator.protocol.handlers import handlers
from emulator.protocol.operations import operation_named
from emulator.protocol.settings import shapes
from emulator.protocol.settings.shape import (
    INTEGER_MAX,
    Field,
    Kind,
    Tree,
    Value,
    flag,
    group,
    number,
    open_group,
    read_tree,
    text,
    tree_json,
    tree_of,
    tree_xml,
)
from emulator.protocol.settings.table import SETTINGS
from emulator.protocol.xml import read_xml

SHAPE = group(
    "Root",
    text("Word", "a", "b"),
    text("Free"),
    number("Count", 1, 9, required=True),
    flag("On"),
    group("Inner", text("Leaf", many_max=2)),
    group("Each", number("N", required=True), many_max=3),
)
EVERY_SHAPE = {
    name: shape for name, shape in inspect.getmembers(shapes) if isinstance(shape, Field)
    and not name.startswith("_")
}  # fmt: skip


def tree(body: str, shape: Field = SHAPE) -> Tree:
    return read_tree(shape, read_xml(body.encode(), root=shape.tag))


def test_a_document_becomes_a_tree_and_is_written_in_the_order_of_its_shape() -> None:
    body = (
        "<Root><Each><N>2</N></Each><Inner><Leaf>x</Leaf><Leaf/></Inner>\n<Count> 7 </Count>"
        "<Each><N>-1</N></Each><On>TRUE</On><Free> as sent </Free><Word>a</Word></Root>"
    )
    expected: Tree = {
        "Word": "a",
        "Free": " as sent ",
        "Count": 7,
        "On": True,
        "Inner": {"Leaf": ["x", ""]},
        "Each": [{"N": 2}, {"N": -1}],
    }
    assert tree(body) == expected
    assert tree_of(tree_json(expected)) == expected
    assert tree_xml(SHAPE, expected).decode().partition("\n")[2] == (
        "<Root><Word>a</Word><Free> as sent </Free><Count>7</Count><On>true</On><Inner><Leaf>x"
        "</Leaf><Leaf></Leaf></Inner><Each><N>2</N></Each><Each><N>-1</N></Each></Root>"
    )


def test_empty_elements_that_need_not_be_there_are_absent() -> None:
    assert tree("<Root><Word/><On> </On><Count>1</Count><Free/></Root>") == {
        "Count": 1,
        "Free": "",
    }


@pytest.mark.parametrize(
    ("inner", "detail"),
    [
        ("", "Root/Count is missing"),
        ("<Count/>", "Root/Count is not an integer from 1 to 9"),
        ("<Count>0</Count>", "Root/Count is not an integer from 1 to 9"),
        ("<Count>10</Count>", "Root/Count is not an integer from 1 to 9"),
        ("<Count>1.0</Count>", "Root/Count is not an integer from 1 to 9"),
        ("<Count>٣</Count>", "Root/Count is not an integer from 1 to 9"),
        (f"<Count>{'1' * 5000}</Count>", "Root/Count is not an integer from 1 to 9"),
        ("<Count>1</Count><Count>1</Count>", "Root/Count stands there more than once"),
        ("<Count><x/></Count>", "Root/Count holds elements where text is expected"),
        ("<Count>1</Count>text", "Root holds text beside its elements"),
        ("<Count>1</Count><Word>c</Word>", "Root/Word is none of a, b"),
        ("<Count>1</Count><On>yes</On>", "Root/On is neither true nor false"),
        ("<Count>1</Count><Each/>", "Root/Each/N is missing"),
        ("<Count>1</Count>" + "<Each><N>1</N></Each>" * 4,
         "Root/Each stands there more than 3 times"),
        ("<Count>1</Count><Inner>text</Inner>", "Root/Inner holds text beside its elements"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(inner: str, detail: str) -> None:
    with pytest.raises(MalformedXML) as caught:
        tree(f"<Root>{inner}</Root>")
    assert caught.value.fields == {"ErrorDetail": detail}


def test_an_open_group_keeps_what_nobody_described() -> None:
    shape = open_group("Root", text("Known"))
    body = (
        "<Root><New>1</New><Known>k</Known><Deep><A>1</A><A><B>2</B></A></Deep><New>2</New></Root>"
    )
    kept = tree(body, shape)
    assert kept == {"Known": "k", "New": ["1", "2"], "Deep": {"A": ["1", {"B": "2"}]}}
    again = tree(tree_xml(shape, kept).decode(), shape)
    assert again == kept
    assert tree(body, group("Root", text("Known"))) == {"Known": "k"}


# Every document of every shape.

_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="￾￿"),
    max_size=8,
)


def trees_of(shape: Field) -> st.SearchStrategy[Tree]:
    required: dict[str, st.SearchStrategy[Value]] = {}
    optional: dict[str, st.SearchStrategy[Value]] = {}
    for field in shape.fields:
        values = _values_of(field)
        if field.many_max:
            values = st.lists(values, min_size=1, max_size=min(3, field.many_max))
        (required if field.required else optional)[field.tag] = values
    return st.fixed_dictionaries(required, optional=optional)


def _values_of(field: Field) -> st.SearchStrategy[Value]:
    if field.kind is Kind.GROUP:
        return trees_of(field)
    if field.kind is Kind.FLAG:
        return st.booleans()
    if field.kind is Kind.NUMBER:
        return st.integers(max(field.low, -INTEGER_MAX), min(field.high, INTEGER_MAX))
    return st.sampled_from(field.choices) if field.choices else _TEXT


@pytest.mark.parametrize("name", EVERY_SHAPE)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_was_put_comes_back(data: st.DataObject, name: str) -> None:
    shape = EVERY_SHAPE[name]
    sent = data.draw(trees_of(shape))
    xml = tree_xml(shape, sent)
    read = read_tree(shape, read_xml(xml, root=shape.tag))
    assert read == sent
    kept = tree_of(tree_json(read))
    assert tree_xml(shape, kept) == xml


_WORDS = st.sampled_from(["", "1", "-1", "true", "True", "x", "KMS", "HLS", "é", "9" * 30, " "])


@settings(max_examples=300, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(EVERY_SHAPE)))
def test_any_document_is_read_or_refused(data: st.DataObject, name: str) -> None:
    shape = EVERY_SHAPE[name]
    body = f"<{shape.tag}>{data.draw(_anything(shape))}</{shape.tag}>"
    try:
        read = tree(body, shape)
    except MalformedXML:
        return
    assert tree(tree_xml(shape, read).decode(), shape) == read


def _anything(shape: Field) -> st.SearchStrategy[str]:
    """Some children of the shape, each with what may or may not belong there."""
    if not shape.fields:
        return _WORDS
    each = st.sampled_from(shape.fields).flatmap(
        lambda field: st.one_of(_WORDS, _anything(field)).map(
            lambda inner: f"<{field.tag}>{inner}</{field.tag}>"
        )
    )
    return st.lists(each, max_size=6).map("".join)


# The table.


def test_every_row_has_the_operations_of_its_verbs() -> None:
    built = {operation.name: operation for operation in handlers()}
    for setting in SETTINGS:
        for verb in setting.verbs:
            operation = operation_named(f"{verb}{setting.noun}")
            assert operation.name in built
            assert operation.sub_resource == setting.name
            assert [name for name, _ in operation.query] == ([setting.item] * bool(setting.item))


def test_every_row_says_what_is_shown_while_it_is_unset() -> None:
    for setting in SETTINGS:
        described = {field.tag for field in setting.kept_shape.fields}
        assert described.issuperset(setting.shown), setting.name
        if setting.missing is None and setting.name != "logging":
            assert setting.shown or setting.shown_to, setting.name


def test_every_error_has_a_status() -> None:
    for name, found in inspect.getmembers(settings_errors, inspect.isclass):
        if issubclass(found, OssError) and name not in ("OssError", "_BucketSettingError"):
            assert name in WIRE_ERRORS
