"""The bodies of the replication operations against literal documents."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import oss2
import pytest

from emulator.domain import errors
from emulator.protocol.replication_xml import (
    read_rtc,
    read_rule_ids,
    read_rules,
    render_locations,
    render_progress,
    render_rules,
)
from emulator.replication.model import (
    History,
    RtcStatus,
    Rule,
    RuleSpec,
    RuleState,
    TagFilter,
)
from emulator.replication.regions import ReplicationLocations, locations_for
from emulator.replication.rules import RequestedRule
from emulator.replication.service import RuleProgress

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'

_EVERY_ELEMENT = b"""<?xml version="1.0" encoding="UTF-8"?>
<ReplicationConfiguration>
  <Rule>
    <ID>r-1</ID>
    <RTC><Status>enabled</Status></RTC>
    <PrefixSet><Prefix>logs/</Prefix><Prefix>img/</Prefix></PrefixSet>
    <UserTaggings>
      <FilterType>AND</FilterType>
      <UserTagging><Key>k1</Key><Value>v1</Value></UserTagging>
      <UserTagging><Key>k2</Key><Value></Value></UserTagging>
    </UserTaggings>
    <Action>PUT</Action>
    <Destination>
      <Bucket>dst</Bucket><Location>oss-cn-beijing</Location><TransferType>internal</TransferType>
      <Cloud>x</Cloud>
    </Destination>
    <HistoricalObjectReplication>disabled</HistoricalObjectReplication>
    <SyncRole>my-role</SyncRole>
    <SourceSelectionCriteria>
      <SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects>
    </SourceSelectionCriteria>
    <EncryptionConfiguration><ReplicaKmsKeyID>key</ReplicaKmsKeyID></EncryptionConfiguration>
  </Rule>
</ReplicationConfiguration>"""

_EVERY_FIELD = RequestedRule(
    rule_id="r-1",
    destination_bucket="dst",
    destination_location="oss-cn-beijing",
    transfer_type="internal",
    prefixes=("logs/", "img/"),
    filter_type="AND",
    tags=(("k1", "v1"), ("k2", "")),
    action="PUT",
    historical="disabled",
    sync_role="my-role",
    sse_kms_status="Enabled",
    replica_kms_key_id="key",
    rtc_status="enabled",
)


# --- requests -------------------------------------------------------------------------------


def test_every_element_is_read() -> None:
    assert read_rules(_EVERY_ELEMENT) == [_EVERY_FIELD]


def test_a_namespace_and_another_order_change_nothing() -> None:
    body = (
        b'<ReplicationConfiguration xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com"><Rule>'
        b"<Destination><Location>oss-cn-beijing</Location><Bucket>dst</Bucket></Destination>"
        b"<ID>~!@#$%^&amp;*()&lt;&gt;:;\"',./?</ID></Rule></ReplicationConfiguration>"
    )
    assert read_rules(body) == [
        RequestedRule(
            rule_id="""~!@#$%^&*()<>:;"',./?""",
            destination_bucket="dst",
            destination_location="oss-cn-beijing",
        )
    ]


def test_r12_several_rules_and_none_are_read_as_they_are() -> None:
    assert read_rules(b"<ReplicationConfiguration/>") == []
    two = b"<ReplicationConfiguration><Rule/><Rule><ID></ID></Rule></ReplicationConfiguration>"
    assert read_rules(two) == [RequestedRule(), RequestedRule()]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<ReplicationConfiguration>",
        b"<Configuration><Rule/></Configuration>",
        b"<!DOCTYPE x><ReplicationConfiguration/>",
        b"<ReplicationConfiguration><Rule><PrefixSet><Prefix>\xff</Prefix></PrefixSet></Rule>"
        b"</ReplicationConfiguration>",
        b"<ReplicationConfiguration><Rule><SourceSelectionCriteria/></Rule>"
        b"</ReplicationConfiguration>",
        b"<ReplicationConfiguration><Rule><SourceSelectionCriteria><SseKmsEncryptedObjects/>"
        b"</SourceSelectionCriteria></Rule></ReplicationConfiguration>",
    ],
)
def test_a_broken_rule_body_is_malformed(body: bytes) -> None:
    with pytest.raises(errors.MalformedXML) as caught:
        read_rules(body)
    assert caught.value.ec == "0031-00000001"


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b"<ReplicationRules><ID>r-1</ID></ReplicationRules>", ["r-1"]),
        (b"<ReplicationRules><ID></ID></ReplicationRules>", [""]),
        (b"<ReplicationRules/>", []),
        (b"<ReplicationRules><ID>a</ID><ID>b</ID></ReplicationRules>", ["a", "b"]),
    ],
)
def test_the_ids_of_a_delete(body: bytes, ids: list[str]) -> None:
    assert read_rule_ids(body) == ids


