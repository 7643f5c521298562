"""A new rule: every refusal with its EC number, the order of the checks, the normalisations."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain import errors
from emulator.domain.model import Acl, Bucket, Redundancy, StorageClass, Versioning
from emulator.replication.model import (
    History,
    RtcStatus,
    Rule,
    RuleSpec,
    RuleState,
    TagFilter,
)
from emulator.replication.rules import (
    RequestedRule,
    RuleFacts,
    only_rule,
    overlapping,
    validate_rule,
)
from emulator.replication.settings import ReplicationSettings
from emulator.rng import SeededRng

_A, _B = "1000000000000001", "2000000000000002"


def _bucket(
    bucket_id: int,
    name: str,
    region: str,
    *,
    owner: str = _A,
    versioning: Versioning = Versioning.NEVER,
) -> Bucket:
    return Bucket(
        id=bucket_id,
        name=name,
        owner_uid=owner,
        region=region,
        created_ms=0,
        acl=Acl.PRIVATE,
        storage_class=StorageClass.STANDARD,
        redundancy=Redundancy.LRS,
        versioning=versioning,
    )


_SOURCE = _bucket(1, "src-bucket", "cn-hangzhou")
_DESTINATION = _bucket(2, "dest-bucket", "cn-shanghai")
_ASKED = RequestedRule(
    rule_id="r-1", destination_bucket="dest-bucket", destination_location="oss-cn-shanghai"
)
_FACTS = RuleFacts(
    source=_SOURCE,
    destination=_DESTINATION,
    source_rules=(),
    source_rule_count=0,
    destination_rule_count=0,
)


def _rule(rule_id: str, destination: str) -> Rule:
    return Rule(
        uid=7,
        source_bucket_id=1,
        spec=RuleSpec(
            rule_id=rule_id,
            destination_bucket=destination,
            destination_location="oss-cn-shanghai",
        ),
        state=RuleState.CLOSING,
        created_ms=0,
        starts_ms=0,
        closes_ms=None,
        cursor_seq=0,
        last_seq=None,
        history=History(bound_seq=0),
    )


def _validate(
    asked: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
) -> RuleSpec:
    return validate_rule(
        msgspec.structs.replace(_ASKED, **(asked or {})),
        msgspec.structs.replace(_FACTS, **(facts or {})),
        ReplicationSettings(**(settings or {})),
        SeededRng(1),
    )


def _facts_between(source: Bucket, destination: Bucket) -> dict[str, Any]:
    return {"source": source, "destination": destination}


def _with(bucket: Bucket, **changes: Any) -> Bucket:
    return msgspec.structs.replace(bucket, **changes)


# --- accepted -------------------------------------------------------------------------------


def test_r5_defaults() -> None:
    assert _validate() == RuleSpec(
        rule_id="r-1", destination_bucket="dest-bucket", destination_location="oss-cn-shanghai"
    )
    spec = _validate()
    assert (spec.action, spec.historical, spec.rtc) == ("ALL", True, RtcStatus.DISABLED)


def test_r3_a_missing_id_becomes_a_uuid() -> None:
    assert len(_validate({"rule_id": ""}).rule_id) == 36


@pytest.mark.parametrize("rule_id", ["""~!@#$%^&*()<>:;"',./?""", "规则", "x" * 255])
def test_r4_any_printable_id_is_kept(rule_id: str) -> None:
    assert _validate({"rule_id": rule_id}).rule_id == rule_id


@pytest.mark.parametrize("action", ["PUT", "PUT,DELETE", "PUT,DELETE,ABORT", "ALL", "ALL,PUT"])
def test_r17_actions_are_echoed_as_received(action: str) -> None:
    assert _validate({"action": action}).action == action


@pytest.mark.parametrize(
    ("action", "deletes"),
    [("ALL", True), ("ALL,PUT", True), ("PUT,DELETE", True), ("PUT", False), ("PUT,ABORT", False)],
)
def test_c11_a_list_with_all_is_all(action: str, deletes: bool) -> None:
    assert _validate({"action": action}).replicates_deletes is deletes


def test_r15_ten_prefixes_are_accepted() -> None:
    prefixes = tuple(f"p{i}/" for i in range(10))
    assert _validate({"prefixes": prefixes}).prefixes == prefixes


def test_one_empty_prefix_is_the_whole_bucket() -> None:
    assert _validate({"prefixes": ("",)}).prefixes == ()


