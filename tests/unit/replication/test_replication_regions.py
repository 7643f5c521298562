"""The region table and the answer built from it."""

from __future__ import annotations

import pytest

from emulator.replication.regions import (
    crosses_border,
    is_mainland,
    known_regions,
    locations_for,
    region_of,
    supports_rtc,
)


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
    assert is_mainland(region)
    assert region in known_regions()


@pytest.mark.parametrize("region", ["cn-hongkong", "ap-south-1", "na-south-1"])
def test_regions_abroad(region: str) -> None:
    assert not is_mainland(region)
    assert region in known_regions()


def test_rtc_pairs() -> None:
    assert supports_rtc("us-west-1", "us-east-1")
    assert not supports_rtc("cn-hangzhou", "cn-hangzhou")
    assert not supports_rtc("cn-hangzhou", "us-east-1")
    assert not supports_rtc("cn-chengdu", "cn-hangzhou")


def test_the_region_of_a_location() -> None:
    assert region_of("oss-cn-hangzhou") == "cn-hangzhou"
    assert region_of("cn-hangzhou") == ""
