"""The regions replication knows: who may replicate to whom, over which link, with or without RTC.

The list and the order of the transfer-type constraint are the recorded answer for a bucket in
``cn-hangzhou`` (OSS GetBucketReplicationLocation; observed), with ``cn-hangzhou`` itself put
back. The RTC regions are those of the RTC guide (OSS PutBucketRTC; documented).
"""

from __future__ import annotations

from typing import NamedTuple

_PREFIX = "oss-"

_MAINLAND = frozenset(
    {
        "cn-beijing",
        "cn-chengdu",
        "cn-fuzhou",
        "cn-guangzhou",
        "cn-hangzhou",
        "cn-heyuan",
        "cn-huhehaote",
        "cn-nanjing",
        "cn-qingdao",
        "cn-shanghai",
        "cn-shenzhen",
        "cn-wulanchabu",
        "cn-zhangjiakou",
    }
)

# In the order the constraint list shows them, which is not alphabetical.
_ELSEWHERE = (
    "cn-hongkong",
    "eu-central-1",
    "ap-southeast-7",
    "ap-southeast-6",
    "ap-southeast-5",
    "eu-west-1",
    "rus-west-1",
    "ap-southeast-2",
    "ap-southeast-1",
    "me-central-1",
    "ap-south-1",
    "us-east-1",
    "ap-northeast-1",
    "me-east-1",
    "ap-northeast-2",
    "ap-southeast-3",
    "us-west-1",
)

# Regions that exist but are absent from the recorded list: they can be a target, and are listed
# for nobody, so that the recorded answer stays what it was.
_UNLISTED_MAINLAND = frozenset({"cn-wuhan-lr", "cn-zhongwei"})
_UNLISTED_ELSEWHERE = frozenset({"na-south-1"})

_LISTED = tuple(sorted(_MAINLAND.union(_ELSEWHERE)))
_KNOWN = _MAINLAND.union(_ELSEWHERE, _UNLISTED_MAINLAND, _UNLISTED_ELSEWHERE)
_ALL_MAINLAND = _MAINLAND | _UNLISTED_MAINLAND

_RTC_GROUPS = (
    frozenset(
        {
            "cn-beijing",
            "cn-hangzhou",
            "cn-qingdao",
            "cn-shanghai",
            "cn-shenzhen",
            "cn-zhangjiakou",
        }
    ),
    frozenset({"us-east-1", "us-west-1"}),
)

ACCELERATED = "oss_acc"
INTERNAL = "internal"


class ReplicationLocations(NamedTuple):
    """Where a bucket can replicate to, in OSS's location form (``oss-cn-shanghai``)."""

    locations: tuple[str, ...]
    accelerated: tuple[str, ...]  # those that need the transfer type oss_acc
    rtc: tuple[str, ...]


def known_regions() -> frozenset[str]:
    """Every region of the table, e.g. ``cn-hangzhou``."""
    return _KNOWN


def region_of(location: str) -> str:
    """The region of a location; ``""`` when the text has not the form ``oss-…``."""
    region = location.removeprefix(_PREFIX)
    return "" if region == location else region


def is_mainland(region: str) -> bool:
    """Whether a region lies in the Chinese mainland; Hong Kong does not (observed)."""
    return region in _ALL_MAINLAND


def crosses_border(source: str, destination: str) -> bool:
    """Whether replication between two regions needs transfer acceleration (documented)."""
    return is_mainland(source) is not is_mainland(destination)


def supports_rtc(source: str, destination: str) -> bool:
    """Whether replication time control works between two different regions (documented)."""
    return source != destination and any(
        source in group and destination in group for group in _RTC_GROUPS
    )


def locations_for(source: str) -> ReplicationLocations:
    """The answer of GetBucketReplicationLocation for a bucket in ``source``.

    The source's own region is left out although same-region rules are allowed (observed). For a
    source outside the mainland the constraint names the mainland regions (inferred).
    """
    far = _ELSEWHERE if is_mainland(source) else tuple(sorted(_MAINLAND))
    return ReplicationLocations(
        locations=tuple(_PREFIX + name for name in _LISTED if name != source),
        accelerated=tuple(_PREFIX + name for name in far),
        rtc=tuple(_PREFIX + name for name in _LISTED if supports_rtc(source, name)),
    )
