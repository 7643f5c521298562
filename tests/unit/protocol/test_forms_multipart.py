"""Multipart bodies, however they are cut into pieces, and whatever is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.domain.errors import OssError
from emulator.protocol.forms import FormBody, FormFile, SizeRange, form_boundary, read_form
from emulator.protocol.forms.multipart import MultipartStream, PartHead, read_head
from tests.support.upload_forms import BOUNDARY, END, SUBMIT, file_part, form, part

_DELIMITER = f"--{BOUNDARY}".encode()


class _Body:
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._given = pieces
        self.largest = 0

    async def pieces(self, bytes_max: int) -> AsyncIterator[bytes]:
        for piece in self._given:
            yield piece


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _read(pieces: Sequence[bytes], size: SizeRange | None = None) -> tuple[dict[str, str], bytes]:
    async def read() -> tuple[dict[str, str], bytes]:
        body = FormBody(_Body(pieces), BOUNDARY.encode(), 1 << 30, None)
        form = await read_form(body.stream)
        file = FormFile(body, size or SizeRange())
        return dict(form.fields), b"".join([each async for each in file.pieces(1 << 30)])

    return asyncio.run(read())


def _code(pieces: Sequence[bytes], size: SizeRange | None = None) -> str:
    with pytest.raises(OssError) as caught:
        _read(pieces, size)
    return caught.value.code


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 4096])
def test_a_form_reads_the_same_however_it_arrives(size: int) -> None:
    data = b"\r\n--94311\r\n--" + bytes(range(256)) + b"\r\n" + _DELIMITER[:-1] + b"\r\n"
    fields, file = _read(_cut(form({"key": "a/${filename}", "X-OSS-Meta-A": "é"}, data), size))
    assert fields == {"key": "a/${filename}", "x-oss-meta-a": "é"}
    assert file == data


NOT_ENDS = [b"x", b"-x", b"\rx", b" x", b"\t--", b" " * 70 + b"\r\n", b"-inner\r\n", b"\r\r\n"]


@pytest.mark.parametrize("tail", NOT_ENDS)
def test_what_merely_begins_like_a_boundary_is_content(tail: bytes) -> None:
    data = b"one\r\n" + _DELIMITER + tail + b"two"
    body = part("key", "k") + file_part(data) + END
    for size in (1, 5, len(body)):
        assert _read(_cut(body, size))[1] == data


def test_another_multipart_body_may_be_inside() -> None:
    inner = b'--inner\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--inner--\r\n'
    longer = inner.replace(b"inner", BOUNDARY.encode() + b"0")
    for data in (inner, longer):
        assert _read([part("key", "k") + file_part(data) + END])[1] == data


def test_blanks_may_follow_a_boundary_and_a_text_may_come_before_the_first() -> None:
    body = b"This is MIME.\r\n" + part("key", "k").replace(_DELIMITER, _DELIMITER + b" \t")
    fields, file = _read([body + file_part(b"data") + END])
    assert (fields, file) == ({"key": "k"}, b"data")


@pytest.mark.parametrize("end", [END, END[:-2], END + b"epilogue\r\n" * 3, SUBMIT + END, SUBMIT])
def test_what_follows_the_file_is_ignored(end: bytes) -> None:
    assert _read([part("key", "k") + file_part(b"data") + end])[1] == b"data"


BROKEN = [
    ("nothing", b"", "MalformedPOSTRequest"),
    ("no boundary", b"key=k", "MalformedPOSTRequest"),
    ("no last boundary", part("key", "k") + file_part(b"data")[:-2], "MalformedPOSTRequest"),
    ("half a boundary", part("key", "k") + file_part(b"x") + END[:5], "MalformedPOSTRequest"),
    ("an end in a head", part("key", "k")[:40], "MalformedPOSTRequest"),
    ("no head", _DELIMITER + b"\r\n\r\nvalue\r\n" + END, "MalformedPOSTRequest"),
    ("no name", _DELIMITER + b"\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END,
     "MalformedPOSTRequest"),
    ("an empty name", part("", "x") + END, "MalformedPOSTRequest"),
    ("no disposition", _DELIMITER + b"\r\nContent-Type: a/b\r\n\r\nx\r\n" + END,
     "MalformedPOSTRequest"),
    ("another disposition", part("key", "k").replace(b"form-data", b"attachment") + END,
     "MalformedPOSTRequest"),
    ("a folded head", part("a", "b", extra=";\r\n filename=x") + END, "MalformedPOSTRequest"),
    ("a name that is not UTF-8", part("key", "k").replace(b"key", b"\xff") + END,
     "MalformedPOSTRequest"),
    ("a value that is not UTF-8", part("key", b"\xff") + file_part(b"") + END,
     "MalformedPOSTRequest"),
    ("a name given twice", part("a", "b", extra='; name="key"') + END, "MalformedPOSTRequest"),
    ("no file", part("key", "k") + END, "IncorrectNumberOfFilesInPOSTRequest"),
    ("only an end", END, "IncorrectNumberOfFilesInPOSTRequest"),
    ("a field twice", part("key", "a") + part("KEY", "b") + file_part(b"") + END,
     "InvalidArgument"),
    ("an endless head", part("a" * 20_000, "x") + file_part(b"") + END, "FieldItemTooLong"),
    ("a long name", part("a" * 9_000, "x") + file_part(b"") + END, "FieldItemTooLong"),
    ("a long value", part("a", b"x" * (2 << 20) + b"x") + file_part(b"") + END,
     "FieldItemTooLong"),
    ("a long preamble", b"x" * 70_000 + b"\r\n" + part("key", "k") + END,
     "MaxPOSTPreDataLengthExceededError"),
    ("1000 fields", b"".join(part(f"x{n}", "") for n in range(1000)) + file_part(b"") + END,
     "MaxPOSTPreDataLengthExceededError"),
    ("many long values", b"".join(part(f"x{n}", b"x" * (2 << 20)) for n in range(3)) + END,
     "MaxPOSTPreDataLengthExceededError"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body", "code"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_body_is_refused(name: str, body: bytes, code: str) -> None:
    assert _code([body]) == code
    assert _code(_cut(body, 1021)) == code


def test_a_file_must_be_of_the_size_that_is_asked_for() -> None:
    body = [form({"key": "k"}, b"12345")]
    assert _read(body, SizeRange(5, 5))[1] == b"12345"
    assert _code(body, SizeRange(6, 9)) == "EntityTooSmall"
    assert _code(body, SizeRange(0, 4)) == "EntityTooLarge"


def test_nothing_of_a_large_file_is_held() -> None:
    """At most one piece and one boundary wait in the buffer."""
    piece = b"\r\n--" + b"x" * 65_532
    held = []

    async def pieces() -> AsyncIterator[bytes]:
        yield part("key", "k") + file_part(b"")[:-2]
        for _ in range(64):
            yield piece
            held.append(len(stream._buffer))
        yield b"\r\n" + END

    async def read() -> int:
        await stream.next_part()
        await stream.next_part()
        return sum([len(each) async for each in stream.content()])

    stream = MultipartStream(pieces(), BOUNDARY.encode())
    assert asyncio.run(read()) == 64 * len(piece)
    assert max(held) < 2 * len(piece)


HEADS = [
    ('form-data; name="file"; filename="a b;c.txt"', PartHead("file", "a b;c.txt")),
    ("form-data; name=key", PartHead("key")),
    ('FORM-DATA ; NAME="key" ;', PartHead("key")),
    (r'form-data; name="file"; filename="C:\dir\x.txt"', PartHead("file", r"C:\dir\x.txt")),
    (r'form-data; name="a\"b"; filename="\\"', PartHead('a"b', "\\")),
    ("form-data; name=\"file\"; filename*=UTF-8''na%C3%AFve", PartHead("file", "naïve")),
    ('form-data; name="file"; filename=""', PartHead("file", "")),
]


@pytest.mark.parametrize(("disposition", "head"), HEADS, ids=[row[0] for row in HEADS])
def test_a_head_says_name_and_file_name(disposition: str, head: PartHead) -> None:
    assert read_head(f"Content-Disposition: {disposition}".encode()) == head


BOUNDARIES = [
    ("multipart/form-data; boundary=abc", b"abc"),
    ("Multipart/Form-Data;charset=utf-8; BOUNDARY=abc; x=y", b"abc"),
    ('multipart/form-data; boundary="a b:c"', b"a b:c"),
    ("multipart/form-data; boundary=----WebKitForm7MA4YWxk", b"----WebKitForm7MA4YWxk"),
]  # fmt: skip
NO_BOUNDARIES = [
    ("", "RequestIsNotMultiPartContent"),
    ("application/x-www-form-urlencoded", "RequestIsNotMultiPartContent"),
    ("multipart/form-database; boundary=x", "RequestIsNotMultiPartContent"),
    ("multipart/form-data", "MalformedPOSTRequest"),
    ("multipart/form-data; boundary=", "MalformedPOSTRequest"),
    ("multipart/form-data; boundary=" + "x" * 71, "MalformedPOSTRequest"),
    ("multipart/form-data; boundary=" + "x" * 300, "MalformedPOSTRequest"),
    ("multipart/form-data; boundary=\xe9", "MalformedPOSTRequest"),
    ('multipart/form-data; boundary="x ', "MalformedPOSTRequest"),
]


@pytest.mark.parametrize(("text", "boundary"), BOUNDARIES)
def test_the_boundary_stands_in_the_content_type(text: str, boundary: bytes) -> None:
    assert form_boundary(text) == boundary


@pytest.mark.parametrize(("text", "code"), NO_BOUNDARIES)
def test_without_a_boundary_there_is_no_form(text: str, code: str) -> None:
    with pytest.raises(OssError) as caught:
        form_boundary(text)
    assert caught.value.code == code


_NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n'), min_size=1, max_size=9)
_VALUES = st.binary(max_size=40) | st.lists(
    st.sampled_from([b"\r\n", b"--", BOUNDARY.encode(), b"-", b"x", b"\r", b"\n"]), max_size=9
).map(b"".join)


@given(
    fields=st.dictionaries(_NAMES.filter(lambda name: name.lower() != "file"), st.text(max_size=9)),
    data=_VALUES,
    size=st.integers(1, 90),
)
def test_any_form_reads_as_it_was_made(fields: dict[str, str], data: bytes, size: int) -> None:
    lower = {name.lower(): value for name, value in fields.items()}
    whole = b"\r\n" + data
    complete = b"\r\n" + _DELIMITER
    if len(lower) < len(fields) or any(complete + end in whole for end in (b"--", b"\r\n")):
        return
    if any(_DELIMITER in value.encode() for value in fields.values()):
        return
    assert _read(_cut(form(fields, data), size)) == (lower, data)


@settings(max_examples=300)
@given(
    body=st.lists(
        st.sampled_from([part("key", "k"), file_part(b"data"), END, SUBMIT, _DELIMITER, b"\r\n"])
        | st.binary(max_size=20)
    ).map(b"".join),
    size=st.integers(1, 300),
)
def test_any_bytes_give_a_form_or_a_refusal(body: bytes, size: int) -> None:
    code = ""
    try:
        _read(_cut(body, size))
    except OssError as error:
        code = error.code
    assert code in {
        "",
        "MalformedPOSTRequest",
        "IncorrectNumberOfFilesInPOSTRequest",
        "InvalidArgument",
        "FieldItemTooLong",
    }
