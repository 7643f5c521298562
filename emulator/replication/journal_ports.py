"""What replication notes of each rule, and what it asks of the store for that."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from emulator.replication.latency import Latency
from emulator.replication.model import Effect, Rule, Task


class RtcStats(msgspec.Struct, omit_defaults=True):
    """New objects written while replication time control was in effect.

    ``objects`` arrived, ``within`` of them in time. ``missed`` were not there when the threshold
    passed, ``caught_up`` of them arrived after it and ``gone`` turned out to ask for nothing.
    """

    objects: int = 0
    within: int = 0
    missed: int = 0
    caught_up: int = 0
    gone: int = 0

    @property
    def still_missing(self) -> int:
        """Late ones that are still to arrive."""
        return self.missed - self.caught_up - self.gone


class RuleStats(msgspec.Struct, omit_defaults=True):
    """What replication did for one rule since the rule was made.

    ``objects`` are copies of new objects, ``history_objects`` of historical versions; ``works``
    counts what else was carried out by ``Effect``. ``retries`` are attempts of what was refused
    before. ``latency`` is of new objects, from the client's change to the replica; ``rtc_latency``
    of those that ``rtc`` counts.
    """

    objects: int = 0
    objects_bytes: int = 0
    history_objects: int = 0
    history_bytes: int = 0
    retries: int = 0
    works: dict[str, int] = {}
    skipped: dict[str, int] = {}
    refused: dict[str, int] = {}
    latency: Latency = msgspec.field(default_factory=Latency)
    rtc: RtcStats = msgspec.field(default_factory=RtcStats)
    rtc_latency: Latency = msgspec.field(default_factory=Latency)

    @property
    def effects(self) -> dict[str, int]:
        """Everything that was carried out by ``Effect``, historical data included."""
        copies = self.objects + self.history_objects
        return {**self.works, Effect.COPY_VERSION.value: copies} if copies else self.works


class OpenCount(msgspec.Struct, frozen=True, gc=False):
    """The stored tasks of a rule, by state; ``history`` are those of historical data among them.

    ``pending_bytes`` is what those that were not refused have to move.
    """

    rule_uid: int
    queued: int = 0
    waiting: int = 0
    failed: int = 0
    history: int = 0
    pending_bytes: int = 0
    failed_bytes: int = 0


class Untaken(msgspec.Struct, frozen=True, gc=False):
    """Changes that a rule has not taken in.

    ``oldest_ms`` is the instant of the first. ``is_cut``: there are more than were read.
    """

    changes: int = 0
    size_bytes: int = 0
    oldest_ms: int | None = None
    is_cut: bool = False


class Traffic(msgspec.Struct, frozen=True, gc=False):
    """What replication moved out of and into a bucket (OSS CloudMonitor, SyncSend and SyncRecv;
    documented)."""

    bucket: str
    sent_bytes: int
    received_bytes: int


class RtcRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where replication time control of a rule stands.

    It was asked for at ``asked_ms``, had to wait for the copying of history (``waits``), becomes
    effective at ``effective_ms`` (None: not known yet) and is in effect since ``since_ms``. Of the
    changes up to ``checked_seq`` those that are stored as tasks are noted as late.
    """

    rule_uid: int
    asked_ms: int
    waits: bool = False
    effective_ms: int | None = None
    since_ms: int | None = None
    checked_seq: int = 0
    due_ms: int | None = None


class Ending(StrEnum):
    """What became of a late object."""

    NONE = ""
    CAUGHT_UP = "caught-up"
    GONE = "gone"  # it asks for nothing any more