@pytest.mark.parametrize(("filter_type", "match_all"), [("AND", True), ("OR", False)])
def test_r30_a_tag_filter_is_kept(filter_type: str, match_all: bool) -> None:
    tags = (("k1", "v1"), ("k2", ""))
    spec = _validate({"filter_type": filter_type, "tags": tags, "action": "PUT"})
    assert spec.tag_filter == TagFilter(match_all=match_all, tags=tags)


def test_r51_without_sync_role_the_kms_fields_are_dropped() -> None:
    spec = _validate({"sse_kms_status": "Enabled", "replica_kms_key_id": "key"})
    assert (spec.sse_kms_status, spec.replica_kms_key_id) == ("", "")


@pytest.mark.parametrize(
    ("status", "kept"),
    [("Enabled", ("Enabled", "c4d49f85-****")), ("Disabled", ("Disabled", "")), ("", ("", ""))],
)
def test_r52_the_key_is_kept_only_while_enabled(status: str, kept: tuple[str, str]) -> None:
    asked = {"sync_role": "r", "sse_kms_status": status, "replica_kms_key_id": "c4d49f85-****"}
    spec = _validate(asked)
    assert (spec.sse_kms_status, spec.replica_kms_key_id) == kept


def test_kms_enabled_without_a_key_is_accepted() -> None:
    assert _validate({"sync_role": "r", "sse_kms_status": "Enabled"}).sse_kms_status == "Enabled"


@pytest.mark.parametrize("sync_role", ["roleNameTest", f"acs:ram::{_A}:role/roleNameTest"])
def test_c9_a_sync_role_is_a_name_or_an_arn(sync_role: str) -> None:
    spec = _validate({"sync_role": sync_role})
    assert (spec.sync_role, spec.role_name) == (sync_role, "roleNameTest")


def test_c8_another_account_with_a_sync_role() -> None:
    facts = {"destination": _with(_DESTINATION, owner_uid=_B)}
    assert _validate({"sync_role": "r"}, facts).sync_role == "r"


def test_historical_can_be_switched_off() -> None:
    assert _validate({"historical": "disabled"}).historical is False
    assert _validate({"historical": "enabled"}).historical is True


def test_rtc_begins_as_enabling() -> None:
    assert _validate({"rtc_status": "enabled"}).rtc is RtcStatus.ENABLING
    assert _validate({"rtc_status": "disabled"}).rtc is RtcStatus.DISABLED


def test_both_buckets_versioned() -> None:
    facts = _facts_between(
        _with(_SOURCE, versioning=Versioning.ENABLED),
        _with(_DESTINATION, versioning=Versioning.ENABLED),
    )
    assert _validate(facts=facts).rule_id == "r-1"


def test_same_region_rules_need_no_listed_region() -> None:
    facts = _facts_between(_with(_SOURCE, region="xx-1"), _with(_DESTINATION, region="xx-1"))
    assert _validate({"destination_location": "oss-xx-1"}, facts).rule_id == "r-1"


# --- refused by what the request says -------------------------------------------------------

_ELEVEN = tuple(f"p{i:02}/" for i in range(11))
_TAGS = (("k", "v"),)


