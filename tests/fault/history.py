"""What clients did to a key, and what source and replicas must look like because of it.

A plain model for the crash loop. It shares nothing with the emulator: a key has entries in the
order they were made; a change adds one, removes some, or tags one. Every key has one writer, so
its changes are in order; at most the last one of a life has an unknown outcome.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

Tags = tuple[tuple[str, str], ...]

NULL = "null"


class Kind(StrEnum):
    """What a change does to one key."""

    PUT = "put"  # put, overwrite, copy
    DELETE = "delete"
    DELETE_VERSION = "delete-version"
    TAG = "tag"


def content(number: int, size_bytes: int) -> bytes:
    """The bytes of a put; no other put has the same."""
    return random.Random(number).randbytes(size_bytes)


class Piece(NamedTuple):
    """The content of a part or an append: the bytes of a number."""

    number: int
    size_bytes: int

    @property
    def data(self) -> bytes:
        """The bytes."""
        return content(self.number, self.size_bytes)


class Origin(StrEnum):
    """How an object came to be, which is how its ETag is made."""

    PUT = "put"
    UPLOAD = "upload"  # completed from parts
    OTHER = "other"  # appended, or copied from something else than a put: any ETag


@dataclass(slots=True, eq=False)
class Entry:
    """An object version, or a delete marker, that a client made.

    ``content_number`` says whose bytes it has, or ``pieces`` do, ``number`` is in its metadata.
    ``tags`` are all it ever had, oldest first. ``kept_by_put`` is what became of it, once it was
    removed and replication had caught up, under a rule that copies no deletions: ``None`` = not
    known yet.
    """

    number: int
    content_number: int = -1
    size_bytes: int = 0
    version_id: str = ""  # "" until it is known
    is_marker: bool = False
    pieces: tuple[Piece, ...] = ()
    origin: Origin = Origin.PUT
    tags: list[Tags] = field(default_factory=lambda: [()])
    removed: bool = False
    kept_by_put: bool | None = None
    modified: str = ""  # as the source shows it, once it was read there

    @property
    def data(self) -> bytes:
        """The bytes."""
        if self.pieces:
            return b"".join(piece.data for piece in self.pieces)
        return content(self.content_number, self.size_bytes)

    @property
    def etag(self) -> str:
        """The ETag the service must show, ``""`` for any."""
        if self.origin is Origin.OTHER:
            return ""
        if self.origin is Origin.UPLOAD:
            digests = [hashlib.md5(each.data).hexdigest().upper() for each in self.pieces]
            whole = hashlib.md5("".join(digests).encode()).hexdigest().upper()
            return f'"{whole}-{len(digests)}"'
        return f'"{hashlib.md5(self.data).hexdigest().upper()}"'


@dataclass(frozen=True, slots=True)
class Change:
    """What one operation does to one key. ``victim``: what is removed or tagged."""

    kind: Kind
    entry: Entry | None = None
    victim: Entry | None = None
    tags: Tags = ()


# One entry as it must be seen: with any one of these tag sets.
Expected = tuple[Entry, list[Tags]]


class KeyHistory:
    """Everything that was made under one key of one source bucket."""

    def __init__(self, *, versioned: bool) -> None:
        self.versioned = versioned
        self.made: list[Entry] = []
        # Without versions: what a replica that copies no deletions may show of a deleted key.
        self._left_by_put: list[Entry | None] = [None]

    @property
    def live(self) -> list[Entry]:
        """The stack, oldest first."""
        return [entry for entry in self.made if not entry.removed]

    @property
    def current(self) -> Entry | None:
        """The object a read without version id finds."""
        live = self.live
        return live[-1] if live and not live[-1].is_marker else None

    def expected(self) -> list[Expected]:
        """The stack as it must be seen, oldest first."""
        return [(entry, entry.tags[-1:]) for entry in self.live]

    def expected_after(self, change: Change) -> list[Expected]:
        """The same, if the change had been done."""
        before = self.expected()
        match change.kind:
            case Kind.PUT | Kind.DELETE:
                added = [] if change.entry is None else [change.entry]
                new: list[Expected] = [(entry, entry.tags[-1:]) for entry in added]
                return [*before, *new] if self.versioned else new
            case Kind.DELETE_VERSION:
                return [item for item in before if item[0] is not change.victim]
            case Kind.TAG:
                return [
                    (entry, [change.tags] if entry is change.victim else tags)
                    for entry, tags in before
                ]

    def apply(self, change: Change) -> None:
        """The change was done."""
        match change.kind:
            case Kind.PUT | Kind.DELETE:
                if not self.versioned:
                    for entry in self.live:
                        entry.removed = True
                if change.entry is not None:
                    self.made.append(change.entry)
                    self._left_by_put.append(change.entry)
            case Kind.DELETE_VERSION:
                assert change.victim is not None
                change.victim.removed = True
            case Kind.TAG:
                assert change.victim is not None
                change.victim.tags.append(change.tags)

    # what replicas must look like once nothing is pending

    def expected_under_all(self) -> list[Expected]:
        """Under Action ALL: as the source (truth table T1 to T8, deletions copied)."""
        return self.expected()

    def expected_under_put(self, seen_ids: Iterable[str], seen_number: int) -> list[Expected]:
        """Under Action PUT: what was copied stays, delete markers are copied (T1, T4, T6, T7).

        What was removed before its copy ran need not be there; ``seen_ids`` (versions) or
        ``seen_number`` (the object; -1 for none) say what is, where both are right.
        """
        if not self.versioned:
            return self._expected_object_under_put(seen_number)
        seen = set(seen_ids)
        expected: list[Expected] = []
        for entry in self.made:
            if not entry.removed:
                expected.append((entry, entry.tags[-1:]))
                continue
            if entry.kept_by_put is not False and (entry.kept_by_put or entry.version_id in seen):
                expected.append((entry, entry.tags))
        return expected

    def _expected_object_under_put(self, seen_number: int) -> list[Expected]:
        if self.current is not None:
            return self.expected()
        for entry in self._left_by_put:
            if entry is not None and entry.number == seen_number:
                return [(entry, entry.tags)]
        if None in self._left_by_put:
            return []
        newest = self._left_by_put[-1]
        assert newest is not None
        return [(newest, newest.tags)]

    def settle(self, seen_ids: Iterable[str], seen_number: int) -> None:
        """Replication has caught up, and this was seen under Action PUT: from now on it stays."""
        seen = set(seen_ids)
        for entry in self.made:
            if self.versioned:
                entry.kept_by_put = not entry.removed or entry.version_id in seen
        left = [entry for entry in self._left_by_put if entry and entry.number == seen_number]
        self._left_by_put = list(left) if left else [None]
