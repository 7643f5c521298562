"""PutSymlink, GetSymlink and reading through a link."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.test_errors_of_operations import code_of, refused
from tests.support.hostile import Attacker, check_refused
from tests.support.places import fresh_bucket
from tests.support.wire import Call

ARCHIVE = ("x-oss-storage-class", "Archive")


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "symlink") as name:
        yield name


@pytest.fixture
def versioned(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "symlink-versioned", versioned=True) as name:
        yield name


def link(bucket: str, target: str, *headers: tuple[str, str], key: str = "link") -> Call:
    headers = (("x-oss-symlink-target", target), *headers)
    return Call("PUT", bucket, key, (("symlink", None),), headers)


def get_link(bucket: str, key: str = "link", version_id: str = "") -> Call:
    version = (("versionId", version_id),) if version_id else ()
    return Call("GET", bucket, key, (("symlink", None), *version))


def test_a_link_says_where_it_leads(attacker: Attacker, bucket: str) -> None:
    target = "%E4%B8%AD%2Fa%20b%2Bc"
    made = attacker.ok(link(bucket, target, ("x-oss-meta-a", "1")))
    assert made.header("x-oss-hash-crc64ecma") == "0"
    assert len(made.header("etag")) == 34
    assert made.header("x-oss-version-id") == ""
    read = attacker.ok(get_link(bucket))
    assert read.header("x-oss-symlink-target") == target
    assert read.header("etag") == made.header("etag")
    assert read.header("x-oss-meta-a") == "1"
    assert read.header("last-modified").endswith(" GMT")
    assert read.body == b""
    assert attacker.ok(link(bucket, target)).header("etag") != made.header("etag")


def test_reading_goes_through_to_the_target(attacker: Attacker, bucket: str) -> None:
    made = attacker.ok(Call("PUT", bucket, "dir/target", body=b"0123456789"))
    described = (
        ("content-type", "text/x-link"),
        ("x-oss-meta-a", "link"),
        ("x-oss-tagging", "k=v"),
    )
    attacker.ok(link(bucket, "dir%2Ftarget", *described))
    for method in ("GET", "HEAD"):
        read = attacker.ok(Call(method, bucket, "link"))
        assert read.header("etag") == made.header("etag")
        assert read.header("content-md5") == made.header("content-md5")
        assert read.header("x-oss-hash-crc64ecma") == made.header("x-oss-hash-crc64ecma")
        assert read.header("content-length") == "10"
        assert read.header("x-oss-object-type") == "Symlink"
        assert read.header("content-type") == "text/x-link"
        assert read.header("x-oss-meta-a") == "link"
        assert read.header("x-oss-tagging-count") == "1"
    assert attacker.ok(Call("GET", bucket, "link")).body == b"0123456789"
    part = attacker.ok(Call("GET", bucket, "link", headers=(("range", "bytes=2-4"),)))
    assert (part.status, part.body) == (206, b"234")
    unchanged = (("if-none-match", made.header("etag")),)
    assert attacker.call(Call("GET", bucket, "link", headers=unchanged)).status == 304
    meta = attacker.ok(Call("HEAD", bucket, "link", (("objectMeta", None),)))
    assert meta.header("etag") != made.header("etag")  # of the link itself (documented)


def test_an_appendable_target_through_its_link(attacker: Attacker, bucket: str) -> None:
    query = (("append", None), ("position", "0"))
    attacker.ok(Call("POST", bucket, "log", query, body=b"abc"))
    attacker.ok(link(bucket, "log"))
    read = attacker.ok(Call("GET", bucket, "link"))
    assert read.body == b"abc"
    assert read.header("x-oss-next-append-position") == ""
    assert read.header("content-md5") == ""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_links_that_lead_nowhere(attacker: Attacker, bucket: str, method: str) -> None:
    attacker.ok(link(bucket, "missing"))
    attacker.ok(link(bucket, "link", key="to-a-link"))
    attacker.ok(link(bucket, "itself", key="itself"))
    through = Call(method, bucket, "link")
    assert refused(attacker, through) == (404, "SymlinkTargetNotExist")
    for key in ("to-a-link", "itself"):
        reply = attacker.call(Call(method, bucket, key))
        assert (reply.status, code_of(reply)) == (400, "InvalidTargetType")


def test_a_target_that_is_archived_cannot_be_read(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "cold", headers=(ARCHIVE,), body=b"x"))
    attacker.ok(link(bucket, "cold"))
    assert refused(attacker, Call("GET", bucket, "link")) == (403, "InvalidObjectState")
    assert attacker.ok(Call("HEAD", bucket, "link")).header("x-oss-storage-class") == "Standard"
    attacker.ok(Call("PUT", bucket, "warm", body=b"x"))
    attacker.ok(link(bucket, "warm", ARCHIVE, key="cold-link"))
    assert refused(attacker, Call("GET", bucket, "cold-link")) == (403, "InvalidObjectState")


def test_the_right_to_read_a_link_is_not_enough(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "secret", body=b"x"))
    attacker.ok(link(bucket, "secret", ("x-oss-object-acl", "public-read")))
    attacker.ok(link(bucket, "missing", ("x-oss-object-acl", "public-read"), key="dangling"))
    for key in ("link", "dangling"):
        check_refused(attacker.call(Call("GET", bucket, key), ""), 403, "AccessDenied")
        attacker.ok(get_link(bucket, key), "")
    public = (("x-oss-object-acl", "public-read"),)
    attacker.ok(Call("PUT", bucket, "secret", headers=public, body=b"y"))
    assert attacker.ok(Call("GET", bucket, "link"), "").body == b"y"


WRONG = [
    ("no target", "", (), 400, "InvalidArgument"),
    ("no UTF-8", "%ff", (), 400, "InvalidArgument"),
    ("half an escape", "a%2", (), 400, "InvalidArgument"),
    ("a slash first", "%2Fa", (), 400, "InvalidArgument"),
    ("too long", "a" * 1024, (), 400, "InvalidArgument"),
    ("cold", "t", (("x-oss-storage-class", "ColdArchive"),), 400, "InvalidArgument"),
    ("class", "t", (("x-oss-storage-class", "Gold"),), 400, "InvalidArgument"),
    ("ACL", "t", (("x-oss-object-acl", "all"),), 400, "InvalidArgument"),
    ("metadata", "t", (("x-oss-meta-a_b", "1"),), 400, "InvalidArgument"),
    ("tags", "t", (("x-oss-tagging", "a=1&a=2"),), 400, "InvalidArgument"),
    ("exists", "t", (("x-oss-forbid-overwrite", "true"),), 409, "FileAlreadyExists"),
]


@pytest.mark.parametrize(
    ("name", "target", "headers", "status", "code"), WRONG, ids=[row[0] for row in WRONG]
)
def test_what_is_no_link_changes_nothing(
    attacker: Attacker,
    bucket: str,
    name: str,
    target: str,
    headers: tuple[tuple[str, str], ...],
    status: int,
    code: str,
) -> None:
    attacker.ok(link(bucket, "t"))
    assert refused(attacker, link(bucket, target, *headers)) == (status, code), name


def test_only_a_link_can_be_read_as_one(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "normal", body=b"x"))
    assert refused(attacker, get_link(bucket, "normal")) == (400, "NotSymlink")
    assert refused(attacker, get_link(bucket, "missing")) == (404, "NoSuchKey")


def test_each_version_of_a_link_leads_elsewhere(attacker: Attacker, versioned: str) -> None:
    for key in ("one", "two"):
        attacker.ok(Call("PUT", versioned, key, body=key.encode()))
    first = attacker.ok(link(versioned, "one")).header("x-oss-version-id")
    second = attacker.ok(link(versioned, "two")).header("x-oss-version-id")
    for version_id, target in ((first, "one"), (second, "two")):
        read = attacker.ok(get_link(versioned, "link", version_id))
        assert read.header("x-oss-symlink-target") == target
        assert read.header("x-oss-version-id") == version_id
        through = Call("GET", versioned, "link", (("versionId", version_id),))
        assert attacker.ok(through).body == target.encode()
    # the current version of the target counts
    attacker.ok(Call("PUT", versioned, "two", body=b"newer"))
    assert attacker.ok(Call("GET", versioned, "link")).body == b"newer"
    attacker.ok(Call("DELETE", versioned, "two"))
    check_refused(attacker.call(Call("GET", versioned, "link")), 404, "SymlinkTargetNotExist")
    marker = attacker.ok(Call("DELETE", versioned, "link")).header("x-oss-version-id")
    gone = attacker.call(get_link(versioned))
    check_refused(gone, 404, "NoSuchKey")
    assert gone.header("x-oss-delete-marker") == "true"
    assert gone.header("x-oss-version-id") == marker


def test_a_copy_of_a_link_is_a_link(attacker: Attacker, bucket: str, versioned: str) -> None:
    attacker.ok(Call("PUT", bucket, "target", body=b"here"))
    attacker.ok(Call("PUT", versioned, "target", body=b"there"))
    attacker.ok(link(bucket, "target", ("x-oss-meta-a", "1")))
    source = (("x-oss-copy-source", f"/{bucket}/link"),)
    for name, content in ((bucket, b"here"), (versioned, b"there")):
        attacker.ok(Call("PUT", name, "copy", headers=source))
        read = attacker.ok(get_link(name, "copy"))
        assert read.header("x-oss-symlink-target") == "target"
        assert read.header("x-oss-meta-a") == "1"
        assert attacker.ok(Call("GET", name, "copy")).body == content


def test_a_link_is_listed_as_one(attacker: Attacker, bucket: str) -> None:
    attacker.ok(link(bucket, "t"))
    listed = attacker.ok(Call("GET", bucket)).document
    assert listed.findtext("Contents/Type") == "Symlink"
    assert listed.findtext("Contents/Size") == "0"
