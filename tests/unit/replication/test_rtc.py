"""Replication time control: when it takes effect, which objects are late."""

from __future__ import annotations

import msgspec
import pytest

from emulator.domain.model import Bucket, Change
from emulator.replication import journal, rtc
from emulator.replication.figures import rule_figures
from emulator.replication.journal_ports import Ending, RtcStats
from emulator.replication.latency import Latency
from emulator.replication.model import RtcStatus, Rule
from emulator.replication.outcomes import Outcome
from emulator.replication.ports import ReplicationTx, ReplicationView
from emulator.replication.rtc import ask_rtc
from emulator.replication.rtc_report import rtc_report
from emulator.replication.rule_state import shown_rtc
from emulator.replication.settings import ReplicationSettings, TimingName
from emulator.replication.timing import InstantTiming, RuleTiming, Timings
from tests.unit.replication.engine_world import (
    DESTINATION_ACTIONS,
    ROLE,
    START_MS,
    World,
    role_policy,
)

HOUR_MS = 3_600_000
THRESHOLD_MS = 600_000
SLOW = ReplicationSettings(
    start_delay_s=0, close_delay_s=0, rtc_enable_delay_s=900, rtc_history_delay_s=3600
)
AT_ONCE = ReplicationSettings(
    start_delay_s=0,
    close_delay_s=0,
    rtc_enable_delay_s=0,
    rtc_history_delay_s=0,
    retry_delay_s=1,
    retry_delay_s_max=1,
)
SOURCE_ALONE = role_policy(["src-bucket"])
BOTH = role_policy(["src-bucket", "dest-bucket"], DESTINATION_ACTIONS)


async def world_with(settings: ReplicationSettings = AT_ONCE) -> World:
    world = World(settings=settings)
    await world.role(SOURCE_ALONE)
    await world.bucket("src-bucket")
    await world.bucket("dest-bucket", region="cn-shanghai")
    return world


async def switch_on(world: World, rule: Rule) -> None:
    def work(tx: ReplicationTx) -> None:
        found = tx.rule_by_uid(rule.uid)
        assert found is not None
        ask_rtc(tx, found, world.clock.now_ms())
        tx.set_rule_spec(rule.uid, msgspec.structs.replace(found.spec, rtc=RtcStatus.ENABLING))

    await world.write(work)


async def rule_with_rtc(world: World, **fields: object) -> Rule:
    """A rule whose role may not write yet, with time control in effect."""
    rule = await world.rule("src-bucket", "dest-bucket", sync_role=ROLE, **fields)  # type: ignore[arg-type]
    await switch_on(world, rule)
    await world.due()
    return rule


def status(world: World, rule: Rule) -> RtcStatus:
    with world.store.read() as view:
        found = view.rule_by_uid(rule.uid)
    assert found is not None
    return shown_rtc(found)


def counted(world: World, rule: Rule) -> RtcStats:
    with world.store.read() as view:
        return view.rule_stats(rule.uid).rtc


def misses(world: World, rule: Rule) -> list[tuple[str, int, int | None, Ending]]:
    """Key, when it was missed and when that ended, in seconds since the start."""

    def since_start(ms: int | None) -> int | None:
        return None if ms is None else (ms - START_MS) // 1000

    with world.store.read() as view:
        found = view.misses(rule.uid, limit=100)
    return [
        (each.key, since_start(each.missed_ms) or 0, since_start(each.ended_ms), each.ending)
        for each in found
    ]


async def goes_on(world: World, seconds: float) -> None:
    """Let the clock go, from due time to due time."""
    until_ms = world.clock.now_ms() + round(seconds * 1000)
    while (due_ms := world.engine.next_due_ms()) is not None and due_ms <= until_ms:
        world.clock.set(max(due_ms, world.clock.now_ms()))
        await world.due()
    world.clock.set(until_ms)
    await world.due()


# taking effect


