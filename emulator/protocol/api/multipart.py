"""Multipart uploads: beginning them, giving them parts, completing and aborting them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from urllib.parse import quote

from emulator.domain import errors
from emulator.domain.events import NOTIFICATIONS, record_upload_event
from emulator.domain.model import Acl, Bucket, ObjectVersion
from emulator.domain.objects import Content
from emulator.domain.ports import MetaTx
from emulator.domain.uploads.completing import (
    Assembly,
    CompletionOptions,
    PartRules,
    assemble,
    complete_upload,
)
from emulator.domain.uploads.parts import (
    UploadOptions,
    abort_upload,
    check_part_number,
    check_sequence,
    find_upload,
    initiate_upload,
    put_part,
)
from emulator.domain.uploads.records import (
    PART_NUMBER_MAX,
    ListedPart,
    Part,
    Upload,
    UploadName,
)
from emulator.kms.sealed_content import Sealing
from emulator.protocol.api.objects import (
    encrypted,
    encryption_rule,
    moment_of,
    read_encoding,
    version_header,
)
from emulator.protocol.api.part_lists import check_client_parts, check_client_start, read_part_list
from emulator.protocol.body import ExpectedDigest, receive_content
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.callbacks import read_callback, with_callback
from emulator.protocol.object_headers import (
    encryption_headers,
    quoted,
    read_flag,
    read_object_acl,
    read_object_write,
    refuse_unsupported,
)
from emulator.protocol.object_keys import sealing_of
from emulator.protocol.parameters import plain_number
from emulator.protocol.stored_content import hash_extents
from emulator.protocol.xml import XmlWriter, url_encoded

_NO_UPLOAD_OF_PART = "0042-00000104"
_BODY_WITH_ALL = "0042-00000216"
_PARTS_AT_ONCE = 200  # more are put together beside the event loop,
_LIST_BYTES_AT_ONCE = 16 * 1024  # and longer lists read
_ATTEMPTS_MAX = 5
_HASH_CONTEXTS = ("x-oss-hash-ctx", "x-oss-md5-ctx")
_ENCRYPTION_HEADERS = (
    "x-oss-server-side-encryption",
    "x-oss-server-side-encryption-key-id",
    "x-oss-server-side-data-encryption",
)


def upload_name(call: Call) -> UploadName:
    """The upload that the request names. Raises InvalidArgument for no name at all (inferred)."""
    upload_id = call.query["uploadId"]
    if not upload_id:
        raise errors.InvalidArgument("The upload id may not be empty.", name="uploadId", value="")
    return UploadName(call.bucket.id, call.key, upload_id)


def refuse_encryption(headers: Mapping[str, str]) -> None:
    """How an upload is encrypted is said when it begins, and not again
    (OSS UploadPart, CompleteMultipartUpload; observed). Raises InvalidArgument."""
    for name in _ENCRYPTION_HEADERS:
        if name in headers:
            raise errors.InvalidArgument(
                f"The header {name} is not supported here.", name=name, value=headers[name]
            )


async def initiate_multipart_upload(call: Call) -> Answer:
    """OSS InitiateMultipartUpload: what the object will look like, but for its ACL; documented."""
    encoding, bucket, moment = read_encoding(call), call.bucket, moment_of(call)
    refuse_unsupported(call.headers)
    write = read_object_write(call.key, call.headers, bucket, encryption_rule(call))
    options = UploadOptions(
        initiator_uid=call.principal.account_uid,
        is_sequential="sequential" in call.query,
        has_hash_context="withHashContext" in call.query,
    )
    write, _ = await encrypted(call, write)
    upload = await call.context.store.write(
        lambda tx: initiate_upload(tx, bucket, write, options, moment)
    )
    call.context.changed()
    document = XmlWriter("InitiateMultipartUploadResult")
    document.optional("EncodingType", encoding)
    document.element("Bucket", bucket.name)
    document.element("Key", url_encoded(call.key) if encoding else call.key)
    document.element("UploadId", upload.upload_id)
    return xml_answer(document.to_bytes(), encryption_headers(upload.encryption_json))


def read_part_number(call: Call) -> int:
    """The ``partNumber`` parameter. Raises InvalidArgument."""
    text = call.query["partNumber"]
    number = plain_number(text)
    if number is None:
        raise errors.InvalidArgument(
            f"Part number must be an integer between 1 and {PART_NUMBER_MAX}, inclusive.",
            name="partNumber",
            value=text,
        )
    check_part_number(number)
    return number


def expect_part(call: Call, number: int, *, ec: str) -> Upload:
    """The upload a part is for, looked up before the content is touched.

    Raises NoSuchUpload, PartNotSequential, PartAlreadyExist and InvalidEncryptionRequest.
    """
    with call.context.store.read() as view:
        upload = find_upload(view, upload_name(call), ec=ec)
        check_sequence(view, upload, number)
    check_client_start(upload, call.headers)
    return upload


def part_sealing(call: Call, upload: Upload) -> Sealing | None:
    """What parts of the upload are encrypted with: one data key for all of them."""
    if not upload.encryption_json:
        return None
    with call.context.store.read() as view:
        return sealing_of(call, view, upload.encryption_json)


async def upload_part(call: Call) -> Answer:
    """OSS UploadPart: headers that describe an object are ignored; documented."""
    context, headers, moment = call.context, call.headers, moment_of(call)
    refuse_encryption(headers)
    number, name = read_part_number(call), upload_name(call)
    upload = expect_part(call, number, ec=_NO_UPLOAD_OF_PART)
    _require_hash_context(call, upload, number)
    expected = ExpectedDigest(headers.get("content-md5"), headers.get("x-oss-hash-crc64ecma"))
    sealing = part_sealing(call, upload)
    content = await receive_content(
        call.body, context.blobs, context.oss, expected, sealing=sealing
    )
    try:
        part = await context.store.write(
            lambda tx: report_part(
                tx, call, put_part(tx, name, number, content, moment, ec=_NO_UPLOAD_OF_PART)
            )
        )
    except BaseException:
        await discard(call, content)
        raise
    call.context.changed()
    return Answer(
        headers={"Content-MD5": content.md5_base64, **part_headers(part, upload.encryption_json)}
    )


def report_part(tx: MetaTx, call: Call, part: Part) -> Part:
    """Record a stored part as an event, where the bucket has notification rules."""
    bucket = call.bucket
    if NOTIFICATIONS in bucket.setting_names:
        etag, size_bytes = part.etag, part.size_bytes
        record_upload_event(tx, bucket, moment_of(call), call.key, etag=etag, size_bytes=size_bytes)
    return part


async def discard(call: Call, content: Content) -> None:
    """Give up content that was staged."""
    if content.staged is not None and content.staged.file:
        await call.context.blobs.discard(content.staged)


def part_headers(part: Part, encryption_json: str) -> dict[str, str]:
    """The headers that answer a part."""
    return {
        "ETag": quoted(part.etag),
        "x-oss-hash-crc64ecma": str(part.crc64),
        **encryption_headers(encryption_json),
    }


def _require_hash_context(call: Call, upload: Upload, number: int) -> None:
    """Every part but the first goes on from the state of the client's hash
    (OSS UploadPart, withHashContext; observed). The state itself is not looked at (inferred)."""
    if not upload.has_hash_context or number == 1:
        return
    if not any(name in call.headers or name in call.query for name in _HASH_CONTEXTS):
        raise errors.NoHashContext


async def complete_multipart_upload(call: Call) -> Answer:
    """OSS CompleteMultipartUpload; documented."""
    encoding = read_encoding(call)
    callback = read_callback(call)
    version = await perform_complete(call)
    answer = complete_answer(call, version, encoding)
    return await with_callback(call, callback, version, answer)


async def perform_complete(call: Call) -> ObjectVersion:
    """Complete the upload of the request; the object it became.

    The parts are looked at before the transaction, which starts anew if they have changed.
    """
    headers, bucket, name, moment = call.headers, call.bucket, upload_name(call), moment_of(call)
    refuse_encryption(headers)
    refuse_unsupported(headers)
    options = CompletionOptions(
        acl=read_object_acl(headers) or Acl.DEFAULT,
        forbid_overwrite=read_flag(headers, "x-oss-forbid-overwrite"),
    )
    listed = await _read_listed(call)
    for _ in range(_ATTEMPTS_MAX):
        assembly, content_md5 = await _assemble(call, name, listed)
        if assembly is None:
            continue
        finished = functools.partial(
            complete_upload,
            bucket=bucket,
            name=name,
            assembly=assembly,
            options=options.with_md5(content_md5),
            moment=moment,
        )
        version = await call.context.store.write(finished)
        if version is not None:
            call.context.changed()
            return version
    raise errors.ServiceUnavailable


async def _read_listed(call: Call) -> list[ListedPart] | None:
    """The parts the client lists; ``None`` if it wants all there are."""
    data = await call.body.read_document(call.context.wire.xml_bytes_max)
    complete_all = call.headers.get("x-oss-complete-all")
    if complete_all is None:
        if len(data) < _LIST_BYTES_AT_ONCE:
            return read_part_list(data)
        return await asyncio.get_running_loop().run_in_executor(None, read_part_list, data)
    if complete_all.lower() != "yes":
        raise errors.InvalidArgument(
            "The x-oss-complete-all must be yes.", name="x-oss-complete-all", value=complete_all
        )
    if data:
        raise errors.InvalidArgument(
            "The request body must be empty if x-oss-complete-all is specified.",
            name="x-oss-complete-all",
            value=complete_all,
            ec=_BODY_WITH_ALL,
        )
    return None


async def _assemble(
    call: Call, name: UploadName, listed: list[ListedPart] | None
) -> tuple[Assembly | None, str]:
    """The object the parts make up as they are now, and its MD5 if reads are to show it.

    No object if parts went while they were read.
    """
    context = call.context
    with context.store.read() as view:
        upload = find_upload(view, name)
        parts = view.parts_of(upload, limit=PART_NUMBER_MAX)
    check_client_parts(upload, len(parts) if listed is None else len(listed))
    rules = PartRules(context.oss.part_bytes_min, upload.is_sequential)
    if len(parts) > _PARTS_AT_ONCE:
        loop = asyncio.get_running_loop()
        assembly = await loop.run_in_executor(None, assemble, parts, listed, rules)
    else:
        assembly = assemble(parts, listed, rules)
    if not upload.is_sequential:
        return assembly, ""
    # GET of the object shows it (OSS GetObject of a sequential upload; observed).
    sealing = part_sealing(call, upload)
    data_key = None if sealing is None else sealing.data_key
    hashed = await hash_extents(context, assembly.extents, data_key=data_key)
    return (None, "") if hashed is None else (assembly, hashed.md5_base64)


def complete_answer(call: Call, version: ObjectVersion, encoding: str) -> Answer:
    """The answer to a completed upload."""
    bucket = call.bucket
    document = XmlWriter("CompleteMultipartUploadResult")
    document.optional("EncodingType", encoding)
    document.element("Location", object_url(call, bucket, version.key))
    document.element("Bucket", bucket.name)
    document.element("Key", url_encoded(version.key) if encoding else version.key)
    document.element("ETag", quoted(version.etag))
    return xml_answer(
        document.to_bytes(),
        {
            "ETag": quoted(version.etag),
            "x-oss-hash-crc64ecma": str(version.crc64),
            **encryption_headers(version.encryption_json),
            **version_header(bucket, version.version_id),
        },
    )


def object_url(call: Call, bucket: Bucket, key: str) -> str:
    """Where an object is on the service, its key percent-encoded (inferred)."""
    host = f"{bucket.name}.{bucket.location}.{call.context.oss.endpoint_suffix}"
    return f"http://{host}/{quote(key)}"


async def abort_multipart_upload(call: Call) -> Answer:
    """OSS AbortMultipartUpload; documented."""
    name, moment = upload_name(call), moment_of(call)

    def work(tx: MetaTx) -> None:
        abort_upload(tx, name, moment)
        record_upload_event(tx, call.bucket, moment, call.key)

    await call.context.store.write(work)
    call.context.changed()
    return Answer(status=204)


HANDLERS: Mapping[str, Handler] = {
    "InitiateMultipartUpload": initiate_multipart_upload,
    "UploadPart": upload_part,
    "CompleteMultipartUpload": complete_multipart_upload,
    "AbortMultipartUpload": abort_multipart_upload,
}
