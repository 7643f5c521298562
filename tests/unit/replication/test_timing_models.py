"""What each timing model says of a rule's changes, over many of them."""

from __future__ import annotations

import statistics

import msgspec
import pytest

from emulator.domain.model import Change, ChangeKind
from emulator.replication.links.figures import LinkFigures
from emulator.replication.model import History, RtcStatus, Rule, RuleSpec, RuleState
from emulator.replication.settings import ReplicationSettings, TimingName
from emulator.replication.timing import DocumentedTiming, InstantTiming, LinkTiming, Timings
from emulator.replication.timing.chance import Chance, Purpose
from emulator.replication.timing.models import (
    RTC_MS,
    Distance,
    distance,
    documented_start_ms,
    rtc_lag_ms,
)
from emulator.replication.timing.records import (
    PairTiming,
    RuleTimingFields,
    StoredTiming,
    TimingDocument,
    TimingFields,
)
from emulator.replication.timing.resolve import Resolver, TimingError, check, effective, stored

NOW = 1_800_000_000_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
MIB, GIB = 1 << 20, 1 << 30
CHANCE = Chance(7)


def rule(**spec: object) -> Rule:
    fields: dict[str, object] = {
        "rule_id": "r",
        "destination_bucket": "d",
        "destination_location": "oss-cn-shanghai",
        **spec,
    }
    return Rule(
        uid=3,
        source_bucket_id=1,
        spec=RuleSpec(**fields),  # type: ignore[arg-type]  # fields of several types
        state=RuleState.DOING,
        created_ms=NOW - HOUR_MS,
        starts_ms=NOW - HOUR_MS,
        closes_ms=None,
        cursor_seq=0,
        last_seq=None,
        history=History(bound_seq=0, done=True),
    )


def change(seq: int, kind: ChangeKind = ChangeKind.PUT, at_ms: int = NOW) -> Change:
    return Change(
        seq=seq, bucket_id=1, key="k", kind=kind, version_id="", version_seq=seq or 5, at_ms=at_ms
    )


def lags(
    timing: DocumentedTiming | LinkTiming, count: int, size: int = 0, **fields: object
) -> list[int]:
    return [
        timing.due_ms(change(seq, **fields), size, NOW) - NOW  # type: ignore[arg-type]
        for seq in range(1, count + 1)
    ]


# documented


def test_a_rule_takes_three_to_five_minutes_to_start() -> None:
    delays = [documented_start_ms(CHANCE, "bucket", f"rule-{number}") for number in range(2000)]
    assert min(delays) >= 3 * MINUTE_MS
    assert max(delays) <= 5 * MINUTE_MS
    assert statistics.mean(delays) == pytest.approx(4 * MINUTE_MS, rel=0.02)
    assert documented_start_ms(Chance(7), "bucket", "rule-0") == delays[0]
    assert documented_start_ms(Chance(8), "bucket", "rule-0") != delays[0]


@pytest.mark.parametrize(
    ("far", "low_s", "high_s"),
    [(Distance.SAME_REGION, 60, 120), (Distance.SAME_AREA, 60, 180), (Distance.ACROSS, 120, 300)],
)
def test_small_objects_take_minutes_by_distance(far: Distance, low_s: int, high_s: int) -> None:
    timing = DocumentedTiming(rule(), far, CHANCE)
    for size in (0, 1024, 2_000_000):
        found = lags(timing, 500, size)
        assert low_s * 1000 <= min(found)
        assert max(found) <= high_s * 1000 + 999


@pytest.mark.parametrize(
    ("far", "size", "low_ms", "high_ms"),
    [
        (Distance.SAME_REGION, GIB, MINUTE_MS, 3 * MINUTE_MS),
        (Distance.SAME_AREA, GIB, MINUTE_MS, 5 * MINUTE_MS),
        (Distance.ACROSS, GIB, 10 * MINUTE_MS, 25 * MINUTE_MS),
        (Distance.ACROSS, 20 * GIB, 3 * HOUR_MS, 7 * HOUR_MS),
    ],
)
def test_larger_ones_take_minutes_to_hours(
    far: Distance, size: int, low_ms: int, high_ms: int
) -> None:
    found = lags(DocumentedTiming(rule(), far, CHANCE), 300, size)
    assert low_ms <= min(found)
    assert max(found) <= high_ms
    accelerated = DocumentedTiming(rule(transfer_type="oss_acc"), far, CHANCE)
    assert statistics.mean(lags(accelerated, 300, size)) < statistics.mean(found)


