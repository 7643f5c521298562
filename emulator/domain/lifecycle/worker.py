"""The worker that scans buckets with lifecycle rules, once a day, page by page.

A scan begins at the scheduled hour; what it does depends on the clock's present alone, so that a
virtual clock that jumps over many days gets one scan, as of the day it arrives at. How far it has
come is kept with what it did, so that it goes on after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from emulator.clock import Clock
from emulator.domain.lifecycle.calendar import DAY_MS, scheduled_ms
from emulator.domain.lifecycle.records import Scan, ScanPhase
from emulator.domain.lifecycle.rules import rules_of
from emulator.domain.lifecycle.scan import (
    SETTING,
    Abortion,
    Planned,
    carry_out,
    moment_of,
    read_page,
)
from emulator.domain.model import Bucket
from emulator.domain.ports import MetaTx, MetaView, Rng
from emulator.domain.workers import Background

T = TypeVar("T")

PAGE_LEN = 500
# Actions of one transaction: the event loop stands still while they are done.
_ACTIONS_MAX = 64
_ABORTIONS_MAX = 1  # an upload may have ten thousand parts
# Pages without anything to do, after which the place is kept all the same.
_PAGES_UNKEPT_MAX = 200


class LifecycleStore(Protocol):
    """The metadata store as this worker sees it."""

    def read(self) -> AbstractContextManager[MetaView]:
        """A consistent view of what is committed. Never hold it across an ``await``."""
        ...

    async def write(self, work: Callable[[MetaTx], T]) -> T:
        """Run ``work`` in a transaction; its result comes back once it is durable."""
        ...


class LifecycleWorker(Background):
    """Carries out the lifecycle rules of all buckets. ``done`` counts what it deleted or moved.

    ``records_transitions``: replication is to hear of other storage classes.
    """

    name = "lifecycle"
    heeds_changes = False
    records_transitions = False

    def __init__(
        self,
        store: LifecycleStore,
        clock: Clock,
        rng: Rng,
        *,
        hour: int,
        changed: Callable[[], None],
        page_len: int = PAGE_LEN,
    ) -> None:
        """``hour`` of the day in UTC; ``changed`` is called when others may have work from it."""
        super().__init__(clock)
        self._store = store
        self._rng = rng
        self._hour = hour
        self._changed = changed
        self._page_len = page_len

    def next_due_ms(self) -> int:
        """The next scheduled hour, whether or not there are rules."""
        return scheduled_ms(self._clock.now_ms(), self._hour) + DAY_MS

    def next_planned_ms(self) -> None:
        """Scans go on for ever: nobody moves a clock for them."""

    async def _work(self) -> int:
        done = 0
        while True:
            scheduled = scheduled_ms(self._clock.now_ms(), self._hour)
            with self._store.read() as view:
                scan = view.open_scan(scheduled)
                bucket = None if scan is None else view.bucket_by_id(scan.bucket_id)
                text = "" if bucket is None else view.bucket_setting(bucket, SETTING)
            if scan is None:
                return done
            if bucket is None or not text:
                await self._forget(scan.bucket_id)
                continue
            if scan.scheduled_ms < scheduled:
                scan = Scan(bucket_id=bucket.id, scheduled_ms=scheduled, phase=ScanPhase.VERSIONS)
            done += await self._scan(bucket, text, scan)

    async def _scan(self, bucket: Bucket, text: str, scan: Scan) -> int:
        """Go through a bucket from the place of ``scan`` to its end."""
        rules, done, unkept = rules_of(text), 0, 0
        while scan.phase is not ScanPhase.DONE:
            now_ms = self._clock.now_ms()
            with self._store.read() as view:
                page = read_page(view, rules, scan, now_ms, limit=self._page_len)
            scan, unkept = page.after, unkept + 1
            if not page.work and unkept < _PAGES_UNKEPT_MAX and scan.phase is not ScanPhase.DONE:
                await _let_others_run()
                continue
            outcome = await self._keep(bucket, text, page.work, scan)
            if outcome is None:
                return done
            done, unkept = done + outcome, 0
        return done

    async def _keep(
        self, bucket: Bucket, text: str, work: Sequence[Planned | Abortion], after: Scan
    ) -> int | None:
        """Do the work of a page and keep the place after it.

        ``None``: the rules were changed meanwhile, and what is left of this day's scan is given
        up (OSS PutBucketLifecycle may end the day's tasks; documented).
        """
        done = 0
        at_once = _ABORTIONS_MAX if work and isinstance(work[0], Abortion) else _ACTIONS_MAX
        for at in range(0, max(1, len(work)), at_once):
            piece = work[at : at + at_once]
            place = after if at + at_once >= len(work) else None
            outcome = await self._write(bucket.id, text, piece, place)
            if outcome is None:
                return None
            done += outcome
        if done and bucket.records_changes:
            self._changed()
        return done

    async def _write(
        self, bucket_id: int, text: str, piece: Sequence[Planned | Abortion], place: Scan | None
    ) -> int | None:
        def work(tx: MetaTx) -> int | None:
            bucket = tx.bucket_by_id(bucket_id)
            if bucket is None or tx.bucket_setting(bucket, SETTING) != text:
                return None
            moment = moment_of(bucket, self._clock.now_ms(), self._rng)
            done = carry_out(
                tx, bucket, piece, moment, records_transitions=self.records_transitions
            )
            if place is not None:
                tx.put_scan(place)
            return done

        return await self._store.write(work)

    async def _forget(self, bucket_id: int) -> None:
        await self._store.write(lambda tx: tx.delete_scan(bucket_id))


async def _let_others_run() -> None:
    """Give the event loop one turn."""
    loop = asyncio.get_running_loop()
    turn = loop.create_future()
    loop.call_soon(turn.set_result, None)
    await turn
