"""A small day of the scenario: what it reports is true, and its log is the same every time."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvloop

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "day_scenario.py"
_OBJECTS = 1200


@pytest.fixture(scope="module")
def scenario() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("day_scenario", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["day_scenario"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def day(scenario: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The report of a day and its log."""
    path = tmp_path_factory.mktemp("day") / "log.jsonl"
    report, _ = uvloop.run(scenario.run(_OBJECTS, 1, path))
    return report, path


def test_a_day_with_the_same_seed_has_the_same_log(
    scenario: ModuleType, day: tuple[Any, Path], tmp_path: Path
) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    uvloop.run(scenario.run(_OBJECTS, 1, again))
    uvloop.run(scenario.run(_OBJECTS, 2, other))
    assert again.read_bytes() == day[1].read_bytes()
    assert other.read_bytes() != day[1].read_bytes()


def test_the_report_says_what_the_log_says(scenario: ModuleType, day: tuple[Any, Path]) -> None:
    report, path = day
    outcomes = [json.loads(line) for line in path.read_text().splitlines()]
    lags_ms = [each["lag_ms"] for each in outcomes if each["outcome"] == "applied"]
    late = [lag_ms for lag_ms in lags_ms if lag_ms > 1000 * report.threshold_s]
    missed = [each for each in outcomes if each["outcome"] == "missed"]
    assert len(lags_ms) == report.objects == _OBJECTS
    assert report.within == _OBJECTS - len(late)
    assert report.missed == report.caught_up == len(late) == len(missed) > 0
    assert report.latency.max_s == max(lags_ms) / 1000


def test_what_was_late_was_written_while_the_link_was_down(
    scenario: ModuleType, day: tuple[Any, Path]
) -> None:
    began_ms = scenario.MIDNIGHT_MS + 60_000
    first_s, last_s = scenario.OUTAGE_S
    for line in day[1].read_text().splitlines():
        each = json.loads(line)
        if each["outcome"] == "missed":
            written_s = (each["at_ms"] - each["lag_ms"] - began_ms) / 1000
            assert first_s - 60 <= written_s <= last_s
