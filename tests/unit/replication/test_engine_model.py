"""Random clients, rules, refusals and interruptions against a model of the truth table.

The model knows, for each key, which entries the destination must hold, in which order, and which
it may hold besides: a version that was removed from the source before its copy ran may or may not
have arrived under a rule that does not copy deletions.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.domain.model import Acl, ObjectVersion
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import ACCOUNT_B, ROLE, World, bucket_policy, role_policy

KEYS = ("in/a", "in/b", "out/c")
PREFIXES = ("in/",)


@dataclass
class Entry:
    """One entry the destination should hold: an object version or a marker."""

    version_id: str
    content: bytes | None
    acl: Acl = Acl.DEFAULT
    sure: bool = False  # arrived for certain; otherwise it may be missing once the source lost it
    in_source: bool = True


@dataclass
class Plan:
    """What one example does besides the clients' operations."""

    versioned: bool
    deletes: bool
    prefixes: tuple[str, ...]
    historical: bool
    batch_len: int
    lag_s: int


@dataclass
class Model:
    """The source as clients see it, and the destination as the rule wants it."""

    plan: Plan
    source: dict[str, list[Entry]] = field(default_factory=dict)
    wanted: dict[str, list[Entry]] = field(default_factory=dict)
    has_rule: bool = False

    def covers(self, key: str) -> bool:
        """Whether the rule is there and the key inside it."""
        return self.has_rule and (not self.plan.prefixes or key.startswith(self.plan.prefixes))

    def add_rule(self) -> None:
        self.has_rule = True
        if self.plan.historical:
            for key, entries in self.source.items():
                if self.covers(key):
                    self.wanted[key] = list(entries)

    def put(self, key: str, entry: Entry) -> None:
        self._push(self.source, key, entry)
        if self.covers(key):
            self._push(self.wanted, key, entry)

    def _push(self, stacks: dict[str, list[Entry]], key: str, entry: Entry) -> None:
        stack = stacks.setdefault(key, [])
        if not self.plan.versioned:
            for old in stack:
                old.in_source = False
        stack.append(entry)

    def delete(self, key: str) -> None:
        """In unversioned buckets."""
        for entry in self.source.pop(key, []):
            entry.in_source = False
        if self.covers(key) and self.plan.deletes:
            self.wanted[key] = []

    def delete_version(self, key: str, index: int) -> None:
        entry = self.source[key].pop(index)
        entry.in_source = False
        if self.covers(key) and self.plan.deletes and entry in self.wanted.get(key, []):
            self.wanted[key].remove(entry)

    def check(self, key: str, found: list[tuple[str, bytes | None, Acl]]) -> None:
        """Compare a settled destination, and learn which of the doubtful entries arrived."""
        wanted = self.wanted.get(key, [])
        if self.plan.versioned:
            must = [e.version_id for e in wanted if e.sure or e.in_source]
            there = [version_id for version_id, _, _ in found]
            assert [e.version_id for e in wanted if e.version_id in there] == there
            assert [version_id for version_id in there if version_id in must] == must
            arrived = [e for e in wanted if e.version_id in there]
        else:
            assert len(found) <= 1
            arrived = self._arrived(wanted, found)
        for entry, (_, content, acl) in zip(arrived, found, strict=True):
            assert entry.content == content
            assert entry.acl == acl or not entry.in_source
            entry.sure = True
        self.wanted[key] = arrived

    @staticmethod
    def _arrived(wanted: list[Entry], found: list[tuple[str, bytes | None, Acl]]) -> list[Entry]:
        """The newest content wins; a doubtful one may have been overtaken by its removal."""
        if not wanted:
            assert found == []
            return []
        if wanted[-1].in_source:
            assert found
            return wanted[-1:]
        if not found:
            assert not any(entry.sure for entry in wanted)
            return []
        last_sure = max((n for n, entry in enumerate(wanted) if entry.sure), default=0)
        return [entry for entry in wanted[last_sure:] if entry.content == found[0][1]][-1:]


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["put", "put", "put", "delete", "delete-version", "acl", "run", "run-some", "refuse",
             "settle", "tick"]
        ),
        st.sampled_from(KEYS),
        st.integers(0, 5),
    ),
    min_size=20,
    max_size=60,
)  # fmt: skip
PLANS = st.builds(
    Plan,
    versioned=st.booleans(),
    deletes=st.booleans(),
    prefixes=st.sampled_from([(), PREFIXES]),
    historical=st.booleans(),
    batch_len=st.sampled_from([1, 3, 256]),
    lag_s=st.sampled_from([0, 0, 5]),
)


