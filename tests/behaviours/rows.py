"""The documented behaviours of replication: what is given, what is done, what follows from it.

The rows are written down in ``rows/*.yaml``, a file for each section of docs/fidelity.md. Their
ids are R for replication in general, T for the table of deletions, E for encryption, W for
retention policies (WORM), L for the transfer types of the link.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).with_name("rows")
# In the order a reader wants them.
_FILES = ("rules", "objects", "deletions", "rights", "encryption", "retention", "links")
_ID = re.compile(r"([A-Z])(\d+)")


class Mark(StrEnum):
    """Where a behaviour is known from."""

    DOCUMENTED = "documented"  # the vendor's pages say so
    OBSERVED = "observed"  # a client's test asserts it, or a recorded answer shows it
    INFERRED = "inferred"  # no source says so


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One behaviour; ``settings`` are the named settings that change it."""

    given: str
    when: str
    then: str
    source: str
    mark: Mark
    settings: tuple[str, ...] = ()


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that belong together, by their ids."""

    title: str
    rows: dict[str, Row]


def sections() -> list[Section]:
    """Every section; msgspec.ValidationError names what is wrong in a file."""
    return [
        msgspec.yaml.decode((_FOLDER / f"{name}.yaml").read_bytes(), type=Section)
        for name in _FILES
    ]


def all_rows() -> dict[str, Row]:
    """Every row by its id, in the order of the ids. ValueError if an id is given twice."""
    rows: dict[str, Row] = {}
    for section in sections():
        for row_id, row in section.rows.items():
            if row_id in rows:
                raise ValueError(f"{row_id} is there twice")
            rows[row_id] = row
    return {row_id: rows[row_id] for row_id in sorted(rows, key=id_order)}


def id_order(row_id: str) -> tuple[int, int]:
    """Where an id belongs: by its letter, then by its number. ValueError if it is none."""
    matched = _ID.fullmatch(row_id)
    if matched is None or matched[1] not in "RTEWL":
        raise ValueError(f"{row_id!r} is no id of a row")
    return "RTEWL".index(matched[1]), int(matched[2])
