"""What the control API asks of replication: why, what waits, and how it stands."""

from __future__ import annotations

import base64
import binascii

import msgspec

from emulator.clock import Clock
from emulator.domain import errors
from emulator.domain.model import Bucket
from emulator.replication.attempts import Tools
from emulator.replication.counts import Counts
from emulator.replication.desk_records import (
    Amount,
    Retried,
    RtcReport,
    RuleShown,
    RulesShown,
    TaskShown,
    TasksShown,
)
from emulator.replication.engine import Engine
from emulator.replication.explain import Explanation, explain
from emulator.replication.explain_words import iso_time
from emulator.replication.figures import RuleFigures, rule_figures
from emulator.replication.journal_ports import Traffic
from emulator.replication.model import Rule, RuleState, TaskState
from emulator.replication.outcomes import Listener
from emulator.replication.ports import ReplicationStore, ReplicationView
from emulator.replication.retrying import Retrying
from emulator.replication.rtc_report import rtc_report
from emulator.replication.rule_state import shown_rtc
from emulator.replication.settings import ReplicationSettings
from emulator.replication.task_list import TaskReading
from emulator.replication.timing.desk import TimingDesk

_RULES_AT_ONCE = 1000  # in one report or one round of a retry
_RULES_MEASURED = 5000
_TASKS_READ_MAX = 10_000  # for one page, whatever its filter lets through


class BadPlace(Exception):
    """The ``after`` of a page is none that a page before has given."""


class TaskFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks; empty text and None leave nothing out. A rule and a key are of a bucket."""

    bucket: str = ""
    rule: str = ""
    key: str | None = None
    state: TaskState | None = None


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is measured. ``rules_left_out``: there are more rules than are shown."""

    now_ms: int
    rules: list[RuleFigures]
    rules_left_out: int
    traffic: list[Traffic]
    engine: Counts


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of tasks ended."""

    rule_uid: int = 0
    key: str = ""
    task_id: int = 0


class ReplicationDesk:
    """Looks at replication, and steers it, from outside."""

    def __init__(self, store: ReplicationStore, clock: Clock, tools: Tools, engine: Engine) -> None:
        self._store = store
        self._clock = clock
        self._tools = tools
        self._engine = engine
        self.timing = TimingDesk(store, clock, tools.settings, tools.timing, engine)

    @property
    def settings(self) -> ReplicationSettings:
        """The ``repl.*`` settings."""
        return self._tools.settings

    def explain(self, bucket: str, key: str, version_id: str | None) -> Explanation:
        """Why a key's replicas are where they are. Raises NoSuchBucket."""
        with self._store.read() as view:
            found = _bucket(view, bucket)
            return explain(view, self._tools, found, key, version_id, self._clock.now_ms())

    def listen(self, listener: Listener | None) -> None:
        """Tell ``listener`` every outcome from now on, in the order of the commits; None: nobody.

        It is called on the event loop, between two transactions, and must not raise.
        """
        self._tools.outcomes.listener = listener

    # what was done, what is left

    def rules(self, bucket: str, rule: str, after_uid: int, limit: int) -> RulesShown:
        """Rules with their figures, by age. Raises NoSuchBucket and NoSuchReplicationRule."""
        with self._store.read() as view:
            found = _rules(view, bucket, rule, after_uid, limit + 1)
            figures = rule_figures(view, found[:limit], self._clock.now_ms())
            shown = [_rule_shown(view, each) for each in figures]
        return RulesShown(shown, found[limit - 1].uid if len(found) > limit else None)

    def rtc(self, bucket: str, rule: str) -> list[RtcReport]:
        """Reports of replication time control, of a thousand rules at most.

        Raises NoSuchBucket and NoSuchReplicationRule.
        """
        with self._store.read() as view:
            found = _rules(view, bucket, rule, 0, _RULES_AT_ONCE)
            figures = rule_figures(view, found, self._clock.now_ms())
            threshold_ms = self._tools.settings.rtc_threshold_ms
            return [rtc_report(view, each, threshold_ms) for each in figures]

    def metrics(self, bucket: str = "", rule: str = "") -> Metrics:
        """What is measured, of five thousand rules at most: about 30 µs each.

        Raises NoSuchBucket and NoSuchReplicationRule.
        """
        now_ms = self._clock.now_ms()
        with self._store.read() as view:
            found = _rules(view, bucket, rule, 0, _RULES_MEASURED)
            left_out = view.rule_count() - len(found) if len(found) == _RULES_MEASURED else 0
            return Metrics(
                now_ms=now_ms,
                rules=rule_figures(view, found, now_ms),
                rules_left_out=left_out,
                traffic=[each for each in view.traffic() if bucket in ("", each.bucket)],
                engine=self._engine.total(),
            )

    # stored tasks

    def tasks(self, wanted: TaskFilter, after: str, limit: int) -> TasksShown:
        """A page of stored tasks, by rule, key and age.

        Raises BadPlace, NoSuchBucket and NoSuchReplicationRule.
        """
        place = _read_place(after)
        found: list[TaskShown] = []
        left = _TASKS_READ_MAX
        with self._store.read() as view:
            for rule in _rules(
                view, wanted.bucket, wanted.rule, place.rule_uid - 1, _RULES_AT_ONCE
            ):
                if rule.uid != place.rule_uid:
                    place = _Place(rule.uid)
                reading = TaskReading(view, rule, self._tools.settings, self._tools.timing)
                page_len = left if wanted.state is not None else min(left, limit - len(found))
                page = view.task_page(
                    rule.uid, key=wanted.key, after=(place.key, place.task_id), limit=page_len
                )
                for task in page:
                    place = _Place(rule.uid, task.change.key, task.id)
                    if wanted.state in (None, task.state):
                        found.append(reading.shown(task))
                        if len(found) == limit:
                            return TasksShown(found, _written_place(place))
                left -= max(1, len(page))
                if left <= 0:
                    return TasksShown(found, _written_place(place))
            return TasksShown(found, self._more_rules(view, wanted, place))

    def _more_rules(self, view: ReplicationView, wanted: TaskFilter, place: _Place) -> str | None:
        """Where to go on when all rules that were looked at are through."""
        rest = _rules(view, wanted.bucket, "", place.rule_uid, 1) if not wanted.rule else []
        return _written_place(_Place(rest[0].uid)) if rest else None

    async def retry(self, bucket: str, rule: str, key: str | None) -> Retried:
        """Make what was refused due now: of a key, a rule, a bucket or of everything.

        Raises NoSuchBucket and NoSuchReplicationRule.
        """
        tasks = history = after_uid = 0
        while True:
            with self._store.read() as view:
                found = _rules(view, bucket, rule, after_uid, _RULES_AT_ONCE)
            done = await Retrying(found, key, self._clock.now_ms()).run(self._store)
            tasks += done.tasks
            history += done.history
            if len(found) < _RULES_AT_ONCE:
                break
            after_uid = found[-1].uid
        self._engine.wake()
        return Retried(tasks, history)


