"""Combining CRC-64/XZ values: the value of a whole from the values of its parts.

A value is a polynomial over GF(2) modulo the one of CRC-64/XZ, the highest power in the lowest
bit. Appending ``n`` bytes multiplies what stands before by x to the power of ``8 n``; initial
value and final inversion cancel out, so that the values themselves can be combined.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

_POLYNOMIAL = 0xC96C_5795_D787_0F42  # reflected
_ONE = 1 << 63
_X_TO_8 = 1 << 55
_MASK = (1 << 64) - 1
_BYTE_POWERS = 8  # bytes of the longest length there is

# Multiplying without carries: each bit gets a byte of its own, so that an ordinary product keeps
# the count of each power apart (64 at most), and the lowest bit of a count is its sum over GF(2).
_TO_BITS = bytes.maketrans(b"01", b"\x00\x01")
_TO_DIGITS = bytes.maketrans(b"\x00\x01", b"01")
_LOWEST_BITS = int.from_bytes(b"\x01" * 127, "big")


def combine(first: int, second: int, second_bytes: int) -> int:
    """The CRC-64/XZ of two pieces in a row, from the values of both and the second's length."""
    if not second_bytes:
        return first
    return _product(first, _x_to_8n(second_bytes)) ^ second


def combine_all(pieces: Iterable[tuple[int, int]]) -> int:
    """The CRC-64/XZ of pieces in a row, each given by its value and its length in bytes."""
    whole = 0
    for crc64, length_bytes in pieces:
        whole = combine(whole, crc64, length_bytes)
    return whole


def _product(one: int, other: int) -> int:
    """The product of two polynomials, modulo that of the CRC."""
    counts = _spread(one) * _spread(other) & _LOWEST_BITS
    product = int(counts.to_bytes(127, "big").translate(_TO_DIGITS), 2)
    # 127 bits, the lowest power highest: what is below the upper 64 bits is to be reduced.
    low = product & ((1 << 63) - 1)
    reduced = product >> 63
    for table in _REDUCTIONS:
        reduced ^= table[low & 0xFF]
        low >>= 8
    return reduced


def _spread(polynomial: int) -> int:
    return int.from_bytes(f"{polynomial:064b}".encode().translate(_TO_BITS), "big")


@lru_cache(maxsize=4096)
def _x_to_8n(length_bytes: int) -> int:
    """x to the power of ``8 * length_bytes``, modulo the polynomial."""
    power = _ONE
    for place in range(_BYTE_POWERS):
        digit = length_bytes >> (8 * place) & 0xFF
        if digit:
            factor = _power(place, digit)
            power = factor if power == _ONE else _product(power, factor)
    return power


@lru_cache(maxsize=_BYTE_POWERS * 256)
def _power(place: int, digit: int) -> int:
    """x to the power of ``8 * digit * 256 ** place``."""
    if digit == 1:
        return _X_TO_8 if place == 0 else _product(_power(place - 1, 128), _power(place - 1, 128))
    half = _power(place, digit // 2)
    square = _product(half, half)
    return _product(square, _power(place, 1)) if digit & 1 else square


def _reductions() -> tuple[tuple[int, ...], ...]:
    """What each byte of the 63 highest powers is worth below them, lowest byte first."""
    worth = [0] * 64
    value = _POLYNOMIAL  # x to the power of 64
    for bit in range(62, -1, -1):
        worth[bit] = value
        value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    tables = []
    for place in range(8):
        table = [0] * 256
        for byte in range(1, 256):
            lowest = (byte & -byte).bit_length() - 1
            table[byte] = table[byte & (byte - 1)] ^ worth[8 * place + lowest]
        tables.append(tuple(table))
    return tuple(tables)


_REDUCTIONS = _reductions()
