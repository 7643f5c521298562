"""The headers that a read shows of an object, in the service's own spelling."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import quote

from emulator.domain import errors
from emulator.domain.encryption import encryption_of
from emulator.domain.model import Bucket, ObjectVersion, Versioning, VersionKind
from emulator.domain.objects import content_md5
from emulator.protocol.dates import http_date
from emulator.protocol.object_headers.writes import META_PREFIX, NOT_IN_HEADERS

_SHOWN_NAMES = {
    "content-type": "Content-Type",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
}
_OVERRIDES = {f"response-{name}": shown for name, shown in _SHOWN_NAMES.items()}


def quoted(etag: str) -> str:
    """An ETag as headers and documents show it."""
    return f'"{etag}"'


def encryption_headers(encryption_json: str) -> dict[str, str]:
    """The headers of an encrypted object, none for others (OSS PutObject, GetObject; documented).

    Also shown by Initiate, UploadPart and Complete of an upload.
    """
    encryption = encryption_of(encryption_json)
    if encryption is None:
        return {}
    shown = {"x-oss-server-side-encryption": encryption.algorithm}
    if encryption.key_id:
        shown["x-oss-server-side-encryption-key-id"] = encryption.key_id
    if encryption.data_encryption:
        shown["x-oss-server-side-data-encryption"] = encryption.data_encryption
    return shown


def meta_headers(bucket: Bucket, version: ObjectVersion) -> dict[str, str]:
    """The few headers of GetObjectMeta, of a symbolic link its own (documented)."""
    shown = {
        "ETag": quoted(version.etag),
        "Last-Modified": http_date(version.modified_ms),
        "x-oss-hash-crc64ecma": str(version.crc64),
    }
    if bucket.versioning is not Versioning.NEVER:
        shown["x-oss-version-id"] = version.version_id
    if version.state_json and version.state.transition_ms:
        shown["x-oss-transition-time"] = http_date(version.state.transition_ms)
    return shown


def object_headers(
    bucket: Bucket, version: ObjectVersion, target: ObjectVersion | None = None
) -> dict[str, str]:
    """Every header that GET and HEAD show of an object, lengths and ranges left out.

    ``target`` is what a symbolic link leads to: ETag, Content-MD5 and CRC are the target's, the
    date is the later one, everything else the link's (OSS GetObject; documented).
    """
    content = version
    shown = meta_headers(bucket, version)
    if target is not None:
        content = target
        shown["ETag"] = quoted(content.etag)
        shown["Last-Modified"] = http_date(max(version.modified_ms, content.modified_ms))
        shown["x-oss-hash-crc64ecma"] = str(content.crc64)
    for name, value in version.headers.items():
        shown[_SHOWN_NAMES.get(name, name)] = value
    shown["Accept-Ranges"] = "bytes"
    shown["x-oss-object-type"] = version.kind.value
    shown["x-oss-storage-class"] = version.storage_class.value
    md5 = content_md5(content)
    if md5 is not None:
        shown["Content-MD5"] = base64.b64encode(md5).decode()
    if version.tags_json:
        shown["x-oss-tagging-count"] = str(len(version.tags))
    if version.kind is VersionKind.APPENDABLE:
        shown["x-oss-next-append-position"] = str(version.size_bytes)
    if version.encryption_json:
        shown.update(encryption_headers(version.encryption_json))
    if version.state_json and version.state.sealed_ms:
        shown["x-oss-sealed-time"] = http_date(version.state.sealed_ms)
    return shown


def symlink_headers(bucket: Bucket, version: ObjectVersion) -> dict[str, str]:
    """The headers of GetSymlink: the link's own (documented)."""
    shown = {
        "ETag": quoted(version.etag),
        "Last-Modified": http_date(version.modified_ms),
        "x-oss-symlink-target": quote(version.symlink_target, safe=""),
    }
    if bucket.versioning is not Versioning.NEVER:
        shown["x-oss-version-id"] = version.version_id
    for name, value in version.headers.items():
        if name.startswith(META_PREFIX):
            shown[name] = value
    return shown


def override_headers(query: Mapping[str, str], *, anonymous: bool) -> dict[str, str]:
    """The ``response-…`` parameters of a signed GET. Raises InvalidRequest on an unsigned one."""
    given = [name for name in _OVERRIDES if name in query]
    if given and anonymous:
        raise errors.InvalidRequest(
            "Request specific response headers cannot be used for anonymous GET requests."
        )
    for name in given:
        if NOT_IN_HEADERS.search(query[name]):
            raise errors.InvalidArgument(
                "A response header may not contain control characters.", name=name, value=""
            )
    return {_OVERRIDES[name]: query[name] for name in given}
