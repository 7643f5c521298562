"""Chance that does not depend on the order of things: a hash of what it is asked for."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from math import log1p

from emulator.domain.model import Change

_BITS = 53  # of a float's fraction


class Purpose(StrEnum):
    """What chance decides."""

    START = "start"  # how long a rule takes to start
    LAG = "lag"  # how long a change takes
    RATE = "rate"  # how fast its bytes travel
    JITTER = "jitter"  # how much longer its way through a link is


class Chance:
    """Draws that are fixed by the seed and by what they are for."""

    __slots__ = ("_seed",)

    def __init__(self, seed: int) -> None:
        self._seed = str(seed)

    def of_rule(self, source_bucket: str, rule_id: str, purpose: Purpose) -> float:
        """From 0 up to 1, the same for a rule whenever it is asked for."""
        return self._draw(f"{source_bucket}/{rule_id}", purpose)

    def of_change(self, rule_uid: int, change: Change, purpose: Purpose) -> float:
        """From 0 up to 1, the same for a change and a rule whenever it is asked for.

        Historical data have no number of their own as a change; their versions have.
        """
        return self._draw(f"{rule_uid}/{change.seq}/{change.version_seq}", purpose)

    def _draw(self, what: str, purpose: Purpose) -> float:
        text = f"{self._seed}/{purpose.value}/{what}"
        digest = blake2b(text.encode(), digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> (64 - _BITS)) / (1 << _BITS)


def exponential(draw: float, mean: float) -> float:
    """An exponentially distributed amount of this mean, from a draw from 0 up to 1."""
    return -mean * log1p(-draw)
