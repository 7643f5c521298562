"""The clock over HTTP: a scaled one, switching between the three, and signatures that follow it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import oss2
import pytest

from tests.support.clients import auth_of
from tests.support.process import EmulatorProcess


@pytest.fixture(scope="module")
def quick() -> Iterator[EmulatorProcess]:
    """A server whose clock runs an hour a second, and a day of rule start."""
    with EmulatorProcess(clock="x3600", settings=("repl.start_delay_s=600",)) as process:
        yield process


@pytest.fixture
def scaled(quick: EmulatorProcess) -> EmulatorProcess:
    """The same, however the last test left its clock."""
    quick.control("POST", "clock", {"mode": "real"})
    quick.control("POST", "clock", {"mode": "scaled", "factor": 3600})
    return quick


def shown(answer: Any) -> datetime:
    return datetime.fromisoformat(answer["now"])


def test_a_scaled_clock_says_so_and_runs(scaled: EmulatorProcess) -> None:
    first = scaled.control("GET", "clock")
    assert (first["mode"], first["factor"]) == ("scaled", 3600.0)
    for _ in range(2000):
        if shown(scaled.control("GET", "clock")) - shown(first) > timedelta(minutes=10):
            return
    raise AssertionError("ten minutes of it did not pass")


def test_settle_carries_out_what_is_due_and_steps_nothing(scaled: EmulatorProcess) -> None:
    assert "applied" in scaled.control("POST", "settle", {})
    status, answer = scaled.control_status("POST", "settle", {"advance": True})
    assert (status, answer["error"]) == (409, "a scaled clock cannot be advanced")


def test_every_switch_goes_on_from_where_the_clock_stood(scaled: EmulatorProcess) -> None:
    at = "2031-01-01T00:00:00.000Z"
    moved = scaled.control("POST", "clock", {"set": at})
    assert moved["mode"] == "scaled"
    assert timedelta() <= shown(moved) - datetime.fromisoformat(at) < timedelta(days=1)
    held = scaled.control("POST", "clock", {"mode": "virtual"})
    assert "factor" not in held
    assert timedelta() <= shown(held) - shown(moved) < timedelta(days=1)
    assert scaled.control("GET", "clock") == held
    slow = scaled.control("POST", "clock", {"mode": "scaled", "factor": 0.5})
    assert timedelta() <= shown(slow) - shown(held) < timedelta(minutes=1)
    again = scaled.control("POST", "clock", {"factor": 2, "advance_s": 3600})
    assert again["factor"] == 2.0
    assert timedelta(hours=1) <= shown(again) - shown(slow) < timedelta(hours=1, minutes=1)
    real = scaled.control("POST", "clock", {"mode": "real"})
    assert shown(real) < shown(again)  # the machine's


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"mode": "scaled", "factor": 0}, "factor must be above 0"),
        ({"mode": "scaled", "factor": -1}, "factor must be above 0"),
        ({"mode": "scaled", "factor": 1e7}, "factor must be above 0"),
        ({"mode": "scaled", "factor": "x"}, "not right"),
        ({"mode": "virtual", "factor": 60}, "factor is of a scaled clock"),
        ({"mode": "x60"}, "not right"),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(
    scaled: EmulatorProcess, body: dict[str, object], words: str
) -> None:
    status, answer = scaled.control_status("POST", "clock", body)
    assert status == 400
    assert words in answer["error"]
    assert scaled.control("GET", "clock")["factor"] == 3600.0


def test_a_factor_has_to_be_said(scaled: EmulatorProcess) -> None:
    scaled.control("POST", "clock", {"mode": "real"})
    for body in ({"mode": "scaled"}, {"factor": 60}):
        status, answer = scaled.control_status("POST", "clock", body)
        assert status == 400
        assert '"factor": 60' in answer["hint"]


def test_signatures_are_held_against_the_scaled_clock(scaled: EmulatorProcess) -> None:
    bucket = oss2.Bucket(auth_of("a"), scaled.endpoint, "src-bucket")
    scaled.control("POST", "clock", {"factor": 1})
    bucket.put_object("in-time", b"")
    scaled.control("POST", "clock", {"advance_s": 901})
    with pytest.raises(oss2.exceptions.ServerError) as refusal:
        bucket.put_object("too-late", b"")
    assert refusal.value.code == "RequestTimeTooSkewed"


def test_a_clock_stops_at_the_end_of_the_year_9999(scaled: EmulatorProcess) -> None:
    last = "9999-12-31T23:59:59.999Z"
    assert scaled.control("POST", "clock", {"factor": 1_000_000, "set": last})["now"] == last
    assert scaled.control("GET", "clock")["now"] == last
    scaled.control("POST", "settle", {})
    scaled.control("POST", "clock", {"mode": "virtual"})
    scaled.control("POST", "settle", {"advance": True})
    assert scaled.control("GET", "clock") == {"mode": "virtual", "now": last}
    assert scaled.control_status("POST", "clock", {"advance_s": 1})[0] == 400
    assert scaled.errors() == ""


def test_what_a_moved_clock_left_behind_is_told_at_the_start(tmp_path: Path) -> None:
    with EmulatorProcess(data=tmp_path, settings=("oss.check_signing_time=false",)) as process:
        oss2.Bucket(auth_of("a"), process.endpoint, "made-now").create_bucket()
        ahead = process.control("POST", "clock", {"advance_s": 30 * 86_400})["now"]
        process.stop()
        process.start()  # nothing was written then
        assert process.errors() == ""
        process.control("POST", "clock", {"set": ahead})
        oss2.Bucket(auth_of("a"), process.endpoint, "made-then").create_bucket()
        process.stop()
        process.start()
        (line,) = process.errors().splitlines()
        assert f"was written until {ahead[:19]}" in line
        assert "/_emulator/clock" in line
