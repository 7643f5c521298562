"""A rule's way through its states, on the clock: ``starting``, ``doing``, ``closing``, gone."""

from __future__ import annotations

from typing import assert_never

from emulator.replication.intake import Step
from emulator.replication.model import RuleState
from emulator.replication.ports import RuleDue
from emulator.replication.rule_state import RuleEvent, next_rule_state


def due_ms(due: RuleDue, now_ms: int) -> int | None:
    """When the engine has to look at a rule again; an instant in the past means now."""
    match due.state:
        case RuleState.STARTING:
            return due.starts_ms
        case RuleState.DOING:
            return now_ms if due.has_changes else due.history_due_ms
        case RuleState.CLOSING:
            return now_ms if due.has_changes else due.closes_ms
    assert_never(due.state)


def move_rules(step: Step, rules: list[RuleDue]) -> bool:
    """Start the rules whose delay is over, and remove those that have been closing long enough.

    Returns whether any rule moved.
    """
    for due in rules:
        match due.state:
            case RuleState.STARTING:
                if due.starts_ms <= step.now_ms:
                    _start(step, due.uid)
            case RuleState.CLOSING:
                assert due.closes_ms is not None
                if due.closes_ms <= step.now_ms:
                    assert next_rule_state(due.state, RuleEvent.CLEANED_UP) is None
                    step.tx.delete_rule(due.uid)
                    step.counts.closed += 1
            case RuleState.DOING:
                pass
            case _:
                assert_never(due.state)
    return step.counts.started + step.counts.closed > 0


def _start(step: Step, uid: int) -> None:
    rule = step.tx.rule_by_uid(uid)
    assert rule is not None
    assert next_rule_state(rule.state, RuleEvent.STARTED) is RuleState.DOING
    total = 0
    if rule.spec.historical:
        total = step.tx.history_count(rule.source_bucket_id, rule.history.bound_seq)
    step.tx.start_rule(uid, history_total=total, history_done=not rule.spec.historical)
    step.counts.started += 1
