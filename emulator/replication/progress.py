"""How far a rule has come, read off from what is stored: nothing is counted twice."""

from __future__ import annotations

import msgspec

from emulator.replication.model import Rule
from emulator.replication.ports import ReplicationView

_HUNDREDTHS = 100


class ProgressFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What progress is worked out from.

    ``next_change_ms`` is the instant of the first change not taken in, ``oldest_task_ms`` that of
    the oldest change among the stored tasks. ``open_history`` are the stored tasks of historical
    versions that were read already.
    """

    next_change_ms: int | None
    oldest_task_ms: int | None
    history_total: int
    history_taken: int
    open_history: int
    history_done: bool


class RuleProgress(msgspec.Struct, frozen=True, kw_only=True):
    """(OSS GetBucketReplicationProgress, Progress; documented)

    Everything written before ``new_object_ms`` is at the destination or was not for it;
    ``historical_ratio`` of the historical data is, in hundredths rounded down.
    """

    new_object_ms: int
    historical_ratio: float


def progress(figures: ProgressFigures, now_ms: int) -> RuleProgress:
    """The progress of a rule. Pure."""
    unfinished = [
        instant
        for instant in (figures.next_change_ms, figures.oldest_task_ms)
        if instant is not None
    ]
    return RuleProgress(
        new_object_ms=min([now_ms, *unfinished]),
        historical_ratio=_historical_ratio(figures),
    )


def _historical_ratio(figures: ProgressFigures) -> float:
    """Deleted versions are never read, so that ``taken`` may stay below ``total``."""
    if figures.history_done:
        if figures.open_history == 0:
            return 1.0
        done, total = figures.history_total - figures.open_history, figures.history_total
    else:
        done, total = figures.history_taken - figures.open_history, figures.history_total
    if total <= 0:
        return 0.0
    # Only what is really done shows as 1.00.
    return min(max(done, 0) * _HUNDREDTHS // total, _HUNDREDTHS - 1) / _HUNDREDTHS


def progress_of(view: ReplicationView, rule: Rule, now_ms: int) -> RuleProgress:
    """The progress of a rule as stored."""
    history = rule.history
    open_tasks = view.open_tasks(rule.uid)
    if history.done:
        open_history = open_tasks.history
    else:
        open_history = view.open_history(rule.uid, history.at_key, history.at_seq)
    figures = ProgressFigures(
        next_change_ms=view.first_change_ms(
            rule.source_bucket_id, rule.cursor_seq, until_seq=rule.last_seq
        ),
        oldest_task_ms=open_tasks.oldest_ms,
        history_total=history.total,
        history_taken=history.taken,
        open_history=open_history,
        history_done=history.done,
    )
    return progress(figures, now_ms)