async def test_r60_it_takes_a_quarter_of_an_hour_without_history() -> None:
    world = await world_with(SLOW)
    rule = await rule_with_rtc(world)
    assert status(world, rule) is RtcStatus.ENABLING
    await goes_on(world, 899.999)
    assert status(world, rule) is RtcStatus.ENABLING
    await goes_on(world, 0.001)
    assert status(world, rule) is RtcStatus.ENABLED


async def test_r60_it_takes_an_hour_after_the_history() -> None:
    world = await world_with(SLOW)
    await world.put("src-bucket", "old")
    rule = await rule_with_rtc(world, historical=True)
    await goes_on(world, 2 * 3600)
    assert status(world, rule) is RtcStatus.ENABLING  # the history may not be copied
    await world.role(BOTH)
    await goes_on(world, 30)
    assert len(world.stack("dest-bucket", "old")) == 1
    await goes_on(world, 3500)
    assert status(world, rule) is RtcStatus.ENABLING
    await goes_on(world, 100)
    assert status(world, rule) is RtcStatus.ENABLED


async def test_r60_an_open_task_of_the_history_holds_it_up() -> None:
    world = await world_with(SLOW)
    await world.role(role_policy(["src-bucket", "dest-bucket"], ["oss:ReplicateList"]))
    await world.put("src-bucket", "old")
    rule = await rule_with_rtc(world, historical=True)
    await goes_on(world, 2 * 3600)
    with world.store.read() as view:
        assert view.has_open_history(rule.uid)
    assert status(world, rule) is RtcStatus.ENABLING
    await world.role(BOTH)
    await goes_on(world, 3700)
    assert status(world, rule) is RtcStatus.ENABLED


async def test_history_that_ended_before_does_not_count() -> None:
    world = await world_with(SLOW)
    await world.role(BOTH)
    await world.put("src-bucket", "old")
    rule = await world.rule("src-bucket", "dest-bucket", sync_role=ROLE, historical=True)
    await world.settle()
    await switch_on(world, rule)
    await goes_on(world, 900)
    assert status(world, rule) is RtcStatus.ENABLED


async def test_an_empty_history_is_none() -> None:
    world = await world_with(SLOW)
    await world.role(BOTH)
    rule = await rule_with_rtc(world, historical=True)
    await goes_on(world, 901)
    assert status(world, rule) is RtcStatus.ENABLED


async def test_a_rule_that_starts_later_takes_that_long_at_least() -> None:
    settings = msgspec.structs.replace(SLOW, start_delay_s=1200)
    world = await world_with(settings)
    rule = await rule_with_rtc(world)
    await goes_on(world, 1199)
    assert status(world, rule) is RtcStatus.ENABLING
    await goes_on(world, 1)
    assert status(world, rule) is RtcStatus.ENABLED


async def test_a_rule_that_closes_never_gets_it() -> None:
    world = await world_with(msgspec.structs.replace(SLOW, close_delay_s=3600))
    rule = await rule_with_rtc(world)
    await world.close_rule(rule)
    await goes_on(world, 1000)
    assert status(world, rule) is RtcStatus.ENABLING
    await world.settle()
    with world.store.read() as view:
        assert view.rtc(rule.uid) is None


async def test_settling_waits_for_it() -> None:
    world = await world_with(SLOW)
    rule = await rule_with_rtc(world)
    await world.settle()
    assert status(world, rule) is RtcStatus.ENABLED
    assert world.clock.now_ms() == START_MS + 900_000


@pytest.mark.parametrize(
    ("timing", "given_s", "took_s"),
    [
        (TimingName.INSTANT, None, 0.5),
        (TimingName.DOCUMENTED, None, 900.0),
        (TimingName.DOCUMENTED, 5.0, 5.0),
    ],
)
async def test_the_timing_says_how_long_it_takes_and_the_setting_overrides(
    timing: TimingName, given_s: float | None, took_s: float
) -> None:
    world = await world_with(
        ReplicationSettings(start_delay_s=0, timing=timing, rtc_enable_delay_s=given_s)
    )
    rule = await rule_with_rtc(world)
    await goes_on(world, took_s - 0.1)
    assert status(world, rule) is RtcStatus.ENABLING
    await goes_on(world, 0.1)
    assert status(world, rule) is RtcStatus.ENABLED


