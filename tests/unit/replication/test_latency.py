"""Latencies as counts of rounded milliseconds."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.replication.latency import Latency, cumulative, rounded_up

LAGS = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("lag_ms", "bound_ms"),
    [
        (-5, 0), (0, 0), (7, 7), (99, 99), (100, 100), (101, 110), (999, 1000), (1000, 1000),
        (9_901, 10_000), (600_000, 600_000), (600_001, 610_000), (123_456_789, 130_000_000),
    ],
)  # fmt: skip
def test_two_digits_rounded_up(lag_ms: int, bound_ms: int) -> None:
    assert rounded_up(lag_ms) == bound_ms


@given(LAGS)
def test_never_too_low_and_at_most_a_tenth_too_high(lag_ms: int) -> None:
    assert lag_ms <= rounded_up(lag_ms) <= max(lag_ms * 1.1, 99)
    assert rounded_up(rounded_up(lag_ms)) == rounded_up(lag_ms)


@given(st.lists(LAGS, min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_percentiles_are_those_of_the_list(lags: list[int], share: float) -> None:
    latency = Latency()
    for lag_ms in lags:
        latency.add(lag_ms, 1)
    exact = sorted(lags)[max(0, -int(-share * len(lags) // 1) - 1)]
    found = latency.percentile(share)
    assert found is not None
    assert exact <= found <= min(rounded_up(exact), max(lags))
    assert latency.within(600_000) == sum(lag_ms <= 600_000 for lag_ms in lags)


def test_nothing_has_no_percentile() -> None:
    assert Latency().percentile(0.5) is None


def test_counts_are_added_up_and_kept() -> None:
    latency = Latency()
    latency.add(20, 9_999)
    latency.add(660_000, 1)
    again = msgspec.json.decode(msgspec.json.encode(latency), type=Latency)
    assert again == latency
    assert (again.objects, again.sum_ms, again.max_ms) == (10_000, 20 * 9_999 + 660_000, 660_000)
    assert (again.percentile(0.9999), again.percentile(1)) == (20, 660_000)
    assert Latency().counts == {}


def test_cumulative_counts_for_given_bounds() -> None:
    counts = {30: 1, 5: 2, 1000: 4}
    assert cumulative(counts, (1, 5, 100, 999, 1000)) == [
        (1, 0), (5, 2), (100, 3), (999, 3), (1000, 7),
    ]  # fmt: skip
