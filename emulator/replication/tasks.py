"""How a task moves between its states, and how long a refused one waits."""

from __future__ import annotations

from enum import StrEnum

from emulator.replication.model import TaskState
from emulator.replication.settings import ReplicationSettings

_DOUBLINGS_MAX = 40  # 2^40 ms is 34 years: beyond every cap, and still a small number


class TaskEvent(StrEnum):
    """What can happen to a stored task."""

    REACHED = "reached"  # the earlier task of the same rule and key is finished
    REFUSED = "refused"  # an attempt was refused
    FINISHED = "finished"  # an attempt went through, or nothing was left to do
    RULE_GONE = "rule-gone"  # the rule is deleted and cleaned up


class IllegalTransition(Exception):
    """An event came in a state that does not know it: a broken assumption, never a user's fault."""


# ``None``: the task is no longer stored. Pairs not listed here cannot happen.
_TABLE: dict[tuple[TaskState, TaskEvent], TaskState | None] = {
    (TaskState.QUEUED, TaskEvent.REACHED): TaskState.WAITING,
    (TaskState.QUEUED, TaskEvent.RULE_GONE): None,
    (TaskState.WAITING, TaskEvent.REFUSED): TaskState.FAILED,
    (TaskState.WAITING, TaskEvent.FINISHED): None,
    (TaskState.WAITING, TaskEvent.RULE_GONE): None,
    (TaskState.FAILED, TaskEvent.REFUSED): TaskState.FAILED,
    (TaskState.FAILED, TaskEvent.FINISHED): None,
    (TaskState.FAILED, TaskEvent.RULE_GONE): None,
}


def next_state(state: TaskState, event: TaskEvent) -> TaskState | None:
    """The state after ``event``; ``None`` when the task is over. Raises IllegalTransition."""
    try:
        return _TABLE[state, event]
    except KeyError:
        raise IllegalTransition(f"task {state}: {event}") from None


def retry_delay_ms(attempts: int, settings: ReplicationSettings) -> int:
    """How long to wait after the ``attempts``-th refusal: doubling, up to the cap (inferred)."""
    first_ms = settings.retry_delay_s * 1000
    longest_ms = settings.retry_delay_s_max * 1000
    doublings = min(max(attempts - 1, 0), _DOUBLINGS_MAX)
    return max(1, round(min(first_ms * (1 << doublings), longest_ms)))