class _LargeFirst(InstantTiming):
    def due_ms(self, change: Change, size_bytes: int, now_ms: int) -> int:
        return change.at_ms + 60_000 - size_bytes


class _LargeFirstTimings(Timings):
    def of_rule(
        self, view: ReplicationView, rule: Rule, source: Bucket | None = None
    ) -> RuleTiming:
        return _LargeFirst()


# being late


async def test_what_comes_in_time_is_within() -> None:
    world = await world_with(msgspec.structs.replace(AT_ONCE, lag_s=600))
    await world.role(BOTH)
    rule = await rule_with_rtc(world)
    await world.put("src-bucket", "k")
    await goes_on(world, 700)
    assert counted(world, rule) == RtcStats(objects=1, within=1)
    assert misses(world, rule) == []


async def test_a_miss_is_noted_when_the_threshold_passes_and_when_it_ends() -> None:
    world = await world_with()
    rule = await rule_with_rtc(world)
    await goes_on(world, 10)
    await world.put("src-bucket", "late")
    await goes_on(world, 600)
    assert counted(world, rule).missed == 0
    await goes_on(world, 0.001)
    assert counted(world, rule) == RtcStats(missed=1)
    assert misses(world, rule) == [("late", 610, None, Ending.NONE)]
    await goes_on(world, 29.999)
    await world.role(BOTH)
    await world.put("src-bucket", "in-time")
    await goes_on(world, 2)
    assert counted(world, rule) == RtcStats(objects=2, within=1, missed=1, caught_up=1)
    assert misses(world, rule) == [("late", 610, 641, Ending.CAUGHT_UP)]


async def test_a_miss_that_asks_for_nothing_any_more_is_gone() -> None:
    world = await world_with()
    rule = await rule_with_rtc(world)
    version = await world.put("src-bucket", "late")
    await goes_on(world, 700)
    await world.delete_version("src-bucket", "late", version.version_id)
    await goes_on(world, 2)
    assert counted(world, rule) == RtcStats(missed=1, gone=1)
    assert misses(world, rule)[0][3] is Ending.GONE


async def test_each_is_missed_once_however_late_it_is_looked_at() -> None:
    """The clock jumps: over the threshold, and over the taking in of changes."""
    world = await world_with()
    rule = await rule_with_rtc(world)
    await world.put("src-bucket", "stored")
    await world.due()
    world.clock.advance(HOUR_MS)
    await world.put("src-bucket", "young")
    await world.due()
    assert counted(world, rule) == RtcStats(missed=1)
    world.clock.advance(HOUR_MS)
    await world.due()
    assert counted(world, rule) == RtcStats(missed=2)
    await world.put("src-bucket", "never-stored")
    await world.put("src-bucket", "stored")  # behind the other
    world.clock.advance(HOUR_MS)
    await world.due()
    assert counted(world, rule) == RtcStats(missed=4)
    await world.role(BOTH)
    await goes_on(world, 5)
    assert counted(world, rule) == RtcStats(objects=4, missed=4, caught_up=4)
    assert {ending for *_, ending in misses(world, rule)} == {Ending.CAUGHT_UP}


async def test_what_is_taken_in_late_and_carried_out_at_once_is_missed_and_caught_up() -> None:
    world = await world_with()
    await world.role(BOTH)
    rule = await rule_with_rtc(world)
    await world.put("src-bucket", "k")
    world.clock.advance(HOUR_MS)
    await world.due()
    assert counted(world, rule) == RtcStats(objects=1, missed=1, caught_up=1)
    assert misses(world, rule) == [("k", 600, 3600, Ending.CAUGHT_UP)]


