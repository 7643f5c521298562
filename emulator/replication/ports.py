"""What replication asks of the metadata store, beyond what the domain asks.

The batch methods exist because a backlog is worked off in transactions of hundreds of changes:
one statement that answers for all keys costs a tenth of a statement per key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from emulator.domain.model import Change, ObjectVersion
from emulator.domain.ports import MetaTx, MetaView
from emulator.kms.ports import KeyTx, KeyView
from emulator.replication.model import Refusal, Rule, RuleSpec, RuleState, Task, TaskState

T = TypeVar("T")

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


class RuleDue(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a rule waits for.

    ``has_changes``: some change of its source is not taken in yet. ``history_due_ms``: when its
    history may be read on, ``None`` when there is none left.
    """

    uid: int
    state: RuleState
    starts_ms: int
    closes_ms: int | None
    has_changes: bool
    history_due_ms: int | None


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


class ReplicationView(MetaView, KeyView, Protocol):
    """Reading rules, changes and tasks."""

    # rules

    def rules(self) -> list[Rule]:
        """Every rule, by ``uid``; closing ones too."""
        ...

    def rules_of(self, source_bucket_id: int) -> list[Rule]:
        """The rules whose source is this bucket, by ``uid``."""
        ...

    def rules_to(self, destination_bucket: str) -> list[Rule]:
        """The rules whose destination is the bucket of this name, by ``uid``."""
        ...

    def rule(self, source_bucket_id: int, rule_id: str) -> Rule | None:
        """The rule of this id."""
        ...

    def rule_by_uid(self, uid: int) -> Rule | None:
        """The rule of this ``uid``."""
        ...

    def due_rules(self) -> list[RuleDue]:
        """What each rule waits for, by ``uid``."""
        ...

    def history_pause(self, uid: int) -> HistoryPause:
        """Until when the reading of a rule's history is put off, and after how many refusals."""
        ...

    def history_ahead(self, uid: int, key: str) -> int:
        """Up to which ``seq`` the history of a key was read out of turn; 0 if it was not."""
        ...

    # changes

    def last_change_seq(self) -> int:
        """The ``seq`` of the newest change of all buckets; 0 when there never was one."""
        ...

    def changes_after(
        self, bucket_id: int, seq: int, *, until_seq: int | None = None, limit: int
    ) -> list[ChangeRead]:
        """Changes of a bucket in order, from after ``seq`` up to and with ``until_seq``."""
        ...

    def first_change_ms(
        self, bucket_id: int, seq: int, *, until_seq: int | None = None
    ) -> int | None:
        """The instant of the first change after ``seq`` (up to and with ``until_seq``)."""
        ...

    def changes_of_key(self, bucket_id: int, key: str, *, limit: int = 100) -> list[Change]:
        """The newest remembered changes of a key, newest first (not indexed: for explaining)."""
        ...

    # tasks

    def due_tasks(self, now_ms: int, limit: int) -> list[TaskRead]:
        """Tasks due by now that head their rule and key, the longest due first."""
        ...

    def next_due_ms(self) -> int | None:
        """The earliest due time among the tasks that head their rule and key."""
        ...

    def next_waiting_ms(self) -> int | None:
        """The same among those that were never tried."""
        ...

    def last_failed_ms(self) -> int | None:
        """When the last of the refused tasks is tried again."""
        ...

    def open_task_counts(self) -> dict[TaskState, int]:
        """How many tasks of all rules are in each state."""
        ...

    def open_history(self, rule_uid: int, at_key: str, at_seq: int) -> int:
        """Stored tasks of historical data up to and with (``at_key``, ``at_seq``)."""
        ...

    def open_tasks(self, rule_uid: int) -> OpenTasks:
        """Counts of a rule's stored tasks."""
        ...

    def has_tasks(self, rule_uid: int) -> bool:
        """Whether a rule has any stored task."""
        ...

    def keys_with_tasks(self, rule_uid: int, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have a stored task of the rule."""
        ...

    def tasks_of_key(self, rule_uid: int, key: str) -> list[Task]:
        """The stored tasks of a rule and key, in the order they are to be carried out."""
        ...

    # versions, in the engine's ways

    def newest_entries(self, bucket_id: int, keys: Sequence[str]) -> dict[str, ObjectVersion]:
        """The newest entry of each key that has one."""
        ...

    def history_count(self, bucket_id: int, bound_seq: int) -> int:
        """How many versions and delete markers have a ``seq`` of at most ``bound_seq``."""
        ...

    def history_page(
        self, bucket_id: int, bound_seq: int, *, at_key: str, at_seq: int, limit: int
    ) -> list[ObjectVersion]:
        """Historical entries after (``at_key``, ``at_seq``): by key, oldest first within a key."""
        ...

    def history_of_key(
        self, bucket_id: int, bound_seq: int, key: str, *, after_seq: int = 0, limit: int
    ) -> list[ObjectVersion]:
        """Historical entries of one key after ``after_seq``, oldest first."""
        ...


class ReplicationTx(ReplicationView, MetaTx, KeyTx, Protocol):
    """Changing rules and tasks."""

    # rules

    def insert_rule(self, new: NewRule) -> Rule:
        """Store a rule in state ``starting``; its bucket records changes from now on."""
        ...

    def set_rule_spec(self, uid: int, spec: RuleSpec) -> None:
        """Change the settings of a rule (its RTC status)."""
        ...

    def start_rule(self, uid: int, *, history_total: int, history_done: bool) -> None:
        """``starting`` → ``doing``."""
        ...

    def close_rule(self, uid: int, *, closes_ms: int, last_seq: int) -> None:
        """``starting`` or ``doing`` → ``closing``; changes after ``last_seq`` are not taken in."""
        ...

    def move_cursor(self, uid: int, cursor_seq: int) -> None:
        """Everything up to ``cursor_seq`` is taken in."""
        ...

    def move_history(self, uid: int, *, taken: int, at_key: str, at_seq: int, done: bool) -> None:
        """``taken`` versions in all are taken in, (``at_key``, ``at_seq``) the last of them."""
        ...

    def pause_history(self, uid: int, pause: HistoryPause) -> None:
        """Put the reading of a rule's history off."""
        ...

    def move_history_ahead(self, uid: int, key: str, seq: int) -> None:
        """The history of ``key`` is read out of turn up to ``seq``; of one key at a time."""
        ...

    def delete_rule(self, uid: int) -> None:
        """Remove a rule with its tasks; a bucket without rules records no changes any more."""
        ...

    # changes

    def prune_changes(self, bucket_id: int, until_seq: int, *, limit: int) -> None:
        """Forget the oldest changes of a bucket, up to and with ``until_seq``."""
        ...

    # tasks

    def insert_tasks(self, tasks: Sequence[NewTask]) -> None:
        """Store tasks, in order. One that is stored already is left as it is."""
        ...

    def finish_tasks(self, tasks: Sequence[Task]) -> None:
        """Forget finished tasks; the next queued one of each rule and key takes their place."""
        ...

    def fail_tasks(self, failures: Sequence[Failure]) -> None:
        """``waiting`` or ``failed`` → ``failed``."""
        ...

    # versions

    def insert_replicas(self, replicas: Sequence[Replica], unlist: Sequence[ObjectVersion]) -> None:
        """Write replicas as current entries that share their sources' blobs.

        ``unlist``: the entries that ListObjects showed for these keys until now.
        """
        ...


class ReplicationStore(Protocol):
    """The store as the engine sees it; see ``domain.ports.MetaStore``."""

    def read(self) -> AbstractContextManager[ReplicationView]:
        """A consistent view of what is committed. Never hold it across an ``await``."""
        ...

    async def write(self, work: Callable[[ReplicationTx], T]) -> T:
        """Run ``work`` in a transaction and return its result once it is durable."""
        ...


__all__ = [
    "ChangeRead",
    "Failure",
    "HistoryPause",
    "NewRule",
    "NewTask",
    "OpenTasks",
    "Replica",
    "ReplicationStore",
    "ReplicationTx",
    "ReplicationView",
    "RuleDue",
    "TaskRead",
]
