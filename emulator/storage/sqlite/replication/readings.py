"""Readings in SQLite: rules that stand together, and what is due among all rules."""

from __future__ import annotations

from typing import cast

from emulator.replication.ports import Reading, RuleInstants
from emulator.storage.sqlite.statements import Changing, Row, Statements

_INSTANTS = """SELECT EXISTS (SELECT 1 FROM replication_readings WHERE unread = 1),
    (SELECT min(starts_ms) FROM replication_rules INDEXED BY replication_rules_starting
     WHERE state = 'starting'),
    (SELECT min(closes_ms) FROM replication_rules INDEXED BY replication_rules_closing
     WHERE state = 'closing'),
    (SELECT min(history_due_ms) FROM replication_rules INDEXED BY replication_rules_history
     WHERE state = 'doing' AND history_done = 0),
    (SELECT due_ms FROM replication_rtc WHERE due_ms IS NOT NULL ORDER BY due_ms LIMIT 1),
    EXISTS (SELECT 1 FROM replication_tasks),
    (SELECT min(due_ms) FROM replication_tasks INDEXED BY replication_tasks_due
     WHERE state <> 'queued' AND lane IS NULL),
    (SELECT version FROM replication_timing WHERE id = 1)"""
_LAST_HISTORY = """SELECT max(history_due_ms) FROM replication_rules
    INDEXED BY replication_rules_history WHERE state = 'doing' AND history_done = 0"""
_TO_START = """SELECT uid FROM replication_rules INDEXED BY replication_rules_starting
    WHERE state = 'starting' AND starts_ms <= ? ORDER BY starts_ms, uid LIMIT ?"""
_TO_REMOVE = """SELECT uid FROM replication_rules INDEXED BY replication_rules_closing
    WHERE state = 'closing' AND closes_ms <= ? ORDER BY closes_ms, uid LIMIT ?"""
_WITH_HISTORY = """SELECT uid FROM replication_rules INDEXED BY replication_rules_history
    WHERE state = 'doing' AND history_done = 0 AND history_due_ms <= ?"""

_COLUMNS = """reading.id, reading.bucket_id, reading.cursor_seq, reading.until_seq,
    reading.version,
    (SELECT other.cursor_seq FROM replication_readings AS other
     WHERE other.bucket_id = reading.bucket_id AND other.cursor_seq > reading.cursor_seq
       AND other.until_seq IS NULL ORDER BY other.cursor_seq LIMIT 1)"""
_UNREAD = f"""SELECT * FROM (
        SELECT {_COLUMNS} FROM replication_readings AS reading
        INDEXED BY replication_readings_unread
        WHERE unread = 1 AND id > ?1 ORDER BY id LIMIT ?2)
    UNION ALL SELECT * FROM (
        SELECT {_COLUMNS} FROM replication_readings AS reading
        INDEXED BY replication_readings_unread
        WHERE unread = 1 AND id <= ?1 ORDER BY id LIMIT ?2)
    LIMIT ?2"""  # noqa: S608 - constants only
_ONE = f"""SELECT {_COLUMNS} FROM replication_readings AS reading
    WHERE reading.id = ?"""  # noqa: S608 - constants only
_AT = """SELECT id FROM replication_readings
    WHERE bucket_id = ? AND cursor_seq = ? AND until_seq IS NULL AND id <> ?"""
_OLDEST = """SELECT min(cursor_seq) FROM (
    SELECT min(cursor_seq) AS cursor_seq FROM replication_readings
        INDEXED BY replication_readings_of WHERE bucket_id = ?1
    UNION ALL SELECT min(cursor_seq) FROM replication_rules INDEXED BY replication_rules_held
        WHERE source_bucket_id = ?1 AND state = 'starting')"""
_LATEST = """SELECT id, cursor_seq FROM replication_readings
    WHERE bucket_id = ? AND until_seq IS NULL ORDER BY cursor_seq DESC LIMIT 1"""
_ANY_CHANGE = """SELECT EXISTS (SELECT 1 FROM changes
    WHERE bucket_id = ? AND seq > ? AND seq <= ?)"""

