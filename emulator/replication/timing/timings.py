"""Which timing counts for which rule at present, and the links that follow from it."""

from __future__ import annotations

from typing import Final

import msgspec

from emulator.domain.model import Bucket
from emulator.replication.links.figures import LinkFigures
from emulator.replication.links.links import Links
from emulator.replication.model import Rule, RuleSpec
from emulator.replication.ports import ReplicationTx, ReplicationView
from emulator.replication.regions import region_of
from emulator.replication.settings import ReplicationSettings, TimingName
from emulator.replication.timing.chance import Chance
from emulator.replication.timing.models import (
    DOCUMENTED_RTC_MS,
    DocumentedTiming,
    HeldUp,
    InstantTiming,
    LinkTiming,
    RuleTiming,
    distance,
    documented_start_ms,
)
from emulator.replication.timing.records import StoredTiming, pair_name
from emulator.replication.timing.resolve import Resolved, Resolver, without_rule

_RULE_LANE: Final = "rule "
_FREE = LinkFigures()  # what was a link and is none any more: everything is through at once
_RTC_DELAY_MS = 500
_decode = msgspec.json.Decoder(StoredTiming).decode
_encode = msgspec.json.Encoder().encode


class Timings:
    """The timings of an emulator. ``links`` are those the engine drives."""

    def __init__(self, settings: ReplicationSettings, seed: int = 0) -> None:
        self._settings = settings
        self._chance = Chance(seed)
        self._text: str | None = None
        self._version = 0
        self._adopt("")
        self._text = None
        self.links = Links(self.figures)

    def refresh(self, tx: ReplicationTx, now_ms: int, version: int | None = None) -> bool:
        """Take over what is stored, if that is something else; it counts from now on.

        ``version`` is that of what is stored, if it is known. Whether links were run for it.
        """
        if self._text is not None and version == self._version:
            return False
        self._version = tx.timing_version() if version is None else version
        text = tx.timing_text()
        if text == self._text:
            return False
        if self._text is None:
            self._adopt(text)
            return False
        self.links.refigure(tx, now_ms, lambda: self._adopt(text))
        return True

    def stored(self, view: ReplicationView) -> Resolver:
        """What counts where."""
        if self._text is None:
            self._version = view.timing_version()
            self._adopt(view.timing_text())
        return self._resolver

    def store(self, tx: ReplicationTx, wanted: StoredTiming, now_ms: int) -> None:
        """Store what is to count, from now on."""
        self.refresh(tx, now_ms)
        tx.put_timing_text(_encode(wanted).decode())
        self.refresh(tx, now_ms)

    def drop_rule(self, tx: ReplicationTx, rule: Rule) -> None:
        """A rule goes, without tasks: its entry goes with it, and its own link."""
        source = tx.bucket_by_id(rule.source_bucket_id)
        before = self.stored(tx).stored
        wanted = None if source is None else without_rule(before, source.name, rule.spec.rule_id)
        if wanted is not None:
            text = _encode(wanted).decode()
            tx.put_timing_text(text)
            self._version = tx.timing_version()
            self._adopt(text)  # no other link has other figures now
        self.links.drop(f"{_RULE_LANE}{rule.uid}")

    def forget(self) -> None:
        """A transaction failed: what was taken over in it may not be stored."""
        self._text = None
        self.links.forget()

    def of_rule(
        self, view: ReplicationView, rule: Rule, source: Bucket | None = None
    ) -> RuleTiming:
        """The timing of a rule; ``source`` is its source bucket, if that was read before."""
        resolver = self.stored(view)
        if self._instant is not None:
            return self._instant
        source = source or view.bucket_by_id(rule.source_bucket_id)
        if source is None:
            return InstantTiming()
        resolved = _of_spec(resolver, source, rule.spec)
        timing = self._model(resolved, source, rule)
        if resolved.link is None or timing.lane is not None:
            return timing
        return HeldUp(timing, _lane(resolved, source, rule))

    def _model(self, resolved: Resolved, source: Bucket, rule: Rule) -> RuleTiming:
        match resolved.model:
            case TimingName.INSTANT:
                return InstantTiming(resolved.lag_ms)
            case TimingName.DOCUMENTED:
                far = distance(source.region, region_of(rule.spec.destination_location))
                return DocumentedTiming(rule, far, self._chance)
            case TimingName.LINK:
                assert resolved.link is not None
                return LinkTiming(rule, _lane(resolved, source, rule), resolved.link, self._chance)

    def start_delay_ms(self, view: ReplicationView, source: Bucket, spec: RuleSpec) -> int:
        """How long a new rule stays ``starting``: as the setting says, else as its timing does."""
        resolved = _of_spec(self.stored(view), source, spec)
        if self._settings.start_delay_s is None and resolved.model is TimingName.DOCUMENTED:
            return documented_start_ms(self._chance, source.name, spec.rule_id)
        return self._settings.start_delay_ms

    def rtc_delay_ms(self, view: ReplicationView, rule: Rule, *, after_history: bool) -> int:
        """How long time control stays ``enabling``: as the setting says, else as its timing does.

        From the end of the history, or where none is copied from being asked for.
        """
        settings = self._settings
        given_s = settings.rtc_history_delay_s if after_history else settings.rtc_enable_delay_s
        if given_s is not None:
            return round(given_s * 1000)
        if isinstance(self.of_rule(view, rule), DocumentedTiming):
            return DOCUMENTED_RTC_MS[after_history]
        return _RTC_DELAY_MS

    def _adopt(self, text: str) -> None:
        stored = _decode(text) if text else StoredTiming()
        resolver = Resolver(stored, self._settings)
        self._text, self._resolver = text, resolver
        default = resolver.default
        is_instant = resolver.is_uniform and default.model is TimingName.INSTANT
        is_instant &= default.link is None
        self._instant = InstantTiming(default.lag_ms) if is_instant else None

    def figures(self, view: ReplicationView, lane: str) -> LinkFigures:
        """The figures of a lane; its tasks keep it whatever is asked for later."""
        resolver = self.stored(view)
        if not lane.startswith(_RULE_LANE):
            source_region, _, to = lane.partition(">")
            return resolver.of_pair(source_region, to).link or _FREE
        rule = view.rule_by_uid(int(lane.removeprefix(_RULE_LANE)))
        source = None if rule is None else view.bucket_by_id(rule.source_bucket_id)
        if rule is None or source is None:
            return _FREE
        return _of_spec(resolver, source, rule.spec).link or _FREE


def rule_of_lane(view: ReplicationView, lane: str) -> Rule | None:
    """The rule whose own link a lane is; ``None``: it is that of two regions."""
    if not lane.startswith(_RULE_LANE):
        return None
    return view.rule_by_uid(int(lane.removeprefix(_RULE_LANE)))


def _of_spec(resolver: Resolver, source: Bucket, spec: RuleSpec) -> Resolved:
    to = region_of(spec.destination_location)
    return resolver.of_rule(source.name, spec.rule_id, source.region, to)


def _lane(resolved: Resolved, source: Bucket, rule: Rule) -> str:
    """A rule with an entry of its own has a link of its own; the others share their regions'."""
    pair = pair_name(source.region, region_of(rule.spec.destination_location))
    return pair if resolved.entry in ("", pair) else f"{_RULE_LANE}{rule.uid}"
