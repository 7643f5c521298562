"""Tasks that wait for links, in the metadata store."""

from __future__ import annotations

import pytest

from emulator.domain.model import Change, ChangeKind
from emulator.replication.model import RuleSpec, Task, TaskState
from emulator.replication.ports import NewRule, NewTask, ReplicationTx
from emulator.storage.sqlite.replication import lanes
from emulator.storage.sqlite.store import SqliteStore
from tests.contract.test_meta_plans import plan
from tests.unit.replication.engine_world import World

START = (-1, -1)


@pytest.fixture
def world() -> World:
    return World()


async def rule_uid(world: World) -> int:
    bucket = await world.bucket("source")
    spec = RuleSpec(rule_id="r", destination_bucket="d", destination_location="oss-cn-shanghai")
    new = NewRule(
        source_bucket_id=bucket.id, spec=spec, created_ms=0, starts_ms=0, cursor_seq=0, bound_seq=0
    )
    return (await world.write(lambda tx: tx.insert_rule(new))).uid


async def insert(store: SqliteStore, uid: int, *rows: tuple[int, str, int, str | None]) -> None:
    """Tasks as (change_seq, key, due_ms, lane); those behind another of their key are queued."""

    def work(tx: ReplicationTx) -> None:
        keys: set[str] = set()
        tasks = []
        for number, (seq, key, due_ms, lane) in enumerate(rows, start=1):
            change = Change(
                seq=seq, bucket_id=1, key=key, kind=ChangeKind.PUT, version_id="",
                version_seq=number, at_ms=0,
            )  # fmt: skip
            state = TaskState.QUEUED if key in keys else TaskState.WAITING
            keys.add(key)
            tasks.append(
                NewTask(
                    rule_uid=uid, change=change, state=state, due_ms=due_ms, size_bytes=7, lane=lane
                )
            )
        tx.insert_tasks(tasks)

    await store.write(work)


def waiting(store: SqliteStore, lane: str, *, historical: bool = False) -> list[str]:
    with store.read() as view:
        found = view.lane_tasks(lane, historical=historical, after=START, limit=100)
    assert all(each.size_bytes == 7 for each in found)
    return [each.key for each in found]


async def test_a_lane_is_read_in_order_new_data_apart_from_historical(world: World) -> None:
    uid = await rule_uid(world)
    await insert(
        world.store, uid,
        (1, "b", 20, "x"), (2, "a", 10, "x"), (3, "a", 5, "x"), (0, "h", 1, "x"),
        (5, "c", 20, "x"), (6, "other", 1, "y"), (7, "plain", 1, None),
    )  # fmt: skip
    assert waiting(world.store, "x") == ["a", "b", "c"]
    assert waiting(world.store, "x", historical=True) == ["h"]
    with world.store.read() as view:
        assert view.lanes() == ["x", "y"]
        assert view.lane_length("x") == 4
        [first] = view.lane_tasks("x", historical=False, after=START, limit=1)
        rest = view.lane_tasks(
            "x", historical=False, after=(first.due_ms, first.task_id), limit=100
        )
        assert [each.key for each in rest] == ["b", "c"]


async def test_what_waits_for_a_lane_is_not_due_and_what_has_passed_it_is(world: World) -> None:
    uid = await rule_uid(world)
    await insert(world.store, uid, (1, "a", 10, "x"), (2, "a", 5, "x"), (3, "b", 10, "x"))
    with world.store.read() as view:
        assert view.due_tasks(1000, 10) == []
        assert (view.rule_instants().tasks_ms, view.next_waiting_ms()) == (None, None)
        first, _ = view.lane_tasks("x", historical=False, after=START, limit=2)
    await world.write(lambda tx: tx.release_tasks([(first.task_id, 50), (999, 1)]))
    with world.store.read() as view:
        assert (view.rule_instants().tasks_ms, view.next_waiting_ms()) == (50, 50)
        [(task, _)] = view.due_tasks(50, 10)
    assert (task.change.key, task.lane) == ("a", None)
    await world.write(lambda tx: tx.finish_tasks([task]))
    assert waiting(world.store, "x") == ["a", "b"]  # the next of its key keeps the lane


async def test_what_was_due_can_be_held(world: World) -> None:
    uid = await rule_uid(world)
    await insert(world.store, uid, (1, "a", 10, None))
    with world.store.read() as view:
        [(task, _)] = view.due_tasks(10, 10)
    await world.write(lambda tx: tx.hold_tasks("x", 99, [task.id]))
    with world.store.read() as view:
        assert view.rule_instants().tasks_ms is None
        [held] = view.tasks_of_key(uid, "a")
    assert (held.lane, held.due_ms) == ("x", 99)


async def test_which_tasks_are_left(world: World) -> None:
    uid = await rule_uid(world)
    await insert(world.store, uid, (1, "a", 10, "x"))
    with world.store.read() as view:
        [task] = view.tasks_of_key(uid, "a")
        assert isinstance(task, Task)
        assert view.tasks_left([task.id, 12345]) == {task.id}
    await world.write(lambda tx: tx.delete_rule(uid))
    with world.store.read() as view:
        assert view.tasks_left([task.id]) == set()
        assert view.lanes() == []


async def test_the_timing_is_one_text(world: World) -> None:
    with world.store.read() as view:
        assert view.timing_text() == ""
    for text in ("{}", '{"a":1}'):
        await world.write(lambda tx, text=text: tx.put_timing_text(text))  # type: ignore[misc]
        with world.store.read() as view:
            assert view.timing_text() == text


# What a statement is handed, or has found by an index before.
HANDED_OVER = ("SCAN json_each", "SCAN known", "SCAN (subquery")
STATEMENTS = [
    (name, value)
    for name, value in vars(lanes).items()
    if isinstance(value, str) and value.startswith(("SELECT", "UPDATE", "WITH"))
]


@pytest.mark.parametrize(("name", "statement"), STATEMENTS)
def test_statements_seek_and_do_not_sort(name: str, statement: str) -> None:
    for step in plan(statement):
        is_scan = step.startswith("SCAN") and not step.startswith(HANDED_OVER)
        assert not is_scan, f"{name}: {step}"
        assert "TEMP B-TREE" not in step, f"{name}: {step}"
