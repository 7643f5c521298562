"""Listings: ListObjects, ListObjectsV2, ListObjectVersions; documented."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping

from emulator.domain import errors
from emulator.domain.listing import (
    ListQuery,
    VersionEntry,
    VersionsQuery,
    list_objects,
    list_versions,
)
from emulator.domain.model import NULL_VERSION_ID, ObjectVersion
from emulator.domain.objects import check_version_id
from emulator.domain.ports import MetaView
from emulator.domain.versions import seq_of_version_id
from emulator.protocol.api.objects import read_encoding
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import iso_date
from emulator.protocol.object_headers import quoted
from emulator.protocol.object_headers.states import restore_header
from emulator.protocol.parameters import read_count, read_key_text
from emulator.protocol.xml import Row, XmlWriter, url_encoded
from emulator.protocol.xml.writer import Shape

_KEYS_DEFAULT, _KEYS_MAX = 100, 1000
_OWNER = ("Owner", ("ID", "DisplayName"))
_OBJECT_FIELDS = ("Key", "LastModified", "ETag", "Type", "Size", "StorageClass")
_OWNED_FIELDS = (*_OBJECT_FIELDS, _OWNER)
_VERSION_FIELDS = ("Key", "VersionId", "IsLatest", *_OBJECT_FIELDS[1:], _OWNER)
_GROUP = Row("CommonPrefixes", ("Prefix",))
_MARKER = Row("DeleteMarker", ("Key", "VersionId", "IsLatest", "LastModified", _OWNER))

_Encoder = Callable[[str], str]
_LASTING = (("RestoreInfo",), ("TransitionTime",), ("RestoreInfo", "TransitionTime"))


def _rows(tag: str, fields: Shape) -> Mapping[Shape, Row]:
    """The rows of one kind by what stands at their end."""
    return {last: Row(tag, (*fields, *last)) for last in ((), *_LASTING)}


_PLAIN = _rows("Contents", _OBJECT_FIELDS)
_OWNED = _rows("Contents", _OWNED_FIELDS)
_VERSIONED = _rows("Version", _VERSION_FIELDS)


def _plain(text: str) -> str:
    return text


def _encoder(call: Call) -> tuple[str, _Encoder]:
    encoding = read_encoding(call)
    return encoding, url_encoded if encoding else _plain


async def get_bucket(call: Call) -> Answer:
    """OSS ListObjects (GetBucket); documented."""
    encoding, shown = _encoder(call)
    query = ListQuery(
        prefix=read_key_text(call.query, "prefix"),
        delimiter=read_key_text(call.query, "delimiter"),
        after=read_key_text(call.query, "marker"),
        max_keys=read_count(call.query, "max-keys", default=_KEYS_DEFAULT, most=_KEYS_MAX),
    )
    with call.context.store.read() as view:
        page = list_objects(view, call.bucket.id, query)
    document = XmlWriter("ListBucketResult")
    document.element("Name", call.bucket.name)
    document.element("Prefix", shown(query.prefix))
    document.element("Marker", shown(query.after))
    document.number("MaxKeys", query.max_keys)
    document.element("Delimiter", shown(query.delimiter))
    document.optional("EncodingType", encoding)
    document.flag("IsTruncated", bool(page.next_after))
    document.optional("NextMarker", shown(page.next_after))
    for version in page.objects:
        uid = version.owner_uid
        values = (*_object_values(version, shown), uid, uid)
        _write_row(document, _OWNED, version, values, call.now_ms)
    for group in page.common_prefixes:
        document.row(_GROUP, shown(group))
    return xml_answer(document.to_bytes())


def _write_row(
    document: XmlWriter,
    rows: Mapping[Shape, Row],
    version: ObjectVersion,
    values: tuple[str, ...],
    now_ms: int,
) -> None:
    """One object or version, with what befell it (OSS ListObjects, RestoreInfo and
    TransitionTime; documented)."""
    if not version.state_json:
        document.row(rows[()], *values)
        return
    lasting: dict[str, str] = {}
    restored = restore_header(version, now_ms)
    if restored is not None:
        lasting["RestoreInfo"] = restored
    if version.state.transition_ms:
        lasting["TransitionTime"] = iso_date(version.state.transition_ms)
    document.row(rows[tuple(lasting)], *values, *lasting.values())


def _object_values(version: ObjectVersion, shown: _Encoder) -> tuple[str, ...]:
    return (
        shown(version.key),
        iso_date(version.modified_ms),
        quoted(version.etag),
        version.kind.value,
        str(version.size_bytes),
        version.storage_class.value,
    )


async def list_objects_v2(call: Call) -> Answer:
    """OSS ListObjectsV2: the token is opaque and overrides ``start-after``; documented."""
    encoding, shown = _encoder(call)
    token, start_after = (
        call.query.get("continuation-token", ""),
        read_key_text(call.query, "start-after"),
    )
    query = ListQuery(
        prefix=read_key_text(call.query, "prefix"),
        delimiter=read_key_text(call.query, "delimiter"),
        after=_read_token(token) if token else start_after,
        max_keys=read_count(call.query, "max-keys", default=_KEYS_DEFAULT, most=_KEYS_MAX),
    )
    with call.context.store.read() as view:
        page = list_objects(view, call.bucket.id, query)
    document = XmlWriter("ListBucketResult")
    document.element("Name", call.bucket.name)
    document.element("Prefix", shown(query.prefix))
    if start_after:
        document.element("StartAfter", shown(start_after))
    if token:
        document.element("ContinuationToken", shown(token))
    document.number("MaxKeys", query.max_keys)
    document.element("Delimiter", shown(query.delimiter))
    document.optional("EncodingType", encoding)
    document.flag("IsTruncated", bool(page.next_after))
    if page.next_after:
        document.element("NextContinuationToken", shown(_token(page.next_after)))
    document.number("KeyCount", len(page.objects) + len(page.common_prefixes))
    owned = call.query.get("fetch-owner") == "true"
    for version in page.objects:
        values = _object_values(version, shown)
        if owned:
            values += (version.owner_uid, version.owner_uid)
        _write_row(document, _OWNED if owned else _PLAIN, version, values, call.now_ms)
    for group in page.common_prefixes:
        document.row(_GROUP, shown(group))
    return xml_answer(document.to_bytes())


def _token(after: str) -> str:
    return base64.urlsafe_b64encode(after.encode()).decode()


def _read_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error) as error:
        raise errors.InvalidArgument(
            "The continuation token provided is incorrect", name="continuation-token", value=token
        ) from error


async def list_object_versions(call: Call) -> Answer:
    """OSS ListObjectVersions (GetBucketVersions); documented."""
    encoding, shown = _encoder(call)
    key_marker, version_marker = (
        read_key_text(call.query, "key-marker"),
        call.query.get("version-id-marker"),
    )
    with call.context.store.read() as view:
        query = VersionsQuery(
            prefix=read_key_text(call.query, "prefix"),
            delimiter=read_key_text(call.query, "delimiter"),
            after_key=key_marker,
            after_seq=_marker_seq(view, call.bucket.id, key_marker, version_marker),
            max_keys=read_count(call.query, "max-keys", default=_KEYS_DEFAULT, most=_KEYS_MAX),
        )
        page = list_versions(view, call.bucket.id, query)
    document = XmlWriter("ListVersionsResult")
    document.element("Name", call.bucket.name)
    document.element("Prefix", shown(query.prefix))
    document.element("KeyMarker", shown(key_marker))
    document.element("VersionIdMarker", version_marker or "")
    document.number("MaxKeys", query.max_keys)
    document.element("Delimiter", shown(query.delimiter))
    document.optional("EncodingType", encoding)
    document.flag("IsTruncated", page.is_truncated)
    if page.is_truncated:
        document.element("NextKeyMarker", shown(page.next_key))
        # oss2 cannot read a page without it, nor may it be sent back empty, so that a common
        # prefix gets the id that is always valid (inferred).
        document.element("NextVersionIdMarker", page.next_version_id or NULL_VERSION_ID)
    for entry in page.entries:
        _write_entry(document, entry, shown, call.now_ms)
    for group in page.common_prefixes:
        document.row(_GROUP, shown(group))
    return xml_answer(document.to_bytes())


def _write_entry(document: XmlWriter, entry: VersionEntry, shown: _Encoder, now_ms: int) -> None:
    version = entry.version
    latest, uid = "true" if entry.is_latest else "false", version.owner_uid
    key, modified = shown(version.key), iso_date(version.modified_ms)
    if version.is_delete_marker:
        document.row(_MARKER, key, version.version_id, latest, modified, uid, uid)
        return
    values = (key, version.version_id, latest, *_object_values(version, shown)[1:], uid, uid)
    _write_row(document, _VERSIONED, version, values, now_ms)


def _marker_seq(
    view: MetaView, bucket_id: int, key_marker: str, version_marker: str | None
) -> int | None:
    """The place in the stack a version id marker stands for; a marker for what is gone meanwhile
    stands where it was, as far as its id tells."""
    if version_marker is None or not (version_marker or key_marker):
        return None  # both empty: what oss2 sends for the first page
    if not key_marker:
        raise errors.InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            name="version-id-marker",
            value=version_marker,
        )
    if not version_marker:
        raise errors.InvalidArgument(
            "A version-id marker cannot be empty.", name="version-id-marker", value=""
        )
    check_version_id(version_marker)
    found = view.version(bucket_id, key_marker, version_marker)
    return found.seq if found is not None else seq_of_version_id(version_marker)


HANDLERS: Mapping[str, Handler] = {
    "ListObjects": get_bucket,
    "ListObjectsV2": list_objects_v2,
    "ListObjectVersions": list_object_versions,
}
