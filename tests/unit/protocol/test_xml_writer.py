"""The writer: documents as OSS writes them, character by character."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.protocol.xml import Row, XmlWriter, escape, escape_visible, read_xml, url_encoded

OWNER = ("Owner", ("ID", "DisplayName"))


def test_document_has_a_declaration_and_no_namespace() -> None:
    writer = XmlWriter("ListBucketResult")
    writer.element("Name", "src-bucket")
    writer.element("Prefix")
    writer.number("MaxKeys", 100)
    writer.flag("IsTruncated", True)
    writer.flag("Quiet", False)
    writer.optional("NextMarker", "")
    writer.optional("EncodingType", "url")
    writer.row(Row("Contents", ("Key", "ETag", OWNER)), "a&b", '"A"', "1", "2")
    writer.open("CommonPrefixes")
    writer.element("Prefix", "a/")
    assert writer.to_bytes().decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<ListBucketResult><Name>src-bucket</Name><Prefix></Prefix><MaxKeys>100</MaxKeys>"
        "<IsTruncated>true</IsTruncated><Quiet>false</Quiet><EncodingType>url</EncodingType>"
        '<Contents><Key>a&amp;b</Key><ETag>"A"</ETag>'
        "<Owner><ID>1</ID><DisplayName>2</DisplayName></Owner></Contents>"
        "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes></ListBucketResult>"
    )


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("", ""),
        ("plain é 😀", "plain é 😀"),
        ("<a>&amp;", "&lt;a&gt;&amp;amp;"),
        ("\t\n\r", "&#9;&#10;&#13;"),
        ("\x01\x1f\x7f", "&#1;&#31;&#127;"),
        ("\ufffe\uffff", "&#65534;&#65535;"),
        ("100%s %", "100%s %"),
    ],
)
def test_text_is_escaped(text: str, escaped: str) -> None:
    assert escape(text) == escaped
    assert Row("a", ("b",)).text((text,)) == f"<a><b>{escaped}</b></a>"


@given(st.lists(st.text(st.characters(codec=None, exclude_categories=())), min_size=2, max_size=2))
def test_rows_escape_like_elements(values: list[str]) -> None:
    writer = XmlWriter("a")
    writer.element("b", values[0])
    writer.element("c", values[1])
    row = Row("a", ("b", "c")).text((values[0], values[1]))
    assert writer.to_bytes().decode().endswith("?>\n" + row)


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_visible_form_is_always_well_formed(text: str) -> None:
    body = f"<a>{escape_visible(text)}</a>".encode()
    assert len(read_xml(body).text) == len(text)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [("a b/c", "a%20b%2Fc"), ("é+%", "%C3%A9%2B%25"), ("aZ0-_.~", "aZ0-_.~"), ("\x01\r", "%01%0D")],
)
def test_url_encoding(text: str, encoded: str) -> None:
    assert url_encoded(text) == encoded


@given(st.text())
def test_url_encoding_comes_back_and_needs_no_escape(text: str) -> None:
    encoded = url_encoded(text)
    assert unquote(encoded, errors="strict") == text
    assert escape(encoded) == encoded
