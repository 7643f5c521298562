"""One link: at most so many transfers share its bandwidth equally, the others wait in order.

The bytes that each transfer in flight has been given so far are counted as one number for all, the
*share*: it grows by ``bytes_per_ms / transfers`` a millisecond. A transfer that began when the
share stood at ``s`` is through when it has reached ``s + bytes``, so that what is next is the top
of a heap, and whatever happens (one begins, one ends, the bandwidth changes) moves one number.

Everything here is pure: the clock is handed in, what waits is read through ``Queue``.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import ceil, inf

import msgspec

from emulator.replication.links.figures import LinkFigures
from emulator.replication.links.ports import Queue, Waiting

# What is this close to an instant is at it: floats do not tell them apart.
_CLOSE_MS = 1e-3


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """A task in flight since ``since_ms``, and the share with which it is through."""

    through: float
    number: int
    task: Waiting
    work_bytes: float
    since_ms: float

    def __lt__(self, other: Transfer) -> bool:
        return (self.through, self.number) < (other.through, other.number)


class Through(msgspec.Struct, frozen=True, gc=False):
    """A task whose bytes are through, and since when."""

    task_id: int
    at_ms: int


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where a transfer stands. ``ends_ms`` is None while nothing moves."""

    task: Waiting
    since_ms: int
    bytes_done: int
    ends_ms: int | None