def test_under_rtc_one_in_ten_thousand_is_late() -> None:
    draws = [number / 1_000_000 for number in range(1_000_000)]
    found = [rtc_lag_ms(draw) for draw in draws]
    late = [lag for lag in found if lag > RTC_MS]
    assert len(late) == pytest.approx(100, abs=1)
    assert max(late) <= 2 * RTC_MS + 1
    assert statistics.quantiles(found, n=100)[93] < 10_000  # most within seconds


def test_under_rtc_new_objects_are_quick_and_deletes_are_not() -> None:
    timing = DocumentedTiming(rule(rtc=RtcStatus.ENABLED), Distance.SAME_AREA, CHANCE)
    found = lags(timing, 40_000, 5 * GIB)
    assert statistics.median(found) < 10_000
    misses = [lag for lag in found if lag > RTC_MS]
    assert 1 <= len(misses) <= 12
    assert min(lags(timing, 100, kind=ChangeKind.MARKER)) >= MINUTE_MS
    assert timing.due_ms(change(0), 5, NOW) - NOW >= MINUTE_MS  # historical data
    enabling = DocumentedTiming(rule(rtc=RtcStatus.ENABLING), Distance.SAME_AREA, CHANCE)
    assert min(lags(enabling, 100, 5)) >= MINUTE_MS


def test_time_counts_from_the_change_the_start_of_the_rule_or_the_reading_of_history() -> None:
    timing = DocumentedTiming(rule(), Distance.SAME_AREA, CHANCE)
    early = timing.due_ms(change(1, at_ms=NOW - 2 * HOUR_MS), 5, NOW)
    assert MINUTE_MS <= early - (NOW - HOUR_MS) <= 3 * MINUTE_MS + 999
    old = timing.due_ms(change(0, at_ms=NOW - 9 * HOUR_MS), 5, NOW)
    assert MINUTE_MS <= old - NOW <= 3 * MINUTE_MS + 999


def test_regions_are_the_same_in_one_area_or_across_the_border() -> None:
    assert distance("cn-hangzhou", "cn-hangzhou") is Distance.SAME_REGION
    assert distance("cn-hangzhou", "cn-beijing") is Distance.SAME_AREA
    assert distance("eu-central-1", "us-west-1") is Distance.SAME_AREA
    assert distance("cn-hangzhou", "cn-hongkong") is Distance.ACROSS


# chance


def test_chance_does_not_depend_on_order() -> None:
    one, other = Chance(1), Chance(1)
    changes = [change(seq) for seq in range(1, 50)]
    forth = [one.of_change(3, each, Purpose.LAG) for each in changes]
    back = [other.of_change(3, each, Purpose.LAG) for each in reversed(changes)]
    assert forth == back[::-1]
    assert len(set(forth)) == 49
    assert one.of_change(4, changes[0], Purpose.LAG) != forth[0]
    assert one.of_change(3, changes[0], Purpose.JITTER) != forth[0]
    assert Chance(2).of_change(3, changes[0], Purpose.LAG) != forth[0]
    versions = [msgspec.structs.replace(change(0), version_seq=seq) for seq in range(50)]
    assert len({one.of_change(3, each, Purpose.LAG) for each in versions}) == 50


# link


def test_a_link_begins_after_its_latency_and_jitter_has_its_mean() -> None:
    plain = LinkTiming(rule(), "a>b", LinkFigures(latency_ms=250.0), CHANCE)
    assert set(lags(plain, 100)) == {250}
    shaky = LinkTiming(rule(), "a>b", LinkFigures(latency_ms=250.0, jitter_ms=400.0), CHANCE)
    found = [lag - 250 for lag in lags(shaky, 40_000)]
    assert min(found) >= 0
    assert statistics.mean(found) == pytest.approx(400, rel=0.02)
    assert statistics.pstdev(found) == pytest.approx(400, rel=0.05)


