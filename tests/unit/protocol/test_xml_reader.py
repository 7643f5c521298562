"""The hardened reader: what it accepts, what it refuses, and how soon."""

from __future__ import annotations

import contextlib
import sys
import time
from xml.sax.saxutils import escape as sax_escape

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain.errors import MalformedXML
from emulator.protocol.xml import BODY_BYTES_MAX, Element, XmlWriter, read_xml
from emulator.protocol.xml.reader import ATTRIBUTES_MAX, DEPTH_MAX, NAMES_CHARS_MAX, NODES_MAX

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def test_document_becomes_a_tree() -> None:
    root = read_xml(
        f"{DECLARATION}\n<Delete>\n  <Quiet>true</Quiet>\n"
        "  <Object><Key>a&amp;b &lt;&#233;&gt;</Key></Object>"
        "<Object><Key><![CDATA[<c>]]></Key><VersionId/></Object>\n</Delete>\n".encode(),
        root="Delete",
    )
    assert root.tag == "Delete"
    assert root.text_of("Quiet") == "true"
    assert [found.text_of("Key") for found in root.children_of("Object")] == ["a&b <é>", "<c>"]
    assert [found.text_of("VersionId", "-") for found in root.children_of("Object")] == ["-", ""]
    assert root.child("Nothing") is None


@pytest.mark.parametrize(
    "body",
    [
        b'<Delete xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com"><Quiet>x</Quiet></Delete>',
        b'<o:Delete xmlns:o="urn:o"><o:Quiet>x</o:Quiet></o:Delete>',
        b'<o:Delete xmlns:o="urn:o"><Quiet>x</Quiet></o:Delete>',
        b'<Delete a="1"><Quiet b="2">x</Quiet></Delete>',
        b"<!-- c --><Delete><?pi?><!-- c --><Quiet>x<!-- c --></Quiet></Delete><!-- c -->",
        b'<?xml version="1.0"?><Delete><Quiet>x</Quiet></Delete>',
        b"<?xml version='1.0' encoding='utf-8' standalone='yes'?><Delete><Quiet>x</Quiet></Delete>",
        b"\n<Delete>\n\t<Quiet>x</Quiet>\r\n</Delete>\n",
    ],
)
def test_namespaces_attributes_and_comments_are_ignored(body: bytes) -> None:
    assert read_xml(body, root="Delete").text_of("Quiet") == "x"


NOT_XML = [
    b"",
    b" ",
    b"text",
    b"<a>",
    b"<a></b>",
    b"<a/><b/>",
    b"<a/>text",
    b"<a>&</a>",
    b"<a>&unknown;</a>",
    b"<a b=1/>",
    b'<a b="1" b="2"/>',
    b"<a><",
    b"<o:a/>",
    b'<a xmlns:xml="urn:o"/>',
    b'<a xmlns:o=""/>',
    b'<a xmlns:o="u" xmlns:p="u" o:b="1" p:b="2"/>',
    b"<a>\x01</a>",
    b"<a>&#1;</a>",
    b"<a>&#xFFFE;</a>",
    b"<a>&#x110000;</a>",
    b"<a>\x00</a>",
    b"<a>]]></a>",
    b"<a><![CDATA[x</a>",
    b"<a><!-- -- --></a>",
    b"{}",
]
ENCODINGS = [
    "<a>é</a>".encode("latin-1"),
    "<a>x</a>".encode("utf-16"),
    "<a>x</a>".encode("utf-16-le"),
    "<a>x</a>".encode("utf-16-be"),
    "<!DOCTYPE a><a>x</a>".encode("utf-16-le"),
    "<a>x</a>".encode("utf-32"),
    b"\xef\xbb\xbf<a>x</a>",
    b"<a>\xc0\xae</a>",
    b"<a>\xed\xa0\x80</a>",
    b"<a>\xff</a>",
    b'<?xml version="1.0" encoding="UTF-16"?><a/>',
    b'<?xml version="1.0" encoding="UTF-7"?><a>+ADw-</a>',
    b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>',
    b'<?xml version="1.0" encoding="GBK"?><a/>',
    b'<?xml version="1.0" encoding="no-such"?><a/>',
    b'<?xml version="1.1"?><a/>',
]
DOCUMENT_TYPES = [
    b"<!DOCTYPE a><a/>",
    b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    b'<!DOCTYPE a PUBLIC "x" "http://127.0.0.1:1/x"><a/>',
    b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]><a/>',
    b'<!DOCTYPE a [<!ENTITY a0 "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 12))
    + b"]><a>&a11;</a>",
    b'<!DOCTYPE a [<!ENTITY q "' + b"q" * 50_000 + b'">]><a>' + b"&q;" * 50_000 + b"</a>",
]


def refusal_cpu_s(body: bytes, *, control_characters: bool) -> float:
    """The least CPU time of a few refusals, so that a busy machine does not count."""
    times_s = []
    for _ in range(3):
        began_s = time.process_time()
        with pytest.raises(MalformedXML):
            read_xml(body, control_characters=control_characters)
        times_s.append(time.process_time() - began_s)
    return min(times_s)


