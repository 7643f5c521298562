"""What a transaction adds to the figures of buckets, collected and written once at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from emulator.domain.model import ObjectVersion, StorageClass, VersionKind
from emulator.domain.stats import Noun, billed_bytes

_Write: TypeAlias = "Callable[[str, Sequence[int | str]], object]"
# Bucket, noun ("": the bucket is gone), class, entries, bytes, billed bytes. Plain texts: the hash
# of an enumeration's member is not free, and every write of an object comes by here.
_Step: TypeAlias = "tuple[int, str, str, int, int, int]"
_Key: TypeAlias = "tuple[int, str, str]"

_OBJECT, _DELETE_MARKER = Noun.OBJECT.value, Noun.DELETE_MARKER.value
_UPLOAD, _PART = Noun.UPLOAD.value, Noun.PART.value
_NO_CLASS = ""
_NOUGHT = (0, 0, 0)

_ADD = """INSERT INTO bucket_stats
    (bucket_id, noun, storage_class, entries, size_bytes, billed_bytes) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (bucket_id, noun, storage_class) DO UPDATE SET
    entries = entries + excluded.entries, size_bytes = size_bytes + excluded.size_bytes,
    billed_bytes = billed_bytes + excluded.billed_bytes"""


class StatSteps:
    """The steps of the works of one transaction, in order, so that one work can be taken back."""

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps: list[_Step] = []

    def mark(self) -> int:
        """What ``undo`` needs to forget the work that follows."""
        return len(self._steps)

    def undo(self, mark: int) -> None:
        """Follow a rollback."""
        del self._steps[mark:]

    def add_version(self, version: ObjectVersion, entries: int) -> None:
        """An entry of a stack came (1) or went (-1)."""
        bucket_id = version.bucket_id
        if version.kind is VersionKind.DELETE_MARKER:
            self._steps.append((bucket_id, _DELETE_MARKER, _NO_CLASS, entries, 0, 0))
            return
        size_bytes, storage_class = version.size_bytes, version.storage_class
        billed = billed_bytes(storage_class, size_bytes) * entries
        self._steps.append(
            (bucket_id, _OBJECT, str(storage_class), entries, size_bytes * entries, billed)
        )

    def add_copies(self, bucket_id: int, sources: Iterable[ObjectVersion]) -> None:
        """Copies of these versions came to a bucket, many at a time."""
        for source in sources:
            if source.kind is VersionKind.DELETE_MARKER:
                self._steps.append((bucket_id, _DELETE_MARKER, _NO_CLASS, 1, 0, 0))
                continue
            size_bytes, storage_class = source.size_bytes, source.storage_class
            billed = billed_bytes(storage_class, size_bytes)
            self._steps.append((bucket_id, _OBJECT, str(storage_class), 1, size_bytes, billed))

    def add_upload(self, bucket_id: int, entries: int) -> None:
        """Uploads came or went."""
        self._steps.append((bucket_id, _UPLOAD, _NO_CLASS, entries, 0, 0))

    def add_parts(
        self, bucket_id: int, storage_class: StorageClass, entries: int, size_bytes: int
    ) -> None:
        """Parts came or went; the bytes have the sign of the entries."""
        step = (bucket_id, _PART, str(storage_class), entries, size_bytes, size_bytes)
        self._steps.append(step)

    def version_entries(self, bucket_id: int) -> int:
        """How many versions and delete markers more a bucket holds than its figures say yet."""
        return sum(
            entries
            for bucket, noun, _, entries, _, _ in self._steps
            if bucket == bucket_id and noun in (_OBJECT, _DELETE_MARKER)
        )

    def drop_bucket(self, bucket_id: int) -> None:
        """The bucket went with its figures; its id never comes again."""
        self._steps.append((bucket_id, "", _NO_CLASS, 0, 0, 0))

    def write(self, run: _Write) -> None:
        """Write what the steps come to, one row for each figure that changed."""
        if not self._steps:
            return
        sums: dict[_Key, tuple[int, int, int]] = {}
        for bucket_id, noun, storage_class, entries, size_bytes, billed in self._steps:
            if not noun:
                sums = {key: each for key, each in sums.items() if key[0] != bucket_id}
                continue
            key = (bucket_id, noun, storage_class)
            found = sums.get(key, _NOUGHT)
            sums[key] = (found[0] + entries, found[1] + size_bytes, found[2] + billed)
        for (bucket_id, noun, storage_class), changes in sums.items():
            if any(changes):
                run(_ADD, (bucket_id, noun, storage_class, *changes))
        self._steps.clear()
