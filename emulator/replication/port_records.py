"""The records that replication and its metadata store hand to each other; see ``ports``."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from emulator.domain.model import Change, ObjectVersion
from emulator.replication.model import Refusal, RuleSpec, Task, TaskState

# A change with the source version it speaks of, or None when that is gone or never was.
ChangeRead: TypeAlias = "tuple[Change, ObjectVersion | None]"
# A task with the source version its change speaks of, likewise.
TaskRead: TypeAlias = "tuple[Task, ObjectVersion | None]"


class NewRule(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a rule that is about to be stored; its cursor starts at the last change.

    ``bound_seq``: versions up to this ``seq`` are history (``MetaTx.next_seq`` gives it).
    """

    source_bucket_id: int
    spec: RuleSpec
    created_ms: int
    starts_ms: int
    cursor_seq: int
    bound_seq: int


class Reading(msgspec.Struct, frozen=True, gc=False):
    """Rules of a bucket that stand at the same change, and read on together.

    ``cursor_seq`` is the last change taken in, ``until_seq`` the last that may be. ``version`` is
    another one whenever its rules are others, or ask for something else. ``further_seq`` is where
    the next reading of the bucket stands that is further on.
    """

    id: int
    bucket_id: int
    cursor_seq: int
    until_seq: int | None
    version: int
    further_seq: int | None = None


class RuleInstants(msgspec.Struct, frozen=True, gc=False):
    """What all rules together wait for; ``None``: no rule waits for such a thing.

    ``unread``: some change is not taken in yet. ``starts_ms`` and ``closes_ms``: when the next
    rule does. ``history_ms``: when history may be read on. ``rtc_ms``: when some time control has
    to be looked at. ``tasks_ms``: when the next stored task is due that waits for nothing else;
    ``has_tasks``: there are stored tasks of whatever kind. ``timing_version`` is that of the timing
    that was asked for, 0 of none.
    """

    unread: bool
    starts_ms: int | None
    closes_ms: int | None
    history_ms: int | None
    rtc_ms: int | None
    has_tasks: bool
    tasks_ms: int | None
    timing_version: int


class HistoryPause(msgspec.Struct, frozen=True, gc=False):
    """The reading of a rule's history is put off until ``due_ms``, after so many refusals."""

    due_ms: int
    attempts: int


class NewTask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The fields of a task that is about to be stored. ``change.seq`` is 0 for history."""

    rule_uid: int
    change: Change
    state: TaskState
    due_ms: int
    size_bytes: int = 0  # what has to travel
    attempts: int = 0
    refusal: Refusal | None = None
    lane: str | None = None  # the link that it passes from ``due_ms`` on


class Failure(msgspec.Struct, frozen=True, gc=False):
    """A refused attempt of a stored task: why, how often by now, and when it is tried again."""

    task_id: int
    due_ms: int
    attempts: int
    refusal: Refusal


class Replica(msgspec.Struct, frozen=True, gc=False):
    """A replica of ``source`` that is to be written as the newest entry of its key.

    ``seq`` is its place in the destination's stack.
    """

    source: ObjectVersion
    bucket_id: int
    seq: int
    owner_uid: str
    rule_uid: int
    change_seq: int
    applied_ms: int


class OpenTasks(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks of a rule are stored, and since when the oldest one waits.

    ``oldest_ms`` is the instant of the oldest change among those of new data; ``history`` counts
    those of historical data.
    """

    queued: int = 0
    waiting: int = 0
    failed: int = 0
    history: int = 0
    oldest_ms: int | None = None

    @property
    def total(self) -> int:
        """All of them."""
        return self.queued + self.waiting + self.failed
