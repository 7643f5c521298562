"""ListMultipartUploads and ListParts; documented."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain import errors
from emulator.domain.uploads.listing import UploadsQuery, list_uploads
from emulator.domain.uploads.parts import find_upload
from emulator.domain.uploads.records import PART_NUMBER_MAX
from emulator.protocol.api.multipart import upload_name
from emulator.protocol.api.objects import read_encoding
from emulator.protocol.api.part_lists import client_encryption
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import iso_date
from emulator.protocol.object_headers import quoted
from emulator.protocol.parameters import plain_number, read_count, read_key_text
from emulator.protocol.xml import Row, XmlWriter, url_encoded

_PAGE_MAX = 1000
_UPLOAD = Row("Upload", ("Key", "UploadId", "StorageClass", "Initiated"))
_GROUP = Row("CommonPrefixes", ("Prefix",))
_PART = Row("Part", ("PartNumber", "LastModified", "ETag", "HashCrc64ecma", "Size"))


async def list_multipart_uploads(call: Call) -> Answer:
    """OSS ListMultipartUploads: by key, then by upload id; documented.

    The markers of the last entry are told on the last page as well (documented in the sample).
    """
    encoding = read_encoding(call)
    after_key, after_id = (
        read_key_text(call.query, "key-marker"),
        call.query.get("upload-id-marker", ""),
    )
    query = UploadsQuery(
        prefix=read_key_text(call.query, "prefix"),
        delimiter=read_key_text(call.query, "delimiter"),
        after_key=after_key,
        after_id=after_id if after_key else "",  # ignored without a key (documented)
        max_uploads=read_count(call.query, "max-uploads", default=_PAGE_MAX, most=_PAGE_MAX),
    )
    with call.context.store.read() as view:
        page = list_uploads(view, call.bucket.id, query)
    shown = url_encoded if encoding else str
    document = XmlWriter("ListMultipartUploadsResult")
    document.optional("EncodingType", encoding)
    document.element("Bucket", call.bucket.name)
    document.element("KeyMarker", shown(after_key))
    document.element("UploadIdMarker", after_id)
    document.element("NextKeyMarker", shown(page.next_key))
    document.element("NextUploadIdMarker", page.next_id)
    document.element("Delimiter", shown(query.delimiter))
    document.element("Prefix", shown(query.prefix))
    document.number("MaxUploads", query.max_uploads)
    document.flag("IsTruncated", page.is_truncated)
    for upload in page.uploads:
        document.row(
            _UPLOAD,
            shown(upload.key),
            upload.upload_id,
            upload.storage_class.value,
            iso_date(upload.initiated_ms),
        )
    for group in page.common_prefixes:
        document.row(_GROUP, shown(group))
    return xml_answer(document.to_bytes())


def _read_marker(call: Call) -> int:
    """The ``part-number-marker`` parameter, 0 when absent or empty. Raises InvalidArgument."""
    text = call.query.get("part-number-marker", "")
    number = plain_number(text or "0")
    if number is None or number > PART_NUMBER_MAX:
        raise errors.InvalidArgument(
            f"Argument part-number-marker must be an integer between 0 and {PART_NUMBER_MAX}.",
            name="part-number-marker",
            value=text,
        )
    return number


async def list_parts(call: Call) -> Answer:
    """OSS ListParts: by number; documented."""
    encoding, marker = read_encoding(call), _read_marker(call)
    most = read_count(call.query, "max-parts", default=_PAGE_MAX, most=_PAGE_MAX)
    with call.context.store.read() as view:
        upload = find_upload(view, upload_name(call))
        parts = view.parts_of(upload, after=marker, limit=most + 1)
    is_truncated = len(parts) > most
    parts = parts[:most]
    document = XmlWriter("ListPartsResult")
    document.optional("EncodingType", encoding)
    document.element("Bucket", call.bucket.name)
    document.element("Key", url_encoded(call.key) if encoding else call.key)
    document.element("UploadId", upload.upload_id)
    document.element("StorageClass", upload.storage_class.value)
    document.number("PartNumberMarker", marker)
    document.number("NextPartNumberMarker", parts[-1].number if parts else marker)
    document.number("MaxParts", most)
    document.flag("IsTruncated", is_truncated)
    for tag, value in client_encryption(upload).items():
        document.element(tag, value)
    for part in parts:
        document.row(
            _PART,
            str(part.number),
            iso_date(part.modified_ms),
            quoted(part.etag),
            str(part.crc64),
            str(part.size_bytes),
        )
    return xml_answer(document.to_bytes())


HANDLERS: Mapping[str, Handler] = {
    "ListMultipartUploads": list_multipart_uploads,
    "ListParts": list_parts,
}
