"""The clock every date in the emulator comes from.

``RealClock`` follows the machine, ``ScaledClock`` runs faster or slower than it. ``VirtualClock``
stands still until it is told to move, so a test can reach any due time without waiting. This
module and ``app`` are the only places that may read the machine's time or sleep.
"""

from __future__ import annotations

import asyncio
import re
import time
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias, assert_never

FACTOR_MAX = 1_000_000.0  # a year in half a minute
_FACTOR = re.compile(r"x([0-9]{1,7}(?:\.[0-9]{1,9})?)")
INSTANT_MS_MAX = 253_402_300_799_999  # the end of the year 9999: no date is later
_WAIT_S_MAX = 86_400.0  # a longer wait is several: timers do not take any number


class ClockMode(StrEnum):
    """How time passes."""

    REAL = "real"
    SCALED = "scaled"
    VIRTUAL = "virtual"


class ClockChoice(NamedTuple):
    """How time is to pass; ``factor`` is that of a scaled clock, 1 of any other."""

    mode: ClockMode
    factor: float = 1.0

    @property
    def label(self) -> str:
        """As it is written on the command line: ``real``, ``virtual`` or ``x60``."""
        return f"x{self.factor:g}" if self.mode is ClockMode.SCALED else self.mode.value


def clock_choice(text: str) -> ClockChoice:
    """``real``, ``virtual``, or ``x60`` for one 60 times as fast. Raises ValueError."""
    if text in (ClockMode.REAL, ClockMode.VIRTUAL):
        return ClockChoice(ClockMode(text))
    scaled = _FACTOR.fullmatch(text)
    if scaled is not None and is_factor(float(scaled[1])):
        return ClockChoice(ClockMode.SCALED, float(scaled[1]))
    raise ValueError("must be real, virtual, or x and how many times as fast as the machine: x60")


def is_factor(factor: float) -> bool:
    """Whether a clock can run this many times as fast as the machine's."""
    return 0 < factor <= FACTOR_MAX


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


class ScaledClock:
    """A clock that runs ``factor`` times as fast as the machine's, from ``start_ms`` on.

    It counts the machine's steady time, so that setting the machine's clock does not move it. It
    stops at the end of the year 9999.
    """

    mode = ClockMode.SCALED

    def __init__(self, start_ms: int, factor: float) -> None:
        self.factor = factor
        self._start_ms = start_ms
        self._began_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """The present instant: the start, and the time since then multiplied."""
        passed_ns = time.monotonic_ns() - self._began_ns
        return min(self._start_ms + int(passed_ns * self.factor) // 1_000_000, INSTANT_MS_MAX)

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        """Wait for the event, at most until this clock shows ``until_ms``."""
        if until_ms is None or until_ms > INSTANT_MS_MAX:
            await wake.wait()
            return
        while (left_ms := until_ms - self.now_ms()) > 0:
            try:
                async with asyncio.timeout(min(left_ms / 1000 / self.factor, _WAIT_S_MAX)):
                    await wake.wait()
            except TimeoutError:
                continue
            return


class VirtualClock:
    """A clock that moves only when told to."""

    mode = ClockMode.VIRTUAL

    def __init__(self, start_ms: int) -> None:
        self._now_ms = min(start_ms, INSTANT_MS_MAX)
        self._moved = asyncio.Event()

    def now_ms(self) -> int:
        """The instant the clock was last set to."""
        return self._now_ms

    def set(self, instant_ms: int) -> None:
        """Jump to an instant, forwards or backwards, and wake everything that waits.

        Beyond the year 9999 there is nothing: the clock stops at its end.
        """
        self._now_ms = min(instant_ms, INSTANT_MS_MAX)
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

    It starts as any of the three; whoever waits on it notices the exchange.
    """

    def __init__(
        self, mode: ClockMode, start_ms: int | None = None, *, factor: float = 1.0
    ) -> None:
        self._changed = asyncio.Event()
        now_ms = RealClock().now_ms() if start_ms is None else start_ms
        self._inner = _made(ClockChoice(mode, factor), now_ms)

    @property
    def mode(self) -> ClockMode:
        """How the clock moves at present."""
        return self._inner.mode

    @property
    def choice(self) -> ClockChoice:
        """How the clock moves at present, and how fast."""
        inner = self._inner
        return ClockChoice(inner.mode, inner.factor if isinstance(inner, ScaledClock) else 1.0)

    def now_ms(self) -> int:
        """The present instant."""
        return self._inner.now_ms()

    def use(self, mode: ClockMode, factor: float = 1.0) -> None:
        """Change how the clock moves.

        A virtual and a scaled clock begin where the clock stood; the real one is the machine's.
        """
        if ClockChoice(mode, factor) != self.choice:
            self._exchange(_made(ClockChoice(mode, factor), self._inner.now_ms()))

    def set(self, instant_ms: int) -> None:
        """Jump to an instant, forwards or backwards. A real clock cannot."""
        match self._inner:
            case VirtualClock():
                self._inner.set(instant_ms)
            case ScaledClock():
                self._exchange(ScaledClock(instant_ms, self._inner.factor))
            case RealClock():
                raise AssertionError("a real clock cannot be moved")
            case _:
                assert_never(self._inner)

    def virtual(self) -> VirtualClock | None:
        """The virtual clock to move, ``None`` while the clock moves by itself."""
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

    def _exchange(self, clock: _AnyClock) -> None:
        self._inner = clock
        self._changed.set()
        self._changed = asyncio.Event()


_AnyClock: TypeAlias = "RealClock | ScaledClock | VirtualClock"


def _made(choice: ClockChoice, now_ms: int) -> _AnyClock:
    match choice.mode:
        case ClockMode.REAL:
            return RealClock()
        case ClockMode.SCALED:
            return ScaledClock(now_ms, choice.factor)
        case ClockMode.VIRTUAL:
            return VirtualClock(now_ms)
    assert_never(choice.mode)
