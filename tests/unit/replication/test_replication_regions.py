"""The region table and the answer built from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.replication import regions
from emulator.replication.regions import (
    Area,
    area_of,
    crosses_border,
    known_regions,
    lacks_tag_filters,
    locations_for,
    region_of,
    replicates_sse_kms,
    supports_rtc,
)

_FILES = sorted((Path(regions.__file__).parent / "data").iterdir())


def test_r64_the_recorded_answer_for_a_hangzhou_bucket() -> None:
    answer = locations_for("cn-hangzhou")
    assert len(answer.locations) == 29
    assert list(answer.locations) == sorted(answer.locations)
    assert "oss-cn-hangzhou" not in answer.locations
    assert answer.locations[0] == "oss-ap-northeast-1"
    assert answer.locations[9] == "oss-cn-beijing"
    assert answer.accelerated[0] == "oss-cn-hongkong"
    assert answer.accelerated[1] == "oss-eu-central-1"
    assert len(answer.accelerated) == 17
    assert answer.rtc == (
        "oss-cn-beijing",
        "oss-cn-qingdao",
        "oss-cn-shanghai",
        "oss-cn-shenzhen",
        "oss-cn-zhangjiakou",
    )


def test_a_source_abroad_needs_acceleration_to_the_mainland() -> None:
    answer = locations_for("us-west-1")
    assert "oss-us-west-1" not in answer.locations
    assert "oss-cn-hangzhou" in answer.locations
    assert answer.accelerated[:2] == ("oss-cn-beijing", "oss-cn-chengdu")
    assert answer.rtc == ("oss-us-east-1",)


@pytest.mark.parametrize("source", sorted(known_regions()))
def test_every_answer_is_consistent(source: str) -> None:
    answer = locations_for(source)
    assert set(answer.accelerated) <= set(answer.locations)
    assert set(answer.rtc) <= set(answer.locations)
    for location in answer.locations:
        needs = crosses_border(source, region_of(location))
        assert (location in answer.accelerated) is needs
        assert (location in answer.rtc) is supports_rtc(source, region_of(location))


@pytest.mark.parametrize("region", ["cn-chengdu", "cn-zhangjiakou", "cn-qingdao", "cn-wuhan-lr"])
def test_mainland_regions(region: str) -> None:
    assert area_of(region) is Area.MAINLAND
    assert region in known_regions()


@pytest.mark.parametrize("region", ["cn-hongkong", "ap-south-1", "na-south-1"])
def test_regions_abroad(region: str) -> None:
    assert area_of(region) is Area.OVERSEAS
    assert region in known_regions()


def test_rtc_pairs() -> None:
    assert supports_rtc("us-west-1", "us-east-1")
    assert not supports_rtc("cn-hangzhou", "cn-hangzhou")
    assert not supports_rtc("cn-hangzhou", "us-east-1")
    assert not supports_rtc("cn-chengdu", "cn-hangzhou")


def test_the_region_of_a_location() -> None:
    assert region_of("oss-cn-hangzhou") == "cn-hangzhou"
    assert region_of("cn-hangzhou") == ""


@pytest.mark.parametrize(
    ("region", "area"),
    [
        ("cn-hangzhou", Area.MAINLAND),
        ("cn-zhongwei", Area.MAINLAND),
        ("cn-hongkong", Area.OVERSEAS),
        ("us-west-1", Area.OVERSEAS),
        ("nowhere", Area.OVERSEAS),
    ],
)
def test_the_area_of_a_region(region: str, area: Area) -> None:
    assert area_of(region) is area


def test_tag_filters_and_sse_kms() -> None:
    lacking = {region for region in known_regions() if lacks_tag_filters(region)}
    assert lacking == {"cn-zhangjiakou", "cn-zhongwei", "na-south-1"}
    assert all(replicates_sse_kms(region) for region in known_regions())


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_every_list_names_its_source(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert any(line.startswith("# Source: ") for line in comments)
    assert any(mark in " ".join(comments) for mark in ("documented)", "observed)"))
    header, *rows = lines[len(comments) :]
    assert rows
    assert all(row.count(",") == header.count(",") for row in rows)
    names = [row.partition(",")[0] for row in rows]
    assert names == sorted(set(names))
