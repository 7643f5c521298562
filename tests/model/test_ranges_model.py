"""Ranges against slices: whatever is asked for, the bytes are those that Python would cut."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from emulator.domain.errors import InvalidRange, MultiRangeFailed
from emulator.domain.model import Extent
from emulator.protocol.byteranges import multipart_ranges
from emulator.protocol.content import cut_extents
from emulator.protocol.ranges import ByteRange, select_range, select_ranges

CONTENT = bytes(range(256))
SIZES = st.integers(0, 40)
POSITIONS = st.one_of(st.integers(0, 50), st.just(10**25))
FIRST_LAST = st.tuples(POSITIONS, POSITIONS).map(lambda pair: f"{pair[0]}-{pair[1]}")
FROM = POSITIONS.map(lambda first: f"{first}-")
SUFFIX = POSITIONS.map(lambda length: f"-{length}")
GARBAGE = st.sampled_from(["", "-", "a-b", "1", "1-2-3", "--1", "+1-2", "1 - 2", "\u0660-\u0664"])
WELL_FORMED = st.one_of(FIRST_LAST, FROM, SUFFIX)
ANY = st.one_of(WELL_FORMED, WELL_FORMED, GARBAGE)


def model(text: str, size: int, *, standard: bool) -> slice | str:
    """What one range asks for: a slice, ``"whole"`` or ``"refused"``; the table of the service."""
    match = re.fullmatch(r"([0-9]*)-([0-9]*)", text)
    if match is None or text == "-":
        return "whole"
    first, last = match.groups()
    if not first:
        length = int(last)
        if size == 0:
            return "refused" if standard else "whole"
        if length == 0:
            return "refused"
        if length > size and not standard:
            return "whole"
        return slice(max(size - length, 0), size)
    if last and int(last) < int(first):
        return "whole"
    if int(first) >= size:
        return "refused" if standard else "whole"
    if last and int(last) >= size and not standard:
        return "whole"
    return slice(int(first), min(int(last) + 1, size) if last else size)


def bytes_of(chosen: ByteRange) -> bytes:
    return CONTENT[chosen.start : chosen.start + chosen.length_bytes]


@given(ANY, SIZES, st.booleans())
def test_a_single_range_is_a_slice(text: str, size: int, standard: bool) -> None:
    wanted = model(text, size, standard=standard)
    if wanted == "refused":
        with pytest.raises(InvalidRange):
            select_range(f"bytes={text}", size, standard=standard)
        return
    chosen = select_range(f"bytes={text}", size, standard=standard)
    if isinstance(wanted, slice):
        assert chosen is not None
        assert bytes_of(chosen) == CONTENT[:size][wanted]
    else:
        assert chosen is None


@given(st.lists(ANY, min_size=2, max_size=6), SIZES, st.booleans())
def test_of_several_ranges_the_first_counts(texts: list[str], size: int, standard: bool) -> None:
    wanted = model(texts[0], size, standard=standard)
    assume(wanted != "refused")
    chosen = select_range(f"bytes={','.join(texts)}", size, standard=standard)
    assert (None if chosen is None else bytes_of(chosen)) == (
        CONTENT[:size][wanted] if isinstance(wanted, slice) else None
    )


@given(st.lists(ANY, min_size=1, max_size=8), SIZES, st.booleans())
def test_several_ranges_are_slices(texts: list[str], size: int, standard: bool) -> None:
    wanted = [model(text, size, standard=standard) for text in texts]
    slices = [each for each in wanted if isinstance(each, slice)]
    expected: list[bytes] | None = [CONTENT[:size][each] for each in slices]
    if standard:
        if "whole" in wanted:
            expected = []
        elif not slices:
            expected = None
    else:  # what comes first in the list decides
        stop = next((each for each in wanted if isinstance(each, str)), "")
        expected = {"whole": [], "refused": None}.get(stop, expected)
    header = "bytes=" + ", ".join(texts)
    if expected is None:
        with pytest.raises(InvalidRange):
            select_ranges(header, size, standard=standard)
        return
    chosen = select_ranges(header, size, standard=standard)
    assert [bytes_of(each) for each in chosen] == expected


@given(st.integers(1, 120))
def test_more_than_fifty_ranges_are_too_many(count: int) -> None:
    header = "bytes=" + ",".join(["0-0"] * count)
    if count > 50:
        with pytest.raises(MultiRangeFailed):
            select_ranges(header, 10, standard=False)
    else:
        assert len(select_ranges(header, 10, standard=False)) == count


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=8),
    st.integers(0, 80),
    st.integers(1, 80),
)
def test_cut_extents_cover_the_slice(
    pieces: list[tuple[int, int]], start: int, length: int
) -> None:
    extents = tuple(Extent(number, *piece) for number, piece in enumerate(pieces))

    def places(some: tuple[Extent, ...]) -> list[tuple[int, int]]:
        return [
            (each.blob_id, each.offset_bytes + index)
            for each in some
            for index in range(each.length_bytes)
        ]

    cut = cut_extents(extents, ByteRange(start, length))
    assert places(cut) == places(extents)[start : start + length]
    assert all(each.length_bytes for each in cut)


@given(
    st.lists(
        st.tuples(st.integers(0, 255), st.integers(0, 255)).map(sorted), min_size=2, max_size=50
    )
)
def test_an_answer_of_several_ranges_can_be_taken_apart(pairs: list[list[int]]) -> None:
    chosen = [ByteRange(first, last - first + 1) for first, last in pairs]
    parts, length = multipart_ranges(
        chosen, len(CONTENT), "text/plain", "BOUNDARY", lambda each: [bytes_of(each)]
    )
    body = b"".join(part for part in parts if isinstance(part, bytes))
    assert len(body) == length
    found = 0
    rest = body
    for each in chosen:
        head, _, rest = rest.partition(b"\r\n\r\n")
        last = each.start + each.length_bytes - 1
        assert head.endswith(f"Content-range: bytes {each.start}-{last}/256".encode())
        assert rest[: each.length_bytes] == bytes_of(each)
        rest = rest[each.length_bytes :]
        assert rest.startswith(b"\r\n--BOUNDARY")
        found += 1
    assert rest == b"\r\n--BOUNDARY--\r\n"
    assert found == len(chosen)
