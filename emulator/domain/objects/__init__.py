"""Writing, reading and deleting objects: each operation is one function inside a transaction.

Every function re-reads the bucket by id, because it may have been deleted (and made again by
somebody else) while the request's body was on its way.
"""

from __future__ import annotations

from emulator.domain.objects.attributes import update_attributes
from emulator.domain.objects.deleting import delete_object, delete_version
from emulator.domain.objects.reading import check_version_id, find_readable
from emulator.domain.objects.records import (
    Cause,
    Content,
    Deletion,
    Moment,
    ObjectWrite,
    live_bucket,
)
from emulator.domain.objects.stack import (
    absent_entry,
    delete_marker,
    drop_entry,
    entry_id,
    push_entry,
)
from emulator.domain.objects.writing import add_object, copy_object, put_object

__all__ = [
    "Cause",
    "Content",
    "Deletion",
    "Moment",
    "ObjectWrite",
    "absent_entry",
    "add_object",
    "check_version_id",
    "copy_object",
    "delete_marker",
    "delete_object",
    "delete_version",
    "drop_entry",
    "entry_id",
    "find_readable",
    "live_bucket",
    "push_entry",
    "put_object",
    "update_attributes",
]