# what counts

SETTINGS = ReplicationSettings(lag_s=1.5, link_latency_s=0.5)


def document(**fields: object) -> TimingDocument:
    return TimingDocument(**fields)  # type: ignore[arg-type]  # fields of several types


def test_a_rule_counts_before_its_regions_and_those_before_the_default() -> None:
    wanted = document(
        default=TimingFields(model=TimingName.LINK, parallel=3, requests_per_s=50.0),
        regions=(PairTiming(source="cn-hangzhou", to="cn-shanghai", parallel=4),),
        rules=(RuleTimingFields(bucket="b", rule="r", model=TimingName.INSTANT),),
    )
    check(wanted, SETTINGS)
    resolver = Resolver(StoredTiming(document=wanted), SETTINGS)
    default = resolver.of_rule("b", "other", "cn-beijing", "cn-shanghai")
    assert default.link == LinkFigures(
        latency_ms=500.0,
        bytes_per_ms=12_500.0,
        request_ms=20.0,
        acceleration=2.0,
        parallel=3,
    )
    pair = resolver.of_rule("b", "other", "cn-hangzhou", "cn-shanghai")
    assert pair.link is not None
    assert default.link is not None
    assert pair.link == msgspec.structs.replace(default.link, parallel=4)
    own = resolver.of_rule("b", "r", "cn-hangzhou", "cn-shanghai")
    assert (own.model, own.link, own.lag_ms) == (TimingName.INSTANT, None, 1500)


def test_since_when_a_link_is_down_is_kept() -> None:
    pair = PairTiming(source="cn-hangzhou", to="cn-shanghai", down=True)
    wanted = document(default=TimingFields(model=TimingName.LINK), regions=(pair,))
    first = stored(wanted, StoredTiming(), 5)
    again = stored(wanted, first, 9)
    assert again.down_since_ms == {"cn-hangzhou>cn-shanghai": 5}
    up = stored(document(default=TimingFields(model=TimingName.LINK)), again, 10)
    assert up.down_since_ms == {}
    assert stored(wanted, up, 11).down_since_ms == {"cn-hangzhou>cn-shanghai": 11}
    link = Resolver(again, SETTINGS).of_pair("cn-hangzhou", "cn-shanghai").link
    assert link is not None
    assert link.down_since_ms == 5
    everywhere = document(
        default=TimingFields(model=TimingName.LINK, down=True),
        regions=(msgspec.structs.replace(pair, down=None),),
    )
    link = Resolver(stored(everywhere, up, 12), SETTINGS).of_pair("cn-hangzhou", "cn-shanghai").link
    assert link is not None
    assert link.down_since_ms == 12


def test_what_counts_is_shown_without_what_the_model_has_not() -> None:
    wanted = document(default=TimingFields(model=TimingName.DOCUMENTED))
    assert effective(wanted, wanted.default, SETTINGS) == TimingFields(
        model=TimingName.DOCUMENTED, down=False
    )
    assert effective(document(), TimingFields(), SETTINGS) == TimingFields(
        model=TimingName.INSTANT, lag_s=1.5, down=False
    )


def test_a_field_of_another_model_is_refused_with_what_to_do() -> None:
    with pytest.raises(TimingError) as refusal:
        check(document(default=TimingFields(parallel=2)), SETTINGS)
    assert refusal.value.message == "default.parallel: the model instant has no parallel"
    assert '"model": "link"' in refusal.value.hint


def test_the_setting_overrides_the_start_of_the_model() -> None:
    def delay(**fields: object) -> int:
        settings = ReplicationSettings(**fields)  # type: ignore[arg-type]
        return settings.start_delay_ms

    assert delay() == 500
    assert delay(start_delay_s=7.0) == 7000
    assert Timings(ReplicationSettings(timing=TimingName.DOCUMENTED)).links is not None
    assert InstantTiming().lane is None
