"""What a bucket holds, in figures: objects, delete markers, uploads and parts by storage class."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import msgspec

from emulator.domain.model import StorageClass

# An object of a colder class is billed as if it were at least this large
# (OSS GetBucketStat, billed storage of the classes below Standard; documented).
BILLED_BYTES_MIN = 64 << 10


class Noun(StrEnum):
    """What is counted. Every version counts as an object (OSS GetBucketStat; inferred)."""

    OBJECT = "object"
    DELETE_MARKER = "delete-marker"
    UPLOAD = "upload"
    PART = "part"


class Figures(msgspec.Struct, frozen=True, gc=False):
    """How many there are, their bytes, and the bytes they are billed as."""

    entries: int = 0
    size_bytes: int = 0
    billed_bytes: int = 0


# Delete markers and uploads have no class: "".
Counted: TypeAlias = "tuple[Noun, StorageClass | None]"
BucketStats: TypeAlias = Mapping[Counted, Figures]

NO_FIGURES = Figures()


def billed_bytes(storage_class: StorageClass, size_bytes: int) -> int:
    """What an object of this size is billed as."""
    if storage_class is StorageClass.STANDARD:
        return size_bytes
    return max(size_bytes, BILLED_BYTES_MIN)
