"""Transfer acceleration of a destination bucket, which rules of type ``oss_acc`` lean on."""

from __future__ import annotations

import msgspec

from emulator.domain.documents import reader_of
from emulator.domain.model import Bucket
from emulator.replication.model import Rule
from emulator.replication.ports import ReplicationTx, ReplicationView
from emulator.replication.regions import ACCELERATED

SETTING = "transferAcceleration"


class _Acceleration(msgspec.Struct, frozen=True, rename="pascal"):
    enabled: bool = False


_read = reader_of(_Acceleration)
_ON = msgspec.json.encode(_Acceleration(enabled=True)).decode()


def turn_on(tx: ReplicationTx, destination: Bucket) -> None:
    """Turn acceleration on unless it is (OSS PutBucketReplication, TransferType; documented)."""
    if not _read(tx.bucket_setting(destination, SETTING)).enabled:
        tx.put_bucket_setting(destination.id, SETTING, _ON)


def accelerated_rule(view: ReplicationView, destination: Bucket) -> Rule | None:
    """A rule of type ``oss_acc`` that leads to the bucket, closing ones included (inferred)."""
    rules = view.rules_to(destination.name)
    return next((rule for rule in rules if rule.spec.transfer_type == ACCELERATED), None)