@pytest.mark.parametrize(
    ("asked", "error", "ec"),
    [
        pytest.param({"rule_id": "x" * 256}, errors.InvalidArgument, "", id="long id"),
        pytest.param({"rule_id": "a\nb"}, errors.InvalidArgument, "", id="unprintable id"),
        pytest.param(
            {"destination_bucket": ""}, errors.InvalidArgument, "0031-00000101", id="no bucket"
        ),
        pytest.param(
            {"destination_bucket": "Dest"}, errors.InvalidArgument, "0031-00000101", id="bad name"
        ),
        pytest.param({"destination_location": ""}, errors.InvalidArgument, "", id="no location"),
        pytest.param({"prefixes": _ELEVEN}, errors.TooManyPrefixes, "", id="R15"),
        pytest.param({"prefixes": ("x" * 1024,)}, errors.InvalidArgument, "", id="long prefix"),
        pytest.param({"prefixes": ("log*",)}, errors.InvalidArgument, "", id="asterisk"),
        pytest.param({"prefixes": ("src-bucket/a",)}, errors.InvalidArgument, "", id="own name"),
        pytest.param(
            {"prefixes": ("source", "source/video")},
            errors.InvalidArgument,
            "0031-00000019",
            id="R16",
        ),
        pytest.param(
            {"prefixes": ("b", "a", "b")}, errors.InvalidArgument, "0031-00000019", id="twice"
        ),
        pytest.param(
            {"prefixes": ("", "a")}, errors.InvalidArgument, "0031-00000019", id="empty and a"
        ),
        pytest.param(
            {"tags": tuple((f"k{i}", "") for i in range(11)), "action": "PUT"},
            errors.TooManyFilterObjectTags,
            "",
            id="eleven tags",
        ),
        pytest.param(
            {"tags": _TAGS, "action": "PUT"}, errors.InvalidArgument, "", id="no filter type"
        ),
        pytest.param(
            {"tags": _TAGS, "filter_type": "and", "action": "PUT"},
            errors.InvalidArgument,
            "",
            id="filter type in lower case",
        ),
        pytest.param(
            {"tags": (("", "v"),), "filter_type": "OR", "action": "PUT"},
            errors.InvalidArgument,
            "",
            id="tag without key",
        ),
        pytest.param(
            {"tags": _TAGS, "filter_type": "AND"}, errors.InvalidArgument, "", id="R31 default"
        ),
        pytest.param(
            {"tags": _TAGS, "filter_type": "AND", "action": "PUT,DELETE"},
            errors.InvalidArgument,
            "",
            id="R31",
        ),
        pytest.param({"action": "SET"}, errors.InvalidArgument, "0031-00000023", id="R17"),
        pytest.param({"action": "put"}, errors.InvalidArgument, "0031-00000023", id="R17 case"),
        pytest.param({"action": "PUT,"}, errors.InvalidArgument, "0031-00000023", id="R17 comma"),
        pytest.param({"historical": "open"}, errors.InvalidArgument, "0031-00000011", id="R18"),
        pytest.param(
            {"transfer_type": "fast"}, errors.InvalidArgument, "0031-00000010", id="transfer type"
        ),
        pytest.param({"sse_kms_status": "enabled"}, errors.InvalidArgument, "", id="kms status"),
        pytest.param({"rtc_status": "Enabled"}, errors.InvalidArgument, "", id="rtc status"),
        pytest.param(
            {"sync_role": f"acs:ram::{_B}:role/r"}, errors.InvalidArgument, "", id="foreign role"
        ),
        pytest.param({"sync_role": "role/r"}, errors.InvalidArgument, "", id="broken role"),
    ],
)
def test_refused_by_the_request(
    asked: dict[str, Any], error: type[errors.OssError], ec: str
) -> None:
    with pytest.raises(error) as caught:
        _validate(asked)
    assert type(caught.value) is error
    assert caught.value.ec == ec


_NO_KEY = {"sync_role": "r", "sse_kms_status": "Enabled"}
_NO_ROLE = {"sse_kms_status": "Enabled", "replica_kms_key_id": "key"}


@pytest.mark.parametrize(("asked", "name"), [(_NO_KEY, "ReplicaKmsKeyID"), (_NO_ROLE, "SyncRole")])
def test_b79_a_role_and_a_key_if_they_are_required(asked: dict[str, Any], name: str) -> None:
    required = {"require_replica_key": True}
    with pytest.raises(errors.InvalidArgument, match=name):
        _validate(asked, settings=required)
    assert _validate(asked).rule_id == "r-1"
    whole = _NO_KEY | {"replica_kms_key_id": "key"}
    assert _validate(whole, settings=required).replica_kms_key_id == "key"
    for status in ("", "Disabled"):
        assert _validate({"sse_kms_status": status}, settings=required).rule_id == "r-1"


def test_r12_one_rule_per_request() -> None:
    assert only_rule([_ASKED]) is _ASKED
    with pytest.raises(errors.NoReplicationRule):
        only_rule([])
    with pytest.raises(errors.TooManyReplicationRules):
        only_rule([_ASKED, _ASKED])


# --- refused by the pair of buckets ---------------------------------------------------------

_PLAIN: dict[str, Any] = {}
_VERSIONED = {"versioning": Versioning.ENABLED}
_SUSPENDED = {"versioning": Versioning.SUSPENDED}


