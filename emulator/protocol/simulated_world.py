"""What the policy simulator looks at: the store and the operation table."""

from __future__ import annotations

from emulator.access.decision import Acl, OperationClass
from emulator.access.identity_store import IdentityStore
from emulator.access.replication_rights import OwnBucketPolicies
from emulator.access.simulate import SimulatedBucket, SimulatedEntry
from emulator.protocol.context import RequestView
from emulator.protocol.delivery.public_access import is_blocked
from emulator.protocol.operations import OPERATIONS
from emulator.protocol.request_context import bucket_tags


def _classes() -> dict[str, OperationClass]:
    """The class of every action; where operations of two share it, the one ACLs can grant."""
    classes: dict[str, OperationClass] = {}
    for row in OPERATIONS:
        for action in (row.action.lower(), row.version_action.lower()):
            known = classes.get(action, OperationClass.MANAGEMENT)
            if known is OperationClass.MANAGEMENT:
                classes[action] = OperationClass(row.access.value)
    return classes


_CLASSES = _classes()


class SimulatedWorld:
    """Implements ``access.simulate.SimulationWorld`` on one reading of the store."""

    def __init__(self, view: RequestView, own_bucket_policies: OwnBucketPolicies) -> None:
        self._view = view
        self._own_bucket_policies = own_bucket_policies

    @property
    def identities(self) -> IdentityStore:
        """Accounts and what belongs to them."""
        return self._view.identities

    @property
    def own_bucket_policies(self) -> OwnBucketPolicies:
        """What bucket policies mean to a sync role in its own account."""
        return self._own_bucket_policies

    def operation_class(self, action: str) -> OperationClass:
        """Which ACLs may stand in for a policy."""
        return _CLASSES.get(action.lower(), OperationClass.MANAGEMENT)

    def bucket(self, name: str) -> SimulatedBucket | None:
        """A bucket by its name."""
        bucket = self._view.bucket(name)
        if bucket is None:
            return None
        return SimulatedBucket(
            name=bucket.name,
            owner_uid=bucket.owner_uid,
            location=bucket.location,
            acl=Acl(bucket.acl.value),
            policy=bucket.policy or "",
            public_blocked=is_blocked(self._view, bucket),
            tags=bucket_tags(self._view, bucket),
        )

    def entry(self, bucket: str, key: str, version_id: str) -> SimulatedEntry | None:
        """An object, in its current version if the id is empty; None for a delete marker."""
        found = self._view.bucket(bucket)
        if found is None:
            return None
        if version_id:
            version = self._view.version(found.id, key, version_id)
        else:
            version = self._view.current_version(found.id, key)
        if version is None or version.is_delete_marker:
            return None
        return SimulatedEntry(acl=Acl(version.acl.value), tags=version.tags)
