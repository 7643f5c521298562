"""Operations on the service: its regions, and the buckets of an account."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain import errors
from emulator.domain.errors import NoSuchRegion
from emulator.domain.model import Bucket
from emulator.protocol.api.settings import bucket_tree
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import iso_date
from emulator.protocol.parameters import read_count
from emulator.protocol.settings import resource_group
from emulator.protocol.settings.bucket_filter import BucketFilter, read_bucket_filter
from emulator.protocol.settings.shape import text_in
from emulator.protocol.settings.tags import tags_of
from emulator.protocol.xml import Row, XmlWriter
from emulator.replication.ports import ReplicationView
from emulator.replication.regions import known_regions

_BUCKETS_DEFAULT, _BUCKETS_MAX = 100, 1000
_PREFIX_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_BUCKET = Row(
    "Bucket",
    (
        "CreationDate",
        "ExtranetEndpoint",
        "IntranetEndpoint",
        "Location",
        "Name",
        "Region",
        "ResourceGroupId",
        "StorageClass",
    ),
)
_REGION = Row(
    "RegionInfo", ("Region", "InternetEndpoint", "InternalEndpoint", "AccelerateEndpoint")
)


def endpoints(region: str, suffix: str) -> tuple[str, str]:
    """The public and the internal endpoint of a region."""
    return f"oss-{region}.{suffix}", f"oss-{region}-internal.{suffix}"


def group_of(view: ReplicationView, bucket: Bucket) -> str:
    """The id of the resource group a bucket is in."""
    tree = bucket_tree(view, bucket, resource_group.NAME)
    return (
        text_in(tree, "ResourceGroupId") if tree else resource_group.default_group(bucket.owner_uid)
    )


async def list_buckets(call: Call) -> Answer:
    """OSS ListBuckets (GetService): the caller's buckets by name; documented. With a filter by tag
    or resource group a page holds buckets that pass it (inferred)."""
    prefix, marker = call.query.get("prefix", ""), call.query.get("marker", "")
    if not _PREFIX_CHARACTERS.issuperset(prefix):
        raise errors.InvalidArgument(
            "The prefix is invalid.", name="prefix", value=prefix, ec="0017-00000290"
        )
    limit = read_count(call.query, "max-keys", default=_BUCKETS_DEFAULT, most=_BUCKETS_MAX)
    wanted = read_bucket_filter(call.query, call.headers)
    uid = call.principal.account_uid
    with call.context.store.read() as view:
        found = _passing(view, uid, wanted, prefix=prefix, marker=marker, limit=limit + 1)
    truncated = len(found) > limit
    document = XmlWriter("ListAllMyBucketsResult")
    if truncated or not {"prefix", "marker", "max-keys"}.isdisjoint(call.query):
        document.element("Prefix", prefix)
        document.element("Marker", marker)
        document.number("MaxKeys", limit)
        document.flag("IsTruncated", truncated)
        if truncated:
            document.element("NextMarker", found[limit - 1][0].name)
    document.open("Owner")
    document.element("ID", uid)
    document.element("DisplayName", uid)
    document.close()
    document.open("Buckets")
    for bucket, group_id in found[:limit]:
        public, internal = endpoints(bucket.region, call.context.oss.endpoint_suffix)
        document.row(
            _BUCKET,
            iso_date(bucket.created_ms),
            public,
            internal,
            bucket.location,
            bucket.name,
            bucket.region,
            group_id,
            bucket.storage_class.value,
        )
    return xml_answer(document.to_bytes())


def _passing(
    view: ReplicationView, uid: str, wanted: BucketFilter, *, prefix: str, marker: str, limit: int
) -> list[tuple[Bucket, str]]:
    """The first buckets that pass the filter, each with its resource group."""
    passing: list[tuple[Bucket, str]] = []
    while True:
        batch = view.buckets_of(uid, prefix=prefix, marker=marker, limit=limit)
        for bucket in batch:
            group_id = group_of(view, bucket)
            tags = tags_of(bucket_tree(view, bucket, "tagging") or {}) if wanted.tags else []
            if wanted.passes(group_id, tags):
                passing.append((bucket, group_id))
        if len(passing) >= limit or len(batch) < limit:
            return passing[:limit]
        marker = batch[-1].name


async def describe_regions(call: Call) -> Answer:
    """OSS DescribeRegions: all, or the one that is named; documented. Raises NoSuchRegion."""
    asked = call.query["regions"]
    locations = sorted(f"oss-{region}" for region in known_regions())
    if asked:
        if asked not in locations:
            raise NoSuchRegion
        locations = [asked]
    suffix = call.context.oss.endpoint_suffix
    document = XmlWriter("RegionInfoList")
    for location in locations:
        public, internal = endpoints(location.removeprefix("oss-"), suffix)
        document.row(_REGION, location, public, internal, f"oss-accelerate.{suffix}")
    return xml_answer(document.to_bytes())


HANDLERS: Mapping[str, Handler] = {
    "ListBuckets": list_buckets,
    "DescribeRegions": describe_regions,
}
