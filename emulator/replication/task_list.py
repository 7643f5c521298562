"""Stored tasks as they are shown: what they would do, why not yet, and when they are tried."""

from __future__ import annotations

from emulator.domain.model import Bucket, Versioning
from emulator.replication.decide import CompiledRule, Facts, compile_rule, decide
from emulator.replication.desk_records import TaskShown
from emulator.replication.explain_links import link_down
from emulator.replication.explain_words import iso_time, refusal_sentences
from emulator.replication.model import Refusal, Rule, Skip, Task, TaskState, Work
from emulator.replication.ports import ReplicationView
from emulator.replication.reasons import REASONS
from emulator.replication.settings import ReplicationSettings
from emulator.replication.tasks import retry_delay_ms
from emulator.replication.timing import Timings
from emulator.replication.upload_facts import with_upload

_PLANNED = 4


class TaskReading:
    """Shows the tasks of one rule."""

    def __init__(
        self, view: ReplicationView, rule: Rule, settings: ReplicationSettings, timing: Timings
    ) -> None:
        self._view = view
        self._rule = rule
        self._settings = settings
        self._timing = timing
        self._rule_lane = timing.of_rule(view, rule).lane
        self._down: dict[str, Refusal | None] = {}
        self._source = view.bucket_by_id(rule.source_bucket_id)
        self._destination = view.bucket(rule.spec.destination_bucket)
        self._compiled: CompiledRule = compile_rule(rule.spec, settings)

    def shown(self, task: Task) -> TaskShown:
        """One task."""
        change, refusal = task.change, task.refusal
        down = self._link_down(task)
        message = "" if refusal is None else refusal.message
        if refusal is None:
            refusal, message = down, "" if down is None else down.message
        elif down is not None:  # what refused it counts as well
            message = f"{message} {refusal_sentences(down)}"
        outcome = None if self._source is None else self._outcome(self._source, task)
        planned = [] if down is not None else planned_ms(task, self._settings)
        return TaskShown(
            id=task.id,
            rule=self._rule.spec.rule_id,
            source_bucket="" if self._source is None else self._source.name,
            destination_bucket=self._rule.spec.destination_bucket,
            key=change.key,
            version_id=change.version_id,
            change=change.kind,
            historical=change.seq == 0,
            effect=outcome.effect if isinstance(outcome, Work) else None,
            skip_reason=outcome.reason if isinstance(outcome, Skip) else None,
            state=task.state,
            attempts=task.attempts,
            reason=None if refusal is None else refusal.reason,
            message=message,
            remedy="" if refusal is None else refusal.remedy or REASONS[refusal.reason].remedy,
            written=iso_time(change.at_ms),
            next_attempt=iso_time(planned[0]) if planned else None,
            planned=[iso_time(instant) for instant in planned],
            bytes=task.size_bytes,
            link=task.lane,
        )

    def _link_down(self, task: Task) -> Refusal | None:
        """Why nothing passes the link of a task, if that is so."""
        lane = self._rule_lane if task.lane is None else task.lane
        if lane is None:
            return None
        if lane not in self._down:
            self._down[lane] = link_down(self._view, self._timing, lane)
        return self._down[lane]

    def _outcome(self, bucket: Bucket, task: Task) -> Work | Skip:
        view, change = self._view, task.change
        if bucket.versioning is Versioning.NEVER:
            source = view.current_version(bucket.id, change.key)
        else:
            source = view.version_by_seq(bucket.id, change.key, change.version_seq)
        destination = self._destination
        facts = Facts(
            source=source,
            source_versioning=bucket.versioning,
            destination_versioning=None if destination is None else destination.versioning,
            destination_class=None if destination is None else destination.storage_class,
        )
        if change.upload_id:
            facts = with_upload(view, self._rule, change, facts)
        return decide(self._compiled, change, facts)


def planned_ms(task: Task, settings: ReplicationSettings) -> list[int]:
    """When a task is tried next, and from then on if it is refused each time. Pure.

    Nothing is planned for a task behind another one, or before it has passed its link.
    """
    if task.state is TaskState.QUEUED or task.lane is not None:
        return []
    planned = [task.due_ms]
    for attempts in range(task.attempts + 1, task.attempts + _PLANNED):
        planned.append(planned[-1] + retry_delay_ms(attempts, settings))
    return planned
