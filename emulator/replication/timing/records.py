"""How long replication is to take, as it is asked for: in JSON, in the store, by settings."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from emulator.replication.links.figures import PARALLEL_MAX
from emulator.replication.settings import TimingName

_YEAR_S = 366 * 86_400.0
_RATE_MAX = 1e15
_ENTRIES_MAX = 10_000

Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=_YEAR_S)]
Rate: TypeAlias = Annotated[float, Meta(ge=0, le=_RATE_MAX)]
Factor: TypeAlias = Annotated[float, Meta(gt=0, le=1000)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=PARALLEL_MAX)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]


class TimingFields(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A timing as it is given; what is left out is as in the default, at last as in the settings.

    ``lag_s`` is of ``instant``; the rest, but for ``model`` and ``down``, is of ``link``. A rate of
    0 is no limit. ``acceleration``: how many times as fast the bytes of ``oss_acc`` rules travel.
    ``parallel``: most transfers at a time. ``down``: nothing gets through.
    """

    model: TimingName | None = None
    lag_s: Seconds | None = None
    latency_s: Seconds | None = None
    jitter_s: Seconds | None = None
    bandwidth_bytes_per_s: Rate | None = None
    requests_per_s: Rate | None = None
    acceleration: Factor | None = None
    parallel: Count | None = None
    down: bool | None = None


FIELDS = tuple(field.name for field in msgspec.structs.fields(TimingFields))
FIELDS_OF = {
    TimingName.INSTANT: frozenset({"model", "lag_s", "down"}),
    TimingName.DOCUMENTED: frozenset({"model", "down"}),
    TimingName.LINK: frozenset(FIELDS) - {"lag_s"},
}


class PairTiming(TimingFields, frozen=True, kw_only=True, rename={"source": "from", "to": "to"}):
    """The timing from one region to another; its link is shared by all rules between them."""

    source: Name
    to: Name

    @property
    def name(self) -> str:
        """What it is for."""
        return pair_name(self.source, self.to)


class RuleTimingFields(TimingFields, frozen=True, kw_only=True):
    """The timing of one rule; a link is the rule's own then."""

    bucket: Name
    rule: Name

    @property
    def name(self) -> str:
        """What it is for."""
        return rule_name(self.bucket, self.rule)


class TimingDocument(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """All timings: a rule's own counts, else that of its regions, else the default."""

    default: TimingFields = TimingFields()
    regions: Annotated[tuple[PairTiming, ...], Meta(max_length=_ENTRIES_MAX)] = ()
    rules: Annotated[tuple[RuleTimingFields, ...], Meta(max_length=_ENTRIES_MAX)] = ()

    def entries(self) -> dict[str, TimingFields]:
        """Every entry by what it is for; ``""`` is the default."""
        found: dict[str, TimingFields] = {"": self.default}
        found.update((each.name, each) for each in self.regions)
        found.update((each.name, each) for each in self.rules)
        return found


class StoredTiming(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document with since when its links are down, by the name of the entry that says so."""

    document: TimingDocument = TimingDocument()
    down_since_ms: dict[str, int] = {}


def pair_name(source: str, to: str) -> str:
    """What the timing between two regions is called; their link's lane likewise."""
    return f"{source}>{to}"


def rule_name(bucket: str, rule_id: str) -> str:
    """What the timing of a rule is called."""
    return f"{bucket}/{rule_id}"
