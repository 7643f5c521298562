"""Every hostile input has a test that sends it, and a change behind a refusal is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hostile import Attacker
from tests.support.hostile_table import INPUTS, answered_in, answers
from tests.support.wire import Call


@pytest.fixture(scope="module")
def answered() -> set[str]:
    """The ids with a test beside this file."""
    files = Path(__file__).parent.glob("test_hostile_*.py")
    return {each for file in files for each in answered_in(file.read_text("utf-8"))}


@pytest.mark.parametrize("id_", INPUTS)
def test_a_hostile_input_has_a_test(id_: str, answered: set[str]) -> None:
    assert id_ in answered, INPUTS[id_]


def test_no_test_sends_what_is_not_in_the_table(answered: set[str]) -> None:
    assert answered <= INPUTS.keys()


def test_ids_are_read_off_decorators_and_rows() -> None:
    source = (
        'ROWS = [("A1", b""), ("A2 equal", b""), ("C1 long", "D9 no row")]\n'
        'name = "B1 no row"\n'
        '@answers("E1", "E2")\ndef test_a(): ...\n'
        '@other("E3")\ndef test_b(): ...\n'
    )
    assert set(answered_in(source)) == {"A1", "A2", "C1", "E1", "E2"}


def test_an_unknown_id_is_refused() -> None:
    with pytest.raises(KeyError):
        answers("A99")


PLANTED = [
    Call("PUT", "public", "page", (("acl", None),), (("x-oss-object-acl", "private"),)),
    Call("PUT", "public", "", (("acl", None),), (("x-oss-acl", "private"),)),
    Call("PUT", "public", "planted", body=b"x"),
    Call("PUT", "public", "planted", body=b"x" * 300_000),
    Call("PUT", "planted-bucket"),
    Call("DELETE", "versioned", "gone"),
]


@pytest.mark.parametrize("call", PLANTED, ids=lambda call: f"{call.method} {call.bucket}")
def test_a_change_would_be_noticed(attacker: Attacker, call: Call) -> None:
    """What the tests of refusals stand on: had the request changed anything, they would fail."""
    before = attacker.everything()
    reply = attacker.ok(call)
    assert attacker.everything() != before
    _undo(attacker, call, reply.header("x-oss-version-id"))
    left = {name for name, digest in attacker.everything().items() if digest != before[name]}
    # Numbers that are never given twice, and figures that are nought now.
    assert left <= {"sqlite_sequence", "bucket_stats"}


def _undo(attacker: Attacker, call: Call, version_id: str) -> None:
    if call.query:
        header = "x-oss-object-acl" if call.key else "x-oss-acl"
        acl = "default" if call.key else "public-read"
        attacker.ok(call._replace(headers=((header, acl),)))
    elif version_id:
        query = (("versionId", version_id),)
        attacker.ok(Call("DELETE", call.bucket, call.key, query))
    else:
        attacker.ok(Call("DELETE", call.bucket, call.key))
