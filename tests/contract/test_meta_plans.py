"""No look-up of the request path reads more than it returns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.config import Durability
from emulator.storage.sqlite import (
    access_times,
    blobs,
    buckets,
    identity,
    lifecycle,
    settings,
    stats,
    uploads,
    versions,
)
from emulator.storage.sqlite.connections import connect, migrate

MODULES = (
    access_times, blobs, buckets, identity, lifecycle, settings, stats, uploads, versions,
)  # fmt: skip
# Read all accounts; sort the few policies of one user; begin other statements.
EXEMPT = {"_ACCOUNTS", "_ATTACHED", "_SELECT", "_SELECT_UPLOAD", "_SELECT_PART"}
# A row a bucket with rules, read once a day.
EXEMPT |= {"_OPEN_SCAN"}
# Count everything, for checks only.
EXEMPT |= {"_KEPT", *(name for name in vars(stats) if name.startswith("_COUNT_"))}
# What a statement is handed, or has found by an index before.
HANDED_OVER = ("SCAN json_each", "SCAN (subquery")


def statements() -> Iterator[tuple[str, str]]:
    """Every SELECT, UPDATE and DELETE of the modules."""
    for module in MODULES:
        for name, value in vars(module).items():
            verbs = ("SELECT", "UPDATE", "DELETE")
            if isinstance(value, str) and value.startswith(verbs) and name not in EXEMPT:
                yield f"{module.__name__.rpartition('.')[2]}.{name}", value


def plan(statement: str) -> list[str]:
    """How SQLite carries a statement out."""
    connection = connect(":memory:", Durability.NONE)
    migrate(connection, Path(":memory:"))
    values = [1] * statement.count("?")
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    connection.close()
    return [row[3] for row in rows]


@pytest.mark.parametrize(("name", "statement"), list(statements()))
def test_statements_seek_and_do_not_sort(name: str, statement: str) -> None:
    for step in plan(statement):
        is_scan = step.startswith("SCAN") and not step.startswith(HANDED_OVER)
        assert not is_scan, f"{name}: {step}"
        assert "TEMP B-TREE" not in step, f"{name}: {step}"


def test_a_scan_would_be_noticed() -> None:
    assert plan("SELECT * FROM versions WHERE etag = ?")[0].startswith("SCAN")


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("_LISTED", "versions_listed"),
        ("_LISTED_BEFORE", "versions_listed"),
        ("_NULL", "versions_null"),
        ("_REPLICA", "versions_replicas"),
        ("_CURRENT", "PRIMARY KEY"),
        ("_ENTRIES_BEFORE", "PRIMARY KEY"),
    ],
)
def test_each_look_up_has_its_index(name: str, index: str) -> None:
    assert index in plan(vars(versions)[name])[0]
