"""The regions replication knows: who may replicate to whom, over which link, with or without RTC.

The lists are files in ``data``, each under a comment that names its source; they are read when
they are first asked for.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

ACCELERATED: Final = "oss_acc"
INTERNAL: Final = "internal"

_PREFIX: Final = "oss-"
_FOLDER: Final = Path(__file__).with_name("data")
_EVERY_REGION: Final = "*"


class Area(StrEnum):
    """On which side of the border of the Chinese mainland a region lies."""

    MAINLAND = "mainland"
    OVERSEAS = "overseas"  # Hong Kong too (observed)


class ReplicationLocations(NamedTuple):
    """Where a bucket can replicate to, in OSS's location form (``oss-cn-shanghai``)."""

    locations: tuple[str, ...]
    accelerated: tuple[str, ...]  # those that need the transfer type oss_acc
    rtc: tuple[str, ...]


def known_regions() -> frozenset[str]:
    """Every region of the list, e.g. ``cn-hangzhou``."""
    return _regions().known


def region_of(location: str) -> str:
    """The region of a location; ``""`` when the text has not the form ``oss-…``."""
    region = location.removeprefix(_PREFIX)
    return "" if region == location else region


def area_of(region: str) -> Area:
    """Where a region lies; one that is not in the list counts as overseas."""
    return Area.MAINLAND if region in _regions().mainland else Area.OVERSEAS


def crosses_border(source: str, destination: str) -> bool:
    """Whether replication between two regions needs transfer acceleration (documented)."""
    return area_of(source) is not area_of(destination)


def supports_rtc(source: str, destination: str) -> bool:
    """Whether replication time control works between two different regions (documented)."""
    groups = _rtc_groups()
    group = groups.get(source)
    return source != destination and group is not None and group == groups.get(destination)


def lacks_tag_filters(region: str) -> bool:
    """Whether rules that leave a region cannot filter by tags, as documented."""
    return region in _column("no_tag_filter.csv")


def replicates_sse_kms(region: str) -> bool:
    """Whether SSE-KMS objects replicate from and to a region."""
    regions = _column("sse_kms.csv")
    return _EVERY_REGION in regions or region in regions


def locations_for(source: str) -> ReplicationLocations:
    """The answer of GetBucketReplicationLocation for a bucket in ``source``.

    The source's own region is left out although same-region rules are allowed (observed). For a
    source outside the mainland the constraint names the mainland regions (inferred).
    """
    lists = _regions()
    far = lists.accelerated
    if area_of(source) is Area.OVERSEAS:
        far = tuple(name for name in lists.listed if name in lists.mainland)
    return ReplicationLocations(
        locations=tuple(_PREFIX + name for name in lists.listed if name != source),
        accelerated=tuple(_PREFIX + name for name in far),
        rtc=tuple(_PREFIX + name for name in lists.listed if supports_rtc(source, name)),
    )


class _Regions(NamedTuple):
    known: frozenset[str]
    mainland: frozenset[str]
    listed: tuple[str, ...]  # sorted
    accelerated: tuple[str, ...]  # in the order they are shown to a source in the mainland


@cache
def _regions() -> _Regions:
    rows = _rows("regions.csv")
    ordered = sorted((int(order), name) for name, _, _, order in rows if order)
    return _Regions(
        known=frozenset(name for name, *_ in rows),
        mainland=frozenset(name for name, area, *_ in rows if Area(area) is Area.MAINLAND),
        listed=tuple(sorted(name for name, _, listed, _ in rows if listed == "yes")),
        accelerated=tuple(name for _, name in ordered),
    )


@cache
def _rtc_groups() -> dict[str, str]:
    return {name: group for name, group in _rows("rtc.csv")}


@cache
def _column(file: str) -> frozenset[str]:
    return frozenset(name for (name,) in _rows(file))


def _rows(file: str) -> list[list[str]]:
    """The rows of a file without its comments and its header."""
    lines = (_FOLDER / file).read_text("utf-8").splitlines()
    return [line.split(",") for line in lines if line and not line.startswith("#")][1:]