def _bucket(view: ReplicationView, name: str) -> Bucket:
    found = view.bucket(name)
    if found is None:
        raise errors.NoSuchBucket(name, ec="0015-00000101")
    return found


def _rules(
    view: ReplicationView, bucket: str, rule_id: str, after_uid: int, limit: int
) -> list[Rule]:
    """The rules of that bucket (and id) after ``after_uid``."""
    source_id = _bucket(view, bucket).id if bucket else None
    if source_id is None or not rule_id:
        return view.rules_after(after_uid, limit=limit, source_bucket_id=source_id)
    rule = view.rule(source_id, rule_id)
    if rule is None:
        raise errors.NoSuchReplicationRule(bucket)
    return [rule] if rule.uid > after_uid else []


def _rule_shown(view: ReplicationView, figures: RuleFigures) -> RuleShown:
    rule, stats = figures.rule, figures.stats
    pause = view.history_pause(rule.uid)
    is_doing = rule.state is RuleState.DOING
    return RuleShown(
        rule=rule.spec.rule_id,
        source_bucket=figures.source_bucket,
        destination_bucket=rule.spec.destination_bucket,
        destination_location=rule.spec.destination_location,
        state=rule.state,
        rtc=shown_rtc(rule),
        created=iso_time(rule.created_ms),
        starts=iso_time(rule.starts_ms),
        closes=None if rule.closes_ms is None else iso_time(rule.closes_ms),
        watermark=iso_time(figures.watermark_ms) if is_doing else None,
        historical_ratio=figures.historical_ratio,
        history_total=rule.history.total,
        history_read=rule.history.taken,
        history_open=figures.open_history,
        history_paused_until=iso_time(pause.due_ms) if pause.attempts else None,
        latency_s=figures.latency_ms / 1000,
        pending=Amount(figures.pending, figures.pending_bytes),
        pending_is_cut=figures.pending_is_cut,
        failed=Amount(figures.failed, figures.failed_bytes),
        objects=Amount(stats.objects, stats.objects_bytes),
        history_objects=Amount(stats.history_objects, stats.history_bytes),
        retries=stats.retries,
        effects=stats.effects,
        skipped=stats.skipped,
        refused=stats.refused,
    )


def _read_place(text: str) -> _Place:
    """Where a page goes on. Raises BadPlace."""
    if not text:
        return _Place()
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text), type=_Place)
    except (binascii.Error, ValueError, msgspec.DecodeError, UnicodeError) as error:
        raise BadPlace(text) from error


def _written_place(place: _Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()
