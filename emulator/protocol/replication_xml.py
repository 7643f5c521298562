"""The XML bodies of the six replication operations, read and written.

Elements may come in any order (clients differ; observed) and unknown ones are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from emulator.domain import errors
from emulator.protocol.dates import iso_date
from emulator.protocol.xml import Element, XmlWriter, read_xml
from emulator.replication.model import RtcStatus, Rule, RuleSpec
from emulator.replication.regions import ACCELERATED, ReplicationLocations
from emulator.replication.rule_state import shown_rtc
from emulator.replication.rules import RequestedRule
from emulator.replication.service import RuleProgress

_BAD_XML = "0031-00000001"
_ROUNDING = 1e-9  # 29 of 100 is 28.999… hundredths as a float
# The API has the first name, the configuration files of one vendor tool the second (observed).
_RTC_ROOTS = frozenset({"ReplicationRule", "RtcConfiguration"})


# --- requests -------------------------------------------------------------------------------


def read_rules(body: bytes) -> list[RequestedRule]:
    """The rules of a PutBucketReplication body. Raises MalformedXML (EC 0031-00000001)."""
    root = read_xml(body, root="ReplicationConfiguration", ec=_BAD_XML)
    return [_read_rule(element) for element in root.children_of("Rule")]


def read_rule_ids(body: bytes) -> list[str]:
    """The ids of a DeleteBucketReplication body. Raises MalformedXML (EC 0031-00000001)."""
    root = read_xml(body, root="ReplicationRules", ec=_BAD_XML)
    return [element.text for element in root.children_of("ID")]


def read_rtc(body: bytes) -> tuple[str, str]:
    """Rule id and status of a PutBucketRTC body, ``""`` where absent. Raises MalformedXML."""
    root = read_xml(body, ec=_BAD_XML)
    if root.tag not in _RTC_ROOTS:
        raise errors.MalformedXML("The root element is not ReplicationRule.", ec=_BAD_XML)
    return root.text_of("ID"), _inside(root, "RTC", "Status")


def _read_rule(rule: Element) -> RequestedRule:
    destination = rule.child("Destination")
    prefixes = rule.child("PrefixSet")
    tagging = rule.child("UserTaggings")
    return RequestedRule(
        rule_id=rule.text_of("ID"),
        destination_bucket="" if destination is None else destination.text_of("Bucket"),
        destination_location="" if destination is None else destination.text_of("Location"),
        transfer_type="" if destination is None else destination.text_of("TransferType"),
        prefixes=()
        if prefixes is None
        else tuple(prefix.text for prefix in prefixes.children_of("Prefix")),
        filter_type="" if tagging is None else tagging.text_of("FilterType"),
        tags=()
        if tagging is None
        else tuple(
            (tag.text_of("Key"), tag.text_of("Value")) for tag in tagging.children_of("UserTagging")
        ),
        action=rule.text_of("Action"),
        historical=rule.text_of("HistoricalObjectReplication"),
        sync_role=rule.text_of("SyncRole"),
        sse_kms_status=_read_sse_kms(rule),
        replica_kms_key_id=_inside(rule, "EncryptionConfiguration", "ReplicaKmsKeyID"),
        rtc_status=_inside(rule, "RTC", "Status"),
    )


def _read_sse_kms(rule: Element) -> str:
    criteria = rule.child("SourceSelectionCriteria")
    if criteria is None:
        return ""
    status = _inside(criteria, "SseKmsEncryptedObjects", "Status")
    if not status:  # the child is required where the parent is present (documented)
        raise errors.MalformedXML("SourceSelectionCriteria has no Status.", ec=_BAD_XML)
    return status


def _inside(element: Element, parent: str, child: str) -> str:
    found = element.child(parent)
    return "" if found is None else found.text_of(child)


# --- answers --------------------------------------------------------------------------------


def render_rules(rules: Iterable[Rule], *, syncrole_only_for_kms: bool) -> bytes:
    """A GetBucketReplication body."""
    writer = XmlWriter("ReplicationConfiguration")
    for rule in rules:
        spec = rule.spec
        writer.open("Rule")
        _write_scope(writer, spec)
        _write_destination(writer, spec)
        writer.element("Status", rule.state)
        writer.element("HistoricalObjectReplication", _historical(spec))
        if spec.sse_kms_status or not syncrole_only_for_kms:
            writer.optional("SyncRole", spec.sync_role)
        _write_kms(writer, spec)
        rtc = shown_rtc(rule)
        if rtc is not RtcStatus.DISABLED:  # shown only then (documented)
            writer.open("RTC")
            writer.element("Status", rtc)
            writer.close()
        writer.close()
    return writer.to_bytes()


def render_progress(items: Sequence[RuleProgress]) -> bytes:
    """A GetBucketReplicationProgress body.

    ``Progress`` is there only while the rule is ``doing`` (documented), ``HistoricalObject`` only
    when historical data is copied (observed).
    """
    writer = XmlWriter("ReplicationProgress")
    for item in items:
        rule, progress = item.rule, item.progress
        writer.open("Rule")
        _write_scope(writer, rule.spec)
        _write_destination(writer, rule.spec)
        writer.element("Status", rule.state)
        writer.element("HistoricalObjectReplication", _historical(rule.spec))
        if progress is not None:
            writer.open("Progress")
            if rule.spec.historical:
                writer.element("HistoricalObject", _ratio(progress.historical_ratio))
            writer.element("NewObject", iso_date(progress.new_object_ms))
            writer.close()
        writer.close()
    return writer.to_bytes()


def render_locations(answer: ReplicationLocations) -> bytes:
    """A GetBucketReplicationLocation body."""
    writer = XmlWriter("ReplicationLocation")
    for location in answer.locations:
        writer.element("Location", location)
    if answer.accelerated:
        writer.open("LocationTransferTypeConstraint")
        for location in answer.accelerated:
            writer.open("LocationTransferType")
            writer.element("Location", location)
            writer.open("TransferTypes")
            writer.element("Type", ACCELERATED)
            writer.close()
            writer.close()
        writer.close()
    if answer.rtc:
        writer.open("LocationRTCConstraint")
        for location in answer.rtc:
            writer.element("Location", location)
        writer.close()
    return writer.to_bytes()


def _write_scope(writer: XmlWriter, spec: RuleSpec) -> None:
    writer.element("ID", spec.rule_id)
    if spec.prefixes:
        writer.open("PrefixSet")
        for prefix in spec.prefixes:
            writer.element("Prefix", prefix)
        writer.close()
    if spec.tag_filter is not None:
        writer.open("UserTaggings")
        writer.element("FilterType", "AND" if spec.tag_filter.match_all else "OR")
        for key, value in spec.tag_filter.tags:
            writer.open("UserTagging")
            writer.element("Key", key)
            writer.element("Value", value)
            writer.close()
        writer.close()
    writer.element("Action", spec.action)


def _write_destination(writer: XmlWriter, spec: RuleSpec) -> None:
    writer.open("Destination")
    writer.element("Bucket", spec.destination_bucket)
    writer.element("Location", spec.destination_location)
    if spec.transfer_type == ACCELERATED:  # "internal" is not shown (observed)
        writer.element("TransferType", spec.transfer_type)
    writer.close()


def _write_kms(writer: XmlWriter, spec: RuleSpec) -> None:
    if spec.sse_kms_status:
        writer.open("SourceSelectionCriteria")
        writer.open("SseKmsEncryptedObjects")
        writer.element("Status", spec.sse_kms_status)
        writer.close()
        writer.close()
    if spec.replica_kms_key_id:
        writer.open("EncryptionConfiguration")
        writer.element("ReplicaKmsKeyID", spec.replica_kms_key_id)
        writer.close()


def _historical(spec: RuleSpec) -> str:
    return "enabled" if spec.historical else "disabled"


def _ratio(ratio: float) -> str:
    """Two decimals, cut off: it must not say ``1.00`` before everything is done."""
    return f"{int(ratio * 100 + _ROUNDING) / 100:.2f}"
