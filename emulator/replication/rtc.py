"""Replication time control on the clock: when it takes effect, and which objects are late.

It is in effect "within 15 minutes" of being asked for where no history is copied, and about an
hour after the history is copied otherwise (OSS RTC; documented). A new object is late when its
replica is not there ``repl.rtc_threshold_s`` after it was written: that is noted when the threshold
passes, whether or not the replica ever comes, and again when it comes.
"""

from __future__ import annotations

from itertools import takewhile

import msgspec

from emulator.replication.attempts import Tools
from emulator.replication.intake import Step
from emulator.replication.journal import MISSES_MAX
from emulator.replication.journal_ports import Miss, Pending, RtcRow, RtcStats, RuleStats
from emulator.replication.model import Effect, RtcStatus, Rule, RuleState
from emulator.replication.outcomes import Outcome, OutcomeKind
from emulator.replication.ports import ReplicationTx


def ask_rtc(tx: ReplicationTx, rule: Rule, now_ms: int) -> None:
    """Time control was asked for; what it came to in an earlier time is forgotten."""
    due_ms = max(now_ms, rule.starts_ms) if rule.state is RuleState.STARTING else now_ms
    tx.put_rtc(RtcRow(rule_uid=rule.uid, asked_ms=now_ms, due_ms=due_ms))
    tx.forget_rtc_stats(rule.uid)
    tx.drop_misses(rule.uid)


def look_at_rtc(step: Step, tools: Tools) -> None:
    """Look at the rules whose time control is due to be looked at, a bounded number of tasks."""
    left = tools.settings.batch_len
    for row in step.tx.due_rtc(step.now_ms, limit=left):
        rule = step.tx.rule_by_uid(row.rule_uid)
        assert rule is not None, "time control outlived its rule"
        step.counts.rtc += 1
        if row.since_ms is not None:
            left -= 1 + _look_for_late(step, tools, rule, row, left)
        else:
            left -= 1
            _look_at_enabling(step, tools, rule, row)
        if left <= 0:
            return


def _look_at_enabling(step: Step, tools: Tools, rule: Rule, row: RtcRow) -> None:
    tx, now_ms = step.tx, step.now_ms
    effective_ms = row.effective_ms
    match rule.state:
        case RuleState.STARTING:
            tx.put_rtc(msgspec.structs.replace(row, due_ms=max(rule.starts_ms, now_ms + 1)))
            return
        case RuleState.CLOSING:
            tx.put_rtc(msgspec.structs.replace(row, due_ms=None))
            return
        case RuleState.DOING:
            pass
    if effective_ms is None:
        if not rule.history.done or tx.has_open_history(rule.uid):
            # the journal wakes it when the last of the history is copied
            tx.put_rtc(msgspec.structs.replace(row, waits=True, due_ms=None))
            return
        effective_ms = _effective_ms(step, tools, rule, row)
    if effective_ms > now_ms:
        tx.put_rtc(msgspec.structs.replace(row, effective_ms=effective_ms, due_ms=effective_ms))
        return
    tx.set_rule_spec(rule.uid, msgspec.structs.replace(rule.spec, rtc=RtcStatus.ENABLED))
    enabled = msgspec.structs.replace(row, effective_ms=effective_ms, since_ms=now_ms)
    tx.put_rtc(msgspec.structs.replace(enabled, due_ms=_next_look_ms(step, tools, enabled)))


def _effective_ms(step: Step, tools: Tools, rule: Rule, row: RtcRow) -> int:
    """When it takes effect; now is the end of the history, if it had to wait for one."""
    after_history = row.waits and rule.history.taken > 0
    delay_ms = tools.timing.rtc_delay_ms(step.tx, rule, after_history=after_history)
    return max(step.now_ms, (step.now_ms if after_history else row.asked_ms) + delay_ms)


def _look_for_late(step: Step, tools: Tools, rule: Rule, row: RtcRow, limit: int) -> int:
    """Note the stored objects that are late by now; how many tasks were looked at."""
    tx = step.tx
    before_ms = step.now_ms - tools.settings.rtc_threshold_ms
    page = tx.pending_tasks(rule.uid, after_seq=row.checked_seq, limit=limit)
    passed = list(takewhile(lambda task: task.at_ms < before_ms, page))
    since_ms = row.since_ms or 0
    late = [task for task in passed if task.is_object and task.at_ms >= since_ms]
    if late:
        tx.add_rule_stats(rule.uid, 0, RuleStats(rtc=RtcStats(missed=len(late))))
        misses = [_miss(rule, task, tools.settings.rtc_threshold_ms) for task in late]
        tx.insert_misses(rule.uid, misses, kept_max=MISSES_MAX)
        if tools.outcomes.listener is not None:
            for task in late:
                tools.outcomes.note(_missed(rule, task, step.now_ms))
    if passed:
        row = msgspec.structs.replace(row, checked_seq=passed[-1].change_seq)
    tx.put_rtc(msgspec.structs.replace(row, due_ms=_next_look_ms(step, tools, row)))
    return len(passed)


def _next_look_ms(step: Step, tools: Tools, row: RtcRow) -> int | None:
    """When the first task that was not looked at will be late, if it is still there then."""
    first = step.tx.pending_tasks(row.rule_uid, after_seq=row.checked_seq, limit=1)
    return first[0].at_ms + tools.settings.rtc_threshold_ms + 1 if first else None


def _miss(rule: Rule, task: Pending, threshold_ms: int) -> Miss:
    return Miss(
        rule_uid=rule.uid,
        change_seq=task.change_seq,
        key=task.key,
        version_id=task.version_id,
        size_bytes=task.size_bytes,
        at_ms=task.at_ms,
        missed_ms=task.at_ms + threshold_ms,
    )


def _missed(rule: Rule, task: Pending, now_ms: int) -> Outcome:
    return Outcome(
        at_ms=now_ms,
        rule_uid=rule.uid,
        rule_id=rule.spec.rule_id,
        change_seq=task.change_seq,
        key=task.key,
        version_id=task.version_id,
        effect=Effect.COPY_VERSION.value,
        outcome=OutcomeKind.MISSED,
        reason="",
        lag_ms=now_ms - task.at_ms,
    )
