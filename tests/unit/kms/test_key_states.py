"""The states of keys: every call in every state, and what time does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from emulator.kms.keys import change_state, lock, remove_due, schedule_deletion, set_rotation
from emulator.kms.model import Key, KeyState, Origin, Rotation
from emulator.kms.names import find_key
from emulator.kms.refusals import KeyRefused, Reason
from emulator.kms.states import NEXT, KeyCall, after, as_of
from tests.unit.kms.keys_twin import DAY_MS, HOLDER, NOW_MS, KeyWorld

E, D = KeyState.ENABLED, KeyState.DISABLED
P, I = KeyState.PENDING_DELETION, KeyState.PENDING_IMPORT  # noqa: E741 - as in the table
STATE = Reason.STATE

# As the documents have it, written a second time.
ROWS: list[tuple[KeyCall, list[KeyState | Reason]]] = [
    (KeyCall.USE, [E, Reason.DISABLED, Reason.PENDING_DELETION, Reason.PENDING_IMPORT]),
    (KeyCall.ROTATE, [E, Reason.DISABLED, Reason.PENDING_DELETION, Reason.PENDING_IMPORT]),
    (KeyCall.ENABLE, [E, E, STATE, STATE]),
    (KeyCall.DISABLE, [D, D, STATE, STATE]),
    (KeyCall.SCHEDULE_DELETION, [P, P, STATE, P]),
    (KeyCall.CANCEL_DELETION, [STATE, STATE, E, STATE]),
    (KeyCall.CREATE_ALIAS, [E, D, STATE, I]),
    (KeyCall.UPDATE_ALIAS, [E, D, Reason.PENDING_DELETION, I]),
    (KeyCall.IMPORT, [E, D, STATE, E]),
    (KeyCall.DELETE_MATERIAL, [I, I, P, I]),
]


def test_the_table_is_whole() -> None:
    assert {call for call, _ in ROWS} == set(KeyCall) == set(NEXT)
    assert all(set(states) == set(KeyState) for states in NEXT.values())


@pytest.mark.parametrize(
    ("call", "state", "expected"),
    [
        pytest.param(call, state, expected, id=f"{call.name}-{state}")
        for call, row in ROWS
        for state, expected in zip((E, D, P, I), row, strict=True)
    ],
)
def test_a_call_in_a_state(call: KeyCall, state: KeyState, expected: KeyState | Reason) -> None:
    key = replace(KeyWorld().key(), state=state)
    if isinstance(expected, Reason):
        with pytest.raises(KeyRefused) as refused:
            after(key, call)
        assert refused.value.reason is expected
        assert state.value in refused.value.message
    else:
        assert after(key, call).state is expected


def test_a_key_without_material_waits_for_it_when_its_deletion_is_cancelled() -> None:
    world = KeyWorld()
    key = world.key(origin=Origin.EXTERNAL)
    assert key.state is I
    pending = schedule_deletion(world.tx, world.vault, key, 7, NOW_MS)
    assert change_state(world.tx, world.vault, pending, KeyCall.CANCEL_DELETION).state is I


def test_a_key_is_gone_when_its_window_has_passed() -> None:
    world = KeyWorld()
    key = schedule_deletion(world.tx, world.vault, world.key(), 7, NOW_MS)
    due_ms = NOW_MS + 7 * DAY_MS
    assert key.due_ms == due_ms == world.tx.kms_next_due_ms()
    assert find_key(world.tx, key.id, HOLDER, due_ms - 1).id == key.id
    with pytest.raises(KeyRefused) as refused:
        find_key(world.tx, key.id, HOLDER, due_ms)
    assert refused.value.reason is Reason.NOT_FOUND
    assert remove_due(world.tx, world.vault, world.rng, key, due_ms)
    assert world.tx.keys == {}
    assert world.tx.versions == {}


@pytest.mark.parametrize("days", [6, 367, 0, -1])
def test_a_window_out_of_range_is_refused(days: int) -> None:
    world = KeyWorld()
    with pytest.raises(KeyRefused) as refused:
        schedule_deletion(world.tx, world.vault, world.key(), days, NOW_MS)
    assert refused.value.reason is Reason.INVALID


def test_a_protected_key_stays() -> None:
    world = KeyWorld()
    key = world.key()
    lock(world.tx, key, locked=True, description="mine")
    with pytest.raises(KeyRefused) as refused:
        schedule_deletion(world.tx, world.vault, world.tx.keys[key.id], 7, NOW_MS)
    assert refused.value.reason is Reason.LOCKED
    lock(world.tx, world.tx.keys[key.id], locked=False, description="")
    assert schedule_deletion(world.tx, world.vault, world.tx.keys[key.id], 7, NOW_MS).state is P


def test_material_expires() -> None:
    key = replace(
        KeyWorld().key(origin=Origin.EXTERNAL),
        state=E,
        has_material=True,
        material_expires_ms=NOW_MS + 5,
    )
    assert as_of(key, NOW_MS + 4) is key
    found = as_of(key, NOW_MS + 5)
    assert found is not None
    assert (found.state, found.has_material) == (I, False)
    deleting = replace(key, state=P, delete_ms=NOW_MS + 10)
    found = as_of(deleting, NOW_MS + 5)
    assert found is not None
    assert (found.state, found.has_material) == (P, False)


def test_rotation_goes_on_by_itself_while_the_key_is_enabled() -> None:
    world = KeyWorld()
    key = set_rotation(world.tx, world.key(), 7 * 86_400, NOW_MS)
    assert key.rotation is Rotation.ENABLED
    assert key.due_ms == NOW_MS + 7 * DAY_MS
    assert not remove_due(world.tx, world.vault, world.rng, key, key.due_ms - 1)
    assert remove_due(world.tx, world.vault, world.rng, key, key.due_ms)
    rotated = world.tx.keys[key.id]
    assert rotated.primary_version != key.primary_version
    assert rotated.due_ms == NOW_MS + 14 * DAY_MS
    assert len(world.tx.versions) == 2
    disabled = change_state(world.tx, world.vault, rotated, KeyCall.DISABLE)
    assert disabled.rotation is Rotation.SUSPENDED
    assert disabled.due_ms == 0


def all_refused(key: Key, world: KeyWorld) -> list[Reason]:
    reasons = []
    for call in (KeyCall.ENABLE, KeyCall.DISABLE, KeyCall.CANCEL_DELETION):
        with pytest.raises(KeyRefused) as refused:
            change_state(world.tx, world.vault, key, call)
        reasons.append(refused.value.reason)
    with pytest.raises(KeyRefused) as refused:
        schedule_deletion(world.tx, world.vault, key, 7, NOW_MS)
    return [*reasons, refused.value.reason]


def test_the_key_of_a_service_cannot_be_changed() -> None:
    world = KeyWorld()
    key = replace(world.key(), creator="Oss")
    assert set(all_refused(key, world)) == {Reason.DENIED}
