"""What replication noted of each rule, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import cast

from emulator.replication.journal_ports import (
    Ending,
    Hastened,
    Miss,
    OpenCount,
    Pending,
    RtcRow,
    RtcStats,
    RuleStats,
    Traffic,
    Untaken,
)
from emulator.replication.latency import Latency
from emulator.replication.model import Rule, Task
from emulator.storage.sqlite.replication.open_tasks import read_open
from emulator.storage.sqlite.replication.rules import RuleReads
from emulator.storage.sqlite.replication.tasks import TASK_COLUMNS, task_of_row
from emulator.storage.sqlite.statements import Changing


def _each(names: str, form: str) -> str:
    return ", ".join(form.format(name.strip()) for name in names.split(","))


_NUMBERS = """objects, objects_bytes, history_objects, history_bytes, retries, lag_sum_ms,
    rtc_lag_sum_ms, rtc_objects, rtc_within, rtc_missed, rtc_caught_up, rtc_gone"""
_STATS = f"""SELECT max(lag_max_ms), max(rtc_lag_max_ms), {_each(_NUMBERS, "sum({0})")}
    FROM replication_stats WHERE rule_uid = ?"""  # noqa: S608 - constants only
_LATENCY = "SELECT rtc, bound_ms, objects FROM replication_latency WHERE rule_uid = ?"
_COUNTS = "SELECT noun, name, count FROM replication_counts WHERE rule_uid = ?"
_ADD_STATS = f"""INSERT INTO replication_stats
    (rule_uid, destination_id, lag_max_ms, rtc_lag_max_ms, {_NUMBERS})
    VALUES (?, ?, ?, ?, {_each(_NUMBERS, "?")})
    ON CONFLICT (rule_uid, destination_id) DO UPDATE SET
    lag_max_ms = max(lag_max_ms, excluded.lag_max_ms),
    rtc_lag_max_ms = max(rtc_lag_max_ms, excluded.rtc_lag_max_ms),
    {_each(_NUMBERS, "{0} = {0} + excluded.{0}")}"""  # noqa: S608 - constants only
_ADD_LATENCY = """INSERT INTO replication_latency (rule_uid, rtc, bound_ms, objects)
    VALUES (?, ?, ?, ?)
    ON CONFLICT (rule_uid, rtc, bound_ms) DO UPDATE SET objects = objects + excluded.objects"""
_ADD_COUNT = """INSERT INTO replication_counts (rule_uid, noun, name, count) VALUES (?, ?, ?, ?)
    ON CONFLICT (rule_uid, noun, name) DO UPDATE SET count = count + excluded.count"""
_FORGET_RTC = """UPDATE replication_stats SET rtc_objects = 0, rtc_within = 0, rtc_missed = 0,
    rtc_caught_up = 0, rtc_gone = 0, rtc_lag_sum_ms = 0, rtc_lag_max_ms = 0 WHERE rule_uid = ?"""
_FORGET_RTC_LATENCY = "DELETE FROM replication_latency WHERE rule_uid = ? AND rtc = 1"
_RULE_COUNT = "SELECT count(*) FROM replication_rules"
_UIDS = "SELECT uid FROM replication_rules WHERE uid > ? ORDER BY uid LIMIT ?"
_OPEN_HISTORY = "SELECT 1 FROM replication_open WHERE rule_uid = ? AND history > 0"
_PENDING = """SELECT change_seq, key, version_id, size_bytes, at_ms, kind = 'put'
    FROM replication_tasks WHERE rule_uid = ? AND change_seq > ? ORDER BY change_seq LIMIT ?"""
_UNTAKEN = """SELECT count(*),
        ifnull(sum(CASE change.kind WHEN 'put' THEN source.size_bytes END), 0),
        min(change.at_ms)
    FROM (SELECT kind, at_ms, key, version_seq FROM changes
          WHERE bucket_id = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4) AS change
    LEFT JOIN versions AS source ON change.kind = 'put' AND source.bucket_id = ?1
        AND source.key = change.key AND source.seq = change.version_seq"""
_TRAFFIC = """SELECT bucket.name, sum(sent), sum(received)
    FROM (SELECT bucket_id, sent_bytes AS sent, received_bytes AS received
          FROM replication_traffic
          UNION ALL
          SELECT rule.source_bucket_id, stats.objects_bytes + stats.history_bytes, 0
          FROM replication_stats AS stats
          JOIN replication_rules AS rule ON rule.uid = stats.rule_uid
          UNION ALL
          SELECT destination_id, 0, objects_bytes + history_bytes FROM replication_stats) AS moved
    JOIN buckets AS bucket ON bucket.id = moved.bucket_id
    GROUP BY bucket.id HAVING sum(sent) + sum(received) > 0 ORDER BY bucket.name"""
_PAGE = f"""SELECT {TASK_COLUMNS} FROM replication_tasks AS task
    INDEXED BY replication_tasks_by_key
    WHERE task.rule_uid = ? AND (task.key, task.id) > (?, ?)
    ORDER BY task.key, task.id LIMIT ?"""  # noqa: S608 - constants only
_PAGE_OF_KEY = f"""SELECT {TASK_COLUMNS} FROM replication_tasks AS task
    INDEXED BY replication_tasks_by_key
    WHERE task.rule_uid = ? AND task.key = ? AND task.id > ?
    ORDER BY task.id LIMIT ?"""  # noqa: S608 - constants only
_FAILED = """SELECT key, id, due_ms FROM replication_tasks INDEXED BY replication_tasks_head
    WHERE rule_uid = ? AND state <> 'queued' AND state = 'failed' AND lane IS NULL AND key > ?
    ORDER BY key LIMIT ?"""
_FAILED_KEY = """SELECT key, id, due_ms FROM replication_tasks INDEXED BY replication_tasks_head
    WHERE rule_uid = ? AND state <> 'queued' AND state = 'failed' AND lane IS NULL AND key = ?"""
_HASTEN = "UPDATE replication_tasks SET due_ms = ? WHERE id = ? AND state = 'failed'"

_RTC_COLUMNS = "rule_uid, asked_ms, waits, effective_ms, since_ms, checked_seq, due_ms"
_RTC = f"SELECT {_RTC_COLUMNS} FROM replication_rtc WHERE rule_uid = ?"  # noqa: S608 - constants
_NEXT_RTC = """SELECT due_ms FROM replication_rtc WHERE due_ms IS NOT NULL
    ORDER BY due_ms LIMIT 1"""
_NEXT_ENABLING = """SELECT due_ms FROM replication_rtc
    WHERE due_ms IS NOT NULL AND since_ms IS NULL ORDER BY due_ms LIMIT 1"""
_DUE_RTC = f"""SELECT {_RTC_COLUMNS} FROM replication_rtc
    WHERE due_ms IS NOT NULL AND due_ms <= ? ORDER BY due_ms, rule_uid LIMIT ?"""  # noqa: S608 - constants only
_PUT_RTC = f"""INSERT OR REPLACE INTO replication_rtc ({_RTC_COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608 - constants only
_LOOK = """UPDATE replication_rtc SET due_ms = ?1
    WHERE rule_uid = ?2 AND (due_ms IS NULL OR due_ms > ?1)"""
_DROP_RTC = "DELETE FROM replication_rtc WHERE rule_uid = ?"

_MISSES = """SELECT rule_uid, change_seq, key, version_id, size_bytes, at_ms, missed_ms, ended_ms,
    ending FROM replication_misses WHERE rule_uid = ? ORDER BY change_seq DESC LIMIT ?"""
_ADD_MISS = """INSERT OR REPLACE INTO replication_misses
    (rule_uid, change_seq, key, version_id, size_bytes, at_ms, missed_ms, ended_ms, ending)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_TRIM_MISSES = """DELETE FROM replication_misses WHERE rule_uid = ?1 AND change_seq <=
    (SELECT change_seq FROM replication_misses WHERE rule_uid = ?1
     ORDER BY change_seq DESC LIMIT 1 OFFSET ?2)"""
_END_MISS = """UPDATE replication_misses SET ended_ms = ?, ending = ?
    WHERE rule_uid = ? AND change_seq = ?"""
_DROP_MISSES = "DELETE FROM replication_misses WHERE rule_uid = ?"

_SEQ_AFTER_ALL = (1 << 63) - 1
_EFFECT, _SKIPPED, _REFUSED = "effect", "skipped", "refused"

_RtcColumns = tuple[int, int, int, int | None, int | None, int, int | None]
_MissColumns = tuple[int, int, str, str, int, int, int, int | None, str]


class JournalReads(RuleReads):
    """Reading; see ``replication.journal_ports.JournalView``."""

    def rule_stats(self, uid: int) -> RuleStats:
        """What was done for a rule."""
        row = self._run(_STATS, (uid,)).fetchone()
        lag_max, rtc_max, *numbers = (each or 0 for each in cast("tuple[int | None, ...]", row))
        objects, size, history, history_size, retries, lag_sum, rtc_sum, *rtc = numbers
        latency: tuple[dict[int, int], dict[int, int]] = ({}, {})
        bounds = cast(list[tuple[int, int, int]], self._run(_LATENCY, (uid,)).fetchall())
        for is_rtc, bound_ms, count in bounds:
            latency[is_rtc][bound_ms] = count
        counts: dict[str, dict[str, int]] = {_EFFECT: {}, _SKIPPED: {}, _REFUSED: {}}
        rows = cast(list[tuple[str, str, int]], self._run(_COUNTS, (uid,)).fetchall())
        for noun, name, count in rows:
            counts[noun][name] = count
        return RuleStats(
            objects=objects,
            objects_bytes=size,
            history_objects=history,
            history_bytes=history_size,
            retries=retries,
            works=counts[_EFFECT],
            skipped=counts[_SKIPPED],
            refused=counts[_REFUSED],
            latency=Latency(sum(latency[0].values()), lag_sum, lag_max, latency[0]),
            rtc=RtcStats(*rtc),
            rtc_latency=Latency(sum(latency[1].values()), rtc_sum, rtc_max, latency[1]),
        )

    def rules_after(self, uid: int, *, limit: int, source_bucket_id: int | None) -> list[Rule]:
        """Rules by ``uid``, of one source bucket or of all."""
        if source_bucket_id is not None:
            found = self.rules_of(source_bucket_id)
            return [rule for rule in found if rule.uid > uid][:limit]
        uids = cast(list[tuple[int]], self._run(_UIDS, (uid, limit)).fetchall())
        rules = (self.rule_by_uid(each) for (each,) in uids)
        return [rule for rule in rules if rule is not None]

    def rule_count(self) -> int:
        """How many rules there are."""
        return cast(tuple[int], self._run(_RULE_COUNT, ()).fetchone())[0]

    def open_counts(self, after_uid: int, until_uid: int) -> list[OpenCount]:
        """Counts of stored tasks of the rules after ``after_uid``, up to and with ``until_uid``."""
        return read_open(self._run, after_uid, until_uid)

    def has_open_history(self, rule_uid: int) -> bool:
        """Whether a rule has stored tasks of historical data."""
        return self._run(_OPEN_HISTORY, (rule_uid,)).fetchone() is not None

    def pending_tasks(self, rule_uid: int, *, after_seq: int, limit: int) -> list[Pending]:
        """Stored tasks of new data whose changes came after ``after_seq``, in their order."""
        rows = self._run(_PENDING, (rule_uid, after_seq, limit)).fetchall()
        found = cast(list[tuple[int, str, str, int, int, int]], rows)
        return [Pending(*row[:5], row[5] == 1) for row in found]

    def untaken(self, bucket_id: int, seq: int, *, until_seq: int | None, limit: int) -> Untaken:
        """The changes of a bucket after ``seq``, at most ``limit`` of them, summed up."""
        until = _SEQ_AFTER_ALL if until_seq is None else until_seq
        row = self._run(_UNTAKEN, (bucket_id, seq, until, limit)).fetchone()
        changes, size_bytes, oldest = cast(tuple[int, int, int | None], row)
        return Untaken(changes, size_bytes, oldest, changes >= limit)

    def traffic(self) -> list[Traffic]:
        """What replication moved, by bucket."""
        rows = cast(list[tuple[str, int, int]], self._run(_TRAFFIC, ()).fetchall())
        return [Traffic(*row) for row in rows]

    def task_page(
        self, rule_uid: int, *, key: str | None, after: tuple[str, int], limit: int
    ) -> list[Task]:
        """Stored tasks of a rule (and key) after (key, id), by key and id."""
        if key is None:
            rows = self._run(_PAGE, (rule_uid, *after, limit)).fetchall()
        else:
            rows = self._run(_PAGE_OF_KEY, (rule_uid, key, after[1], limit)).fetchall()
        return [task_of_row(row) for row in rows]

    def rtc(self, rule_uid: int) -> RtcRow | None:
        """Where it stands; None of a rule without it."""
        row = self._run(_RTC, (rule_uid,)).fetchone()
        return None if row is None else _rtc_row(cast(_RtcColumns, row))

    def next_rtc_ms(self, *, enabling_only: bool = False) -> int | None:
        """When some rule has to be looked at next; of all, or where it is not in effect yet."""
        statement = _NEXT_ENABLING if enabling_only else _NEXT_RTC
        row = cast("tuple[int] | None", self._run(statement, ()).fetchone())
        return None if row is None else row[0]

    def due_rtc(self, now_ms: int, *, limit: int) -> list[RtcRow]:
        """What has to be looked at by now, the longest due first."""
        rows = cast(list[_RtcColumns], self._run(_DUE_RTC, (now_ms, limit)).fetchall())
        return [_rtc_row(row) for row in rows]

    def misses(self, rule_uid: int, *, limit: int) -> list[Miss]:
        """The newest late objects of a rule, the newest first."""
        rows = cast(list[_MissColumns], self._run(_MISSES, (rule_uid, limit)).fetchall())
        return [
            Miss(
                rule_uid=uid,
                change_seq=seq,
                key=key,
                version_id=version_id,
                size_bytes=size_bytes,
                at_ms=at_ms,
                missed_ms=missed_ms,
                ended_ms=ended_ms,
                ending=Ending(ending),
            )
            for uid, seq, key, version_id, size_bytes, at_ms, missed_ms, ended_ms, ending in rows
        ]


def _rtc_row(row: _RtcColumns) -> RtcRow:
    uid, asked, waits, effective, since, checked, due = row
    return RtcRow(
        rule_uid=uid,
        asked_ms=asked,
        waits=waits == 1,
        effective_ms=effective,
        since_ms=since,
        checked_seq=checked,
        due_ms=due,
    )


class JournalWrites(JournalReads, Changing):
    """Noting; see ``replication.journal_ports.JournalTx``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._run_notes = connection.cursor().executemany

    def add_rule_stats(self, uid: int, destination_id: int, more: RuleStats) -> None:
        """Add what was done for a rule, its copies to a bucket."""
        latency, rtc, rtc_latency = more.latency, more.rtc, more.rtc_latency
        self._run(
            _ADD_STATS,
            (
                uid,
                destination_id,
                latency.max_ms,
                rtc_latency.max_ms,
                more.objects,
                more.objects_bytes,
                more.history_objects,
                more.history_bytes,
                more.retries,
                latency.sum_ms,
                rtc_latency.sum_ms,
                rtc.objects,
                rtc.within,
                rtc.missed,
                rtc.caught_up,
                rtc.gone,
            ),
        )
        for is_rtc, of in enumerate((latency, rtc_latency)):
            for bound_ms, objects in of.counts.items():
                self._run(_ADD_LATENCY, (uid, is_rtc, bound_ms, objects))
        for noun, counts in (
            (_EFFECT, more.works), (_SKIPPED, more.skipped), (_REFUSED, more.refused),
        ):  # fmt: skip
            for name, count in counts.items():
                self._run(_ADD_COUNT, (uid, noun, name, count))

    def forget_rtc_stats(self, uid: int) -> None:
        """Count the objects under the time control of a rule from 0."""
        self._run(_FORGET_RTC, (uid,))
        self._run(_FORGET_RTC_LATENCY, (uid,))

    def hasten_failed(
        self, rule_uid: int, now_ms: int, *, key: str | None, after_key: str, limit: int
    ) -> Hastened:
        """Make refused tasks of a rule due now: those of one key, or a page of all by key."""
        if key is None:
            found = self._run(_FAILED, (rule_uid, after_key, limit)).fetchall()
        else:
            found = self._run(_FAILED_KEY, (rule_uid, key)).fetchall()
        rows = cast(list[tuple[str, int, int]], found)
        later = [(now_ms, task_id) for _, task_id, due_ms in rows if due_ms > now_ms]
        self._run_notes(_HASTEN, later)
        is_cut = key is None and len(rows) == limit
        return Hastened(len(later), rows[-1][0] if is_cut else None)

    def put_rtc(self, row: RtcRow) -> None:
        """Store where it stands."""
        self._run(
            _PUT_RTC,
            (
                row.rule_uid,
                row.asked_ms,
                int(row.waits),
                row.effective_ms,
                row.since_ms,
                row.checked_seq,
                row.due_ms,
            ),
        )

    def look_at_rtc(self, rule_uid: int, at_ms: int) -> None:
        """A rule has to be looked at by ``at_ms``, or earlier as was said before."""
        self._run(_LOOK, (at_ms, rule_uid))

    def drop_rtc(self, rule_uid: int) -> None:
        """A rule has none any more."""
        self._run(_DROP_RTC, (rule_uid,))

    def insert_misses(self, rule_uid: int, misses: Sequence[Miss], *, kept_max: int) -> None:
        """Note late objects; only the newest ``kept_max`` of the rule are kept."""
        newest = misses[-kept_max:]
        self._run_notes(
            _ADD_MISS,
            [
                (
                    rule_uid,
                    miss.change_seq,
                    miss.key,
                    miss.version_id,
                    miss.size_bytes,
                    miss.at_ms,
                    miss.missed_ms,
                    miss.ended_ms,
                    miss.ending.value,
                )
                for miss in newest
            ],
        )
        self._run(_TRIM_MISSES, (rule_uid, kept_max))

    def end_misses(self, rule_uid: int, ended: Sequence[tuple[int, Ending]], now_ms: int) -> None:
        """Note what became of late objects, by ``change_seq``."""
        self._run_notes(_END_MISS, [(now_ms, ending.value, rule_uid, seq) for seq, ending in ended])

    def drop_misses(self, rule_uid: int) -> None:
        """Forget the late objects of a rule."""
        self._run(_DROP_MISSES, (rule_uid,))
