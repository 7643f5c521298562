"""Every documented behaviour of replication, one test each, with the vendor's clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.replication.settings import ReplicationSettings, setting_docs, settings_from
from tests.behaviours.deletion_table import CASES, When, differences
from tests.behaviours.registry import (
    OTHER_READINGS,
    Scenario,
    behaviour,
    scenarios,
    variation,
    variations,
)
from tests.behaviours.rows import all_rows, id_order
from tests.support.lab import FULL_ACCESS

if TYPE_CHECKING:
    from tests.behaviours.conftest import Servers

pytestmark = pytest.mark.conformance

ROWS = all_rows()
SCENARIOS = scenarios()
VARIATIONS = variations()
SETTINGS = {each.name for each in setting_docs()}
WANTED = {f"R{number}" for number in (*range(1, 70), 74)} | {f"T{n}" for n in range(1, 24)}


@pytest.mark.parametrize("row_id", SCENARIOS)
def test_behaviour(servers: Servers, row_id: str) -> None:
    servers.act(SCENARIOS[row_id])


@pytest.mark.parametrize("varied", VARIATIONS, ids=lambda each: f"{each.row_id} {each.varies}")
def test_setting_changes_the_behaviour(servers: Servers, varied: Scenario) -> None:
    servers.act(varied)


def test_every_row_has_a_scenario_and_no_scenario_is_without_a_row() -> None:
    assert ROWS.keys() == SCENARIOS.keys()


def test_no_row_was_forgotten() -> None:
    assert ROWS.keys() >= WANTED
    for letter, count in (("E", 10), ("W", 7), ("L", 8)):
        ids = {row_id for row_id in ROWS if row_id.startswith(letter)}
        assert ids == {f"{letter}{number}" for number in range(1, count + 1)}


def test_every_setting_a_row_names_is_there_and_shown_to_change_it() -> None:
    named = {(row_id, name) for row_id, row in ROWS.items() for name in row.settings}
    assert {name for _, name in named} <= SETTINGS
    assert named == {(each.row_id, each.varies) for each in VARIATIONS}


def test_the_other_readings_differ_from_the_defaults() -> None:
    pairs = dict(pair.split("=", 1) for pair in OTHER_READINGS)
    other, usual = settings_from(pairs), ReplicationSettings()
    for name in pairs:
        bare = name.removeprefix("repl.")
        assert getattr(other, bare) != getattr(usual, bare), name


# What must be noticed, or it proves nothing.


def test_the_table_of_deletions_notices_markers_that_are_not_copied(servers: Servers) -> None:
    with servers.lab(OTHER_READINGS) as lab:
        noticed = [
            f"{line.row_id} {line.name} {action}"
            for line, action, when in CASES
            if when is When.FIRST and differences(lab, line, action, when, FULL_ACCESS)
        ]
    # Every line in which a marker is made at the source and belongs to the rule, and no other.
    assert noticed == [
        "T4 V/V delete PUT",
        "T5 V/V delete of a key without versions PUT",
        "T5 V/V delete of a deleted key PUT",
        "T7 V/V delete of a delete marker PUT",
        "T8 V/V delete of many PUT",
        "T12 V/V delete under a tag filter PUT",
    ]


def test_an_id_that_is_none_is_refused() -> None:
    for wrong in ("", "R", "X1", "R1a", "r1"):
        with pytest.raises(ValueError, match="is no id"):
            id_order(wrong)


def test_a_second_scenario_of_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="R1 has a scenario"):
        behaviour("R1")(SCENARIOS["R1"].act)
    one = VARIATIONS[0]
    with pytest.raises(ValueError, match="has a variation"):
        variation(one.row_id, one.varies)(one.act)
