"""Recorded events in SQLite; see ``domain.events.ports``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from emulator.domain.events.model import Attempt, DeliveryState, Event, NewEvent, Waiting
from emulator.storage.sqlite.statements import Changing, Row, Statements

_COLUMNS = """seq, bucket_id, rule_id, name, key, at_ms, message, state, attempts, due_ms,
    last_error"""
_AFTER = f"SELECT {_COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
_OF_BUCKET = f"SELECT {_COLUMNS} FROM events WHERE bucket_id = ? AND seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
# A bare column beside min() is that of the row with the least value.
_WAITING_RULES = """SELECT bucket_id, rule_id, min(seq), due_ms, attempts
    FROM events INDEXED BY events_waiting WHERE state = 'waiting' GROUP BY bucket_id, rule_id"""
_WAITING = f"""SELECT {_COLUMNS} FROM events INDEXED BY events_waiting
    WHERE state = 'waiting' AND bucket_id = ? AND rule_id = ? ORDER BY seq LIMIT ?"""  # noqa: S608
_OLDEST = "SELECT seq FROM events ORDER BY seq LIMIT 1"
_NEWEST = "SELECT seq FROM events ORDER BY seq DESC LIMIT 1"

_INSERT = """INSERT INTO events (bucket_id, rule_id, name, key, at_ms, message, state, due_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_ATTEMPT = """UPDATE events SET state = ?, attempts = ?, due_ms = ?, last_error = ?
    WHERE seq = ?"""
_DROP = """UPDATE events SET state = 'none'
    WHERE state = 'waiting' AND bucket_id = ? AND rule_id = ?"""
_PRUNE = "DELETE FROM events WHERE seq <= ?"

_PRUNED_EVERY = 256  # events

_STATES = {member.value: member for member in DeliveryState}
_EventRow = tuple[int, int, str, str, str, int, str, str, int, int, str]


def _event(row: Row) -> Event:
    seq, bucket_id, rule_id, name, key, at_ms, message, state, attempts, due_ms, error = cast(
        _EventRow, row
    )
    return Event(
        seq=seq,
        bucket_id=bucket_id,
        rule_id=rule_id,
        name=name,
        key=key,
        at_ms=at_ms,
        message=message,
        state=_STATES[state],
        attempts=attempts,
        due_ms=due_ms,
        last_error=error,
    )


class EventReads(Statements):
    """Reading events."""

    def events_after(self, bucket_id: int | None, after_seq: int, limit: int) -> list[Event]:
        """Events in order, of one bucket or of all, those after ``after_seq``."""
        if bucket_id is None:
            rows = self._run(_AFTER, (after_seq, limit)).fetchall()
        else:
            rows = self._run(_OF_BUCKET, (bucket_id, after_seq, limit)).fetchall()
        return [_event(row) for row in rows]

    def waiting_rules(self) -> list[Waiting]:
        """The first waiting event of every rule that has one."""
        return [Waiting(*row) for row in self._run(_WAITING_RULES, ()).fetchall()]

    def waiting_events(self, bucket_id: int, rule_id: str, limit: int) -> list[Event]:
        """The waiting events of a rule, in order."""
        rows = self._run(_WAITING, (bucket_id, rule_id, limit)).fetchall()
        return [_event(row) for row in rows]

    def event_bounds(self) -> tuple[int, int]:
        """The oldest and the newest ``seq`` there is; (0, 0) without events."""
        oldest = self._run(_OLDEST, ()).fetchone()
        newest = self._run(_NEWEST, ()).fetchone()
        return (0, 0) if oldest is None else (int(oldest[0]), int(newest[0]))


class EventWrites(EventReads, Changing):
    """Recording events and what becomes of them.

    ``event_recorded`` is called for events to deliver, and now and then to forget old ones, before
    the commit that holds them: who is told asks the store by a transaction of its own, which comes
    after.
    """

    event_recorded: Callable[[], None] | None = None

    def append_event(self, event: NewEvent) -> None:
        """Record an event; see ``domain.ports.MetaTx``."""
        self.require_space()
        state = DeliveryState.WAITING if event.has_endpoint else DeliveryState.NONE
        values = (
            event.bucket_id,
            event.rule_id,
            event.name,
            event.key,
            event.at_ms,
            event.message,
            state.value,
            event.at_ms,
        )
        seq = self._run(_INSERT, values).lastrowid or 0
        has_work = event.has_endpoint or seq % _PRUNED_EVERY == 0
        if has_work and self.event_recorded is not None:
            self.event_recorded()

    def note_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Write down what became of events that were tried."""
        for each in attempts:
            values = (each.state.value, each.attempts, each.due_ms, each.last_error, each.seq)
            self._run(_ATTEMPT, values)

    def drop_waiting(self, bucket_id: int, rule_id: str) -> None:
        """Say of a rule's waiting events that nobody waits for them any more."""
        self._run(_DROP, (bucket_id, rule_id))

    def prune_events(self, until_seq: int) -> None:
        """Forget events up to ``until_seq``."""
        self._run(_PRUNE, (until_seq,))
