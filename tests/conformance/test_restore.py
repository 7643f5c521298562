"""Archived objects with both clients on a clock that is moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import (
    RESTORE_TIER_EXPEDITED,
    RESTORE_TIER_STANDARD,
    RestoreConfiguration,
    RestoreJobParameters,
)

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import Lab
from tests.support.process import EmulatorProcess

pytestmark = pytest.mark.conformance

_HOUR_S, _DAY_S = 3_600, 86_400


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """A server whose restores take as long as documented; signatures are as old as they like."""
    settings = (
        "oss.check_signing_time=false",
        "oss.buckets_max=1000",
        "oss.restore_times=documented",
    )
    with EmulatorProcess(settings=settings) as process:
        yield process
        assert process.errors() == ""


@pytest.fixture
def client(lab: Lab) -> Any:
    """The second client of account A."""
    return v2_client_of(lab.server)


def put(bucket: oss2.Bucket, key: str, storage_class: str) -> None:
    bucket.put_object(key, b"content", headers={"x-oss-storage-class": storage_class})


@covers("RestoreObject")
def test_an_archive_object_with_the_first_client(lab: Lab) -> None:
    bucket = lab.create("archive")
    put(bucket, "key", "Archive")
    with pytest.raises(oss2.exceptions.ServerError) as frozen:
        bucket.get_object("key")
    assert (frozen.value.status, frozen.value.code) == (403, "InvalidObjectState")
    assert bucket.restore_object("key").status == 202
    with pytest.raises(oss2.exceptions.RestoreAlreadyInProgress):
        bucket.restore_object("key")
    lab.server.advance(60)
    assert bucket.get_object("key").read() == b"content"
    assert bucket.restore_object("key").status == 200
    lab.server.advance(_DAY_S)
    with pytest.raises(oss2.exceptions.ServerError):
        bucket.get_object("key")


@covers("RestoreObject", "CleanRestoredObject")
def test_a_cold_object_is_restored_faster_and_given_up_with_the_first_client(lab: Lab) -> None:
    bucket = lab.create("cold")
    put(bucket, "key", "ColdArchive")
    slow = RestoreConfiguration(2, RestoreJobParameters(RESTORE_TIER_STANDARD))
    fast = RestoreConfiguration(2, RestoreJobParameters(RESTORE_TIER_EXPEDITED))
    begun = bucket.restore_object("key", input=slow)
    assert begun.headers["x-oss-object-restore-priority"] == "Standard"
    raised = bucket.restore_object("key", input=fast)
    assert (raised.status, raised.headers["x-oss-object-restore-priority"]) == (202, "Expedited")
    with pytest.raises(oss2.exceptions.ServerError) as lowered:
        bucket.restore_object("key", input=slow)
    assert lowered.value.status == 400
    lab.server.advance(_HOUR_S)
    assert bucket.get_object("key").read() == b"content"


@covers("RestoreObject", "CleanRestoredObject", "ListObjectsV2", "HeadObject")
def test_a_cold_object_with_the_second_client(lab: Lab, client: Any) -> None:
    name = lab.create("colder").bucket_name
    client.put_object(
        oss_v2.PutObjectRequest(
            bucket=name, key="key", body=b"content", storage_class="DeepColdArchive"
        )
    )
    with pytest.raises(oss_v2.exceptions.OperationError) as stale:
        client.clean_restored_object(oss_v2.CleanRestoredObjectRequest(bucket=name, key="key"))
    assert "ArchiveRestoreFileStale" in str(stale.value)
    request = oss_v2.RestoreObjectRequest(
        bucket=name,
        key="key",
        restore_request=oss_v2.RestoreRequest(
            days=2, job_parameters=oss_v2.JobParameters(tier="Expedited")
        ),
    )
    begun = client.restore_object(request)
    assert (begun.status_code, begun.restore_priority) == (202, "Expedited")
    listed = client.list_objects_v2(oss_v2.ListObjectsV2Request(bucket=name)).contents[0]
    assert listed.restore_info == 'ongoing-request="true"'
    lab.server.advance(12 * _HOUR_S)
    head = client.head_object(oss_v2.HeadObjectRequest(bucket=name, key="key"))
    assert head.restore.startswith('ongoing-request="false", expiry-date="')
    assert client.restore_object(request).status_code == 200
    read = client.get_object(oss_v2.GetObjectRequest(bucket=name, key="key"))
    assert read.body.content == b"content"
    client.clean_restored_object(oss_v2.CleanRestoredObjectRequest(bucket=name, key="key"))
    with pytest.raises(oss_v2.exceptions.OperationError) as frozen:
        client.get_object(oss_v2.GetObjectRequest(bucket=name, key="key"))
    assert "InvalidObjectState" in str(frozen.value)


@covers("RestoreObject")
def test_only_the_version_that_is_named_is_restored(lab: Lab) -> None:
    bucket = lab.create("archive", versioned=True)
    put(bucket, "key", "Archive")
    first = bucket.head_object("key").versionid
    put(bucket, "key", "Archive")
    assert bucket.restore_object("key", params={"versionId": first}).versionid == first
    lab.server.advance(60)
    shown = {each.versionid: each.restore_info for each in bucket.list_object_versions().versions}
    assert [bool(info) for info in shown.values()] == [False, True]
    assert bucket.get_object("key", params={"versionId": first}).read() == b"content"


def test_a_replica_is_not_restored_with_its_source(lab: Lab) -> None:
    source, destination = lab.replicate()
    put(source, "key", "Archive")
    source.restore_object("key")
    lab.settle()
    lab.server.advance(60)
    assert source.get_object("key").read() == b"content"
    with pytest.raises(oss2.exceptions.ServerError) as frozen:
        destination.get_object("key")
    assert frozen.value.code == "InvalidObjectState"
