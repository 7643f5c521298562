"""Retention policies over HTTP: which operations they refuse, and when."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import oss2
import pytest

from tests.support.clients import bucket_of
from tests.support.covers import covers
from tests.support.process import EmulatorProcess

_NUMBERS = itertools.count(1)
_DAY_S = 86_400


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    settings = ("oss.check_signing_time=false", "oss.buckets_max=1000")
    with EmulatorProcess(settings=settings) as process:
        yield process
        assert process.errors() == ""


def make(server: EmulatorProcess, *, versioned: bool = False) -> oss2.Bucket:
    bucket = bucket_of(server, f"worms-{next(_NUMBERS)}")
    bucket.create_bucket()
    if versioned:
        set_versioning(bucket, "Enabled")
    return bucket


def set_versioning(bucket: oss2.Bucket, state: str) -> None:
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig(state))


def code_of(ask: Callable[[], object]) -> tuple[int, str]:
    """Status and code of a refusal, (200, "") without one."""
    try:
        ask()
    except oss2.exceptions.ServerError as error:
        return error.status, error.code
    return 200, ""


IMMUTABLE = (409, "FileImmutable")
CHANGES: dict[str, Callable[[oss2.Bucket], object]] = {
    "put": lambda bucket: bucket.put_object("key", b"other"),
    "append": lambda bucket: bucket.append_object("log", 3, b"more"),
    "copy": lambda bucket: bucket.copy_object(bucket.bucket_name, "other", "key"),
    "copy onto itself": lambda bucket: bucket.copy_object(
        bucket.bucket_name, "key", "key", headers={"x-oss-metadata-directive": "REPLACE"}
    ),
    "link": lambda bucket: bucket.put_symlink("other", "key"),
    "delete": lambda bucket: bucket.delete_object("key"),
    "delete a version": lambda bucket: bucket.delete_object("key", params={"versionId": "null"}),
    "delete many": lambda bucket: bucket.batch_delete_objects(["key", "none"]),
    "complete an upload": lambda bucket: complete(bucket, "key"),
}
ALLOWED: dict[str, Callable[[oss2.Bucket], object]] = {
    "another key": lambda bucket: bucket.put_object("new", b""),
    "read": lambda bucket: bucket.get_object("key"),
    "acl": lambda bucket: bucket.put_object_acl("key", "private"),
    "tags": lambda bucket: bucket.put_object_tagging("key", oss2.models.Tagging()),
    "append nothing": lambda bucket: bucket.append_object("log", 3, b""),
    "delete what is not there": lambda bucket: bucket.delete_object("none"),
}


def complete(bucket: oss2.Bucket, key: str) -> object:
    upload_id = bucket.init_multipart_upload(key).upload_id
    part = bucket.upload_part(key, upload_id, 1, b"part")
    parts = [oss2.models.PartInfo(1, part.etag)]
    try:
        return bucket.complete_multipart_upload(key, upload_id, parts)
    finally:
        if bucket.object_exists(key):
            bucket.abort_multipart_upload(key, upload_id)


@pytest.fixture(scope="module", params=["InProgress", "Locked"])
def kept(request: pytest.FixtureRequest, server: EmulatorProcess) -> oss2.Bucket:
    """A bucket with a policy of one day and objects made under it."""
    bucket = make(server)
    worm_id = bucket.init_bucket_worm(1).worm_id
    if request.param == "Locked":
        bucket.complete_bucket_worm(worm_id)
    for key in ("key", "other"):
        bucket.put_object(key, b"kept")
    bucket.append_object("log", 0, b"one")
    return bucket


@pytest.mark.parametrize("change", CHANGES)
@covers("InitiateBucketWorm", "CompleteBucketWorm")
def test_what_is_kept_can_be_neither_changed_nor_deleted(kept: oss2.Bucket, change: str) -> None:
    before = kept.head_object("key").headers["ETag"]
    assert code_of(lambda: CHANGES[change](kept)) == IMMUTABLE
    assert kept.head_object("key").headers["ETag"] == before
    assert kept.get_object("key").read() == b"kept"
    assert kept.get_object("log").read() == b"one"


@pytest.mark.parametrize("use", ALLOWED)
def test_what_is_kept_can_be_used(kept: oss2.Bucket, use: str) -> None:
    ALLOWED[use](kept)


def test_a_batch_with_one_kept_key_deletes_nothing(server: EmulatorProcess) -> None:
    bucket = make(server)
    bucket.put_object("a", b"old")
    server.advance(_DAY_S)
    bucket.init_bucket_worm(1)
    bucket.put_object("b", b"new")
    assert code_of(lambda: bucket.batch_delete_objects(["a", "b"])) == IMMUTABLE
    assert bucket.object_exists("a")
    bucket.delete_object("a")  # written more than a day ago


@covers("ExtendBucketWorm")
def test_retention_counts_from_the_last_modification(server: EmulatorProcess) -> None:
    bucket = make(server)
    bucket.put_object("key", b"")
    worm_id = bucket.init_bucket_worm(2).worm_id
    bucket.complete_bucket_worm(worm_id)
    server.advance(2 * _DAY_S - 5)
    assert code_of(lambda: bucket.delete_object("key")) == IMMUTABLE
    bucket.extend_bucket_worm(worm_id, 3)
    server.advance(10)
    assert code_of(lambda: bucket.delete_object("key")) == IMMUTABLE
    server.advance(_DAY_S)
    bucket.put_object("key", b"again")
    assert code_of(lambda: bucket.delete_object("key")) == IMMUTABLE
    server.advance(3 * _DAY_S)
    bucket.delete_object("key")


@covers("GetBucketWorm", "AbortBucketWorm")
def test_a_policy_that_is_not_locked_is_gone_after_a_day(server: EmulatorProcess) -> None:
    bucket = make(server)
    bucket.put_object("key", b"")
    first = bucket.init_bucket_worm(25_550).worm_id
    shown = bucket.get_bucket_worm()
    assert (shown.worm_id, shown.state, shown.retention_period_days) == (
        first,
        "InProgress",
        25_550,
    )
    server.advance(_DAY_S)
    assert code_of(bucket.get_bucket_worm) == (404, "NoSuchWORMConfiguration")
    assert code_of(lambda: bucket.complete_bucket_worm(first)) == (404, "NoSuchWORMConfiguration")
    bucket.delete_object("key")
    assert bucket.init_bucket_worm(1).worm_id != first
    assert bucket.abort_bucket_worm().status == 204
    assert bucket.abort_bucket_worm().status == 204


def test_requests_at_the_wrong_moment(server: EmulatorProcess) -> None:
    bucket = make(server)
    for days in (0, 25_551, "many"):
        refusal = code_of(lambda days=days: bucket.init_bucket_worm(days))  # type: ignore[misc]
        assert refusal == (400, "InvalidWORMConfiguration")
    missing = (404, "NoSuchWORMConfiguration")
    assert code_of(bucket.get_bucket_worm) == missing
    worm_id = bucket.init_bucket_worm(2).worm_id
    assert code_of(lambda: bucket.init_bucket_worm(2)) == (409, "WORMConfigurationAlreadyExists")
    assert code_of(lambda: bucket.extend_bucket_worm(worm_id, 3)) == (
        400,
        "InvalidWORMConfiguration",
    )
    assert code_of(lambda: bucket.complete_bucket_worm("OTHER")) == missing
    bucket.complete_bucket_worm(worm_id)
    locked = (403, "WORMConfigurationLocked")
    assert code_of(bucket.abort_bucket_worm) == locked
    assert code_of(lambda: bucket.extend_bucket_worm(worm_id, 1)) == locked
    assert code_of(lambda: bucket.extend_bucket_worm("OTHER", 9)) == missing
    assert code_of(lambda: set_versioning(bucket, "Enabled")) == (409, "InvalidBucketStatus")
    assert bucket.get_bucket_worm().retention_period_days == 2


def test_versioning_and_policies(server: EmulatorProcess) -> None:
    bucket = make(server, versioned=True)
    set_versioning(bucket, "Suspended")
    assert code_of(lambda: bucket.init_bucket_worm(1)) == (400, "InvalidBucketStatus")
    set_versioning(bucket, "Enabled")
    first = bucket.put_object("key", b"one").versionid
    bucket.init_bucket_worm(1)
    set_versioning(bucket, "Enabled")  # as it is
    assert code_of(lambda: set_versioning(bucket, "Suspended")) == (409, "InvalidBucketStatus")
    second = bucket.put_object("key", b"two").versionid
    marker = bucket.delete_object("key").versionid
    for version_id in (first, second):
        params = {"versionId": version_id}
        assert code_of(lambda: bucket.delete_object("key", params=params)) == IMMUTABLE  # noqa: B023 - called at once
    bucket.delete_object("key", params={"versionId": marker})
    assert bucket.get_object("key").read() == b"two"


def test_an_empty_bucket_goes_with_its_locked_policy(server: EmulatorProcess) -> None:
    bucket = make(server)
    bucket.complete_bucket_worm(bucket.init_bucket_worm(1).worm_id)
    bucket.put_object("key", b"")
    assert code_of(bucket.delete_bucket) == (409, "BucketNotEmpty")
    server.advance(_DAY_S)
    bucket.delete_object("key")
    bucket.delete_bucket()
    bucket.create_bucket()
    assert code_of(bucket.get_bucket_worm) == (404, "NoSuchWORMConfiguration")


@pytest.mark.parametrize("body", [b"", b"<VersioningConfiguration/>", b"Disabled", b"None", b"on"])
@covers("PutBucketVersioning")
def test_a_versioning_state_that_does_not_exist_is_malformed(
    server: EmulatorProcess, body: bytes
) -> None:
    bucket = make(server)
    if body.isalpha():
        body = b"<VersioningConfiguration><Status>%s</Status></VersioningConfiguration>" % body
    put = ("PUT", bucket.bucket_name, "")
    refusal = code_of(lambda: bucket._do(*put, params={"versioning": ""}, data=body))
    assert refusal == (400, "MalformedXML")
