"""Which lifecycle rules are refused, and with which code and number."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from emulator.domain.errors import OssError
from emulator.domain.lifecycle.checks import check_configuration
from emulator.domain.lifecycle.document import configuration_of

EXPIRE = {"Expiration": {"Days": 100}}


def check(*rules: dict[str, Any], overlap: bool = False) -> None:
    filled = [
        {"ID": f"r{place}", "Prefix": "", "Status": "Enabled", **rule}
        for place, rule in enumerate(rules)
    ]
    document = msgspec.json.encode({"Rule": filled}).decode()
    check_configuration(configuration_of(document), allow_overlap=overlap)


def move(to: str = "IA", days: int | None = 30, **more: Any) -> dict[str, Any]:
    return {"StorageClass": to, **({} if days is None else {"Days": days}), **more}


def moves(*each: dict[str, Any], **rule: Any) -> dict[str, Any]:
    return {"Transition": list(each), **rule}


def old(to: str, days: int, **more: Any) -> dict[str, Any]:
    return {"StorageClass": to, "NoncurrentDays": days, **more}


DATE = "2016-12-25T00:00:00.000Z"

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no action": ({}, "MalformedXML", "0014-00000026"),
    "status": ({**EXPIRE, "Status": "On"}, "MalformedXML", ""),
    "long id": ({**EXPIRE, "ID": "i" * 256}, "InvalidArgument", "0014-00000019"),
    "long prefix": ({**EXPIRE, "Prefix": "p" * 1024}, "InvalidArgument", ""),
    "no time": ({"Expiration": {}}, "MalformedXML", "0014-00000060"),
    "marker false": (
        {"Expiration": {"ExpiredObjectDeleteMarker": False}},
        "MalformedXML",
        "0014-00000060",
    ),
    "marker and days": (
        {"Expiration": {"ExpiredObjectDeleteMarker": True, "Days": 1}},
        "MalformedXML",
        "0014-00000059",
    ),
    "two times": (
        {"Expiration": {"Days": 1, "CreatedBeforeDate": DATE}},
        "MalformedXML",
        "0014-00000061",
    ),
    "no days": ({"Expiration": {"Days": 0}}, "InvalidArgument", ""),
    "negative days": ({"Expiration": {"Days": -1}}, "InvalidArgument", ""),
    "days beyond": ({"Expiration": {"Days": 2**31}}, "InvalidArgument", ""),
    "no midnight": (
        {"Expiration": {"CreatedBeforeDate": "2016-12-25T08:00:00.000Z"}},
        "InvalidArgument",
        "",
    ),
    "no date": ({"Expiration": {"Date": "tomorrow"}}, "InvalidArgument", ""),
    "abort without time": ({"AbortMultipartUpload": {}}, "MalformedXML", ""),
    "abort with two times": (
        {"AbortMultipartUpload": {"Days": 1, "CreatedBeforeDate": DATE}},
        "MalformedXML",
        "0014-00000061",
    ),
    "noncurrent without days": ({"NoncurrentVersionExpiration": {}}, "MalformedXML", ""),
    "to standard": (moves(move("Standard")), "InvalidArgument", "0014-00000044"),
    "to nothing": (moves(move("")), "InvalidArgument", "0014-00000044"),
    "noncurrent to standard": (
        {"NoncurrentVersionTransition": [old("Standard", 3)]},
        "InvalidArgument",
        "0014-00000062",
    ),
    "transition without time": (moves(move(days=None)), "MalformedXML", ""),
    "archive before ia": (
        moves(move("IA", 5), move("Archive", 2), Expiration={"Days": 6}),
        "InvalidArgument",
        "",
    ),
    "the same day twice": (moves(move("IA", 5), move("Archive", 5)), "InvalidArgument", ""),
    "the same class twice": (moves(move("IA", 5), move("IA", 5)), "InvalidArgument", ""),
    "expires before it moves": (
        moves(move("IA", 7), Expiration={"Days": 6}),
        "InvalidArgument",
        "",
    ),
    "expires when it moves": (moves(move("IA", 6), Expiration={"Days": 6}), "InvalidArgument", ""),
    "noncurrent archive before ia": (
        {"NoncurrentVersionTransition": [old("IA", 20), old("Archive", 12)]},
        "InvalidArgument",
        "",
    ),
    "noncurrent expires first": (
        {
            "NoncurrentVersionTransition": [old("IA", 20)],
            "NoncurrentVersionExpiration": {"NoncurrentDays": 20},
        },
        "InvalidArgument",
        "",
    ),
    "days and dates": (
        moves(move("IA", 5), Expiration={"CreatedBeforeDate": DATE}),
        "InvalidRequest",
        "0014-00000080",
    ),
    "access time by date": (
        moves({"StorageClass": "IA", "CreatedBeforeDate": DATE, "IsAccessTime": True}),
        "MalformedXML",
        "0014-00000047",
    ),
    "access time to cold archive": (
        moves(move("ColdArchive", IsAccessTime=True)),
        "MalformedXML",
        "0014-00000051",
    ),
    "return without access time": (
        moves(move("IA", ReturnToStdWhenVisit=True)),
        "MalformedXML",
        "0014-00000052",
    ),
    "return from archive": (
        moves(move("Archive", IsAccessTime=True, ReturnToStdWhenVisit=True)),
        "MalformedXML",
        "0014-00000053",
    ),
    "small files and sizes": (
        moves(
            move("IA", IsAccessTime=True, AllowSmallFile=True),
            Filter={"ObjectSizeLessThan": 1024},
        ),
        "MalformedXML",
        "0014-00000054",
    ),
    "tags and abort": (
        {"AbortMultipartUpload": {"Days": 1}, "Tag": [{"Key": "a", "Value": "b"}]},
        "MalformedXML",
        "0014-00000027",
    ),
    "tags and markers": (
        {
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "Tag": [{"Key": "a", "Value": "b"}],
        },
        "MalformedXML",
        "0014-00000027",
    ),
    "not and abort": (
        {"AbortMultipartUpload": {"Days": 1}, "Filter": {"Not": [{"Prefix": "a"}]}},
        "MalformedXML",
        "",
    ),
    "sizes and abort": (
        {
            "AbortMultipartUpload": {"Days": 1},
            "Filter": {"ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 9},
        },
        "MalformedXML",
        "",
    ),
    "tag key": (
        {**EXPIRE, "Tag": [{"Key": "%&", "Value": ""}]},
        "InvalidArgument",
        "0014-00000031",
    ),
    "tag value": (
        {**EXPIRE, "Tag": [{"Key": "a", "Value": ")%"}]},
        "InvalidArgument",
        "0014-00000031",
    ),
    "tag twice": (
        {**EXPIRE, "Tag": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]},
        "InvalidArgument",
        "",
    ),
    "sizes crossed": (
        {**EXPIRE, "Filter": {"ObjectSizeGreaterThan": 200, "ObjectSizeLessThan": 100}},
        "MalformedXML",
        "0014-00000041",
    ),
    "size": ({**EXPIRE, "Filter": {"ObjectSizeGreaterThan": -1}}, "MalformedXML", "0014-00000039"),
    "not without prefix": (
        {**EXPIRE, "Filter": {"Not": [{"Tag": {"Key": "a", "Value": "b"}}]}},
        "MalformedXML",
        "0014-00000088",
    ),
    "not elsewhere": (
        {**EXPIRE, "Prefix": "test", "Filter": {"Not": [{"Prefix": "log"}]}},
        "MalformedXML",
        "0014-00000035",
    ),
    "not everything": (
        {**EXPIRE, "Prefix": "test", "Filter": {"Not": [{"Prefix": "test"}]}},
        "MalformedXML",
        "0014-00000035",
    ),
    "not its own tag": (
        {
            **EXPIRE,
            "Tag": [{"Key": "a", "Value": "b"}],
            "Filter": {"Not": [{"Prefix": "x", "Tag": {"Key": "a", "Value": "b"}}]},
        },
        "MalformedXML",
        "0014-00000036",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_rule_is_refused(case: str) -> None:
    rule, code, ec = REFUSED[case]
    with pytest.raises(OssError) as refused:
        check(rule)
    assert (refused.value.code, refused.value.ec) == (code, ec)


ACCEPTED: dict[str, dict[str, Any]] = {
    "long tags": {
        **EXPIRE,
        "Tag": [{"Key": f"{n}" + "a" * 129, "Value": "b" * 257} for n in range(19)],
    },
    "abort by days beside dates": {
        "Expiration": {"CreatedBeforeDate": DATE},
        "AbortMultipartUpload": {"Days": 356},
    },
    "expiration date before transition date": moves(
        {"StorageClass": "IA", "CreatedBeforeDate": "2016-12-25T00:00:00.000Z"},
        Expiration={"CreatedBeforeDate": "2016-12-20T00:00:00.000Z"},
    ),
    "access and modification time": moves(
        move("Archive", 355, IsAccessTime=False),
        move("IA", 352, IsAccessTime=True, ReturnToStdWhenVisit=True, AllowSmallFile=True),
        Expiration={"Days": 356},
    ),
    "markers and noncurrent": {
        "Expiration": {"ExpiredObjectDeleteMarker": True},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        "NoncurrentVersionTransition": [old("Archive", 25), old("IA", 22, IsAccessTime=True)],
    },
    "the whole ladder": moves(
        *(
            move(to, days)
            for to, days in (("IA", 1), ("Archive", 2), ("ColdArchive", 3), ("DeepColdArchive", 4))
        ),
        Expiration={"Days": 5},
    ),
    "not with a tag under the rule's prefix": {
        **EXPIRE,
        "Prefix": "a",
        "Filter": {"Not": [{"Prefix": "a", "Tag": {"Key": "k", "Value": "v"}}]},
    },
    "the longest": {**EXPIRE, "ID": "i" * 255, "Prefix": "p" * 1023},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_rule_is_taken(case: str) -> None:
    check(ACCEPTED[case])


def test_number_of_rules() -> None:
    check(*({**EXPIRE, "Prefix": f"{n:04d}"} for n in range(1000)))
    with pytest.raises(OssError) as refused:
        check(*({**EXPIRE, "Prefix": f"{n:04d}"} for n in range(1001)))
    assert refused.value.ec == "0014-00000014"
    with pytest.raises(OssError) as refused:
        check_configuration(configuration_of("{}"), allow_overlap=False)
    assert refused.value.code == "MalformedXML"


def test_ids_are_unique() -> None:
    with pytest.raises(OssError) as refused:
        check({**EXPIRE, "ID": "a", "Prefix": "a"}, {**EXPIRE, "ID": "a", "Prefix": "b"})
    assert refused.value.ec == "0014-00000020"


TAG = {"Tag": [{"Key": "a", "Value": "1"}]}
OTHER_TAG = {"Tag": [{"Key": "b", "Value": "1"}]}
ABORT = {"AbortMultipartUpload": {"Days": 1}}

# rules; what is said to them, "" for nothing; and what is said with overlaps allowed
OVERLAPS: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "apart": ([{**EXPIRE, "Prefix": "a/"}, {**EXPIRE, "Prefix": "a0"}], "", ""),
    "one within the other": (
        [{**EXPIRE, "Prefix": "dir1/"}, {"Expiration": {"Days": 30}, "Prefix": "dir1/dir2/"}],
        "Overlap for same action type Expiration",
        "",
    ),
    "markers beside days": (
        [{"Expiration": {"ExpiredObjectDeleteMarker": True}}, {**EXPIRE, "Prefix": "daily/"}],
        "Overlap for same action type Expiration",
        "",
    ),
    "uploads": (
        [ABORT, {**ABORT, "Prefix": "a"}],
        "Overlap for same action type AbortMultipartUpload",
        "Overlap for same action type AbortMultipartUpload",
    ),
    "the same class": (
        [moves(move("IA", 5)), moves(move("IA", 9), Prefix="a")],
        "Overlap for same action type Transition",
        "",
    ),
    "classes in order": ([moves(move("IA", 5)), moves(move("Archive", 9), Prefix="a")], "", ""),
    "classes that contradict": (
        [
            moves(move("IA", 120), Prefix="test"),
            moves(move("Archive", 60), Prefix="test/log"),
            {"Expiration": {"Days": 30}, "Prefix": "test/log/cache"},
        ],
        "The rules with overlapping prefixes contradict each other.",
        "",
    ),
    "deleted long after it moved": (
        [{"Expiration": {"Days": 365}}, moves(move("Archive", 30), Prefix="test/")],
        "",
        "",
    ),
    "the same prefix": (
        [{"Expiration": {"Days": 200}, "Prefix": "t"}, moves(move("IA", 100), Prefix="t")],
        "Several rules have the prefix 't'.",
        "",
    ),
    "the same prefix and tags": (
        [
            {"Expiration": {"Days": 20}, "Prefix": "abc", **TAG},
            moves(move("Archive", 20), Prefix="abc", **TAG),
        ],
        "",
        "",
    ),
    "other tags": ([{**EXPIRE, **TAG}, {**EXPIRE, **OTHER_TAG}], "", ""),
    "tags and none": (
        [{**EXPIRE, **TAG}, {**EXPIRE, "Prefix": "a"}],
        "Overlap for same action type Expiration",
        "",
    ),
    "left out by the other": (
        [
            {"Prefix": "dir/", "Expiration": {"Days": 100}},
            {"Expiration": {"Days": 50}, "Filter": {"Not": [{"Prefix": "dir/"}]}},
        ],
        "",
        "",
    ),
}


@pytest.mark.parametrize("case", OVERLAPS)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_overlapping_rules(case: str, is_reversed: bool) -> None:
    rules, plainly, allowed = OVERLAPS[case]
    rules = rules[::-1] if is_reversed else rules
    for said, overlap in ((plainly, False), (allowed, True)):
        if said:
            with pytest.raises(OssError) as refused:
                check(*rules, overlap=overlap)
            assert (refused.value.code, refused.value.message) == ("InvalidRequest", said)
        else:
            check(*rules, overlap=overlap)


@pytest.mark.parametrize("overlap", [False, True])
def test_a_thousand_rules_are_checked_quickly(overlap: bool) -> None:
    nested = [
        {**EXPIRE, "Prefix": "a" * n, "Tag": [{"Key": f"k{n}", "Value": ""}]} for n in range(1000)
    ]
    begun = time.process_time()
    check(*nested, overlap=overlap)
    assert time.process_time() - begun < 0.5