@pytest.mark.parametrize(
    ("asked", "facts", "error", "ec"),
    [
        pytest.param({}, {"destination": _SOURCE}, errors.InvalidTargetBucket, "", id="R13 same"),
        pytest.param({}, {"destination": None}, errors.InvalidTargetBucket, "", id="R13 missing"),
        pytest.param(
            {},
            {"destination": _with(_DESTINATION, owner_uid=_B)},
            errors.InvalidTargetBucket,
            "",
            id="C8 other account without role",
        ),
        pytest.param(
            {"destination_location": "oss-cn-zhengzhou"},
            {},
            errors.InvalidTargetLocation,
            "",
            id="R14",
        ),
        pytest.param(
            {},
            {"source": _with(_SOURCE, region="xx-1")},
            errors.NoReplicationLocation,
            "0031-00000104",
            id="source region unknown",
        ),
        pytest.param(
            {"destination_location": "oss-xx-1"},
            {"destination": _with(_DESTINATION, region="xx-1")},
            errors.BadReplicationLocation,
            "",
            id="destination region unknown",
        ),
        pytest.param(
            {},
            {"source_rules": (_rule("other", "dest-bucket"),)},
            errors.BucketReplicationAlreadyExist,
            "0031-00000044",
            id="R11",
        ),
        pytest.param(
            {},
            {"source_rules": (_rule("r-1", "third"),)},
            errors.InvalidArgument,
            "",
            id="id in use",
        ),
        pytest.param(
            {}, {"source_rule_count": 100}, errors.TooManyOutgoingReplication, "", id="R26 out"
        ),
        pytest.param(
            {}, {"destination_rule_count": 100}, errors.TooManyIncomingReplication, "", id="R26 in"
        ),
        pytest.param(
            {},
            _facts_between(_with(_SOURCE, **_VERSIONED), _DESTINATION),
            errors.InvalidBucketStatus,
            "0031-00000053",
            id="R19",
        ),
        pytest.param(
            {},
            _facts_between(_with(_SOURCE, **_SUSPENDED), _with(_DESTINATION, **_SUSPENDED)),
            errors.InvalidBucketStatus,
            "0031-00000053",
            id="R20 both",
        ),
        pytest.param(
            {},
            _facts_between(_SOURCE, _with(_DESTINATION, **_SUSPENDED)),
            errors.InvalidBucketStatus,
            "0031-00000053",
            id="R20 destination",
        ),
        pytest.param(
            {"destination_location": "oss-us-west-1", "transfer_type": "internal"},
            {"destination": _with(_DESTINATION, region="us-west-1")},
            errors.InvalidArgument,
            "0031-00000107",
            id="internal across the border",
        ),
        pytest.param(
            {"destination_location": "oss-us-west-1", "rtc_status": "enabled"},
            {"destination": _with(_DESTINATION, region="us-west-1")},
            errors.ReplicationLocationNotSupportRtc,
            "",
            id="R62",
        ),
    ],
)
def test_refused_by_the_buckets(
    asked: dict[str, Any], facts: dict[str, Any], error: type[errors.OssError], ec: str
) -> None:
    with pytest.raises(error) as caught:
        _validate(asked, facts)
    assert type(caught.value) is error
    assert caught.value.ec == ec


_ABROAD = {"destination": _with(_DESTINATION, region="us-west-1")}


@pytest.mark.parametrize(
    ("asked", "facts", "settings", "strict_ec"),
    [
        pytest.param({"transfer_type": "oss_acc"}, {}, {}, "0031-00000107", id="mainland pair"),
        pytest.param(
            {"transfer_type": "oss_acc", "destination_location": "oss-cn-hangzhou"},
            {"destination": _with(_DESTINATION, region="cn-hangzhou")},
            {},
            "0031-00000107",
            id="same region",
        ),
        pytest.param(
            {"destination_location": "oss-us-west-1"},
            _ABROAD,
            {},
            "0031-00000107",
            id="omitted across",
        ),
        pytest.param(
            {"transfer_type": "oss_acc", "destination_location": "oss-us-west-1"},
            _ABROAD | {"source": _with(_SOURCE, region="us-east-1")},
            {},
            "0031-00000107",
            id="overseas pair",
        ),
    ],
)
def test_c7_transfer_types_that_only_the_strict_setting_refuses(
    asked: dict[str, Any], facts: dict[str, Any], settings: dict[str, Any], strict_ec: str
) -> None:
    assert _validate(asked, facts, settings).transfer_type == asked.get("transfer_type", "")
    with pytest.raises(errors.InvalidArgument) as caught:
        _validate(asked, facts, {**settings, "strict_transfer_type": True})
    assert caught.value.ec == strict_ec


def test_acceleration_across_the_border_is_always_right() -> None:
    asked = {"transfer_type": "oss_acc", "destination_location": "oss-us-west-1"}
    assert _validate(asked, _ABROAD, {"strict_transfer_type": True}).transfer_type == "oss_acc"


# --- settings -------------------------------------------------------------------------------


def test_mixed_versioning_can_be_allowed() -> None:
    facts = _facts_between(_with(_SOURCE, **_VERSIONED), _with(_DESTINATION, **_SUSPENDED))
    assert _validate(facts=facts, settings={"allow_mixed_versioning": True}).rule_id == "r-1"


