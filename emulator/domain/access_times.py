"""The access monitor: when versions were read last (OSS PutBucketAccessMonitor; documented).

A read notes its version and goes on; a worker writes what was noted, many reads in one commit. Of
the reads within 24 hours only the first counts, and the time is known to lag (documented), so a
crash may take the latest reads with it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Protocol, TypeVar

import msgspec

from emulator.clock import Clock
from emulator.domain import errors
from emulator.domain.lifecycle.calendar import DAY_MS
from emulator.domain.lifecycle.document import configuration_of
from emulator.domain.lifecycle.plan import returns_when_read
from emulator.domain.lifecycle.records import entry_of
from emulator.domain.lifecycle.rules import rules_of
from emulator.domain.lifecycle.scan import SETTING as LIFECYCLE
from emulator.domain.lifecycle.scan import change_class, last_access_ms, moment_of
from emulator.domain.model import Bucket, ObjectVersion, StorageClass
from emulator.domain.objects import live_bucket
from emulator.domain.ports import MetaTx, MetaView, Rng
from emulator.domain.workers import Background

T = TypeVar("T")

SETTING = "accessmonitor"
ENABLED = "Enabled"
# Reads that wait to be written; beyond that a read of a further version is not noted at all.
NOTED_MAX = 100_000
_WRITTEN_AT_ONCE_MAX = 128


class AccessStore(Protocol):
    """The metadata store as this worker sees it."""

    async def write(self, work: Callable[[MetaTx], T]) -> T:
        """Run ``work`` in a transaction; its result comes back once it is durable."""
        ...


class _Read(msgspec.Struct, frozen=True, gc=False):
    """A version that was read. ``returns`` asks whether that makes it Standard again."""

    bucket_id: int
    key: str
    seq: int
    returns: bool


class AccessTimes(Background):
    """Notes reads and writes them down. ``done`` counts versions whose read was written."""

    name = "access-times"
    heeds_changes = False

    def __init__(self, store: AccessStore, clock: Clock, rng: Rng) -> None:
        super().__init__(clock)
        self._store = store
        self._rng = rng
        self._noted: dict[_Read, int] = {}  # when each was read first since it was written down

    def note(self, bucket: Bucket, version: ObjectVersion, now_ms: int) -> None:
        """A version was read (OSS GetObject). Free where reads are not monitored."""
        if SETTING not in bucket.setting_names or len(self._noted) >= NOTED_MAX:
            return
        returns = version.storage_class is StorageClass.IA and LIFECYCLE in bucket.setting_names
        read = _Read(bucket.id, version.key, version.seq, returns)
        if read not in self._noted:
            self._noted[read] = now_ms
            self.wake()

    def next_due_ms(self) -> None:
        """Only ``note`` gives it work."""

    async def _work(self) -> int:
        done = 0
        while self._noted:
            batch = dict(islice(self._noted.items(), _WRITTEN_AT_ONCE_MAX))
            await self._write(batch)
            for read in batch:
                del self._noted[read]
            done += len(batch)
        return done

    async def _write(self, reads: dict[_Read, int]) -> None:
        now_ms = self._clock.now_ms()
        await self._store.write(lambda tx: _write_down(tx, reads, now_ms, self._rng))


def _write_down(tx: MetaTx, reads: dict[_Read, int], now_ms: int, rng: Rng) -> None:
    for read, at_ms in reads.items():
        tx.put_access_time(read.bucket_id, read.key, read.seq, at_ms, apart_ms=DAY_MS)
        if read.returns:
            _return_to_standard(tx, read, now_ms, rng)


def _return_to_standard(tx: MetaTx, read: _Read, now_ms: int, rng: Rng) -> None:
    """Make an IA object Standard again if a rule says so (OSS ReturnToStdWhenVisit; documented)."""
    bucket = tx.bucket_by_id(read.bucket_id)
    version = tx.version_by_seq(read.bucket_id, read.key, read.seq)
    if bucket is None or version is None:
        return
    text = tx.bucket_setting(bucket, LIFECYCLE)
    if text and returns_when_read(rules_of(text), entry_of(version)):
        change_class(tx, bucket, version, StorageClass.STANDARD, moment_of(bucket, now_ms, rng))


def last_access_of(view: MetaView, bucket: Bucket, version: ObjectVersion) -> int | None:
    """When a version was read or written last, ``None`` where that is not monitored."""
    if SETTING not in bucket.setting_names:
        return None
    since_ms = view.monitored_since_ms(bucket.id)
    if since_ms is None:
        return None
    kept_ms = view.access_time_ms(bucket.id, version.key, version.seq)
    return last_access_ms(since_ms, version.modified_ms, kept_ms)


def put_access_monitor(tx: MetaTx, bucket: Bucket, document: str, now_ms: int) -> None:
    """Monitor the reads of a bucket from now on (OSS PutBucketAccessMonitor; documented)."""
    bucket = live_bucket(tx, bucket)
    tx.put_access_monitor(bucket.id, now_ms)
    tx.put_bucket_setting(bucket.id, SETTING, document)


def stop_access_monitor(tx: MetaTx, bucket: Bucket) -> None:
    """Monitor no longer. Raises AccessMonitorDisableNotAllowed while a rule goes by access time
    (documented)."""
    bucket = live_bucket(tx, bucket)
    if configuration_of(tx.bucket_setting(bucket, LIFECYCLE)).uses_access_time:
        raise errors.AccessMonitorDisableNotAllowed
    tx.put_access_monitor(bucket.id, None)
    tx.delete_bucket_setting(bucket.id, SETTING)
