"""The clock every date in the emulator comes from.

``RealClock`` follows the machine. ``VirtualClock`` stands still until it is told to move, so a
test can reach any due time without waiting. This module and ``app`` are the only places that may
read the machine's time or sleep.
"""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum
from typing import Protocol


class ClockMode(StrEnum):
    """How time passes."""

    REAL = "real"
    VIRTUAL = "virtual"


class Clock(Protocol):
    """What the rooms know of time. All instants are milliseconds since 1970-01-01 UTC."""

    @property
    def mode(self) -> ClockMode:
        """How this clock moves."""
        ...

    def now_ms(self) -> int:
        """The present instant."""
        ...

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        """Return when ``wake`` is set or ``until_ms`` has come, whichever is first."""
        ...


class RealClock:
    """The machine's clock."""

    mode = ClockMode.REAL

    def now_ms(self) -> int:
        """The present instant, from the machine."""
        return time.time_ns() // 1_000_000

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        """Wait for the event, at most until ``until_ms``."""
        if until_ms is None:
            await wake.wait()
            return
        delay_s = (until_ms - self.now_ms()) / 1000
        if delay_s <= 0:
            return
        try:
            async with asyncio.timeout(delay_s):
                await wake.wait()
        except TimeoutError:
            return


class VirtualClock:
    """A clock that moves only when told to."""

    mode = ClockMode.VIRTUAL

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms
        self._moved = asyncio.Event()

    def now_ms(self) -> int:
        """The instant the clock was last set to."""
        return self._now_ms

    def set(self, instant_ms: int) -> None:
        """Jump to an instant, forwards or backwards, and wake everything that waits."""
        self._now_ms = instant_ms
        self._moved.set()
        self._moved = asyncio.Event()

    def advance(self, by_ms: int) -> None:
        """Move forwards by ``by_ms`` milliseconds."""
        self.set(self._now_ms + by_ms)

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        """Wait for the event or for the clock to be moved to ``until_ms`` or beyond."""
        while not wake.is_set():
            if until_ms is not None and self._now_ms >= until_ms:
                return
            moved = asyncio.ensure_future(self._moved.wait())
            woken = asyncio.ensure_future(wake.wait())
            try:
                await asyncio.wait({moved, woken}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                moved.cancel()
                woken.cancel()


class AdjustableClock:
    """A clock that can be exchanged while the emulator runs.

    It starts as the real one or as a virtual one; whoever waits on it notices the exchange.
    """

    def __init__(self, mode: ClockMode, start_ms: int | None = None) -> None:
        self._changed = asyncio.Event()
        self._inner: RealClock | VirtualClock = RealClock()
        if mode is ClockMode.VIRTUAL:
            self._inner = VirtualClock(RealClock().now_ms() if start_ms is None else start_ms)

    @property
    def mode(self) -> ClockMode:
        """How the clock moves at present."""
        return self._inner.mode

    def now_ms(self) -> int:
        """The present instant."""
        return self._inner.now_ms()

    def use(self, mode: ClockMode) -> None:
        """Change how the clock moves. A virtual clock begins where the clock stood."""
        if mode is self._inner.mode:
            return
        self._inner = RealClock() if mode is ClockMode.REAL else VirtualClock(self._inner.now_ms())
        self._changed.set()
        self._changed = asyncio.Event()

    def virtual(self) -> VirtualClock | None:
        """The virtual clock to move, ``None`` while the clock follows the machine."""
        return self._inner if isinstance(self._inner, VirtualClock) else None

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        """Return when ``wake`` is set, ``until_ms`` has come or the clock was exchanged."""
        waiting = asyncio.ensure_future(self._inner.wait(wake, until_ms))
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({waiting, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            changed.cancel()
