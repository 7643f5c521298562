"""What the engine did, counted."""

from __future__ import annotations

import msgspec

_MOVES = (
    "applied",
    "skipped",
    "refused",
    "stored",
    "history",
    "caught_up",
    "started",
    "closed",
    "paused",
    "rtc",
    "forgotten",
)


class Counts(msgspec.Struct):
    """What a run of the engine did; ready for JSON.

    ``applied`` effects were carried out, ``skipped`` changes asked for nothing, ``refused``
    attempts failed, ``stored`` changes became tasks because they are due later, were refused or
    wait behind an earlier one. ``history`` historical versions were read (each is counted above
    as well), ``caught_up`` rules have none left to read, ``paused`` readings of it were put off.
    ``rtc`` counts the looks at replication time control: it took effect, or objects were late.
    ``started`` and ``closed`` rules changed their state; ``forgotten`` tasks and changes went with
    the latter. ``pending`` and ``failed`` are the tasks left when the run ended. ``workers`` is
    what the other background workers brought about meanwhile, by their name.
    """

    applied: int = 0
    skipped: int = 0
    refused: int = 0
    stored: int = 0
    history: int = 0
    caught_up: int = 0
    started: int = 0
    closed: int = 0
    paused: int = 0
    rtc: int = 0
    forgotten: int = 0
    pending: int = 0
    failed: int = 0
    workers: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, other: Counts) -> None:
        """Count what ``other`` counted, too."""
        for name in _MOVES:
            if moved := getattr(other, name):
                setattr(self, name, getattr(self, name) + moved)

    def subtract(self, other: Counts) -> None:
        """Leave out what ``other`` counted."""
        for name in _MOVES:
            setattr(self, name, getattr(self, name) - getattr(other, name))

    @property
    def handled(self) -> int:
        """How many things moved at all."""
        return self.progress + self.refused + self.paused

    @property
    def progress(self) -> int:
        """How many things moved for good: not just tried once more."""
        rules = self.started + self.closed + self.caught_up + self.rtc
        return self.applied + self.skipped + self.stored + self.history + self.forgotten + rules
