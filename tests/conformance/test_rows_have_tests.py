"""Every numbered behaviour of replication that is built has a test named after it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

# Of an upload that is not completed nothing is copied yet.
NOT_BUILT = {38, 39, 40}
WANTED = [number for number in range(1, 60) if number not in NOT_BUILT]

_ROWS = re.compile(r"test((?:_r\d+)+)_")


def rows_tested(source: str) -> set[int]:
    """The rows that the names of the test functions of a file speak of."""
    rows: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and (named := _ROWS.match(node.name)):
            rows |= {int(number) for number in named[1].split("_r")[1:]}
    return rows


@pytest.fixture(scope="module")
def tested() -> set[int]:
    """The rows with a test beside this file."""
    files = Path(__file__).parent.glob("test_*.py")
    return set().union(*(rows_tested(file.read_text("utf-8")) for file in files))


@pytest.mark.parametrize("row", WANTED, ids=[f"R{row}" for row in WANTED])
def test_row_has_a_test(row: int, tested: set[int]) -> None:
    assert row in tested, f"no test is named test_r{row}_…"


def test_rows_are_read_off_the_names() -> None:
    source = "def test_r3_a(): ...\ndef test_r16_r17_b(): ...\ndef test_row_r9(): ...\n"
    assert rows_tested(source) == {3, 16, 17}