async def test_a_noted_one_is_caught_up_also_if_the_clock_was_set_back() -> None:
    world = await world_with()
    rule = await rule_with_rtc(world)
    await world.put("src-bucket", "k")
    gone = await world.put("src-bucket", "gone")
    await goes_on(world, 700)
    assert counted(world, rule) == RtcStats(missed=2)
    world.clock.set(START_MS - HOUR_MS)
    await world.role(BOTH)
    await world.delete_version("src-bucket", "gone", gone.version_id)
    now_ms = world.clock.now_ms()
    await world.write(
        lambda tx: tx.hasten_failed(rule.uid, now_ms, key=None, after_key="", limit=9)
    )
    await world.due()
    assert counted(world, rule) == RtcStats(objects=1, missed=2, caught_up=1, gone=1)
    assert {key: ending for key, _, _, ending in misses(world, rule)} == {
        "k": Ending.CAUGHT_UP,
        "gone": Ending.GONE,
    }
    with world.store.read() as view:
        found = view.rule_stats(rule.uid)
    assert (found.rtc_latency.within(THRESHOLD_MS), found.rtc_latency.max_ms) == (0, 600_001)


async def test_the_latency_is_of_the_objects_that_count() -> None:
    world = await world_with(msgspec.structs.replace(AT_ONCE, lag_s=5))
    await world.role(BOTH)
    rule = await world.rule("src-bucket", "dest-bucket", sync_role=ROLE)
    await world.put("src-bucket", "before")
    await goes_on(world, 5_000)
    await switch_on(world, rule)
    await goes_on(world, 5)
    assert status(world, rule) is RtcStatus.ENABLED
    with world.store.read() as view:
        assert view.rule_stats(rule.uid).rtc_latency == Latency()
    for key in ("a", "b"):
        await world.put("src-bucket", key)
    await goes_on(world, 10)
    with world.store.read() as view:
        found = view.rule_stats(rule.uid)
    assert found.rtc == RtcStats(objects=2, within=2)
    assert found.rtc_latency == Latency(2, 10_000, 5_000, {5_000: 2})
    assert found.latency.objects == 3
    await switch_on(world, rule)
    with world.store.read() as view:
        assert view.rule_stats(rule.uid).rtc_latency == Latency()
        assert view.rule_stats(rule.uid).latency == found.latency


async def test_history_deletions_and_what_was_written_before_do_not_count() -> None:
    world = await world_with(msgspec.structs.replace(AT_ONCE, lag_s=1))
    await world.role(BOTH)
    await world.put("src-bucket", "old")
    rule = await world.rule("src-bucket", "dest-bucket", sync_role=ROLE, historical=True)
    await world.settle()
    await world.role(SOURCE_ALONE)
    early = await world.put("src-bucket", "before")
    await goes_on(world, 10)
    await switch_on(world, rule)
    await goes_on(world, 5)
    assert status(world, rule) is RtcStatus.ENABLED
    await world.delete("src-bucket", "old")
    await world.update("src-bucket", early, tags={"a": "b"})
    await goes_on(world, 700)
    assert counted(world, rule) == RtcStats()
    await world.role(BOTH)
    await goes_on(world, 20)
    assert counted(world, rule) == RtcStats()
    assert [len(world.stack("dest-bucket", key)) for key in ("old", "before")] == [2, 1]


async def test_many_are_looked_at_page_by_page() -> None:
    """Several pages of one instant, in which a page ends."""
    world = await world_with(msgspec.structs.replace(AT_ONCE, batch_len=4))
    rule = await rule_with_rtc(world)
    for number in range(11):
        await world.put("src-bucket", f"k{number:02}")
        if number % 5 == 4:
            await goes_on(world, 1)
    await world.delete("src-bucket", "k00")
    await goes_on(world, 700)
    assert counted(world, rule) == RtcStats(missed=11)
    assert sorted(key for key, *_ in misses(world, rule)) == [f"k{n:02}" for n in range(11)]
    await world.role(BOTH)
    await goes_on(world, 5)
    assert counted(world, rule) == RtcStats(objects=11, missed=11, caught_up=11)


