"""How long objects took, as counts of rounded milliseconds: small, exact enough, easy to add up.

A latency is rounded up to two significant digits. So a percentile is never too low and at most a
tenth too high, and "within 10 minutes" is exact: what took longer than 600,000 ms counts above.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

_DIGITS_MAX = 99


class Latency(msgspec.Struct, omit_defaults=True):
    """How long the objects of a rule took: ``counts`` by rounded milliseconds."""

    objects: int = 0
    sum_ms: int = 0
    max_ms: int = 0
    counts: dict[int, int] = {}

    def add(self, lag_ms: int, objects: int) -> None:
        """Count so many objects that took so long."""
        self.objects += objects
        self.sum_ms += lag_ms * objects
        self.max_ms = max(self.max_ms, lag_ms)
        bound_ms = rounded_up(lag_ms)
        self.counts[bound_ms] = self.counts.get(bound_ms, 0) + objects

    def percentile(self, share: float) -> int | None:
        """The rounded latency that so large a share (0 to 1) did not exceed; None of no objects."""
        wanted, seen = share * self.objects, 0
        for bound_ms in sorted(self.counts):
            seen += self.counts[bound_ms]
            if seen >= wanted:
                return min(bound_ms, self.max_ms)
        return None

    def within(self, bound_ms: int) -> int:
        """How many objects did not take longer; exact for bounds of two significant digits."""
        return sum(count for each, count in self.counts.items() if each <= bound_ms)


def rounded_up(lag_ms: int) -> int:
    """Up to two significant digits; nothing is below 0."""
    if lag_ms <= _DIGITS_MAX:
        return max(lag_ms, 0)
    unit = 10
    while lag_ms > _DIGITS_MAX * unit:
        unit *= 10
    return -(-lag_ms // unit) * unit


def cumulative(counts: Mapping[int, int], bounds_ms: Iterable[int]) -> list[tuple[int, int]]:
    """For each bound, from the lowest on, how many are not above it; in one pass."""
    ordered = sorted(counts.items())
    found: list[tuple[int, int]] = []
    at = seen = 0
    for bound_ms in bounds_ms:
        while at < len(ordered) and ordered[at][0] <= bound_ms:
            seen += ordered[at][1]
            at += 1
        found.append((bound_ms, seen))
    return found
