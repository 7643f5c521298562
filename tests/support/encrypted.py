"""Encrypted objects and rules that copy them, for tests that drive a real server with oss2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import oss2

from tests.support.lab import HANGZHOU, Lab, allow, bucket_policy, rule_xml

SSE = "x-oss-server-side-encryption"
KEY_ID = f"{SSE}-key-id"
REPLICATE = (
    "oss:ReplicateList",
    "oss:ReplicateGet",
    "oss:ReplicatePut",
    "oss:ReplicateDelete",
)


def on_key(*actions: str, resource: str = "*") -> dict[str, object]:
    """A statement that allows actions on keys."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def kms_rule(role: str, key: str, status: str = "Enabled") -> str:
    """The part of a rule that is about encryption; no status: only the role."""
    chosen = f"<SyncRole>{role}</SyncRole>"
    if status:
        chosen += (
            "<SourceSelectionCriteria><SseKmsEncryptedObjects>"
            f"<Status>{status}</Status></SseKmsEncryptedObjects></SourceSelectionCriteria>"
        )
    if key:
        chosen += (
            f"<EncryptionConfiguration><ReplicaKmsKeyID>{key}</ReplicaKmsKeyID>"
            "</EncryptionConfiguration>"
        )
    return chosen


def kms(key: str = "") -> dict[str, str]:
    """The headers that ask for SSE-KMS."""
    return {SSE: "KMS", **({KEY_ID: key} if key else {})}


def shown(bucket: oss2.Bucket, key: str) -> tuple[str | None, str | None]:
    """Algorithm and key id that HEAD shows."""
    headers = bucket.head_object(key).headers
    return headers.get(SSE), headers.get(KEY_ID)


def default_of(bucket: oss2.Bucket, algorithm: str, key: str | None = None) -> None:
    """Give a bucket a default encryption."""
    rule = oss2.models.ServerSideEncryptionRule()
    rule.sse_algorithm, rule.kms_master_keyid = algorithm, key
    bucket.put_bucket_encryption(rule)


def replicating(
    lab: Lab,
    key: str,
    *,
    status: str = "Enabled",
    account: str = "a",
    rights: Mapping[str, Any] | None = None,
) -> tuple[oss2.Bucket, oss2.Bucket, str]:
    """Two buckets with a rule under a role of its own: source, destination, role."""
    source, target = lab.pair(account=account)
    role = f"Kms-{source.bucket_name}"
    statements = [allow(REPLICATE, source), allow(REPLICATE, target)]
    keys = on_key("kms:Decrypt", "kms:GenerateDataKey") if rights is None else dict(rights)
    lab.put_role(role, [*statements, keys] if keys else statements)
    if account != "a":
        target.put_bucket_policy(bucket_policy(target, REPLICATE, role.lower()))
    lab.add_xml(source, rule_xml(target, HANGZHOU, kms_rule(role, key, status)))
    lab.settle()
    return source, target, role
