"""RestoreObject and CleanRestoredObject over HTTP: what is asked wrongly, and the clock."""

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


@pytest.fixture
def bucket(server: EmulatorProcess) -> oss2.Bucket:
    made = bucket_of(server, f"restores-{next(_NUMBERS)}")
    made.create_bucket()
    return made


def put(bucket: oss2.Bucket, storage_class: str, key: str = "key") -> None:
    bucket.put_object(key, b"content", headers={"x-oss-storage-class": storage_class})


def ask(bucket: oss2.Bucket, body: str, key: str = "key") -> tuple[int, str, str]:
    """Status, code and EC of a RestoreObject."""
    try:
        answer = bucket._do("POST", bucket.bucket_name, key, params={"restore": ""}, data=body)
    except oss2.exceptions.ServerError as error:
        return error.status, error.code, error.details.get("EC", "")
    return answer.status, "", ""


def days(number: object, tier: str = "") -> str:
    job = f"<JobParameters><Tier>{tier}</Tier></JobParameters>" if tier else ""
    return f"<RestoreRequest><Days>{number}</Days>{job}</RestoreRequest>"


WRONG = [
    ("Standard", "", (400, "OperationNotSupported", "0016-00000702")),
    ("IA", days(1, "Bulk"), (400, "OperationNotSupported", "0016-00000702")),
    ("Archive", days(0), (400, "InvalidArgument", "0016-00000708")),
    ("Archive", days(8), (400, "InvalidArgument", "0016-00000708")),
    ("Archive", days(1, "Standard"), (400, "MalformedXML", "")),
    ("ColdArchive", days(366), (400, "InvalidArgument", "0016-00000704")),
    ("ColdArchive", days("one"), (400, "MalformedXML", "")),
    ("ColdArchive", days(-1), (400, "MalformedXML", "")),
    ("ColdArchive", "<RestoreRequest/>", (400, "MalformedXML", "")),
    ("ColdArchive", days(1, "wrong-tier"), (400, "InvalidArgument", "0016-00000703")),
    (
        "ColdArchive",
        "<RestoreRequest><Days>1</Days><JobParameters/></RestoreRequest>",
        (400, "InvalidArgument", "0016-00000703"),
    ),
    ("DeepColdArchive", days(1, "Bulk"), (400, "InvalidArgument", "0016-00000703")),
]


@pytest.mark.parametrize(("storage_class", "body", "expected"), WRONG)
@covers("RestoreObject")
def test_a_wrong_request_changes_nothing(
    bucket: oss2.Bucket, storage_class: str, body: str, expected: tuple[int, str, str]
) -> None:
    put(bucket, storage_class)
    assert ask(bucket, body) == expected
    assert "x-oss-restore" not in bucket.head_object("key").headers


@covers("RestoreObject", "CleanRestoredObject")
def test_the_states_one_after_the_other(server: EmulatorProcess, bucket: oss2.Bucket) -> None:
    put(bucket, "ColdArchive")
    with pytest.raises(oss2.exceptions.ServerError) as frozen:
        bucket.get_object("key")
    assert (frozen.value.status, frozen.value.code) == (403, "InvalidObjectState")
    assert clean(bucket) == (409, "ArchiveRestoreFileStale")
    assert ask(bucket, days(2, "Standard"))[0] == 202
    assert ask(bucket, days(2, "Standard"))[:2] == (409, "RestoreAlreadyInProgress")
    assert ask(bucket, days(2, "Bulk")) == (400, "OperationNotSupported", "0016-00000715")
    assert ask(bucket, days(2, "Expedited"))[0] == 202
    assert clean(bucket) == (409, "ArchiveRestoreNotFinished")
    assert bucket.head_object("key").headers["x-oss-restore"] == 'ongoing-request="true"'
    server.advance(1)
    restored = bucket.get_object("key")
    assert restored.read() == b"content"
    begin = 'ongoing-request="false", expiry-date="'
    assert restored.headers["x-oss-restore"].startswith(begin)
    assert bucket.head_object("key").headers["x-oss-restore"] == restored.headers["x-oss-restore"]
    assert ask(bucket, days(3, "Standard"))[0] == 200
    assert clean(bucket) == (200, "")
    assert "x-oss-restore" not in bucket.head_object("key").headers
    assert ask(bucket, days(2, "Bulk"))[0] == 202
    server.advance(1)
    assert bucket.get_object("key").read() == b"content"
    server.advance(2 * _DAY_S)
    assert "x-oss-restore" not in bucket.head_object("key").headers
    with pytest.raises(oss2.exceptions.ServerError):
        bucket.get_object("key")


