"""Parts copied from objects, and the listings of uploads and parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastcrc.crc64 import xz

from tests.api.test_errors_of_operations import refused
from tests.support.hostile import Attacker, Reply
from tests.support.uploads import NO_UPLOAD, UploadPlace, blob_files, new_place
from tests.support.wire import Call


@pytest.fixture
def place(attacker: Attacker) -> Iterator[UploadPlace]:
    """A fresh bucket with an object."""
    made = new_place(attacker)
    yield made
    made.clear()


# --- parts copied from objects ------------------------------------------------------------------

SOURCE = bytes(range(100)) * 10


def copied(place: UploadPlace, upload_id: str, number: int, source: str, **headers: str) -> Call:
    """A part copied from an object of the same bucket."""
    return place.part(
        upload_id, number, b"", x_oss_copy_source=f"/{place.name}/{source}", **headers
    )


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=900-", 900, 1000),
        ("bytes=-10", 990, 1000),
        ("bytes=5-5", 5, 6),
    ],
)
def test_a_copied_part_is_a_stretch_of_its_source(
    place: UploadPlace, header: str, start: int, end: int
) -> None:
    upload_id = place.begin()
    reply = place.attacker.ok(copied(place, upload_id, 1, "source", x_oss_copy_source_range=header))
    digest = hashlib.md5(SOURCE[start:end], usedforsecurity=False).hexdigest().upper()
    assert reply.header("content-range") == f"bytes {start}-{end - 1}/1000"
    assert reply.header("etag") == f'"{digest}"'
    assert reply.document.tag == "CopyPartResult"
    assert reply.document.findtext("ETag") == f'"{digest}"'
    assert (reply.document.findtext("LastModified") or "").endswith(".000Z")
    place.attacker.ok(place.complete_all(upload_id))
    got = place.attacker.ok(Call("GET", place.name, "key"))
    assert got.body == SOURCE[start:end]
    assert got.header("x-oss-hash-crc64ecma") == str(xz(SOURCE[start:end]))


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5-1000", "bytes=9-5", "x", "bytes=-0"])
def test_a_range_that_is_none_copies_everything(place: UploadPlace, header: str) -> None:
    upload_id = place.begin()
    reply = place.attacker.ok(copied(place, upload_id, 1, "source", x_oss_copy_source_range=header))
    assert reply.header("content-range") == ""
    place.attacker.ok(place.complete_all(upload_id))
    assert place.attacker.ok(Call("GET", place.name, "key")).body == SOURCE


def test_no_bytes_move_and_sources_may_go(place: UploadPlace, data_folder: Path) -> None:
    large = b"0123456789" * 30_000
    place.attacker.ok(Call("PUT", place.name, "large", body=large))
    before = blob_files(data_folder)
    upload_id = place.begin()
    for number, header in ((1, "bytes=5-150004"), (2, "bytes=100-200099")):
        place.attacker.ok(copied(place, upload_id, number, "large", x_oss_copy_source_range=header))
    assert blob_files(data_folder) == before
    place.attacker.ok(place.complete_all(upload_id))
    place.attacker.ok(Call("DELETE", place.name, "large"))
    got = place.attacker.ok(Call("GET", place.name, "key"))
    assert got.body == large[5:150_005] + large[100:200_100]
    assert blob_files(data_folder) == before
    again = place.begin("again")
    across = copied(place, again, 1, "key", x_oss_copy_source_range="bytes=149990-150009")
    place.attacker.ok(across._replace(key="again"))
    place.attacker.ok(place.complete_all(again, "again"))
    assert place.attacker.ok(Call("GET", place.name, "again")).body == got.body[149_990:150_010]


def test_content_in_many_pieces_is_written_anew(place: UploadPlace, data_folder: Path) -> None:
    upload_id = place.begin("pieces")
    data = b"ab" * 51_200
    for number in range(1, 18):
        place.put(upload_id, number, data, "pieces")
    place.attacker.ok(place.complete_all(upload_id, "pieces"))
    before = blob_files(data_folder)
    upload_id = place.begin()
    reply = place.attacker.ok(copied(place, upload_id, 1, "pieces"))
    digest = hashlib.md5(data * 17, usedforsecurity=False).hexdigest().upper()
    assert reply.header("etag") == f'"{digest}"'
    assert len(blob_files(data_folder) - before) == 1
    place.attacker.ok(place.complete_all(upload_id))
    assert place.attacker.ok(Call("GET", place.name, "key")).body == data * 17
    gone = copied(place, NO_UPLOAD, 1, "pieces")
    assert refused(place.attacker, gone) == (404, "NoSuchUpload")


def test_sources_that_cannot_be_copied(place: UploadPlace) -> None:
    upload_id = place.begin()
    etag = place.attacker.ok(Call("HEAD", place.name, "source")).header("etag")
    for call, answer in (
        (copied(place, upload_id, 1, "nothing"), (404, "NoSuchKey")),
        (place.part(upload_id, 1, b"", x_oss_copy_source="/no-such-bucket-x/k"),
         (404, "NoSuchBucket")),
        (place.part(upload_id, 1, b"", x_oss_copy_source="/dest-bucket/b-key"),
         (403, "AccessDenied")),
        (copied(place, upload_id, 1, "source", x_oss_copy_source_if_match='"x"'),
         (412, "PreconditionFailed")),
        (copied(place, upload_id, 1, "source?versionId=null&x"), (400, "InvalidArgument")),
        (copied(place, upload_id, 1, "source?versionId=" + "CAEQ" + "A" * 60),
         (404, "NoSuchVersion")),
    ):  # fmt: skip
        assert refused(place.attacker, call) == answer
    call = copied(place, upload_id, 1, "source", x_oss_copy_source_if_none_match=etag)
    assert place.attacker.call(call).status == 304
    place.attacker.ok(copied(place, upload_id, 1, "source", x_oss_copy_source_if_match=etag))


def test_the_version_of_a_source(place: UploadPlace) -> None:
    upload_id = place.begin()
    versions = place.attacker.ok(Call("GET", "versioned", query=(("versions", None),))).document
    ids = {
        place.attacker.ok(Call("GET", "versioned", "key", (("versionId", each),))).body: each
        for each in (
            entry.findtext("VersionId", "")
            for entry in versions.iterfind("Version")
            if entry.findtext("Key") == "key"
        )
    }
    for number, (body, version_id) in enumerate(sorted(ids.items()), start=1):
        source = f"/versioned/key?versionId={version_id}"
        call = place.part(upload_id, number, b"", x_oss_copy_source=source)
        # the kit of the first generation names the version in the query as well
        call = call._replace(query=(*call.query, ("versionId", version_id)))
        reply = place.attacker.ok(call)
        assert reply.header("x-oss-copy-source-version-id") == version_id
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest().upper()
        assert reply.header("etag") == f'"{digest}"'
    marker = versions.findtext("DeleteMarker/VersionId", "")
    source = f"/versioned/gone?versionId={marker}"
    call = place.part(upload_id, 1, b"", x_oss_copy_source=source)
    assert refused(place.attacker, call) == (400, "InvalidArgument")


# --- listings -----------------------------------------------------------------------------------


def test_uploads_are_listed_by_key_and_id(place: UploadPlace) -> None:
    begun = sorted((key, place.begin(key)) for key in ("b", "a/1", "a/2", "b", "c d", "b"))
    document = place.uploads(("encoding-type", "url")).document
    assert document.findtext("EncodingType") == "url"
    found = [
        (each.findtext("Key"), each.findtext("UploadId")) for each in document.iterfind("Upload")
    ]
    assert found == [(key.replace(" ", "%20").replace("/", "%2F"), id_) for key, id_ in begun]
    assert document.findtext("Upload/StorageClass") == "Standard"
    assert document.findtext("IsTruncated") == "false"
    # the marks of the last one are told on the last page as well
    assert document.findtext("NextKeyMarker") == "c%20d"
    assert document.findtext("NextUploadIdMarker") == begun[-1][1]
    document = place.uploads(("delimiter", "/"), ("prefix", "a"), ("key-marker", "")).document
    assert document.findtext("CommonPrefixes/Prefix") == "a/"
    assert document.findtext("NextKeyMarker") == "a/"
    assert document.findtext("NextUploadIdMarker") == ""
    marks = (("key-marker", "b"), ("upload-id-marker", begun[3][1]))
    document = place.uploads(("max-uploads", "1"), *marks).document
    assert document.findtext("Upload/UploadId") == begun[4][1]
    assert document.findtext("IsTruncated") == "true"
    document = place.uploads(("upload-id-marker", "F" * 32)).document  # ignored without a key
    assert len(document.findall("Upload")) == 6


def test_no_uploads_are_listed_in_full(place: UploadPlace) -> None:
    assert [child.tag for child in place.uploads().document] == [
        "Bucket", "KeyMarker", "UploadIdMarker", "NextKeyMarker", "NextUploadIdMarker",
        "Delimiter", "Prefix", "MaxUploads", "IsTruncated",
    ]  # fmt: skip


def test_pages_of_parts(place: UploadPlace) -> None:
    upload_id = place.begin(x_oss_storage_class="IA")
    etags = {number: place.put(upload_id, number, b"x" * number) for number in (7, 2, 10_000)}

    def page(*query: tuple[str, str | None]) -> Reply:
        return place.attacker.ok(place.request("GET", "key", (("uploadId", upload_id), *query)))

    document = page(("part-number-marker", "")).document
    assert [
        (each.findtext("PartNumber"), each.findtext("Size"), each.findtext("ETag"))
        for each in document.iterfind("Part")
    ] == [(str(number), str(number), etags[number]) for number in (2, 7)] + [
        ("10000", "10000", etags[10_000])
    ]
    assert document.findtext("Part/HashCrc64ecma") == str(xz(b"xx"))
    assert document.findtext("StorageClass") == "IA"
    assert document.findtext("NextPartNumberMarker") == "10000"
    document = page(("max-parts", "1"), ("part-number-marker", "2")).document
    assert (document.findtext("Part/PartNumber"), document.findtext("IsTruncated")) == ("7", "true")
    assert document.findtext("NextPartNumberMarker") == "7"
    document = page(("part-number-marker", "10000")).document
    assert document.find("Part") is None
    assert document.findtext("NextPartNumberMarker") == "10000"


@pytest.mark.parametrize(
    "query",
    [
        ("max-uploads", "0"), ("max-uploads", "1001"), ("max-uploads", "x"), ("prefix", "p" * 1024),
        ("delimiter", "p" * 1024), ("key-marker", "p" * 1024), ("encoding-type", "xml"),
    ],
)  # fmt: skip
def test_listings_of_uploads_that_cannot_be(place: UploadPlace, query: tuple[str, str]) -> None:
    call = place.request("GET", "", (("uploads", None), query))
    assert refused(place.attacker, call) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    "query",
    [("max-parts", "0"), ("max-parts", "1001"), ("part-number-marker", "-1"),
     ("part-number-marker", "x"), ("part-number-marker", "10001"), ("encoding-type", "xml")],
)  # fmt: skip
def test_listings_of_parts_that_cannot_be(place: UploadPlace, query: tuple[str, str]) -> None:
    upload_id = place.begin()
    call = place.request("GET", "key", (("uploadId", upload_id), query))
    assert refused(place.attacker, call) == (400, "InvalidArgument")
