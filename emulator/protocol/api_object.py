"""Operations that write, delete and copy objects, and their ACL and tags."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from emulator.domain import errors, objects
from emulator.domain.model import (
    NULL_VERSION_ID,
    Acl,
    Bucket,
    ObjectVersion,
    Versioning,
)
from emulator.domain.objects import Deletion, Moment, ObjectWrite
from emulator.domain.ports import MetaTx, MetaView
from emulator.protocol.addressing import decode_key, validate_object_key
from emulator.protocol.api_bucket import acl_answer, read_document
from emulator.protocol.authorisation import authorise_key, authorise_source
from emulator.protocol.body import ExpectedDigest, check_digest, receive_content
from emulator.protocol.call import Answer, Call, xml_answer
from emulator.protocol.conditions import Prefix, check_conditions
from emulator.protocol.dates import iso_date
from emulator.protocol.object_headers import (
    META_PREFIX,
    quoted,
    read_flag,
    read_metadata,
    read_object_acl,
    read_object_write,
    read_storage_class,
    read_tagging,
    refuse_unsupported,
    tags_json,
)
from emulator.protocol.xml import XmlWriter, read_xml, url_encoded

_DELETES_MAX = 1000
_MALFORMED_DELETE = "0016-00000608"


def _version_header(bucket: Bucket, version_id: str) -> dict[str, str]:
    return {} if bucket.versioning is Versioning.NEVER else {"x-oss-version-id": version_id}


def moment_of(call: Call) -> Moment:
    """The instant of a request."""
    return Moment(call.now_ms, call.context.rng)


async def put_object(call: Call) -> Answer:
    """OSS PutObject; documented."""
    context, bucket, headers = call.context, call.bucket, call.headers
    refuse_unsupported(headers)
    write = read_object_write(call.key, headers, bucket)
    expected = ExpectedDigest(headers.get("content-md5"), headers.get("x-oss-hash-crc64ecma"))
    content = await receive_content(call.body, context.blobs, context.oss, expected)
    moment = moment_of(call)
    try:
        version = await context.store.write(
            lambda tx: objects.put_object(tx, bucket, write, content, moment)
        )
    except BaseException:
        if content.staged is not None and content.staged.file:
            await context.blobs.discard(content.staged)
        raise
    context.changed()
    return Answer(
        headers={
            "ETag": quoted(version.etag),
            "Content-MD5": content.md5_base64,
            "x-oss-hash-crc64ecma": str(version.crc64),
            **_version_header(bucket, version.version_id),
        }
    )


async def delete_object(call: Call) -> Answer:
    """OSS DeleteObject, with and without version id; documented."""
    bucket, key, version_id = call.bucket, call.key, call.version_id
    moment = moment_of(call)
    done = await call.context.store.write(lambda tx: _delete(tx, bucket, key, version_id, moment))
    call.context.changed()
    headers: dict[str, str] = {}
    if done.version_id is not None:
        headers["x-oss-version-id"] = done.version_id
    if done.is_delete_marker:
        headers["x-oss-delete-marker"] = "true"
    return Answer(status=204, headers=headers)


def _delete(
    tx: MetaTx, bucket: Bucket, key: str, version_id: str | None, moment: Moment
) -> Deletion:
    if version_id is None:
        return objects.delete_object(tx, bucket, key, moment)
    return objects.delete_version(tx, bucket, key, version_id, moment)


class _Item(msgspec.Struct, frozen=True):
    key: str
    version_id: str | None


async def delete_multiple_objects(call: Call) -> Answer:
    """OSS DeleteMultipleObjects: all in one transaction; documented."""
    data = await call.body.read_document(call.context.wire.xml_bytes_max)
    check_digest(data, call.headers.get("content-md5"))
    quiet, items = _read_deletes(data)
    bucket, moment = call.bucket, moment_of(call)
    with call.context.store.read() as view:
        for item in items:
            authorise_key(call, view, item.key, item.version_id)
    done = await call.context.store.write(
        lambda tx: [_delete(tx, bucket, item.key, item.version_id, moment) for item in items]
    )
    call.context.changed()
    document = XmlWriter("DeleteResult")
    encoding = read_encoding(call)
    if encoding:
        document.element("EncodingType", encoding)
    for item, deletion in zip(items, done, strict=True):
        if not quiet:
            _write_deleted(document, item, deletion, url=bool(encoding))
    return xml_answer(document.to_bytes())


def _read_deletes(data: bytes) -> tuple[bool, list[_Item]]:
    root = read_xml(data, control_characters=True)
    listed = root.children_of("Object")
    if root.tag != "Delete" or not 1 <= len(listed) <= _DELETES_MAX:
        raise errors.MalformedXML(ec=_MALFORMED_DELETE)
    items: list[_Item] = []
    for each in listed:
        key, version = each.text_of("Key"), each.child("VersionId")
        if not key:
            raise errors.UserKeyMustBeSpecified
        validate_object_key(key)
        if version is not None:
            if not version.text:
                raise errors.InvalidArgument(
                    "Version id can not be the empty string.",
                    name="VersionId",
                    value="",
                    ec="0016-00000612",
                )
            objects.check_version_id(version.text)
        items.append(_Item(key, None if version is None else version.text))
    return root.text_of("Quiet").strip().lower() == "true", items


def _write_deleted(document: XmlWriter, item: _Item, deletion: Deletion, *, url: bool) -> None:
    document.open("Deleted")
    document.element("Key", url_encoded(item.key) if url else item.key)
    if item.version_id is not None:
        document.element("VersionId", item.version_id)
    if deletion.is_delete_marker:
        document.flag("DeleteMarker", value=True)
        document.element("DeleteMarkerVersionId", deletion.version_id or NULL_VERSION_ID)
    document.close()


def read_encoding(call: Call) -> str:
    """The ``encoding-type`` parameter: ``""`` or ``url``. Raises InvalidArgument."""
    encoding = call.query.get("encoding-type", "")
    if encoding not in ("", "url"):
        raise errors.InvalidArgument(
            "Invalid Encoding Method specified in Request.", name="encoding-type", value=encoding
        )
    return encoding


class _Source(msgspec.Struct, frozen=True):
    bucket: str
    key: str
    version_id: str | None


async def copy_object(call: Call) -> Answer:
    """OSS CopyObject: within a bucket and across buckets of one region; documented."""
    refuse_unsupported(call.headers)
    named = _read_copy_source(call.headers["x-oss-copy-source"])
    with call.context.store.read() as view:
        source_bucket, source = _find_source(call, view, named)
        write = _copy_write(call, source_bucket, source)
    bucket, moment = call.bucket, moment_of(call)
    version = await call.context.store.write(
        lambda tx: objects.copy_object(tx, bucket, write, source, moment)
    )
    call.context.changed()
    headers = {
        "ETag": quoted(version.etag),
        "x-oss-hash-crc64ecma": str(version.crc64),
        **_version_header(bucket, version.version_id),
    }
    if source_bucket.versioning is not Versioning.NEVER:
        headers["x-oss-copy-source-version-id"] = source.version_id
    document = XmlWriter("CopyObjectResult")
    document.element("ETag", quoted(version.etag))
    document.element("LastModified", iso_date(version.modified_ms))
    return xml_answer(document.to_bytes(), headers)


def _read_copy_source(header: str) -> _Source:
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
    return _Source(bucket, decode_key(raw_key), version_id)


def _find_source(call: Call, view: MetaView, named: _Source) -> tuple[Bucket, ObjectVersion]:
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
    if source.storage_class.needs_restore:
        raise errors.InvalidObjectState
    check_conditions(call.headers, source.etag, source.modified_ms, Prefix.COPY_SOURCE)
    return bucket, source


def _copy_write(call: Call, source_bucket: Bucket, source: ObjectVersion) -> ObjectWrite:
    """What the copy looks like, by the metadata and tagging directives."""
    headers, bucket = call.headers, call.bucket
    onto_itself = source_bucket.id == bucket.id and source.key == call.key
    in_place = onto_itself and bucket.versioning is Versioning.NEVER
    replace = _directive(headers.get("x-oss-metadata-directive", "COPY")) == "REPLACE"
    if replace or (in_place and _has_metadata(headers)):
        headers_json = msgspec.json.encode(read_metadata(headers)).decode()
    else:
        headers_json = source.headers_json
    replace_tags = _directive(headers.get("x-oss-tagging-directive", "COPY")) == "REPLACE"
    return ObjectWrite(
        key=call.key,
        acl=read_object_acl(headers) or Acl.DEFAULT,
        storage_class=read_storage_class(headers) or bucket.storage_class,
        headers_json=headers_json,
        tags_json=read_tagging(headers.get("x-oss-tagging")) if replace_tags else source.tags_json,
        forbid_overwrite=read_flag(headers, "x-oss-forbid-overwrite"),
    )


def _has_metadata(headers: Mapping[str, str]) -> bool:
    return "content-type" in headers or any(name.startswith(META_PREFIX) for name in headers)


def _directive(text: str) -> str:
    value = text.upper()
    if value not in ("COPY", "REPLACE"):
        raise errors.InvalidArgument(
            "The directive must be COPY or REPLACE.", name="x-oss-metadata-directive", value=text
        )
    return value


def find_version(call: Call, view: MetaView) -> ObjectVersion:
    """The version an object operation is about, with the method of the request in refusals."""
    return objects.find_readable(view, call.bucket, call.key, call.version_id)


async def put_object_acl(call: Call) -> Answer:
    """OSS PutObjectACL; documented."""
    acl = read_object_acl(call.headers)
    if acl is None:
        raise errors.InvalidArgument(
            "no such object access control exists",
            name="x-oss-object-acl",
            value="",
            ec="0017-00000105",
        )
    return await _update(call, acl=acl)


async def get_object_acl(call: Call) -> Answer:
    """OSS GetObjectACL; documented."""
    bucket = call.bucket
    with call.context.store.read() as view:
        version = find_version(call, view)
    shown = _version_header(bucket, version.version_id)
    return acl_answer(bucket, version.owner_uid, version.acl.value, shown)


async def put_object_tagging(call: Call) -> Answer:
    """OSS PutObjectTagging; documented."""
    body = await read_document(call, "Tagging")
    tag_set = body.child("TagSet") if body is not None else None
    if tag_set is None:
        raise errors.MalformedXML("TagSet is missing")
    pairs = [(tag.text_of("Key"), tag.text_of("Value")) for tag in tag_set.children_of("Tag")]
    return await _update(call, new_tags_json=tags_json(pairs))


async def get_object_tagging(call: Call) -> Answer:
    """OSS GetObjectTagging: an empty set when there are none; documented."""
    bucket = call.bucket
    with call.context.store.read() as view:
        version = find_version(call, view)
    document = XmlWriter("Tagging")
    document.open("TagSet")
    for key, value in version.tags.items():
        document.open("Tag")
        document.element("Key", key)
        document.element("Value", value)
        document.close()
    return xml_answer(document.to_bytes(), _version_header(bucket, version.version_id))


async def delete_object_tagging(call: Call) -> Answer:
    """OSS DeleteObjectTagging; documented."""
    answer = await _update(call, new_tags_json="")
    return Answer(status=204, headers=answer.headers)


async def _update(
    call: Call, *, acl: Acl | None = None, new_tags_json: str | None = None
) -> Answer:
    bucket, moment = call.bucket, moment_of(call)

    def work(tx: MetaTx) -> ObjectVersion:
        version = find_version(call, tx)
        return objects.update_attributes(
            tx, bucket, version, moment, acl=acl, tags_json=new_tags_json
        )

    version = await call.context.store.write(work)
    call.context.changed()
    return Answer(headers=_version_header(bucket, version.version_id))
