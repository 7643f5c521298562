"""What the tables of replication refuse, and the look-ups for many keys at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from emulator.config import Durability
from emulator.domain.model import (
    Acl,
    Bucket,
    Change,
    ChangeKind,
    ObjectVersion,
    StorageClass,
    VersionKind,
)
from emulator.domain.ports import NewBucket
from emulator.replication.model import FailureReason, Refusal, Rule, RuleSpec, RuleState, TaskState
from emulator.replication.ports import Failure, NewRule, NewTask, ReplicationTx
from emulator.storage.sqlite import connections
from emulator.storage.sqlite.connections import DATABASE_NAME, connect, migrate
from emulator.storage.sqlite.replication import readings
from emulator.storage.sqlite.store import SqliteStore

T = TypeVar("T")

REFUSAL = Refusal(reason=FailureReason.ROLE_MISSING)
KEYS = ["plain", 'quote"\\u0000', "nul\0inside", "\x01\x1f", "ключ", "\U0001f600", "a" * 1023]


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(":memory:")
    yield opened
    await opened.close()


def make_bucket(tx: ReplicationTx, name: str) -> Bucket:
    return tx.insert_bucket(
        NewBucket(
            name=name,
            owner_uid="1",
            region="cn-hangzhou",
            created_ms=0,
            acl="private",
            storage_class="Standard",
            redundancy="LRS",
        )
    )


def make_rule(tx: ReplicationTx, bucket: Bucket, rule_id: str = "r") -> Rule:
    spec = RuleSpec(
        rule_id=rule_id, destination_bucket="dst", destination_location="oss-cn-hangzhou"
    )
    return tx.insert_rule(
        NewRule(
            source_bucket_id=bucket.id,
            spec=spec,
            created_ms=1,
            starts_ms=2,
            cursor_seq=3,
            bound_seq=4,
        )
    )


def make_task(rule: Rule, key: str, seq: int, state: TaskState = TaskState.WAITING) -> NewTask:
    change = Change(
        seq=seq,
        bucket_id=rule.source_bucket_id,
        key=key,
        kind=ChangeKind.PUT,
        version_id="v",
        version_seq=seq,
        at_ms=seq,
    )
    return NewTask(rule_uid=rule.uid, change=change, state=state, due_ms=10 * seq)


def make_version(bucket: Bucket, key: str, seq: int) -> ObjectVersion:
    return ObjectVersion(
        bucket_id=bucket.id,
        key=key,
        seq=seq,
        version_id="null",
        kind=VersionKind.NORMAL,
        size_bytes=0,
        etag="",
        crc64=0,
        modified_ms=0,
        storage_class=StorageClass.STANDARD,
        acl=Acl.DEFAULT,
        owner_uid="1",
    )


async def test_rule_comes_back_as_it_was_stored(store: SqliteStore) -> None:
    def work(tx: ReplicationTx) -> tuple[Rule, list[Rule]]:
        rule = make_rule(tx, make_bucket(tx, "src"))
        return rule, [
            *tx.rules(),
            *tx.rules_to("dst"),
            *tx.rules_of(rule.source_bucket_id),
            *filter(None, [tx.rule(rule.source_bucket_id, "r"), tx.rule_by_uid(rule.uid)]),
        ]

    rule, found = await store.write(work)
    assert found == [rule] * 5
    assert (rule.state, rule.cursor_seq, rule.history.bound_seq) == (RuleState.STARTING, 3, 4)


async def test_uid_of_a_rule_is_never_given_again(store: SqliteStore) -> None:
    def work(tx: ReplicationTx) -> tuple[int, int]:
        bucket = make_bucket(tx, "src")
        first = make_rule(tx, bucket)
        tx.delete_rule(first.uid)
        return first.uid, make_rule(tx, bucket).uid

    first, second = await store.write(work)
    assert second > first


def start_twice(tx: ReplicationTx, rule: Rule) -> None:
    for _ in range(2):
        tx.start_rule(rule.uid, history_done=True)


def start_after_close(tx: ReplicationTx, rule: Rule) -> None:
    tx.close_rule(rule.uid, closes_ms=1, last_seq=9)
    tx.start_rule(rule.uid, history_done=True)


REFUSED: list[Callable[[ReplicationTx, Rule], object]] = [
    lambda tx, rule: tx.move_history(rule.uid, taken=1, at_key="k", at_seq=1, done=True),
    lambda tx, rule: tx.put_ahead(rule.uid, rule.cursor_seq - 1),
    lambda tx, rule: tx.leave_reading(rule.uid),
    start_twice,
    start_after_close,
    lambda tx, rule: tx.insert_tasks([make_task(rule, "k", 1), make_task(rule, "k", 2)]),
    lambda tx, rule: tx.insert_tasks([make_task(rule, "k", 1, TaskState.FAILED)]),
    lambda tx, rule: tx.insert_tasks(
        [msgspec.structs.replace(make_task(rule, "k", 1), refusal=REFUSAL)]
    ),
    lambda tx, rule: tx.fail_tasks([Failure(99, 1, 1, REFUSAL)]),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
async def test_what_the_state_tables_do_not_know_is_refused(
    store: SqliteStore, number: int
) -> None:
    rule = await store.write(lambda tx: make_rule(tx, make_bucket(tx, "src")))
    with pytest.raises((sqlite3.IntegrityError, AssertionError)):
        await store.write(lambda tx: REFUSED[number](tx, rule))
    with store.read() as view:
        assert view.rules() == [rule]
        assert view.open_task_counts() == {}


async def test_queued_task_cannot_be_finished_or_fail_before_its_turn(store: SqliteStore) -> None:
    def fill(tx: ReplicationTx) -> Rule:
        rule = make_rule(tx, make_bucket(tx, "src"))
        tx.insert_tasks([make_task(rule, "k", 1), make_task(rule, "k", 2, TaskState.QUEUED)])
        return rule

    rule = await store.write(fill)
    with store.read() as view:
        head, queued = view.tasks_of_key(rule.uid, "k")
        assert [task for task, _ in view.due_tasks(1_000, 10)] == [head]
    with pytest.raises(AssertionError):
        await store.write(lambda tx: tx.finish_tasks([queued]))
    with pytest.raises(AssertionError):
        await store.write(lambda tx: tx.fail_tasks([Failure(queued.id, 1, 1, REFUSAL)]))
    await store.write(lambda tx: tx.finish_tasks([head]))
    with store.read() as view:
        (promoted,) = view.tasks_of_key(rule.uid, "k")
    assert promoted == msgspec.structs.replace(queued, state=TaskState.WAITING)


async def test_task_stored_twice_is_stored_once(store: SqliteStore) -> None:
    def work(tx: ReplicationTx) -> int:
        rule = make_rule(tx, make_bucket(tx, "src"))
        tx.insert_tasks([make_task(rule, "k", 1)])
        tx.insert_tasks([make_task(rule, "k", 1)])
        return tx.open_tasks(rule.uid).total

    assert await store.write(work) == 1


async def test_tasks_go_with_their_rule_and_rules_with_their_bucket(store: SqliteStore) -> None:
    def fill(tx: ReplicationTx) -> Bucket:
        bucket = make_bucket(tx, "src")
        for rule_id in ("one", "two"):
            tx.insert_tasks([make_task(make_rule(tx, bucket, rule_id), "k", 1)])
        tx.append_change(version=make_version(bucket, "k", 1), kind=ChangeKind.PUT, at_ms=1)
        tx.delete_rule(tx.rules()[0].uid)
        return bucket

    bucket = await store.write(fill)
    with store.read() as view:
        assert [rule.spec.rule_id for rule in view.rules()] == ["two"]
        assert view.open_task_counts() == {TaskState.WAITING: 1}
        assert len(view.changes_after(bucket.id, 0, limit=9)) == 1
    await store.write(lambda tx: tx.delete_bucket(bucket.id))
    with store.read() as view:
        assert view.rules() == []
        assert view.open_task_counts() == {}
        assert view.changes_after(bucket.id, 0, limit=9) == []


@pytest.mark.parametrize("keys", [KEYS, [KEYS[0], *KEYS[3:]]])
async def test_look_ups_for_many_keys_find_what_single_ones_find(
    store: SqliteStore, keys: list[str]
) -> None:
    def fill(tx: ReplicationTx) -> tuple[Bucket, Rule]:
        bucket = make_bucket(tx, "src")
        rule = make_rule(tx, bucket)
        for number, key in enumerate(keys):
            for seq in (10 * number + 1, 10 * number + 2):
                version = make_version(bucket, key, seq)
                tx.insert_version(version, shares_blobs=False, listed=False)
            tx.insert_tasks([make_task(rule, key, number + 1)])
        return bucket, rule

    bucket, rule = await store.write(fill)
    with store.read() as view:
        asked = [*keys, "missing"]
        newest = view.newest_entries(bucket.id, asked)
        assert newest == {key: view.current_version(bucket.id, key) for key in keys}
        assert view.keys_with_tasks(rule.uid, asked) == set(keys)
        assert view.newest_entries(bucket.id, []) == {}


async def test_history_is_read_by_key_and_oldest_first(store: SqliteStore) -> None:
    def fill(tx: ReplicationTx) -> Bucket:
        bucket = make_bucket(tx, "src")
        for seq, key in ((5, "b"), (3, "a"), (1, "b"), (9, "a"), (7, "c"), (4, "a")):
            version = make_version(bucket, key, seq)
            tx.insert_version(version, shares_blobs=False, listed=False)
        return bucket

    bucket = await store.write(fill)
    with store.read() as view:
        found: list[tuple[str, int]] = [("", 0)]
        while True:
            at_key, at_seq = found[-1]
            page = view.history_page(bucket.id, 7, at_key=at_key, at_seq=at_seq, limit=2)
            if not page:
                break
            found += [(version.key, version.seq) for version in page]
    assert found[1:] == [("a", 3), ("a", 4), ("b", 1), ("b", 5), ("c", 7)]


PLANNED = sorted(
    name
    for name, value in vars(readings).items()
    if isinstance(value, str) and value.startswith(("SELECT", "UPDATE", "DELETE"))
)


@pytest.mark.parametrize("name", PLANNED)
def test_what_is_due_is_found_without_looking_at_every_rule(name: str) -> None:
    connection = connect(":memory:", Durability.NONE)
    migrate(connection, Path(":memory:"))
    statement = vars(readings)[name]
    numbered = [number for number in (1, 2, 3) if f"?{number}" in statement]
    values = [1] * (len(numbered) or statement.count("?"))
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    connection.close()
    due = "SCAN replication_readings USING INDEX replication_readings_unread"  # and nothing else
    # The first row alone: whether there is any, and which is due first.
    first = (
        "SCAN replication_tasks USING COVERING INDEX",
        "SCAN replication_rtc USING COVERING INDEX replication_rtc_due",
    )
    harmless = ("SCAN CONSTANT", "SCAN (sub", due, *first)
    for *_, step in plan:
        assert not step.startswith("SCAN") or step.startswith(harmless), step
        assert "TEMP B-TREE" not in step


async def test_rules_of_an_older_folder_read_on_where_they_stood(tmp_path: Path) -> None:
    connection = connect(tmp_path / DATABASE_NAME, Durability.NONE)
    folder = Path(connections.__file__).with_name("migrations")
    for script in sorted(folder.glob("*.sql")):
        if script.name < "0015":
            connection.executescript(script.read_text())
    connection.executescript(
        """PRAGMA application_id = 0x4F535352;
        PRAGMA user_version = 14;
        INSERT INTO buckets (name, owner_uid, region, created_ms, acl, storage_class, redundancy)
        VALUES ('src', '1', 'cn-hangzhou', 0, 'private', 'Standard', 'LRS');"""
    )
    spec = '{"rule_id":"r","destination_bucket":"dst","destination_location":"oss-cn-hangzhou"}'
    for rule_id, state, closes, cursor, last in (
        ("a", "doing", None, 5, None),
        ("b", "doing", None, 5, None),
        ("c", "doing", None, 7, None),
        ("d", "starting", None, 6, None),
        ("e", "closing", 9, 5, 6),
        ("f", "closing", 9, 6, 6),
    ):
        connection.execute(
            """INSERT INTO replication_rules (source_bucket_id, rule_id, destination_bucket, state,
                spec_json, created_ms, starts_ms, closes_ms, cursor_seq, last_seq,
                history_bound_seq) VALUES (1, ?, 'dst', ?, ?, 0, 0, ?, ?, ?, 4)""",
            (rule_id, state, spec, closes, cursor, last),
        )
    connection.execute("UPDATE counters SET value = 50 WHERE name = 'seq'")
    connection.commit()
    connection.close()
    store = SqliteStore.open(tmp_path)
    with store.read() as view:
        assert [rule.cursor_seq for rule in view.rules()] == [5, 5, 7, 6, 5, 6]
        found = view.unread_readings(0, 10)
        members = {tuple(view.specs_of_reading(reading.id)) for reading in found}
        assert members == {(1, 2), (3,), (5,)}
        assert {(r.cursor_seq, r.until_seq) for r in found} == {(5, None), (7, None), (5, 6)}
    assert await store.write(lambda tx: tx.next_seq()) > max(reading.id for reading in found)
    await store.close()
