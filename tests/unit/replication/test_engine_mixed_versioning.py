"""Buckets of unequal or suspended versioning: refused, or as the destination would do by itself."""

from __future__ import annotations

import pytest

from emulator.domain import buckets
from emulator.domain.model import Versioning
from emulator.replication.model import FailureReason
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import World

V, U, S = Versioning.ENABLED, Versioning.NEVER, Versioning.SUSPENDED


async def make_pair(
    source: Versioning, destination: Versioning, *, action: str = "ALL", allowed: bool = True
) -> World:
    world = World(settings=ReplicationSettings(start_delay_s=0, allow_mixed_versioning=allowed))
    for name, versioning in (("src", source), ("dst", destination)):
        await world.bucket(name, versioned=False)
        if versioning is not U:
            await set_versioning(world, name, versioning)
    await world.rule("src", "dst", action=action)
    await world.due()
    return world


async def set_versioning(world: World, name: str, versioning: Versioning) -> None:
    def work(tx: object) -> None:
        found = tx.bucket(name)  # type: ignore[attr-defined]  # the store's transaction
        buckets.set_versioning(tx, found, versioning)  # type: ignore[arg-type]  # likewise

    await world.write(work)


async def test_unequal_states_are_refused_until_they_are_equal() -> None:
    world = await make_pair(V, U, allowed=False)
    version = await world.put("src", "k")
    await world.due()
    with world.store.read() as view:
        (rule,) = view.rules()
    (task,) = world.tasks(rule, "k")
    assert task.refusal is not None
    assert task.refusal.reason is FailureReason.VERSIONING_MISMATCH
    await set_versioning(world, "dst", V)
    await world.settle()
    assert world.ids("dst", "k") == [version.version_id]
    await world.store.close()


@pytest.mark.parametrize(("action", "left"), [("PUT", [b"2"]), ("ALL", [])])
async def test_t20_versioned_to_unversioned(action: str, left: list[bytes]) -> None:
    world = await make_pair(V, U, action=action)
    await world.put("src", "k", b"1")
    await world.put("src", "k", b"2")
    await world.due()
    assert world.ids("dst", "k") == ["null"]
    assert world.contents("dst", "k") == [b"2"]
    await world.delete("src", "k")
    await world.due()
    assert world.contents("dst", "k") == left
    await world.store.close()


@pytest.mark.parametrize(("newest", "left"), [(True, []), (False, [b"2"])])
async def test_t21_removed_version_counts_only_if_it_was_the_current_object(
    newest: bool, left: list[bytes]
) -> None:
    world = await make_pair(V, U)
    versions = [await world.put("src", "k", b"1"), await world.put("src", "k", b"2")]
    await world.due()
    await world.delete_version("src", "k", versions[1 if newest else 0].version_id)
    await world.due()
    assert world.contents("dst", "k") == left
    await world.store.close()


async def test_t22_unversioned_to_versioned() -> None:
    world = await make_pair(U, V)
    await world.put("src", "k", b"1")
    await world.due()
    await world.put("src", "k", b"2")
    await world.due()
    await world.delete("src", "k")
    await world.due()
    assert world.contents("dst", "k") == [b"1", b"2", None]
    assert "null" not in world.ids("dst", "k")
    assert len(set(world.ids("dst", "k"))) == 3
    assert world.listed("dst") == []
    await world.store.close()


@pytest.mark.parametrize("action", ["PUT", "ALL"])
async def test_t18_marker_between_suspended_buckets_replaces_the_null_version(
    action: str,
) -> None:
    world = await make_pair(S, S, action=action)
    await world.put("src", "k", b"1")
    await world.put("src", "k", b"2")
    await world.due()
    assert world.contents("dst", "k") == [b"2"]
    await world.delete("src", "k")
    await world.due()
    assert world.ids("dst", "k") == ["null"]
    assert world.contents("dst", "k") == [None]
    await world.store.close()


@pytest.mark.parametrize(("action", "left"), [("PUT", [b"1"]), ("ALL", [])])
async def test_t19_null_version_between_suspended_buckets(action: str, left: list[bytes]) -> None:
    world = await make_pair(S, S, action=action)
    await world.put("src", "k", b"1")
    await world.due()
    await world.delete_version("src", "k", "null")
    await world.due()
    assert world.contents("dst", "k") == left
    await world.store.close()


async def test_t23_versioned_to_suspended_keeps_one_null_version() -> None:
    world = await make_pair(V, S)
    await world.put("src", "k", b"1")
    version = await world.put("src", "k", b"2")
    await world.due()
    assert world.ids("dst", "k") == ["null"]
    assert world.contents("dst", "k") == [b"2"]
    await world.update("src", version, tags={"a": "b"})
    await world.due()
    assert world.stack("dst", "k")[0].tags == {"a": "b"}
    await world.delete("src", "k")
    await world.due()
    assert world.contents("dst", "k") == [None]
    await world.store.close()
