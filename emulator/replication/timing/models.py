"""The timing models of one rule: when its changes are due, and over which lane they travel."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from emulator.domain.model import Change, ChangeKind
from emulator.replication.links.figures import LinkFigures
from emulator.replication.model import RtcStatus, Rule
from emulator.replication.regions import ACCELERATED, crosses_border
from emulator.replication.rule_state import shown_rtc
from emulator.replication.timing.chance import Chance, Purpose, exponential

_SECOND_MS = 1000
RTC_MS = 600_000
RTC_SHARE = 0.9999


class RuleTiming(Protocol):
    """How long the changes of one rule take.

    ``lane`` is the link they have to pass, ``None`` where there is none. ``is_down``: nothing
    passes it at present.
    """

    @property
    def lane(self) -> str | None:
        """The lane of the link, if there is one."""
        ...

    @property
    def is_down(self) -> bool:
        """Whether the link is down."""
        ...

    def due_ms(self, change: Change, size_bytes: int, now_ms: int) -> int:
        """The instant from which a task may run, or may pass its link.

        ``size_bytes`` is what has to travel (0 for markers and deletes), ``now_ms`` when the
        change is looked at, which for historical data and for a rule that was still starting can
        be much later than the change.
        """
        ...


class InstantTiming:
    """Due as soon as it is committed, plus a fixed lag."""

    __slots__ = ("_lag_ms",)

    lane = None
    is_down = False

    def __init__(self, lag_ms: int = 0) -> None:
        self._lag_ms = lag_ms

    def due_ms(self, change: Change, size_bytes: int, now_ms: int) -> int:
        """When the change was made plus the lag; an instant in the past means: at once."""
        return change.at_ms + self._lag_ms


class Distance(IntEnum):
    """How far apart source and destination are."""

    SAME_REGION = 0
    SAME_AREA = 1  # both in the Chinese mainland, or both outside of it
    ACROSS = 2  # of the mainland's border


def distance(source: str, destination: str) -> Distance:
    """How far apart two regions are."""
    if source == destination:
        return Distance.SAME_REGION
    return Distance.ACROSS if crosses_border(source, destination) else Distance.SAME_AREA


# Time control takes effect within 15 minutes, or about an hour after the history is copied
# (OSS RTC; documented).
DOCUMENTED_RTC_MS = (900_000, 3_600_000)
_START_MS = (180_000, 300_000)
_SMALL_BYTES = 2 * 1000 * 1000
# By distance: from, to.
_SMALL_MS = ((60_000, 120_000), (60_000, 180_000), (120_000, 300_000))
_BYTES_PER_MS = (40_000, 20_000, 2_000)
_ACCELERATION = 3
_RATE_SPREAD = 0.5
_RTC_QUICK_SHARE = 0.95
_RTC_QUICK_MS = (1_000, 10_000)
_RTC_LATE_MS = (RTC_MS, 2 * RTC_MS)
_NEW_OBJECTS = frozenset({ChangeKind.PUT})


def documented_start_ms(chance: Chance, source_bucket: str, rule_id: str) -> int:
    """How long a rule is ``starting``: 3 to 5 minutes (OSS replication, notes; documented)."""
    return round(_between(_START_MS, chance.of_rule(source_bucket, rule_id, Purpose.START)))


class DocumentedTiming:
    """As late as the documentation says; chance decides within what it leaves open.

    - Changes arrive minutes to hours later, by size and distance; objects below 2 MB within
      minutes (OSS replication, overview; documented). Here: 1 to 2 minutes inside a region, 1 to 3
      inside the mainland or outside of it, 2 to 5 across its border, and what is above 2 MB at 40,
      20 and 2 MB/s, half as fast at times; three times as fast for ``oss_acc`` (inferred).
    - With replication time control (RTC) in effect 99.99 % of new objects arrive within 10
      minutes, most of them within seconds (OSS RTC; documented). Here: 95 % in 1 to 10 seconds, the
      rest evenly up to 10 minutes, and one in 10,000 between 10 and 20 minutes (inferred). What
      deletes or only updates keeps its time without RTC, which speaks of new objects (inferred).
    - Times are counted from the change; for historical data from when it is read, and for what
      was written while the rule was starting from its start (inferred).
    """

    __slots__ = ("_chance", "_distance", "_has_rtc", "_rule")

    lane = None
    is_down = False

    def __init__(self, rule: Rule, far: Distance, chance: Chance) -> None:
        self._rule = rule
        self._distance = far
        self._chance = chance
        self._has_rtc = shown_rtc(rule) is RtcStatus.ENABLED

    def due_ms(self, change: Change, size_bytes: int, now_ms: int) -> int:
        """When the change arrives, in whole seconds of the clock."""
        began_ms = _began_ms(self._rule, change, now_ms)
        if self._has_rtc and change.seq > 0 and change.kind in _NEW_OBJECTS:
            lag_ms = rtc_lag_ms(self._draw(change, Purpose.LAG))
        else:
            lag_ms = self._lag_ms(change, size_bytes)
        # rounded up, so that what arrives in the same second is one piece of work
        return -int(-(began_ms + lag_ms) // _SECOND_MS) * _SECOND_MS

    def _lag_ms(self, change: Change, size_bytes: int) -> float:
        lag_ms = _between(_SMALL_MS[self._distance], self._draw(change, Purpose.LAG))
        more_bytes = size_bytes - _SMALL_BYTES
        if more_bytes <= 0:
            return lag_ms
        rate = _BYTES_PER_MS[self._distance] * (1 - _RATE_SPREAD * self._draw(change, Purpose.RATE))
        if self._rule.spec.transfer_type == ACCELERATED:
            rate *= _ACCELERATION
        return lag_ms + more_bytes / rate

    def _draw(self, change: Change, purpose: Purpose) -> float:
        return self._chance.of_change(self._rule.uid, change, purpose)


def rtc_lag_ms(draw: float) -> float:
    """How long a new object takes under RTC, from a draw from 0 up to 1."""
    if draw < _RTC_QUICK_SHARE:
        return _between(_RTC_QUICK_MS, draw / _RTC_QUICK_SHARE)
    if draw < RTC_SHARE:
        share = (draw - _RTC_QUICK_SHARE) / (RTC_SHARE - _RTC_QUICK_SHARE)
        # a second less: the due time is rounded up
        return _between((_RTC_QUICK_MS[1], RTC_MS - _SECOND_MS), share)
    return _between(_RTC_LATE_MS, (draw - RTC_SHARE) / (1 - RTC_SHARE)) + 1


class LinkTiming:
    """Over a link: the latency first, then the queue of the lane; see ``links.lane``.

    ``jitter_ms`` is the mean of what is added to the latency, exponentially distributed (inferred).
    """

    __slots__ = ("_chance", "_figures", "_rule", "is_down", "lane")

    def __init__(self, rule: Rule, lane: str, figures: LinkFigures, chance: Chance) -> None:
        self.lane = lane
        self.is_down = figures.down_since_ms is not None
        self._rule = rule
        self._figures = figures
        self._chance = chance

    def due_ms(self, change: Change, size_bytes: int, now_ms: int) -> int:
        """When the bytes of the change may begin to pass the link."""
        figures = self._figures
        lag_ms = figures.latency_ms
        if figures.jitter_ms:
            draw = self._chance.of_change(self._rule.uid, change, Purpose.JITTER)
            lag_ms += exponential(draw, figures.jitter_ms)
        return _began_ms(self._rule, change, now_ms) + round(lag_ms)


class HeldUp:
    """Another model while nothing gets through: what is due then waits for it in a lane."""

    __slots__ = ("_timing", "lane")

    is_down = True

    def __init__(self, timing: RuleTiming, lane: str) -> None:
        self._timing = timing
        self.lane = lane

    def due_ms(self, change: Change, size_bytes: int, now_ms: int) -> int:
        """As if everything got through."""
        return self._timing.due_ms(change, size_bytes, now_ms)


def _began_ms(rule: Rule, change: Change, now_ms: int) -> int:
    """From when on a change travels; historical data from when it is read."""
    return max(change.at_ms, rule.starts_ms) if change.seq > 0 else now_ms


def _between(bounds: tuple[float, float], share: float) -> float:
    low, high = bounds
    return low + (high - low) * share
