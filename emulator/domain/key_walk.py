"""Going through what is kept under keys, in index order, for listings with prefix and delimiter.

When a delimiter groups keys, the walk jumps behind the group with one seek instead of reading it,
so a page costs about its own length however large the groups are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

import msgspec

_KEY_AFTER_ALL = "\U0010ffff"
_ROWS_FIRST = 8  # rows read at first where groups may be, before more are tried
_ROWS_LEAST = 2  # one that begins a group, and the first behind it if the group is small
_ROWS_GROWTH = 4


class Keyed(Protocol):
    """What is kept under a key."""

    @property
    def key(self) -> str:
        """The key."""
        ...


E = TypeVar("E")
K = TypeVar("K", bound=Keyed)
P = TypeVar("P")


class Scope(msgspec.Struct, frozen=True):
    """What a page asks for: keys with ``prefix``, grouped by ``delimiter``, so many of them."""

    prefix: str
    delimiter: str
    items_max: int

    def group_of(self, key: str) -> str | None:
        """The common prefix a key belongs to, or ``None`` when it stands for itself."""
        if not self.delimiter:
            return None
        at = key.find(self.delimiter, len(self.prefix))
        return None if at < 0 else key[: at + len(self.delimiter)]


class Way(msgspec.Struct, Generic[K, P], frozen=True):
    """How a walk reads: ``read`` gives so many entries from a place on, ``at`` is the place of a
    key, ``behind`` that after an entry."""

    read: Callable[[P, int], list[K]]
    at: Callable[[str], P]
    behind: Callable[[K], P]


class Items(msgspec.Struct, Generic[E], frozen=True):
    """One page: entries and common prefixes, the last of either, and whether there are more."""

    entries: list[E]
    groups: list[str]
    last: E | str | None
    is_truncated: bool


def after_prefix(prefix: str) -> str | None:
    """The smallest text greater than everything that starts with ``prefix``; ``None`` if none is.

    Surrogates are no characters of UTF-8, so the successor of U+D7FF is U+E000.
    """
    for length in range(len(prefix), 0, -1):
        last = prefix[length - 1]
        if last < _KEY_AFTER_ALL:
            following = 0xE000 if last == "\ud7ff" else ord(last) + 1
            return prefix[: length - 1] + chr(following)
    return None


def walk(way: Way[K, P], scope: Scope, place: P | None) -> Iterator[tuple[K, str | None]]:
    """Every entry from a place on, the first of each group with the group's common prefix."""
    limit, left = _first_limit(scope), scope.items_max + 1
    while place is not None:
        found = way.read(place, limit)
        used = 0
        group: str | None = None
        for entry in found:
            if group is not None and entry.key.startswith(group):
                continue
            group = scope.group_of(entry.key)
            used += 1
            yield entry, group
        if len(found) < limit:
            return
        if group is not None:
            start = after_prefix(group)
            place = None if start is None else way.at(start)
        else:
            place = way.behind(found[-1])
        left -= used
        limit = _next_limit(limit, used, left)


def _first_limit(scope: Scope) -> int:
    """How many rows to read at first: few where the first may already begin a large group."""
    most = scope.items_max + 1
    return min(_ROWS_FIRST, most) if scope.delimiter else most


def _next_limit(limit: int, used: int, left: int) -> int:
    """How many rows to read next, when ``used`` of ``limit`` were worth reading and ``left`` more
    items end the page.

    Large groups waste what is read behind their first row, small groups and plain keys do not:
    the first ask for a seek per group, the others for few statements.
    """
    if 2 * used <= limit:
        return max(_ROWS_LEAST, limit // 2)
    return max(_ROWS_LEAST, min(limit * _ROWS_GROWTH, left))


def page_of(walked: Iterable[tuple[E, str | None]], items_max: int) -> Items[E]:
    """The first items of a walk."""
    entries: list[E] = []
    groups: list[str] = []
    last: E | str | None = None
    for entry, group in walked:
        if len(entries) + len(groups) == items_max:
            return Items(entries, groups, last, is_truncated=True)
        if group is None:
            entries.append(entry)
            last = entry
        else:
            groups.append(group)
            last = group
    return Items(entries, groups, last, is_truncated=False)
