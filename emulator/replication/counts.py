"""What the engine did, counted."""

from __future__ import annotations

import msgspec


class Counts(msgspec.Struct):
    """What a run of the engine did; ready for JSON.

    ``applied`` effects were carried out, ``skipped`` changes asked for nothing, ``refused``
    attempts failed, ``stored`` changes became tasks because they are due later, were refused or
    wait behind an earlier one. ``history`` historical versions were read (each is counted above
    as well), ``caught_up`` rules have none left to read, ``paused`` readings of it were put off.
    ``started`` and ``closed`` rules changed their state. ``pending`` and ``failed`` are the tasks
    left when the run ended.
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
    pending: int = 0
    failed: int = 0

    def add(self, other: Counts) -> None:
        """Count what ``other`` counted, too."""
        self.applied += other.applied
        self.skipped += other.skipped
        self.refused += other.refused
        self.stored += other.stored
        self.history += other.history
        self.caught_up += other.caught_up
        self.started += other.started
        self.closed += other.closed
        self.paused += other.paused

    @property
    def handled(self) -> int:
        """How many things moved at all."""
        return self.progress + self.refused + self.paused

    @property
    def progress(self) -> int:
        """How many things moved for good: not just tried once more."""
        rules = self.started + self.closed + self.caught_up
        return self.applied + self.skipped + self.stored + self.history + rules
