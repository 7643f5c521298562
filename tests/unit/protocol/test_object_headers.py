"""What the headers of a write say about an object, and what the headers of a read show of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain.errors import (
    InvalidArgument,
    InvalidRequest,
    InvalidTag,
    NotImplemented,
    OssError,
)
from emulator.domain.model import (
    Acl,
    Bucket,
    ObjectVersion,
    Redundancy,
    StorageClass,
    Versioning,
    VersionKind,
    encode_strings,
)
from emulator.protocol.object_headers import (
    meta_headers,
    object_headers,
    override_headers,
    read_bucket_acl,
    read_flag,
    read_metadata,
    read_object_acl,
    read_object_write,
    read_storage_class,
    read_tagging,
    refuse_unsupported,
    tags_json,
)

Headers = dict[str, str]

MD5 = hashlib.md5(b"content", usedforsecurity=False)
BUCKET = Bucket(
    id=1,
    name="bucket",
    owner_uid="1",
    region="cn-hangzhou",
    created_ms=0,
    acl=Acl.PRIVATE,
    storage_class=StorageClass.IA,
    redundancy=Redundancy.LRS,
    versioning=Versioning.NEVER,
)
VERSION = ObjectVersion(
    bucket_id=1,
    key="key",
    seq=1,
    version_id="null",
    kind=VersionKind.NORMAL,
    size_bytes=7,
    etag=MD5.hexdigest().upper(),
    crc64=18_446_744_073_709_551_615,
    modified_ms=1_704_164_645_999,
    storage_class=StorageClass.IA,
    acl=Acl.DEFAULT,
    owner_uid="1",
    headers_json=encode_strings({"content-type": "text/plain"}),
)


def refusal(read: Callable[[], object]) -> OssError:
    with pytest.raises(OssError) as caught:
        read()
    return caught.value


# --- metadata ---------------------------------------------------------------------------------


def test_content_headers_and_user_metadata_are_kept_verbatim() -> None:
    kept = {
        "content-type": "Text/HTML; charset=UTF-8",
        "cache-control": "no-cache",
        "content-disposition": 'attachment; filename="a b"',
        "content-encoding": "gzip",
        "content-language": "zh-CN",
        "expires": "not a date",
        "x-oss-meta-name-1": "  Värde\t",
        "x-oss-meta-empty": "",
    }
    others = {"host": "h", "content-length": "1", "x-oss-object-acl": "private", "meta-a": "b"}
    assert read_metadata({**kept, **others}) == kept


def test_the_default_content_type() -> None:
    assert read_metadata({}) == {"content-type": "application/octet-stream"}


@pytest.mark.parametrize(
    "name",
    [
        "x-oss-meta-",
        "x-oss-meta-a_b",
        "x-oss-meta-a.b",
        "x-oss-meta-a b",
        "x-oss-meta-é",
        "x-oss-meta-a\n",
    ],
)
def test_names_of_metadata_are_letters_digits_and_hyphens(name: str) -> None:
    error = refusal(lambda: read_metadata({name: "value"}))
    assert (error.code, error.ec) == ("InvalidArgument", "0011-00000004")
    assert error.fields["ArgumentName"] == name


@pytest.mark.parametrize("name", ["x-oss-meta-a", "content-type", "cache-control", "expires"])
@pytest.mark.parametrize("value", ["\udcff", "a\udce9", "a\0", "a\r\nb", "\x1f", "\x7f"])
def test_values_are_utf_8_without_control_characters(name: str, value: str) -> None:
    error = refusal(lambda: read_metadata({name: value}))
    assert (error.code, error.ec) == ("InvalidArgument", "0011-00000005")
    assert error.fields["ArgumentName"] == name


@pytest.mark.parametrize(
    ("headers", "fits"),
    [
        ({"x-oss-meta-a": "v" * 8191}, True),
        ({"x-oss-meta-a": "v" * 8192}, False),
        ({"x-oss-meta-" + "n" * 8192: ""}, True),
        ({"x-oss-meta-" + "n" * 8193: ""}, False),
        ({"x-oss-meta-a": "v" * 4095, "x-oss-meta-b": "v" * 4095}, True),
        ({"x-oss-meta-a": "v" * 4095, "x-oss-meta-b": "v" * 4096}, False),
        ({"x-oss-meta-a": "é" * 4095}, True),
        ({"x-oss-meta-a": "é" * 4096}, False),  # bytes count, not characters
        ({"content-disposition": "v" * 9000}, True),  # not user metadata
    ],
    ids=["8191", "8192", "n8192", "n8193", "two", "two+1", "bytes", "bytes+1", "content"],
)
def test_user_metadata_is_at_most_8_kib(headers: Headers, fits: bool) -> None:
    if fits:
        assert read_metadata(headers).items() >= headers.items()
        return
    error = refusal(lambda: read_metadata(headers))
    assert (error.code, error.ec) == ("InvalidArgument", "0011-00000002")


# --- tags -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        (None, {}),
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a+b=c%20d", {"a b": "c d"}),
        ("a=%2B-%3D._:/", {"a": "+-=._:/"}),
        ("a=b=c", {"a": "b=c"}),
        ("%E5%90%8D=%e5%80%BC", {"名": "值"}),
        ("名=值", {"名": "值"}),
        ("A=1&a=2", {"A": "1", "a": "2"}),
    ],
)
def test_the_tagging_header_is_an_encoded_query(header: str | None, tags: dict[str, str]) -> None:
    text = read_tagging(header)
    assert (msgspec.json.decode(text) if text else {}) == tags


@pytest.mark.parametrize(
    "header", ["&", "a=1&", "a=1&&b=2", "=1", "=", "a=1&a=2", "a&a", "a=%", "a=%zz", "a=%ff", "%2"]
)
def test_a_tagging_header_that_is_no_query_is_refused(header: str) -> None:
    error = refusal(lambda: read_tagging(header))
    assert (error.code, error.ec) == ("InvalidArgument", "0010-00000219")
    assert error.fields == {"ArgumentName": "x-oss-tagging", "ArgumentValue": header}


def test_bytes_that_are_not_utf_8_are_no_tags() -> None:
    assert refusal(lambda: read_tagging("a=\udcff")).code == "InvalidArgument"


@pytest.mark.parametrize(
    ("pairs", "fits"),
    [
        ([(str(n), "") for n in range(10)], True),
        ([(str(n), "") for n in range(11)], False),
        ([("k" * 128, "v" * 256)], True),
        ([("k" * 129, "")], False),
        ([("k", "v" * 257)], False),
        ([("é" * 64, "é" * 128)], True),
        ([("é" * 64 + "k", "")], False),  # bytes count, not characters
        ([("k", "é" * 128 + "v")], False),
        ([("", "v")], False),
        ([("a", "1"), ("a", "2")], False),
        ([("a Z09+-=._:/", "a Z09+-=._:/")], True),
        ([("a,b", "")], False),
        ([("a", "b;c")], False),
        ([("a", "b\n")], False),
        ([("a\0", "")], False),
        ([("\ud800", "")], False),
        ([("a", "\ud800")], False),
    ],
    ids=str,
)
def test_tag_limits(pairs: list[tuple[str, str]], fits: bool) -> None:
    if fits:
        assert msgspec.json.decode(tags_json(pairs)) == dict(pairs)
    else:
        assert isinstance(refusal(lambda: tags_json(pairs)), InvalidTag)


def test_no_tags_are_no_text() -> None:
    assert tags_json([]) == ""


@given(st.text(max_size=20) | st.text("ab=&%+2Fé\udcff\ud800", max_size=20))
def test_any_tagging_header_is_read_or_refused(header: str) -> None:
    with suppress(InvalidArgument, InvalidTag):
        text = read_tagging(header)
        assert bool(text) == bool(header)


# --- choices ----------------------------------------------------------------------------------


@pytest.mark.parametrize("acl", Acl)
def test_object_acls(acl: Acl) -> None:
    assert read_object_acl({"x-oss-object-acl": acl.value}) is acl


@pytest.mark.parametrize("acl", [each for each in Acl if each is not Acl.DEFAULT])
def test_bucket_acls(acl: Acl) -> None:
    assert read_bucket_acl({"x-oss-acl": acl.value}) is acl


@pytest.mark.parametrize("storage_class", StorageClass)
def test_storage_classes(storage_class: StorageClass) -> None:
    assert read_storage_class({"x-oss-storage-class": storage_class.value}) is storage_class


@pytest.mark.parametrize("read", [read_object_acl, read_bucket_acl, read_storage_class])
def test_an_absent_choice_is_none(read: Callable[[Headers], object]) -> None:
    assert read({}) is None


@pytest.mark.parametrize(
    ("read", "name", "value", "ec"),
    [
        (read_object_acl, "x-oss-object-acl", "", "0017-00000105"),
        (read_object_acl, "x-oss-object-acl", "public", ""),
        (read_object_acl, "x-oss-object-acl", "PRIVATE", ""),
        (read_bucket_acl, "x-oss-acl", "", ""),
        (read_bucket_acl, "x-oss-acl", "default", ""),
        (read_bucket_acl, "x-oss-acl", "private ", ""),
        (read_storage_class, "x-oss-storage-class", "", "0017-00000131"),
        (read_storage_class, "x-oss-storage-class", "standard", "0013-00000101"),
        (read_storage_class, "x-oss-storage-class", "Glacier", "0013-00000101"),
    ],
)
def test_other_choices_are_refused(
    read: Callable[[Headers], object], name: str, value: str, ec: str
) -> None:
    error = refusal(lambda: read({name: value}))
    assert (error.code, error.ec) == ("InvalidArgument", ec)
    assert error.fields == {"ArgumentName": name, "ArgumentValue": value}


@pytest.mark.parametrize(
    ("headers", "flag"),
    [({}, False), ({"f": "true"}, True), ({"f": "False"}, False), ({"f": "TRUE"}, True)],
)
def test_flags(headers: Headers, flag: bool) -> None:
    assert read_flag(headers, "f") is flag


@pytest.mark.parametrize("value", ["", "yes", "1", " true"])
def test_other_flags_are_refused(value: str) -> None:
    assert refusal(lambda: read_flag({"f": value}, "f")).fields["ArgumentName"] == "f"


def test_a_write_without_headers_takes_the_defaults() -> None:
    write = read_object_write("key", {}, BUCKET)
    assert (write.key, write.acl, write.storage_class) == ("key", Acl.DEFAULT, StorageClass.IA)
    assert msgspec.json.decode(write.headers_json) == {"content-type": "application/octet-stream"}
    assert (write.tags_json, write.forbid_overwrite) == ("", False)


def test_a_write_takes_what_its_headers_say() -> None:
    headers = {
        "content-type": "text/plain",
        "x-oss-meta-a": "b",
        "x-oss-object-acl": "public-read",
        "x-oss-storage-class": "Archive",
        "x-oss-tagging": "a=1",
        "x-oss-forbid-overwrite": "true",
    }
    write = read_object_write("key", headers, BUCKET)
    assert (write.acl, write.storage_class) == (Acl.PUBLIC_READ, StorageClass.ARCHIVE)
    assert msgspec.json.decode(write.headers_json) == {
        "content-type": "text/plain",
        "x-oss-meta-a": "b",
    }
    assert (write.tags_json, write.forbid_overwrite) == ('{"a":"1"}', True)


# --- unsupported ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("if-match", "If-Match"),
        ("if-none-match", "If-None-Match"),
        ("if-modified-since", "If-Modified-Since"),
        ("if-unmodified-since", "If-Unmodified-Since"),
    ],
)
def test_what_a_write_cannot_honour_is_refused(name: str, shown: str) -> None:
    error = refusal(lambda: refuse_unsupported({"content-type": "a", name: ""}))
    assert isinstance(error, NotImplemented)
    assert error.fields == {"Header": shown}


def test_other_headers_of_a_write_are_let_through() -> None:
    refuse_unsupported({"x-oss-copy-source-if-match": "*", "x-oss-traffic-limit": "819200"})


# --- what reads show --------------------------------------------------------------------------


def test_the_headers_of_an_object() -> None:
    assert object_headers(BUCKET, VERSION) == {
        "ETag": f'"{VERSION.etag}"',
        "Last-Modified": "Tue, 02 Jan 2024 03:04:05 GMT",
        "x-oss-hash-crc64ecma": "18446744073709551615",
        "Content-Type": "text/plain",
        "Accept-Ranges": "bytes",
        "x-oss-object-type": "Normal",
        "x-oss-storage-class": "IA",
        "Content-MD5": base64.b64encode(MD5.digest()).decode(),
    }


def test_the_headers_of_a_version_with_everything() -> None:
    stored = {
        "content-type": "text/plain",
        "cache-control": "no-cache",
        "content-disposition": "inline",
        "content-encoding": "gzip",
        "content-language": "en",
        "expires": "0",
        "x-oss-meta-a": "b",
    }
    version = msgspec.structs.replace(
        VERSION, headers_json=encode_strings(stored), tags_json='{"a":"1","b":"2"}'
    )
    bucket = msgspec.structs.replace(BUCKET, versioning=Versioning.SUSPENDED)
    shown = object_headers(bucket, version)
    assert shown.items() >= object_headers(BUCKET, VERSION).items()
    assert shown.keys() - object_headers(BUCKET, VERSION).keys() == {
        "Cache-Control",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Expires",
        "x-oss-meta-a",
        "x-oss-tagging-count",
        "x-oss-version-id",
    }
    assert (shown["x-oss-tagging-count"], shown["x-oss-version-id"]) == ("2", "null")


@pytest.mark.parametrize("kind", [VersionKind.MULTIPART, VersionKind.APPENDABLE])
def test_only_normal_objects_have_a_content_md5(kind: VersionKind) -> None:
    shown = object_headers(BUCKET, msgspec.structs.replace(VERSION, kind=kind, etag="AB-2"))
    assert "Content-MD5" not in shown
    assert shown["x-oss-object-type"] == kind.value


@pytest.mark.parametrize("versioning", Versioning)
def test_the_few_headers_of_get_object_meta(versioning: Versioning) -> None:
    shown = meta_headers(msgspec.structs.replace(BUCKET, versioning=versioning), VERSION)
    expected = {"ETag", "Last-Modified", "x-oss-hash-crc64ecma"}
    kept = versioning is not Versioning.NEVER
    assert shown.keys() == expected | ({"x-oss-version-id"} if kept else set())


# --- overrides --------------------------------------------------------------------------------


OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
}


@pytest.mark.parametrize(("name", "shown"), OVERRIDES.items())
def test_a_signed_read_may_override_headers(name: str, shown: str) -> None:
    assert override_headers({name: "vålue\t", "x": "y"}, anonymous=False) == {shown: "vålue\t"}


@pytest.mark.parametrize("name", OVERRIDES)
def test_an_anonymous_read_may_not(name: str) -> None:
    with pytest.raises(InvalidRequest):
        override_headers({name: "value"}, anonymous=True)


def test_an_anonymous_read_without_overrides_may() -> None:
    assert override_headers({"versionId": "null"}, anonymous=True) == {}


@pytest.mark.parametrize("value", ["a\r\nb", "\0", "\x01", "\x7f", "\ud800"])
def test_an_override_cannot_break_the_answer(value: str) -> None:
    error = refusal(lambda: override_headers({"response-expires": value}, anonymous=False))
    assert error.fields == {"ArgumentName": "response-expires", "ArgumentValue": ""}
