"""The source of randomness: ids, names of blob files, jitter."""

from __future__ import annotations

import os
import random
from typing import Protocol


class Rng(Protocol):
    """What the rooms ask of chance."""

    def hex(self, digits: int) -> str:
        """``digits`` random lower-case hexadecimal digits."""
        ...

    def uuid(self) -> str:
        """A random identifier in the 36-character form of a UUID."""
        ...


class SeededRng:
    """A generator whose sequence is fixed by its seed; without a seed, by the machine's entropy.

    Identifiers of the emulator are names, not secrets, so a fast generator is enough.
    """

    def __init__(self, seed: int | None = None) -> None:
        entropy = int.from_bytes(os.urandom(16), "big") if seed is None else seed
        self._seed = seed
        self._random = random.Random(entropy)  # noqa: S311 - names, not secrets

    def go_on(self, start: int) -> None:
        """Follow the seed's sequence of the ``start``-th start (from 1) on what is kept: names of
        one start do not come again at the next. Without a seed nothing changes."""
        if self._seed is not None and start > 1:
            self._random.seed(f"{self._seed} {start}")

    def hex(self, digits: int) -> str:
        """``digits`` random lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        """A random identifier in the 36-character form of a UUID, version 4."""
        text = self.hex(32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
