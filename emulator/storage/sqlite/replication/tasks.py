"""Replication tasks in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import cast

import msgspec

from emulator.domain.model import Change, ChangeKind
from emulator.replication.model import Refusal, Task, TaskState
from emulator.replication.ports import Failure, NewTask, OpenTasks, TaskRead
from emulator.storage.sqlite.replication.keys import key_list
from emulator.storage.sqlite.replication.open_tasks import OpenSteps, open_sums, read_open
from emulator.storage.sqlite.statements import Changing, Row, Statements
from emulator.storage.sqlite.versions import VERSION_COLUMNS, version_of_row

TASK_COLUMNS = """task.id, task.rule_uid, task.state, task.due_ms, task.attempts,
    task.refusal_json, task.change_seq, task.bucket_id, task.key, task.kind, task.version_id,
    task.version_seq, task.at_ms, task.removed_kind, task.prior_tags_json, task.size_bytes,
    task.upload_id, task.part_number, task.lane"""
_TASK_COLUMNS_LEN = 19
_SOURCE_COLUMNS = ", ".join(f"source.{name.strip()}" for name in VERSION_COLUMNS.split(","))

# In a bucket that keeps no versions the entry that stands for the key now is the source.
_DUE = f"""SELECT {TASK_COLUMNS}, {_SOURCE_COLUMNS}
    FROM replication_tasks AS task
    LEFT JOIN buckets AS bucket ON bucket.id = task.bucket_id
    LEFT JOIN versions AS source
      ON source.bucket_id = task.bucket_id AND source.key = task.key
     AND source.seq = CASE bucket.versioning
         WHEN '' THEN (SELECT newest.seq FROM versions AS newest
                       WHERE newest.bucket_id = task.bucket_id AND newest.key = task.key
                       ORDER BY newest.seq DESC LIMIT 1)
         ELSE task.version_seq END
    WHERE task.state <> 'queued' AND task.lane IS NULL AND task.due_ms <= ?
    ORDER BY task.due_ms, task.id LIMIT ?"""  # noqa: S608 - constants only
_NEXT_WAITING = """SELECT due_ms FROM replication_tasks INDEXED BY replication_tasks_due
    WHERE state <> 'queued' AND lane IS NULL AND state = 'waiting' ORDER BY due_ms LIMIT 1"""
_LAST_FAILED = """SELECT max(due_ms) FROM replication_tasks
    WHERE state <> 'queued' AND lane IS NULL AND state = 'failed'"""
# Of as many as can have been committed together, out of the order of their clocks.
_OLDEST = """SELECT min(at_ms) FROM
    (SELECT at_ms FROM replication_tasks WHERE rule_uid = ? AND change_seq > 0
     ORDER BY change_seq LIMIT 100)"""
_HISTORY_COUNT = """SELECT count(*) FROM replication_tasks
    WHERE rule_uid = ? AND change_seq = 0 AND (key, version_seq) <= (?, ?)"""
_HAS = "SELECT 1 FROM replication_tasks WHERE rule_uid = ? LIMIT 1"
_HAS_KEY = "SELECT 1 FROM replication_tasks WHERE rule_uid = ? AND key = ? LIMIT 1"
_WITH_KEYS = """SELECT wanted.value FROM json_each(?) AS wanted
    WHERE EXISTS (SELECT 1 FROM replication_tasks AS task
                  WHERE task.rule_uid = ? AND task.key = wanted.value)"""
_OF_KEY = f"""SELECT {TASK_COLUMNS} FROM replication_tasks AS task
    WHERE task.rule_uid = ? AND task.key = ? ORDER BY task.id"""  # noqa: S608 - constants only

_INSERT = """INSERT INTO replication_tasks
    (rule_uid, change_seq, bucket_id, key, kind, version_id, version_seq, at_ms, removed_kind,
     prior_tags_json, state, due_ms, attempts, refusal_json, size_bytes, upload_id, part_number,
     lane)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (rule_uid, change_seq, version_seq) DO NOTHING"""
_DELETE = "DELETE FROM replication_tasks WHERE id = ? AND state <> 'queued'"
_FORGET = """DELETE FROM replication_tasks WHERE id IN
    (SELECT id FROM replication_tasks WHERE rule_uid = ? LIMIT ?)
    RETURNING state, change_seq, size_bytes"""
_PROMOTE = """UPDATE replication_tasks SET state = 'waiting'
    WHERE state = 'queued'
      AND id = (SELECT next.id FROM replication_tasks AS next
                INDEXED BY replication_tasks_by_key
                WHERE next.rule_uid = ? AND next.key = ? ORDER BY next.id LIMIT 1)"""
_FAIL = """UPDATE replication_tasks
    SET state = 'failed', due_ms = ?, attempts = ?, refusal_json = ?
    WHERE id = ? AND state IN ('waiting', 'failed')"""

_STATES = {member.value: member for member in TaskState}
_KINDS = {member.value: member for member in ChangeKind}
_decode_refusal = msgspec.json.Decoder(Refusal).decode
_encode = msgspec.json.Encoder().encode

_TaskRow = tuple[
    int, int, str, int, int, str | None, int, int, str, str, str, int, int, str, str, int, str, int,
    str | None,
]  # fmt: skip


class TaskReads(Statements):
    """Reading tasks; see ``replication.ports.ReplicationView``."""

    def due_tasks(self, now_ms: int, limit: int) -> list[TaskRead]:
        """Tasks due by now that head their rule and key, the longest due first."""
        found: list[TaskRead] = []
        for row in self._run(_DUE, (now_ms, limit)).fetchall():
            source = row[_TASK_COLUMNS_LEN:]
            found.append(
                (
                    task_of_row(row[:_TASK_COLUMNS_LEN]),
                    None if source[0] is None else version_of_row(source),
                )
            )
        return found

    def next_waiting_ms(self) -> int | None:
        """The earliest due time among the tasks that head their rule and key and were never
        tried."""
        return self._instant(_NEXT_WAITING)

    def last_failed_ms(self) -> int | None:
        """When the last of the refused tasks is tried again."""
        return self._instant(_LAST_FAILED)

    def open_task_counts(self) -> dict[TaskState, int]:
        """How many tasks of all rules are in each state."""
        queued, waiting, failed = open_sums(self._run)
        counts = {
            TaskState.QUEUED: queued, TaskState.WAITING: waiting, TaskState.FAILED: failed,
        }  # fmt: skip
        return {state: count for state, count in counts.items() if count}

    def open_tasks(self, rule_uid: int) -> OpenTasks:
        """Counts of a rule's stored tasks."""
        found = read_open(self._run, rule_uid - 1, rule_uid)
        if not found:
            return OpenTasks()
        (count,) = found
        return OpenTasks(
            queued=count.queued,
            waiting=count.waiting,
            failed=count.failed,
            history=count.history,
            oldest_ms=self.oldest_task_ms(rule_uid),
        )

    def oldest_task_ms(self, rule_uid: int) -> int | None:
        """The instant of the oldest change of new data among a rule's stored tasks."""
        return self._instant(_OLDEST, (rule_uid,))

    def open_history(self, rule_uid: int, at_key: str, at_seq: int) -> int:
        """Stored tasks of historical data up to and with (``at_key``, ``at_seq``)."""
        row = self._run(_HISTORY_COUNT, (rule_uid, at_key, at_seq)).fetchone()
        return cast(tuple[int], row)[0]

    def has_tasks(self, rule_uid: int) -> bool:
        """Whether a rule has any stored task."""
        return self._run(_HAS, (rule_uid,)).fetchone() is not None

    def keys_with_tasks(self, rule_uid: int, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have a stored task of the rule."""
        wanted = key_list(keys) if len(keys) > 1 else None
        if wanted is None:
            return {key for key in keys if self._run(_HAS_KEY, (rule_uid, key)).fetchone()}
        rows = self._run(_WITH_KEYS, (wanted, rule_uid)).fetchall()
        return {key for (key,) in cast(list[tuple[str]], rows)}

    def tasks_of_key(self, rule_uid: int, key: str) -> list[Task]:
        """The stored tasks of a rule and key, in the order they are to be carried out."""
        return [task_of_row(row) for row in self._run(_OF_KEY, (rule_uid, key)).fetchall()]

    def _instant(self, statement: str, values: tuple[int, ...] = ()) -> int | None:
        row = cast("tuple[int | None] | None", self._run(statement, values).fetchone())
        return None if row is None else row[0]


def task_of_row(row: Row) -> Task:
    """The task in a row of ``TASK_COLUMNS``."""
    (
        task_id, rule_uid, state, due, attempts, refusal, change_seq, bucket_id, key, kind,
        version_id, version_seq, at_ms, removed_kind, prior_tags, size_bytes, upload_id, number,
        lane,
    ) = cast(_TaskRow, row)  # fmt: skip
    return Task(
        id=task_id,
        rule_uid=rule_uid,
        change=Change(
            seq=change_seq,
            bucket_id=bucket_id,
            key=key,
            kind=_KINDS[kind],
            version_id=version_id,
            version_seq=version_seq,
            at_ms=at_ms,
            removed_kind=removed_kind,
            prior_tags_json=prior_tags,
            upload_id=upload_id,
            part_number=number,
        ),
        state=_STATES[state],
        due_ms=due,
        size_bytes=size_bytes,
        attempts=attempts,
        refusal=None if refusal is None else _decode_refusal(refusal),
        lane=lane,
    )


def _values(task: NewTask) -> tuple[int | str | None, ...]:
    change = task.change
    return (
        task.rule_uid,
        change.seq,
        change.bucket_id,
        change.key,
        change.kind.value,
        change.version_id,
        change.version_seq,
        change.at_ms,
        change.removed_kind,
        change.prior_tags_json,
        task.state.value,
        task.due_ms,
        task.attempts,
        None if task.refusal is None else _encode(task.refusal).decode(),
        task.size_bytes,
        change.upload_id,
        change.part_number,
        task.lane,
    )


class TaskWrites(TaskReads, Changing):
    """Changing tasks; see ``replication.ports.ReplicationTx``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._run_tasks = connection.cursor().executemany

    def insert_tasks(self, tasks: Sequence[NewTask]) -> None:
        """Store tasks, in order. One that is stored already is left as it is."""
        steps = OpenSteps(self._run)
        new = steps.not_stored(tasks)
        inserted = self._run_tasks(_INSERT, [_values(task) for task in new]).rowcount
        if inserted == len(new):
            steps.add(new)
        else:
            steps.recount({task.rule_uid for task in new})

    def forget_tasks(self, rule_uid: int, *, limit: int) -> int:
        """Forget tasks of a rule that is about to go; how many."""
        rows = self._run(_FORGET, (rule_uid, limit)).fetchall()
        OpenSteps(self._run).drop_rows(rule_uid, cast(list[tuple[str, int, int]], rows))
        return len(rows)

    def finish_tasks(self, tasks: Sequence[Task]) -> bool:
        """Forget finished tasks; the next queued one of each rule and key takes their place.

        Whether any has.
        """
        gone = self._run_tasks(_DELETE, [(task.id,) for task in tasks]).rowcount
        assert gone == len(tasks), "a finished task was not at the head of its key"
        steps = OpenSteps(self._run)
        queued = steps.drop(tasks)
        if not queued:
            return False
        heads: dict[int, set[tuple[int, str]]] = {}
        for task in tasks:
            if task.rule_uid in queued:
                heads.setdefault(task.rule_uid, set()).add((task.rule_uid, task.change.key))
        promoted = {uid: self._run_tasks(_PROMOTE, of).rowcount for uid, of in heads.items()}
        steps.promote(promoted)
        return any(promoted.values())

    def fail_tasks(self, failures: Sequence[Failure]) -> None:
        """``waiting`` or ``failed`` → ``failed``."""
        values = [
            (failure.due_ms, failure.attempts, _encode(failure.refusal).decode(), failure.task_id)
            for failure in failures
        ]
        changed = self._run_tasks(_FAIL, values).rowcount
        assert changed == len(values), "a refused task was not at the head of its key"
