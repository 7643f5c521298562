"""What is refused of lifecycle rules (OSS PutBucketLifecycle; documented, codes partly inferred).

The pages on error numbers give no codes: what has the wrong form is MalformedXML, a value out of
its range InvalidArgument, rules that contradict each other InvalidRequest (inferred).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from emulator.domain.errors import InvalidArgument, InvalidRequest, MalformedXML
from emulator.domain.lifecycle.calendar import midnight_ms
from emulator.domain.lifecycle.document import (
    AbortMultipartUpload,
    Configuration,
    Expiration,
    Filter,
    Rule,
    Tag,
    Transition,
)
from emulator.domain.lifecycle.overlap import check_overlaps
from emulator.domain.lifecycle.rules import COLDNESS, DISABLED, ENABLED
from emulator.domain.model import StorageClass

RULES_MAX = 1000
ID_CHARS_MAX = 255
PREFIX_CHARS_MAX = 1023
NOTS_MAX = 100
DAYS_MAX = 2**31 - 1
SIZE_BYTES_MAX = 5 * 1024**4

# Neither the number nor the length of tags is checked; such a rule fits no object (observed).
_TAG_TEXT = re.compile(r"[\w +\-=.:/]*", re.UNICODE)
_ACCESS_TIME_CLASSES = (StorageClass.IA, StorageClass.ARCHIVE)


def check_configuration(configuration: Configuration, *, allow_overlap: bool) -> None:
    """Refuse rules OSS would not take. Raises MalformedXML, InvalidArgument, InvalidRequest."""
    rules = configuration.rules
    if not rules:
        raise MalformedXML("there is no Rule")
    if len(rules) > RULES_MAX:
        raise MalformedXML(f"there are more than {RULES_MAX} rules", ec="0014-00000014")
    ids = [rule.id for rule in rules]
    if len(set(ids)) < len(ids):
        raise InvalidArgument("Rule ID must be unique.", name="ID", value="", ec="0014-00000020")
    for rule in rules:
        _check_rule(rule)
    check_overlaps(rules, allow_overlap=allow_overlap)


def _check_rule(rule: Rule) -> None:
    if len(rule.id) > ID_CHARS_MAX:
        raise InvalidArgument(
            f"ID length should not exceed allowed limit of {ID_CHARS_MAX}.",
            name="ID",
            value=rule.id,
            ec="0014-00000019",
        )
    if len(rule.prefix) > PREFIX_CHARS_MAX:
        raise InvalidArgument("Prefix is too long.", name="Prefix", value=rule.prefix)
    if rule.status not in (ENABLED, DISABLED):
        raise MalformedXML("Status is neither Enabled nor Disabled")
    _check_tags(rule.tags)
    if rule.filter is not None:
        _check_filter(rule, rule.filter)
    if not _has_action(rule):
        raise MalformedXML("the rule has no action", ec="0014-00000026")
    _check_actions(rule)
    _check_together(rule)
    _check_order(rule)


def _check_actions(rule: Rule) -> None:
    if rule.expiration is not None:
        _check_expiration(rule.expiration)
    if rule.abort_multipart_upload is not None:
        _check_abort(rule.abort_multipart_upload)
    if rule.noncurrent_version_expiration is not None:
        _check_days(rule.noncurrent_version_expiration.noncurrent_days, "NoncurrentDays")
    for move in rule.transitions:
        _check_move(move, noncurrent=False)
    for move in rule.noncurrent_version_transitions:
        _check_move(move, noncurrent=True)


def _has_action(rule: Rule) -> bool:
    return bool(
        rule.expiration
        or rule.transitions
        or rule.abort_multipart_upload
        or rule.noncurrent_version_expiration
        or rule.noncurrent_version_transitions
    )


def _check_tags(tags: Iterable[Tag]) -> None:
    seen: set[str] = set()
    for tag in tags:
        if not tag.key or not (_TAG_TEXT.fullmatch(tag.key) and _TAG_TEXT.fullmatch(tag.value)):
            raise InvalidArgument(
                "The tag has invalid characters.", name="Tag", value=tag.key, ec="0014-00000031"
            )
        if tag.key in seen:
            raise InvalidArgument("The tag keys must be unique.", name="Tag", value=tag.key)
        seen.add(tag.key)


def _check_filter(rule: Rule, filters: Filter) -> None:
    low, high = filters.object_size_greater_than, filters.object_size_less_than
    if low is not None and not 0 <= low < SIZE_BYTES_MAX:
        raise MalformedXML("ObjectSizeGreaterThan is out of its range", ec="0014-00000039")
    if high is not None and not 0 < high <= SIZE_BYTES_MAX:
        raise MalformedXML("ObjectSizeLessThan is out of its range")
    if low is not None and high is not None and low >= high:
        raise MalformedXML(
            "ObjectSizeGreaterThan is not less than ObjectSizeLessThan", ec="0014-00000041"
        )
    if len(filters.exclusions) > NOTS_MAX:
        raise MalformedXML(f"Not stands there more than {NOTS_MAX} times")
    own_tags = {(tag.key, tag.value) for tag in rule.tags}
    for each in filters.exclusions:
        if each.prefix is None:
            raise MalformedXML("Not has no Prefix", ec="0014-00000088")
        if not each.prefix.startswith(rule.prefix) or (
            each.tag is None and each.prefix == rule.prefix
        ):
            raise MalformedXML("the Prefix of Not is not within the rule's", ec="0014-00000035")
        if each.tag is not None:
            _check_tags((each.tag,))
            if (each.tag.key, each.tag.value) in own_tags:
                raise MalformedXML("Not has a Tag of the rule", ec="0014-00000036")


def _check_expiration(expiration: Expiration) -> None:
    times = (expiration.days, expiration.date, expiration.created_before_date)
    given = sum(each is not None for each in times)
    if expiration.expired_object_delete_marker and given:
        raise MalformedXML("ExpiredObjectDeleteMarker stands beside a time", ec="0014-00000059")
    if not expiration.expired_object_delete_marker and not given:
        raise MalformedXML("Expiration says no time", ec="0014-00000060")
    if given > 1:
        raise MalformedXML("Expiration says more than one time", ec="0014-00000061")
    if expiration.days is not None:
        _check_days(expiration.days, "Days")
    for date in (expiration.date, expiration.created_before_date):
        _check_date(date)


def _check_abort(abort: AbortMultipartUpload) -> None:
    _check_one_time("AbortMultipartUpload", abort.days, abort.created_before_date)


def _check_one_time(tag: str, days: int | None, created_before: str | None) -> None:
    if days is None and created_before is None:
        raise MalformedXML(f"{tag} says no time")
    if days is not None and created_before is not None:
        raise MalformedXML(f"{tag} says more than one time", ec="0014-00000061")
    if days is not None:
        _check_days(days, "Days")
    _check_date(created_before)


def _check_days(days: int | None, tag: str) -> None:
    if days is None:
        raise MalformedXML(f"{tag} is missing")
    if not 1 <= days <= DAYS_MAX:
        raise InvalidArgument(f"'{tag}' must be a positive integer.", name=tag, value=str(days))


def _check_date(date: str | None) -> None:
    if date is not None and midnight_ms(date) is None:
        raise InvalidArgument("The date must be at midnight UTC.", name="Date", value=date)


def _check_move(move: Transition, *, noncurrent: bool) -> None:
    tag = "NoncurrentVersionTransition" if noncurrent else "Transition"
    if noncurrent:
        _check_days(move.noncurrent_days, "NoncurrentDays")
    elif move.is_access_time and move.created_before_date is not None:
        raise MalformedXML("CreatedBeforeDate stands beside IsAccessTime", ec="0014-00000047")
    else:
        _check_one_time(tag, move.days, move.created_before_date)
    classes = [each for each in StorageClass if each is not StorageClass.STANDARD]
    if move.storage_class not in classes:
        raise InvalidArgument(
            "Invalid StorageClass",
            name="StorageClass",
            value=move.storage_class,
            ec="0014-00000062" if noncurrent else "0014-00000044",
        )
    if move.is_access_time and move.storage_class not in _ACCESS_TIME_CLASSES:
        raise MalformedXML(f"{move.storage_class} does not go by access time", ec="0014-00000051")
    if move.return_to_std_when_visit and not move.is_access_time:
        raise MalformedXML("ReturnToStdWhenVisit needs IsAccessTime", ec="0014-00000052")
    if move.return_to_std_when_visit and move.storage_class != StorageClass.IA:
        raise MalformedXML("ReturnToStdWhenVisit is for IA only", ec="0014-00000053")


def _check_together(rule: Rule) -> None:
    """Elements that exclude each other within a rule."""
    filters = rule.filter or Filter()
    expiration, abort = rule.expiration, rule.abort_multipart_upload
    removes_markers = expiration is not None and expiration.expired_object_delete_marker
    if rule.tags and (abort is not None or removes_markers):
        raise MalformedXML(
            "a rule with tags neither aborts uploads nor removes delete markers",
            ec="0014-00000027",
        )
    if filters.exclusions and abort is not None:
        raise MalformedXML("a rule with Not cannot abort uploads")
    sizes = (filters.object_size_greater_than, filters.object_size_less_than)
    moves = (*rule.transitions, *rule.noncurrent_version_transitions)
    if any(size is not None for size in sizes) and any(
        move.allow_small_file is not None for move in moves
    ):
        raise MalformedXML("AllowSmallFile stands beside a size", ec="0014-00000054")
    if all(size is not None for size in sizes) and (abort is not None or removes_markers):
        raise MalformedXML("a rule with two sizes aborts no uploads and removes no markers")


def _check_order(rule: Rule) -> None:
    """Colder classes later, the end last; days and dates do not mix in a rule."""
    moves, expiration = rule.transitions, rule.expiration
    by_date = [move.created_before_date is not None for move in moves]
    if expiration is not None and not expiration.expired_object_delete_marker:
        by_date.append(expiration.days is None)
    if len(set(by_date)) > 1:
        raise InvalidRequest("Mixed CreatedBeforeDate and Days based actions.", ec="0014-00000080")
    end_days = None if expiration is None else expiration.days
    _check_ladder([(move, move.days) for move in moves], end_days, "Expiration")
    noncurrent = rule.noncurrent_version_expiration
    _check_ladder(
        [(move, move.noncurrent_days) for move in rule.noncurrent_version_transitions],
        None if noncurrent is None else noncurrent.noncurrent_days,
        "NoncurrentVersionExpiration",
    )


def _check_ladder(
    moves: list[tuple[Transition, int | None]], end_days: int | None, end: str
) -> None:
    """Ages from the last access and from the last change are not held against each other."""
    for on_access in (False, True):
        steps = sorted(
            (COLDNESS[StorageClass(move.storage_class)], days, move.storage_class)
            for move, days in moves
            if days is not None and bool(move.is_access_time) is on_access
        )
        for (_, before_days, warmer), (_, days, colder) in pairwise(steps):
            if days <= before_days:
                raise InvalidArgument(
                    f"Days in the Transition action for StorageClass {colder} must be more than "
                    f"the Transition action for StorageClass {warmer}",
                    name="Days",
                    value=str(days),
                )
        if end_days is not None and not on_access and steps:
            latest_days = max(days for _, days, _ in steps)
            if end_days <= latest_days:
                raise InvalidArgument(
                    f"Days in the {end} action must be more than the Transition action",
                    name="Days",
                    value=str(end_days),
                )
