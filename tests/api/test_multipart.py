"""Multipart uploads on the wire: what is answered, what is refused, and what is left behind."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastcrc.crc64 import xz

from tests.api.test_errors_of_operations import code_of, refused
from tests.support.hostile import Attacker, check_clean
from tests.support.uploads import KIB_100, NO_UPLOAD, UploadPlace, blob_files, new_place
from tests.support.wire import Call, signed_head


@pytest.fixture
def place(attacker: Attacker) -> Iterator[UploadPlace]:
    """A fresh bucket with an object."""
    made = new_place(attacker)
    yield made
    made.clear()


def test_a_part_answers_what_it_hashes_to(place: UploadPlace) -> None:
    upload_id = place.begin()
    reply = place.attacker.ok(place.part(upload_id, 1, b"hello world"))
    check_clean(reply)
    digest = hashlib.md5(b"hello world", usedforsecurity=False).digest()
    assert reply.header("etag") == f'"{digest.hex().upper()}"'
    assert reply.header("content-md5") == base64.b64encode(digest).decode()
    assert reply.header("x-oss-hash-crc64ecma") == "5981764153023615706"


def test_the_object_is_made_of_the_listed_parts(place: UploadPlace) -> None:
    large, small = b"a" * KIB_100, b"the end"
    upload_id = place.begin(x_oss_meta_a="b", content_type="text/x", x_oss_tagging="t=1")
    first, _, last = (place.put(upload_id, n, d) for n, d in ((3, large), (4, b"no"), (9, small)))
    call = place.complete(upload_id, [(3, first.lower()), (9, last.strip('"'))])
    reply = place.attacker.ok(call._replace(headers=(("x-oss-object-acl", "public-read"),)))
    names = (first + last).replace('"', "").encode()
    etag = f'"{hashlib.md5(names, usedforsecurity=False).hexdigest().upper()}-2"'
    assert reply.document.tag == "CompleteMultipartUploadResult"
    assert [child.tag for child in reply.document] == ["Location", "Bucket", "Key", "ETag"]
    assert reply.document.findtext("Location") == (
        f"http://{place.name}.oss-cn-hangzhou.aliyuncs.com/key"
    )
    assert (reply.header("etag"), reply.document.findtext("ETag")) == (etag, etag)
    assert reply.header("x-oss-hash-crc64ecma") == str(xz(large + small))
    got = place.attacker.ok(Call("GET", place.name, "key"), "")  # anybody may read
    assert got.body == large + small
    assert got.header("x-oss-object-type") == "Multipart"
    assert got.header("content-md5") == ""
    assert (got.header("x-oss-meta-a"), got.header("content-type")) == ("b", "text/x")
    assert got.header("x-oss-tagging-count") == "1"
    assert refused(place.attacker, call) == (404, "NoSuchUpload")
    part = Call(
        "GET", place.name, "key", headers=(("range", f"bytes={KIB_100 - 2}-{KIB_100 + 2}"),)
    )
    assert place.attacker.ok(part).body == b"aathe"


def test_one_empty_part_is_enough(place: UploadPlace) -> None:
    upload_id = place.begin()
    place.put(upload_id, 1, b"")
    reply = place.attacker.ok(place.complete_all(upload_id))
    assert reply.header("x-oss-hash-crc64ecma") == "0"
    assert place.attacker.ok(Call("GET", place.name, "key")).body == b""


def test_a_part_put_again_replaces_the_first(place: UploadPlace) -> None:
    upload_id = place.begin()
    old = place.put(upload_id, 1, b"old")
    new = place.put(upload_id, 1, b"new")
    call = place.complete(upload_id, [(1, old)])
    assert refused(place.attacker, call) == (400, "InvalidPart")
    place.attacker.ok(place.complete(upload_id, [(1, new)]))
    assert place.attacker.ok(Call("GET", place.name, "key")).body == b"new"


def test_parts_that_cannot_be_put_together(place: UploadPlace) -> None:
    upload_id = place.begin()
    etags = {number: place.put(upload_id, number, b"x" * 10) for number in (1, 2)}
    for parts, code in (
        ([(2, etags[2]), (1, etags[1])], "InvalidPartOrder"),
        ([(1, etags[1]), (1, etags[1])], "InvalidPartOrder"),
        ([(1, etags[1]), (3, etags[1])], "InvalidPart"),
        ([(1, "0" * 32)], "InvalidPart"),
        ([(1, "")], "InvalidPart"),
        ([(0, etags[1])], "InvalidPart"),
        ([(1, etags[1]), (2, etags[2])], "EntityTooSmall"),
        ([], "MalformedXML"),
    ):
        assert refused(place.attacker, place.complete(upload_id, parts)) == (400, code)
    place.attacker.ok(place.complete(upload_id, [(2, etags[2])]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"<CompleteMultipartUpload>",
        b"<Complete><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></Complete>",
        b"<CompleteMultipartUpload><Part><ETag>x</ETag></Part></CompleteMultipartUpload>",
        b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part>"
        b"</CompleteMultipartUpload>",
        b"<CompleteMultipartUpload><Part><PartNumber>one</PartNumber><ETag>x</ETag></Part>"
        b"</CompleteMultipartUpload>",
        b"<CompleteMultipartUpload><Part><PartNumber>-1</PartNumber><ETag>x</ETag></Part>"
        b"</CompleteMultipartUpload>",
    ],
)
def test_a_list_of_parts_that_is_none(place: UploadPlace, body: bytes) -> None:
    upload_id = place.begin()
    place.put(upload_id, 1)
    call = place.request("POST", "key", (("uploadId", upload_id),), body)
    assert refused(place.attacker, call) == (400, "MalformedXML")
    assert place.attacker.call(call).document.findtext("EC") == "0042-00000205"


@pytest.mark.parametrize("etag", ['"{}"', "{}", "&quot;{}&quot;", "&#34;{}&#34;", " \n{} "])
@pytest.mark.parametrize("head", ["", '<?xml version="1.0" encoding="UTF-8"?>', "<!-- x -->"])
def test_lists_are_read_however_they_are_written(place: UploadPlace, head: str, etag: str) -> None:
    upload_id = place.begin()
    plain = place.put(upload_id, 1).strip('"')
    body = (
        f"{head}\n<CompleteMultipartUpload>\n <Part>\n <PartNumber>1</PartNumber>\n"
        f" <ETag>{etag.format(plain)}</ETag>\n </Part>\n</CompleteMultipartUpload>\n"
    )
    place.attacker.ok(place.request("POST", "key", (("uploadId", upload_id),), body.encode()))


def test_complete_all_takes_no_body(place: UploadPlace) -> None:
    upload_id = place.begin()
    assert refused(place.attacker, place.complete_all(upload_id)) == (400, "InvalidPart")
    etag = place.put(upload_id, 1)
    call = place.complete(upload_id, [(1, etag)], x_oss_complete_all="yes")
    assert refused(place.attacker, call) == (400, "InvalidArgument")
    assert place.attacker.call(call).document.findtext("EC") == "0042-00000216"
    call = place.complete(upload_id, [(1, etag)], x_oss_complete_all="no")
    assert refused(place.attacker, call) == (400, "InvalidArgument")
    place.attacker.ok(place.complete_all(upload_id))


@pytest.mark.parametrize("number", ["0", "10001", "-1", "x", "", "1.0", "9" * 30])
def test_numbers_that_no_part_can_have(place: UploadPlace, number: str) -> None:
    upload_id = place.begin()
    assert refused(place.attacker, place.part(upload_id, number)) == (400, "InvalidArgument")
    copy = place.part(upload_id, number, b"", x_oss_copy_source=f"/{place.name}/source")
    assert refused(place.attacker, copy) == (400, "InvalidArgument")


def test_an_upload_nobody_began(place: UploadPlace) -> None:
    other = place.begin("another key")
    for upload_id in (NO_UPLOAD, other, "x", "../../etc", "\n", "é"):
        name = (("uploadId", upload_id),)
        for call, ec in (
            (place.part(upload_id, 1), "0042-00000104"),
            (
                place.part(upload_id, 1, b"", x_oss_copy_source=f"/{place.name}/source"),
                "0042-00000311",
            ),
            (place.complete_all(upload_id), "0042-00000002"),
            (place.request("DELETE", "key", name), "0042-00000002"),
            (place.request("GET", "key", name), "0042-00000002"),
        ):
            assert refused(place.attacker, call) == (404, "NoSuchUpload")
            error = place.attacker.call(call).document
            assert (error.findtext("EC"), error.findtext("UploadId")) == (ec, upload_id)


def test_what_may_not_be_overwritten(place: UploadPlace) -> None:
    forbid = {"x_oss_forbid_overwrite": "true"}
    begin = place.request("POST", "source", (("uploads", None),), **forbid)
    assert refused(place.attacker, begin) == (409, "FileAlreadyExists")
    upload_id = place.begin("new", **forbid)
    place.put(upload_id, 1, key="new")
    place.attacker.ok(Call("PUT", place.name, "new", body=b"faster"))
    complete = place.complete_all(upload_id, "new", **forbid)
    assert refused(place.attacker, complete) == (409, "FileAlreadyExists")
    place.attacker.ok(place.complete_all(upload_id, "new"))


def test_sequential_uploads(place: UploadPlace) -> None:
    upload_id = place.begin("key", ("sequential", ""))
    copy = {"x_oss_copy_source": f"/{place.name}/source"}
    assert refused(place.attacker, place.part(upload_id, 2)) == (400, "PartNotSequential")
    assert refused(place.attacker, place.part(upload_id, 2, b"", **copy)) == (
        400,
        "PartNotSequential",
    )
    data = b"y" * KIB_100
    place.put(upload_id, 1, data)
    place.attacker.ok(place.part(upload_id, 2, b"", **copy))
    for number in (1, 2):
        call = place.part(upload_id, number)
        assert refused(place.attacker, call) == (409, "PartAlreadyExist")
    etag = place.put(upload_id, 3)
    call = place.complete(upload_id, [(3, etag)])
    assert refused(place.attacker, call) == (400, "PartNotSequential")
    first = hashlib.md5(data, usedforsecurity=False).hexdigest()
    place.attacker.ok(place.complete(upload_id, [(1, first)]))
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    for method in ("GET", "HEAD"):
        reply = place.attacker.ok(Call(method, place.name, "key"))
        assert reply.header("content-md5") == base64.b64encode(digest).decode()


def test_uploads_with_a_hash_context(place: UploadPlace) -> None:
    upload_id = place.begin("key", ("withHashContext", None), ("x-oss-enable-sha1", None))
    place.put(upload_id, 1)
    call = place.part(upload_id, 2)
    assert refused(place.attacker, call) == (400, "NoHashContext")
    assert place.attacker.call(call).document.findtext("EC") == "0042-00000106"
    place.attacker.ok(place.part(upload_id, 2, x_oss_hash_ctx="e30="))


def test_client_side_encryption_stays_the_same(place: UploadPlace) -> None:
    names = {"key": "k", "start": "s", "cek-alg": "AES/CTR/NoPadding", "wrap-alg": "rsa"}
    sizes = {"data-size": "150", "part-size": "100"}
    headers = {
        f"x_oss_meta_client_side_encryption_{name}": value
        for name, value in (names | sizes).items()
    }
    upload_id = place.begin(**headers)
    listing = place.attacker.ok(place.request("GET", "key", (("uploadId", upload_id),))).document
    assert listing.findtext("ClientEncryptionKey") == "k"
    assert listing.findtext("ClientEncryptionStart") == "s"
    assert listing.findtext("ClientEncryptionDataSize") == "150"
    start = "x_oss_meta_client_side_encryption_start"
    call = place.part(upload_id, 1, **{start: "other"})
    assert refused(place.attacker, call) == (400, "InvalidEncryptionRequest")
    etags = []
    for number in (1, 2, 3):
        reply = place.attacker.ok(place.part(upload_id, number, **{start: "s"}))
        etags.append((number, reply.header("etag")))
    call = place.complete(upload_id, etags)
    assert refused(place.attacker, call) == (400, "InvalidEncryptionRequest")


def test_encryption_is_said_once(place: UploadPlace) -> None:
    upload_id = place.begin(x_oss_server_side_encryption="AES256")
    encrypted = {"x_oss_server_side_encryption": "AES256"}
    call = place.part(upload_id, 1, **encrypted)
    assert refused(place.attacker, call) == (400, "InvalidArgument")
    reply = place.attacker.ok(place.part(upload_id, 1))
    assert reply.header("x-oss-server-side-encryption") == "AES256"
    call = place.complete_all(upload_id, **encrypted)
    assert refused(place.attacker, call) == (400, "InvalidArgument")
    reply = place.attacker.ok(place.complete_all(upload_id))
    assert reply.header("x-oss-server-side-encryption") == "AES256"
    head = place.attacker.ok(Call("HEAD", place.name, "key"))
    assert head.header("x-oss-server-side-encryption") == "AES256"


def test_a_part_that_is_not_what_was_announced(place: UploadPlace) -> None:
    upload_id = place.begin()
    wrong = base64.b64encode(b"0" * 16).decode()
    call = place.part(upload_id, 1, content_md5=wrong)
    assert refused(place.attacker, call) == (400, "InvalidDigest")
    call = place.part(upload_id, 1, x_oss_hash_crc64ecma="1")
    assert refused(place.attacker, call) == (400, "InvalidCRC64")
    call = place.part(upload_id, 1, b"x" * (4_194_304 + 1))
    assert refused(place.attacker, call) == (400, "EntityTooLarge")


def test_headers_of_an_object_mean_nothing_to_a_part(place: UploadPlace) -> None:
    upload_id = place.begin()
    call = place.part(
        upload_id,
        1,
        x_oss_object_acl="no such",
        x_oss_complete_all="yes",
        x_oss_storage_class="none",
        x_oss_meta_a_b="c",
    )
    place.attacker.ok(call)


@pytest.mark.parametrize("size", [10, 200_000], ids=["inline", "file"])
def test_nothing_is_left_of_a_part_whose_upload_went(
    place: UploadPlace, data_folder: Path, size: int
) -> None:
    upload_id = place.begin()
    before = blob_files(data_folder)
    call = place.part(upload_id, 1, b"x" * size)
    with place.attacker.line() as line:
        line.send(signed_head(call) + call.body[: size // 2])
        place.attacker.ok(place.request("DELETE", "key", (("uploadId", upload_id),)))
        line.send(call.body[size // 2 :])
        reply = line.reply("PUT")
    assert reply is not None
    assert (reply.status, code_of(reply)) == (404, "NoSuchUpload")
    assert blob_files(data_folder) == before


def test_a_bucket_with_uploads_cannot_be_deleted(attacker: Attacker) -> None:
    place = new_place(attacker)
    attacker.ok(Call("DELETE", place.name, "source"))
    upload_id = place.begin()
    assert refused(attacker, Call("DELETE", place.name)) == (409, "BucketNotEmpty")
    reply = attacker.ok(place.request("DELETE", "key", (("uploadId", upload_id),)))
    assert reply.status == 204
    attacker.ok(Call("DELETE", place.name))


def test_an_upload_is_a_version_only_when_complete(place: UploadPlace) -> None:
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    place.attacker.ok(place.request("PUT", "", (("versioning", None),), enabled))
    upload_id = place.begin("source", x_oss_forbid_overwrite="true")  # ignored with versions
    place.put(upload_id, 1, key="source")
    versions = place.attacker.ok(place.request("GET", "", (("versions", None),)))
    assert len(versions.document.findall("Version")) == 1
    reply = place.attacker.ok(place.complete_all(upload_id, "source"))
    version_id = reply.header("x-oss-version-id")
    assert version_id not in ("", "null")
    old = place.request("GET", "source", (("versionId", "null"),))
    assert len(place.attacker.ok(old).body) == 1000
