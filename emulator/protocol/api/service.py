"""Operations on the service: ListBuckets."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain import errors
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import iso_date
from emulator.protocol.parameters import read_count
from emulator.protocol.xml import Row, XmlWriter

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
        "StorageClass",
    ),
)


def endpoints(region: str, suffix: str) -> tuple[str, str]:
    """The public and the internal endpoint of a region."""
    return f"oss-{region}.{suffix}", f"oss-{region}-internal.{suffix}"


async def list_buckets(call: Call) -> Answer:
    """OSS ListBuckets (GetService): the caller's buckets by name; documented."""
    prefix, marker = call.query.get("prefix", ""), call.query.get("marker", "")
    if not _PREFIX_CHARACTERS.issuperset(prefix):
        raise errors.InvalidArgument(
            "The prefix is invalid.", name="prefix", value=prefix, ec="0017-00000290"
        )
    limit = read_count(call.query, "max-keys", default=_BUCKETS_DEFAULT, most=_BUCKETS_MAX)
    uid = call.principal.account_uid
    with call.context.store.read() as view:
        found = view.buckets_of(uid, prefix=prefix, marker=marker, limit=limit + 1)
    truncated = len(found) > limit
    document = XmlWriter("ListAllMyBucketsResult")
    if truncated or not {"prefix", "marker", "max-keys"}.isdisjoint(call.query):
        document.element("Prefix", prefix)
        document.element("Marker", marker)
        document.number("MaxKeys", limit)
        document.flag("IsTruncated", truncated)
        if truncated:
            document.element("NextMarker", found[limit - 1].name)
    document.open("Owner")
    document.element("ID", uid)
    document.element("DisplayName", uid)
    document.close()
    document.open("Buckets")
    for bucket in found[:limit]:
        public, internal = endpoints(bucket.region, call.context.oss.endpoint_suffix)
        document.row(
            _BUCKET,
            iso_date(bucket.created_ms),
            public,
            internal,
            bucket.location,
            bucket.name,
            bucket.region,
            bucket.storage_class.value,
        )
    return xml_answer(document.to_bytes())


HANDLERS: Mapping[str, Handler] = {
    "ListBuckets": list_buckets,
}
