"""Versioning stays as it is while a rule lives."""

from __future__ import annotations

from emulator.domain.errors import VersioningLocked
from emulator.domain.model import Bucket
from emulator.replication.model import Rule
from emulator.replication.ports import ReplicationView


def check_versioning_unlocked(view: ReplicationView, bucket: Bucket) -> None:
    """Raise VersioningLocked while a rule leaves the bucket or leads to it, closing ones included.

    A destination that was made anew in another state than the source is not frozen: nothing
    replicates to it until its state is the source's again. (OSS replication in special scenarios;
    that it is refused is documented, the code and the exception are inferred.)
    """
    for rule in view.rules_of(bucket.id):
        raise _locked(bucket, "source", rule)
    for rule in view.rules_to(bucket.name):
        source = view.bucket_by_id(rule.source_bucket_id)
        if source is None or source.versioning is bucket.versioning:
            raise _locked(bucket, "destination", rule)


def _locked(bucket: Bucket, role: str, rule: Rule) -> VersioningLocked:
    return VersioningLocked(
        bucket.name,
        f"The versioning state cannot be changed while the bucket is the {role} of the "
        f"replication rule {rule.spec.rule_id}.",
    )
