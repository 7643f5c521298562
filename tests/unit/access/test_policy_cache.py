"""A document is parsed once, and the cache stays within its bounds."""

from __future__ import annotations

import pytest

from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.faults import PolicyError
from emulator.access.policy.records import PolicyKind
from tests.unit.access.build import allow, document

RAM, BUCKET = PolicyKind.RAM, PolicyKind.BUCKET
TEXTS = [document(allow("*", Sid=f"s{number}")) for number in range(4)]


def test_the_same_text_of_the_same_kind_is_parsed_once() -> None:
    cache = PolicyCache()
    assert cache.get(RAM, TEXTS[0]) is cache.get(RAM, TEXTS[0])
    assert cache.get(PolicyKind.SESSION, TEXTS[0]) is not cache.get(RAM, TEXTS[0])
    assert len(cache) == 2


def test_a_malformed_text_is_refused_each_time_and_not_kept() -> None:
    cache = PolicyCache()
    for _ in range(2):
        with pytest.raises(PolicyError):
            cache.get(BUCKET, TEXTS[0])
    assert len(cache) == 0


def test_the_entry_used_longest_ago_goes_first() -> None:
    cache = PolicyCache(entries_max=2)
    first, _ = cache.get(RAM, TEXTS[0]), cache.get(RAM, TEXTS[1])
    assert cache.get(RAM, TEXTS[0]) is first
    cache.get(RAM, TEXTS[2])
    assert len(cache) == 2
    assert cache.get(RAM, TEXTS[0]) is first


def test_the_characters_of_all_texts_are_bounded() -> None:
    cache = PolicyCache(characters_max=2 * len(TEXTS[0]))
    kept = [cache.get(RAM, text) for text in TEXTS]
    assert len(cache) == 2
    assert cache.get(RAM, TEXTS[3]) is kept[3]
    assert PolicyCache(characters_max=1).get(RAM, TEXTS[0]) == kept[0]


def test_the_cache_can_let_bucket_policies_without_principal_through() -> None:
    cache = PolicyCache(principal_required=False)
    assert cache.get(BUCKET, TEXTS[0]).statements
