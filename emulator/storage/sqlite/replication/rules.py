"""Replication rules in SQLite."""

from __future__ import annotations

import sqlite3
from typing import cast

import msgspec

from emulator.replication.model import History, Rule, RuleSpec, RuleState
from emulator.replication.ports import HistoryPause, NewRule
from emulator.storage.sqlite.replication.readings import ReadingReads, ReadingWrites
from emulator.storage.sqlite.statements import Row

# A rule stands where its reading does, or ahead of it.
_SELECT = """SELECT rule.uid, rule.source_bucket_id, rule.state, rule.spec_json, rule.created_ms,
    rule.starts_ms, rule.closes_ms, max(rule.cursor_seq, ifnull(reading.cursor_seq, 0)),
    rule.last_seq, rule.history_bound_seq, rule.history_total, rule.history_taken,
    rule.history_at_key, rule.history_at_seq, rule.history_done
    FROM replication_rules AS rule
    LEFT JOIN replication_readings AS reading ON reading.id = rule.reading"""
_ALL = f"{_SELECT} ORDER BY rule.uid"
_OF = f"{_SELECT} WHERE rule.source_bucket_id = ? ORDER BY rule.uid"
_TO = f"{_SELECT} WHERE rule.destination_bucket = ? ORDER BY rule.uid"
_BY_ID = f"{_SELECT} WHERE rule.source_bucket_id = ? AND rule.rule_id = ?"
_BY_UID = f"{_SELECT} WHERE rule.uid = ?"
_SPECS_OF_READING = """SELECT uid, spec_json FROM replication_rules
    INDEXED BY replication_rules_reading WHERE reading = ?"""
_BESIDE = """SELECT EXISTS (SELECT 1 FROM replication_rules
    WHERE source_bucket_id = ? AND uid <> ?)"""
_PAUSE = "SELECT history_due_ms, history_attempts FROM replication_rules WHERE uid = ?"

_AHEAD = "SELECT ahead_seq FROM replication_rules WHERE uid = ? AND ahead_key = ?"

_INSERT = """INSERT INTO replication_rules
    (source_bucket_id, rule_id, destination_bucket, state, spec_json, created_ms, starts_ms,
     cursor_seq, history_bound_seq, history_total)
    VALUES (?, ?, ?, 'starting', ?, ?, ?, ?, ?, ?)"""
_ENTRIES = """SELECT ifnull(sum(entries), 0) FROM bucket_stats
    WHERE bucket_id = ? AND noun IN ('object', 'delete-marker')"""
_SET_SPEC = "UPDATE replication_rules SET spec_json = ? WHERE uid = ?"
_START = """UPDATE replication_rules SET state = 'doing', history_done = ?
    WHERE uid = ? AND state = 'starting'"""
# A rule that never started takes nothing in.
_CLOSE = """UPDATE replication_rules SET state = 'closing', closes_ms = ?,
        last_seq = CASE state WHEN 'starting' THEN cursor_seq ELSE ? END
    WHERE uid = ? AND state IN ('starting', 'doing')"""
_MOVE_HISTORY = """UPDATE replication_rules
    SET history_taken = ?, history_at_key = ?, history_at_seq = ?, history_done = ?,
        history_due_ms = 0, history_attempts = 0
    WHERE uid = ? AND state = 'doing' AND history_done = 0"""
_PAUSE_HISTORY = """UPDATE replication_rules SET history_due_ms = ?, history_attempts = ?
    WHERE uid = ? AND state = 'doing' AND history_done = 0"""
_MOVE_AHEAD = "UPDATE replication_rules SET ahead_key = ?, ahead_seq = ? WHERE uid = ?"
_DELETE = "DELETE FROM replication_rules WHERE uid = ?"

_STATES = {member.value: member for member in RuleState}
_decode_spec = msgspec.json.Decoder(RuleSpec).decode
_encode = msgspec.json.Encoder().encode

_SPECS_KEPT = 16_384

_RuleRow = tuple[
    int, int, str, str, int, int, int | None, int, int | None, int, int, int, str, int, int
]


