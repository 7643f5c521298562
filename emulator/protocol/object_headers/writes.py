"""What the headers of a write say about the object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from emulator.domain import errors
from emulator.domain.encryption import EncryptionRequest, KeyHolder, wanted_encryption
from emulator.domain.model import Acl, Bucket, StorageClass, encode_strings
from emulator.domain.objects import ObjectWrite
from emulator.protocol.object_headers.states import read_retention
from emulator.protocol.object_headers.tagging import read_tagging

META_PREFIX = "x-oss-meta-"
CONTENT_HEADERS = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
)
# What no header may carry; the surrogates stand for bytes that are not UTF-8.
NOT_IN_HEADERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

_META_BYTES_MAX = 8 * 1024
_META_NAME = re.compile(r"x-oss-meta-[a-z0-9-]+")
_DEFAULT_TYPE = "application/octet-stream"
_CONDITIONS_NOT_FOR_WRITES = (
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
)

Choice = TypeVar("Choice", Acl, StorageClass)


def refuse_unsupported(headers: Mapping[str, str]) -> None:
    """Refuse what a write cannot honour rather than store an object that is not what was asked.

    Writes know no conditional headers (OSS PutObject, NotImplemented; documented).
    """
    for name in _CONDITIONS_NOT_FOR_WRITES:
        if name in headers:
            raise errors.NotImplemented(header=name.title())


def read_object_write(
    key: str, headers: Mapping[str, str], bucket: Bucket, encryption_rule: str = ""
) -> ObjectWrite:
    """What the headers of a PutObject say about the object. Raises InvalidArgument and others.

    ``encryption_rule`` is the bucket's "encryption" setting, ``""`` for none.
    """
    return ObjectWrite(
        key=key,
        acl=read_object_acl(headers) or Acl.DEFAULT,
        storage_class=read_storage_class(headers) or bucket.storage_class,
        headers_json=encode_strings(read_metadata(headers)),
        tags_json=read_tagging(headers.get("x-oss-tagging")),
        encryption_json=read_encryption(headers, bucket, encryption_rule),
        retention_json=read_retention(headers),
        forbid_overwrite=read_flag(headers, "x-oss-forbid-overwrite"),
    )


def read_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Content headers and user metadata to keep with an object. Raises InvalidArgument."""
    kept = {name: headers[name] for name in CONTENT_HEADERS if name in headers}
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
        if NOT_IN_HEADERS.search(value):
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


def read_encryption(headers: Mapping[str, str], bucket: Bucket, encryption_rule: str) -> str:
    """The ``encryption_json`` that the headers of a write and the bucket's setting ask for.

    Raises what ``wanted_encryption`` raises.
    """
    asked = EncryptionRequest(
        algorithm=headers.get("x-oss-server-side-encryption"),
        key_id=headers.get("x-oss-server-side-encryption-key-id"),
        data_encryption=headers.get("x-oss-server-side-data-encryption"),
    )
    return wanted_encryption(asked, encryption_rule, KeyHolder(bucket.owner_uid, bucket.region))
