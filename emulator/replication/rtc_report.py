"""What replication time control of a rule came to, for people."""

from __future__ import annotations

from emulator.replication.desk_records import Amount, LatencyShown, MissShown, RtcReport
from emulator.replication.explain_words import iso_time
from emulator.replication.figures import RuleFigures
from emulator.replication.journal_ports import Miss, RtcRow, RtcStats
from emulator.replication.latency import Latency
from emulator.replication.ports import ReplicationView
from emulator.replication.rule_state import shown_rtc

_MISSES_SHOWN_MAX = 100


def rtc_report(view: ReplicationView, figures: RuleFigures, threshold_ms: int) -> RtcReport:
    """The report of one rule; of a rule without time control ``latency_of_all`` is to tell."""
    rule, rtc = figures.rule, figures.stats.rtc
    row = view.rtc(rule.uid) or RtcRow(rule_uid=rule.uid, asked_ms=-1)
    return RtcReport(
        rule=rule.spec.rule_id,
        source_bucket=figures.source_bucket,
        destination_bucket=rule.spec.destination_bucket,
        status=shown_rtc(rule),
        asked=iso_time(row.asked_ms) if row.asked_ms >= 0 else None,
        effective=_iso(row.effective_ms),
        in_effect_since=_iso(row.since_ms),
        threshold_s=threshold_ms / 1000,
        objects=rtc.objects,
        within=rtc.within,
        within_share=_share(rtc),
        missed=rtc.missed,
        caught_up=rtc.caught_up,
        gone=rtc.gone,
        still_missing=rtc.still_missing,
        latency=latency_shown(figures.stats.rtc_latency),
        latency_of_all=latency_shown(figures.stats.latency),
        pending=Amount(figures.pending, figures.pending_bytes),
        pending_is_cut=figures.pending_is_cut,
        failed=Amount(figures.failed, figures.failed_bytes),
        misses=[_miss_shown(miss) for miss in view.misses(rule.uid, limit=_MISSES_SHOWN_MAX)],
    )


def latency_shown(latency: Latency) -> LatencyShown:
    """A latency in seconds."""
    return LatencyShown(
        objects=latency.objects,
        mean_s=round(latency.sum_ms / latency.objects) / 1000 if latency.objects else None,
        p50_s=_seconds(latency.percentile(0.5)),
        p90_s=_seconds(latency.percentile(0.9)),
        p99_s=_seconds(latency.percentile(0.99)),
        p999_s=_seconds(latency.percentile(0.999)),
        p9999_s=_seconds(latency.percentile(0.9999)),
        max_s=latency.max_ms / 1000 if latency.objects else None,
        distribution=[(bound / 1000, latency.counts[bound]) for bound in sorted(latency.counts)],
    )


def _share(rtc: RtcStats) -> float | None:
    """Never rounded up to 1: one late object in a million shows."""
    expected = rtc.objects + rtc.still_missing
    return rtc.within / expected if expected else None


def _miss_shown(miss: Miss) -> MissShown:
    late_ms = None
    if miss.ended_ms is not None:
        late_ms = max(miss.ended_ms - miss.missed_ms, 0)  # below: the clock was set back
    return MissShown(
        key=miss.key,
        version_id=miss.version_id,
        bytes=miss.size_bytes,
        written=iso_time(miss.at_ms),
        missed=iso_time(miss.missed_ms),
        ended=_iso(miss.ended_ms),
        ending=miss.ending,
        late_by_s=_seconds(late_ms),
    )


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _iso(ms: int | None) -> str | None:
    return None if ms is None else iso_time(ms)