class Lane:
    """The transfers in flight on one link.

    It stands at the instant at which something happened last, and not later: what is told of late,
    because the clock jumped, can still begin when it should have. Instants are kept as floats from
    when the lane came to be, so that they stay exact.
    """

    def __init__(self, now_ms: int, figures: LinkFigures) -> None:
        self._figures = figures
        self._origin_ms = now_ms
        self._now_ms = -inf
        self._share = 0.0
        self._number = 0
        self._flying: list[Transfer] = []
        self._request_ms = -inf  # the next one may begin then

    @property
    def is_shut(self) -> bool:
        """Whether none that waits can begin until something else happens."""
        figures = self._figures
        return figures.down_since_ms is not None or len(self._flying) >= figures.parallel

    @property
    def figures(self) -> LinkFigures:
        """What the link can do at present."""
        return self._figures

    def change(self, figures: LinkFigures, now_ms: int) -> None:
        """Other figures count from now on; what passes by now has been run."""
        self._move(self._begin(now_ms))
        self._figures = figures

    @property
    def flying(self) -> list[int]:
        """The tasks in flight, in no order."""
        return [transfer.task.task_id for transfer in self._flying]

    def run(self, until_ms: int, queue: Queue, limit: int | None = None) -> list[Through]:
        """Let time pass up to ``until_ms``: who is through by then, at most ``limit``.

        ``next_ms`` tells whether there are more.
        """
        last_ms = self._begin(until_ms)
        through: list[Through] = []
        while limit is None or len(through) < limit:
            end_ms, admit_ms = self._end_ms(), self._admit_ms(self._waiting_ms(queue))
            at_ms = min(end_ms, admit_ms)
            if at_ms > last_ms + _CLOSE_MS:
                break
            self._move(at_ms)
            if end_ms <= admit_ms:
                through.append(self._end(at_ms))
            else:
                self._admit(queue.take(self._origin_ms + at_ms))
        return through

    def next_ms(self, queue: Queue) -> int | None:
        """When the next one will be through, if nothing else is told. Changes nothing.

        When one begins is no reason to look: it begins then also if it is told of later.
        """
        ahead = self
        while True:
            end_ms, admit_ms = ahead._end_ms(), ahead._admit_ms(ahead._waiting_ms(queue))
            if end_ms <= admit_ms:
                return None if end_ms == inf else self._rounded_up(end_ms)
            ahead = self._copy() if ahead is self else ahead
            ahead._move(admit_ms)
            ahead._admit(queue.take(self._origin_ms + admit_ms))

    def at(self, now_ms: int, queue: Queue) -> tuple[Lane, int]:
        """The lane as it will stand if nothing else is told, and how many will be through by then.

        Changes nothing.
        """
        ahead = self._copy()
        return ahead, len(ahead.run(now_ms, queue))

    def drop(self, left: set[int], now_ms: int) -> None:
        """Forget the transfers of tasks that are not among those ``left``."""
        if not left.issuperset(self.flying):
            self._move(self._begin(now_ms))
            self._flying = [each for each in self._flying if each.task.task_id in left]
            heapify(self._flying)

    def standing(self, now_ms: int) -> list[Standing]:
        """Where each transfer stands, who began first coming first. Changes nothing."""
        rate, at_ms = self._rate(), max(self._now_ms, float(now_ms - self._origin_ms))
        share = self._share + ((at_ms - self._now_ms) * rate if 0 < rate < inf else 0.0)
        found: list[Standing] = []
        for each in sorted(self._flying, key=lambda each: each.number):
            left = 0.0 if rate == inf else max(0.0, each.through - share)
            done = 1.0 - left / each.work_bytes if each.work_bytes else 1.0
            found.append(
                Standing(
                    task=each.task,
                    since_ms=self._origin_ms + int(each.since_ms),
                    bytes_done=round(each.task.size_bytes * done),
                    ends_ms=None if rate == 0 else self._rounded_up(at_ms + left / rate),
                )
            )
        return found

    def _copy(self) -> Lane:
        made = Lane(self._origin_ms, self._figures)
        made._now_ms = self._now_ms
        made._share = self._share
        made._number = self._number
        made._flying = self._flying.copy()
        made._request_ms = self._request_ms
        return made

    def _begin(self, until_ms: int) -> float:
        """The instant to run up to; a clock that was set back takes the lane with it."""
        last_ms = float(until_ms - self._origin_ms)
        if last_ms < self._now_ms - _CLOSE_MS:
            self._request_ms -= self._now_ms - last_ms
            self._now_ms = last_ms
        return last_ms

    def _waiting_ms(self, queue: Queue) -> float:
        """When the first that waits may begin; what is shut does not ask."""
        waiting_ms = None if self.is_shut else queue.next_ms()
        return inf if waiting_ms is None else float(waiting_ms - self._origin_ms)

    def _rate(self) -> float:
        """Bytes a millisecond for each transfer in flight."""
        figures = self._figures
        if figures.down_since_ms is not None:
            return 0.0
        if not figures.bytes_per_ms or not self._flying:
            return inf
        return figures.bytes_per_ms / len(self._flying)

    def _end_ms(self) -> float:
        """When the first transfer is through, if nothing else happens."""
        rate = self._rate()
        if not self._flying or rate == 0:
            return inf
        return self._now_ms + max(0.0, self._flying[0].through - self._share) / rate

    def _admit_ms(self, waiting_ms: float) -> float:
        """When the first that waits begins to travel, if nothing else happens."""
        return inf if self.is_shut else max(self._now_ms, waiting_ms, self._request_ms)

    def _move(self, at_ms: float) -> None:
        rate = self._rate()
        if at_ms <= self._now_ms:
            return
        if self._flying and rate < inf:
            self._share += (at_ms - self._now_ms) * rate
        self._now_ms = at_ms

    def _end(self, at_ms: float) -> Through:
        transfer = heappop(self._flying)
        self._share = max(self._share, transfer.through) if self._flying else 0.0
        return Through(transfer.task.task_id, self._rounded_up(at_ms))

    def _admit(self, task: Waiting) -> None:
        figures = self._figures
        work = task.size_bytes / (figures.acceleration if task.is_fast else 1.0)
        self._number += 1
        heappush(self._flying, Transfer(self._share + work, self._number, task, work, self._now_ms))
        if figures.request_ms:
            self._request_ms = self._now_ms + figures.request_ms

    def _rounded_up(self, at_ms: float) -> int:
        return self._origin_ms + ceil(at_ms - _CLOSE_MS)
