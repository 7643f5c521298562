"""When a change is due at the destination: a port, and the model that adds no time of its own."""

from __future__ import annotations

from typing import Protocol

from emulator.replication.model import Rule
from emulator.replication.settings import ReplicationSettings


class TimingModel(Protocol):
    """How long replication takes."""

    def due_ms(self, rule: Rule, change_at_ms: int, size_bytes: int, now_ms: int) -> int:
        """The instant from which a task may run.

        ``change_at_ms`` is when the client made the change, ``size_bytes`` what has to travel (0
        for markers and deletes) and ``now_ms`` when the change is looked at, which for historical
        data and for a rule that was still starting can be much later.
        """
        ...


class InstantTiming:
    """Due as soon as it is committed, plus the fixed ``repl.lag_s``."""

    __slots__ = ("_lag_ms",)

    def __init__(self, settings: ReplicationSettings) -> None:
        self._lag_ms = settings.lag_ms

    def due_ms(self, rule: Rule, change_at_ms: int, size_bytes: int, now_ms: int) -> int:
        """``change_at_ms`` plus the lag; an instant in the past means: at once."""
        return change_at_ms + self._lag_ms
