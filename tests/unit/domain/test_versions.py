"""Version ids, and what a new entry does to the stack below it."""

from __future__ import annotations

import base64
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain.errors import InvalidArgument
from emulator.domain.model import ObjectVersion, Versioning, VersionKind
from emulator.domain.objects import check_version_id
from emulator.domain.versions import (
    StackEdit,
    is_version_id,
    new_version_id,
    plan_entry,
    seq_of_version_id,
)
from emulator.rng import SeededRng
from tests.contract.building import entry, id_of

SEQ_MAX = (1 << 63) - 1
NEVER, ENABLED, SUSPENDED = Versioning.NEVER, Versioning.ENABLED, Versioning.SUSPENDED


@given(st.integers(0, SEQ_MAX), st.integers(0, 1000))
def test_a_version_id_carries_its_place_in_the_stack(seq: int, seed: int) -> None:
    version_id = new_version_id(seq, SeededRng(seed))
    assert seq_of_version_id(version_id) == seq
    assert is_version_id(version_id)


@given(st.integers(0, SEQ_MAX))
def test_a_version_id_is_64_characters_that_need_no_encoding(seq: int) -> None:
    version_id = id_of(seq)
    assert len(version_id) == 64
    assert version_id.startswith("CAEQ")
    assert base64.urlsafe_b64encode(base64.urlsafe_b64decode(version_id)).decode() == version_id


def test_two_ids_of_one_place_differ() -> None:
    rng = SeededRng(1)
    assert new_version_id(7, rng) != new_version_id(7, rng)


GOOD = id_of(7)
FOREIGN = "CAEQNhiBgMDJgZCA0BYiIDc4MGZjZGI2OTBjOTRmNTE5NmU5NmFhZjhjYmY0ab_-"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "nonsense",
        GOOD[:-1],
        GOOD + "A",
        GOOD + "\n",
        "CAER" + GOOD[4:],
        GOOD[:30] + "+" + GOOD[31:],
        GOOD[:30] + "/" + GOOD[31:],
        GOOD[:30] + "=" + GOOD[31:],
        GOOD[:30] + "é" + GOOD[31:],
        GOOD[:30] + "\udcff" + GOOD[31:],
        GOOD[:30] + "\0" + GOOD[31:],
        GOOD[:30] + " " + GOOD[31:],
        GOOD.lower(),
        "A" * 64,
    ],
)
def test_malformed_ids_have_neither_place_nor_form(text: str) -> None:
    assert seq_of_version_id(text) is None
    assert not is_version_id(text)


def repacked(version_id: str, at: int, byte: int) -> str:
    packed = bytearray(base64.urlsafe_b64decode(version_id))
    packed[at] = byte
    return base64.urlsafe_b64encode(packed).decode()


@pytest.mark.parametrize(
    "text",
    [
        FOREIGN,
        repacked(GOOD, 3, 2),  # another head
        repacked(GOOD, 6, 0x00),  # a number that ends early
        repacked(GOOD, 13, 0x80),  # a number that does not end
        repacked(GOOD, 14, 0x00),  # another tail
    ],
)
def test_ids_of_another_service_have_the_form_but_no_place_here(text: str) -> None:
    assert is_version_id(text)
    assert seq_of_version_id(text) is None


@given(st.text(max_size=70) | st.text("CAEQ-_az09+/=", min_size=60, max_size=66))
def test_any_text_is_an_id_or_is_not(text: str) -> None:
    seq = seq_of_version_id(text)
    assert seq is None or 0 <= seq <= SEQ_MAX


@pytest.mark.parametrize("text", ["null", GOOD, FOREIGN])
def test_a_version_id_that_may_exist_somewhere_is_accepted(text: str) -> None:
    check_version_id(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Version id can not be the empty string."),
        ("Null", "Invalid version id specified."),
        ("nonsense", "Invalid version id specified."),
        (GOOD[:-1], "Invalid version id specified."),
    ],
)
def test_other_version_ids_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        check_version_id(text)
    assert refusal.value.message == message
    assert refusal.value.fields == {"ArgumentName": "versionId", "ArgumentValue": text}


def version(seq: int) -> ObjectVersion:
    return entry(1, "key", seq, version_id=id_of(seq))


def marker(seq: int) -> ObjectVersion:
    return entry(1, "key", seq, version_id=id_of(seq), kind=VersionKind.DELETE_MARKER)


def null(seq: int) -> ObjectVersion:
    return entry(1, "key", seq)


def null_marker(seq: int) -> ObjectVersion:
    return entry(1, "key", seq, kind=VersionKind.DELETE_MARKER)


class Row(NamedTuple):
    """A state, a stack (newest first), and what a new entry changes in it."""

    versioning: Versioning
    stack: tuple[ObjectVersion, ...]
    remove: int | None = None
    unlist: int | None = None


TABLE = [
    Row(NEVER, ()),
    Row(NEVER, (null(1),), remove=1),
    Row(ENABLED, ()),
    Row(ENABLED, (null(1),), unlist=1),
    Row(ENABLED, (version(1),), unlist=1),
    Row(ENABLED, (marker(1),)),
    Row(ENABLED, (null_marker(1),)),
    Row(ENABLED, (version(2), version(1)), unlist=2),
    Row(ENABLED, (version(2), null(1)), unlist=2),
    Row(ENABLED, (marker(2), version(1))),
    Row(SUSPENDED, ()),
    Row(SUSPENDED, (null(1),), remove=1),
    Row(SUSPENDED, (null_marker(1),), remove=1),
    Row(SUSPENDED, (version(1),), unlist=1),
    Row(SUSPENDED, (marker(1),)),
    Row(SUSPENDED, (version(2), null(1)), remove=1, unlist=2),
    Row(SUSPENDED, (version(2), null_marker(1)), remove=1, unlist=2),
    Row(SUSPENDED, (marker(2), null(1)), remove=1),
    Row(SUSPENDED, (null(2), version(1)), remove=2),
    Row(SUSPENDED, (null_marker(2), version(1)), remove=2),
    Row(SUSPENDED, (version(3), null(2), version(1)), remove=2, unlist=3),
]


def name_of(row: Row) -> str:
    entries = [
        ("null-" if each.version_id == "null" else "") + each.kind.value.lower()
        for each in row.stack
    ]
    return "-on-".join([row.versioning or "Never", *entries])


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_what_a_new_entry_does_to_the_stack(row: Row) -> None:
    by_seq = {found.seq: found for found in row.stack}
    current = row.stack[0] if row.stack else None
    null_version = next((each for each in row.stack if each.version_id == "null"), None)
    expected = StackEdit(
        remove=None if row.remove is None else by_seq[row.remove],
        unlist=None if row.unlist is None else by_seq[row.unlist],
    )
    assert plan_entry(row.versioning, current, null_version) == expected
