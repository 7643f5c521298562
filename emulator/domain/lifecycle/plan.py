"""What the rules do with one entry or upload: pure decisions that name the rule they follow.

Where several rules are about an object, each acts when it is due: a deletion comes before a change
of class, the coldest class before the others, and of two alike the one that was due first
(OSS lifecycle, rules that conflict; documented).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec

from emulator.domain.lifecycle.calendar import aged_ms
from emulator.domain.lifecycle.records import Entry
from emulator.domain.lifecycle.rules import COLDNESS, Move, Period, Rule, Rules
from emulator.domain.model import StorageClass, VersionKind

SMALL_BYTES = 64 * 1024
_COLDEST_OF_APPENDABLE = StorageClass.ARCHIVE


class ActionKind(Enum):
    """What is done."""

    EXPIRE = "delete the current version"
    REMOVE_MARKER = "remove a delete marker that is alone"
    REMOVE_NONCURRENT = "remove a noncurrent entry for good"
    MOVE = "change the storage class"


class Action(msgspec.Struct, frozen=True, gc=False):
    """What is done with an entry, and by which rule. ``to`` is the class of a MOVE."""

    kind: ActionKind
    rule_id: str
    due_ms: int
    to: StorageClass | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a decision rests on.

    ``noncurrent_since_ms`` is when the version above was written, ``None`` for the current one
    (OSS NoncurrentVersionExpiration; documented). ``is_alone``: the key has no other entry.
    ``accessed_ms`` is the last access, ``None`` where that is not monitored.
    """

    entry: Entry
    noncurrent_since_ms: int | None
    is_alone: bool
    accessed_ms: int | None = None


def planned_action(rules: Rules, facts: Facts, now_ms: int) -> Action | None:
    """What is to be done with an entry at this instant, ``None`` if nothing."""
    entry = facts.entry
    matching = matching_rules(rules, entry)
    if not matching:
        return None
    if facts.noncurrent_since_ms is not None:
        kind = ActionKind.REMOVE_NONCURRENT
        deletions = [(rule, rule.noncurrent_expiration) for rule in matching]
    elif entry.is_delete_marker:
        return _remove_marker(matching, facts)
    else:
        kind = ActionKind.EXPIRE
        deletions = [(rule, rule.expiration) for rule in matching]
    deletion = _first_due(kind, deletions, facts)
    if deletion is not None and deletion.due_ms <= now_ms:
        return deletion
    return _coldest_due(matching, facts, now_ms)


def matching_rules(rules: Rules, entry: Entry) -> list[Rule]:
    """The rules that are about an entry, in the order they were put."""
    found = rules.of_key(entry.key)
    if not found:
        return found
    tags = entry.tags
    return [rule for rule in found if rule.matches(entry.key, entry.size_bytes, tags)]


def coming_expiration(rules: Rules, entry: Entry) -> Action | None:
    """When and by which rule the current version will be deleted, unless it is written anew.

    (OSS GetObject, ``x-oss-expiration``; documented.)
    """
    facts = Facts(entry=entry, noncurrent_since_ms=None, is_alone=False)
    deletions = [(rule, rule.expiration) for rule in matching_rules(rules, entry)]
    return _first_due(ActionKind.EXPIRE, deletions, facts)


def rule_aborting(rules: Rules, key: str, initiated_ms: int, now_ms: int) -> Rule | None:
    """The rule by which an unfinished upload is aborted at this instant.

    Its age counts from its beginning (inferred); tags, sizes and ``Not`` never apply (documented).
    """
    for rule in rules.of_key(key):
        if rule.abort is not None:
            due_ms = _due_ms(rule.abort, initiated_ms, None)
            if due_ms is not None and due_ms <= now_ms:
                return rule
    return None


def returns_when_read(rules: Rules, entry: Entry) -> bool:
    """Whether an object is Standard again once it is read (OSS ReturnToStdWhenVisit; documented).

    Only objects of class IA return, and only where a rule that is about them says so.
    """
    return entry.storage_class is StorageClass.IA and any(
        move.returns
        for rule in matching_rules(rules, entry)
        for move in (*rule.moves, *rule.noncurrent_moves)
    )


def _remove_marker(matching: list[Rule], facts: Facts) -> Action | None:
    """Only a delete marker under which nothing is left (OSS ExpiredObjectDeleteMarker; documented),
    whatever its age."""
    for rule in matching:
        if rule.removes_markers and facts.is_alone:
            return Action(ActionKind.REMOVE_MARKER, rule.id, facts.entry.modified_ms)
    return None


def _first_due(
    kind: ActionKind, periods: Iterable[tuple[Rule, Period | None]], facts: Facts
) -> Action | None:
    first: Action | None = None
    for rule, period in periods:
        if period is None:
            continue
        due_ms = _due_ms(period, _since_ms(facts), facts.accessed_ms)
        if due_ms is not None and (first is None or due_ms < first.due_ms):
            first = Action(kind, rule.id, due_ms)
    return first


def _coldest_due(matching: list[Rule], facts: Facts, now_ms: int) -> Action | None:
    is_current = facts.noncurrent_since_ms is None
    best: Action | None = None
    for rule in matching:
        for move in rule.moves if is_current else rule.noncurrent_moves:
            if not _may_move(move, facts.entry):
                continue
            due_ms = _due_ms(move.period, _since_ms(facts), facts.accessed_ms)
            if due_ms is None or due_ms > now_ms:
                continue
            candidate = Action(ActionKind.MOVE, rule.id, due_ms, move.to)
            if best is None or _order(candidate) < _order(best):
                best = candidate
    return best


def _order(action: Action) -> tuple[int, int]:
    assert action.to is not None
    return -COLDNESS[action.to], action.due_ms


def _since_ms(facts: Facts) -> int:
    if facts.noncurrent_since_ms is not None:
        return facts.noncurrent_since_ms
    return facts.entry.modified_ms


def _due_ms(period: Period, since_ms: int, accessed_ms: int | None) -> int | None:
    """When the period is over, ``None``: never."""
    if period.date_ms is not None:
        return period.date_ms
    if period.created_before_ms is not None:
        # The date itself must have come, too: nothing is deleted before (inferred).
        return period.created_before_ms if since_ms < period.created_before_ms else None
    if period.days is None:
        return None
    if period.on_access:
        return None if accessed_ms is None else aged_ms(accessed_ms, period.days)
    return aged_ms(since_ms, period.days)


def _may_move(move: Move, entry: Entry) -> bool:
    """Whether an object can get this class at all (OSS lifecycle, limits; documented)."""
    if COLDNESS[move.to] <= COLDNESS[entry.storage_class]:
        return False
    if entry.size_bytes < SMALL_BYTES and not move.small_too:
        return False
    match entry.kind:
        case VersionKind.DELETE_MARKER | VersionKind.SYMLINK:
            return False
        case VersionKind.APPENDABLE:
            cold = COLDNESS[move.to] > COLDNESS[_COLDEST_OF_APPENDABLE]
            return not cold or entry.is_sealed
        case VersionKind.NORMAL | VersionKind.MULTIPART:
            return True
