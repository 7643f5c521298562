"""The headers that describe an object: read from a write, shown by a read."""

from __future__ import annotations

from emulator.protocol.object_headers.shown import (
    encryption_headers,
    meta_headers,
    object_headers,
    override_headers,
    quoted,
    symlink_headers,
)
from emulator.protocol.object_headers.tagging import (
    read_tagging,
    read_tagging_pairs,
    tags_json,
)
from emulator.protocol.object_headers.writes import (
    CONTENT_HEADERS,
    META_PREFIX,
    read_bucket_acl,
    read_encryption,
    read_flag,
    read_metadata,
    read_object_acl,
    read_object_write,
    read_storage_class,
    refuse_unsupported,
)

__all__ = [
    "CONTENT_HEADERS",
    "META_PREFIX",
    "encryption_headers",
    "meta_headers",
    "object_headers",
    "override_headers",
    "quoted",
    "read_bucket_acl",
    "read_encryption",
    "read_flag",
    "read_metadata",
    "read_object_acl",
    "read_object_write",
    "read_storage_class",
    "read_tagging",
    "read_tagging_pairs",
    "refuse_unsupported",
    "symlink_headers",
    "tags_json",
]
