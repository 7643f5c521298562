"""Retention with both clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import Lab, set_versioning
from tests.support.process import EmulatorProcess

pytestmark = pytest.mark.conformance

_DAY_S = 86_400


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """A server that takes signatures as old as they like."""
    settings = ("oss.check_signing_time=false", "oss.buckets_max=1000")
    with EmulatorProcess(settings=settings) as process:
        yield process
        assert process.errors() == ""


@pytest.fixture
def client(lab: Lab) -> Any:
    """The second client of account A."""
    return v2_client_of(lab.server)


def lock(bucket: oss2.Bucket, days: int) -> str:
    """Give a bucket a locked policy; its id."""
    worm_id = str(bucket.init_bucket_worm(days).worm_id)
    bucket.complete_bucket_worm(worm_id)
    return worm_id


@covers(
    "InitiateBucketWorm",
    "GetBucketWorm",
    "AbortBucketWorm",
    "CompleteBucketWorm",
    "ExtendBucketWorm",
)
def test_a_policy_with_the_first_client(lab: Lab) -> None:
    bucket = lab.create("worm")
    bucket.init_bucket_worm(1)
    bucket.abort_bucket_worm()
    worm_id = lock(bucket, 1)
    bucket.put_object("key", b"kept")
    bucket.extend_bucket_worm(worm_id, 2)
    shown = bucket.get_bucket_worm()
    assert (shown.worm_id, shown.state) == (worm_id, "Locked")
    assert shown.retention_period_days == 2
    lab.server.advance(2 * _DAY_S - 60)
    changes: list[Callable[[], object]] = [
        lambda: bucket.put_object("key", b""),
        lambda: bucket.delete_object("key"),
    ]
    for change in changes:
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            change()
        assert (refused.value.status, refused.value.code) == (409, "FileImmutable")
    lab.server.advance(120)
    bucket.delete_object("key")
    bucket.delete_bucket()


@covers(
    "InitiateBucketWorm",
    "GetBucketWorm",
    "AbortBucketWorm",
    "CompleteBucketWorm",
    "ExtendBucketWorm",
)
def test_a_policy_with_the_second_client(lab: Lab, client: Any) -> None:
    name = lab.create("worm").bucket_name
    initiate = oss_v2.InitiateBucketWormRequest(
        bucket=name,
        initiate_worm_configuration=oss_v2.InitiateWormConfiguration(retention_period_in_days=1),
    )
    client.initiate_bucket_worm(initiate)
    client.abort_bucket_worm(oss_v2.AbortBucketWormRequest(bucket=name))
    worm_id = client.initiate_bucket_worm(initiate).worm_id
    shown = client.get_bucket_worm(oss_v2.GetBucketWormRequest(bucket=name)).worm_configuration
    assert (shown.worm_id, shown.state, shown.retention_period_in_days) == (
        worm_id,
        "InProgress",
        1,
    )
    client.complete_bucket_worm(oss_v2.CompleteBucketWormRequest(bucket=name, worm_id=worm_id))
    client.extend_bucket_worm(
        oss_v2.ExtendBucketWormRequest(
            bucket=name,
            worm_id=worm_id,
            extend_worm_configuration=oss_v2.ExtendWormConfiguration(retention_period_in_days=2),
        )
    )
    shown = client.get_bucket_worm(oss_v2.GetBucketWormRequest(bucket=name)).worm_configuration
    assert (shown.state, shown.retention_period_in_days) == ("Locked", 2)
    client.put_object(oss_v2.PutObjectRequest(bucket=name, key="key", body=b""))
    with pytest.raises(oss_v2.exceptions.OperationError) as refused:
        client.delete_object(oss_v2.DeleteObjectRequest(bucket=name, key="key"))
    assert "FileImmutable" in str(refused.value)


@covers(
    "PutBucketObjectWormConfiguration",
    "GetBucketObjectWormConfiguration",
    "PutObjectRetention",
    "GetObjectRetention",
    "PutObjectLegalHold",
    "GetObjectLegalHold",
)
def test_single_objects_with_the_second_client(lab: Lab, client: Any) -> None:
    name = lab.create("retains", versioned=True).bucket_name
    retention = oss_v2.ObjectWormConfigurationRuleDefaultRetention(mode="GOVERNANCE", days=1)
    client.put_bucket_object_worm_configuration(
        oss_v2.PutBucketObjectWormConfigurationRequest(
            bucket=name,
            object_worm_configuration=oss_v2.ObjectWormConfiguration(
                object_worm_enabled="Enabled",
                rule=oss_v2.ObjectWormConfigurationRule(default_retention=retention),
            ),
        )
    )
    shown = client.get_bucket_object_worm_configuration(
        oss_v2.GetBucketObjectWormConfigurationRequest(bucket=name)
    ).object_worm_configuration
    assert shown.object_worm_enabled == "Enabled"
    assert (shown.rule.default_retention.mode, shown.rule.default_retention.days) == (
        "GOVERNANCE",
        1,
    )
    put = client.put_object(oss_v2.PutObjectRequest(bucket=name, key="key", body=b"kept"))
    until = "2099-01-01T00:00:00.000Z"
    client.put_object_retention(
        oss_v2.PutObjectRetentionRequest(
            bucket=name,
            key="key",
            retention=oss_v2.Retention(mode="GOVERNANCE", retain_until_date=until),
        )
    )
    client.put_object_legal_hold(
        oss_v2.PutObjectLegalHoldRequest(
            bucket=name, key="key", legal_hold=oss_v2.LegalHold(status="ON")
        )
    )
    got = client.get_object_retention(oss_v2.GetObjectRetentionRequest(bucket=name, key="key"))
    assert (got.retention.mode, got.retention.retain_until_date) == ("GOVERNANCE", until)
    held = client.get_object_legal_hold(oss_v2.GetObjectLegalHoldRequest(bucket=name, key="key"))
    assert held.legal_hold.status == "ON"
    head = client.head_object(oss_v2.HeadObjectRequest(bucket=name, key="key"))
    assert (head.object_worm_mode, head.object_worm_legal_hold) == ("GOVERNANCE", "ON")
    assert head.object_worm_retain_until_date == until
    forced = oss_v2.DeleteObjectRequest(
        bucket=name, key="key", version_id=put.version_id, bypass_governance_retention=True
    )
    with pytest.raises(oss_v2.exceptions.OperationError) as refused:
        client.delete_object(forced)
    assert "FileImmutable" in str(refused.value)
    client.put_object_legal_hold(
        oss_v2.PutObjectLegalHoldRequest(
            bucket=name, key="key", legal_hold=oss_v2.LegalHold(status="OFF")
        )
    )
    client.delete_object(forced)


def test_versioning_of_a_kept_bucket_stays(lab: Lab) -> None:
    bucket = lab.create("worm", versioned=True)
    lock(bucket, 1)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        set_versioning(bucket, "Suspended")
    assert (refused.value.status, refused.value.code) == (409, "InvalidBucketStatus")