class Miss(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A new object that was late: not there at ``missed_ms``, when the threshold passed."""

    rule_uid: int
    change_seq: int
    key: str
    version_id: str
    size_bytes: int
    at_ms: int
    missed_ms: int
    ended_ms: int | None = None
    ending: Ending = Ending.NONE


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A stored task of new data, as far as its being late is concerned."""

    change_seq: int
    key: str
    version_id: str
    size_bytes: int
    at_ms: int
    is_object: bool


class Hastened(msgspec.Struct, frozen=True, gc=False):
    """Refused tasks became due: how many of a page, and its last key (None: there is no more)."""

    tasks: int
    last_key: str | None = None


class JournalView(Protocol):
    """Reading what was noted."""

    def rule_stats(self, uid: int) -> RuleStats:
        """What was done for a rule."""
        ...

    def rules_after(self, uid: int, *, limit: int, source_bucket_id: int | None) -> list[Rule]:
        """Rules by ``uid``, of one source bucket or of all."""
        ...

    def rule_count(self) -> int:
        """How many rules there are."""
        ...

    def open_counts(self, after_uid: int, until_uid: int) -> list[OpenCount]:
        """Counts of stored tasks of the rules after ``after_uid``, up to and with ``until_uid``."""
        ...

    def oldest_task_ms(self, rule_uid: int) -> int | None:
        """The instant of the oldest change of new data among a rule's stored tasks."""
        ...

    def has_open_history(self, rule_uid: int) -> bool:
        """Whether a rule has stored tasks of historical data."""
        ...

    def pending_tasks(self, rule_uid: int, *, after_seq: int, limit: int) -> list[Pending]:
        """Stored tasks of new data whose changes came after ``after_seq``, in their order."""
        ...

    def untaken(self, bucket_id: int, seq: int, *, until_seq: int | None, limit: int) -> Untaken:
        """The changes of a bucket after ``seq``, at most ``limit`` of them, summed up."""
        ...

    def traffic(self) -> list[Traffic]:
        """What replication moved, by bucket."""
        ...

    def task_page(
        self, rule_uid: int, *, key: str | None, after: tuple[str, int], limit: int
    ) -> list[Task]:
        """Stored tasks of a rule (and key) after (key, id), by key and id."""
        ...

    # replication time control

    def rtc(self, rule_uid: int) -> RtcRow | None:
        """Where it stands; None of a rule without it."""
        ...

    def next_rtc_ms(self, *, enabling_only: bool = False) -> int | None:
        """When some rule has to be looked at next; of all, or where it is not in effect yet."""
        ...

    def due_rtc(self, now_ms: int, *, limit: int) -> list[RtcRow]:
        """What has to be looked at by now, the longest due first."""
        ...

    def misses(self, rule_uid: int, *, limit: int) -> list[Miss]:
        """The newest late objects of a rule, the newest first."""
        ...


class JournalTx(JournalView, Protocol):
    """Noting."""

    def add_rule_stats(self, uid: int, destination_id: int, more: RuleStats) -> None:
        """Add what was done for a rule; its copies went to this bucket (0: there are none)."""
        ...

    def forget_rtc_stats(self, uid: int) -> None:
        """Count the objects under the time control of a rule from 0."""
        ...

    def hasten_failed(
        self, rule_uid: int, now_ms: int, *, key: str | None, after_key: str, limit: int
    ) -> Hastened:
        """Make refused tasks of a rule due now: those of one key, or a page of all by key."""
        ...

    # replication time control

    def put_rtc(self, row: RtcRow) -> None:
        """Store where it stands."""
        ...

    def look_at_rtc(self, rule_uid: int, at_ms: int) -> None:
        """A rule has to be looked at by ``at_ms``, or earlier as was said before."""
        ...

    def drop_rtc(self, rule_uid: int) -> None:
        """A rule has none any more."""
        ...

    def insert_misses(self, rule_uid: int, misses: Sequence[Miss], *, kept_max: int) -> None:
        """Note late objects; only the newest ``kept_max`` of the rule are kept."""
        ...

    def end_misses(self, rule_uid: int, ended: Sequence[tuple[int, Ending]], now_ms: int) -> None:
        """Note what became of late objects, by ``change_seq``."""
        ...

    def drop_misses(self, rule_uid: int) -> None:
        """Forget the late objects of a rule."""
        ...
