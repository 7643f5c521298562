"""Tasks that wait for a link, and the timing that was asked for, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import cast

import msgspec

from emulator.replication.links.ports import Waiting
from emulator.storage.sqlite.statements import Changing, Statements

_TIMING = "SELECT document FROM replication_timing WHERE id = 1"
_TIMING_VERSION = "SELECT version FROM replication_timing WHERE id = 1"
# From one lane to the next: as many look-ups as there are lanes.
_LANES = """WITH RECURSIVE known(lane) AS (
        SELECT min(lane) FROM replication_tasks WHERE lane IS NOT NULL AND state <> 'queued'
        UNION ALL
        SELECT (SELECT min(task.lane) FROM replication_tasks AS task
                WHERE task.lane > known.lane AND task.state <> 'queued')
        FROM known WHERE known.lane IS NOT NULL)
    SELECT lane FROM known WHERE lane IS NOT NULL"""
_WAITING = """SELECT id, rule_uid, key, size_bytes, due_ms
    FROM replication_tasks INDEXED BY replication_tasks_lane
    WHERE lane = ? AND state <> 'queued' AND (change_seq = 0) = ? AND (due_ms, id) > (?, ?)
    ORDER BY due_ms, id LIMIT ?"""
_HEADS = """SELECT * FROM (SELECT id, rule_uid, key, size_bytes, due_ms, 0
        FROM replication_tasks INDEXED BY replication_tasks_lane
        WHERE lane = ? AND state <> 'queued' AND (change_seq = 0) = 0
        ORDER BY due_ms, id LIMIT ?)
    UNION ALL SELECT * FROM (SELECT id, rule_uid, key, size_bytes, due_ms, 1
        FROM replication_tasks INDEXED BY replication_tasks_lane
        WHERE lane = ? AND state <> 'queued' AND (change_seq = 0) = 1
        ORDER BY due_ms, id LIMIT ?)"""
_LENGTH = """SELECT count(*) FROM replication_tasks INDEXED BY replication_tasks_lane
    WHERE lane = ? AND state <> 'queued'"""
_LEFT = "SELECT id FROM replication_tasks WHERE id IN (SELECT value FROM json_each(?))"

_PUT_TIMING = """INSERT INTO replication_timing (id, document, version) VALUES (1, ?, 1)
    ON CONFLICT (id) DO UPDATE SET document = excluded.document, version = version + 1"""
_RELEASE = "UPDATE replication_tasks SET lane = NULL, due_ms = ? WHERE id = ? AND lane IS NOT NULL"
_HOLD = "UPDATE replication_tasks SET lane = ?, due_ms = ? WHERE id = ? AND state <> 'queued'"


class LaneReads(Statements):
    """Reading; see ``replication.links.ports.LaneView``."""

    def timing_text(self) -> str:
        """The stored timing, ``""`` where none was ever stored."""
        row = cast("tuple[str] | None", self._run(_TIMING, ()).fetchone())
        return "" if row is None else row[0]

    def timing_version(self) -> int:
        """A number that grows whenever the timing is stored, 0 where none was."""
        row = cast("tuple[int] | None", self._run(_TIMING_VERSION, ()).fetchone())
        return 0 if row is None else row[0]

    def lanes(self) -> list[str]:
        """The lanes that tasks wait for or travel on."""
        return [lane for (lane,) in cast(list[tuple[str]], self._run(_LANES, ()).fetchall())]

    def lane_tasks(
        self, lane: str, *, historical: bool, after: tuple[int, int], limit: int
    ) -> list[Waiting]:
        """Tasks of a lane that head their rule and key, in the order in which they may begin."""
        rows = self._run(_WAITING, (lane, int(historical), *after, limit)).fetchall()
        return [Waiting(*row) for row in cast(list[tuple[int, int, str, int, int]], rows)]

    def lane_heads(self, lane: str, limit: int) -> tuple[list[Waiting], list[Waiting]]:
        """The first ``limit`` of ``lane_tasks``, of new and of historical data."""
        found: tuple[list[Waiting], list[Waiting]] = ([], [])
        rows = self._run(_HEADS, (lane, limit, lane, limit)).fetchall()
        for row in cast(list[tuple[int, int, str, int, int, int]], rows):
            found[row[5]].append(Waiting(*row[:5]))
        return found

    def lane_length(self, lane: str) -> int:
        """How many tasks wait for a lane or travel on it, without those behind their key."""
        return cast(tuple[int], self._run(_LENGTH, (lane,)).fetchone())[0]

    def tasks_left(self, task_ids: Sequence[int]) -> set[int]:
        """Those of the tasks that are still stored."""
        rows = self._run(_LEFT, (msgspec.json.encode(task_ids).decode(),)).fetchall()
        return {task_id for (task_id,) in cast(list[tuple[int]], rows)}


class LaneWrites(LaneReads, Changing):
    """Changing; see ``replication.links.ports.LaneTx``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._run_lanes = connection.cursor().executemany

    def put_timing_text(self, text: str) -> None:
        """Store the timing."""
        self._run(_PUT_TIMING, (text,))

    def release_tasks(self, tasks: Sequence[tuple[int, int]]) -> None:
        """Tasks have passed their lane: (id, since when)."""
        self._run_lanes(_RELEASE, [(at_ms, task_id) for task_id, at_ms in tasks])

    def hold_tasks(self, lane: str, now_ms: int, task_ids: Sequence[int]) -> None:
        """Tasks that were due have to wait for a lane first."""
        self._run_lanes(_HOLD, [(lane, now_ms, task_id) for task_id in task_ids])
