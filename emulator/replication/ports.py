"""What replication asks of the metadata store, beyond what the domain asks.

The batch methods exist because a backlog is worked off in transactions of hundreds of changes:
one statement that answers for all keys costs a tenth of a statement per key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from emulator.domain.model import Change, ObjectVersion
from emulator.domain.ports import MetaTx, MetaView
from emulator.kms.ports import KeyTx, KeyView
from emulator.replication.journal_ports import JournalTx, JournalView
from emulator.replication.links.ports import LaneTx, LaneView
from emulator.replication.model import Rule, RuleSpec, Task, TaskState
from emulator.replication.port_records import (
    ChangeRead,
    Failure,
    HistoryPause,
    NewRule,
    NewTask,
    OpenTasks,
    Reading,
    Replica,
    RuleInstants,
    TaskRead,
)

T = TypeVar("T")


class ReplicationView(MetaView, KeyView, JournalView, LaneView, Protocol):
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

    def is_only_rule(self, rule: Rule) -> bool:
        """Whether no other rule, in whatever state, has this source."""
        ...

    def rule_instants(self) -> RuleInstants:
        """When there is something to do next, of all rules together."""
        ...

    def last_history_ms(self) -> int | None:
        """When the history of every rule may be read on."""
        ...

    def rules_to_start(self, now_ms: int, limit: int) -> list[int]:
        """The ``uid`` of rules whose start delay is over, the longest due first."""
        ...

    def rules_to_remove(self, now_ms: int, limit: int) -> list[int]:
        """The ``uid`` of rules that have been closing long enough, the longest due first."""
        ...

    def rules_with_history(self, now_ms: int) -> list[int]:
        """The ``uid`` of the rules whose history may be read on, in order."""
        ...

    def history_pause(self, uid: int) -> HistoryPause:
        """Until when the reading of a rule's history is put off, and after how many refusals."""
        ...

    def history_ahead(self, uid: int, key: str) -> int:
        """Up to which ``seq`` the history of a key was read out of turn; 0 if it was not."""
        ...

    # readings

    def unread_readings(self, after_id: int, limit: int) -> list[Reading]:
        """The readings that may have changes before them by ``id``, those up to ``after_id``
        last."""
        ...

    def reading(self, reading_id: int) -> Reading | None:
        """The reading of this ``id``."""
        ...

    def specs_of_reading(self, reading_id: int) -> dict[int, RuleSpec]:
        """What each rule of a reading asks for, by its ``uid``."""
        ...

    def oldest_cursor(self, bucket_id: int) -> int | None:
        """Up to where everyone who reads the bucket's changes has read them."""
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

    def changes_at(self, bucket_id: int, seqs: Sequence[int]) -> list[ChangeRead]:
        """The changes of a bucket with these ``seq``, in this order."""
        ...

    def change_keys_after(
        self, bucket_id: int, seq: int, *, until_seq: int | None = None, limit: int
    ) -> list[tuple[int, str]]:
        """The ``seq`` and key of changes of a bucket; otherwise as ``changes_after``."""
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

    def next_waiting_ms(self) -> int | None:
        """The earliest due time among the tasks that head their rule and key and were never
        tried."""
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


class ReplicationTx(ReplicationView, MetaTx, KeyTx, JournalTx, LaneTx, Protocol):
    """Changing rules and tasks."""

    # rules

    def insert_rule(self, new: NewRule) -> Rule:
        """Store a rule in state ``starting``; its bucket records changes from now on.

        What the bucket holds now is its history, and counted as that.
        """
        ...

    def set_rule_spec(self, uid: int, spec: RuleSpec) -> None:
        """Change the settings of a rule (its RTC status)."""
        ...

    def start_rule(self, uid: int, *, history_done: bool) -> None:
        """``starting`` → ``doing``."""
        ...

    def close_rule(self, uid: int, *, closes_ms: int, last_seq: int) -> None:
        """``starting`` or ``doing`` → ``closing``; changes after ``last_seq`` are not taken in."""
        ...

    def move_reading(self, reading: Reading, cursor_seq: int, *, is_last: bool) -> None:
        """Everything up to ``cursor_seq`` is taken in; ``is_last``: and there is no more.

        A reading that meets another one of its bucket is at its end: its rules go on with that.
        """
        ...

    def put_ahead(self, uid: int, cursor_seq: int) -> None:
        """A rule has taken in everything up to ``cursor_seq``, unlike others of its reading."""
        ...

    def leave_reading(self, uid: int) -> None:
        """A rule cannot go on with the others of its reading: it gets one of its own there."""
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

    def prune_changes(self, bucket_id: int, until_seq: int, *, limit: int) -> int:
        """Forget the oldest changes of a bucket, up to and with ``until_seq``; how many."""
        ...

    # tasks

    def insert_tasks(self, tasks: Sequence[NewTask]) -> None:
        """Store tasks, in order. One that is stored already is left as it is."""
        ...

    def forget_tasks(self, rule_uid: int, *, limit: int) -> int:
        """Forget tasks of a rule that is about to go; how many."""
        ...

    def finish_tasks(self, tasks: Sequence[Task]) -> bool:
        """Forget finished tasks; the next queued one of each rule and key takes their place.

        Whether any has.
        """
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
    "Reading",
    "Replica",
    "ReplicationStore",
    "ReplicationTx",
    "ReplicationView",
    "RuleInstants",
    "TaskRead",
]
