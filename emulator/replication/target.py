"""Where a rule copies to, as its two buckets are now."""

from __future__ import annotations

import msgspec

from emulator.domain.model import Bucket
from emulator.replication.model import FailureReason, Refusal, Rule
from emulator.replication.ports import ReplicationView
from emulator.replication.settings import ReplicaOwner, ReplicationSettings


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rule copies to, and as whose the replicas are written ("" = the source's owner)."""

    rule: Rule
    source: Bucket
    destination: Bucket
    owner_uid: str


def find_target(
    view: ReplicationView, rule: Rule, settings: ReplicationSettings
) -> Target | Refusal:
    """The buckets of a rule as they are now, or why it cannot copy at all."""
    source = view.bucket_by_id(rule.source_bucket_id)
    destination = view.bucket(rule.spec.destination_bucket)
    if source is None or destination is None:
        return _no_destination(rule, "does not exist")
    if destination.location != rule.spec.destination_location:
        return _no_destination(rule, f"is in {destination.location} now")
    mixed = source.versioning is not destination.versioning
    if mixed and not settings.allow_mixed_versioning:
        return Refusal(
            reason=FailureReason.VERSIONING_MISMATCH,
            resource=destination.name,
            message=(
                f"Versioning of {source.name} is {source.versioning or 'off'}, "
                f"of {destination.name} {destination.versioning or 'off'}."
            ),
            remedy="Give both buckets the same versioning state.",
        )
    keeps_owner = settings.cross_account_owner is ReplicaOwner.SOURCE
    owner_uid = "" if keeps_owner else destination.owner_uid
    return Target(rule=rule, source=source, destination=destination, owner_uid=owner_uid)


def _no_destination(rule: Rule, state: str) -> Refusal:
    name, location = rule.spec.destination_bucket, rule.spec.destination_location
    return Refusal(
        reason=FailureReason.DESTINATION_BUCKET_MISSING,
        resource=name,
        message=f"The destination bucket {name} {state}.",
        remedy=f"Create the bucket {name} in {location} or delete the rule.",
    )
