"""History, live writes and restarts in any order come to the same, and no step is a long one."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.clock import VirtualClock
from emulator.replication.model import Rule
from emulator.replication.progress import progress_of
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import START_MS, World

KEYS = ("a/1", "a/2", "b/1", "b/2")
PREFIXES = {"dst-all": (), "dst-a": ("a/",), "dst-b": ("b/",)}

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["put", "put", "delete", "delete-version", "some", "some", "some", "restart", "run"]
        ),
        st.sampled_from(KEYS),
        st.integers(0, 5),
    ),
    min_size=10,
    max_size=40,
)


class Run:
    """One example: a source with a history, rules that come one after the other."""

    def __init__(self, folder: Path, batch_len: int) -> None:
        self.folder = folder
        self.options = ReplicationSettings(start_delay_s=0, batch_len=batch_len)
        self.clock = VirtualClock(START_MS)
        self.world = World(settings=self.options, folder=folder, clock=self.clock)
        self.rules: dict[str, Rule] = {}
        self.ratios: dict[str, list[float]] = {}
        self.number = 0

    async def play(self, history: list[str], operations: list[tuple[str, str, int]]) -> None:
        await self.world.bucket("src")
        for name in PREFIXES:
            await self.world.bucket(name)
        for key in history:
            await self.operate("put", key, 0)
        for place, (name, key, number) in enumerate(operations):
            if place % 4 == 0 and place // 4 < len(PREFIXES):
                await self.add_rule(list(PREFIXES)[place // 4])
            await self.operate(name, key, number)
            self.look()
        await self.world.settle()
        self.look()
        self.check()
        await self.world.store.close()

    async def add_rule(self, destination: str) -> None:
        self.rules[destination] = await self.world.rule(
            "src", destination, prefixes=PREFIXES[destination], historical=True
        )
        self.ratios[destination] = [0.0]

    async def operate(self, name: str, key: str, number: int) -> None:
        world = self.world
        match name:
            case "put":
                self.number += 1
                await world.put("src", key, b"%d" % self.number)
            case "delete":
                await world.delete("src", key)
            case "delete-version":
                if ids := world.ids("src", key):
                    await world.delete_version("src", key, ids[number % len(ids)])
            case "some":
                await world.engine.run_due(limit=1)
            case "restart":
                await world.store.close()
                self.world = World(
                    settings=self.options, folder=self.folder, clock=self.clock, seed=number
                )
            case _:
                await world.due()

    def look(self) -> None:
        with self.world.store.read() as view:
            for name, rule in self.rules.items():
                found = view.rule_by_uid(rule.uid)
                assert found is not None
                assert found.history.taken <= found.history.total
                ratio = progress_of(view, found, self.clock.now_ms()).historical_ratio
                self.ratios[name].append(ratio)

    def check(self) -> None:
        for name in self.rules:
            assert self.ratios[name] == sorted(self.ratios[name])
            assert self.ratios[name][-1] == 1.0
            for key in KEYS:
                inside = not PREFIXES[name] or key.startswith(PREFIXES[name])
                wanted = self.world.ids("src", key) if inside else []
                assert self.world.ids(name, key) == wanted
                if inside:
                    assert self.world.contents(name, key) == self.world.contents("src", key)


@settings(max_examples=25, deadline=None)
@given(
    history=st.lists(st.sampled_from(KEYS), max_size=20),
    operations=OPERATIONS,
    batch_len=st.sampled_from([1, 2, 5, 256]),
)
def test_any_order_of_history_writes_and_restarts_gives_the_source(
    history: list[str], operations: list[tuple[str, str, int]], batch_len: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(Run(Path(folder), batch_len).play(history, operations))


async def test_history_is_counted_with_the_rule_and_without_looking_at_it(tmp_path: Path) -> None:
    """Also what the same transaction has written is part of it."""
    world = World(folder=tmp_path)
    bucket = await world.bucket("src")
    await world.bucket("dst")
    for number in range(5):
        await world.put("src", f"k{number % 3}")
    await world.delete("src", "k0")
    _, rule = await asyncio.gather(
        world.write(lambda tx: world.put_in(tx, bucket, "beside", b"x")),
        world.rule("src", "dst", historical=True),
    )
    await world.put("src", "after")
    assert rule.history.total == 7
    await world.due()
    with world.store.read() as view:
        found = view.rule_by_uid(rule.uid)
    assert found is not None
    assert (found.history.taken, found.history.done) == (7, True)
    await world.store.close()


async def test_tasks_of_a_rule_that_goes_are_forgotten_a_page_at_a_time() -> None:
    options = ReplicationSettings(start_delay_s=0, close_delay_s=0, batch_len=8, lag_s=3_600)
    world = World(settings=options)
    await world.bucket("src")
    await world.bucket("dst")
    rule = await world.rule("src", "dst")
    await world.due()
    for number in range(100):
        await world.put("src", f"k{number}")
    assert (await world.due()).pending == 100
    await world.close_rule(rule)
    left = []
    while True:
        counts = await world.engine.run_due(limit=1)
        left.append(counts.pending)
        assert counts.forgotten <= 8
        if counts.closed:
            break
    assert left == sorted(left, reverse=True)
    assert len(left) > 100 // 8
    assert (await world.due()).handled == 0
    with world.store.read() as view:
        assert view.rules() == []
        assert view.changes_after(rule.source_bucket_id, 0, limit=1) == []
    await world.store.close()


async def test_what_a_change_takes_does_not_grow_with_the_rules_it_does_not_concern(
    tmp_path: Path,
) -> None:
    """Counted in statements of the writing and the reading side."""

    async def statements(rules: int, folder: Path) -> int:
        world = World(folder=folder)
        for source in ("src", "other"):
            await world.bucket(source)
            for number in range(rules):
                name = f"{source}-to-{number}"
                await world.bucket(name, region=f"cn-{('beijing', 'shanghai')[number % 2]}")
                await world.rule(source, name, prefixes=(f"{number}/",), rule_id=name)
        await world.put("src", "0/warm")
        await world.due()
        seen: list[str] = []
        for connection in (world.store._writer._connection, world.store._reading):
            connection.set_trace_callback(seen.append)
        await world.put("src", "0/k")
        assert (await world.due()).applied == 1
        await world.store.close()
        return len(seen)

    few = await statements(1, tmp_path / "few")
    assert few > 20
    assert await statements(40, tmp_path / "many") == few
