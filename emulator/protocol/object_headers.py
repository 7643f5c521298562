"""The headers that describe an object: read from a write, shown by a read."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import unquote_plus, unquote_to_bytes

from emulator.domain import errors
from emulator.domain.model import (
    Acl,
    Bucket,
    ObjectVersion,
    StorageClass,
    Versioning,
    VersionKind,
    encode_strings,
)
from emulator.domain.objects import ObjectWrite
from emulator.protocol.dates import http_date

META_PREFIX = "x-oss-meta-"
_META_BYTES_MAX = 8 * 1024
_META_NAME = re.compile(r"x-oss-meta-[a-z0-9-]+")
_CONTENT_HEADERS = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
)
_DEFAULT_TYPE = "application/octet-stream"
_CONDITIONS_NOT_FOR_WRITES = (
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
)
_NOT_BUILT = (
    "x-oss-callback",
    "x-oss-object-worm-mode",
    "x-oss-object-worm-legal-hold",
    "x-oss-object-worm-retain-until-date",
    "x-oss-server-side-encryption",
    "x-oss-server-side-encryption-key-id",
    "x-oss-server-side-data-encryption",
)
_TAGS_MAX, _TAG_KEY_BYTES_MAX, _TAG_VALUE_BYTES_MAX = 10, 128, 256
_TAG_TEXT = re.compile(r"[\w +\-=.:/]*", re.UNICODE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What no header may carry; the surrogates stand for bytes that are not UTF-8.
_NOT_IN_HEADERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_SHOWN_NAMES = {
    "content-type": "Content-Type",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
}
_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
}

Choice = TypeVar("Choice", Acl, StorageClass)


def refuse_unsupported(headers: Mapping[str, str]) -> None:
    """Refuse what a write cannot honour rather than store an object that is not what was asked.

    Writes know no conditional headers (OSS PutObject, NotImplemented; documented); callbacks,
    object retention and encryption are not built yet.
    """
    for name in _CONDITIONS_NOT_FOR_WRITES:
        if name in headers:
            raise errors.NotImplemented(header=name.title())
    for name in _NOT_BUILT:
        if name in headers:
            raise errors.NotImplemented(header=name)


def read_object_write(key: str, headers: Mapping[str, str], bucket: Bucket) -> ObjectWrite:
    """What the headers of a PutObject say about the object. Raises InvalidArgument and others."""
    return ObjectWrite(
        key=key,
        acl=read_object_acl(headers) or Acl.DEFAULT,
        storage_class=read_storage_class(headers) or bucket.storage_class,
        headers_json=encode_strings(read_metadata(headers)),
        tags_json=read_tagging(headers.get("x-oss-tagging")),
        forbid_overwrite=read_flag(headers, "x-oss-forbid-overwrite"),
    )


def read_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Content headers and user metadata to keep with an object. Raises InvalidArgument."""
    kept = {name: headers[name] for name in _CONTENT_HEADERS if name in headers}
    kept.setdefault("content-type", _DEFAULT_TYPE)
    for name, value in headers.items():
        if name.startswith(META_PREFIX):
            if not _META_NAME.fullmatch(name):
                raise errors.InvalidArgument(
                    "The metadata name has invalid characters.",
                    name=name,
                    value=value,
                    ec="0011-00000004",
                )
            kept[name] = value
    size = 0
    for name, value in kept.items():
        if _NOT_IN_HEADERS.search(value):
            raise errors.InvalidArgument(
                "The metadata value has invalid characters.",
                name=name,
                value="",
                ec="0011-00000005",
            )
        if name.startswith(META_PREFIX):
            size += len(name) - len(META_PREFIX) + len(value.encode())
    if size > _META_BYTES_MAX:
        raise errors.InvalidArgument(
            "The size of metadata is beyond the limit.",
            name="x-oss-meta",
            value=str(size),
            ec="0011-00000002",
        )
    return kept


def read_flag(headers: Mapping[str, str], name: str) -> bool:
    """A header that is ``true`` or ``false``."""
    value = headers.get(name, "false").lower()
    if value not in ("true", "false"):
        raise errors.InvalidArgument(f"The {name} is invalid.", name=name, value=value)
    return value == "true"


def read_object_acl(headers: Mapping[str, str]) -> Acl | None:
    """The ``x-oss-object-acl`` header."""
    message = "no such object access control exists"
    return _read_choice(headers, "x-oss-object-acl", Acl, message, empty_ec="0017-00000105")


def read_bucket_acl(headers: Mapping[str, str]) -> Acl | None:
    """The ``x-oss-acl`` header; ``default`` is none of its values."""
    acl = _read_choice(headers, "x-oss-acl", Acl, "no such bucket access control exists")
    if acl is Acl.DEFAULT:
        raise errors.InvalidArgument(
            "no such bucket access control exists", name="x-oss-acl", value=acl.value
        )
    return acl