def clean(bucket: oss2.Bucket) -> tuple[int, str]:
    """Status and code of a CleanRestoredObject."""
    try:
        answer = bucket._do("POST", bucket.bucket_name, "key", params={"cleanRestoredObject": ""})
    except oss2.exceptions.ServerError as error:
        return error.status, error.code
    return answer.status, ""


@pytest.mark.parametrize("storage_class", ["Archive", "ColdArchive"])
def test_direct_reads_are_for_archive_objects(bucket: oss2.Bucket, storage_class: str) -> None:
    put(bucket, storage_class)
    copy = {"x-oss-storage-class": "Standard"}
    body = (
        "<ArchiveDirectReadConfiguration><Enabled>true</Enabled></ArchiveDirectReadConfiguration>"
    )
    params = {"bucketArchiveDirectRead": ""}
    bucket._do("PUT", bucket.bucket_name, "", params=params, data=body)
    if storage_class == "Archive":
        assert bucket.get_object("key").read() == b"content"
        bucket.copy_object(bucket.bucket_name, "key", "copy", headers=copy)
        return
    reads: list[Callable[[], object]] = [
        lambda: bucket.get_object("key"),
        lambda: bucket.copy_object(bucket.bucket_name, "key", "copy", headers=copy),
    ]
    for read in reads:
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            read()
        assert refused.value.code == "InvalidObjectState"


def test_what_is_restored_can_be_copied_in_parts(
    server: EmulatorProcess, bucket: oss2.Bucket
) -> None:
    put(bucket, "Archive")
    upload_id = bucket.init_multipart_upload("target").upload_id
    name = bucket.bucket_name
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.upload_part_copy(name, "key", None, "target", upload_id, 1)
    assert refused.value.code == "InvalidObjectState"
    bucket.restore_object("key")
    server.advance(1)
    bucket.upload_part_copy(name, "key", None, "target", upload_id, 1)


@covers("ListObjects", "ListObjectsV2", "ListObjectVersions")
def test_listings_tell_of_restores(server: EmulatorProcess, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    for key in ("begun", "frozen", "ready"):
        put(bucket, "Archive", key)
    bucket.put_object("plain", b"")
    bucket.restore_object("ready")
    server.advance(1)
    bucket.restore_object("begun")
    shown = {
        "begun": 'ongoing-request="true"',
        "frozen": None,
        "plain": None,
        "ready": bucket.head_object("ready").headers["x-oss-restore"],
    }
    assert "expiry-date" in str(shown["ready"])
    pages = (
        bucket.list_objects().object_list,
        bucket.list_objects_v2().object_list,
        bucket.list_objects_v2(fetch_owner=True).object_list,
        bucket.list_object_versions().versions,
    )
    for listed in pages:
        assert {each.key: each.restore_info for each in listed} == shown


def test_a_version_is_restored_by_its_id(server: EmulatorProcess, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    put(bucket, "Archive")
    first = bucket.head_object("key").versionid
    put(bucket, "Archive")
    answer = bucket.restore_object("key", params={"versionId": first})
    assert (answer.status, answer.versionid) == (202, first)
    server.advance(1)
    assert bucket.get_object("key", params={"versionId": first}).read() == b"content"
    with pytest.raises(oss2.exceptions.ServerError):
        bucket.get_object("key")
    with pytest.raises(oss2.exceptions.ServerError) as unknown:
        bucket.restore_object("key", params={"versionId": "CAEQ" + "A" * 60})
    assert unknown.value.code == "NoSuchVersion"


def test_documented_times(bucket: oss2.Bucket) -> None:
    settings = ("oss.check_signing_time=false", "oss.restore_times=documented")
    with EmulatorProcess(settings=settings) as process:
        slow = bucket_of(process, "slow-restores")
        slow.create_bucket()
        put(slow, "DeepColdArchive")
        slow.restore_object("key")
        process.advance(48 * 3600 - 1)
        assert slow.head_object("key").headers["x-oss-restore"] == 'ongoing-request="true"'
        process.advance(1)
        assert slow.get_object("key").read() == b"content"


def test_a_restore_makes_no_replica_readable(server: EmulatorProcess, bucket: oss2.Bucket) -> None:
    target = bucket_of(server, f"{bucket.bucket_name}-target")
    target.create_bucket()
    rule = oss2.models.ReplicationRule(
        target_bucket_name=target.bucket_name,
        target_bucket_location="oss-cn-hangzhou",
        sync_role_name="AliyunOSSRole",
    )
    bucket.put_bucket_replication(rule)
    put(bucket, "Archive")
    bucket.restore_object("key")
    server.settle()
    server.advance(1)
    assert bucket.get_object("key").read() == b"content"
    assert target.head_object("key").headers["x-oss-storage-class"] == "Archive"
    with pytest.raises(oss2.exceptions.ServerError) as frozen:
        target.get_object("key")
    assert frozen.value.code == "InvalidObjectState"
