"""Links around an engine: a list as what waits, and a world whose rules replicate over a link."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from emulator.clock import VirtualClock
from emulator.replication.links.figures import LinkFigures
from emulator.replication.links.lane import Lane
from emulator.replication.links.ports import Waiting
from emulator.replication.model import Rule
from emulator.replication.settings import ReplicationSettings
from emulator.replication.timing.desk import TimingDesk
from emulator.replication.timing.records import PairTiming, TimingDocument, TimingFields
from tests.unit.replication.engine_world import (
    ACCOUNT_B,
    ROLE,
    START_MS,
    World,
    bucket_policy,
    role_policy,
)

SOURCE, DESTINATION = "src-bucket", "dest-bucket"


class ListQueue:
    """What waits for a lane, as (due_ms, size_bytes) or with whether it is accelerated."""

    def __init__(self, tasks: Iterable[tuple[int, int] | tuple[int, int, bool]]) -> None:
        self._tasks = [
            Waiting(number, 1, f"k{number}", task[1], task[0], len(task) > 2)
            for number, task in enumerate(tasks)
        ]
        self._tasks.sort(key=lambda task: task.due_ms)

    def copy(self) -> ListQueue:
        made = ListQueue([])
        made._tasks = self._tasks.copy()
        return made

    def next_ms(self) -> int | None:
        return self._tasks[0].due_ms if self._tasks else None

    def take(self, at_ms: float) -> Waiting:
        assert self._tasks[0].due_ms <= at_ms + 1e-3
        return self._tasks.pop(0)


def passed(lane: Lane, queue: ListQueue, until_ms: int | None = None) -> dict[int, int]:
    """When each task is through, stepping from one instant to the next as the engine does."""
    found: dict[int, int] = {}
    while (at_ms := lane.next_ms(queue.copy())) is not None and (
        until_ms is None or at_ms <= until_ms
    ):
        for each in lane.run(at_ms, queue):
            assert each.task_id not in found
            found[each.task_id] = each.at_ms
    if until_ms is not None:
        assert lane.run(until_ms, queue) == []
    return found


def figures(**fields: float | int | None) -> LinkFigures:
    return LinkFigures(**fields)  # type: ignore[arg-type]  # fields of several types


class LinkWorld(World):
    """A rule across accounts from Hangzhou to Shanghai, and a desk that changes its timing."""

    def __init__(
        self,
        settings: ReplicationSettings,
        *,
        folder: Path | None = None,
        clock: VirtualClock | None = None,
        seed: int = 7,
    ) -> None:
        super().__init__(settings=settings, folder=folder, clock=clock, seed=seed)
        self.timings = self.engine._tools.timing
        self.desk = TimingDesk(self.store, self.clock, settings, self.timings, self.engine)

    async def prepare(self, *, versioned: bool = True, **rule: object) -> None:
        await self.role(role_policy([SOURCE]))
        await self.bucket(SOURCE, versioned=versioned)
        await self.bucket(
            DESTINATION,
            owner_uid=ACCOUNT_B,
            region="cn-shanghai",
            versioned=versioned,
            policy=bucket_policy(DESTINATION),
        )
        await self.rule(SOURCE, DESTINATION, sync_role=ROLE, **rule)  # type: ignore[arg-type]
        await self.due()

    async def put_at(self, at_ms: int, key: str, size_bytes: int) -> None:
        """Write an object at an instant; the engine has done everything due before it."""
        await self.run_to(START_MS + at_ms)
        await self.put(SOURCE, key, bytes(size_bytes))

    async def accelerate(self, rule: Rule, transfer_type: str) -> None:
        """Give a rule its transfer type."""
        spec = msgspec.structs.replace(rule.spec, transfer_type=transfer_type)
        await self.write(lambda tx: tx.set_rule_spec(rule.uid, spec))

    async def repair(self) -> None:
        """Give the role its rights at the destination back."""
        await self.set_policy(DESTINATION, bucket_policy(DESTINATION))

    async def run_to(self, instant_ms: int) -> None:
        """Step over everything that is due up to an instant."""
        await self.due()
        while (due_ms := self.engine.next_due_ms()) is not None and due_ms <= instant_ms:
            self.clock.set(max(due_ms, self.clock.now_ms()))
            await self.due()
        self.clock.set(max(instant_ms, self.clock.now_ms()))
        await self.due()

    def lag_ms(self, key: str) -> int:
        """How long after its source the newest replica of a key was written."""
        source, replica = self.stack(SOURCE, key)[-1], self.stack(DESTINATION, key)[-1]
        assert replica.origin is not None
        return replica.origin.applied_ms - source.modified_ms

    async def pair(self, **fields: object) -> None:
        """Give the pair of regions a timing of its own."""
        pair = PairTiming(source="cn-hangzhou", to="cn-shanghai", **fields)  # type: ignore[arg-type]
        await self.desk.put_timing(TimingDocument(regions=(pair,)))

    async def default(self, **fields: object) -> None:
        """Give everything another timing."""
        await self.desk.put_timing(TimingDocument(default=TimingFields(**fields)))  # type: ignore[arg-type]