async def test_tasks_that_are_tried_before_they_are_looked_at_are_missed_as_well() -> None:
    settings = msgspec.structs.replace(AT_ONCE, batch_len=4)
    world = await world_with(settings)
    world.engine._tools = msgspec.structs.replace(world.tools, timing=_LargeFirstTimings(settings))
    await world.role(BOTH)
    rule = await rule_with_rtc(world)
    for number in range(11):
        await world.put("src-bucket", f"k{number:02}", b"x" * number)
    await world.due()
    world.clock.advance(HOUR_MS)
    await world.due()
    assert counted(world, rule) == RtcStats(objects=11, missed=11, caught_up=11)
    assert {ending for *_, ending in misses(world, rule)} == {Ending.CAUGHT_UP}


async def test_the_newest_misses_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtc, "MISSES_MAX", 3)
    monkeypatch.setattr(journal, "MISSES_MAX", 3)
    world = await world_with()
    rule = await rule_with_rtc(world)
    for number in range(5):
        await world.put("src-bucket", f"k{number}")
    await goes_on(world, 601)
    assert [key for key, *_ in misses(world, rule)] == ["k4", "k3", "k2"]
    assert counted(world, rule).missed == 5


async def test_switched_off_and_on_it_starts_anew() -> None:
    world = await world_with()
    rule = await rule_with_rtc(world)
    await world.put("src-bucket", "k")
    await goes_on(world, 700)
    assert counted(world, rule).missed == 1
    await switch_on(world, rule)
    await goes_on(world, 700)
    assert counted(world, rule) == RtcStats()
    assert misses(world, rule) == []


async def test_what_is_refused_does_not_make_settling_go_on_for_ten_minutes() -> None:
    world = await world_with()
    await rule_with_rtc(world)
    await world.put("src-bucket", "k")
    await world.settle()
    assert world.clock.now_ms() < START_MS + 60_000


async def test_what_waits_is_missed_at_its_instant_while_settling() -> None:
    world = await world_with(msgspec.structs.replace(AT_ONCE, lag_s=3600))
    await world.role(BOTH)
    rule = await rule_with_rtc(world)
    heard: list[Outcome] = []
    world.tools.outcomes.listener = heard.append
    await world.put("src-bucket", "k")
    await world.settle()
    assert [(each.outcome.value, each.lag_ms) for each in heard] == [
        ("missed", THRESHOLD_MS + 1),
        ("applied", HOUR_MS),
        ("caught-up", HOUR_MS),
    ]
    assert world.clock.now_ms() == START_MS + HOUR_MS
    assert counted(world, rule).caught_up == 1


async def test_nothing_is_left_to_look_at_when_all_have_come() -> None:
    world = await world_with(msgspec.structs.replace(AT_ONCE, lag_s=1))
    await world.role(BOTH)
    await rule_with_rtc(world)
    await world.put("src-bucket", "k")
    await world.settle()
    assert world.clock.now_ms() == START_MS + 1_000
    await goes_on(world, 700)
    assert world.engine.next_due_ms() is None


async def test_the_report() -> None:
    world = await world_with()
    rule = await rule_with_rtc(world)
    await world.role(BOTH)
    for number in range(9_999):
        await world.put("src-bucket", f"k{number % 7}", b"12")
    await world.due()
    await world.role(SOURCE_ALONE)
    await world.put("src-bucket", "late", b"123")
    await goes_on(world, 660)
    with world.store.read() as view:
        found = view.rule_by_uid(rule.uid)
        assert found is not None
        figures = rule_figures(view, [found], world.clock.now_ms())[0]
        report = rtc_report(view, figures, THRESHOLD_MS)
    assert (report.status, report.threshold_s) == (RtcStatus.ENABLED, 600.0)
    assert (report.objects, report.within, report.missed, report.still_missing) == (
        9_999, 9_999, 1, 1,
    )  # fmt: skip
    assert report.within_share == 0.9999
    assert (report.failed.operations, report.failed.bytes) == (1, 3)
    assert (report.latency.p9999_s, report.latency.max_s) == (0.0, 0.0)
    assert [(miss.key, miss.bytes, miss.ended) for miss in report.misses] == [("late", 3, None)]
    assert report.misses[0].missed == "2027-01-15T08:10:00.000Z"
