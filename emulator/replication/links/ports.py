"""What links ask of the metadata store, and of whoever has tasks that wait for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A task that waits for a lane: it may begin to travel at ``due_ms``.

    ``size_bytes`` is what has to travel; ``is_fast``: as many times as fast as its link
    accelerates.
    """

    task_id: int
    rule_uid: int
    key: str
    size_bytes: int
    due_ms: int
    is_fast: bool = False


class Queue(Protocol):
    """What waits for a lane, in the order in which it may begin."""

    def next_ms(self) -> int | None:
        """When the first that waits may begin, ``None``: nothing waits."""
        ...

    def take(self, at_ms: float) -> Waiting:
        """Take the one that begins at ``at_ms``, which is not before ``next_ms``."""
        ...


class LaneView(Protocol):
    """Reading lanes and the timing that was asked for."""

    def timing_text(self) -> str:
        """The stored timing, ``""`` where none was ever stored."""
        ...

    def timing_version(self) -> int:
        """A number that grows whenever the timing is stored, 0 where none was."""
        ...

    def lanes(self) -> list[str]:
        """The lanes that tasks wait for or travel on."""
        ...

    def lane_tasks(
        self, lane: str, *, historical: bool, after: tuple[int, int], limit: int
    ) -> list[Waiting]:
        """Tasks of a lane that head their rule and key, after (``due_ms``, ``task_id``) in order.

        Of new data, or of historical data.
        """
        ...

    def lane_heads(self, lane: str, limit: int) -> tuple[list[Waiting], list[Waiting]]:
        """The first ``limit`` of ``lane_tasks``, of new and of historical data."""
        ...

    def lane_length(self, lane: str) -> int:
        """How many tasks wait for a lane or travel on it, without those behind their key."""
        ...

    def tasks_left(self, task_ids: Sequence[int]) -> set[int]:
        """Those of the tasks that are still stored."""
        ...


class LaneTx(LaneView, Protocol):
    """Moving tasks between lanes and due times."""

    def put_timing_text(self, text: str) -> None:
        """Store the timing."""
        ...

    def release_tasks(self, tasks: Sequence[tuple[int, int]]) -> None:
        """Tasks have passed their lane: (id, since when). They are due then. Gone ones do not
        matter."""
        ...

    def hold_tasks(self, lane: str, now_ms: int, task_ids: Sequence[int]) -> None:
        """Tasks that were due have to wait for a lane first."""
        ...
