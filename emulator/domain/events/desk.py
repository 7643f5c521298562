"""Setting notification rules and reading events, for the control API."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from emulator.domain import errors
from emulator.domain.events.model import Event
from emulator.domain.events.ports import Courier, EventStore, EventTx, EventView
from emulator.domain.events.recording import NOTIFICATIONS
from emulator.domain.events.rules import (
    NotificationRule,
    RuleError,
    checked,
    document_of,
    rules_of,
)
from emulator.domain.model import Bucket


class BucketRules(msgspec.Struct, frozen=True):
    """The rules of one bucket."""

    bucket: str
    rules: tuple[NotificationRule, ...]


class EventPage(msgspec.Struct, frozen=True):
    """Some events in order with the names of their buckets; ``oldest_seq`` is the oldest kept."""

    events: list[tuple[str, Event]]
    oldest_seq: int
    is_truncated: bool


class EventDesk:
    """Rules and events of one emulator; ``changed`` is told when waiting events may have become
    deliverable."""

    def __init__(self, store: EventStore, courier: Courier, changed: Callable[[], None]) -> None:
        self._store = store
        self._courier = courier
        self._changed = changed

    async def put_rules(self, bucket: str, rules: Sequence[NotificationRule]) -> BucketRules:
        """Put these rules in place of a bucket's. Raises RuleError, NoSuchBucket."""
        made = checked(rules)
        for rule in made:
            refusal = self._courier.refusal(rule.endpoint) if rule.endpoint else ""
            if refusal:
                raise RuleError(f"rule {rule.id!r}: {refusal}")

        def work(tx: EventTx) -> None:
            found = _bucket(tx, bucket)
            if made:
                tx.put_bucket_setting(found.id, NOTIFICATIONS, document_of(made))
            else:
                tx.delete_bucket_setting(found.id, NOTIFICATIONS)

        await self._store.write(work)
        self._changed()
        return BucketRules(bucket, made)

    async def delete_rules(self, bucket: str) -> None:
        """Take a bucket's rules away; what waits to be delivered is not. Raises NoSuchBucket."""
        await self._store.write(
            lambda tx: tx.delete_bucket_setting(_bucket(tx, bucket).id, NOTIFICATIONS)
        )
        self._changed()

    def rules(self, bucket: str = "") -> list[BucketRules]:
        """The rules of a bucket, or of all that have some. Raises NoSuchBucket."""
        with self._store.read() as view:
            if bucket:
                return [_rules(view, _bucket(view, bucket))]
            return [_rules(view, each) for each in view.buckets_with_setting(NOTIFICATIONS)]

    def events(self, bucket: str, after_seq: int, limit: int) -> EventPage:
        """Events after ``after_seq`` in order, of one bucket or of all. Raises NoSuchBucket."""
        with self._store.read() as view:
            bucket_id = _bucket(view, bucket).id if bucket else None
            found = view.events_after(bucket_id, after_seq, limit + 1)
            names: dict[int, str] = {}
            for event in found:
                if event.bucket_id not in names:
                    owner = view.bucket_by_id(event.bucket_id)
                    names[event.bucket_id] = "" if owner is None else owner.name
            oldest, _ = view.event_bounds()
        shown = [(names[event.bucket_id], event) for event in found[:limit]]
        return EventPage(shown, oldest, len(found) > limit)


def _rules(view: EventView, bucket: Bucket) -> BucketRules:
    return BucketRules(bucket.name, rules_of(view.bucket_setting(bucket, NOTIFICATIONS)))


def _bucket(view: EventView, name: str) -> Bucket:
    bucket = view.bucket(name)
    if bucket is None:
        raise errors.NoSuchBucket(name, ec="0015-00000101")
    return bucket
