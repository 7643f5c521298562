"""Notification rules and recorded events: the JSON of ``notifications`` and ``events``."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from aiohttp import web

from emulator.control.json import ControlError, answer, read_fields
from emulator.control.query import read_limit, read_number, read_query
from emulator.domain.errors import NoSuchBucket
from emulator.domain.events.desk import BucketRules, EventDesk
from emulator.domain.events.model import DeliveryState, Event
from emulator.domain.events.rules import MessageFormat, NotificationRule, RuleError

_LIMIT, _LIMIT_MAX = 100, 1000
_HINT = "/_emulator/notifications?bucket=src-bucket"


class RuleFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule as JSON: names of events, ``ObjectCreated:*`` for all of a kind."""

    id: str
    events: list[str]
    prefix: str = ""
    suffix: str = ""
    endpoint: str = ""
    format: MessageFormat = MessageFormat.JSON


class RulesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``PUT notifications`` takes: all rules of the bucket."""

    rules: list[RuleFields]


class RulesShown(msgspec.Struct, frozen=True):
    """The rules of one bucket."""

    bucket: str
    rules: list[RuleFields]


class EventShown(msgspec.Struct, frozen=True, kw_only=True):
    """One event: what its endpoint is sent, and what became of that."""

    seq: int
    bucket: str
    rule: str
    name: str
    key: str
    at: str
    delivery: DeliveryState
    attempts: int
    next_attempt_at: str | None
    last_error: str
    message: msgspec.Raw


class EventsShown(msgspec.Struct, frozen=True):
    """A page of events; ``next_after`` is None on the last."""

    events: list[EventShown]
    oldest_seq: int
    next_after: int | None


async def put_notifications(
    desk: EventDesk, request: web.BaseRequest, deadline_s: float
) -> web.Response:
    """``PUT notifications?bucket=``: these rules in place of those the bucket has."""
    bucket = _bucket(request)
    wanted = await read_fields(request, RulesRequest, deadline_s)
    rules = [
        NotificationRule(
            id=rule.id,
            event=rule.events,
            prefix=rule.prefix,
            suffix=rule.suffix,
            endpoint=rule.endpoint,
            format=rule.format,
        )
        for rule in wanted.rules
    ]
    try:
        return answer(_shown(await desk.put_rules(bucket, rules)))
    except RuleError as error:
        raise ControlError(400, str(error)) from error
    except NoSuchBucket as error:
        raise _no_bucket(bucket) from error


def get_notifications(desk: EventDesk, request: web.BaseRequest) -> web.Response:
    """``GET notifications[?bucket=]``: the rules of a bucket, or of all that have some."""
    bucket = read_query(request, ("bucket",)).get("bucket", "")
    try:
        found = [_shown(each) for each in desk.rules(bucket)]
    except NoSuchBucket as error:
        raise _no_bucket(bucket) from error
    return answer(found[0] if bucket else {"buckets": found})


async def delete_notifications(desk: EventDesk, request: web.BaseRequest) -> web.Response:
    """``DELETE notifications?bucket=``: the bucket has no rules any more."""
    bucket = _bucket(request)
    try:
        await desk.delete_rules(bucket)
    except NoSuchBucket as error:
        raise _no_bucket(bucket) from error
    return answer(RulesShown(bucket, []))


def get_events(desk: EventDesk, request: web.BaseRequest) -> web.Response:
    """``GET events[?bucket=][&after=][&limit=]``: what was recorded, in order, page by page."""
    query = read_query(request, ("bucket", "after", "limit"))
    bucket = query.get("bucket", "")
    after_seq = read_number(query, "after", 0)
    limit = read_limit(query, _LIMIT, _LIMIT_MAX)
    try:
        page = desk.events(bucket, after_seq, limit)
    except NoSuchBucket as error:
        raise _no_bucket(bucket) from error
    events = [_event_shown(name, event) for name, event in page.events]
    next_after = events[-1].seq if page.is_truncated else None
    return answer(EventsShown(events, page.oldest_seq, next_after))


def _shown(found: BucketRules) -> RulesShown:
    rules = [
        RuleFields(
            id=rule.id,
            events=rule.event,
            prefix=rule.prefix,
            suffix=rule.suffix,
            endpoint=rule.endpoint,
            format=rule.format,
        )
        for rule in found.rules
    ]
    return RulesShown(found.bucket, rules)


def _event_shown(bucket: str, event: Event) -> EventShown:
    waits = event.state is DeliveryState.WAITING
    return EventShown(
        seq=event.seq,
        bucket=bucket,
        rule=event.rule_id,
        name=event.name,
        key=event.key,
        at=_instant(event.at_ms),
        delivery=event.state,
        attempts=event.attempts,
        next_attempt_at=_instant(event.due_ms) if waits else None,
        last_error=event.last_error,
        message=msgspec.Raw(event.message.encode()),
    )


def _instant(at_ms: int) -> str:
    text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _bucket(request: web.BaseRequest) -> str:
    bucket = read_query(request, ("bucket",)).get("bucket", "")
    if not bucket:
        raise ControlError(400, "bucket is needed", _HINT)
    return bucket


def _no_bucket(bucket: str) -> ControlError:
    return ControlError(404, f"there is no bucket {bucket!r}")
