"""Delivering events to the endpoints of their rules: in order per rule, until they are taken.

An endpoint has taken an event when it answers 2xx. Until then the event is tried again after a
delay that doubles from 1 to 512 seconds, 176 times, which is about a day (Simple Message Queue,
exponential decay retry; documented); those behind it wait, other rules do not. An event may be
delivered twice, never lost, unless more than ``oss.events_max`` are recorded meanwhile.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Final

import msgspec

from emulator.clock import Clock
from emulator.domain.events.model import Attempt, DeliveryState, Event, Waiting
from emulator.domain.events.ports import Courier, EventStore, EventTx
from emulator.domain.events.recording import NOTIFICATIONS
from emulator.domain.events.rules import MessageFormat, NotificationRule, rules_of
from emulator.domain.workers import Background

ATTEMPTS_MAX: Final = 176
_DELAY_S_MAX: Final = 512
_BATCH_LEN: Final = 50  # events of one rule between two commits
_RULES_AT_ONCE: Final = 16
_PRUNE_LEN_MAX: Final = 2_000  # events forgotten in one transaction


class _Batch(msgspec.Struct, frozen=True):
    rule: NotificationRule
    events: list[Event]


def delay_ms(attempts: int) -> int:
    """How long to wait after so many attempts in vain."""
    doubled: int = 1 << min(attempts - 1, 16)
    return min(doubled, _DELAY_S_MAX) * 1000


class EventDelivery(Background):
    """The worker that delivers events and forgets old ones; ``events_max`` of them are kept."""

    name = "events"
    heeds_changes = False  # the store wakes it when an event is recorded

    def __init__(
        self, store: EventStore, clock: Clock, courier: Courier, *, events_max: int
    ) -> None:
        super().__init__(clock)
        self._store = store
        self._courier = courier
        self._events_max = events_max

    async def _work(self) -> int:
        done = 0
        # A transaction, though it mostly reads: it comes after the one whose events woke us.
        while batches := await self._store.write(self._take):
            tried = await asyncio.gather(*(self._deliver(batch) for batch in batches))
            attempts = [attempt for each in tried for attempt in each]
            await self._store.write(lambda tx, tried=attempts: tx.note_attempts(tried))  # type: ignore[misc]
            done += sum(attempt.state is not DeliveryState.WAITING for attempt in attempts)
        return done

    def next_due_ms(self) -> int | None:
        """When the first event is to be tried."""
        return min((each.due_ms for each in self._waiting()), default=None)

    def next_planned_ms(self) -> int | None:
        """Only what was never tried; that is due when it is recorded."""
        due = (each.due_ms for each in self._waiting() if each.attempts == 0)
        return min(due, default=None)

    def last_refused_ms(self) -> int | None:
        """When every event tried in vain will have been due once more."""
        due = (each.due_ms for each in self._waiting() if each.attempts > 0)
        return max(due, default=None)

    def _waiting(self) -> list[Waiting]:
        with self._store.read() as view:
            return view.waiting_rules()

    def _take(self, tx: EventTx) -> list[_Batch]:
        """What is due, rule by rule; forgets what is too old."""
        oldest, newest = tx.event_bounds()
        if newest - oldest >= self._events_max:
            tx.prune_events(min(newest - self._events_max, oldest + _PRUNE_LEN_MAX))
        now_ms = self._clock.now_ms()
        due = [each for each in tx.waiting_rules() if each.due_ms <= now_ms]
        batches: list[_Batch] = []
        for each in due[:_RULES_AT_ONCE]:
            rule = _rule(tx, each)
            if rule is None or not rule.endpoint:
                tx.drop_waiting(each.bucket_id, each.rule_id)
            else:
                events = tx.waiting_events(each.bucket_id, each.rule_id, _BATCH_LEN)
                batches.append(_Batch(rule, events))
        return batches

    async def _deliver(self, batch: _Batch) -> Sequence[Attempt]:
        """Send a rule's events one after the other, up to the first that is not taken."""
        attempts: list[Attempt] = []
        for event in batch.events:
            problem = await self._send(batch.rule, event)
            attempts.append(self._outcome(event, problem))
            if attempts[-1].state is DeliveryState.WAITING:
                break
        return attempts

    async def _send(self, rule: NotificationRule, event: Event) -> str:
        body, kind = event.message.encode(), "application/json"
        if rule.format is MessageFormat.BASE64:
            body, kind = base64.b64encode(body), "text/plain"
        headers = {
            "Content-Type": kind,
            "User-Agent": "Aliyun Notification Service Agent",
            "x-mns-version": "2015-06-06",
            "x-mns-message-id": str(event.seq),
            "x-mns-topic-name": rule.id,
        }
        return await self._courier.deliver(rule.endpoint, body, headers)

    def _outcome(self, event: Event, problem: str) -> Attempt:
        tried = event.attempts + 1
        if not problem:
            return Attempt(event.seq, DeliveryState.DELIVERED, tried, 0, "")
        if tried >= ATTEMPTS_MAX:
            return Attempt(event.seq, DeliveryState.FAILED, tried, 0, problem)
        due_ms = self._clock.now_ms() + delay_ms(tried)
        return Attempt(event.seq, DeliveryState.WAITING, tried, due_ms, problem)


def _rule(tx: EventTx, waiting: Waiting) -> NotificationRule | None:
    bucket = tx.bucket_by_id(waiting.bucket_id)
    if bucket is None:
        return None
    rules = rules_of(tx.bucket_setting(bucket, NOTIFICATIONS))
    return next((rule for rule in rules if rule.id == waiting.rule_id), None)
