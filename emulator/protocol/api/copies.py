"""CopyObject: another version of the same content, without moving a byte."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from emulator.domain import errors, objects
from emulator.domain.model import Acl, Bucket, ObjectVersion, Versioning, VersionKind
from emulator.domain.objects import ObjectWrite
from emulator.domain.ports import MetaView
from emulator.protocol.addressing import decode_key
from emulator.protocol.api.objects import moment_of, version_header
from emulator.protocol.api.restore import require_readable
from emulator.protocol.authorisation import authorise_copied_tags, authorise_source
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.conditions import Prefix, check_conditions
from emulator.protocol.context import RequestTx, RequestView
from emulator.protocol.dates import iso_date
from emulator.protocol.encrypted_copies import (
    ContentCopy,
    copy_with_keys,
    encryption_of_copy,
)
from emulator.protocol.object_headers import (
    CONTENT_HEADERS,
    META_PREFIX,
    encryption_headers,
    quoted,
    read_encryption,
    read_flag,
    read_metadata,
    read_object_acl,
    read_storage_class,
    read_tagging,
    refuse_unsupported,
)
from emulator.protocol.object_headers.states import read_retention
from emulator.protocol.xml import XmlWriter


class CopySource(msgspec.Struct, frozen=True):
    """What ``x-oss-copy-source`` names."""

    bucket: str
    key: str
    version_id: str | None


class _Copied(msgspec.Struct, frozen=True):
    source_bucket: Bucket
    source: ObjectVersion
    version: ObjectVersion


async def copy_object(call: Call) -> Answer:
    """OSS CopyObject: within a bucket and across buckets of one region; documented."""
    refuse_unsupported(call.headers)
    named = read_copy_source(call.headers["x-oss-copy-source"])
    bucket, moment = call.bucket, moment_of(call)

    def work(tx: RequestTx, anew: ContentCopy | None) -> _Copied | None:
        # looked up here and not before: meanwhile somebody may have overwritten the source
        source_bucket, source = find_copy_source(call, tx, named)
        if source.tags_json and not _replaces(call.headers, "x-oss-tagging-directive"):
            authorise_copied_tags(call, tx, source_bucket, source, named.version_id)
        rule = tx.bucket_setting(bucket, "encryption")
        write = _copy_write(call, source_bucket, source, rule)
        staged = None
        if write.encryption_json or source.encryption_json:
            wanted = encryption_of_copy(call, tx, source, write.encryption_json, anew)
            if wanted is None:
                return None
            write = msgspec.structs.replace(write, encryption_json=wanted)
            staged = None if anew is None else anew.staged
        version = objects.copy_object(tx, bucket, write, source, moment, staged)
        return _Copied(source_bucket, source, version)

    def look(view: RequestView) -> tuple[ObjectVersion, str]:
        source_bucket, source = find_copy_source(call, view, named)
        rule = view.bucket_setting(bucket, "encryption")
        return source, _copy_write(call, source_bucket, source, rule).encryption_json

    copied = await copy_with_keys(call, look, work)
    call.context.changed()
    version = copied.version
    headers = {
        "ETag": quoted(version.etag),
        "x-oss-hash-crc64ecma": str(version.crc64),
        **encryption_headers(version.encryption_json),
        **version_header(bucket, version.version_id),
    }
    if copied.source_bucket.versioning is not Versioning.NEVER:
        headers["x-oss-copy-source-version-id"] = copied.source.version_id
    document = XmlWriter("CopyObjectResult")
    document.element("ETag", quoted(version.etag))
    document.element("LastModified", iso_date(version.modified_ms))
    return xml_answer(document.to_bytes(), headers)


def read_copy_source(header: str) -> CopySource:
    """``/bucket/key[?versionId=id]``, the key percent-encoded once."""
    path, _, query = header.partition("?")
    if not path.startswith("/") and not path.startswith("%2F"):
        raise errors.InvalidArgument(
            "Copy Source must start with slash.",
            name="x-oss-copy-source",
            value=header,
            ec="0042-00000301",
        )
    path = path.removeprefix("/").removeprefix("%2F")
    separator = "/" if "/" in path else "%2F"
    bucket, found, raw_key = path.partition(separator)
    if not bucket or not found or not raw_key:
        raise errors.InvalidArgument(
            "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey.",
            name="x-oss-copy-source",
            value=header,
        )
    version_id: str | None = None
    name, _, value = query.partition("=")
    if name == "versionId":
        version_id = unquote(value)
        objects.check_version_id(version_id)
    return CopySource(bucket, decode_key(raw_key), version_id)


def find_copy_source(call: Call, view: MetaView, named: CopySource) -> tuple[Bucket, ObjectVersion]:
    """The version to copy, if the caller may read it and the conditions hold."""
    bucket = view.bucket(named.bucket)
    if bucket is None:
        raise errors.NoSuchBucket(named.bucket, ec="0015-00000101")
    authorise_source(call, view, bucket, named.key, named.version_id)
    if bucket.region != call.bucket.region:
        raise errors.AccessDenied(
            "Target object does not reside in the same data center as source object."
        )
    try:
        source = objects.find_readable(view, bucket, named.key, named.version_id)
    except errors.MethodNotAllowed as error:
        raise errors.InvalidArgument(
            "The source version is a delete marker.",
            name="x-oss-copy-source",
            value=named.version_id or "",
            ec="0016-00000307",
        ) from error
    require_readable(view, bucket, source, call.now_ms)
    check_conditions(call.headers, source.etag, source.modified_ms, Prefix.COPY_SOURCE)
    return bucket, source


def _copy_write(
    call: Call, source_bucket: Bucket, source: ObjectVersion, encryption_rule: str
) -> ObjectWrite:
    """What the copy looks like, by the metadata and tagging directives.

    The source's encryption is not copied (documented), except that an appendable object copied
    onto itself keeps it (documented).
    """
    headers, bucket = call.headers, call.bucket
    onto_itself = source_bucket.id == bucket.id and source.key == call.key
    in_place = onto_itself and bucket.versioning is Versioning.NEVER
    replace = _replaces(headers, "x-oss-metadata-directive")
    if replace or (in_place and _has_metadata(headers)):
        headers_json = msgspec.json.encode(read_metadata(headers)).decode()
    else:
        headers_json = source.headers_json
    replace_tags = _replaces(headers, "x-oss-tagging-directive")
    encryption_json = read_encryption(headers, bucket, encryption_rule)
    if in_place and source.kind is VersionKind.APPENDABLE:
        encryption_json = source.encryption_json
    if source.kind is VersionKind.SYMLINK:
        encryption_json = ""  # a link has no content
    return ObjectWrite(
        key=call.key,
        acl=read_object_acl(headers) or Acl.DEFAULT,
        storage_class=read_storage_class(headers) or bucket.storage_class,
        headers_json=headers_json,
        tags_json=read_tagging(headers.get("x-oss-tagging")) if replace_tags else source.tags_json,
        encryption_json=encryption_json,
        retention_json=read_retention(headers),
        forbid_overwrite=read_flag(headers, "x-oss-forbid-overwrite"),
    )


def _has_metadata(headers: Mapping[str, str]) -> bool:
    return any(name in CONTENT_HEADERS or name.startswith(META_PREFIX) for name in headers)


def _replaces(headers: Mapping[str, str], name: str) -> bool:
    """Whether a directive says REPLACE; without one it is COPY."""
    text = headers.get(name, "COPY")
    if text.upper() not in ("COPY", "REPLACE"):
        raise errors.InvalidArgument(
            "The directive must be COPY or REPLACE.", name=name, value=text
        )
    return text.upper() == "REPLACE"


HANDLERS: Mapping[str, Handler] = {
    "CopyObject": copy_object,
}