_INSERT = """INSERT INTO replication_readings
    (id, bucket_id, cursor_seq, until_seq, unread, version) VALUES (?, ?, ?, ?, ?, ?)"""
_MOVE = """UPDATE replication_readings SET cursor_seq = ?, unread = ?
    WHERE id = ? AND cursor_seq <= ?"""
_RENEW = "UPDATE replication_readings SET version = ? WHERE id = ?"
_DROP = "DELETE FROM replication_readings WHERE id = ?"
_DROP_EMPTY = """DELETE FROM replication_readings WHERE id = ?1
    AND NOT EXISTS (SELECT 1 FROM replication_rules WHERE reading = ?1)"""
_OF_RULE = f"""SELECT {_COLUMNS} FROM replication_rules AS rule
    JOIN replication_readings AS reading ON reading.id = rule.reading
    WHERE rule.uid = ?"""  # noqa: S608 - constants only
_PUT = "UPDATE replication_rules SET reading = ? WHERE uid = ?"
_PARK = """UPDATE replication_rules SET reading = NULL, cursor_seq = max(cursor_seq, ?)
    WHERE uid = ?"""
_PUT_ALL = "UPDATE replication_rules SET reading = ? WHERE reading = ?"
_PARK_ALL = """UPDATE replication_rules SET reading = NULL, cursor_seq = max(cursor_seq, ?)
    WHERE reading = ?"""
_AHEAD = "UPDATE replication_rules SET cursor_seq = ? WHERE uid = ? AND cursor_seq <= ?"

_SEQ_AFTER_ALL = (1 << 63) - 1

_ReadingRow = tuple[int, int, int, int | None, int, int | None]
_InstantsRow = tuple[
    int, int | None, int | None, int | None, int | None, int, int | None, int | None
]


def _reading(row: Row) -> Reading:
    return Reading(*cast(_ReadingRow, row))


class ReadingReads(Statements):
    """Reading what is due; see ``replication.ports.ReplicationView``."""

    def rule_instants(self) -> RuleInstants:
        """When there is something to do next, of all rules together; in one statement."""
        unread, starts, closes, history, rtc, has_tasks, due, timing = cast(
            _InstantsRow, self._run(_INSTANTS, ()).fetchone()
        )
        return RuleInstants(
            unread == 1, starts, closes, history, rtc, has_tasks == 1, due, timing or 0
        )

    def last_history_ms(self) -> int | None:
        """When the history of every rule may be read on."""
        return cast("tuple[int | None]", self._run(_LAST_HISTORY, ()).fetchone())[0]

    def rules_to_start(self, now_ms: int, limit: int) -> list[int]:
        """The rules whose start delay is over, the longest due first."""
        return self._numbers(_TO_START, (now_ms, limit))

    def rules_to_remove(self, now_ms: int, limit: int) -> list[int]:
        """The rules that have been closing long enough, the longest due first."""
        return self._numbers(_TO_REMOVE, (now_ms, limit))

    def rules_with_history(self, now_ms: int) -> list[int]:
        """The rules whose history may be read on, by ``uid``."""
        return sorted(self._numbers(_WITH_HISTORY, (now_ms,)))

    def unread_readings(self, after_id: int, limit: int) -> list[Reading]:
        """The readings that may have changes before them by ``id``, those up to ``after_id``
        last."""
        return [_reading(row) for row in self._run(_UNREAD, (after_id, limit)).fetchall()]

    def reading(self, reading_id: int) -> Reading | None:
        """The reading of this ``id``."""
        row = self._run(_ONE, (reading_id,)).fetchone()
        return None if row is None else _reading(row)

    def oldest_cursor(self, bucket_id: int) -> int | None:
        """Up to where everyone who reads the bucket's changes has read them."""
        row = cast("tuple[int | None]", self._run(_OLDEST, (bucket_id,)).fetchone())
        return row[0]

    def _numbers(self, statement: str, values: tuple[int, ...]) -> list[int]:
        rows = cast(list[tuple[int]], self._run(statement, values).fetchall())
        return [number for (number,) in rows]

    def _any_change(self, bucket_id: int, after_seq: int, until_seq: int | None) -> bool:
        until = _SEQ_AFTER_ALL if until_seq is None else until_seq
        row = self._run(_ANY_CHANGE, (bucket_id, after_seq, until)).fetchone()
        return cast(tuple[int], row)[0] == 1


