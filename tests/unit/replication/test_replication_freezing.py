"""R21: versioning stays as it is while a rule leaves a bucket or leads to it."""

from __future__ import annotations

import pytest

from emulator.domain.errors import VersioningLocked
from emulator.replication.freezing import check_versioning_unlocked
from tests.unit.replication.engine_world import World


def is_frozen(world: World, name: str) -> bool:
    """Whether the state of a bucket may not be changed."""
    with world.store.read() as view:
        bucket = view.bucket(name)
        assert bucket is not None
        try:
            check_versioning_unlocked(view, bucket)
        except VersioningLocked as error:
            assert (error.code, "r-9" in error.message) == ("InvalidBucketStatus", True)  # noqa: PT017
            return True
    return False


@pytest.mark.parametrize("versioned", [True, False])
async def test_r21_both_ends_are_frozen_and_nobody_else(world: World, versioned: bool) -> None:
    for name in ("a", "b", "c"):
        await world.bucket(name, versioned=versioned)
    assert not is_frozen(world, "a")
    rule = await world.rule("a", "b", rule_id="r-9")
    assert [is_frozen(world, name) for name in ("a", "b", "c")] == [True, True, False]
    await world.close_rule(rule)
    assert is_frozen(world, "b")
    await world.due()
    assert not is_frozen(world, "a")


async def test_a_destination_made_again_in_another_state_is_not(world: World) -> None:
    await world.bucket("a")
    await world.bucket("b")
    await world.rule("a", "b", rule_id="r-9")
    await world.delete_bucket("b")
    await world.bucket("b", versioned=False)
    assert [is_frozen(world, name) for name in ("a", "b")] == [True, False]
    await world.delete_bucket("b")
    await world.bucket("b")
    assert is_frozen(world, "b")
