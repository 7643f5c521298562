"""What follows from the timings that are asked for: whether they make sense, and what counts."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

from emulator.replication.links.figures import LinkFigures
from emulator.replication.regions import known_regions
from emulator.replication.settings import ReplicationSettings, TimingName
from emulator.replication.timing.records import (
    FIELDS,
    FIELDS_OF,
    StoredTiming,
    TimingDocument,
    TimingFields,
    pair_name,
    rule_name,
)

_SECOND_MS = 1000.0


class TimingError(Exception):
    """A timing that cannot be had: where it is, what is wrong and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


class Resolved(NamedTuple):
    """What counts somewhere. ``link`` is there for the model ``link``, and where nothing gets
    through.

    ``entry`` is the name of the entry that decided: ``""`` of the default.
    """

    entry: str
    model: TimingName
    lag_ms: int
    link: LinkFigures | None


def check(document: TimingDocument, settings: ReplicationSettings) -> None:
    """Raise TimingError for what nobody can have meant."""
    regions = known_regions()
    names = [each.name for each in document.regions] + [each.name for each in document.rules]
    for name, times in Counter(names).items():
        if times > 1:
            raise TimingError(f"{name} is there {times} times", "leave one entry of it")
    for number, pair in enumerate(document.regions):
        for field, region in (("from", pair.source), ("to", pair.to)):
            if region not in regions:
                raise TimingError(
                    f"regions[{number}].{field}: there is no region {region!r}",
                    'write it as in {"from": "cn-hangzhou", "to": "cn-shanghai"}',
                )
    _check_fields("default", document.default, _merged(document, document.default, settings))
    for kind, entries in (("regions", document.regions), ("rules", document.rules)):
        for number, entry in enumerate(entries):
            _check_fields(f"{kind}[{number}]", entry, _merged(document, entry, settings))


def _check_fields(where: str, given: TimingFields, counts: TimingFields) -> None:
    """Raise TimingError where a field is given that the model does not have."""
    assert counts.model is not None
    has = FIELDS_OF[counts.model]
    for name in FIELDS:
        if getattr(given, name) is None or name in has:
            continue
        models = [model.value for model in TimingName if name in FIELDS_OF[model]]
        raise TimingError(
            f"{where}.{name}: the model {counts.model} has no {name}",
            f'leave it out, or give "model": "{models[0]}" too',
        )


def default_fields(settings: ReplicationSettings) -> TimingFields:
    """What the settings say."""
    return TimingFields(
        model=TimingName(settings.timing),
        lag_s=settings.lag_s,
        latency_s=settings.link_latency_s,
        jitter_s=settings.link_jitter_s,
        bandwidth_bytes_per_s=settings.link_bandwidth_bytes_per_s,
        requests_per_s=settings.link_requests_per_s,
        acceleration=settings.link_acceleration,
        parallel=settings.link_parallel,
        down=False,
    )


def effective(
    document: TimingDocument, entry: TimingFields, settings: ReplicationSettings
) -> TimingFields:
    """An entry with everything that counts for it, and nothing else."""
    merged = _merged(document, entry, settings)
    assert merged.model is not None
    has = FIELDS_OF[merged.model]
    return TimingFields(**{name: getattr(merged, name) for name in FIELDS if name in has})


def _merged(
    document: TimingDocument, entry: TimingFields, settings: ReplicationSettings
) -> TimingFields:
    """An entry with what it leaves out: of the default, then of the settings."""
    values: dict[str, object] = {}
    for source in (default_fields(settings), document.default, entry):
        for name in FIELDS:
            value = getattr(source, name)
            if value is not None:
                values[name] = value
    return msgspec.structs.replace(TimingFields(), **values)


class Resolver:
    """One stored document under the settings: what counts where."""

    def __init__(self, stored: StoredTiming, settings: ReplicationSettings) -> None:
        self.stored = stored
        self._settings = settings
        self._entries = stored.document.entries()
        self._resolved: dict[str, Resolved] = {}

    @property
    def is_uniform(self) -> bool:
        """Whether the default counts everywhere."""
        return len(self._entries) == 1

    @property
    def default(self) -> Resolved:
        """What counts where nothing else is said."""
        return self._at("")

    def of_pair(self, source: str, to: str) -> Resolved:
        """What counts between two regions."""
        name = pair_name(source, to)
        return self._at(name if name in self._entries else "")

    def of_rule(self, bucket: str, rule_id: str, source: str, to: str) -> Resolved:
        """What counts for a rule."""
        name = rule_name(bucket, rule_id)
        return self._at(name) if name in self._entries else self.of_pair(source, to)

    def _at(self, name: str) -> Resolved:
        found = self._resolved.get(name)
        if found is None:
            found = self._resolved[name] = self._resolve(name)
        return found

    def _resolve(self, name: str) -> Resolved:
        document, entry = self.stored.document, self._entries[name]
        fields = _merged(document, entry, self._settings)
        assert fields.model is not None
        assert fields.lag_s is not None
        said_by = name if entry.down is not None else ""
        down_ms = self.stored.down_since_ms.get(said_by, 0) if fields.down else None
        link = None
        if fields.model is TimingName.LINK:
            link = _figures(fields, down_ms)
        elif down_ms is not None:
            link = LinkFigures(down_since_ms=down_ms)
        return Resolved(name, fields.model, round(fields.lag_s * _SECOND_MS), link)


def _figures(fields: TimingFields, down_since_ms: int | None) -> LinkFigures:
    assert fields.latency_s is not None
    assert fields.jitter_s is not None
    assert fields.acceleration is not None
    assert fields.parallel is not None
    requests_per_s = fields.requests_per_s or 0.0
    return LinkFigures(
        latency_ms=fields.latency_s * _SECOND_MS,
        jitter_ms=fields.jitter_s * _SECOND_MS,
        bytes_per_ms=(fields.bandwidth_bytes_per_s or 0.0) / _SECOND_MS,
        request_ms=_SECOND_MS / requests_per_s if requests_per_s else 0.0,
        acceleration=fields.acceleration,
        parallel=fields.parallel,
        down_since_ms=down_since_ms,
    )


def stored(document: TimingDocument, before: StoredTiming, now_ms: int) -> StoredTiming:
    """A document as it is kept: a link that was down before has been so since then."""
    entries_before = before.document.entries()
    down: dict[str, int] = {}
    for name, entry in document.entries().items():
        if not entry.down:
            continue
        was = entries_before.get(name)
        is_still = was is not None and bool(was.down)
        down[name] = before.down_since_ms.get(name, now_ms) if is_still else now_ms
    return StoredTiming(document=document, down_since_ms=down)


def without_rule(before: StoredTiming, bucket: str, rule_id: str) -> StoredTiming | None:
    """What is kept without the entry of a rule; ``None``: it has none."""
    name = rule_name(bucket, rule_id)
    document = before.document
    rules = tuple(each for each in document.rules if each.name != name)
    if len(rules) == len(document.rules):
        return None
    down = {each: since for each, since in before.down_since_ms.items() if each != name}
    return StoredTiming(document=msgspec.structs.replace(document, rules=rules), down_since_ms=down)
