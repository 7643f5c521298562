"""The figures of rules: what was done, what is left, how late. Reading them costs a few look-ups a
rule, however much there is left: stored tasks are counted as they come and go, and of the changes
that are not taken in yet a bounded number is read.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from emulator.replication.journal_ports import OpenCount, RuleStats, Untaken
from emulator.replication.model import Rule, RuleState
from emulator.replication.ports import ReplicationView
from emulator.replication.progress import ProgressFigures, progress

# Changes that are not taken in: of one reading, and of all that are looked at together. The engine
# takes them in at once, so that there is a heap only under a backlog or before a rule starts.
_UNTAKEN_MAX, _UNTAKEN_MAX_ALL = 10_000, 100_000


class RuleFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One rule.

    ``pending`` counts operations that were not refused: stored tasks, and changes that are not
    taken in, for whichever of the bucket's rules they are. ``pending_bytes`` is what they have to
    move. ``pending_is_cut``: there are more changes than were read. ``latency_ms`` is how far the
    destination is behind, the age of the oldest change that is not carried out;
    ``watermark_ms`` is the instant before which everything is.
    """

    rule: Rule
    source_bucket: str
    stats: RuleStats
    pending: int
    pending_bytes: int
    pending_is_cut: bool
    failed: int
    failed_bytes: int
    open_history: int
    latency_ms: int
    watermark_ms: int
    historical_ratio: float


def rule_figures(view: ReplicationView, rules: Sequence[Rule], now_ms: int) -> list[RuleFigures]:
    """The figures of rules that are given by ``uid``."""
    if not rules:
        return []
    found = view.open_counts(rules[0].uid - 1, rules[-1].uid)
    counts = {count.rule_uid: count for count in found}
    untaken = _UntakenReads(view)
    return [
        _figures(view, rule, counts.get(rule.uid, OpenCount(rule.uid)), untaken.of(rule), now_ms)
        for rule in rules
    ]


class _UntakenReads:
    """Reads the changes that rules have not taken in; those that stand together share a reading."""

    def __init__(self, view: ReplicationView) -> None:
        self._view = view
        self._left = _UNTAKEN_MAX_ALL
        self._found: dict[tuple[int, int, int | None], Untaken] = {}

    def of(self, rule: Rule) -> Untaken:
        """What one rule has not taken in."""
        place = (rule.source_bucket_id, rule.cursor_seq, rule.last_seq)
        found = self._found.get(place)
        if found is None:
            limit = max(1, min(_UNTAKEN_MAX, self._left))
            found = self._view.untaken(
                rule.source_bucket_id, rule.cursor_seq, until_seq=rule.last_seq, limit=limit
            )
            self._left -= found.changes
            self._found[place] = found
        return found


def _figures(
    view: ReplicationView, rule: Rule, count: OpenCount, untaken: Untaken, now_ms: int
) -> RuleFigures:
    history = rule.history
    shown = progress(
        ProgressFigures(
            next_change_ms=untaken.oldest_ms,
            oldest_task_ms=view.oldest_task_ms(rule.uid),
            history_total=history.total,
            history_taken=history.taken,
            open_history=count.history,
            history_done=history.done,
        ),
        now_ms,
    )
    source = view.bucket_by_id(rule.source_bucket_id)
    return RuleFigures(
        rule=rule,
        source_bucket="" if source is None else source.name,
        stats=view.rule_stats(rule.uid),
        pending=count.queued + count.waiting + untaken.changes,
        pending_bytes=count.pending_bytes + untaken.size_bytes,
        pending_is_cut=untaken.is_cut,
        failed=count.failed,
        failed_bytes=count.failed_bytes,
        open_history=count.history,
        latency_ms=max(now_ms - shown.new_object_ms, 0),
        watermark_ms=shown.new_object_ms,
        historical_ratio=0.0 if rule.state is RuleState.STARTING else shown.historical_ratio,
    )
