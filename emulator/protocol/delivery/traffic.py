"""The traffic limit of one request: ``x-oss-traffic-limit``, in bit/s.

(OSS single-connection bandwidth throttling; documented.) A bucket of tokens on the event loop's
clock: a transfer takes real time, also where the emulator's clock stands still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from emulator.domain.errors import InvalidArgument
from emulator.protocol.parameters import plain_number

TRAFFIC_LIMIT = "x-oss-traffic-limit"
BITS_PER_S_MIN, BITS_PER_S_MAX = 819_200, 838_860_800
# What passes before the limit is felt: little, because a client that downloads in parts has it anew
# for each of them.
BURST_BYTES = 16 * 1024
_SLICES_PER_S = 16


def read_limit(headers: Mapping[str, str], query: Mapping[str, str]) -> int | None:
    """The limit in bit/s, None where none is asked for. Raises InvalidArgument."""
    in_header, in_query = headers.get(TRAFFIC_LIMIT), query.get(TRAFFIC_LIMIT)
    if in_header is not None and in_query is not None:
        raise InvalidArgument(
            "The traffic limit is given in both the header and the query string.",
            name=TRAFFIC_LIMIT,
            value=in_header,
        )
    text = in_query if in_header is None else in_header
    if text is None:
        return None
    number = plain_number(text)
    if number is None or not BITS_PER_S_MIN <= number <= BITS_PER_S_MAX:
        raise InvalidArgument(
            f"The traffic limit must be from {BITS_PER_S_MIN} to {BITS_PER_S_MAX} bit/s.",
            name=TRAFFIC_LIMIT,
            value=text,
        )
    return number


class Pace:
    """Keeps one transfer to a rate. It belongs to one request."""

    __slots__ = ("_bytes_per_s", "_free_s", "slice_bytes")

    def __init__(self, bits_per_s: int) -> None:
        self._bytes_per_s = bits_per_s / 8
        self._free_s = 0.0  # of the loop's clock: when what has passed is paid for
        self.slice_bytes = max(1, int(self._bytes_per_s) // _SLICES_PER_S)

    async def keep(self, passed_bytes: int) -> None:
        """Wait until further ``passed_bytes`` may have passed."""
        loop = asyncio.get_running_loop()
        earliest_s = loop.time() - BURST_BYTES / self._bytes_per_s
        self._free_s = max(self._free_s, earliest_s) + passed_bytes / self._bytes_per_s
        if self._free_s <= loop.time():
            return
        due = loop.create_future()
        timer = loop.call_at(self._free_s, due.set_result, None)
        try:
            await due
        finally:
            timer.cancel()

    def slices(self, data: bytes) -> Iterator[bytes]:
        """The data in parts that take a fraction of a second each."""
        for start in range(0, len(data), self.slice_bytes):
            yield data[start : start + self.slice_bytes]
