"""Putting and removing the rules of a bucket."""

from __future__ import annotations

from emulator.domain.errors import MalformedXML
from emulator.domain.lifecycle.calendar import scheduled_ms
from emulator.domain.lifecycle.records import Scan, ScanPhase
from emulator.domain.lifecycle.scan import SETTING
from emulator.domain.model import Bucket
from emulator.domain.objects import live_bucket
from emulator.domain.ports import MetaTx


def require_monitor_since_s(tx: MetaTx, bucket: Bucket) -> int:
    """Since when reads are monitored, in unix seconds, for rules that go by access time.

    Raises MalformedXML while they are not (OSS PutBucketLifecycle; documented).
    """
    since_ms = tx.monitored_since_ms(bucket.id)
    if since_ms is None:
        raise MalformedXML("IsAccessTime needs the access monitor", ec="0014-00000016")
    return since_ms // 1000


def put_lifecycle(tx: MetaTx, bucket: Bucket, document: str, now_ms: int, *, hour: int) -> None:
    """Keep checked rules in place of those that were there. The next daily scan follows them
    (OSS loads rules within 24 hours; documented)."""
    bucket = live_bucket(tx, bucket)
    tx.put_bucket_setting(bucket.id, SETTING, document)
    newest_ms = scheduled_ms(now_ms, hour)
    tx.put_scan(Scan(bucket_id=bucket.id, scheduled_ms=newest_ms, phase=ScanPhase.DONE))


def delete_lifecycle(tx: MetaTx, bucket: Bucket) -> None:
    """Remove all rules; none there is no error (documented)."""
    bucket = live_bucket(tx, bucket)
    tx.delete_bucket_setting(bucket.id, SETTING)
    tx.delete_scan(bucket.id)