class Run:
    """One example."""

    def __init__(self, plan: Plan) -> None:
        self.model = Model(plan)
        self.plan = plan
        self.number = 0
        self.versions: dict[str, ObjectVersion] = {}
        self.world = World(
            settings=ReplicationSettings(
                start_delay_s=2, batch_len=plan.batch_len, lag_s=plan.lag_s
            )
        )

    async def play(self, rule_at: int, operations: list[tuple[str, str, int]]) -> None:
        world = self.world
        await world.role(role_policy(["src"]))
        await world.bucket("src", versioned=self.plan.versioned)
        await world.bucket(
            "dst", versioned=self.plan.versioned, owner_uid=ACCOUNT_B, policy=bucket_policy("dst")
        )
        for position, (name, key, number) in enumerate([*operations, ("settle", "", 0)]):
            if position == min(rule_at, len(operations)):
                await self.add_rule()
            world.clock.advance(1)
            await self.operate(name, key, number)
        await world.store.close()

    async def add_rule(self) -> None:
        await self.world.rule(
            "src",
            "dst",
            sync_role=ROLE,
            action="ALL" if self.plan.deletes else "PUT",
            prefixes=self.plan.prefixes,
            historical=self.plan.historical,
        )
        self.model.add_rule()

    async def operate(self, name: str, key: str, number: int) -> None:
        world = self.world
        match name:
            case "put":
                self.number += 1
                content = b"%d" % self.number
                version = await world.put("src", key, content)
                self.versions[content.decode()] = version
                self.model.put(key, Entry(version.version_id, content))
            case "delete" if self.plan.versioned:
                deletion = await world.delete("src", key)
                assert deletion.version_id is not None
                self.model.put(key, Entry(deletion.version_id, None))
            case "delete":
                await world.delete("src", key)
                self.model.delete(key)
            case "delete-version":
                await self.delete_version(key, number)
            case "acl":
                await self.set_acl(key, number)
            case "run":
                await world.due()
            case "run-some":
                await world.engine.run_due(limit=1)
            case "refuse":
                await world.set_policy("dst", "" if number % 2 else bucket_policy("dst"))
            case "tick":
                world.clock.advance(number * 1000)
            case _:
                await self.settle()

    async def delete_version(self, key: str, number: int) -> None:
        entries = self.model.source.get(key, [])
        if self.plan.versioned and entries:
            index = number % len(entries)
            await self.world.delete_version("src", key, entries[index].version_id)
            self.model.delete_version(key, index)

    async def set_acl(self, key: str, number: int) -> None:
        entries = self.model.source.get(key, [])
        if entries and entries[-1].content is not None:
            acl = [Acl.PRIVATE, Acl.PUBLIC_READ][number % 2]
            version = self.versions[entries[-1].content.decode()]
            await self.world.update("src", version, acl=acl)
            entries[-1].acl = acl

    async def settle(self) -> None:
        await self.world.set_policy("dst", bucket_policy("dst"))
        counts = await self.world.settle()
        assert (counts.pending, counts.failed) == (0, 0)
        for key in KEYS:
            stack = self.world.stack("dst", key)
            contents = self.world.contents("dst", key)
            found = [
                (entry.version_id, content, entry.acl)
                for entry, content in zip(stack, contents, strict=True)
            ]
            self.model.check(key, found)
        objects = {key for key in KEYS if (self.world.contents("dst", key) or [None])[-1]}
        assert set(self.world.listed("dst")) == objects


@settings(max_examples=60, deadline=None)
@given(plan=PLANS, rule_at=st.integers(0, 12), operations=OPERATIONS)
def test_destination_is_what_the_truth_table_gives(
    plan: Plan, rule_at: int, operations: list[tuple[str, str, int]]
) -> None:
    asyncio.run(Run(plan).play(rule_at, operations))
