"""What one transaction does for one rule, noted in that transaction: how much, how late, why not.

Lateness is counted of newly written objects alone: replication time control covers neither
historical data nor deletions (OSS RTC, "new objects"; documented, that deletions are not meant is
inferred).
"""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TypeVar

from emulator.domain.model import Change, ChangeKind, ObjectVersion
from emulator.replication.journal_ports import Ending, Miss, RtcRow, RuleStats
from emulator.replication.latency import Latency
from emulator.replication.model import Effect, Refusal, RtcStatus, Rule, Skip, Task, Work
from emulator.replication.outcomes import Outcome, OutcomeKind, OutcomeLog
from emulator.replication.ports import ReplicationTx

MISSES_MAX = 1000  # of each rule, by key; the counts are of all

_COPY = Effect.COPY_VERSION
N = TypeVar("N", int, str)
_effect = attrgetter("effect._value_")
_reason = attrgetter("reason._value_")


class Journal:
    """Notes of one rule in one transaction, written by ``flush``: a few statements for each rule,
    however many changes it was.

    ``destination_id`` is the bucket that is written to, once it is known. ``task`` is the stored
    task that what happens is about, if it is about one.
    """

    def __init__(
        self, tx: ReplicationTx, rule: Rule, log: OutcomeLog, now_ms: int, threshold_ms: int
    ) -> None:
        self.destination_id: int | None = None
        self._tx = tx
        self._rule = rule
        self._log = log if log.listener is not None else None
        self._now_ms = now_ms
        self._threshold_ms = threshold_ms
        self._late_before_ms = now_ms - threshold_ms
        self._has_rtc = rule.spec.rtc is RtcStatus.ENABLED
        self._is_watched = self._has_rtc or self._log is not None
        self.task: Task | None = None
        self._begin()

    def _begin(self) -> None:
        self._copied: list[tuple[Change, ObjectVersion]] = []
        self._works: list[Work] = []
        self._skips: list[Skip] = []
        self._refusals: list[Refusal] = []
        self._retries = 0
        # new objects of rules with replication time control that may be late
        self._late: list[tuple[Change, int, bool]] = []  # bytes, whether it was stored
        self._gone: list[Change] = []
        self._first_stored_ms: int | None = None

    # what happens

    def tried_again(self) -> None:
        """What was refused before was tried once more."""
        self._retries += 1

    def applied(self, work: Work, change: Change, source: ObjectVersion | None) -> None:
        """An effect was carried out."""
        if source is not None and work.effect is _COPY:
            self._copied.append((change, source))
            if self._is_watched:
                self._watch_copy(change, source)
        else:
            self._works.append(work)
            if self._log is not None:
                self._say(OutcomeKind.APPLIED, change, work.effect.value)

    def _watch_copy(self, change: Change, source: ObjectVersion) -> None:
        was_stored = self.task is not None
        if self._has_rtc and change.seq and (was_stored or change.at_ms < self._late_before_ms):
            self._late.append((change, source.size_bytes, was_stored))
        if self._log is not None:
            self._say(OutcomeKind.APPLIED, change, _COPY.value)

    def skipped(self, change: Change, skip: Skip, effect: str = "") -> None:
        """A change asked for nothing."""
        self._skips.append(skip)
        if self.task is not None and self._may_be_late(change):
            self._gone.append(change)
        if self._log is not None:
            self._say(OutcomeKind.SKIPPED, change, effect, skip.reason.value)

    def refused(self, work: Work, change: Change, refusal: Refusal) -> None:
        """An attempt was refused."""
        self._refusals.append(refusal)
        if self._log is not None:
            self._say(OutcomeKind.REFUSED, change, work.effect.value, refusal.reason.value)

    def history_refused(self, refusal: Refusal) -> None:
        """The reading of historical data was refused."""
        self._refusals.append(refusal)

    def stored(self, change: Change) -> None:
        """A change became a task."""
        if self._may_be_late(change):
            first_ms = self._first_stored_ms
            if first_ms is None or change.at_ms < first_ms:
                self._first_stored_ms = change.at_ms

    def _say(self, kind: OutcomeKind, change: Change, effect: str, reason: str = "") -> None:
        assert self._log is not None
        self._log.note(
            Outcome(
                at_ms=self._now_ms,
                rule_uid=self._rule.uid,
                rule_id=self._rule.spec.rule_id,
                change_seq=change.seq,
                key=change.key,
                version_id=change.version_id,
                effect=effect,
                outcome=kind,
                reason=reason,
                lag_ms=self._now_ms - change.at_ms,
            )
        )

    # writing it down

    def flush(self) -> int:
        """Write what was noted; how many effects were carried out."""
        if self._rule.spec.rtc is RtcStatus.ENABLING:
            self._wait_for_history()
        if self._first_stored_ms is not None:
            late_ms = self._first_stored_ms + self._threshold_ms + 1
            self._tx.look_at_rtc(self._rule.uid, late_ms)
            self._first_stored_ms = None
        if not (self._copied or self._works or self._skips or self._refusals):
            return 0
        more = self._counted()
        if self._has_rtc and (self._copied or self._gone):
            row = self._tx.rtc(self._rule.uid)
            if row is not None and row.since_ms is not None:
                self._flush_rtc(more, row, row.since_ms)
        self._tx.add_rule_stats(self._rule.uid, self.destination_id or 0, more)
        applied = len(self._copied) + len(self._works)
        self._begin()
        return applied

    def _counted(self) -> RuleStats:
        more = RuleStats(retries=self._retries)
        new = [each for each in self._copied if each[0].seq]
        if len(new) != len(self._copied):
            old = [source.size_bytes for change, source in self._copied if not change.seq]
            more.history_objects, more.history_bytes = len(old), sum(old)
        if new:
            more.objects = len(new)
            more.objects_bytes = sum([source.size_bytes for _, source in new])
            for at_ms, objects in _counts([change.at_ms for change, _ in new]).items():
                more.latency.add(max(self._now_ms - at_ms, 0), objects)
        if self._works:
            more.works = _counts(list(map(_effect, self._works)))
        if self._skips:
            more.skipped = _counts(list(map(_reason, self._skips)))
        if self._refusals:
            more.refused = _counts(list(map(_reason, self._refusals)))
        return more

    def _wait_for_history(self) -> None:
        """Look whether the copying of history, which holds the time control up, has ended."""
        rule = self._tx.rule_by_uid(self._rule.uid)
        if rule is not None and rule.history.done and not self._tx.has_open_history(rule.uid):
            self._tx.look_at_rtc(rule.uid, self._now_ms)

    def _flush_rtc(self, more: RuleStats, row: RtcRow, since_ms: int) -> None:
        """Count and note which objects came in time and which did not.

        What was noted as a miss is one, whatever the clock says when it ends.
        """
        rtc = more.rtc
        ended: list[tuple[int, Ending]] = []
        misses: list[Miss] = []
        late: list[tuple[Change, int, bool]] = []  # bytes, whether it was noted
        for change, size_bytes, was_stored in self._late:
            was_noted = was_stored and _is_noted(change, row, since_ms)
            if was_noted or since_ms <= change.at_ms < self._late_before_ms:
                late.append((change, size_bytes, was_noted))
        arrived = [
            change.at_ms
            for change, _ in self._copied
            if change.seq > 0 and change.at_ms >= since_ms
        ]
        rtc.objects += len(arrived)
        rtc.within += len(arrived) - len(late)
        rtc.caught_up += len(late)
        self._add_rtc_latency(more.rtc_latency, arrived, [change.at_ms for change, *_ in late])
        for change, size_bytes, was_noted in late:
            if not was_noted:
                rtc.missed += 1
                misses.append(self._miss(change, size_bytes))
            ended.append((change.seq, Ending.CAUGHT_UP))
            if self._log is not None:
                self._say(OutcomeKind.CAUGHT_UP, change, _COPY.value)
        for change in self._gone:
            if _is_noted(change, row, since_ms):
                rtc.gone += 1
                ended.append((change.seq, Ending.GONE))
        if misses:
            self._tx.insert_misses(self._rule.uid, misses, kept_max=MISSES_MAX)
        if ended:
            self._tx.end_misses(self._rule.uid, ended, self._now_ms)

    def _add_rtc_latency(self, latency: Latency, arrived: list[int], late: list[int]) -> None:
        """Add by the instants of writing. What was late took longer than the threshold, also if
        the clock was set back before it came (inferred)."""
        late_by = Counter(late)
        for at_ms, objects in _counts(arrived).items() if arrived else ():
            lag_ms, late_ones = max(self._now_ms - at_ms, 0), late_by[at_ms]
            if late_ones:
                latency.add(max(lag_ms, self._threshold_ms + 1), late_ones)
            if objects > late_ones:
                latency.add(lag_ms, objects - late_ones)

    def _may_be_late(self, change: Change) -> bool:
        return self._has_rtc and change.kind is ChangeKind.PUT and change.seq > 0

    def _miss(self, change: Change, size_bytes: int) -> Miss:
        if self._log is not None:
            self._say(OutcomeKind.MISSED, change, _COPY.value)
        return Miss(
            rule_uid=self._rule.uid,
            change_seq=change.seq,
            key=change.key,
            version_id=change.version_id,
            size_bytes=size_bytes,
            at_ms=change.at_ms,
            missed_ms=change.at_ms + self._threshold_ms,
        )


def _is_noted(change: Change, row: RtcRow, since_ms: int) -> bool:
    """Whether a change that is stored as a task was noted as a miss."""
    is_object = change.kind is ChangeKind.PUT
    return is_object and change.at_ms >= since_ms and change.seq <= row.checked_seq


def _counts(names: list[N]) -> dict[N, int]:
    return {names[0]: 1} if len(names) == 1 else Counter(names)
