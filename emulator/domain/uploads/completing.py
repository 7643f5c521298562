"""Turning the parts of an upload into an object, without moving a byte."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

import msgspec

from emulator.domain import errors
from emulator.domain.crc64 import combine_all
from emulator.domain.model import (
    Acl,
    Bucket,
    ChangeKind,
    Extent,
    ObjectVersion,
    VersionKind,
    encode_strings,
)
from emulator.domain.objects import Moment, ObjectWrite, add_object, live_bucket
from emulator.domain.ports import MetaTx
from emulator.domain.uploads.parts import find_upload
from emulator.domain.uploads.records import (
    OBJECT_BYTES_MAX,
    ListedPart,
    Part,
    PartTotals,
    Upload,
    UploadName,
)

_QUOTES = ('"', "&quot;", "&#34;")


class PartRules(msgspec.Struct, frozen=True):
    """What the parts of an upload are held against."""

    part_bytes_min: int
    is_sequential: bool = False


class Assembly(msgspec.Struct, frozen=True, kw_only=True):
    """The object that parts make up: its content in order, and what that hashes to."""

    size_bytes: int
    etag: str
    crc64: int
    extents: tuple[Extent, ...]
    left_out: tuple[Extent, ...]  # of parts the client did not list
    totals: PartTotals  # of all parts that were looked at


class CompletionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What CompleteMultipartUpload says beside the list of parts."""

    acl: Acl = Acl.DEFAULT
    forbid_overwrite: bool = False
    content_md5: str = ""  # base64, to be shown by reads: of sequential uploads

    def with_md5(self, content_md5: str) -> CompletionOptions:
        """The same with the MD5 of the content."""
        return msgspec.structs.replace(self, content_md5=content_md5) if content_md5 else self


def assemble(
    parts: Sequence[Part], listed: Sequence[ListedPart] | None, rules: PartRules
) -> Assembly:
    """Check the parts a client lists, ``None`` for all there are, and put them together. Pure.

    Raises InvalidPartOrder, InvalidPart, PartNotSequential, EntityTooSmall and EntityTooLarge
    (OSS CompleteMultipartUpload; documented).
    """
    chosen = list(parts) if listed is None else _choose(parts, listed)
    if not chosen:
        raise errors.InvalidPart("There are no parts to complete.")  # inferred
    if rules.is_sequential and chosen[-1].number != len(chosen):
        raise errors.PartNotSequential
    _check_sizes(chosen, rules.part_bytes_min)
    kept = {part.number for part in chosen}
    names = "".join([part.etag for part in chosen]).encode()
    digest = hashlib.md5(names, usedforsecurity=False).hexdigest().upper()
    return Assembly(
        size_bytes=sum(part.size_bytes for part in chosen),
        etag=f"{digest}-{len(chosen)}",
        crc64=combine_all((part.crc64, part.size_bytes) for part in chosen),
        extents=tuple([extent for part in chosen for extent in part.extents]),
        left_out=tuple(
            [extent for part in parts if part.number not in kept for extent in part.extents]
        ),
        totals=totals_of(parts),
    )


def totals_of(parts: Sequence[Part]) -> PartTotals:
    """What ``MetaView.part_totals`` says of these parts."""
    return PartTotals(
        len(parts),
        sum(part.size_bytes for part in parts),
        max((part.seq for part in parts), default=0),
    )


def _choose(parts: Sequence[Part], listed: Sequence[ListedPart]) -> list[Part]:
    for before, after in itertools.pairwise(listed):
        if after.number <= before.number:
            raise errors.InvalidPartOrder
    by_number = {part.number: part for part in parts}
    chosen: list[Part] = []
    for each in listed:
        part = by_number.get(each.number)
        if part is None or plain_etag(each.etag) != part.etag:
            raise errors.InvalidPart
        chosen.append(part)
    return chosen


def plain_etag(text: str) -> str:
    """An ETag as it is kept: without quotes, in upper case (OSS ETags; observed)."""
    text = text.strip()
    for quote in _QUOTES:
        text = text.removeprefix(quote).removesuffix(quote)
    return text.upper()


def _check_sizes(chosen: Sequence[Part], part_bytes_min: int) -> None:
    for part in chosen[:-1]:
        if part.size_bytes < part_bytes_min:
            raise errors.EntityTooSmall(
                fields={
                    "ETag": f'"{part.etag}"',
                    "MinSizeAllowed": str(part_bytes_min),
                    "ProposedSize": str(part.size_bytes),
                    "PartNumber": str(part.number),
                }
            )
    if sum(part.size_bytes for part in chosen) > OBJECT_BYTES_MAX:
        raise errors.EntityTooLarge


def complete_upload(
    tx: MetaTx,
    bucket: Bucket,
    name: UploadName,
    assembly: Assembly,
    options: CompletionOptions,
    moment: Moment,
) -> ObjectVersion | None:
    """Make the object out of the parts (OSS CompleteMultipartUpload; documented).

    ``None``, and nothing done, if the parts are no longer those that were assembled. The uses of
    the blobs pass from the parts to the version, so that nothing is counted anew. Raises
    NoSuchUpload and FileAlreadyExists.
    """
    bucket = live_bucket(tx, bucket)
    upload = find_upload(tx, name)
    if tx.part_totals(upload) != assembly.totals:
        return None
    tx.delete_upload(upload, assembly.left_out)
    return add_object(
        tx,
        bucket,
        _write_of(upload, options),
        moment,
        kind=VersionKind.MULTIPART,
        size_bytes=assembly.size_bytes,
        etag=assembly.etag,
        crc64=assembly.crc64,
        extents=assembly.extents,
        shares_blobs=False,
        change=ChangeKind.PUT,
        upload_id="" if upload.origin is not None else upload.upload_id,
    )


def _write_of(upload: Upload, options: CompletionOptions) -> ObjectWrite:
    headers_json = upload.headers_json
    if options.content_md5:
        decoded = msgspec.json.decode(headers_json, type=dict[str, str])
        headers_json = encode_strings({**decoded, "content-md5": options.content_md5})
    return ObjectWrite(
        key=upload.key,
        acl=options.acl,
        storage_class=upload.storage_class,
        headers_json=headers_json,
        tags_json=upload.tags_json,
        encryption_json=upload.encryption_json,
        retention_json=upload.retention_json,
        forbid_overwrite=options.forbid_overwrite,
    )
