"""What clients say of the parts of an upload: the list that completes it, and the headers of
client-side encryption."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from emulator.domain import errors
from emulator.domain.uploads.records import ListedPart, Upload
from emulator.protocol.parameters import plain_number
from emulator.protocol.xml import read_xml

_BAD_LIST = "0042-00000205"
_ROOT = "CompleteMultipartUpload"
# What the vendor's clients send. Ten thousand parts are read so in a tenth of the time, and stay
# below the number of elements that a document may have.
_PLAIN_PART = (
    r"<Part>\s*+<PartNumber>(\d{1,9}+)</PartNumber>\s*+"
    r"<ETag>((?:[\"A-Za-z0-9-]|&quot;|&#34;){0,80}+)</ETag>\s*+</Part>"
)
_PLAIN_PARTS = re.compile(_PLAIN_PART, re.ASCII)
_PLAIN_LIST = re.compile(rf"\s*+<{_ROOT}>\s*+(?:{_PLAIN_PART}\s*+)++</{_ROOT}>\s*+", re.ASCII)

_CLIENT = "x-oss-meta-client-side-encryption-"
_START, _DATA_SIZE, _PART_SIZE = _CLIENT + "start", _CLIENT + "data-size", _CLIENT + "part-size"
_SHOWN = {
    "ClientEncryptionKey": _CLIENT + "key",
    "ClientEncryptionStart": _START,
    "ClientEncryptionCekAlg": _CLIENT + "cek-alg",
    "ClientEncryptionWrapAlg": _CLIENT + "wrap-alg",
    "ClientEncryptionDataSize": _DATA_SIZE,
    "ClientEncryptionPartSize": _PART_SIZE,
}


def read_part_list(data: bytes) -> list[ListedPart]:
    """The parts in the body of CompleteMultipartUpload, in the order sent; at least one.

    Raises MalformedXML (OSS CompleteMultipartUpload; documented).
    """
    if data.isascii():
        text = data.decode("ascii")
        if _PLAIN_LIST.fullmatch(text) is not None:
            found = _PLAIN_PARTS.findall(text)
            return [ListedPart(int(number), etag) for number, etag in found]
    root = read_xml(data, root=_ROOT, ec=_BAD_LIST)
    listed: list[ListedPart] = []
    for each in root.children_of("Part"):
        number, etag = plain_number(each.text_of("PartNumber").strip()), each.child("ETag")
        if number is None or etag is None:
            raise errors.MalformedXML("A part has no PartNumber or no ETag.", ec=_BAD_LIST)
        listed.append(ListedPart(number, etag.text))
    if not listed:
        raise errors.MalformedXML("There are no parts.", ec=_BAD_LIST)
    return listed


def client_encryption(upload: Upload) -> dict[str, str]:
    """The elements by which ListParts tells how the client encrypts its parts; documented."""
    headers = _headers(upload)
    return {tag: headers[name] for tag, name in _SHOWN.items() if name in headers}


def check_client_start(upload: Upload, headers: Mapping[str, str]) -> None:
    """A part names the same start of the client's encryption as the upload
    (OSS UploadPart, InvalidEncryptionRequest; documented)."""
    given = headers.get(_START)
    if given is not None and _headers(upload).get(_START, given) != given:
        raise errors.InvalidEncryptionRequest(
            f"The {_START} is not that of the upload.", ec="0005-00000413"
        )


def check_client_parts(upload: Upload, parts: int) -> None:
    """No more parts than the client's encryption makes of its data
    (OSS CompleteMultipartUpload, InvalidEncryptionRequest; documented)."""
    headers = _headers(upload)
    data_bytes = plain_number(headers.get(_DATA_SIZE, ""))
    part_bytes = plain_number(headers.get(_PART_SIZE, ""))
    if data_bytes and part_bytes and parts > -(-data_bytes // part_bytes):
        raise errors.InvalidEncryptionRequest(
            "There are more parts than the data that was announced makes up.", ec="0005-00000411"
        )


def _headers(upload: Upload) -> Mapping[str, str]:
    if _CLIENT not in upload.headers_json:
        return {}
    return msgspec.json.decode(upload.headers_json, type=dict[str, str])
