"""What the control API asks of the emulator it controls."""

from __future__ import annotations

from typing import Protocol

import msgspec

from emulator.access.audit import Audit
from emulator.access.simulate import Question, Simulation
from emulator.clock import AdjustableClock
from emulator.config import Settings
from emulator.domain.events.desk import EventDesk
from emulator.replication.counts import Counts
from emulator.replication.desk import ReplicationDesk
from emulator.world.load import Loaded


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the emulator serves, and what it holds."""

    ready: bool
    accounts: int
    buckets: int
    roles: int
    rules: int


class Emulator(Protocol):
    """The running emulator, as far as it can be looked at and steered."""

    @property
    def settings(self) -> Settings:
        """What it was started with."""
        ...

    @property
    def clock(self) -> AdjustableClock:
        """The clock of everything."""
        ...

    @property
    def events(self) -> EventDesk:
        """Notification rules and recorded events."""
        ...

    async def callback_public_key(self) -> bytes:
        """The key that upload callbacks are signed with, its public half as PEM."""
        ...

    def readiness(self) -> Readiness:
        """Whether the world is loaded, and how much is in it."""
        ...

    async def settle(self, *, advance: bool) -> Counts:
        """Run everything that is due; with ``advance`` step a virtual clock until all is quiet."""
        ...

    async def load_world(self, text: str, name: str) -> Loaded:
        """Apply a world file's text. Raises WorldError."""
        ...

    @property
    def replication(self) -> ReplicationDesk:
        """Replication as seen from outside."""
        ...

    @property
    def audit(self) -> Audit:
        """Who asked what, and what was decided."""
        ...

    def simulate(self, question: Question) -> Simulation:
        """What would be decided. Raises SimulationError."""
        ...

    def time_changed(self) -> None:
        """The clock was moved or exchanged: look at what is due."""
        ...
