"""The timing changes while tasks wait: nothing is left behind, whatever it was before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.clock import VirtualClock
from emulator.replication.desk import ReplicationDesk, TaskFilter
from emulator.replication.model import FailureReason
from emulator.replication.ports import ReplicationTx
from emulator.replication.settings import ReplicationSettings, TimingName
from emulator.replication.timing.records import (
    PairTiming,
    RuleTimingFields,
    TimingDocument,
    TimingFields,
)
from tests.unit.replication.engine_world import START_MS
from tests.unit.replication.links_world import DESTINATION, SOURCE, LinkWorld

RULE = f"{SOURCE}-to-{DESTINATION}"
SETTINGS = ReplicationSettings(start_delay_s=0, close_delay_s=0, batch_len=4)
LINK = TimingFields(model=TimingName.LINK, latency_s=1)
PAIR_DOWN = PairTiming(source="cn-hangzhou", to="cn-shanghai", down=True)


def rule_timing(**fields: object) -> TimingDocument:
    own = RuleTimingFields(bucket=SOURCE, rule=RULE, **fields)  # type: ignore[arg-type]
    return TimingDocument(rules=(own,))


TIMINGS = (
    TimingDocument(),
    TimingDocument(default=TimingFields(lag_s=2)),
    TimingDocument(default=LINK),
    TimingDocument(default=TimingFields(model=TimingName.LINK, requests_per_s=1.0)),
    TimingDocument(default=TimingFields(down=True)),
    TimingDocument(default=LINK, regions=(PAIR_DOWN,)),
    rule_timing(model=TimingName.LINK, bandwidth_bytes_per_s=10.0),
    rule_timing(down=True),
    TimingDocument(default=TimingFields(model=TimingName.DOCUMENTED)),
)


async def made(folder: Path | None = None) -> LinkWorld:
    world = LinkWorld(SETTINGS, folder=folder)
    await world.prepare()
    return world


def same(world: LinkWorld, *keys: str) -> bool:
    return all(world.ids(DESTINATION, key) == world.ids(SOURCE, key) for key in keys)


async def test_a_task_behind_its_key_outlives_the_link_it_was_stored_for() -> None:
    world = await made()
    await world.desk.put_timing(TimingDocument(default=LINK))
    await world.put(SOURCE, "k", b"1")
    await world.due()
    await world.desk.put_timing(rule_timing(model=TimingName.LINK))
    await world.put(SOURCE, "k", b"2")
    await world.due()
    await world.desk.put_timing(TimingDocument())
    assert (await world.settle()).pending == 0
    assert same(world, "k")


@pytest.mark.parametrize("restarts", [False, True])
async def test_tasks_behind_a_refused_one_outlive_their_link(
    restarts: bool, tmp_path: Path
) -> None:
    world = await made(tmp_path)
    await world.set_policy(DESTINATION, "")
    await world.desk.put_timing(TimingDocument(default=LINK))
    for number in range(3):
        await world.put(SOURCE, "k", b"%d" % number)
    await world.settle()
    if restarts:
        await world.store.close()
        world = LinkWorld(SETTINGS, folder=tmp_path, clock=VirtualClock(world.clock.now_ms()))
    await world.desk.put_timing(TimingDocument())
    await world.settle()
    await world.repair()
    settled = await world.settle()
    assert (settled.pending, settled.failed) == (0, 0)
    assert same(world, "k")
    await world.store.close()


KEYS = ("a", "b")
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["put-under", "put-under", "put-under", "put", "timing", "due", "settle", "tick",
             "refuse", "repair", "delete", "restart"]
        ),
        st.integers(0, len(TIMINGS) - 1),
        st.sampled_from(KEYS),
    ),
    min_size=10,
    max_size=40,
)  # fmt: skip


async def play(operations: list[tuple[str, int, str]], folder: Path) -> None:
    world = await made(folder)
    for name, number, key in operations:
        match name:
            case "put":
                await world.put(SOURCE, key, bytes(number))
            case "put-under":
                await world.desk.put_timing(TIMINGS[number])
                await world.put(SOURCE, key, bytes(number))
                await world.due()
            case "delete":
                await world.delete(SOURCE, key)
            case "timing":
                await world.desk.put_timing(TIMINGS[number])
            case "due":
                await world.due()
            case "settle":
                await world.settle()
            case "tick":
                world.clock.advance(number * 700)
            case "refuse":
                await world.set_policy(DESTINATION, "")
            case "repair":
                await world.repair()
            case _:
                await world.store.close()
                clock = VirtualClock(world.clock.now_ms())
                world = LinkWorld(SETTINGS, folder=folder, clock=clock)
    await world.repair()
    await world.desk.put_timing(TimingDocument())
    settled = await world.settle()
    assert (settled.pending, settled.failed) == (0, 0)
    assert same(world, *KEYS)
    assert world.desk.transfers().links == []
    await world.store.close()


@settings(max_examples=40, deadline=None)
@given(operations=OPERATIONS)
def test_nothing_is_left_behind_whatever_the_timing_was(
    operations: list[tuple[str, int, str]],
) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(play(operations, Path(folder)))


async def test_a_change_of_the_timing_lets_pass_what_is_due_a_page_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = await made()
    await world.desk.put_timing(TimingDocument(default=LINK))
    for number in range(30):
        await world.put(SOURCE, f"k{number}")
    await world.due()
    world.clock.advance(5000)
    released: list[int] = []
    links = world.timings.links
    run = links._run

    def noted(tx: ReplicationTx, name: str, now_ms: int, limit: int | None) -> int:
        released.append(run(tx, name, now_ms, limit))
        return released[-1]

    monkeypatch.setattr(links, "_run", noted)
    await world.desk.put_timing(TimingDocument())
    assert sum(released) == 30
    assert max(released) == SETTINGS.batch_len
    await world.settle()
    assert world.lag_ms("k7") == 5000


async def test_tasks_that_a_link_holds_up_say_so() -> None:
    world = await made()
    await world.put(SOURCE, "first")
    await world.due()
    await world.set_policy(DESTINATION, "")
    await world.put(SOURCE, "refused")
    await world.due()
    await world.desk.put_timing(TimingDocument(default=TimingFields(down=True)))
    for _ in range(2):
        await world.put(SOURCE, "k")
    await world.due()
    desk = ReplicationDesk(world.store, world.clock, world.tools, world.engine)
    shown = desk.tasks(TaskFilter(), "", 10).tasks
    down = "The link from cn-hangzhou to cn-shanghai is down since 2027-01-15T08:00:00.000Z"
    assert [(each.key, each.reason) for each in shown] == [
        ("k", FailureReason.LINK_DOWN),
        ("k", FailureReason.LINK_DOWN),
        ("refused", FailureReason.DESTINATION_READ_DENIED),
    ]
    assert all(down in each.message for each in shown)
    assert all(each.next_attempt is None and each.planned == [] for each in shown)
    assert shown[0].message == desk.explain(SOURCE, "k", None).rules[0].refusal.message  # type: ignore[union-attr]
    await world.desk.put_timing(TimingDocument())
    assert "down" not in desk.tasks(TaskFilter(), "", 10).tasks[0].message


async def test_a_rule_takes_its_timing_along() -> None:
    world = await made()
    await world.desk.put_timing(rule_timing(down=True))
    await world.put(SOURCE, "k")
    await world.settle()
    with world.store.read() as view:
        [rule] = view.rules()
    await world.close_rule(rule)
    await world.settle()
    assert world.desk.timing().rules == ()
    assert world.desk.transfers().links == []
    await world.rule(SOURCE, DESTINATION, sync_role=rule.spec.sync_role)
    await world.put(SOURCE, "again")
    await world.settle()
    assert world.clock.now_ms() == START_MS
    assert same(world, "again")
