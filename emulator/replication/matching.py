"""Which rules of a bucket a key concerns, for many rules and many keys."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence


class RuleIndex:
    """Rules by their prefixes. Pure, and unchanging once made.

    The prefixes stand in order. Everything between a prefix of a key and the key itself begins
    with that prefix, so the longest one is the last prefix before the key or one of those it is
    nested in. What a look-up costs grows with the logarithm of the number of prefixes, and with
    how deep they are nested.
    """

    __slots__ = ("_nested_in", "_of_prefix", "_prefixes", "everywhere", "uids")

    def __init__(self, rules: Mapping[int, Sequence[str]]) -> None:
        """``rules``: the prefixes of each rule by its uid; none: the whole bucket."""
        self.uids = tuple(sorted(rules))
        self.everywhere = tuple(uid for uid in self.uids if not rules[uid])
        owners: dict[str, set[int]] = {}
        for uid, prefixes in rules.items():
            for prefix in prefixes:
                owners.setdefault(prefix, set()).add(uid)
        self._prefixes = sorted(owners)
        self._nested_in = _nesting(self._prefixes)
        self._of_prefix: list[tuple[int, ...]] = []
        for prefix, outer in zip(self._prefixes, self._nested_in, strict=True):
            wider = self.everywhere if outer < 0 else self._of_prefix[outer]
            self._of_prefix.append(tuple(sorted(owners[prefix].union(wider))))

    @property
    def is_plain(self) -> bool:
        """Whether every rule is for the whole bucket."""
        return not self._prefixes

    def matching(self, key: str) -> tuple[int, ...]:
        """The rules that a key concerns, by ``uid``."""
        at = bisect_right(self._prefixes, key) - 1
        while at >= 0:
            if key.startswith(self._prefixes[at]):
                return self._of_prefix[at]
            at = self._nested_in[at]
        return self.everywhere


def _nesting(prefixes: Iterable[str]) -> list[int]:
    """For each of the sorted prefixes the place of the longest one it begins with, or -1."""
    found: list[int] = []
    around: list[tuple[str, int]] = []
    for place, prefix in enumerate(prefixes):
        while around and not prefix.startswith(around[-1][0]):
            around.pop()
        found.append(around[-1][1] if around else -1)
        around.append((prefix, place))
    return found