class ReadingWrites(ReadingReads, Changing):
    """Changing readings; see ``replication.ports.ReplicationTx``."""

    def move_reading(self, reading: Reading, cursor_seq: int, *, is_last: bool) -> None:
        """Everything up to ``cursor_seq`` is taken in; ``is_last``: and there is no more.

        A reading that meets another one of its bucket is at its end: its rules go on with that.
        """
        if is_last:
            self.unread.discard(reading.bucket_id)
        if reading.until_seq is not None:
            if is_last:
                self._run(_PARK_ALL, (reading.until_seq, reading.id))
                self._run(_DROP, (reading.id,))
                return
        elif reading.further_seq is not None or cursor_seq == reading.cursor_seq:
            met = self._run(_AT, (reading.bucket_id, cursor_seq, reading.id)).fetchone()
            if met is not None:
                (other_id,) = cast(tuple[int], met)
                self._run(_PUT_ALL, (other_id, reading.id))
                self._run(_DROP, (reading.id,))
                self._renew(other_id)
                return
        moved = self._run(_MOVE, (cursor_seq, int(not is_last), reading.id, cursor_seq)).rowcount
        assert moved == 1, "a reading does not go back"

    def put_ahead(self, uid: int, cursor_seq: int) -> None:
        """A rule has taken in everything up to ``cursor_seq``, unlike others of its reading."""
        moved = self._run(_AHEAD, (cursor_seq, uid, cursor_seq)).rowcount
        assert moved == 1, "a rule does not go back"

    def leave_reading(self, uid: int) -> None:
        """A rule cannot go on with the others of its reading: it gets one of its own there."""
        found = self._reading_of(uid)
        assert found is not None, "a rule that reads nothing"
        self._begin(uid, found.bucket_id, found.cursor_seq, found.until_seq)
        self._left(found.id)

    def _join(self, uid: int, bucket_id: int, cursor_seq: int) -> None:
        """Let a rule that starts go on with the others, if nothing is between."""
        row = cast("tuple[int, int] | None", self._run(_LATEST, (bucket_id,)).fetchone())
        if row is not None:
            latest_id, latest_seq = row
            near, far = min(cursor_seq, latest_seq), max(cursor_seq, latest_seq)
            if not self._any_change(bucket_id, near, far):
                self._run(_PUT, (latest_id, uid))
                self._renew(latest_id)
                return
        self._begin(uid, bucket_id, cursor_seq, None)

    def _close(self, uid: int, cursor_seq: int, last_seq: int) -> None:
        """Let a rule read up to ``last_seq`` and no further."""
        found = self._reading_of(uid)
        if found is None:
            return
        if self._any_change(found.bucket_id, cursor_seq, last_seq):
            self._begin(uid, found.bucket_id, found.cursor_seq, last_seq)
        else:
            self._run(_PARK, (found.cursor_seq, uid))
        self._left(found.id)

    def _renew(self, reading_id: int) -> None:
        """The rules of a reading are others now."""
        self._run(_RENEW, (self.next_seq(), reading_id))

    def _reading_of(self, uid: int) -> Reading | None:
        row = self._run(_OF_RULE, (uid,)).fetchone()
        return None if row is None else _reading(row)

    def _begin(self, uid: int, bucket_id: int, cursor_seq: int, until_seq: int | None) -> None:
        reading_id, version = self.next_seq(), self.next_seq()
        unread = self._any_change(bucket_id, cursor_seq, until_seq)
        self.unread.discard(bucket_id)
        values = (reading_id, bucket_id, cursor_seq, until_seq, int(unread), version)
        self._run(_INSERT, values)
        self._run(_PUT, (reading_id, uid))

    def _left(self, reading_id: int) -> None:
        self._run(_DROP_EMPTY, (reading_id,))
        self._renew(reading_id)