class RuleReads(ReadingReads):
    """Reading rules; see ``replication.ports.ReplicationView``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._specs: dict[str, RuleSpec] = {}

    def rules(self) -> list[Rule]:
        """Every rule, by ``uid``; closing ones too."""
        return [self._rule(row) for row in self._run(_ALL, ()).fetchall()]

    def rules_of(self, source_bucket_id: int) -> list[Rule]:
        """The rules whose source is this bucket, by ``uid``."""
        return [self._rule(row) for row in self._run(_OF, (source_bucket_id,)).fetchall()]

    def rules_to(self, destination_bucket: str) -> list[Rule]:
        """The rules whose destination is the bucket of this name, by ``uid``."""
        return [self._rule(row) for row in self._run(_TO, (destination_bucket,)).fetchall()]

    def rule(self, source_bucket_id: int, rule_id: str) -> Rule | None:
        """The rule of this id."""
        row = self._run(_BY_ID, (source_bucket_id, rule_id)).fetchone()
        return None if row is None else self._rule(row)

    def rule_by_uid(self, uid: int) -> Rule | None:
        """The rule of this ``uid``."""
        row = self._run(_BY_UID, (uid,)).fetchone()
        return None if row is None else self._rule(row)

    def specs_of_reading(self, reading_id: int) -> dict[int, RuleSpec]:
        """What each rule of a reading asks for, by its ``uid``."""
        rows = cast(list[tuple[int, str]], self._run(_SPECS_OF_READING, (reading_id,)).fetchall())
        return {uid: self._spec(text) for uid, text in rows}

    def is_only_rule(self, rule: Rule) -> bool:
        """Whether no other rule, in whatever state, has this source."""
        row = self._run(_BESIDE, (rule.source_bucket_id, rule.uid)).fetchone()
        return cast(tuple[int], row)[0] == 0

    def history_pause(self, uid: int) -> HistoryPause:
        """Until when the reading of a rule's history is put off, and after how many refusals."""
        row = self._run(_PAUSE, (uid,)).fetchone()
        assert row is not None
        due_ms, attempts = cast(tuple[int, int], row)
        return HistoryPause(due_ms, attempts)

    def history_ahead(self, uid: int, key: str) -> int:
        """Up to which ``seq`` the history of a key was read out of turn; 0 if it was not."""
        row = cast("tuple[int] | None", self._run(_AHEAD, (uid, key)).fetchone())
        return 0 if row is None else row[0]

    def _rule(self, row: Row) -> Rule:
        (
            uid, source, state, spec_json, created, starts, closes, cursor, last,
            bound, total, taken, at_key, at_seq, done,
        ) = cast(_RuleRow, row)  # fmt: skip
        return Rule(
            uid=uid,
            source_bucket_id=source,
            spec=self._spec(spec_json),
            state=_STATES[state],
            created_ms=created,
            starts_ms=starts,
            closes_ms=closes,
            cursor_seq=cursor,
            last_seq=last,
            history=History(
                bound_seq=bound,
                total=total,
                taken=taken,
                at_key=at_key,
                at_seq=at_seq,
                done=done == 1,
            ),
        )

    def _spec(self, text: str) -> RuleSpec:
        spec = self._specs.get(text)
        if spec is None:
            if len(self._specs) >= _SPECS_KEPT:
                self._specs.clear()
            spec = self._specs[text] = _decode_spec(text)
        return spec


class RuleWrites(RuleReads, ReadingWrites):
    """Changing rules; see ``replication.ports.ReplicationTx``."""

    def insert_rule(self, new: NewRule) -> Rule:
        """Store a rule in state ``starting``; its bucket records changes from now on."""
        values = (
            new.source_bucket_id,
            new.spec.rule_id,
            new.spec.destination_bucket,
            _encode(new.spec).decode(),
            new.created_ms,
            new.starts_ms,
            new.cursor_seq,
            new.bound_seq,
            self._entries(new.source_bucket_id) if new.spec.historical else 0,
        )
        uid = self._run(_INSERT, values).lastrowid
        assert uid is not None
        rule = self.rule_by_uid(uid)
        assert rule is not None
        return rule

    def set_rule_spec(self, uid: int, spec: RuleSpec) -> None:
        """Change the settings of a rule (its RTC status)."""
        self._change_one(_SET_SPEC, (_encode(spec).decode(), uid))
        found = self._reading_of(uid)
        if found is not None:
            self._renew(found.id)

    def start_rule(self, uid: int, *, history_done: bool) -> None:
        """``starting`` → ``doing``."""
        self._change_one(_START, (int(history_done), uid))
        rule = self.rule_by_uid(uid)
        assert rule is not None
        self._join(uid, rule.source_bucket_id, rule.cursor_seq)

    def close_rule(self, uid: int, *, closes_ms: int, last_seq: int) -> None:
        """``starting`` or ``doing`` → ``closing``; changes after ``last_seq`` are not taken in."""
        rule = self.rule_by_uid(uid)
        self._change_one(_CLOSE, (closes_ms, last_seq, uid))
        assert rule is not None
        self._close(uid, rule.cursor_seq, last_seq)

    def move_history(self, uid: int, *, taken: int, at_key: str, at_seq: int, done: bool) -> None:
        """``taken`` versions in all are taken in, (``at_key``, ``at_seq``) the last of them."""
        self._change_one(_MOVE_HISTORY, (taken, at_key, at_seq, int(done), uid))

    def pause_history(self, uid: int, pause: HistoryPause) -> None:
        """Put the reading of a rule's history off."""
        self._change_one(_PAUSE_HISTORY, (pause.due_ms, pause.attempts, uid))

    def move_history_ahead(self, uid: int, key: str, seq: int) -> None:
        """The history of ``key`` is read out of turn up to ``seq``; of one key at a time."""
        self._change_one(_MOVE_AHEAD, (key, seq, uid))

    def delete_rule(self, uid: int) -> None:
        """Remove a rule with its tasks; a bucket without rules records no changes any more."""
        found = self._reading_of(uid)
        self._change_one(_DELETE, (uid,))
        if found is not None:
            self._renew(found.id)

    def _entries(self, bucket_id: int) -> int:
        """How many versions and delete markers a bucket holds, as its figures say."""
        row = self._run(_ENTRIES, (bucket_id,)).fetchone()
        return cast(tuple[int], row)[0] + self.counted.version_entries(bucket_id)

    def _change_one(self, statement: str, values: tuple[int | str, ...]) -> None:
        changed = self._run(statement, values).rowcount
        assert changed == 1, "a rule is not in the state that its change needs"
