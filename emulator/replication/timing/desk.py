"""How long replication takes, looked at and changed from outside; and what is on its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import msgspec

from emulator.clock import Clock
from emulator.replication.explain_words import iso_time
from emulator.replication.links.lane import Standing
from emulator.replication.links.links import LinkStanding
from emulator.replication.ports import ReplicationStore, ReplicationTx, ReplicationView
from emulator.replication.settings import ReplicationSettings
from emulator.replication.timing.records import TimingDocument
from emulator.replication.timing.resolve import TimingError, check, effective, stored
from emulator.replication.timing.timings import Timings, rule_of_lane

T = TypeVar("T")


class Changing(Protocol):
    """Whoever drives the links: the engine."""

    def change(self, work: Callable[[ReplicationTx], T]) -> Awaitable[T]:
        """Run ``work`` in a transaction; forget what is in memory if it fails."""
        ...

    def wake(self) -> None:
        """Look at what is due."""
        ...


class NoSuchRule(Exception):
    """A timing for a rule that is not there; the message says which ones are."""


class LinkShown(msgspec.Struct, frozen=True, kw_only=True):
    """A link that carries something or has something waiting.

    It is that of two regions (``from``, ``to``) or of one rule (``bucket``, ``rule``), the others
    being ``""``. ``bandwidth_bytes_per_s`` is shared by those in flight; 0 is no limit.
    """

    source: str = msgspec.field(name="from")
    to: str
    bucket: str
    rule: str
    bandwidth_bytes_per_s: float
    down_since: str | None
    in_flight: int
    waiting: int


class TransferShown(msgspec.Struct, frozen=True, kw_only=True):
    """A change on its way; ``expected_end`` is at the present share, None while it cannot move."""

    bucket: str
    rule: str
    key: str
    size_bytes: int
    bytes_done: int
    since: str
    expected_end: str | None


class TransfersShown(msgspec.Struct, frozen=True, kw_only=True):
    """What is on its way at an instant."""

    now: str
    links: list[LinkShown]
    transfers: list[TransferShown]


class TimingDesk:
    """Shows and changes timings."""

    def __init__(
        self,
        store: ReplicationStore,
        clock: Clock,
        settings: ReplicationSettings,
        timings: Timings,
        engine: Changing,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._timings = timings
        self._engine = engine

    def timing(self) -> TimingDocument:
        """The timing that counts: the default with all that follows from the settings, the other
        entries as they were given."""
        with self._store.read() as view:
            document = self._timings.stored(view).stored.document
        default = effective(document, document.default, self._settings)
        return msgspec.structs.replace(document, default=default)

    async def put_timing(self, document: TimingDocument) -> TimingDocument:
        """These timings count from now on, in place of all others.

        What is stored as due keeps its due time, and what waits for a link or travels on it stays
        there; its figures count at once. Raises TimingError and NoSuchRule.
        """
        check(document, self._settings)
        await self._catch_up()

        def work(tx: ReplicationTx) -> None:
            now_ms = self._clock.now_ms()
            self._timings.refresh(tx, now_ms)
            before = self._timings.stored(tx).stored
            _check_rules(tx, document, before.document)
            self._timings.store(tx, stored(document, before, now_ms), now_ms)

        await self._engine.change(work)
        self._engine.wake()
        return self.timing()

    async def _catch_up(self) -> None:
        """Let pass what passes the links by now, in transactions of bounded length."""
        now_ms, limit = self._clock.now_ms(), self._settings.batch_len

        def work(tx: ReplicationTx) -> bool:
            self._timings.refresh(tx, now_ms)
            return self._timings.links.catch_up(tx, now_ms, limit)

        while not await self._engine.change(work):
            pass

    def transfers(self) -> TransfersShown:
        """What is on its way now."""
        now_ms = self._clock.now_ms()
        links: list[LinkShown] = []
        transfers: list[TransferShown] = []
        with self._store.read() as view:
            for link in self._timings.links.standing(view, now_ms):
                links.append(_link_shown(view, link))
                transfers += [_transfer_shown(view, each) for each in link.flying]
        return TransfersShown(now=iso_time(now_ms), links=links, transfers=transfers)


def _check_rules(view: ReplicationView, wanted: TimingDocument, before: TimingDocument) -> None:
    """Raise NoSuchRule for a rule that is not there, unless it had this entry before."""
    known = {(each.bucket, each.rule) for each in before.rules}
    for number, each in enumerate(wanted.rules):
        if (each.bucket, each.rule) in known:
            continue
        bucket = view.bucket(each.bucket)
        if bucket is None:
            raise NoSuchRule(f"rules[{number}]: there is no bucket {each.bucket!r}")
        if view.rule(bucket.id, each.rule) is None:
            ids = [rule.spec.rule_id for rule in view.rules_of(bucket.id)]
            there = ", ".join(ids) if ids else "none"
            raise NoSuchRule(
                f"rules[{number}]: {each.bucket} has no replication rule {each.rule!r}; "
                f"its rules: {there}"
            )


def _link_shown(view: ReplicationView, link: LinkStanding) -> LinkShown:
    rule = rule_of_lane(view, link.lane)
    bucket = None if rule is None else view.bucket_by_id(rule.source_bucket_id)
    source, _, to = link.lane.partition(">") if rule is None else ("", "", "")
    down_ms = link.figures.down_since_ms
    return LinkShown(
        source=source,
        to=to,
        bucket="" if bucket is None else bucket.name,
        rule="" if rule is None else rule.spec.rule_id,
        bandwidth_bytes_per_s=link.figures.bytes_per_ms * 1000,
        down_since=None if down_ms is None else iso_time(down_ms),
        in_flight=len(link.flying),
        waiting=link.waiting,
    )


def _transfer_shown(view: ReplicationView, standing: Standing) -> TransferShown:
    rule = view.rule_by_uid(standing.task.rule_uid)
    bucket = None if rule is None else view.bucket_by_id(rule.source_bucket_id)
    return TransferShown(
        bucket="" if bucket is None else bucket.name,
        rule="" if rule is None else rule.spec.rule_id,
        key=standing.task.key,
        size_bytes=standing.task.size_bytes,
        bytes_done=standing.bytes_done,
        since=iso_time(standing.since_ms),
        expected_end=None if standing.ends_ms is None else iso_time(standing.ends_ms),
    )


__all__ = ["NoSuchRule", "TimingDesk", "TimingError"]