@pytest.mark.parametrize("root", ["ReplicationRule", "RtcConfiguration"])
def test_both_roots_of_an_rtc_body(root: str) -> None:
    body = f"<{root}><RTC><Status>enabled</Status></RTC><ID>r-1</ID></{root}>"
    assert read_rtc(body.encode()) == ("r-1", "enabled")
    assert read_rtc(f"<{root}/>".encode()) == ("", "")


def test_another_root_of_an_rtc_body_is_malformed() -> None:
    with pytest.raises(errors.MalformedXML):
        read_rtc(b"<RTC><Status>enabled</Status></RTC>")


# --- answers --------------------------------------------------------------------------------

_SPEC = RuleSpec(rule_id="r-1", destination_bucket="dst", destination_location="oss-cn-beijing")
_RULE = Rule(
    uid=1,
    source_bucket_id=1,
    spec=_SPEC,
    state=RuleState.STARTING,
    created_ms=0,
    starts_ms=0,
    closes_ms=None,
    cursor_seq=0,
    last_seq=None,
    history=History(bound_seq=0, done=True),
)


def _rule(state: RuleState = RuleState.STARTING, **spec: Any) -> Rule:
    return msgspec.structs.replace(_RULE, state=state, spec=msgspec.structs.replace(_SPEC, **spec))


def _rendered(rule: Rule, *, only_for_kms: bool = False) -> bytes:
    document = render_rules([rule], syncrole_only_for_kms=only_for_kms)
    start = _DECLARATION + b"<ReplicationConfiguration><Rule>"
    end = b"</Rule></ReplicationConfiguration>"
    assert document.startswith(start)
    assert document.endswith(end)
    return document[len(start) : -len(end)]


def test_r5_a_plain_rule_shows_its_defaults_and_nothing_else() -> None:
    assert _rendered(_RULE) == (
        b"<ID>r-1</ID><Action>ALL</Action>"
        b"<Destination><Bucket>dst</Bucket><Location>oss-cn-beijing</Location></Destination>"
        b"<Status>starting</Status>"
        b"<HistoricalObjectReplication>enabled</HistoricalObjectReplication>"
    )


def test_a_full_rule() -> None:
    rule = _rule(
        RuleState.DOING,
        rule_id="<&>",
        transfer_type="oss_acc",
        prefixes=("logs/", "img/"),
        tag_filter=TagFilter(match_all=False, tags=(("k", "v"),)),
        action="PUT",
        historical=False,
        sync_role="role",
        sse_kms_status="Enabled",
        replica_kms_key_id="key",
        rtc=RtcStatus.ENABLED,
    )
    assert _rendered(rule) == (
        b"<ID>&lt;&amp;&gt;</ID>"
        b"<PrefixSet><Prefix>logs/</Prefix><Prefix>img/</Prefix></PrefixSet>"
        b"<UserTaggings><FilterType>OR</FilterType>"
        b"<UserTagging><Key>k</Key><Value>v</Value></UserTagging></UserTaggings>"
        b"<Action>PUT</Action>"
        b"<Destination><Bucket>dst</Bucket><Location>oss-cn-beijing</Location>"
        b"<TransferType>oss_acc</TransferType></Destination>"
        b"<Status>doing</Status>"
        b"<HistoricalObjectReplication>disabled</HistoricalObjectReplication>"
        b"<SyncRole>role</SyncRole>"
        b"<SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status>"
        b"</SseKmsEncryptedObjects></SourceSelectionCriteria>"
        b"<EncryptionConfiguration><ReplicaKmsKeyID>key</ReplicaKmsKeyID>"
        b"</EncryptionConfiguration>"
        b"<RTC><Status>enabled</Status></RTC>"
    )


def test_internal_transfer_is_not_shown() -> None:
    assert b"TransferType" not in _rendered(_rule(transfer_type="internal"))


def test_an_all_filter_is_shown_as_and() -> None:
    rule = _rule(tag_filter=TagFilter(match_all=True, tags=(("k", "v"),)))
    assert b"<FilterType>AND</FilterType>" in _rendered(rule)


def test_a_sync_role_can_be_shown_for_kms_rules_only() -> None:
    role = b"<SyncRole>role</SyncRole>"
    assert role in _rendered(_rule(sync_role="role"))
    assert role not in _rendered(_rule(sync_role="role"), only_for_kms=True)
    with_kms = _rule(sync_role="role", sse_kms_status="Disabled")
    assert role in _rendered(with_kms, only_for_kms=True)


def test_what_is_rendered_reads_back() -> None:
    rule = _rule(
        prefixes=("a\tb", "c\u00a0"), tag_filter=TagFilter(match_all=True, tags=(("k", ""),))
    )
    (read,) = read_rules(render_rules([rule], syncrole_only_for_kms=False))
    assert read.prefixes == ("a\tb", "c\u00a0")
    assert (read.filter_type, read.tags, read.rule_id) == ("AND", (("k", ""),), "r-1")


class _Progress(msgspec.Struct):
    historical_ratio: float
    new_object_ms: int


_NEW_OBJECT_MS = 1_443_108_494_987  # 2015-09-24T15:28:14.987Z


