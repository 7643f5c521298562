"""Writing, reading and deleting objects: each operation is one function inside a transaction.

Every function re-reads the bucket by id, because it may have been deleted (and made again by
somebody else) while the request's body was on its way.
"""

from __future__ import annotations

from emulator.domain.objects.appending import (
    Appending,
    append_object,
    begin_append,
    seal_object,
    tail_to_join,
)
from emulator.domain.objects.attributes import update_attributes
from emulator.domain.objects.deleting import delete_object, delete_version
from emulator.domain.objects.etags import content_md5
from emulator.domain.objects.reading import (
    Readable,
    check_version_id,
    find_content,
    find_readable,
)
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
from emulator.domain.objects.writing import add_object, copy_object, put_object, put_symlink

__all__ = [
    "Appending",
    "Cause",
    "Content",
    "Deletion",
    "Moment",
    "ObjectWrite",
    "Readable",
    "absent_entry",
    "add_object",
    "append_object",
    "begin_append",
    "check_version_id",
    "content_md5",
    "copy_object",
    "delete_marker",
    "delete_object",
    "delete_version",
    "drop_entry",
    "entry_id",
    "find_content",
    "find_readable",
    "live_bucket",
    "push_entry",
    "put_object",
    "put_symlink",
    "seal_object",
    "tail_to_join",
    "update_attributes",
]
