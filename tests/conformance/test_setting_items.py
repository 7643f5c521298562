"""Access points, domain names, tasks, channels and limits, as both vendor clients see them."""

from __future__ import annotations

from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import (
    BucketQosInfo,
    BucketUserQos,
    CreateAccessPointRequest,
    LiveChannelInfo,
    LiveChannelInfoTarget,
    PutBucketCnameRequest,
)

from tests.support.clients import auth_of, v2_client_of
from tests.support.covers import covers
from tests.support.lab import Lab
from tests.support.process import UID_A

pytestmark = pytest.mark.conformance


@pytest.fixture
def client(lab: Lab) -> Any:
    """The second client, of account A."""
    return v2_client_of(lab.server)


@pytest.fixture
def bucket(lab: Lab) -> oss2.Bucket:
    """A new bucket, as the first client sees it."""
    return lab.create("items")


@pytest.fixture
def service(lab: Lab) -> oss2.Service:
    """The first client without a bucket."""
    return oss2.Service(auth_of("a"), lab.server.endpoint)


@covers(
    "CreateAccessPoint",
    "GetAccessPoint",
    "ListAccessPoints",
    "ListBucketAccessPoints",
    "DeleteAccessPoint",
    "PutAccessPointPolicy",
    "GetAccessPointPolicy",
    "DeleteAccessPointPolicy",
)
def test_access_points(client: Any, bucket: oss2.Bucket, service: oss2.Service) -> None:
    name = bucket.bucket_name
    made = bucket.create_access_point(CreateAccessPointRequest("ap-first", "internet"))
    got = bucket.get_access_point("ap-first")
    assert (got.bucket, got.account_id, got.alias) == (name, UID_A, made.alias)
    assert got.access_point_status == "enable"
    listing = bucket.list_bucket_access_points(max_keys=10, continuation_token="")
    assert (listing.max_keys, listing.is_truncated) == (10, False)
    assert [each.access_point_name for each in listing.access_points] == ["ap-first"]
    everywhere = service.list_access_points(max_keys=100)
    assert "ap-first" in [each.access_point_name for each in everywhere.access_points]
    policy = '{"Version":"1","Statement":[]}'
    bucket.put_access_point_policy("ap-first", policy)
    assert bucket.get_access_point_policy("ap-first").policy == policy
    bucket.delete_access_point_policy("ap-first")
    vpc = oss_v2.AccessPointVpcConfiguration(vpc_id="vpc-1")
    sent = oss_v2.CreateAccessPointConfiguration(
        access_point_name="ap-second", network_origin="vpc", vpc_configuration=vpc
    )
    request = oss_v2.CreateAccessPointRequest
    client.create_access_point(request(bucket=name, create_access_point_configuration=sent))
    asked = oss_v2.GetAccessPointRequest(bucket=name, access_point_name="ap-second")
    second = client.get_access_point(asked)
    assert (second.vpc_configuration.vpc_id, second.network_origin) == ("vpc-1", "vpc")
    for each in ("ap-first", "ap-second"):
        deleting = oss_v2.DeleteAccessPointRequest(bucket=name, access_point_name=each)
        client.delete_access_point(deleting)
    assert client.list_access_points(oss_v2.ListAccessPointsRequest()).access_points is None


