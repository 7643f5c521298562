"""Clocks that move by themselves, at the machine's pace or another, and their exchange."""

from __future__ import annotations

import asyncio
import time

import pytest

from emulator.clock import (
    INSTANT_MS_MAX,
    AdjustableClock,
    ClockChoice,
    ClockMode,
    RealClock,
    ScaledClock,
    VirtualClock,
    clock_choice,
)

START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("real", ClockChoice(ClockMode.REAL)),
        ("virtual", ClockChoice(ClockMode.VIRTUAL)),
        ("x60", ClockChoice(ClockMode.SCALED, 60.0)),
        ("x0.5", ClockChoice(ClockMode.SCALED, 0.5)),
        ("x3600", ClockChoice(ClockMode.SCALED, 3600.0)),
        ("x1000000", ClockChoice(ClockMode.SCALED, 1_000_000.0)),
    ],
)
def test_a_clock_is_chosen_by_a_word(text: str, choice: ClockChoice) -> None:
    assert clock_choice(text) == choice
    assert choice.label == text or choice.factor == 1_000_000  # 1e+06


@pytest.mark.parametrize(
    "text",
    ["", "scaled", "x", "60", "x0", "x0.0", "x-1", "x1000001", "xinf", "xnan", "x1e3", "X60"],
)
def test_another_word_is_told_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="x60"):
        clock_choice(text)


def test_a_scaled_clock_runs_by_its_factor() -> None:
    clock = ScaledClock(START_MS, 3600)
    began = time.monotonic()
    first_ms = clock.now_ms()
    passed_s = time.monotonic() - began
    assert 0 <= first_ms - START_MS <= passed_s * 3_600_000 + 3600
    while time.monotonic() - began < 0.02:
        assert clock.now_ms() >= first_ms
    passed_ms = clock.now_ms() - START_MS
    assert passed_ms >= 0.02 * HOUR_MS - 3600
    assert passed_ms <= (time.monotonic() - began) * HOUR_MS + 3600


async def test_waiting_on_a_scaled_clock_ends_when_it_shows_the_instant() -> None:
    clock, never = ScaledClock(START_MS, 3600), asyncio.Event()
    began = time.monotonic()
    await clock.wait(never, START_MS + 60_000)
    assert clock.now_ms() >= START_MS + 60_000
    assert time.monotonic() - began < 5  # a minute of its time is 17 ms
    await clock.wait(never, START_MS)  # long past


async def test_waiting_on_a_scaled_clock_ends_when_woken() -> None:
    clock, wake = ScaledClock(START_MS, 0.001), asyncio.Event()
    asyncio.get_running_loop().call_soon(wake.set)
    await clock.wait(wake, START_MS + 100 * 365 * 24 * HOUR_MS)
    wake.clear()
    asyncio.get_running_loop().call_soon(wake.set)
    await clock.wait(wake, None)


def test_an_exchanged_clock_goes_on_from_where_it_stood() -> None:
    clock = AdjustableClock(ClockMode.VIRTUAL, START_MS)
    clock.use(ClockMode.SCALED, 0.001)
    assert clock.choice == ClockChoice(ClockMode.SCALED, 0.001)
    assert clock.virtual() is None
    assert 0 <= clock.now_ms() - START_MS < 1000
    clock.set(START_MS + HOUR_MS)
    assert clock.choice == ClockChoice(ClockMode.SCALED, 0.001)
    assert 0 <= clock.now_ms() - START_MS - HOUR_MS < 1000
    clock.use(ClockMode.SCALED, 0.002)
    assert clock.choice.factor == 0.002
    assert 0 <= clock.now_ms() - START_MS - HOUR_MS < 1000
    clock.use(ClockMode.VIRTUAL)
    assert 0 <= clock.now_ms() - START_MS - HOUR_MS < 1000
    clock.set(START_MS)
    assert clock.now_ms() == START_MS


def test_a_real_clock_is_the_machines_wherever_the_clock_stood() -> None:
    clock = AdjustableClock(ClockMode.SCALED, START_MS, factor=60)
    clock.use(ClockMode.REAL)
    assert abs(clock.now_ms() - RealClock().now_ms()) < 1000
    with pytest.raises(AssertionError):
        clock.set(START_MS)


async def test_who_waits_notices_the_exchange() -> None:
    clock = AdjustableClock(ClockMode.VIRTUAL, START_MS)
    waiting = asyncio.ensure_future(clock.wait(asyncio.Event(), START_MS + HOUR_MS))
    asyncio.get_running_loop().call_soon(clock.use, ClockMode.SCALED, 3600.0)
    await asyncio.wait_for(waiting, 5)


def test_no_clock_goes_beyond_the_year_9999() -> None:
    virtual = VirtualClock(INSTANT_MS_MAX + 1)
    assert virtual.now_ms() == INSTANT_MS_MAX
    virtual.set(START_MS)
    virtual.advance(INSTANT_MS_MAX)
    assert virtual.now_ms() == INSTANT_MS_MAX
    scaled = ScaledClock(INSTANT_MS_MAX - 1, 1_000_000)
    while scaled.now_ms() < INSTANT_MS_MAX:
        pass
    assert scaled.now_ms() == INSTANT_MS_MAX


async def test_an_instant_that_no_clock_shows_is_waited_for_at_rest() -> None:
    scaled = ScaledClock(INSTANT_MS_MAX, 1_000_000)
    wake = asyncio.Event()
    waiting = asyncio.ensure_future(scaled.wait(wake, INSTANT_MS_MAX + 1))
    await asyncio.wait({waiting}, timeout=0.01)
    assert not waiting.done()
    wake.set()
    await waiting
