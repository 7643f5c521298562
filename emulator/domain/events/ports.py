"""What reading and delivering events asks of the store and of the way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from emulator.domain.events.model import Attempt, Event, Waiting
from emulator.domain.ports import MetaTx, MetaView

T = TypeVar("T")


class EventView(MetaView, Protocol):
    """Reading events."""

    def events_after(self, bucket_id: int | None, after_seq: int, limit: int) -> list[Event]:
        """Events in order, of one bucket or of all, those after ``after_seq``."""
        ...

    def waiting_rules(self) -> list[Waiting]:
        """The first waiting event of every rule that has one."""
        ...

    def waiting_events(self, bucket_id: int, rule_id: str, limit: int) -> list[Event]:
        """The waiting events of a rule, in order."""
        ...

    def event_bounds(self) -> tuple[int, int]:
        """The oldest and the newest ``seq`` there is; (0, 0) without events."""
        ...


class EventTx(EventView, MetaTx, Protocol):
    """Changing events. Recording them is ``MetaTx.append_event``."""

    def note_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Write down what became of events that were tried."""
        ...

    def drop_waiting(self, bucket_id: int, rule_id: str) -> None:
        """Say of a rule's waiting events that nobody waits for them any more."""
        ...

    def prune_events(self, until_seq: int) -> None:
        """Forget events up to ``until_seq``."""
        ...


class EventStore(Protocol):
    """The metadata store as events see it."""

    def read(self) -> AbstractContextManager[EventView]:
        """A consistent view of what is committed. Never hold it across an ``await``."""
        ...

    async def write(self, work: Callable[[EventTx], T]) -> T:
        """Run ``work`` in a transaction; its result comes back once it is durable."""
        ...


class Courier(Protocol):
    """The way to endpoints."""

    def refusal(self, url: str) -> str:
        """Why this URL may not be called, ``""`` if it may."""
        ...

    async def deliver(self, url: str, body: bytes, headers: Mapping[str, str]) -> str:
        """Send a message. Answers ``""`` when the endpoint took it, else why not."""
        ...
