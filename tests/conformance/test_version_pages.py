"""Paging through versions with the vendor's client, as far as its reader is strict."""

from __future__ import annotations

import oss2
import pytest

from tests.support.covers import covers
from tests.support.lab import Lab

pytestmark = pytest.mark.conformance

# A key that looks like a group of the others, a key with several versions, groups in a row.
KEYS = ("a", "d/", "d/1", "d/2", "e/1", "f", "f", "f", "g")


def pages(bucket: oss2.Bucket, delimiter: str, keys_max: int) -> list[str]:
    """Everything a client collects that follows the markers it is given."""
    found: list[str] = []
    key_marker = version_marker = ""
    for _ in range(len(KEYS) + 1):
        page = bucket.list_object_versions(
            delimiter=delimiter,
            key_marker=key_marker,
            versionid_marker=version_marker,
            max_keys=keys_max,
        )
        found += [f"{each.key} {each.versionid}" for each in page.versions]
        found += page.common_prefix
        if not page.is_truncated:
            return found
        key_marker, version_marker = page.next_key_marker, page.next_versionid_marker
    raise AssertionError(f"the pages do not end: {found}")


@covers("ListObjectVersions", "PutObject")
@pytest.mark.parametrize("delimiter", ["", "/"], ids=["flat", "grouped"])
@pytest.mark.parametrize("versioned", [False, True], ids=["U", "V"])
@pytest.mark.parametrize("keys_max", [1, 2, 3])
def test_small_pages_hold_what_one_page_holds(
    lab: Lab, delimiter: str, versioned: bool, keys_max: int
) -> None:
    bucket = lab.create("paged", versioned=versioned)
    for key in KEYS:
        bucket.put_object(key, b"x")
    whole = pages(bucket, delimiter, 1000)
    assert len(whole) == (len(KEYS) if versioned else len(set(KEYS))) - (2 if delimiter else 0)
    small = pages(bucket, delimiter, keys_max)
    assert sorted(small) == sorted(whole)
