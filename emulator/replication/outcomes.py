"""Every outcome of the engine, in the order of its commits, for whoever wants to listen."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

import msgspec


class OutcomeKind(StrEnum):
    """What became of a change under a rule."""

    APPLIED = "applied"  # carried out at the destination
    SKIPPED = "skipped"  # asks for nothing there
    REFUSED = "refused"  # an attempt in vain
    MISSED = "missed"  # replication time control: not there when the threshold passed
    CAUGHT_UP = "caught-up"  # a missed one arrived


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One outcome. Runs with the same seed and the same inputs have the same outcomes.

    ``change_seq`` is 0 for historical data. ``effect`` is empty of what was skipped before it came
    to one, ``reason`` of what was carried out. ``lag_ms`` is the time since the client's change.
    """

    at_ms: int
    rule_uid: int
    rule_id: str
    change_seq: int
    key: str
    version_id: str
    effect: str
    outcome: OutcomeKind
    reason: str
    lag_ms: int


Listener: TypeAlias = Callable[[Outcome], None]


class OutcomeLog:
    """Tells a listener what was committed. Without one nothing is gathered.

    A transaction gathers: ``begin``, ``note``; once it is committed, ``say`` tells.
    """

    __slots__ = ("_gathered", "listener")

    def __init__(self, listener: Listener | None = None) -> None:
        self.listener = listener
        self._gathered: list[Outcome] = []

    def begin(self) -> None:
        """A transaction begins; what an earlier one gathered and did not commit is void."""
        if self._gathered:
            self._gathered = []

    def note(self, outcome: Outcome) -> None:
        """Gather an outcome of this transaction."""
        self._gathered.append(outcome)

    def say(self) -> None:
        """Tell what was gathered: it is committed."""
        if not self._gathered:
            return
        told, self._gathered = self._gathered, []
        if self.listener is not None:
            for outcome in told:
                self.listener(outcome)
