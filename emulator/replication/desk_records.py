"""What the control API shows of replication, ready for JSON; instants are ISO 8601 text."""

from __future__ import annotations

import msgspec

from emulator.domain.model import ChangeKind
from emulator.replication.journal_ports import Ending
from emulator.replication.model import (
    Effect,
    FailureReason,
    RtcStatus,
    RuleState,
    SkipReason,
    TaskState,
)


class Amount(msgspec.Struct, frozen=True):
    """Operations and the bytes they move."""

    operations: int
    bytes: int


class LatencyShown(msgspec.Struct, frozen=True, kw_only=True):
    """How long new objects took, in seconds; percentiles are rounded up to two digits.

    ``distribution`` counts the objects that took at most so long, and longer than the one before.
    """

    objects: int
    mean_s: float | None
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
    p999_s: float | None
    p9999_s: float | None
    max_s: float | None
    distribution: list[tuple[float, int]]


class MissShown(msgspec.Struct, frozen=True, kw_only=True):
    """A late object: when it was written, when it was missed, and when and how that ended."""

    key: str
    version_id: str
    bytes: int
    written: str
    missed: str
    ended: str | None
    ending: Ending
    late_by_s: float | None


class RtcReport(msgspec.Struct, frozen=True, kw_only=True):
    """Replication time control of one rule.

    ``objects`` are those written since it is in effect that have arrived, ``within`` of them in
    time, and ``within_share`` is ``within`` of them and the ones still missing; null of no
    objects. ``latency`` is of ``objects`` too, and ``latency_of_all`` of all new objects since
    the rule was made. ``misses`` are the newest.
    """

    rule: str
    source_bucket: str
    destination_bucket: str
    status: RtcStatus
    asked: str | None
    effective: str | None
    in_effect_since: str | None
    threshold_s: float
    objects: int
    within: int
    within_share: float | None
    missed: int
    caught_up: int
    gone: int
    still_missing: int
    latency: LatencyShown
    latency_of_all: LatencyShown
    pending: Amount
    pending_is_cut: bool
    failed: Amount
    misses: list[MissShown]


class TaskShown(msgspec.Struct, frozen=True, kw_only=True):
    """A stored task.

    ``effect`` is what it would do now, ``skip_reason`` why it would do nothing. ``next_attempt``
    is null behind another task of its key, and as long as it waits for ``link`` or is on it;
    ``planned`` are the attempts to come if it goes on being refused, that one first.
    """

    id: int
    rule: str
    source_bucket: str
    destination_bucket: str
    key: str
    version_id: str
    change: ChangeKind
    historical: bool
    effect: Effect | None
    skip_reason: SkipReason | None
    state: TaskState
    attempts: int
    reason: FailureReason | None
    message: str
    remedy: str
    written: str
    next_attempt: str | None
    planned: list[str]
    bytes: int
    link: str | None


class TasksShown(msgspec.Struct, frozen=True):
    """A page of tasks, by rule and key; ``next_after`` is null on the last.

    With a filter a page can be short or empty before the last.
    """

    tasks: list[TaskShown]
    next_after: str | None


class RuleShown(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: where it stands, what it did, what is left. ``history_paused_until`` is set while
    the reading of historical data is refused."""

    rule: str
    source_bucket: str
    destination_bucket: str
    destination_location: str
    state: RuleState
    rtc: RtcStatus
    created: str
    starts: str
    closes: str | None
    watermark: str | None
    historical_ratio: float
    history_total: int
    history_read: int
    history_open: int
    history_paused_until: str | None
    latency_s: float
    pending: Amount
    pending_is_cut: bool
    failed: Amount
    objects: Amount
    history_objects: Amount
    retries: int
    effects: dict[str, int]
    skipped: dict[str, int]
    refused: dict[str, int]


class RulesShown(msgspec.Struct, frozen=True):
    """A page of rules; ``next_after`` is null on the last."""

    rules: list[RuleShown]
    next_after: int | None


class Retried(msgspec.Struct, frozen=True):
    """What is due now that was to be tried later: refused tasks, and readings of history."""

    tasks: int
    history: int
