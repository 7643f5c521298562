"""Every reason for which an attempt is refused: what it means, and what mends it.

A refusal says the same of its own case, with names. None of them needs anything to be written or
started again: once the cause is mended the next attempt goes through.
"""

from __future__ import annotations

from typing import NamedTuple

from emulator.replication.model import FailureReason


class ReasonDoc(NamedTuple):
    """One reason as a person reads it."""

    meaning: str
    remedy: str


REASONS: dict[FailureReason, ReasonDoc] = {
    FailureReason.ROLE_MISSING: ReasonDoc(
        "There is no role of the name that the rule gives as SyncRole.",
        "Create the role in the account that owns the source bucket.",
    ),
    FailureReason.ROLE_NOT_ASSUMABLE: ReasonDoc(
        "The role's trust policy does not let OSS take the role on.",
        "Allow sts:AssumeRole to the service oss.aliyuncs.com in its trust policy.",
    ),
    FailureReason.SOURCE_LIST_DENIED: ReasonDoc(
        "The role may not list the historical data of the source bucket.",
        "Allow oss:ReplicateList on the source bucket in a policy of the role.",
    ),
    FailureReason.SOURCE_READ_DENIED: ReasonDoc(
        "The role may not read the object at the source.",
        "Allow oss:ReplicateGet on the source's objects in a policy of the role.",
    ),
    FailureReason.DESTINATION_LIST_DENIED: ReasonDoc(
        "The role may not list the destination bucket, which copying historical data takes.",
        "Allow oss:ReplicateList on the destination bucket, in the bucket's policy if it belongs "
        "to another account, otherwise in a policy of the role.",
    ),
    FailureReason.DESTINATION_READ_DENIED: ReasonDoc(
        "The role may not look at what is at the destination already.",
        "Allow oss:ReplicateGet on the destination's objects, in the same place.",
    ),
    FailureReason.DESTINATION_WRITE_DENIED: ReasonDoc(
        "The role may not write replicas.",
        "Allow oss:ReplicatePut on the destination's objects, in the same place.",
    ),
    FailureReason.DESTINATION_DELETE_DENIED: ReasonDoc(
        "The role may not delete at the destination, which copying deletions takes.",
        "Allow oss:ReplicateDelete on the destination's objects, in the same place, or give the "
        "rule an Action without deletions.",
    ),
    FailureReason.SOURCE_KEY_DENIED: ReasonDoc(
        "The role may not decrypt with the key of the source object.",
        "Allow kms:Decrypt on that key in a policy of the role and, where it has its own, in the "
        "key's policy.",
    ),
    FailureReason.REPLICA_KEY_DENIED: ReasonDoc(
        "The role may not encrypt the replica with the key that the rule names.",
        "Allow kms:GenerateDataKey and kms:Decrypt on that key, likewise.",
    ),
    FailureReason.KEY_DISABLED: ReasonDoc(
        "A key that the replica takes is disabled.", "Enable the key."
    ),
    FailureReason.KEY_PENDING_DELETION: ReasonDoc(
        "A key that the replica takes is about to be deleted.", "Cancel the key's deletion."
    ),
    FailureReason.KEY_PENDING_IMPORT: ReasonDoc(
        "A key that the replica takes has no material: none was imported, or it has expired.",
        "Import the key's material.",
    ),
    FailureReason.KEY_MISSING: ReasonDoc(
        "A key or alias that the replica takes does not exist, or not in the bucket's region.",
        "Create it, or name another key in the rule; where the key of the source object is gone, "
        "write the object again.",
    ),
    FailureReason.KEY_UNUSABLE: ReasonDoc(
        "A key cannot be used for another reason; the message has it.",
        "See what the message says; where the object's data key is damaged, write it again.",
    ),
    FailureReason.CONTENT_NOT_ENCRYPTED: ReasonDoc(
        "The content could not be read, or not be written anew, to encrypt the replica.",
        "See the emulator's log: as a rule the disk is full or a file is gone.",
    ),
    FailureReason.DESTINATION_BUCKET_MISSING: ReasonDoc(
        "The destination bucket does not exist, or is in another region than the rule says.",
        "Create the bucket in that region, or delete the rule.",
    ),
    FailureReason.VERSIONING_MISMATCH: ReasonDoc(
        "Source and destination do not have the same versioning state.",
        "Give both buckets the same state.",
    ),
    FailureReason.LINK_DOWN: ReasonDoc(
        "Nothing gets from the source's region to the destination's at present.",
        "Put the link up again.",
    ),
}
