"""Stored tasks as they are shown: what they would do, why not yet, and when they are tried."""

from __future__ import annotations

from emulator.domain.model import Bucket, Versioning
from emulator.replication.decide import CompiledRule, Facts, compile_rule, decide
from emulator.replication.desk_records import TaskShown
from emulator.replication.explain_words import iso_time
from emulator.replication.model import Rule, Skip, Task, TaskState, Work
from emulator.replication.ports import ReplicationView
from emulator.replication.reasons import REASONS
from emulator.replication.settings import ReplicationSettings
from emulator.replication.tasks import retry_delay_ms
from emulator.replication.upload_facts import with_upload

_PLANNED = 4


class TaskReading:
    """Shows the tasks of one rule."""

    def __init__(self, view: ReplicationView, rule: Rule, settings: ReplicationSettings) -> None:
        self._view = view
        self._rule = rule
        self._settings = settings
        self._source = view.bucket_by_id(rule.source_bucket_id)
        self._destination = view.bucket(rule.spec.destination_bucket)
        self._compiled: CompiledRule = compile_rule(rule.spec, settings)

    def shown(self, task: Task) -> TaskShown:
        """One task."""
        change, refusal = task.change, task.refusal
        outcome = None if self._source is None else self._outcome(self._source, task)
        planned = planned_ms(task, self._settings)
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
            message="" if refusal is None else refusal.message,
            remedy="" if refusal is None else refusal.remedy or REASONS[refusal.reason].remedy,
            written=iso_time(change.at_ms),
            next_attempt=iso_time(planned[0]) if planned else None,
            planned=[iso_time(instant) for instant in planned],
            bytes=task.size_bytes,
            link=task.lane,
        )

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