@pytest.mark.parametrize("control_characters", [False, True])
@pytest.mark.parametrize("body", ENCODINGS + DOCUMENT_TYPES)
def test_encodings_and_document_types_are_refused(body: bytes, control_characters: bool) -> None:
    assert refusal_cpu_s(body, control_characters=control_characters) < 0.01


@pytest.mark.parametrize("body", NOT_XML)
def test_what_is_not_well_formed_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedXML):
        read_xml(body)


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


def siblings(nodes: int) -> bytes:
    return b"<a>" + b"<b/>" * (nodes - 1) + b"</a>"


def with_attributes(count: int) -> bytes:
    return b"<a " + b" ".join(b'a%d=""' % i for i in range(count)) + b"/>"


def with_namespaces(count: int) -> bytes:
    return b"<a " + b" ".join(b'xmlns:a%d="u"' % i for i in range(count)) + b"/>"


def with_names(chars: int) -> bytes:
    names = (b"b" * 100, b"c" * 1000, b"d" * 2000, b"e" * (chars - 3101))
    return b"<a>" + b"".join(b"<%b/><%b/>" % (name, name) for name in names) + b"</a>"


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (nested, DEPTH_MAX),
        (siblings, NODES_MAX),
        (with_attributes, ATTRIBUTES_MAX),
        (with_namespaces, ATTRIBUTES_MAX),
        (with_names, NAMES_CHARS_MAX),
        (lambda n: b"<a>" + b"<!---->" * (n - 1) + b"</a>", NODES_MAX),
        (lambda n: b"<a>" + b"<?p?>" * (n - 1) + b"</a>", NODES_MAX),
        (lambda n: b"<a>" + b"<![CDATA[x]]>" * (n - 1) + b"</a>", NODES_MAX),
        (lambda n: b"<a>" + b"x" * (n - 7) + b"</a>", BODY_BYTES_MAX),
    ],
    ids=[
        *("depth", "nodes", "attributes", "namespaces", "names", "comments", "instructions"),
        *("cdata", "body"),
    ],
)
def test_limits_hold_exactly(make: object, limit: int) -> None:
    assert callable(make)
    assert read_xml(make(limit)).tag == "a"
    with pytest.raises(MalformedXML):
        read_xml(make(limit + 1))


HOSTILE = {
    "deep": nested(200_000),
    "deep-short": nested(100_000)[: BODY_BYTES_MAX - 10],
    "broad": siblings(500_000),
    "attributes": with_attributes(150_000),
    "attributes-with-gt": with_attributes(100_000).replace(b'""', b'">"'),
    "attributes-often": b"<a>" + with_attributes(6_000) * 34 + b"</a>",
    "namespaces": with_namespaces(90_000),
    "long-name": b"<" + b"a" * 2_000_000 + b"/>",
    "long-value": b'<a b="' + b"x" * 2_000_000 + b'"/>',
    "comments": b"<a>" + b"<!---->" * 280_000 + b"</a>",
    "open-comments": b"<a>&#1;" + b"<!--" * 400_000 + b"</a>",
    "padded-comments": b"<a>&#1;" + b"<!-- >" * 39_000 + b"x" * 1_700_000 + b"</a>",
    "padded-cdata": b"<a>&#1;" + b"<![CDATA[ >" * 39_000 + b"x" * 1_600_000 + b"</a>",
    "padded-instructions": b"<a>&#1;" + b"<? >" * 39_000 + b"x" * 1_800_000 + b"</a>",
    "open-cdata": b"<a>&#1;" + b"<![CDATA[" * 200_000 + b"</a>",
    "open-instructions": b"<a>&#1;" + b"<?" * 500_000 + b"</a>",
    "open-prolog": b"<!--" * 15_000 + b"<a>&#1;</a>",
    "open-tags": b"<a>&#1;" + b"<" * 2_000_000,
    "instructions": b"<a>&#1;" + b"<?x?>" * 400_000 + b"</a>",
    "ampersands": b"<a>&#1;" + b"&" * 2_000_000 + b"</a>",
    "long-reference": b"<a>&#" + b"0" * 2_000_000 + b"1;</a>",
    "spaces": b" " * 2_000_000,
    "too-long": b"<a>" + b"x" * 50_000_000 + b"</a>",
}


