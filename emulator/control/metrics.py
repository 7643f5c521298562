"""What is measured, for Prometheus and as JSON: ``GET metrics``.

The gauges of each rule are named as Amazon S3 names them: OSS's own are not documented (inferred).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from aiohttp import web

from emulator.control.exposition import CONTENT_TYPE, Exposition, Kind, labels
from emulator.control.json import ControlError, answer
from emulator.control.query import read_query
from emulator.replication.counts import Counts
from emulator.replication.desk import Metrics, ReplicationDesk
from emulator.replication.desk_records import Amount, LatencyShown
from emulator.replication.explain_words import iso_time
from emulator.replication.figures import RuleFigures
from emulator.replication.journal_ports import RtcStats, Traffic
from emulator.replication.latency import cumulative
from emulator.replication.model import RtcStatus, RuleState
from emulator.replication.rtc_report import latency_shown
from emulator.replication.rule_state import shown_rtc

_PREFIX = "ossemu_replication_"
_BOUNDS_MS = (
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000,
    600_000, 900_000, 1_800_000, 3_600_000, 86_000_000,
)  # fmt: skip
_FORMATS = ("json", "prometheus")

_Sample = tuple[str, float]  # labels, value


class RuleMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """One rule; ``latency`` is of its new objects, ``rtc`` of those under time control."""

    rule: str
    source_bucket: str
    destination_bucket: str
    state: RuleState
    rtc_status: RtcStatus
    replication_latency_s: float
    watermark: str
    watermark_age_s: float
    historical_ratio: float
    pending: Amount
    pending_is_cut: bool
    failed: Amount
    objects: Amount
    history_objects: Amount
    retries: int
    effects: dict[str, int]
    skipped: dict[str, int]
    refused: dict[str, int]
    latency: LatencyShown
    rtc: RtcStats


class BucketMetrics(msgspec.Struct, frozen=True):
    """What replication moved (OSS CloudMonitor, SyncSend and SyncRecv; documented), in bytes."""

    bucket: str
    sync_send_bytes: int
    sync_recv_bytes: int


class MetricsShown(msgspec.Struct, frozen=True):
    """All of it; ``engine`` counts since the process was started."""

    now: str
    rules: list[RuleMetrics]
    rules_left_out: int
    buckets: list[BucketMetrics]
    engine: Counts


def get_metrics(desk: ReplicationDesk, request: web.BaseRequest) -> web.Response:
    """``GET metrics[?bucket=][&rule=][&format=]``: Prometheus text, or JSON where it is asked for
    (``format=json`` or ``Accept: application/json``)."""
    query = read_query(request, ("bucket", "rule", "format"))
    form = query.get("format")
    if form is not None and form not in _FORMATS:
        raise ControlError(400, f"there is no format {form!r}", f"formats: {', '.join(_FORMATS)}")
    bucket, rule = query.get("bucket", ""), query.get("rule", "")
    if rule and not bucket:
        raise ControlError(400, "a rule is found by its source bucket: bucket is needed")
    metrics = desk.metrics(bucket, rule)
    accepts_json = "application/json" in request.headers.get("Accept", "")
    if form == "json" or (form is None and accepts_json):
        return answer(_shown(metrics))
    headers = {"Content-Type": CONTENT_TYPE, "Server": "ossemu"}
    return web.Response(body=exposition(metrics).encode(), headers=headers)


def _shown(metrics: Metrics) -> MetricsShown:
    return MetricsShown(
        now=iso_time(metrics.now_ms),
        rules=[_rule_shown(figures) for figures in metrics.rules],
        rules_left_out=metrics.rules_left_out,
        buckets=[
            BucketMetrics(each.bucket, each.sent_bytes, each.received_bytes)
            for each in metrics.traffic
        ],
        engine=metrics.engine,
    )


def _rule_shown(figures: RuleFigures) -> RuleMetrics:
    rule, stats = figures.rule, figures.stats
    return RuleMetrics(
        rule=rule.spec.rule_id,
        source_bucket=figures.source_bucket,
        destination_bucket=rule.spec.destination_bucket,
        state=rule.state,
        rtc_status=shown_rtc(rule),
        replication_latency_s=figures.latency_ms / 1000,
        watermark=iso_time(figures.watermark_ms),
        watermark_age_s=figures.latency_ms / 1000,
        historical_ratio=figures.historical_ratio,
        pending=Amount(figures.pending, figures.pending_bytes),
        pending_is_cut=figures.pending_is_cut,
        failed=Amount(figures.failed, figures.failed_bytes),
        objects=Amount(stats.objects, stats.objects_bytes),
        history_objects=Amount(stats.history_objects, stats.history_bytes),
        retries=stats.retries,
        effects=stats.effects,
        skipped=stats.skipped,
        refused=stats.refused,
        latency=latency_shown(stats.latency),
        rtc=stats.rtc,
    )


# name, what it is, value
_GAUGES: tuple[tuple[str, str, Callable[[RuleFigures], float]], ...] = (
    ("latency_seconds", "How far the destination is behind", lambda of: of.latency_ms / 1000),
    (
        "watermark_timestamp_seconds",
        "Everything written before this instant is replicated",
        lambda of: of.watermark_ms / 1000,
    ),
    ("watermark_age_seconds", "The age of that instant", lambda of: of.latency_ms / 1000),
    ("historical_ratio", "Historical data done, 0 to 1", lambda of: of.historical_ratio),
    ("pending_operations", "Operations not carried out yet", lambda of: of.pending),
    ("pending_bytes", "Bytes they have to move", lambda of: of.pending_bytes),
    (
        "pending_is_cut",
        "1 while there are more changes to take in than were counted",
        lambda of: of.pending_is_cut,
    ),
    ("failed_operations", "Operations that were refused and are tried again", lambda of: of.failed),
    ("failed_bytes", "Bytes they have to move", lambda of: of.failed_bytes),
)
_COUNTERS: tuple[tuple[str, str, Callable[[RuleFigures], float]], ...] = (
    ("retries_total", "Attempts of what was refused before", lambda of: of.stats.retries),
    (
        "rtc_objects_total",
        "New objects that arrived under time control",
        lambda of: of.stats.rtc.objects,
    ),
    ("rtc_within_total", "Those of them that came in time", lambda of: of.stats.rtc.within),
    (
        "rtc_missed_total",
        "Objects that were not there when the threshold passed",
        lambda of: of.stats.rtc.missed,
    ),
    ("rtc_caught_up_total", "Those of them that came later", lambda of: of.stats.rtc.caught_up),
)


def exposition(metrics: Metrics) -> str:
    """The figures as Prometheus reads them. Pure."""
    text = Exposition()
    rules = [(_rule_labels(figures), figures) for figures in metrics.rules]
    text.family(
        f"{_PREFIX}rule_info",
        Kind.GAUGE,
        "Where each rule stands",
        (
            (f"{named},{labels(state=of.rule.state.value, rtc=shown_rtc(of.rule).value)}", 1)
            for named, of in rules
        ),
    )
    for name, doc, value in _GAUGES:
        text.family(_PREFIX + name, Kind.GAUGE, doc, [(named, value(of)) for named, of in rules])
    for name, doc, samples in _moved(rules):
        text.family(_PREFIX + name, Kind.COUNTER, doc, samples)
    for name, doc, value in _COUNTERS:
        counted = [(named, value(of)) for named, of in rules]
        text.family(_PREFIX + name, Kind.COUNTER, doc, counted)
    text.histogram(
        f"{_PREFIX}lag_seconds",
        "From the write of a new object to its replica",
        ((named, *_lag(of)) for named, of in rules if of.stats.latency.objects),
    )
    _add_buckets(text, metrics.traffic)
    left_out = metrics.rules_left_out
    text.family(
        f"{_PREFIX}rules_left_out", Kind.GAUGE, "Rules that are not shown", [("", left_out)]
    )
    return text.text()


def _rule_labels(figures: RuleFigures) -> str:
    spec = figures.rule.spec
    return labels(
        rule=spec.rule_id, source=figures.source_bucket, destination=spec.destination_bucket
    )


def _moved(
    rules: list[tuple[str, RuleFigures]],
) -> Iterator[tuple[str, str, Iterator[_Sample]]]:
    """The counters that have a label of their own."""
    yield (
        "objects_total",
        "Object versions copied, newly written ones and history",
        (
            (f'{named},kind="{kind}"', objects)
            for named, of in rules
            for kind, objects in (("new", of.stats.objects), ("history", of.stats.history_objects))
        ),
    )
    yield (
        "bytes_total",
        "Bytes of them",
        (
            (f'{named},kind="{kind}"', size_bytes)
            for named, of in rules
            for kind, size_bytes in (
                ("new", of.stats.objects_bytes),
                ("history", of.stats.history_bytes),
            )
        ),
    )
    yield "effects_total", "What was carried out", _by(rules, "effect", lambda of: of.stats.effects)
    yield (
        "skips_total",
        "Changes that asked for nothing, by reason",
        _by(rules, "reason", lambda of: of.stats.skipped),
    )
    yield (
        "refusals_total",
        "Attempts in vain, by reason",
        _by(rules, "reason", lambda of: of.stats.refused),
    )


def _by(
    rules: list[tuple[str, RuleFigures]],
    label: str,
    counts: Callable[[RuleFigures], dict[str, int]],
) -> Iterator[_Sample]:
    for named, of in rules:
        for name, count in counts(of).items():
            yield f"{named},{labels(**{label: name})}", count


def _lag(figures: RuleFigures) -> tuple[list[tuple[float, int]], float, int]:
    latency = figures.stats.latency
    buckets = [
        (bound_ms / 1000, below) for bound_ms, below in cumulative(latency.counts, _BOUNDS_MS)
    ]
    return buckets, latency.sum_ms / 1000, latency.objects


def _add_buckets(text: Exposition, traffic: list[Traffic]) -> None:
    text.family(
        f"{_PREFIX}sync_send_bytes_total",
        Kind.COUNTER,
        "Bytes that replication read from a bucket (SyncSend)",
        ((labels(bucket=each.bucket), each.sent_bytes) for each in traffic),
    )
    text.family(
        f"{_PREFIX}sync_recv_bytes_total",
        Kind.COUNTER,
        "Bytes that replication wrote to a bucket (SyncRecv)",
        ((labels(bucket=each.bucket), each.received_bytes) for each in traffic),
    )
