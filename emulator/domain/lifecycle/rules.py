"""What the enabled rules of a bucket come to, made for asking about one key after the other."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from emulator.domain.documents import reader_of
from emulator.domain.key_walk import after_prefix
from emulator.domain.lifecycle import document
from emulator.domain.lifecycle.calendar import midnight_ms
from emulator.domain.model import StorageClass

ENABLED, DISABLED = "Enabled", "Disabled"
_CACHED_MAX = 32

# Classes only ever get colder (OSS lifecycle; documented).
COLDNESS = {each: place for place, each in enumerate(StorageClass)}


class Period(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """When an action is due: after so many days, or for what is older than a date.

    Exactly one of the first three is set. ``on_access``: the days count from the last access.
    """

    days: int | None = None
    created_before_ms: int | None = None
    date_ms: int | None = None  # from then on, whatever the age
    on_access: bool = False


class Move(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A change of the storage class."""

    to: StorageClass
    period: Period
    small_too: bool  # objects below 64 KiB as well
    returns: bool  # Standard again once it is read


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One enabled rule. Periods of noncurrent versions count from when they became noncurrent."""

    id: str
    place: int  # among all rules of the bucket
    prefix: str
    tags: frozenset[tuple[str, str]] = frozenset()
    exclusions: tuple[tuple[str, tuple[str, str] | None], ...] = ()
    larger_than_bytes: int | None = None
    smaller_than_bytes: int | None = None
    expiration: Period | None = None
    removes_markers: bool = False
    moves: tuple[Move, ...] = ()
    noncurrent_expiration: Period | None = None
    noncurrent_moves: tuple[Move, ...] = ()
    abort: Period | None = None

    @property
    def is_about_versions(self) -> bool:
        """Whether it does anything with objects, not only with uploads."""
        return bool(
            self.expiration
            or self.removes_markers
            or self.moves
            or self.noncurrent_expiration
            or self.noncurrent_moves
        )

    def matches(self, key: str, size_bytes: int, tags: Mapping[str, str]) -> bool:
        """Whether the rule is about an object whose key has its prefix.

        An object must have all tags of the rule; one that any ``Not`` describes is left alone
        (OSS lifecycle; documented). The sizes themselves are outside their range.
        """
        if self.larger_than_bytes is not None and size_bytes <= self.larger_than_bytes:
            return False
        if self.smaller_than_bytes is not None and size_bytes >= self.smaller_than_bytes:
            return False
        if not all(tags.get(name) == value for name, value in self.tags):
            return False
        return not any(
            key.startswith(prefix) and (tag is None or tags.get(tag[0]) == tag[1])
            for prefix, tag in self.exclusions
        )


class Span(msgspec.Struct, frozen=True, gc=False):
    """Keys from ``start`` up to before ``end`` (``None``: to the last one)."""

    start: str
    end: str | None


class Rules:
    """The enabled rules of a bucket."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.all = rules
        self._by_prefix: dict[str, tuple[Rule, ...]] = {}
        for rule in rules:
            self._by_prefix[rule.prefix] = (*self._by_prefix.get(rule.prefix, ()), rule)
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix})
        self.version_spans = _spans([rule.prefix for rule in rules if rule.is_about_versions])
        self.upload_spans = _spans([rule.prefix for rule in rules if rule.abort])
        moves = [move for rule in rules for move in (*rule.moves, *rule.noncurrent_moves)]
        self.uses_access_time = any(move.period.on_access for move in moves)
        self.returns = any(move.returns for move in moves)

    def of_key(self, key: str) -> list[Rule]:
        """The rules whose prefix the key has, in the order they were put."""
        found: list[Rule] = []
        for length in self._lengths:
            if length > len(key):
                break
            found.extend(self._by_prefix.get(key[:length], ()))
        if len(self._lengths) > 1:
            found.sort(key=lambda rule: rule.place)
        return found


def _spans(prefixes: list[str]) -> tuple[Span, ...]:
    """The fewest spans that hold every key with one of the prefixes, in order."""
    outermost: list[str] = []
    for prefix in sorted(prefixes):
        if not outermost or not prefix.startswith(outermost[-1]):
            outermost.append(prefix)
    return tuple(Span(prefix, after_prefix(prefix)) for prefix in outermost)


def _enabled(read: document.Configuration) -> Rules:
    enabled = [(place, rule) for place, rule in enumerate(read.rules) if rule.status == ENABLED]
    return Rules(tuple(_rule(rule, place) for place, rule in enabled))


# The enabled rules in a checked document of the store; a bucket may have a thousand.
rules_of = reader_of(document.Configuration, _enabled, cached_max=_CACHED_MAX)


def _rule(rule: document.Rule, place: int) -> Rule:
    filters = rule.filter or document.Filter()
    expiration, abort = rule.expiration, rule.abort_multipart_upload
    noncurrent = rule.noncurrent_version_expiration
    return Rule(
        id=rule.id,
        place=place,
        prefix=rule.prefix,
        tags=frozenset((tag.key, tag.value) for tag in rule.tags),
        exclusions=tuple(
            (each.prefix or "", None if each.tag is None else (each.tag.key, each.tag.value))
            for each in filters.exclusions
        ),
        larger_than_bytes=filters.object_size_greater_than,
        smaller_than_bytes=filters.object_size_less_than,
        expiration=None if expiration is None else _expiration(expiration),
        removes_markers=expiration is not None and bool(expiration.expired_object_delete_marker),
        moves=tuple(_move(each) for each in rule.transitions),
        noncurrent_expiration=(
            None if noncurrent is None else Period(days=noncurrent.noncurrent_days)
        ),
        noncurrent_moves=tuple(_move(each) for each in rule.noncurrent_version_transitions),
        abort=None if abort is None else _period(abort.days, abort.created_before_date),
    )


def _expiration(expiration: document.Expiration) -> Period | None:
    if expiration.expired_object_delete_marker:
        return None
    if expiration.date is not None:
        return Period(date_ms=midnight_ms(expiration.date))
    return _period(expiration.days, expiration.created_before_date)


def _move(move: document.Transition) -> Move:
    days = move.days if move.noncurrent_days is None else move.noncurrent_days
    return Move(
        to=StorageClass(move.storage_class),
        period=_period(days, move.created_before_date, on_access=bool(move.is_access_time)),
        # Small objects move unless the rule says otherwise (OSS AllowSmallFile; documented).
        small_too=move.allow_small_file is not False,
        returns=bool(move.is_access_time and move.return_to_std_when_visit),
    )


def _period(days: int | None, created_before: str | None, *, on_access: bool = False) -> Period:
    if days is not None:
        return Period(days=days, on_access=on_access)
    return Period(created_before_ms=midnight_ms(created_before or ""))