@pytest.mark.parametrize("control_characters", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_refused_soon(name: str, control_characters: bool) -> None:
    assert refusal_cpu_s(HOSTILE[name], control_characters=control_characters) < 0.1


def test_refusal_carries_the_number_of_the_document() -> None:
    for body in (b"<a/>", b"<a>"):
        with pytest.raises(MalformedXML) as refused:
            read_xml(body, root="Delete", ec="0016-00000608")
        assert refused.value.ec == "0016-00000608"
        assert refused.value.fields["ErrorDetail"]


def keys_of(body: bytes) -> list[str]:
    root = read_xml(body, root="Delete", control_characters=True)
    return [found.text_of("Key") for found in root.children_of("Object")]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("\x01", "\x01"),
        ("a\x1fb", "a\x1fb"),
        ("\r", "\r"),
        ("a\r\nb", "a\r\nb"),
        ("\r\r", "\r\r"),
        ("\t\n", "\t\n"),
        ("&#1;", "\x01"),
        ("&#x1F;", "\x1f"),
        ("&#x1f;", "\x1f"),
        ("&#0001;", "\x01"),
        ("&#13;", "\r"),
        ("&#0;", "\0"),
        ("&amp;#1;", "&#1;"),
        ("&amp;\x01", "&\x01"),
        ("&#65;&#1;&#x42;", "A\x01B"),
        ("<![CDATA[&#1;\x02]]>", "&#1;\x02"),
        ("<!-- \x3e &#1; -->k", "k"),
        ("\ufffe&#xFFFF;", "\ufffe\uffff"),
        ("\U0010fffd", "\U0010fffd"),
        ("&#x10FFFD;\x01", "\U0010fffd\x01"),
        ("\U0010fffd\u0100", "\U0010fffd\u0100"),
        ("\x01\u0100" * 20, "\x01\u0100" * 20),
        ("\U0010fffd\u0120\x01" * 20, "\U0010fffd\u0120\x01" * 20),
        ("".join(map(chr, range(0x20))) * 3, "".join(map(chr, range(0x20))) * 3),
    ],
)
def test_control_characters_survive_in_batch_deletes(text: str, key: str) -> None:
    body = (
        f"{DECLARATION}\r\n<!-- <Delete> -->\r\n<Delete>\r\n<Object >\r\n<Key>{text}</Key>"
        "</Object></Delete>\r\n"
    )
    assert keys_of(body.encode()) == [key]


@pytest.mark.parametrize(
    "body",
    [b"<a>&#x110000;</a>", b"<a>&#xFFFFFFFFFFF;</a>", b"<a>&#;</a>", b"<\x01/>", b"\x01<a/>"],
)
def test_other_broken_references_stay_broken(body: bytes) -> None:
    with pytest.raises(MalformedXML):
        read_xml(body, control_characters=True)


def test_full_batch_delete_is_read_with_and_without_control_characters() -> None:
    for text in ("some/key", "\x01\r", "&#1;&amp;"):
        body = f"<Delete>{f'<Object><Key>{text}</Key></Object>' * 1000}</Delete>"
        assert len(keys_of(body.encode())) == 1000


fragments = st.sampled_from(
    [
        *("<a>", "</a>", "<b", "/>", "&#1;", "&", "\x01", "<![CDATA[", "]]>", "<!--", "-->", "<?"),
        *("?>", "\U0010fffd", "\u0100", '"', "'", "\r", DECLARATION, "<!DOCTYPE", "x", "o:a"),
        *("xmlns:o='u'", "\0"),
    ]
)


@given(
    body=st.one_of(st.binary(), st.lists(fragments).map(lambda parts: "".join(parts).encode())),
    control_characters=st.booleans(),
)
def test_any_bytes_are_read_or_malformed(body: bytes, control_characters: bool) -> None:
    with contextlib.suppress(MalformedXML):
        read_xml(body, control_characters=control_characters)


any_text = st.text(st.characters(codec="utf-8"))


@given(any_text)
def test_any_key_survives_as_the_clients_write_it(key: str) -> None:
    raw = sax_escape(key)
    assert keys_of(f"<Delete><Object><Key>{raw}</Key></Object></Delete>".encode()) == [key]


trees = st.recursive(
    st.builds(Element, st.sampled_from(["Key", "Size"]), any_text, st.just(())),
    lambda children: st.builds(
        Element, st.just("Rule"), st.just(""), st.lists(children, max_size=4).map(tuple)
    ),
    max_leaves=12,
)


def write(writer: XmlWriter, element: Element) -> None:
    if element.children:
        writer.open(element.tag)
        for child in element.children:
            write(writer, child)
        writer.close()
    else:
        writer.element(element.tag, element.text)


@given(st.lists(trees, max_size=4))
def test_what_is_written_is_read(children: list[Element]) -> None:
    writer = XmlWriter("Root")
    for child in children:
        write(writer, child)
    assert read_xml(writer.to_bytes(), control_characters=True).children == tuple(children)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_names_that_clients_make_up_are_not_kept() -> None:
    def body(number: int) -> bytes:
        return b"<a>" + b"".join(b"<n%dx%d/>" % (number, each) for each in range(300)) + b"</a>"

    process = psutil.Process()
    for number in range(100):
        read_xml(body(number))
    before = process.memory_info().rss
    for number in range(100, 1100):
        read_xml(body(number))
    assert process.memory_info().rss - before < 4 << 20  # it grows by 10 MiB where they are kept
