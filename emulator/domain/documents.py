"""Typed reading of the documents of settings: how all rooms that act upon a setting read it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar, overload

import msgspec

T = TypeVar("T")
R = TypeVar("R")

_CACHED_MAX = 256  # documents of one setting that are kept read


@overload
def reader_of(kind: type[T]) -> Callable[[str], T]: ...


@overload
def reader_of(
    kind: type[T], build: Callable[[T], R], *, cached_max: int = ...
) -> Callable[[str], R]: ...


def reader_of(
    kind: type[T], build: Callable[[T], R] | None = None, *, cached_max: int = _CACHED_MAX
) -> Callable[[str], T | R]:
    """A reader of one setting's documents, ``""`` being one that says nothing.

    What it gives back is shared and kept for the next request: the document as a ``kind``, or
    what ``build`` makes of that. Numbers and booleans are read from text as well, because some
    documents keep them as they were sent.
    """
    decode = msgspec.json.Decoder(kind, strict=False).decode

    @lru_cache(maxsize=cached_max)
    def read(document: str) -> T | R:
        decoded = decode(document or "{}")
        return decoded if build is None else build(decoded)

    return read
