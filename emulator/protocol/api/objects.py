"""Operations that write, delete and copy objects, and their ACL and tags."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from emulator.domain import errors, objects
from emulator.domain.model import (
    NULL_VERSION_ID,
    Acl,
    Bucket,
    ObjectVersion,
    Versioning,
)
from emulator.domain.objects import Cause, Content, Deletion, Moment, ObjectWrite
from emulator.domain.ports import MetaTx, MetaView
from emulator.kms.sealed_content import Sealing
from emulator.protocol.addressing import validate_object_key
from emulator.protocol.api.buckets import acl_answer, read_document
from emulator.protocol.authorisation import authorise_body, authorise_key
from emulator.protocol.body import ExpectedDigest, check_digest, receive_content
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.callbacks import read_callback, with_callback
from emulator.protocol.object_headers import (
    encryption_headers,
    quoted,
    read_object_acl,
    read_object_write,
    refuse_unsupported,
    tags_json,
)
from emulator.protocol.object_headers.states import bypasses_governance
from emulator.protocol.object_keys import key_for_write
from emulator.protocol.request_context import tagging_facts
from emulator.protocol.xml import XmlWriter, read_xml, url_encoded

_DELETES_MAX = 1000
_MALFORMED_DELETE = "0016-00000608"


def version_header(bucket: Bucket, version_id: str) -> dict[str, str]:
    """The ``x-oss-version-id`` header, which buckets that never had versioning do not show."""
    return {} if bucket.versioning is Versioning.NEVER else {"x-oss-version-id": version_id}


def moment_of(call: Call) -> Moment:
    """The instant of a request, and who asked."""
    principal = call.principal.account_uid
    cause = Cause(call.operation.name, call.request_id, principal, call.peer)
    return Moment(call.now_ms, call.context.rng, cause)


def encryption_rule(call: Call) -> str:
    """The bucket's "encryption" setting, ``""`` when there is none."""
    bucket = call.bucket
    if "encryption" not in bucket.setting_names:
        return ""
    with call.context.store.read() as view:
        return view.bucket_setting(bucket, "encryption")


async def put_object(call: Call) -> Answer:
    """OSS PutObject; documented."""
    context, bucket, headers = call.context, call.bucket, call.headers
    refuse_unsupported(headers)
    write = read_object_write(call.key, headers, bucket, encryption_rule(call))
    callback = read_callback(call)
    expected = ExpectedDigest(headers.get("content-md5"), headers.get("x-oss-hash-crc64ecma"))
    write, sealing = await encrypted(call, write)
    content = await receive_content(
        call.body, context.blobs, context.oss, expected, sealing=sealing
    )
    version = await store_upload(call, write, content)
    answer = Answer(
        headers={
            "ETag": quoted(version.etag),
            "Content-MD5": content.md5_base64,
            "x-oss-hash-crc64ecma": str(version.crc64),
            **encryption_headers(version.encryption_json),
            **version_header(bucket, version.version_id),
        }
    )
    return await with_callback(call, callback, version, answer)


async def encrypted(call: Call, write: ObjectWrite) -> tuple[ObjectWrite, Sealing | None]:
    """The write with its data key, if it is to be encrypted, and what to encrypt it with."""
    if not write.encryption_json:
        return write, None
    encryption_json, sealing = await key_for_write(call, write.encryption_json)
    return msgspec.structs.replace(write, encryption_json=encryption_json), sealing


async def store_upload(call: Call, write: ObjectWrite, content: Content) -> ObjectVersion:
    """Make received content an object, or give it up. Raises FileAlreadyExists and others."""
    context, bucket, moment = call.context, call.bucket, moment_of(call)
    try:
        version = await context.store.write(
            lambda tx: objects.put_object(tx, bucket, write, content, moment)
        )
    except BaseException:
        if content.staged is not None and content.staged.file:
            await context.blobs.discard(content.staged)
        raise
    context.changed()
    return version


async def delete_object(call: Call) -> Answer:
    """OSS DeleteObject, with and without version id; documented."""
    bucket, key, version_id = call.bucket, call.key, call.version_id
    moment, bypass = moment_of(call), bypasses_governance(call.headers)
    done = await call.context.store.write(
        lambda tx: _delete(tx, bucket, key, version_id, moment, bypass)
    )
    call.context.changed()
    headers: dict[str, str] = {}
    if done.version_id is not None:
        headers["x-oss-version-id"] = done.version_id
    if done.is_delete_marker:
        headers["x-oss-delete-marker"] = "true"
    return Answer(status=204, headers=headers)


def _delete(
    tx: MetaTx, bucket: Bucket, key: str, version_id: str | None, moment: Moment, bypass: bool
) -> Deletion:
    if version_id is None:
        return objects.delete_object(tx, bucket, key, moment)
    return objects.delete_version(tx, bucket, key, version_id, moment, bypass_governance=bypass)


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
    bypass = bypasses_governance(call.headers)
    done = await call.context.store.write(
        lambda tx: [
            _delete(tx, bucket, item.key, item.version_id, moment, bypass) for item in items
        ]
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


def find_version(call: Call, view: MetaView) -> ObjectVersion:
    """The version an object operation is about, with the method of the request in refusals."""
    method = call.operation.method
    return objects.find_readable(view, call.bucket, call.key, call.version_id, method=method)


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
    shown = version_header(bucket, version.version_id)
    return acl_answer(bucket, version.owner_uid, version.acl.value, shown)


async def put_object_tagging(call: Call) -> Answer:
    """OSS PutObjectTagging; documented."""
    body = await read_document(call, "Tagging")
    tag_set = body.child("TagSet") if body is not None else None
    if tag_set is None:
        raise errors.MalformedXML("TagSet is missing")
    pairs = [(tag.text_of("Key"), tag.text_of("Value")) for tag in tag_set.children_of("Tag")]
    with call.context.store.read() as view:
        authorise_body(call, view, tagging_facts(pairs))
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
    return xml_answer(document.to_bytes(), version_header(bucket, version.version_id))


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
    return Answer(headers=version_header(bucket, version.version_id))


HANDLERS: Mapping[str, Handler] = {
    "DeleteMultipleObjects": delete_multiple_objects,
    "PutObject": put_object,
    "DeleteObject": delete_object,
    "PutObjectAcl": put_object_acl,
    "GetObjectAcl": get_object_acl,
    "PutObjectTagging": put_object_tagging,
    "GetObjectTagging": get_object_tagging,
    "DeleteObjectTagging": delete_object_tagging,
}