@covers(
    "PutAccessPointPublicAccessBlock",
    "GetAccessPointPublicAccessBlock",
    "DeleteAccessPointPublicAccessBlock",
)
def test_the_block_of_an_access_point(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    for verb in ("put", "get", "delete"):
        call: Any = getattr(bucket, f"{verb}_access_point_public_access_block")
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            call("none")
        assert (caught.value.status, caught.value.message) == (404, "Accesspoint not found")
    bucket.create_access_point(CreateAccessPointRequest("ap-block", "internet"))
    block = oss_v2.PublicAccessBlockConfiguration(block_public_access=True)
    client.put_access_point_public_access_block(
        oss_v2.PutAccessPointPublicAccessBlockRequest(
            bucket=name, access_point_name="ap-block", public_access_block_configuration=block
        )
    )
    asked = oss_v2.GetAccessPointPublicAccessBlockRequest(bucket=name, access_point_name="ap-block")
    got = client.get_access_point_public_access_block(asked).public_access_block_configuration
    assert got.block_public_access is True
    bucket.delete_access_point_public_access_block("ap-block")
    assert bucket.get_access_point_public_access_block("ap-block").block_public_access is False
    bucket.delete_access_point("ap-block")


@covers("PutCname", "ListCname", "DeleteCname", "CreateCnameToken", "GetCnameToken")
def test_domain_names(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    token = bucket.create_bucket_cname_token("www.example.com")
    assert (token.bucket, token.cname) == (name, "www.example.com")
    assert bucket.get_bucket_cname_token("www.example.com").token == token.token
    asked = oss_v2.GetCnameTokenRequest(bucket=name, cname="www.example.com")
    assert client.get_cname_token(asked).cname_token.token == token.token
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_bucket_cname(PutBucketCnameRequest("www.example.com"))
    assert caught.value.code == "NeedVerifyDomainOwnership"
    certificate = oss_v2.CertificateConfiguration(cert_id="92-cn-hangzhou")
    cname = oss_v2.Cname(domain="shop.test", certificate_configuration=certificate)
    sent = oss_v2.BucketCnameConfiguration(cname=cname)
    client.put_cname(oss_v2.PutCnameRequest(bucket=name, bucket_cname_configuration=sent))
    (bound,) = bucket.list_bucket_cname().cname
    assert (bound.domain, bound.status) == ("shop.test", "Enabled")
    assert bound.certificate.cert_id == "92-cn-hangzhou"
    bucket.delete_bucket_cname("shop.test")
    bucket.delete_bucket_cname("www.example.com")
    assert not client.list_cname(oss_v2.ListCnameRequest(bucket=name)).cnames


@covers(
    "CreateBucketDataRedundancyTransition",
    "GetBucketDataRedundancyTransition",
    "ListBucketDataRedundancyTransition",
    "ListUserDataRedundancyTransition",
    "DeleteBucketDataRedundancyTransition",
)
def test_redundancy_transition(client: Any, bucket: oss2.Bucket, service: oss2.Service) -> None:
    name = bucket.bucket_name
    task_id = bucket.create_bucket_data_redundancy_transition("ZRS").task_id
    first = bucket.get_bucket_data_redundancy_transition(task_id)
    assert (first.task_id, first.transition_status) == (task_id, "Queueing")
    listing = bucket.list_bucket_data_redundancy_transition().data_redundancy_transitions
    everywhere = service.list_user_data_redundancy_transition(
        continuation_token="", max_keys=10
    ).data_redundancy_transitions
    for each in (*listing, *everywhere):
        assert (each.bucket, each.task_id) == (name, task_id)
        assert (each.create_time, each.start_time) == (first.create_time, first.start_time)
    asked = oss_v2.GetBucketDataRedundancyTransitionRequest(
        bucket=name, redundancy_transition_taskid=task_id
    )
    got = client.get_bucket_data_redundancy_transition(asked).bucket_data_redundancy_transition
    assert got.create_time == first.create_time
    assert bucket.delete_bucket_data_redundancy_transition(task_id).status == 204


@covers(
    "PutLiveChannel",
    "GetLiveChannelInfo",
    "PutLiveChannelStatus",
    "GetLiveChannelStat",
    "GetLiveChannelHistory",
    "ListLiveChannel",
    "DeleteLiveChannel",
)
def test_live_channels(bucket: oss2.Bucket) -> None:
    assert bucket.list_live_channel().channels == []
    target = LiveChannelInfoTarget(playlist_name="test.m3u8")
    made = bucket.create_live_channel("ch", LiveChannelInfo(target=target))
    host = f"{bucket.bucket_name}.oss-cn-hangzhou.aliyuncs.com"
    assert made.play_url == f"http://{host}/ch/test.m3u8"
    assert made.publish_url == f"rtmp://{host}/live/ch"
    got = bucket.get_live_channel("ch")
    assert (got.status, got.description) == ("enabled", "")
    assert (got.target.frag_duration, got.target.frag_count) == ("5", "3")
    assert bucket.get_live_channel_stat("ch").status == "Idle"
    bucket.put_live_channel_status("ch", "disabled")
    assert bucket.get_live_channel("ch").status == "disabled"
    assert bucket.get_live_channel_history("ch").records == []
    (listed,) = oss2.LiveChannelIterator(bucket, "")
    assert (listed.name, listed.play_url) == ("ch", made.play_url)
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        bucket.delete_bucket()
    bucket.delete_live_channel("ch")
    with pytest.raises(oss2.exceptions.NoSuchLiveChannel):
        bucket.get_live_channel("ch")
    bucket.delete_bucket()


@covers(
    "GetUserQosInfo",
    "PutBucketQosInfo",
    "GetBucketQosInfo",
    "DeleteBucketQosInfo",
    "PutBucketStorageCapacity",
    "GetBucketStorageCapacity",
)
def test_limits(bucket: oss2.Bucket, service: oss2.Service) -> None:
    limits = service.get_user_qos_info()
    assert limits.region == "oss-cn-hangzhou"
    bucket.put_bucket_qos_info(BucketQosInfo(intranet_upload_bw=2))
    got = bucket.get_bucket_qos_info()
    assert (got.intranet_upload_bw, got.total_upload_bw, got.total_qps) == (2, -1, -1)
    with pytest.raises(oss2.exceptions.InvalidArgument):
        bucket.put_bucket_qos_info(BucketQosInfo(total_upload_bw=limits.total_upload_bw + 1))
    assert bucket.delete_bucket_qos_info().status == 204
    assert bucket.get_bucket_storage_capacity().storage_capacity == -1
    bucket.set_bucket_storage_capacity(BucketUserQos(100))
    assert bucket.get_bucket_storage_capacity().storage_capacity == 100


@covers("PutBucket", "ListBuckets")
def test_a_bucket_made_with_tags_and_a_group(client: Any, lab: Lab) -> None:
    name = lab.create("made").bucket_name
    group = "rg-aek27tc00000009"
    client.put_bucket(
        oss_v2.PutBucketRequest(
            bucket=name, bucket_tagging="own=a%20b&flag", resource_group_id=group
        )
    )
    request = oss_v2.ListBucketsRequest(tagging='"own":"a b"', resource_group_id=group)
    assert [each.name for each in client.list_buckets(request).buckets] == [name]
