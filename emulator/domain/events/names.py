"""The names of events (OSS event notifications; documented), and which operation reports which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CREATED: Final = "ObjectCreated"
DOWNLOADED: Final = "ObjectDownloaded"
MODIFIED: Final = "ObjectModified"
REMOVED: Final = "ObjectRemoved"
REPLICATION: Final = "ObjectReplication"
RESTORE: Final = "ObjectRestore"

_UPDATED: Final = f"{MODIFIED}:UpdateObjectMeta"

# That ACL and tags are attributes in the sense of UpdateObjectMeta is inferred.
EVENT_OF_OPERATION: Final[Mapping[str, str]] = {
    **{
        operation: f"{CREATED}:{operation}"
        for operation in (
            "PutObject",
            "PostObject",
            "CopyObject",
            "AppendObject",
            "InitiateMultipartUpload",
            "UploadPart",
            "UploadPartCopy",
            "CompleteMultipartUpload",
            "PutSymlink",
        )
    },
    "GetObject": f"{DOWNLOADED}:GetObject",
    "PutObjectAcl": _UPDATED,
    "PutObjectTagging": _UPDATED,
    "DeleteObjectTagging": _UPDATED,
    "DeleteObject": f"{REMOVED}:DeleteObject",
    "DeleteMultipleObjects": f"{REMOVED}:DeleteObjects",
    "AbortMultipartUpload": f"{REMOVED}:AbortMultipartUpload",
}

# Reported of what nobody asked for in a request: by lifecycle rules, restoring, replication.
CHANGE_STORAGE_CLASS: Final = f"{MODIFIED}:ChangeStorageClass"
FINISH_RESTORE: Final = f"{RESTORE}:FinishRestore"
REPLICA_CREATED: Final = f"{REPLICATION}:ObjectCreated"
REPLICA_MODIFIED: Final = f"{REPLICATION}:ObjectModified"
REPLICA_REMOVED: Final = f"{REPLICATION}:ObjectRemoved"

NAMES: Final = frozenset(
    {
        *EVENT_OF_OPERATION.values(),
        CHANGE_STORAGE_CLASS,
        FINISH_RESTORE,
        REPLICA_CREATED,
        REPLICA_MODIFIED,
        REPLICA_REMOVED,
    }
)
GROUPS: Final = frozenset(name.partition(":")[0] for name in NAMES)