def test_r6_progress_is_absent_unless_doing() -> None:
    document = render_progress([RuleProgress(_RULE, None)])
    assert document == (
        _DECLARATION + b"<ReplicationProgress><Rule><ID>r-1</ID><Action>ALL</Action>"
        b"<Destination><Bucket>dst</Bucket><Location>oss-cn-beijing</Location></Destination>"
        b"<Status>starting</Status>"
        b"<HistoricalObjectReplication>enabled</HistoricalObjectReplication>"
        b"</Rule></ReplicationProgress>"
    )


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(0.0, b"0.00"), (0.29, b"0.29"), (0.85, b"0.85"), (0.99999, b"0.99"), (1.0, b"1.00")],
)
def test_r8_the_ratio_has_two_decimals_and_never_rounds_up(ratio: float, shown: bytes) -> None:
    item = RuleProgress(_rule(RuleState.DOING), _Progress(ratio, _NEW_OBJECT_MS))
    assert (
        b"<Progress><HistoricalObject>" + shown + b"</HistoricalObject>"
        b"<NewObject>2015-09-24T15:28:14.000Z</NewObject></Progress>"
    ) in render_progress([item])


def test_r7_without_history_only_the_watermark_is_shown() -> None:
    item = RuleProgress(_rule(RuleState.DOING, historical=False), _Progress(1.0, _NEW_OBJECT_MS))
    assert (
        b"<Progress><NewObject>2015-09-24T15:28:14.000Z</NewObject></Progress>"
    ) in render_progress([item])


def test_r64_locations() -> None:
    answer = ReplicationLocations(("oss-a", "oss-b"), ("oss-b",), ("oss-a",))
    assert render_locations(answer) == (
        _DECLARATION + b"<ReplicationLocation><Location>oss-a</Location><Location>oss-b</Location>"
        b"<LocationTransferTypeConstraint><LocationTransferType><Location>oss-b</Location>"
        b"<TransferTypes><Type>oss_acc</Type></TransferTypes></LocationTransferType>"
        b"</LocationTransferTypeConstraint>"
        b"<LocationRTCConstraint><Location>oss-a</Location></LocationRTCConstraint>"
        b"</ReplicationLocation>"
    )
    empty = render_locations(ReplicationLocations((), (), ()))
    assert empty == _DECLARATION + b"<ReplicationLocation></ReplicationLocation>"


# --- the vendor's client reads and writes the same ------------------------------------------


def test_the_client_s_own_body_is_read() -> None:
    asked = oss2.models.ReplicationRule(
        rule_id="r-1",
        prefix_list=["logs/", "img/"],
        action_list=["PUT", "DELETE"],
        target_bucket_name="dst",
        target_bucket_location="oss-cn-beijing",
        target_transfer_type="oss_acc",
        is_enable_historical_object_replication=False,
        sync_role_name="role",
        replica_kms_keyid="key",
        sse_kms_encrypted_objects_status="Enabled",
    )
    (read,) = read_rules(oss2.xml_utils.to_put_bucket_replication(asked))
    assert read == RequestedRule(
        rule_id="r-1",
        destination_bucket="dst",
        destination_location="oss-cn-beijing",
        transfer_type="oss_acc",
        prefixes=("logs/", "img/"),
        action="PUT,DELETE",
        historical="disabled",
        sync_role="role",
        sse_kms_status="Enabled",
        replica_kms_key_id="key",
    )
    assert read_rule_ids(oss2.xml_utils.to_delete_bucket_replication("r-1")) == ["r-1"]


class _Response:
    """The little of a response that the client's result objects ask for."""

    status = 200
    headers: ClassVar[dict[str, str]] = {}
    request_id = ""


def test_the_client_reads_the_answers() -> None:
    rule = _rule(RuleState.DOING, transfer_type="oss_acc", prefixes=("a/",))
    listed = oss2.models.GetBucketReplicationResult(_Response())
    body = render_rules([rule], syncrole_only_for_kms=False)
    oss2.xml_utils.parse_get_bucket_replication_result(listed, body)
    (read,) = listed.rule_list
    assert (read.rule_id, read.status, read.prefix_list) == ("r-1", "doing", ["a/"])
    assert (read.target_transfer_type, read.action_list) == ("oss_acc", ["ALL"])

    for item, historical in (
        (RuleProgress(rule, _Progress(0.85, _NEW_OBJECT_MS)), 0.85),
        (RuleProgress(rule, None), 0),
    ):
        shown = oss2.models.GetBucketReplicationProgressResult(_Response())
        body = render_progress([item])
        oss2.xml_utils.parse_get_bucket_replication_progress_result(shown, body)
        assert shown.progress.historical_object_progress == historical

    places = oss2.models.GetBucketReplicationLocationResult(_Response())
    body = render_locations(locations_for("cn-hangzhou"))
    oss2.xml_utils.parse_get_bucket_replication_location_result(places, body)
    assert len(places.location_list) == 29
    assert places.location_transfer_type_list[1].location == "oss-eu-central-1"
