"""Random uploads, aborts, refusals and interruptions under a rule: what holds at every moment, and
what the destination shows once all is carried out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import (
    ACCOUNT_A,
    ACCOUNT_B,
    ROLE,
    bucket_policy,
    role_policy,
)
from tests.unit.replication.upload_world import UploadWorld

KEYS = ("in/a", "out/b")
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["initiate", "initiate", "part", "part", "part", "abort", "complete", "put", "delete",
             "there", "run", "run-some", "refuse", "settle", "tick"]
        ),
        st.integers(0, 7),
        st.integers(1, 3),
    ),
    min_size=15,
    max_size=50,
)  # fmt: skip


@dataclass
class Plan:
    """What one example does besides the operations."""

    versioned: bool
    action: str
    prefixes: tuple[str, ...]
    lag_s: int
    batch_len: int
    both_ways: bool


PLANS = st.builds(
    Plan,
    versioned=st.booleans(),
    action=st.sampled_from(["ALL", "PUT", "PUT,DELETE"]),
    prefixes=st.sampled_from([(), ("in/",)]),
    lag_s=st.sampled_from([0, 0, 5]),
    batch_len=st.sampled_from([1, 3, 256]),
    both_ways=st.booleans(),
)


class Run:
    """One example. ``open`` are the uploads of the source; ``since_rule`` those the rule copies;
    ``touched`` those a client ended at the destination; ``aborted`` those that may stay there."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.open: dict[str, str] = {}
        self.since_rule: set[str] = set()
        self.touched: set[str] = set()
        self.aborted: set[str] = set()
        self.has_rule = False
        self.number = 0
        self.world = UploadWorld(
            settings=ReplicationSettings(
                start_delay_s=2, lag_s=plan.lag_s, batch_len=plan.batch_len
            )
        )

    async def play(self, rule_at: int, operations: list[tuple[str, int, int]]) -> None:
        world = self.world
        await world.role(role_policy(["src"]))
        await world.bucket("src", versioned=self.plan.versioned)
        owner_uid = ACCOUNT_A if self.plan.both_ways else ACCOUNT_B
        await world.bucket(
            "dst", versioned=self.plan.versioned, owner_uid=owner_uid, policy=bucket_policy("dst")
        )
        for position, (name, pick, number) in enumerate([*operations, ("settle", 0, 1)]):
            if position == rule_at:
                await self.add_rule()
            world.clock.advance(1)
            await self.operate(name, pick, number)
            world.check_uses()
        await world.store.close()

    async def add_rule(self) -> None:
        plan = self.plan
        role = "" if plan.both_ways else ROLE
        await self.world.rule(
            "src", "dst", sync_role=role, action=plan.action, prefixes=plan.prefixes
        )
        if plan.both_ways:
            await self.world.rule("dst", "src", action=plan.action)
        self.has_rule = True

    def pick(self, number: int) -> tuple[str, str]:
        upload_id = sorted(self.open)[number % len(self.open)]
        return upload_id, self.open[upload_id]

    async def operate(self, name: str, pick: int, number: int) -> None:
        world = self.world
        self.number += 1
        match name:
            case "initiate":
                key = KEYS[pick % 2]
                upload_id = await world.initiate("src", key)
                self.open[upload_id] = key
                if self.has_rule:
                    self.since_rule.add(upload_id)
            case "part" if self.open:
                upload_id, key = self.pick(pick)
                await world.part("src", key, upload_id, number, b"%d" % self.number)
            case "abort" if self.open:
                upload_id, key = self.pick(pick)
                await world.abort("src", key, upload_id)
                del self.open[upload_id]
                self.aborted.add(upload_id)
            case "complete" if self.open:
                await self.complete(*self.pick(pick))
            case "put":
                await world.put("src", KEYS[pick % 2], b"%d" % self.number)
            case "delete":
                await world.delete("src", KEYS[pick % 2])
            case "there":
                await self.end_there(pick)
            case "run":
                await world.due()
            case "run-some":
                await world.engine.run_due(limit=1)
            case "refuse":
                await world.set_policy("dst", "" if number % 2 else bucket_policy("dst"))
            case "tick":
                world.clock.advance(number * 1000)
            case "settle":
                await self.settle()
            case _:
                pass  # there is no upload to do it to

    async def complete(self, upload_id: str, key: str) -> None:
        (found,) = [each for each in self.world.uploads("src") if each.upload_id == upload_id]
        if found.parts:
            await self.world.complete("src", key, upload_id)
            del self.open[upload_id]

    async def end_there(self, pick: int) -> None:
        """A client at the destination aborts or completes what is shown there."""
        found = self.world.uploads("dst")
        if not found:
            return
        upload = found[pick % len(found)]
        if pick % 2 or not upload.parts:
            await self.world.abort("dst", upload.key, upload.upload_id)
        else:
            await self.world.complete("dst", upload.key, upload.upload_id)
        self.touched.add(upload.upload_id)

    async def settle(self) -> None:
        world = self.world
        await world.set_policy("dst", bucket_policy("dst"))
        counts = await world.settle()
        assert (counts.pending, counts.failed) == (0, 0)
        here = {each.upload_id: each for each in world.uploads("src")}
        there = {each.upload_id: each for each in world.uploads("dst")}
        assert here.keys() == self.open.keys()
        wanted = {
            upload_id
            for upload_id, key in self.open.items()
            if upload_id in self.since_rule - self.touched
            and (not self.plan.prefixes or key.startswith(self.plan.prefixes))
        }
        assert {each: there[each] for each in wanted} == {each: here[each] for each in wanted}
        left = there.keys() - wanted
        assert left <= (set() if self.plan.action == "ALL" else self.aborted)


@settings(max_examples=80, deadline=None)
@given(plan=PLANS, rule_at=st.integers(0, 8), operations=OPERATIONS)
def test_the_destination_shows_what_the_source_does(
    plan: Plan, rule_at: int, operations: list[tuple[str, int, int]]
) -> None:
    asyncio.run(Run(plan).play(rule_at, operations))
