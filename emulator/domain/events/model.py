"""Events as they are recorded and delivered."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class DeliveryState(StrEnum):
    """What became of an event's delivery."""

    NONE = "none"  # its rule has no endpoint, or no longer exists: it can be read only
    WAITING = "waiting"  # to be delivered, or to be tried again
    DELIVERED = "delivered"
    FAILED = "failed"  # given up


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event about to be recorded: of one rule; ``message`` is what its endpoint is sent."""

    bucket_id: int
    rule_id: str
    name: str
    key: str
    at_ms: int
    message: str
    has_endpoint: bool


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A recorded event. ``seq`` orders all events; ``due_ms`` is when a waiting one is tried."""

    seq: int
    bucket_id: int
    rule_id: str
    name: str
    key: str
    at_ms: int
    message: str
    state: DeliveryState
    attempts: int
    due_ms: int
    last_error: str


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """The first event of a rule that waits: those behind it wait for it."""

    bucket_id: int
    rule_id: str
    seq: int
    due_ms: int
    attempts: int


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """What became of an event that was tried."""

    seq: int
    state: DeliveryState
    attempts: int
    due_ms: int
    last_error: str
