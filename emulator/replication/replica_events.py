"""Events of a destination bucket: what replication created, overwrote and removed there."""

from __future__ import annotations

from emulator.domain.events import NOTIFICATIONS, record_key_event
from emulator.domain.events.names import (
    REPLICA_CREATED,
    REPLICA_MODIFIED,
    REPLICA_REMOVED,
    REPLICATION,
)
from emulator.domain.events.rules import rules_of
from emulator.domain.model import Bucket, ObjectVersion
from emulator.domain.objects import Moment
from emulator.replication.ports import ReplicationTx


def replica_events(tx: ReplicationTx, bucket: Bucket, moment: Moment) -> ReplicaEvents | None:
    """What records the events of one batch; ``None`` where no rule of the bucket reports them."""
    if NOTIFICATIONS not in bucket.setting_names:
        return None
    rules = rules_of(tx.bucket_setting(bucket, NOTIFICATIONS))
    is_asked = any(name.startswith(REPLICATION) for rule in rules for name in rule.event)
    return ReplicaEvents(tx, bucket, moment) if is_asked else None


class ReplicaEvents:
    """Records ``ObjectReplication:*`` in the transaction of the effect.

    (OSS event notifications; documented. Delete markers, put or removed, are not reported, as
    with deletions by clients; ``ObjectCreated:*`` and ``ObjectRemoved:*`` are of clients alone;
    both inferred.)
    """

    def __init__(self, tx: ReplicationTx, bucket: Bucket, moment: Moment) -> None:
        self._tx = tx
        self._bucket = bucket
        self._moment = moment

    def written(self, replica: ObjectVersion, prior: ObjectVersion | None) -> None:
        """A replica was written where ``prior`` was the current version.

        Over an object it is an overwriting, also where the older version is kept (inferred).
        """
        if replica.is_delete_marker:
            return
        is_new = prior is None or prior.is_delete_marker
        before_bytes = 0 if prior is None else prior.size_bytes
        name = REPLICA_CREATED if is_new else REPLICA_MODIFIED
        self._record(name, replica, replica.size_bytes - before_bytes)

    def updated(self, replica: ObjectVersion) -> None:
        """ACL and tags of a replica were carried over: a modification (inferred)."""
        self._record(REPLICA_MODIFIED, replica, 0)

    def removed(self, version: ObjectVersion) -> None:
        """A version was removed for good."""
        if not version.is_delete_marker:
            self._record(REPLICA_REMOVED, version, -version.size_bytes)

    def _record(self, name: str, version: ObjectVersion, delta_bytes: int) -> None:
        subject = {
            "deltaSize": delta_bytes,
            "eTag": version.etag,
            "key": version.key,
            "size": version.size_bytes,
        }
        record_key_event(self._tx, self._bucket, self._moment, version.key, subject, name=name)
