"""Wildcard patterns, compiled once and matched without backtracking.

``*`` stands for any run of characters, the empty one and ``/`` included; ``?`` for exactly one
(OSS authorization syntax, Resource; documented). A regular expression was rejected: a chain of
``.*`` backtracks in time that grows with the power of the number of stars, and the author of a
policy is not trusted.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

RESOURCE_SEGMENTS = 5
RESOURCE_COLONS = RESOURCE_SEGMENTS - 1


class Glob(msgspec.Struct, frozen=True, gc=False):
    """A pattern with ``*`` and no ``?``: its literal pieces, found from left to right.

    Taking the leftmost place of each piece is enough, because whatever a later place would allow
    for the rest is also allowed by the earlier one.
    """

    head: str
    middles: tuple[str, ...]
    tail: str
    len_min: int

    def matches(self, text: str) -> bool:
        """Whether the whole of ``text`` fits."""
        if (
            len(text) < self.len_min
            or not text.startswith(self.head)
            or not text.endswith(self.tail)
        ):
            return False
        at = len(self.head)
        end = len(text) - len(self.tail)
        for piece in self.middles:
            at = text.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True


class BitGlob(msgspec.Struct, frozen=True, gc=False):
    """A pattern with ``?``: all ways to match at once, one bit for each number of tokens matched.

    ``masks`` gives for a character the tokens it satisfies, ``others`` the same for characters
    the pattern does not name, ``loops`` the states that a ``*`` lets a character leave unchanged.
    """

    masks: dict[str, int]
    others: int
    loops: int
    tokens: int

    def matches(self, text: str) -> bool:
        """Whether the whole of ``text`` fits; one step for each character."""
        masks, others, loops = self.masks, self.others, self.loops
        states = 1
        for character in text:
            states = (states & masks.get(character, others)) << 1 | states & loops
            if not states:
                return False
        return bool(states >> self.tokens & 1)


class PatternSet(msgspec.Struct, frozen=True, gc=False):
    """Patterns of which any may match, sorted by the cheapest way to try them."""

    everything: bool
    exact: frozenset[str]
    prefixes: tuple[str, ...]
    globs: tuple[Glob | BitGlob, ...]

    def matches(self, text: str) -> bool:
        """Whether any pattern fits the whole of ``text``."""
        if self.everything or text.startswith(self.prefixes) or text in self.exact:
            return True
        for glob in self.globs:  # noqa: SIM110 - a generator for any() costs more than a match
            if glob.matches(text):
                return True
        return False

    @property
    def empty(self) -> bool:
        """Whether no text can match."""
        return not (self.everything or self.exact or self.prefixes or self.globs)


NOTHING = PatternSet(everything=False, exact=frozenset(), prefixes=(), globs=())
EVERYTHING = PatternSet(everything=True, exact=frozenset(), prefixes=(), globs=())


def compile_patterns(patterns: Iterable[str]) -> PatternSet:
    """Sort patterns into everything, exact texts, prefixes and globs."""
    exact: set[str] = set()
    prefixes: list[str] = []
    globs: list[Glob | BitGlob] = []
    for pattern in patterns:
        stem = pattern.rstrip("*")
        if not stem and pattern:
            return EVERYTHING
        if "?" in pattern:
            globs.append(_bit_glob(pattern))
        elif "*" in stem:
            globs.append(_glob(pattern))
        elif stem == pattern:
            exact.add(pattern)
        else:
            prefixes.append(stem)
    return PatternSet(
        everything=False,
        exact=frozenset(exact),
        prefixes=tuple(prefixes),
        globs=tuple(globs),
    )


def union(sets: Iterable[PatternSet]) -> PatternSet:
    """One set that matches whatever any of ``sets`` matches."""
    everything = False
    exact: set[str] = set()
    prefixes: list[str] = []
    globs: list[Glob | BitGlob] = []
    for one in sets:
        everything = everything or one.everything
        exact.update(one.exact)
        prefixes.extend(one.prefixes)
        globs.extend(one.globs)
    if everything:
        return EVERYTHING
    return PatternSet(
        everything=False,
        exact=frozenset(exact),
        prefixes=tuple(prefixes),
        globs=tuple(globs),
    )


class ResourceSet(msgspec.Struct, frozen=True, gc=False):
    """Resource patterns, split where a resource is split: service, region and owner, then the rest.

    Matching the two parts apart keeps a ``*`` in the region or owner from swallowing colons, so
    that ``acs:oss:*:*:b/*`` does not reach the object ``x:b/y`` of another bucket. Within the
    first part the colons of pattern and text are equally many, which pins each to its own.
    """

    everything: bool
    groups: tuple[tuple[PatternSet, PatternSet], ...]

    def matches(self, scope: str, relative: str) -> bool:
        """Whether any pattern fits the resource given as ``split_resource`` splits it."""
        if self.everything:
            return True
        for scopes, relatives in self.groups:
            if relatives.matches(relative) and scopes.matches(scope):
                return True
        return False

    def within(self, scope: str) -> PatternSet:
        """What remains to be matched once service, region and owner are known."""
        if self.everything:
            return EVERYTHING
        return union(relatives for scopes, relatives in self.groups if scopes.matches(scope))


EVERY_RESOURCE = ResourceSet(everything=True, groups=())


def compile_resources(patterns: Iterable[str]) -> ResourceSet:
    """Compile ``acs:{service}:{region}:{uid}:{relative}`` patterns; shorter ones end in ``*``."""
    by_scope: dict[str, list[str]] = {}
    for pattern in patterns:
        if not pattern.strip("*"):
            return EVERY_RESOURCE
        segments = pattern.split(":", RESOURCE_COLONS)
        if len(segments) < RESOURCE_SEGMENTS:
            if not pattern.endswith("*"):
                continue  # it names fewer parts than a resource has, so nothing can equal it
            segments += ["*"] * (RESOURCE_SEGMENTS - len(segments))
        by_scope.setdefault(":".join(segments[:-1]), []).append(segments[-1])
    return ResourceSet(
        everything=False,
        groups=tuple(
            (compile_patterns((scope,)), compile_patterns(relatives))
            for scope, relatives in by_scope.items()
        ),
    )


def split_resource(resource: str) -> tuple[str, str]:
    """``acs:oss:*:1000:b/k`` → (``acs:oss:*:1000``, ``b/k``). Raises ValueError if it is none."""
    segments = resource.split(":", RESOURCE_COLONS)
    if len(segments) < RESOURCE_SEGMENTS:
        raise ValueError(f"{resource!r} is no resource name")
    relative = segments[-1]
    return resource[: len(resource) - len(relative) - 1], relative


def _glob(pattern: str) -> Glob:
    head, *rest = pattern.split("*")
    *middles, tail = rest
    pieces = tuple(piece for piece in middles if piece)
    return Glob(head, pieces, tail, len(head) + len(tail) + sum(map(len, pieces)))


def _bit_glob(pattern: str) -> BitGlob:
    characters: list[str] = []
    loops = 0
    for character in pattern:
        if character == "*":
            loops |= 1 << len(characters)
        else:
            characters.append(character)
    others = sum(1 << place for place, one in enumerate(characters) if one == "?")
    masks: dict[str, int] = {}
    for place, character in enumerate(characters):
        if character != "?":
            masks[character] = masks.get(character, others) | 1 << place
    return BitGlob(masks, others, loops, len(characters))