def test_c9_a_sync_role_can_be_required() -> None:
    with pytest.raises(errors.MissingArgument):
        _validate(settings={"require_sync_role": True})
    assert _validate({"sync_role": "r"}, settings={"require_sync_role": True}).sync_role == "r"


def test_c17_versioning_can_be_required_for_tag_filters() -> None:
    asked = {"tags": _TAGS, "filter_type": "OR", "action": "PUT"}
    settings = {"tags_require_versioning": True}
    assert _validate(asked).tag_filter
    assert _validate(settings=settings).tag_filter is None
    with pytest.raises(errors.InvalidBucketStatus):
        _validate(asked, settings=settings)
    versioned = _facts_between(_with(_SOURCE, **_VERSIONED), _with(_DESTINATION, **_VERSIONED))
    assert _validate(asked, versioned, settings).tag_filter


def test_tag_filters_can_be_blocked_by_region() -> None:
    asked = {"tags": _TAGS, "filter_type": "OR", "action": "PUT"}
    blocked = {"tag_filter_blocked_regions": ("cn-hangzhou",)}
    with pytest.raises(errors.InvalidArgument, match="region"):
        _validate(asked, settings=blocked)
    assert _validate(settings=blocked).tag_filter is None


@pytest.mark.parametrize(("region", "refused"), [("cn-zhangjiakou", True), ("cn-hangzhou", False)])
def test_tag_filters_can_be_blocked_where_the_documents_say_so(region: str, refused: bool) -> None:
    asked = {"tags": _TAGS, "filter_type": "OR", "action": "PUT"}
    facts = {"source": _with(_SOURCE, region=region)}
    assert _validate(asked, facts).tag_filter
    blocked = {"tag_filter_blocked_regions": ("documented",)}
    if not refused:
        assert _validate(asked, facts, blocked).tag_filter
        return
    with pytest.raises(errors.InvalidArgument, match="region"):
        _validate(asked, facts, blocked)


def test_limits_can_be_raised() -> None:
    assert len(_validate({"prefixes": _ELEVEN}, settings={"max_prefixes": 100}).prefixes) == 11
    assert _validate(facts={"source_rule_count": 100}, settings={"max_rules": 101}).rule_id


# --- the order of the checks ----------------------------------------------------------------

# Each line breaks one more check than the one below it; the first one always wins.
_ALL_WRONG: list[tuple[dict[str, Any], dict[str, Any], type[errors.OssError], str]] = [
    ({"rule_id": "x" * 256}, {}, errors.InvalidArgument, ""),
    ({"destination_bucket": "X"}, {}, errors.InvalidArgument, "0031-00000101"),
    ({"prefixes": _ELEVEN}, {}, errors.TooManyPrefixes, ""),
    ({"action": "SET"}, {}, errors.InvalidArgument, "0031-00000023"),
    ({"historical": "open"}, {}, errors.InvalidArgument, "0031-00000011"),
    ({"sync_role": "a/b"}, {}, errors.InvalidArgument, ""),
    ({"destination_location": "oss-xx"}, {}, errors.InvalidTargetLocation, ""),
    (
        {},
        {"source_rules": (_rule("r-1", "dest-bucket"),)},
        errors.BucketReplicationAlreadyExist,
        "0031-00000044",
    ),
    ({}, {"source_rule_count": 100}, errors.TooManyOutgoingReplication, ""),
    ({}, {"destination_rule_count": 100}, errors.TooManyIncomingReplication, ""),
    ({}, {"source": _with(_SOURCE, **_VERSIONED)}, errors.InvalidBucketStatus, "0031-00000053"),
]


@pytest.mark.parametrize("first", range(len(_ALL_WRONG)))
def test_the_order_of_the_checks(first: int) -> None:
    asked: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for more_asked, more_facts, _, _ in _ALL_WRONG[first:]:
        asked.update(more_asked)
        facts.update(more_facts)
    _, _, error, ec = _ALL_WRONG[first]
    with pytest.raises(error) as caught:
        _validate(asked, facts)
    assert (type(caught.value), caught.value.ec) == (error, ec)


# --- prefixes -------------------------------------------------------------------------------


_TEXT = st.text(alphabet="ab/", max_size=4)


@given(st.lists(_TEXT, max_size=5))
def test_overlap_is_found_exactly_where_one_begins_another(prefixes: list[str]) -> None:
    expected = any(
        i != j and longer.startswith(shorter)
        for i, shorter in enumerate(prefixes)
        for j, longer in enumerate(prefixes)
    )
    found = overlapping(prefixes)
    assert (found is not None) is expected
    if found is not None:
        assert found[1].startswith(found[0])
