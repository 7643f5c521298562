"""Counting the stored tasks of rules as they come and go, so that nobody has to read them for it.

That a waiting task was refused is counted by a trigger, all else here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import msgspec

from emulator.replication.journal_ports import OpenCount
from emulator.replication.model import Task, TaskState
from emulator.replication.ports import NewTask
from emulator.storage.sqlite.statements import Run

_READ = """SELECT rule_uid, queued, waiting, failed, history, pending_bytes, failed_bytes
    FROM replication_open WHERE rule_uid > ? AND rule_uid <= ?"""
_SUMS = """SELECT ifnull(sum(queued), 0), ifnull(sum(waiting), 0), ifnull(sum(failed), 0)
    FROM replication_open"""
_ADD = """INSERT INTO replication_open
    (rule_uid, queued, waiting, failed, history, pending_bytes, failed_bytes)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (rule_uid) DO UPDATE SET queued = queued + excluded.queued,
        waiting = waiting + excluded.waiting, failed = failed + excluded.failed,
        history = history + excluded.history,
        pending_bytes = pending_bytes + excluded.pending_bytes,
        failed_bytes = failed_bytes + excluded.failed_bytes"""
_RECOUNT = """INSERT OR REPLACE INTO replication_open
    (rule_uid, queued, waiting, failed, history, pending_bytes, failed_bytes)
    SELECT rule_uid, sum(state = 'queued'), sum(state = 'waiting'), sum(state = 'failed'),
        sum(change_seq = 0), sum((state <> 'failed') * size_bytes),
        sum((state = 'failed') * size_bytes)
    FROM replication_tasks WHERE rule_uid = ? GROUP BY rule_uid"""
_STORED_HISTORY = """SELECT version_seq FROM replication_tasks
    WHERE rule_uid = ? AND change_seq = 0
      AND version_seq IN (SELECT value FROM json_each(?))"""

_QUEUED, _WAITING, _FAILED, _HISTORY, _PENDING_BYTES, _FAILED_BYTES = range(6)
_PLACES = {
    TaskState.QUEUED.value: (_QUEUED, _PENDING_BYTES),
    TaskState.WAITING.value: (_WAITING, _PENDING_BYTES),
    TaskState.FAILED.value: (_FAILED, _FAILED_BYTES),
}


def read_open(run: Run, after_uid: int, until_uid: int) -> list[OpenCount]:
    """Counts of the rules after ``after_uid``, up to and with ``until_uid``."""
    rows = run(_READ, (after_uid, until_uid)).fetchall()
    found = cast(list[tuple[int, int, int, int, int, int, int]], rows)
    return [OpenCount(*row) for row in found]


def open_sums(run: Run) -> tuple[int, int, int]:
    """How many tasks of all rules are queued, waiting and failed."""
    return cast(tuple[int, int, int], run(_SUMS, ()).fetchone())


class OpenSteps:
    """Counts what one statement or a few did to tasks."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def not_stored(self, tasks: Sequence[NewTask]) -> Sequence[NewTask]:
        """These tasks without those of historical data that are stored already."""
        history: dict[int, list[int]] = {}
        for task in tasks:
            if not task.change.seq:
                history.setdefault(task.rule_uid, []).append(task.change.version_seq)
        if not history:
            return tasks
        known: set[tuple[int, int]] = set()
        for uid, seqs in history.items():
            wanted = msgspec.json.encode(seqs).decode()
            rows = self._run(_STORED_HISTORY, (uid, wanted)).fetchall()
            known.update((uid, seq) for (seq,) in cast(list[tuple[int]], rows))
        return [
            task
            for task in tasks
            if task.change.seq or (task.rule_uid, task.change.version_seq) not in known
        ]

    def add(self, tasks: Sequence[NewTask]) -> None:
        """These are stored now."""
        self._write(_sums(tasks, 1), {})

    def drop(self, tasks: Sequence[Task]) -> set[int]:
        """These are not stored any more; the rules that have queued ones."""
        queued: set[int] = set()
        for uid, sums in _sums(tasks, -1).items():
            rows = self._run(f"{_ADD} RETURNING queued", (uid, *sums)).fetchall()
            if rows[0][0]:
                queued.add(uid)
        return queued

    def promote(self, promoted: Mapping[int, int]) -> None:
        """So many of each rule wait that were queued."""
        self._write({uid: [0] * 6 for uid in promoted}, promoted)

    def drop_rows(self, rule_uid: int, rows: Iterable[tuple[str, int, int]]) -> None:
        """Tasks of a rule are not stored any more: state, ``change_seq`` and bytes of each."""
        sums = [0] * 6
        for state, change_seq, size_bytes in rows:
            _count(sums, state, change_seq == 0, -1, size_bytes)
        self._write({rule_uid: sums}, {})

    def recount(self, rule_uids: Iterable[int]) -> None:
        """Count anew what is stored of rules; it reads all of their tasks."""
        for uid in rule_uids:
            self._run(_RECOUNT, (uid,))

    def _write(self, by_rule: dict[int, list[int]], promoted: Mapping[int, int]) -> None:
        for uid, sums in by_rule.items():
            moved = promoted.get(uid, 0)
            sums[_QUEUED] -= moved
            sums[_WAITING] += moved
            if any(sums):
                self._run(_ADD, (uid, *sums))


def _sums(tasks: Sequence[NewTask] | Sequence[Task], factor: int) -> dict[int, list[int]]:
    by_rule: dict[int, list[int]] = {}
    for task in tasks:
        sums = by_rule.get(task.rule_uid)
        if sums is None:
            sums = by_rule[task.rule_uid] = [0] * 6
        _count(sums, task.state.value, task.change.seq == 0, factor, task.size_bytes)
    return by_rule


def _count(sums: list[int], state: str, is_history: bool, factor: int, size_bytes: int) -> None:
    tasks, moves = _PLACES[state]
    sums[tasks] += factor
    sums[moves] += factor * size_bytes
    if is_history:
        sums[_HISTORY] += factor
