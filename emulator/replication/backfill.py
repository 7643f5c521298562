"""Reading a rule's historical data: by key, oldest version first within a key."""

from __future__ import annotations

from emulator.domain.model import ObjectVersion
from emulator.replication.batch import RuleBatch
from emulator.replication.intake import Step
from emulator.replication.model import History, Rule
from emulator.replication.ports import HistoryPause


def read_history(step: Step, rule: Rule, limit: int) -> None:
    """Take in the next page of historical versions, or put it off when it may not be read.

    What the role may not copy becomes a task; what it may not list is asked again later, as is
    everything while the destination or the role is missing, so that a broken rule over a large
    bucket does not store a task for each of its objects.
    """
    batch = step.batch(rule)
    refusal = batch.list_refusal()
    if refusal is not None:
        attempts = step.tx.history_pause(rule.uid).attempts + 1
        step.tx.pause_history(rule.uid, HistoryPause(batch.retry_ms(attempts), attempts))
        batch.note_refused(refusal, "")
        batch.flush()
        step.counts.paused += 1
        step.left -= 1
        return
    history = rule.history
    page = step.tx.history_page(
        rule.source_bucket_id,
        history.bound_seq,
        at_key=history.at_key,
        at_seq=history.at_seq,
        limit=limit,
    )
    is_last = len(page) < limit
    _take_page(step, batch, history, page)
    last = page[-1] if page else None
    step.tx.move_history(
        rule.uid,
        taken=history.taken + len(page),
        at_key=history.at_key if last is None else last.key,
        at_seq=history.at_seq if last is None else last.seq,
        done=is_last,
    )
    batch.flush()
    step.counts.history += len(page)
    step.counts.caught_up += int(is_last)
    step.left -= max(1, len(page))


def _take_page(step: Step, batch: RuleBatch, history: History, page: list[ObjectVersion]) -> None:
    if not page:
        return
    batch.prepare(list(dict.fromkeys(version.key for version in page)))
    below: ObjectVersion | None = None
    first = page[0]
    if first.key == history.at_key:
        below = step.tx.version_by_seq(first.bucket_id, first.key, history.at_seq)
    for version in page:
        if below is not None and below.key != version.key:
            below = None
        batch.take_history(version, below)
        below = version
