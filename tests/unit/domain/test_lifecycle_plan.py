"""What rules do with one entry: who wins, when it is due, and why."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from emulator.domain.lifecycle.calendar import DAY_MS, HOUR_MS
from emulator.domain.lifecycle.plan import (
    Action,
    ActionKind,
    Facts,
    coming_expiration,
    planned_action,
    returns_when_read,
    rule_aborting,
)
from emulator.domain.lifecycle.records import Entry
from emulator.domain.lifecycle.rules import Rules, Span, rules_of
from emulator.domain.model import ObjectState, StorageClass, VersionKind

T0 = 20_000 * DAY_MS + 10 * HOUR_MS  # some morning at ten
ALL = "Enabled"


def rules(*each: dict[str, Any]) -> Rules:
    filled = [
        {"ID": f"r{place}", "Prefix": "", "Status": "Enabled", **rule}
        for place, rule in enumerate(each)
    ]
    return rules_of(msgspec.json.encode({"Rule": filled}).decode())


def entry(key: str = "k", **fields: Any) -> Entry:
    values: dict[str, Any] = {
        "seq": 1,
        "kind": VersionKind.NORMAL,
        "size_bytes": 100_000,
        "modified_ms": T0,
        "storage_class": StorageClass.STANDARD,
        "tags_json": "",
        "state_json": "",
    }
    return Entry(key=key, **{**values, **fields})


def plan(of: Rules, what: Entry, days: float, **facts: Any) -> Action | None:
    """The action so many days after T0."""
    given: dict[str, Any] = {"noncurrent_since_ms": None, "is_alone": True, "accessed_ms": None}
    facts = {**given, **facts}
    return planned_action(of, Facts(entry=what, **facts), T0 + round(days * DAY_MS))


def days_of(action: Action | None) -> float | None:
    return None if action is None else (action.due_ms - T0) / DAY_MS


EXPIRE_2 = {"Expiration": {"Days": 2}}
IA_1 = {"Transition": [{"Days": 1, "StorageClass": "IA"}]}


def test_age_counts_from_midnight_to_midnight() -> None:
    of = rules(EXPIRE_2)
    assert plan(of, entry(), 2.58) is None
    action = plan(of, entry(), 2.59)  # ten hours of the day of writing do not count
    assert action is not None
    assert (action.kind, action.rule_id) == (ActionKind.EXPIRE, "r0")
    assert action.due_ms == (T0 // DAY_MS + 3) * DAY_MS


def test_disabled_rules_do_nothing() -> None:
    assert plan(rules({**EXPIRE_2, "Status": "Disabled"}), entry(), 99) is None


def test_deletion_comes_before_a_change_of_class() -> None:
    both = rules(IA_1, EXPIRE_2)
    assert plan(both, entry(), 2).kind is ActionKind.MOVE  # type: ignore[union-attr]  # is due
    action = plan(both, entry(), 3)
    assert action is not None
    assert (action.kind, action.rule_id) == (ActionKind.EXPIRE, "r1")


def test_of_two_deletions_the_first_due_gives_the_reason() -> None:
    action = plan(rules({"Expiration": {"Days": 30}}, {"Expiration": {"Days": 5}}), entry(), 50)
    assert action is not None
    assert action.rule_id == "r1"


def test_the_coldest_class_that_is_due_is_taken() -> None:
    moves = [{"Days": days, "StorageClass": to} for days, to in ((1, "IA"), (3, "Archive"))]
    of = rules({"Transition": moves})
    assert [plan(of, entry(), days).to for days in (2, 4)] == [  # type: ignore[union-attr]
        StorageClass.IA,
        StorageClass.ARCHIVE,
    ]


def test_classes_never_get_warmer() -> None:
    of = rules(IA_1)
    for storage_class in StorageClass:
        action = plan(of, entry(storage_class=storage_class), 9)
        assert (action is not None) is (storage_class is StorageClass.STANDARD)


def test_an_archived_object_is_not_made_ia_by_a_later_rule() -> None:
    of = rules(
        {"Transition": [{"Days": 20, "StorageClass": "Archive"}]},
        {"Prefix": "abc", "Transition": [{"Days": 30, "StorageClass": "IA"}]},
    )
    action = plan(of, entry("abc"), 40)
    assert action is not None
    assert (action.to, action.rule_id) == (StorageClass.ARCHIVE, "r0")


@pytest.mark.parametrize(
    ("tags", "matches"),
    [
        ('{"a":"1"}', False),
        ('{"a":"1","b":"3"}', False),
        ('{"a":"1","b":"2"}', True),
        ('{"a":"1","b":"2","c":"3"}', True),
        ("", False),
    ],
)
def test_an_object_needs_all_tags(tags: str, matches: bool) -> None:
    pairs = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    of = rules({**EXPIRE_2, "Tag": pairs})
    assert (plan(of, entry(tags_json=tags), 9) is not None) is matches


@pytest.mark.parametrize(
    ("key", "tags", "kept"),
    [
        ("log/a", '{"k":"v"}', True),
        ("log/a", "", False),
        ("other", '{"k":"v"}', False),
        ("tmp/a", "", True),
    ],
)
def test_not_leaves_objects_alone(key: str, tags: str, kept: bool) -> None:
    nots = [{"Prefix": "log/", "Tag": {"Key": "k", "Value": "v"}}, {"Prefix": "tmp/"}]
    of = rules({**EXPIRE_2, "Filter": {"Not": nots}})
    assert (plan(of, entry(key, tags_json=tags), 9) is None) is kept


def test_not_of_one_rule_says_nothing_to_another() -> None:
    of = rules(
        {"Prefix": "dir/", "Expiration": {"Days": 100}},
        {"Expiration": {"Days": 50}, "Filter": {"Not": [{"Prefix": "dir/"}]}},
    )
    assert plan(of, entry("dir/a"), 60) is None
    assert plan(of, entry("dir/a"), 101.7) is not None
    assert plan(of, entry("a"), 60) is not None


@pytest.mark.parametrize(
    ("size", "matches"), [(100, False), (101, True), (199, True), (200, False)]
)
def test_sizes_are_bounds_outside(size: int, matches: bool) -> None:
    sizes = {"ObjectSizeGreaterThan": 100, "ObjectSizeLessThan": 200}
    of = rules({**EXPIRE_2, "Filter": sizes})
    assert (plan(of, entry(size_bytes=size), 9) is not None) is (100 < size < 200)


def test_created_before_date_looks_at_the_last_modification() -> None:
    date = {"CreatedBeforeDate": "2024-10-05T00:00:00.000Z"}  # the day after T0
    of = rules({"Expiration": date})
    assert plan(of, entry(), 0.5) is None  # the date has not come
    assert plan(of, entry(), 1) is not None
    assert plan(of, entry(modified_ms=T0 + DAY_MS), 9) is None


def test_date_looks_at_the_clock_alone() -> None:
    of = rules({"Expiration": {"Date": "2024-10-05T00:00:00.000Z"}})
    assert plan(of, entry(modified_ms=T0 + 5 * DAY_MS), 5) is not None
    assert plan(of, entry(), 0.1) is None


def test_noncurrent_age_counts_from_the_version_above() -> None:
    of = rules({"NoncurrentVersionExpiration": {"NoncurrentDays": 3}}, EXPIRE_2)
    old = entry(modified_ms=T0 - 90 * DAY_MS)
    assert plan(of, old, 3, noncurrent_since_ms=T0, is_alone=False) is None
    action = plan(of, old, 4, noncurrent_since_ms=T0, is_alone=False)
    assert action is not None
    assert (action.kind, action.rule_id) == (ActionKind.REMOVE_NONCURRENT, "r0")


def test_noncurrent_versions_move_by_their_own_rules() -> None:
    move = [{"NoncurrentDays": 2, "StorageClass": "Archive"}]
    of = rules({"NoncurrentVersionTransition": move})
    assert plan(of, entry(), 9) is None
    action = plan(of, entry(), 9, noncurrent_since_ms=T0, is_alone=False)
    assert action is not None
    assert action.to is StorageClass.ARCHIVE


def test_only_a_marker_that_is_alone_goes() -> None:
    of = rules({"Expiration": {"ExpiredObjectDeleteMarker": True}})
    marker = entry(kind=VersionKind.DELETE_MARKER, size_bytes=0)
    action = plan(of, marker, 0)
    assert action is not None
    assert action.kind is ActionKind.REMOVE_MARKER
    assert plan(of, marker, 99, is_alone=False) is None
    assert plan(of, entry(), 99) is None
    assert plan(rules(EXPIRE_2), marker, 99) is None


def test_days_since_the_last_access() -> None:
    move = {"Days": 2, "StorageClass": "IA", "IsAccessTime": True}
    of = rules({"Transition": [move]})
    assert plan(of, entry(), 99) is None  # nobody monitors
    assert plan(of, entry(), 4, accessed_ms=T0 + 2 * DAY_MS) is None
    assert plan(of, entry(), 5, accessed_ms=T0 + 2 * DAY_MS) is not None


@pytest.mark.parametrize(("allowed", "moves"), [(None, True), (True, True), (False, False)])
def test_small_objects_stay_where_the_rule_says_so(allowed: bool | None, moves: bool) -> None:
    move: dict[str, object] = {"Days": 1, "StorageClass": "IA"}
    if allowed is not None:
        move["AllowSmallFile"] = allowed
    of = rules({"Transition": [move]})
    assert (plan(of, entry(size_bytes=65_535), 9) is not None) is moves
    assert plan(of, entry(size_bytes=65_536), 9) is not None


@pytest.mark.parametrize(
    ("kind", "sealed", "to", "moves"),
    [
        (VersionKind.SYMLINK, False, "IA", False),
        (VersionKind.APPENDABLE, False, "Archive", True),
        (VersionKind.APPENDABLE, False, "ColdArchive", False),
        (VersionKind.APPENDABLE, True, "DeepColdArchive", True),
        (VersionKind.MULTIPART, False, "DeepColdArchive", True),
    ],
)
def test_kinds_that_cannot_get_a_class(
    kind: VersionKind, sealed: bool, to: str, moves: bool
) -> None:
    of = rules({"Transition": [{"Days": 1, "StorageClass": to}]})
    state = ObjectState(sealed_ms=1).to_json() if sealed else ""
    assert (plan(of, entry(kind=kind, state_json=state), 9) is not None) is moves


def test_coming_expiration_is_the_first_one() -> None:
    of = rules({"Expiration": {"Days": 9}}, {"Prefix": "a", "Expiration": {"Days": 3}}, IA_1)
    coming = coming_expiration(of, entry("abc"))
    assert coming is not None
    assert (coming.rule_id, coming.due_ms) == ("r1", (T0 // DAY_MS + 4) * DAY_MS)
    other = coming_expiration(of, entry("b"))
    assert other is not None
    assert other.rule_id == "r0"
    assert coming_expiration(rules(IA_1), entry()) is None


def test_uploads_age_from_their_beginning() -> None:
    of = rules({"Prefix": "up/", "AbortMultipartUpload": {"Days": 1}})
    rule = rule_aborting(of, "up/a", T0, T0 + 2 * DAY_MS)
    assert rule is not None
    assert rule.id == "r0"
    assert rule_aborting(of, "up/a", T0, T0 + DAY_MS) is None
    assert rule_aborting(of, "down/a", T0, T0 + 9 * DAY_MS) is None


def test_only_ia_objects_of_a_rule_that_says_so_return() -> None:
    move = {"Days": 1, "StorageClass": "IA", "IsAccessTime": True, "ReturnToStdWhenVisit": True}
    of = rules({"Prefix": "a", "Transition": [move]})
    cold = entry("abc", storage_class=StorageClass.IA)
    assert returns_when_read(of, cold)
    assert not returns_when_read(of, entry("b", storage_class=StorageClass.IA))
    assert not returns_when_read(of, entry("abc", storage_class=StorageClass.ARCHIVE))
    assert not returns_when_read(rules({"Transition": [{**move, "IsAccessTime": False}]}), cold)


def test_spans_hold_every_prefix_once_and_nothing_else() -> None:
    of = rules(
        {**EXPIRE_2, "Prefix": "b/"},
        {**EXPIRE_2, "Prefix": "b/c"},
        {**EXPIRE_2, "Prefix": "a"},
        {"Prefix": "u", "AbortMultipartUpload": {"Days": 1}},
        {**EXPIRE_2, "Prefix": "z", "Status": "Disabled"},
    )
    assert of.version_spans == (Span("a", "b"), Span("b/", "b0"))
    assert of.upload_spans == (Span("u", "v"),)
    assert rules(EXPIRE_2, {**EXPIRE_2, "Prefix": "x"}).version_spans == (Span("", None),)


def test_rules_of_a_key_come_in_the_order_they_were_put() -> None:
    of = rules({**EXPIRE_2, "Prefix": "ab"}, EXPIRE_2, {**EXPIRE_2, "Prefix": "a"})
    assert [rule.id for rule in of.of_key("abc")] == ["r0", "r1", "r2"]
    assert [rule.id for rule in of.of_key("b")] == ["r1"]
