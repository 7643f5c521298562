"""A rule's way through its states, on the clock: ``starting``, ``doing``, ``closing``, gone."""

from __future__ import annotations

from emulator.replication.intake import Step
from emulator.replication.model import RuleState
from emulator.replication.ports import RuleInstants
from emulator.replication.rule_state import RuleEvent, next_rule_state

_MOVES_MAX = 64  # rules started in one transaction
_LAST_SEQ = (1 << 63) - 1


def moves_ms(instants: RuleInstants) -> int | None:
    """When the next rule starts or goes."""
    planned = (instants.starts_ms, instants.closes_ms)
    return min((instant for instant in planned if instant is not None), default=None)


def move_rules(step: Step) -> None:
    """Start the rules whose delay is over, and remove one that has been closing long enough."""
    for uid in step.tx.rules_to_start(step.now_ms, _MOVES_MAX):
        _start(step, uid)
    for uid in step.tx.rules_to_remove(step.now_ms, limit=_MOVES_MAX):
        if not _remove(step, uid):
            break


def _start(step: Step, uid: int) -> None:
    rule = step.tx.rule_by_uid(uid)
    assert rule is not None
    assert next_rule_state(rule.state, RuleEvent.STARTED) is RuleState.DOING
    step.tx.start_rule(uid, history_done=not rule.spec.historical)
    step.counts.started += 1


def _remove(step: Step, uid: int) -> bool:
    """Remove a rule with what is stored for it, a page of that at most; whether it is gone."""
    tx = step.tx
    rule = tx.rule_by_uid(uid)
    assert rule is not None
    assert next_rule_state(rule.state, RuleEvent.CLEANED_UP) is None
    limit = max(1, step.left)
    gone = tx.forget_tasks(uid, limit=limit)
    if gone < limit and tx.is_only_rule(rule):
        gone += tx.prune_changes(rule.source_bucket_id, _LAST_SEQ, limit=limit - gone)
    step.left -= gone // 2
    step.counts.forgotten += gone
    if gone == limit:
        return False
    step.timing.drop_rule(tx, rule)
    tx.delete_rule(uid)
    step.counts.closed += 1
    return True
