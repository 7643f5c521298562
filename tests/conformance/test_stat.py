"""The figures of a bucket, as both vendor clients read them."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import Lab, get_text

pytestmark = pytest.mark.conformance

CLASSES = ("InfrequentAccess", "Archive", "ColdArchive", "DeepColdArchive")
ELEMENTS = (
    "Storage",
    "ObjectCount",
    "MultipartUploadCount",
    "MultipartPartCount",
    "MultipartPartStorage",
    "LiveChannelCount",
    "LastModifiedTime",
    "StandardStorage",
    "StandardObjectCount",
    "StandardMultipartPartCount",
    "DeleteMarkerCount",
    *(
        f"{name}{figure}"
        for name in CLASSES
        for figure in ("Storage", "RealStorage", "ObjectCount")
    ),
)


@covers("GetBucketStat")
def test_every_figure_of_an_empty_bucket_is_nought(lab: Lab) -> None:
    text = get_text(lab.create("empty"), stat="")
    for element in ELEMENTS:
        assert f"<{element}>0</{element}>" in text, element


@covers("GetBucketStat")
def test_figures_follow_every_change_at_once(lab: Lab) -> None:
    bucket = lab.create("counted", versioned=True)
    bucket.put_object("k", b"content")
    first = bucket.get_bucket_stat()
    assert (first.object_count, first.storage_size_in_bytes) == (1, 7)
    assert (first.standard_object_count, first.standard_storage) == (1, 7)
    assert first.last_modified_time > 0
    bucket.put_object("k", b"more content", headers={"x-oss-storage-class": "IA"})
    bucket.delete_object("gone")
    second = bucket.get_bucket_stat()
    assert (second.object_count, second.storage_size_in_bytes) == (2, 19)
    assert (second.infrequent_access_object_count, second.delete_marker_count) == (1, 1)
    assert (second.infrequent_access_real_storage, second.infrequent_access_storage) == (12, 65536)
    for entry in bucket.list_object_versions().versions:
        bucket.delete_object(entry.key, params={"versionId": entry.versionid})
    third = bucket.get_bucket_stat()
    assert (third.object_count, third.storage_size_in_bytes, third.delete_marker_count) == (0, 0, 1)


@covers("GetBucketStat")
def test_replicas_count_and_the_second_client_reads_it(lab: Lab) -> None:
    source, destination = lab.replicate()
    for number in range(3):
        source.put_object(f"k{number}", b"four")
    lab.settle()
    stat = v2_client_of(lab.server).get_bucket_stat(
        oss_v2.GetBucketStatRequest(bucket=destination.bucket_name)
    )
    assert (stat.object_count, stat.storage) == (3, 12)
    assert (stat.multi_part_upload_count, stat.delete_marker_count) == (0, 0)
    assert stat.archive_object_count == stat.deep_cold_archive_real_storage == 0


def test_who_is_not_the_owner_sees_nothing(lab: Lab) -> None:
    bucket = lab.create("mine")
    stranger = oss2.Bucket(oss2.AnonymousAuth(), lab.server.endpoint, bucket.bucket_name)
    with pytest.raises(oss2.exceptions.AccessDenied):
        stranger.get_bucket_stat()