def read_storage_class(headers: Mapping[str, str]) -> StorageClass | None:
    """The ``x-oss-storage-class`` header."""
    return _read_choice(
        headers,
        "x-oss-storage-class",
        StorageClass,
        "The x-oss-storage-class is invalid.",
        ec="0013-00000101",
        empty_ec="0017-00000131",
    )


def _read_choice(
    headers: Mapping[str, str],
    name: str,
    kind: type[Choice],
    message: str,
    *,
    ec: str = "",
    empty_ec: str = "",
) -> Choice | None:
    value = headers.get(name)
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError as error:
        number = ec if value else empty_ec
        raise errors.InvalidArgument(message, name=name, value=value, ec=number) from error


def read_tagging(header: str | None) -> str:
    """Object tags from ``x-oss-tagging``, a URL-encoded query string, as ``tags_json``.

    Raises InvalidArgument for what is no such string or names a key twice, InvalidTag for tags
    beyond the limits.
    """
    if not header:
        return ""
    pairs = read_tagging_pairs(header)
    keys = {key for key, _ in pairs}
    if len(keys) < len(pairs) or "" in keys or not _is_encoded_utf8(header):
        raise errors.InvalidArgument(
            "The header 'x-oss-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
            "parameters without tag name duplicates.",
            name="x-oss-tagging",
            value=header,
            ec="0010-00000219",
        )
    return tags_json(pairs)


def _is_encoded_utf8(text: str) -> bool:
    if _BAD_ESCAPE.search(text):
        return False
    try:
        unquote_to_bytes(text).decode()
    except UnicodeError:
        return False
    return True


def read_tagging_pairs(header: str | None) -> list[tuple[str, str]]:
    """The keys and values of an ``x-oss-tagging`` header, unchecked."""
    if not header:
        return []
    parts = [part.partition("=") for part in header.split("&")]
    return [(unquote_plus(key), unquote_plus(value)) for key, _, value in parts]


def tags_json(pairs: list[tuple[str, str]]) -> str:
    """Checked tags as text; ``""`` for none (OSS PutObjectTagging; documented). InvalidTag."""
    if len(pairs) > _TAGS_MAX:
        raise errors.InvalidTag("The number of tags is beyond the limit.")
    for key, value in pairs:
        if not key or not (_TAG_TEXT.fullmatch(key) and _TAG_TEXT.fullmatch(value)):
            raise errors.InvalidTag
        if len(key.encode()) > _TAG_KEY_BYTES_MAX or len(value.encode()) > _TAG_VALUE_BYTES_MAX:
            raise errors.InvalidTag("The tag key or value is too long.")
    if len({key for key, _ in pairs}) < len(pairs):
        raise errors.InvalidTag("The tag keys must be unique.")
    return encode_strings(dict(pairs)) if pairs else ""


def quoted(etag: str) -> str:
    """An ETag as headers and documents show it."""
    return f'"{etag}"'


def meta_headers(bucket: Bucket, version: ObjectVersion) -> dict[str, str]:
    """The few headers of GetObjectMeta."""
    shown = {
        "ETag": quoted(version.etag),
        "Last-Modified": http_date(version.modified_ms),
        "x-oss-hash-crc64ecma": str(version.crc64),
    }
    if bucket.versioning is not Versioning.NEVER:
        shown["x-oss-version-id"] = version.version_id
    return shown


def object_headers(bucket: Bucket, version: ObjectVersion) -> dict[str, str]:
    """Every header that GET and HEAD show of an object, lengths and ranges left out."""
    shown = meta_headers(bucket, version)
    for name, value in version.headers.items():
        shown[_SHOWN_NAMES.get(name, name)] = value
    shown["Accept-Ranges"] = "bytes"
    shown["x-oss-object-type"] = version.kind.value
    shown["x-oss-storage-class"] = version.storage_class.value
    if version.kind is VersionKind.NORMAL:
        shown["Content-MD5"] = base64.b64encode(bytes.fromhex(version.etag)).decode()
    if version.tags_json:
        shown["x-oss-tagging-count"] = str(len(version.tags))
    return shown


def override_headers(query: Mapping[str, str], *, anonymous: bool) -> dict[str, str]:
    """The ``response-…`` parameters of a signed GET. Raises InvalidRequest on an unsigned one."""
    given = [name for name in _OVERRIDES if name in query]
    if given and anonymous:
        raise errors.InvalidRequest(
            "Request specific response headers cannot be used for anonymous GET requests."
        )
    for name in given:
        if _NOT_IN_HEADERS.search(query[name]):
            raise errors.InvalidArgument(
                "A response header may not contain control characters.", name=name, value=""
            )
    return {_OVERRIDES[name]: query[name] for name in given}
