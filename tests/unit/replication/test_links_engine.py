"""Replication over a link on a virtual clock, against what arithmetic says."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from emulator.clock import VirtualClock
from emulator.replication.settings import ReplicationSettings, TimingName
from emulator.replication.timing.records import RuleTimingFields, TimingDocument
from tests.unit.replication.engine_world import START_MS, World
from tests.unit.replication.links_world import DESTINATION, SOURCE, LinkWorld

KIB = 1024
RATE = 1_000_000.0  # bytes a second


def link_settings(**fields: object) -> ReplicationSettings:
    wanted: dict[str, object] = {
        "timing": TimingName.LINK,
        "start_delay_s": 0.0,
        "close_delay_s": 0.0,
        "link_latency_s": 0.2,
        "link_bandwidth_bytes_per_s": RATE,
        **fields,
    }
    return ReplicationSettings(**wanted)  # type: ignore[arg-type]  # fields of several types


async def link_world(**fields: object) -> LinkWorld:
    world = LinkWorld(link_settings(**fields))
    await world.prepare()
    return world


async def test_below_saturation_the_lag_is_latency_and_size_by_bandwidth() -> None:
    world = await link_world()
    for number in range(50):  # 100 KB each 125 ms: 80 % of the bandwidth
        await world.put_at(number * 125, f"k{number}", 100_000)
    await world.settle()
    for number in range(50):
        assert world.lag_ms(f"k{number}") == pytest.approx(200 + 100, rel=0.02)


async def test_above_saturation_the_lag_grows_by_the_same_step() -> None:
    world = await link_world(link_parallel=1)
    # 100 KB each 50 ms: every one waits 50 ms longer than the one before
    for number in range(100):
        await world.put_at(number * 50, f"k{number}", 100_000)
    await world.settle()
    for number in range(100):
        assert world.lag_ms(f"k{number}") == pytest.approx(300 + 50 * number, rel=0.02)


async def test_above_saturation_the_link_is_used_fully_whatever_is_parallel() -> None:
    world = await link_world(link_parallel=16)
    for number in range(200):
        await world.put_at(number * 50, f"k{number}", 100_000)
    await world.settle()
    ends = [50 * number + world.lag_ms(f"k{number}") for number in range(200)]
    assert max(ends) == pytest.approx(200 + 200 * 100, rel=0.02)
    lags = [world.lag_ms(f"k{number}") for number in range(200)]
    early, late = statistics.mean(lags[32:64]), statistics.mean(lags[144:176])
    assert (late - early) / 112 == pytest.approx(50, rel=0.02)


@pytest.mark.parametrize("k", [2, 10])
async def test_k_at_the_same_time_share_the_link(k: int) -> None:
    world = await link_world()
    for number in range(k):
        await world.put(SOURCE, f"k{number}", bytes(100_000))
    await world.settle()
    assert {world.lag_ms(f"k{number}") for number in range(k)} == {200 + k * 100}


async def test_no_more_requests_begin_than_the_link_takes() -> None:
    world = await link_world(link_requests_per_s=40.0, link_bandwidth_bytes_per_s=0.0)
    for number in range(120):
        await world.put(SOURCE, f"k{number}", b"")
    await world.settle()
    for number in range(120):
        assert world.lag_ms(f"k{number}") == pytest.approx(200 + 25 * number, rel=0.02)


async def test_jitter_is_fixed_by_the_seed() -> None:
    async def lags(seed: int) -> list[int]:
        settings = link_settings(link_jitter_s=2.0, link_bandwidth_bytes_per_s=0.0)
        world = LinkWorld(settings, seed=seed)
        await world.prepare()
        for number in range(200):
            await world.put(SOURCE, f"k{number}", b"")
        await world.settle()
        return [world.lag_ms(f"k{number}") - 200 for number in range(200)]

    first = await lags(11)
    assert min(first) >= 0
    assert statistics.mean(first) == pytest.approx(2000, rel=0.3)
    assert await lags(11) == first
    assert await lags(12) != first


@pytest.mark.parametrize(("transfer_type", "took_ms"), [("internal", 400), ("oss_acc", 100)])
async def test_rules_with_acceleration_are_as_many_times_as_fast(
    transfer_type: str, took_ms: int
) -> None:
    world = await link_world(link_acceleration=4.0)
    with world.store.read() as view:
        [rule] = view.rules()
    await world.accelerate(rule, transfer_type)
    await world.put(SOURCE, "k", bytes(400_000))
    await world.settle()
    assert world.lag_ms("k") == 200 + took_ms


async def test_markers_and_deletes_pass_the_link_in_order() -> None:
    world = await link_world()
    await world.put(SOURCE, "k", bytes(1_000_000))
    deletion = await world.delete(SOURCE, "k")
    await world.run_to(START_MS + 1199)
    assert world.ids(DESTINATION, "k") == []
    await world.run_to(START_MS + 1200)
    assert world.ids(DESTINATION, "k") == world.ids(SOURCE, "k")
    assert deletion.version_id in world.ids(DESTINATION, "k")


async def test_versions_of_a_key_arrive_in_order_and_keys_do_not_wait_for_each_other() -> None:
    world = await link_world()
    for size in (300_000, 10, 20):
        await world.put(SOURCE, "k", bytes(size))
    await world.put(SOURCE, "other", b"1")
    await world.run_to(START_MS + 210)
    assert world.ids(DESTINATION, "other") != []
    assert world.ids(DESTINATION, "k") == []
    await world.settle()
    assert world.ids(DESTINATION, "k") == world.ids(SOURCE, "k")


async def test_bytes_done_are_shown() -> None:
    world = await link_world(link_parallel=2)
    for number in range(5):
        await world.put(SOURCE, f"k{number}", bytes(100_000))
    await world.run_to(START_MS + 200 + 60)
    shown = world.desk.transfers()
    [link] = shown.links
    assert (link.source, link.to, link.rule) == ("cn-hangzhou", "cn-shanghai", "")
    assert (link.in_flight, link.waiting, link.down_since) == (2, 3, None)
    assert [(each.key, each.bytes_done) for each in shown.transfers] == [
        ("k0", 30_000),
        ("k1", 30_000),
    ]
    assert {each.size_bytes for each in shown.transfers} == {100_000}
    assert {each.rule for each in shown.transfers} == {f"{SOURCE}-to-{DESTINATION}"}
    await world.settle()
    assert (world.desk.transfers().links, world.desk.transfers().transfers) == ([], [])


async def test_bandwidth_changes_at_once_for_what_is_in_flight() -> None:
    world = await link_world()
    await world.put(SOURCE, "k", bytes(1_000_000))
    await world.run_to(START_MS + 700)  # half of it is through
    await world.pair(bandwidth_bytes_per_s=RATE * 10)
    await world.settle()
    assert world.lag_ms("k") == 700 + 50


async def test_a_link_that_is_down_lets_nothing_through_and_drains_after() -> None:
    world = await link_world()
    await world.put(SOURCE, "half", bytes(100_000))
    await world.run_to(START_MS + 250)
    await world.pair(down=True)
    for number in range(100):
        await world.put_at(1000 + 10 * number, f"k{number}", 10_000)
    settled = await world.settle()
    assert (settled.applied, settled.pending) == (0, 101)
    assert world.listed(DESTINATION) == []
    [link] = world.desk.transfers().links
    assert (link.in_flight, link.waiting) == (1, 100)
    assert link.down_since == "2027-01-15T08:00:00.250Z"
    [transfer] = world.desk.transfers().transfers
    assert (transfer.bytes_done, transfer.expected_end) == (50_000, None)
    await world.run_to(START_MS + 3_600_000)
    await world.pair()
    await world.settle()
    assert len(world.listed(DESTINATION)) == 101
    assert world.lag_ms("half") == pytest.approx(3_600_000, abs=1000)
    last = max(world.lag_ms(f"k{number}") + 1000 + 10 * number for number in range(100))
    assert last == pytest.approx(3_600_000 + 50 + 1000, abs=5)


@pytest.mark.parametrize("model", [TimingName.INSTANT, TimingName.DOCUMENTED])
async def test_an_outage_holds_up_every_model(model: TimingName) -> None:
    world = LinkWorld(ReplicationSettings(start_delay_s=0, close_delay_s=0, timing=model))
    await world.prepare()
    await world.put(SOURCE, "before")
    if model is TimingName.DOCUMENTED:
        await world.due()
    else:
        await world.settle()
    await world.pair(down=True)
    for number in range(300):
        await world.put_at(1000 + number, f"k{number}", 10)
    await world.settle()
    held = 300 if model is TimingName.INSTANT else 301
    assert world.desk.transfers().links[0].waiting == held
    assert world.desk.transfers().links[0].in_flight == 0
    await world.run_to(START_MS + 3_600_000)
    await world.default()
    await world.run_to(START_MS + 3_600_000)
    assert len(world.listed(DESTINATION)) == 301
    assert world.lag_ms("k7") == 3_600_000 - 1007


async def test_an_outage_that_ends_before_it_was_due_costs_nothing() -> None:
    settings = ReplicationSettings(start_delay_s=0, close_delay_s=0, lag_s=60)
    world = LinkWorld(settings)
    await world.prepare()
    await world.pair(down=True)
    await world.put(SOURCE, "k")
    await world.run_to(START_MS + 30_000)
    await world.pair()
    await world.settle()
    assert world.lag_ms("k") == 60_000


async def test_what_was_refused_waits_for_a_link_that_is_down() -> None:
    world = await link_world()
    await world.set_policy(DESTINATION, "")
    await world.put(SOURCE, "k", b"1")
    counts = await world.settle()
    assert (counts.failed, counts.applied) == (1, 0)
    await world.pair(down=True)
    counts = await world.settle()  # ends: it waits, and does not retry
    assert counts.pending + counts.failed == 1
    assert counts.refused == 0
    await world.repair()
    assert (await world.settle()).applied == 0
    await world.pair()
    assert (await world.settle()).applied == 1


async def test_the_bytes_of_what_was_refused_do_not_travel_again() -> None:
    world = await link_world(retry_delay_s=1.0)
    await world.set_policy(DESTINATION, "")
    await world.put(SOURCE, "k", bytes(1_000_000))
    await world.run_to(START_MS + 1200)
    await world.repair()
    await world.settle()
    assert world.lag_ms("k") == 1200 + 1000


async def test_a_rule_with_a_timing_of_its_own_has_a_link_of_its_own() -> None:
    world = await link_world()
    await world.bucket("third-bucket", region="cn-shanghai")
    await world.rule(SOURCE, "third-bucket", rule_id="third")
    third = RuleTimingFields(bucket=SOURCE, rule="third")
    await world.desk.put_timing(TimingDocument(rules=(third,)))
    await world.put(SOURCE, "k", bytes(100_000))
    await world.settle()
    for bucket in (DESTINATION, "third-bucket"):
        [replica] = world.stack(bucket, "k")
        assert replica.origin is not None
        assert replica.origin.applied_ms == START_MS + 300


async def test_new_data_goes_before_historical_data() -> None:
    world = LinkWorld(link_settings(link_parallel=1))
    await world.bucket(SOURCE)
    for number in range(100):
        await world.put(SOURCE, f"old{number:02}", bytes(100_000))
    await world.bucket(DESTINATION, region="cn-shanghai")
    await world.rule(SOURCE, DESTINATION, historical=True)
    await world.run_to(START_MS + 3000)
    await world.put(SOURCE, "new", bytes(100_000))
    await world.settle()
    assert world.lag_ms("new") <= 200 + 200
    assert len(world.listed(DESTINATION)) == 101


async def test_settle_steps_over_every_end_and_finds_nothing_after() -> None:
    world = await link_world(link_parallel=3, link_jitter_s=1.0, link_requests_per_s=30.0)
    for number in range(300):
        await world.put_at(7 * number, f"k{number}", 997 * (number % 50))
    counts = await world.settle()
    assert (counts.pending, counts.failed) == (0, 0)
    assert world.engine.next_due_ms() is None
    assert world.engine.next_planned_ms() is None
    assert len(world.listed(DESTINATION)) == 300


async def test_a_removed_rule_takes_its_transfers_along() -> None:
    world = await link_world()
    with world.store.read() as view:
        [rule] = view.rules()
    await world.put(SOURCE, "k", bytes(10_000_000))
    await world.run_to(START_MS + 1000)
    await world.close_rule(rule)
    await world.settle()
    assert world.listed(DESTINATION) == []
    assert world.desk.transfers().transfers == []
    assert world.engine.next_due_ms() is None


async def test_a_restart_begins_anew_what_was_in_flight(tmp_path: Path) -> None:
    world = LinkWorld(link_settings(), folder=tmp_path)
    await world.prepare()
    for number in range(3):
        await world.put(SOURCE, f"k{number}", bytes(1_000_000))
    await world.pair(latency_s=0.2)
    await world.run_to(START_MS + 1200)
    await world.store.close()
    again = LinkWorld(link_settings(), folder=tmp_path, clock=VirtualClock(START_MS + 1200))
    assert again.desk.timing().regions[0].latency_s == 0.2
    assert again.engine.next_due_ms() == START_MS + 1200 + 3000
    await again.settle()
    assert [again.lag_ms(f"k{number}") for number in range(3)] == [1200 + 3000] * 3
    await again.store.close()


async def test_a_failed_transaction_begins_anew_what_was_in_flight() -> None:
    world = await link_world()
    await world.put(SOURCE, "k", bytes(1_000_000))
    await world.run_to(START_MS + 700)

    def fail(tx: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await world.engine.change(fail)
    await world.settle()
    assert world.lag_ms("k") == 700 + 1000


async def test_what_waits_for_a_link_that_is_none_any_more_is_due_at_once() -> None:
    world = await link_world()
    for number in range(20):
        await world.put(SOURCE, f"k{number}", bytes(1_000_000))
    await world.run_to(START_MS + 500)
    await world.default(model=TimingName.INSTANT)
    await world.due()
    assert len(world.listed(DESTINATION)) == 20
    assert world.lag_ms("k0") == 500


async def test_the_same_seed_gives_the_same_instants() -> None:
    async def log() -> list[tuple[str, int]]:
        world = await link_world(link_jitter_s=0.5, link_parallel=4, link_requests_per_s=100.0)
        for number in range(200):
            await world.put_at(3 * number, f"k{number % 90}", 613 * (number % 71))
        await world.settle()
        return [
            (entry.version_id, entry.origin.applied_ms)
            for number in range(90)
            for entry in world.stack(DESTINATION, f"k{number}")
            if entry.origin is not None
        ]

    assert await log() == await log()


async def test_instant_stores_nothing() -> None:
    world = World()
    await world.bucket(SOURCE)
    await world.bucket(DESTINATION)
    await world.rule(SOURCE, DESTINATION)
    await world.due()
    await world.put(SOURCE, "k")
    counts = await world.due()
    assert (counts.applied, counts.stored) == (1, 0)
