"""What a rule never copied is not told as carried out."""

from __future__ import annotations

from emulator.replication.explain_records import Standing
from emulator.replication.model import SkipReason, TagFilter
from tests.unit.replication.engine_world import World
from tests.unit.replication.test_engine_explain import rule_note


async def test_a_write_after_the_rule_was_deleted_is_not_copied(world: World) -> None:
    await world.bucket("src")
    await world.bucket("dst")
    rule = await world.rule("src", "dst")
    await world.put("src", "early")
    await world.settle()
    await world.close_rule(rule)
    await world.put("src", "late")
    assert rule_note(world, "early").standing is Standing.COMPLETED
    late = rule_note(world, "late")
    assert (late.standing, late.replica) == (Standing.NOT_COPIED, None)
    assert "after the rule was deleted" in late.message


async def test_tags_that_come_later_do_not_copy_the_object(world: World) -> None:
    await world.bucket("src")
    await world.bucket("dst")
    wanted = TagFilter(match_all=True, tags=(("k", "v"),))
    await world.rule("src", "dst", action="PUT", tag_filter=wanted)
    version = await world.put("src", "key")
    await world.settle()
    await world.update("src", version, tags={"k": "v"})
    await world.settle()
    note = rule_note(world, "key")
    assert (note.standing, note.skip_reason) == (Standing.SKIPPED, SkipReason.NO_REPLICA)
    assert "write the object again" in note.message
    assert world.listed("dst") == []


async def test_tags_of_an_object_from_before_the_rule_do_not_copy_it(world: World) -> None:
    await world.bucket("src")
    await world.bucket("dst")
    version = await world.put("src", "old")
    await world.rule("src", "dst", historical=False)
    await world.settle()
    await world.update("src", version, tags={"k": "v"})
    await world.settle()
    note = rule_note(world, "old")
    assert (note.standing, note.skip_reason) == (Standing.SKIPPED, SkipReason.NO_REPLICA)
