"""The two state machines: every pair of state and event, listed or refused."""

from __future__ import annotations

import itertools

import pytest

from emulator.domain.model import Change, ChangeKind
from emulator.replication.model import (
    History,
    RtcStatus,
    Rule,
    RuleSpec,
    RuleState,
    TaskState,
)
from emulator.replication.rule_state import RuleEvent, next_rule_state
from emulator.replication.settings import ReplicationSettings
from emulator.replication.tasks import (
    IllegalTransition,
    TaskEvent,
    next_state,
    retry_delay_ms,
)
from emulator.replication.timing import InstantTiming

_RULES: dict[tuple[str, str], str | None] = {
    ("starting", "started"): "doing",
    ("starting", "deleted"): "closing",
    ("doing", "deleted"): "closing",
    ("closing", "deleted"): "closing",
    ("closing", "cleaned-up"): None,
}

_TASKS: dict[tuple[str, str], str | None] = {
    ("queued", "reached"): "waiting",
    ("queued", "rule-gone"): None,
    ("waiting", "refused"): "failed",
    ("waiting", "finished"): None,
    ("waiting", "rule-gone"): None,
    ("failed", "refused"): "failed",
    ("failed", "finished"): None,
    ("failed", "rule-gone"): None,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(RuleState, RuleEvent)))
def test_every_rule_transition(state: RuleState, event: RuleEvent) -> None:
    if (state.value, event.value) in _RULES:
        assert next_rule_state(state, event) == _RULES[state.value, event.value]
    else:
        with pytest.raises(IllegalTransition, match=state.value):
            next_rule_state(state, event)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(TaskState, TaskEvent)))
def test_every_task_transition(state: TaskState, event: TaskEvent) -> None:
    if (state.value, event.value) in _TASKS:
        assert next_state(state, event) == _TASKS[state.value, event.value]
    else:
        with pytest.raises(IllegalTransition, match=state.value):
            next_state(state, event)


@pytest.mark.parametrize(
    ("attempts", "delay_ms"),
    [(0, 1000), (1, 1000), (2, 2000), (3, 4000), (4, 8_000), (5, 10_000), (10_000, 10_000)],
)
def test_the_retry_delay_doubles_up_to_its_cap(attempts: int, delay_ms: int) -> None:
    assert retry_delay_ms(attempts, ReplicationSettings()) == delay_ms


def test_the_retry_delay_is_never_nothing() -> None:
    settings = ReplicationSettings(retry_delay_s=0.0001, retry_delay_s_max=0.0002)
    assert retry_delay_ms(1, settings) == 1


def _rule(state: RuleState, *, historical: bool, done: bool, rtc: RtcStatus) -> Rule:
    spec = RuleSpec(
        rule_id="r",
        destination_bucket="dst",
        destination_location="oss-cn-shanghai",
        historical=historical,
        rtc=rtc,
    )
    return Rule(
        uid=1,
        source_bucket_id=1,
        spec=spec,
        state=state,
        created_ms=0,
        starts_ms=0,
        closes_ms=None,
        cursor_seq=0,
        last_seq=None,
        history=History(bound_seq=0, done=done),
    )


def test_a_change_is_due_when_it_was_made_plus_the_lag() -> None:
    change = Change(
        seq=1, bucket_id=1, key="k", kind=ChangeKind.PUT, version_id="", version_seq=1, at_ms=5_000
    )
    assert InstantTiming().due_ms(change, 10**12, now_ms=9_000) == 5_000
    assert InstantTiming(2_500).due_ms(change, 0, now_ms=9_000) == 7_500
