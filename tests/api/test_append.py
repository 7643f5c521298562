"""AppendObject and SealAppendObject: positions, what is refused, and what stays in the store."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import fastcrc
import pytest

from tests.api.test_errors_of_operations import refused
from tests.support.hostile import Attacker, Line, Reply, check_refused
from tests.support.places import SUSPENDED, fresh_bucket
from tests.support.wire import Call, signed_head

Headers = tuple[tuple[str, str], ...]


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "append") as name:
        yield name


@pytest.fixture
def versioned(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "append-versioned", versioned=True) as name:
        yield name


def append(
    bucket: str, position: object, body: bytes = b"", headers: Headers = (), key: str = "log"
) -> Call:
    query = (("append", None), ("position", str(position)))
    return Call("POST", bucket, key, query, headers, body)


def seal(bucket: str, position: object, key: str = "log") -> Call:
    return Call("POST", bucket, key, (("seal", None), ("position", str(position))))


def crc(data: bytes) -> str:
    return str(fastcrc.crc64.xz(data))


def test_an_append_goes_on_where_the_object_ends(attacker: Attacker, bucket: str) -> None:
    whole, etags = b"", set()
    for piece in (b"first ", b"second ", b"x" * 100_000, b"", b"end"):
        reply = attacker.ok(append(bucket, len(whole), piece))
        whole += piece
        assert reply.header("x-oss-next-append-position") == str(len(whole))
        assert reply.header("x-oss-hash-crc64ecma") == crc(whole)
        assert reply.header("x-oss-version-id") == ""
        etags.add(reply.header("etag"))
    assert len(etags) == 4  # appending nothing changes nothing
    assert all(etag.strip('"').endswith("00000000") and len(etag) == 34 for etag in etags)
    read = attacker.ok(Call("GET", bucket, "log"))
    assert read.body == whole
    assert read.header("x-oss-object-type") == "Appendable"
    assert read.header("x-oss-hash-crc64ecma") == crc(whole)
    assert read.header("content-md5") == ""


def test_a_wrong_position_is_answered_with_the_right_one(attacker: Attacker, bucket: str) -> None:
    for position, after in ((5, "0"), (0, None), (0, "3"), (4, "3"), (2, "3")):
        reply = attacker.call(append(bucket, position, b"abc"))
        if after is None:
            assert reply.status == 200
            continue
        check_refused(reply, 409, "PositionNotEqualToLength")
        assert reply.header("x-oss-next-append-position") == after
        assert reply.document.findtext("EC") == "0026-00000016"
    assert attacker.ok(Call("GET", bucket, "log")).body == b"abc"


def test_what_is_in_the_way_is_refused_before_the_body_is_asked_for(
    attacker: Attacker, bucket: str
) -> None:
    attacker.ok(append(bucket, 0, b"abc"))
    call = append(bucket, 1, b"x" * 1000, (("expect", "100-continue"),))
    with attacker.line() as line:
        line.send(signed_head(call))
        reply = line.reply("POST")
    check_refused(reply, 409, "PositionNotEqualToLength")


def _wrong(bucket: str) -> list[tuple[str, Call, int, str]]:
    class_ = "x-oss-storage-class"
    return [
        ("a normal object", append(bucket, 7, key="normal"), 409, "ObjectNotAppendable"),
        ("a link", append(bucket, 0, key="link"), 409, "ObjectNotAppendable"),
        ("no object to seal", seal(bucket, 0, "none"), 404, "NoSuchKey"),
        ("a normal object to seal", seal(bucket, 7, "normal"), 409, "ObjectNotAppendable"),
        ("sealed elsewhere", seal(bucket, 2), 409, "PositionNotEqualToLength"),
        ("below nought", append(bucket, -1), 400, "InvalidArgument"),
        ("no number", append(bucket, "1e3"), 400, "InvalidArgument"),
        ("no position", Call("POST", bucket, "log", (("append", None),)), 400, "MissingArgument"),
        ("a version", append(bucket, 3)._replace(query=(("append", None), ("position", "3"),
         ("versionId", "null"))), 400, "InvalidArgument"),
        ("MD5", append(bucket, 3, b"x", (("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),)), 400,
         "InvalidDigest"),
        ("CRC", append(bucket, 3, b"x", (("x-oss-hash-crc64ecma", "1"),)), 400, "InvalidCRC64"),
        ("cold", append(bucket, 0, b"", ((class_, "ColdArchive"),), "new"), 400,
         "InvalidArgument"),
        ("class", append(bucket, 0, b"", ((class_, "Gold"),), "new"), 400, "InvalidArgument"),
        ("tags", append(bucket, 0, b"", (("x-oss-tagging", "a=1&a=2"),), "new"), 400,
         "InvalidArgument"),
        ("exists", append(bucket, 3, b"", (("x-oss-forbid-overwrite", "true"),)), 409,
         "FileAlreadyExists"),
        ("own key", append(bucket, 0, b"", (("x-oss-server-side-encryption", "KMS"),
         ("x-oss-server-side-encryption-key-id", "k")), "new"), 400, "InvalidArgument"),
        ("beyond", append(bucket, 3, b"x" * (1 << 22)), 400, "EntityTooLarge"),
    ]  # fmt: skip


@pytest.mark.parametrize("row", range(17))
def test_what_cannot_be_appended_changes_nothing(attacker: Attacker, bucket: str, row: int) -> None:
    attacker.ok(append(bucket, 0, b"abc"))
    attacker.ok(Call("PUT", bucket, "normal", body=b"content"))
    link = (("x-oss-symlink-target", "normal"),)
    attacker.ok(Call("PUT", bucket, "link", (("symlink", None),), link))
    rows = _wrong(bucket)
    assert len(rows) == 17
    name, call, status, code = rows[row]
    assert refused(attacker, call) == (status, code), name


def test_only_the_first_append_describes_the_object(attacker: Attacker, bucket: str) -> None:
    first = (
        ("content-type", "text/x-log"),
        ("x-oss-meta-a", "1"),
        ("x-oss-storage-class", "IA"),
        ("x-oss-object-acl", "public-read"),
        ("x-oss-tagging", "k=v"),
    )
    attacker.ok(append(bucket, 0, b"a", first))
    too_many = "&".join(f"k{number}=v" for number in range(15))
    later = (("content-type", "b/b"), ("x-oss-meta-a", "2"), ("x-oss-tagging", too_many))
    attacker.ok(append(bucket, 1, b"b", later))
    read = attacker.ok(Call("GET", bucket, "log"))
    shown = {name: read.header(name) for name, _ in first}
    assert shown["content-type"] == "text/x-log"
    assert (shown["x-oss-meta-a"], shown["x-oss-storage-class"]) == ("1", "IA")
    assert read.header("x-oss-tagging-count") == "1"
    assert attacker.call(Call("GET", bucket, "log"), "").body == b"ab"  # public


def test_a_sealed_object_ends_for_good(attacker: Attacker, bucket: str) -> None:
    attacker.ok(append(bucket, 0, b"abc"))
    assert attacker.ok(Call("HEAD", bucket, "log")).header("x-oss-sealed-time") == ""
    sealed = attacker.ok(seal(bucket, 3)).header("x-oss-sealed-time")
    assert sealed.endswith(" GMT")
    assert attacker.ok(seal(bucket, 3)).header("x-oss-sealed-time") == sealed
    check_refused(attacker.call(append(bucket, 3, b"d")), 400, "AppendSealedObjectNotAllowed")
    for method in ("GET", "HEAD"):
        assert attacker.ok(Call(method, bucket, "log")).header("x-oss-sealed-time") == sealed
    onto_itself = (("x-oss-copy-source", f"/{bucket}/log"), ("x-oss-meta-new", "1"))
    attacker.ok(Call("PUT", bucket, "log", headers=onto_itself))
    check_refused(attacker.call(append(bucket, 3, b"d")), 400, "AppendSealedObjectNotAllowed")
    attacker.ok(Call("PUT", bucket, "log", body=b"new"))
    assert attacker.ok(Call("HEAD", bucket, "log")).header("x-oss-sealed-time") == ""


def _stack(attacker: Attacker, bucket: str) -> list[tuple[str, str, str]]:
    query = (("versions", None),)
    document = attacker.ok(Call("GET", bucket, query=query)).document
    return [
        (each.tag, each.findtext("VersionId", "")[:4], each.findtext("Type", ""))
        for each in document
        if each.tag in ("Version", "DeleteMarker")
    ]


def test_in_a_versioned_bucket_the_null_version_grows(attacker: Attacker, versioned: str) -> None:
    for position, body in ((0, b"a"), (1, b"b")):
        reply = attacker.ok(append(versioned, position, body))
        assert reply.header("x-oss-version-id") == "null"
    assert _stack(attacker, versioned) == [("Version", "null", "Appendable")]
    attacker.ok(Call("PUT", versioned, "log", body=b"over it"))
    assert _stack(attacker, versioned) == [
        ("Version", "CAEQ", "Normal"),
        ("Version", "null", "Appendable"),
    ]
    check_refused(attacker.call(append(versioned, 2, b"c")), 409, "ObjectNotAppendable")
    old = Call("GET", versioned, "log", (("versionId", "null"),))
    assert attacker.ok(old).body == b"ab"
    attacker.ok(Call("DELETE", versioned, "log"))
    check_refused(attacker.call(append(versioned, 2, b"c")), 409, "PositionNotEqualToLength")
    # on top of a delete marker a new one begins, and there is one null version only
    attacker.ok(append(versioned, 0, b"again"))
    assert [each[1:] for each in _stack(attacker, versioned)] == [
        ("null", "Appendable"),
        ("CAEQ", ""),
        ("CAEQ", "Normal"),
    ]
    assert attacker.ok(old).body == b"again"


def test_in_a_suspended_bucket_a_null_marker_is_replaced(
    attacker: Attacker, versioned: str
) -> None:
    attacker.ok(Call("PUT", versioned, query=(("versioning", None),), body=SUSPENDED))
    attacker.ok(append(versioned, 0, b"a"))
    attacker.ok(Call("DELETE", versioned, "log"))
    attacker.ok(append(versioned, 0, b"b"))
    assert _stack(attacker, versioned) == [("Version", "null", "Appendable")]
    assert attacker.ok(Call("GET", versioned, "log")).body == b"b"


def test_of_many_appends_at_one_position_exactly_one_wins(attacker: Attacker, bucket: str) -> None:
    writers = 8
    for turn in range(5):
        body = bytes([65 + turn]) * 70_000  # a file: the losers' must go again
        statuses: list[int] = []

        def write(number: int, turn: int = turn, body: bytes = body) -> None:
            data = bytes([number]) + body[1:]
            call = append(bucket, turn * 70_000, data)
            with attacker.line() as line:
                line.send(signed_head(call) + data)
                reply = line.reply("POST")
            assert reply is not None
            statuses.append(reply.status)  # noqa: B023 - joined below

        threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] + [409] * (writers - 1)
    assert len(attacker.ok(Call("GET", bucket, "log")).body) == 5 * 70_000


def _extents(data_folder: Path, bucket: str, key: str) -> str:
    with sqlite3.connect(data_folder / "meta.db") as database:
        database.execute("PRAGMA query_only = ON")
        row = database.execute(
            "SELECT extents FROM versions JOIN buckets ON buckets.id = bucket_id"
            " WHERE name = ? AND key = ?",
            (bucket, key),
        ).fetchone()
    return str(row[0])


def test_many_small_appends_stay_few_pieces(
    attacker: Attacker, bucket: str, data_folder: Path
) -> None:
    chance = random.Random(1)
    whole = b""
    for _ in range(300):
        piece = chance.randbytes(chance.choice((1, 20, 300, 3000)))
        attacker.ok(append(bucket, len(whole), piece))
        whole += piece
    read = attacker.ok(Call("GET", bucket, "log"))
    assert read.body == whole
    assert read.header("x-oss-hash-crc64ecma") == crc(whole)
    assert _extents(data_folder, bucket, "log").count("[") < 40
    part = attacker.ok(Call("GET", bucket, "log", headers=(("range", "bytes=1000-99999"),)))
    assert part.body == whole[1000:100_000]


def test_a_chunked_append(attacker: Attacker, bucket: str) -> None:
    attacker.ok(append(bucket, 0, b"abc"))
    head = signed_head(append(bucket, 3)).replace(
        b"content-length: 0", b"transfer-encoding: chunked"
    )
    with attacker.line() as line:
        line.send(head + b"3\r\ndef\r\n0\r\n\r\n")
        reply = line.reply("POST")
    assert reply is not None
    assert reply.status == 200
    assert reply.header("x-oss-hash-crc64ecma") == crc(b"abcdef")


def test_a_copy_keeps_what_was_there_when_it_was_made(attacker: Attacker, bucket: str) -> None:
    attacker.ok(append(bucket, 0, b"abc"))
    attacker.ok(Call("PUT", bucket, "copy", headers=(("x-oss-copy-source", f"/{bucket}/log"),)))
    attacker.ok(append(bucket, 3, b"def"))  # the tail they share is stored anew
    copy = attacker.ok(Call("GET", bucket, "copy"))
    assert copy.body == b"abc"
    assert copy.header("x-oss-object-type") == "Normal"
    assert copy.header("content-md5") == ""  # its ETag is no MD5
    attacker.ok(Call("DELETE", bucket, "log"))
    assert attacker.ok(Call("GET", bucket, "copy")).body == b"abc"


def test_a_copy_onto_itself_stays_appendable(attacker: Attacker, bucket: str) -> None:
    attacker.ok(append(bucket, 0, b"abc", (("x-oss-server-side-encryption", "AES256"),)))
    headers = (("x-oss-copy-source", f"/{bucket}/log"), ("x-oss-meta-new", "1"))
    attacker.ok(Call("PUT", bucket, "log", headers=headers))
    attacker.ok(append(bucket, 3, b"def"))
    read = attacker.ok(Call("GET", bucket, "log"))
    assert (read.body, read.header("x-oss-meta-new")) == (b"abcdef", "1")
    assert read.header("x-oss-server-side-encryption") == "AES256"


def test_an_appendable_object_is_not_copied_where_versions_are_kept(
    attacker: Attacker, bucket: str, versioned: str
) -> None:
    attacker.ok(append(bucket, 0, b"abc"))
    copy = (("x-oss-copy-source", f"/{bucket}/log"),)
    call = Call("PUT", versioned, "copy", headers=copy)
    assert refused(attacker, call) == (400, "OperationNotSupported")


def test_the_encryption_of_the_first_append_stays(attacker: Attacker, bucket: str) -> None:
    name = "x-oss-server-side-encryption"

    def shown(reply: Reply) -> tuple[str, str]:
        return reply.header(name), reply.header(f"{name}-key-id")

    first = shown(attacker.ok(append(bucket, 0, b"1", ((name, "KMS"),))))
    assert first[0] == "KMS"
    assert first[1]
    assert shown(attacker.ok(append(bucket, 1, b"2"))) == first
    assert shown(attacker.ok(append(bucket, 2, b"3", ((name, "AES256"),)))) == first
    assert shown(attacker.ok(Call("HEAD", bucket, "log"))) == first


def test_a_broken_append_leaves_nothing(attacker: Attacker, bucket: str) -> None:
    attacker.ok(append(bucket, 0, b"abc"))
    body = b"x" * 200_000
    with Line(attacker.server.port) as line:
        line.send(signed_head(append(bucket, 3, body)) + body[:100_000])
    assert attacker.ok(Call("GET", bucket, "log")).body == b"abc"
    attacker.ok(append(bucket, 3, b"def"))
