"""What the store keeps of replication: notes, counts of tasks, time control, late objects."""

from __future__ import annotations

import re

import pytest

from emulator.domain.model import Change, ChangeKind
from emulator.replication.journal_ports import (
    Ending,
    Miss,
    OpenCount,
    RtcRow,
    RtcStats,
    RuleStats,
    Traffic,
)
from emulator.replication.latency import Latency
from emulator.replication.model import FailureReason, Refusal, Rule, RuleSpec, TaskState
from emulator.replication.ports import Failure, NewRule, NewTask, ReplicationTx
from emulator.storage.sqlite.replication import stats
from emulator.storage.sqlite.store import SqliteStore
from tests.contract.building import make_bucket, put
from tests.contract.test_meta_plans import plan

REFUSAL = Refusal(reason=FailureReason.LINK_DOWN)
WAITING, FAILED, QUEUED = TaskState.WAITING, TaskState.FAILED, TaskState.QUEUED
# A row a rule or a bucket, all of which are asked for.
ALL = {"_RULE_COUNT", "_TRAFFIC"}


async def make_rule(store: SqliteStore, bucket_id: int, rule_id: str = "r") -> Rule:
    new = NewRule(
        source_bucket_id=bucket_id,
        spec=RuleSpec(rule_id=rule_id, destination_bucket=f"to-{rule_id}", destination_location=""),
        created_ms=1,
        starts_ms=2,
        cursor_seq=0,
        bound_seq=0,
    )
    return await store.write(lambda tx: tx.insert_rule(new))


@pytest.fixture
async def rule(store: SqliteStore) -> Rule:
    """A rule of a bucket."""
    return await make_rule(store, (await make_bucket(store, "src")).id)


def task(
    rule: Rule,
    key: str,
    seq: int,
    *,
    state: TaskState = WAITING,
    kind: ChangeKind = ChangeKind.PUT,
    at_ms: int = 0,
) -> NewTask:
    """A task of new data; of historical data for a negative ``seq``."""
    change = Change(
        seq=max(seq, 0),
        bucket_id=rule.source_bucket_id,
        key=key,
        kind=kind,
        version_id=f"v{seq}",
        version_seq=abs(seq),
        at_ms=at_ms or seq,
    )
    failed = state is FAILED
    return NewTask(
        rule_uid=rule.uid,
        change=change,
        state=state,
        due_ms=1000,
        size_bytes=10 * abs(seq),
        attempts=int(failed),
        refusal=REFUSAL if failed else None,
    )


def count(store: SqliteStore, rule: Rule) -> OpenCount:
    """What is kept, which has to be what there is."""
    with store.read() as view:
        kept = view.open_counts(rule.uid - 1, rule.uid)
        found = view.task_page(rule.uid, key=None, after=("", 0), limit=99)
    failed = [each for each in found if each.state is FAILED]
    counted = OpenCount(
        rule.uid,
        sum(each.state is QUEUED for each in found),
        sum(each.state is WAITING for each in found),
        len(failed),
        sum(each.change.seq == 0 for each in found),
        sum(each.size_bytes for each in found if each.state is not FAILED),
        sum(each.size_bytes for each in failed),
    )
    assert (kept or [OpenCount(rule.uid)]) == [counted]
    return counted


async def test_open_tasks_are_counted_as_they_come_and_go(store: SqliteStore, rule: Rule) -> None:
    def insert(tx: ReplicationTx) -> None:
        tx.insert_tasks([task(rule, "k", 1), task(rule, "k", 2, state=QUEUED), task(rule, "h", -3)])
        tx.insert_tasks([task(rule, "h", -3), task(rule, "f", 4, state=FAILED)])  # one is there
        tx.insert_tasks([task(rule, "k", 1), task(rule, "k", 5, state=QUEUED)])  # likewise

    await store.write(insert)
    assert count(store, rule) == OpenCount(rule.uid, 2, 2, 1, 1, 10 + 20 + 50 + 30, 40)
    with store.read() as view:
        (head, *_), (old,) = view.tasks_of_key(rule.uid, "k"), view.tasks_of_key(rule.uid, "h")
        assert view.has_open_history(rule.uid)
        assert view.open_task_counts() == {WAITING: 2, QUEUED: 2, FAILED: 1}
        found = view.open_tasks(rule.uid)
        assert (found.queued, found.waiting, found.failed) == (2, 2, 1)
        assert (found.history, found.oldest_ms) == (1, 1)

    def move(tx: ReplicationTx) -> None:
        tx.finish_tasks([head])
        tx.fail_tasks([Failure(old.id, 5, 1, REFUSAL)])
        tx.fail_tasks([Failure(old.id, 6, 2, REFUSAL)])

    await store.write(move)
    assert count(store, rule) == OpenCount(rule.uid, 1, 1, 2, 1, 20 + 50, 30 + 40)
    with store.read() as view:
        (again,) = view.tasks_of_key(rule.uid, "h")
    await store.write(lambda tx: tx.finish_tasks([again]))
    assert count(store, rule) == OpenCount(rule.uid, 1, 1, 1, 0, 20 + 50, 40)
    assert await store.write(lambda tx: tx.forget_tasks(rule.uid, limit=2)) == 2
    count(store, rule)
    await store.write(lambda tx: tx.delete_rule(rule.uid))
    with store.read() as view:
        assert view.open_counts(0, rule.uid) == []
        assert view.open_task_counts() == {}


async def test_traffic_adds_up_by_bucket_and_goes_with_it(store: SqliteStore, rule: Rule) -> None:
    two = await make_bucket(store, "two")
    other = await make_rule(store, two.id, "other")
    source_id = rule.source_bucket_id
    with store.read() as view:
        source = view.bucket_by_id(source_id)
    assert source is not None
    moved = RuleStats(objects=1, objects_bytes=3, history_objects=1, history_bytes=2)
    await store.write(lambda tx: tx.add_rule_stats(rule.uid, two.id, moved))
    back = RuleStats(objects=2, objects_bytes=2)
    await store.write(lambda tx: tx.add_rule_stats(other.uid, source_id, back))
    both = sorted([Traffic(source.name, 5, 2), Traffic("two", 2, 5)], key=lambda each: each.bucket)
    with store.read() as view:
        assert view.traffic() == both
    await store.write(lambda tx: tx.delete_rule(rule.uid))
    await store.write(lambda tx: tx.delete_rule(other.uid))
    with store.read() as view:
        assert view.traffic() == both
    await store.write(lambda tx: tx.delete_bucket(source_id))
    with store.read() as view:
        assert view.traffic() == [Traffic("two", 2, 5)]


async def test_a_bucket_made_anew_begins_without_the_traffic_of_the_former(
    store: SqliteStore, rule: Rule
) -> None:
    two = await make_bucket(store, "two")
    moved = RuleStats(objects=1, objects_bytes=3)
    await store.write(lambda tx: tx.add_rule_stats(rule.uid, two.id, moved))
    await store.write(lambda tx: tx.delete_bucket(two.id))
    again = await make_bucket(store, "two")
    await store.write(lambda tx: tx.add_rule_stats(rule.uid, again.id, moved))
    with store.read() as view:
        assert [each for each in view.traffic() if each.bucket == "two"] == [Traffic("two", 0, 3)]
        assert view.rule_stats(rule.uid).objects_bytes == 6


async def test_what_was_done_for_a_rule_adds_up(store: SqliteStore, rule: Rule) -> None:
    first = RuleStats(
        objects=1,
        retries=2,
        works={"copy-marker": 1},
        skipped={"is-replica": 2},
        refused={"link-down": 3},
        latency=Latency(1, 40, 40, {40: 1}),
        rtc=RtcStats(objects=1, within=1),
        rtc_latency=Latency(1, 40, 40, {40: 1}),
    )
    second = RuleStats(
        history_objects=1,
        works={"copy-marker": 1, "update-version": 1},
        latency=Latency(2, 60, 30, {40: 1, 20: 1}),
        rtc=RtcStats(missed=2, caught_up=1, gone=1),
        rtc_latency=Latency(1, 30, 30, {30: 1}),
    )
    for more in (first, second):
        await store.write(lambda tx, more=more: tx.add_rule_stats(rule.uid, 0, more))  # type: ignore[misc]
    with store.read() as view:
        assert view.rule_stats(rule.uid) == RuleStats(
            objects=1,
            history_objects=1,
            retries=2,
            works={"copy-marker": 2, "update-version": 1},
            skipped={"is-replica": 2},
            refused={"link-down": 3},
            latency=Latency(3, 100, 40, {40: 2, 20: 1}),
            rtc=RtcStats(1, 1, 2, 1, 1),
            rtc_latency=Latency(2, 70, 40, {40: 1, 30: 1}),
        )
        assert view.rule_stats(rule.uid).effects == {
            "copy-marker": 2, "update-version": 1, "copy-version": 2,
        }  # fmt: skip
    await store.write(lambda tx: tx.forget_rtc_stats(rule.uid))
    with store.read() as view:
        assert view.rule_stats(rule.uid).rtc == RtcStats()
        assert view.rule_stats(rule.uid).rtc_latency == Latency()
        assert view.rule_stats(rule.uid).latency == Latency(3, 100, 40, {40: 2, 20: 1})
        assert view.rule_stats(rule.uid).retries == 2


async def test_pending_tasks_in_the_order_of_their_changes(store: SqliteStore, rule: Rule) -> None:
    new = [
        task(rule, "b", 1, at_ms=20),
        task(rule, "a", 2, at_ms=10),
        task(rule, "a", 3, at_ms=20, state=QUEUED, kind=ChangeKind.MARKER),
        task(rule, "h", -4),
    ]
    await store.write(lambda tx: tx.insert_tasks(new))
    with store.read() as view:
        first = view.pending_tasks(rule.uid, after_seq=0, limit=2)
        rest = view.pending_tasks(rule.uid, after_seq=2, limit=2)
        assert view.oldest_task_ms(rule.uid) == 10
        assert view.oldest_task_ms(rule.uid + 1) is None
    assert [(each.change_seq, each.key, each.at_ms) for each in first] == [
        (1, "b", 20),
        (2, "a", 10),
    ]
    assert [(each.change_seq, each.is_object) for each in first + rest] == [
        (1, True),
        (2, True),
        (3, False),
    ]


async def test_pages_of_tasks_by_key_and_age(store: SqliteStore, rule: Rule) -> None:
    new = [task(rule, "b", 1), task(rule, "a", 2), task(rule, "b", 3, state=QUEUED)]
    await store.write(lambda tx: tx.insert_tasks(new))
    with store.read() as view:
        pages = [view.task_page(rule.uid, key=None, after=("", 0), limit=2)]
        last = pages[0][-1]
        pages.append(view.task_page(rule.uid, key=None, after=(last.change.key, last.id), limit=2))
        of_key = view.task_page(rule.uid, key="b", after=("b", 0), limit=9)
        rest = view.task_page(rule.uid, key="b", after=("b", of_key[0].id), limit=9)
    assert [[each.change.seq for each in page] for page in pages] == [[2, 1], [3]]
    assert [each.change.seq for each in of_key] == [1, 3]
    assert [each.change.seq for each in rest] == [3]


async def test_refused_tasks_become_due(store: SqliteStore, rule: Rule) -> None:
    new = [task(rule, key, seq, state=FAILED) for seq, key in enumerate("abc", start=1)]
    new += [task(rule, "d", 9), task(rule, "a", 10, state=QUEUED)]
    await store.write(lambda tx: tx.insert_tasks(new))

    async def hasten(key: str | None, after_key: str = "") -> tuple[int, str | None]:
        done = await store.write(
            lambda tx: tx.hasten_failed(rule.uid, 500, key=key, after_key=after_key, limit=2)
        )
        return done.tasks, done.last_key

    assert await hasten("b") == (1, None)
    assert await hasten("b") == (0, None)
    assert await hasten("d") == (0, None)
    assert await hasten(None) == (1, "b")
    assert await hasten(None, "b") == (1, None)
    with store.read() as view:
        due = {each.change.key for each, _ in view.due_tasks(500, 10)}
    assert due == {"a", "b", "c"}


async def test_changes_that_are_not_taken_in_are_summed_up(store: SqliteStore) -> None:
    bucket = await make_bucket(store, "src")
    await make_rule(store, bucket.id)

    def change(tx: ReplicationTx, key: str, kind: ChangeKind, at_ms: int) -> None:
        put(tx, bucket.id, key, b"12345")
        version = tx.current_version(bucket.id, key)
        assert version is not None
        tx.append_change(version=version, kind=kind, at_ms=at_ms)

    def work(tx: ReplicationTx) -> None:
        change(tx, "a", ChangeKind.UPDATE, 5)
        change(tx, "b", ChangeKind.PUT, 7)
        change(tx, "c", ChangeKind.PUT, 9)

    await store.write(work)
    with store.read() as view:
        last_seq = view.last_change_seq()
        all_of = view.untaken(bucket.id, 0, until_seq=None, limit=9)
        some = view.untaken(bucket.id, 0, until_seq=last_seq - 1, limit=2)
        none = view.untaken(bucket.id, last_seq, until_seq=None, limit=9)
    assert (all_of.changes, all_of.size_bytes, all_of.is_cut) == (3, 10, False)
    assert all_of.oldest_ms == 5
    assert (some.changes, some.size_bytes, some.is_cut) == (2, 5, True)
    assert (none.changes, none.size_bytes, none.oldest_ms) == (0, 0, None)


async def test_time_control_is_looked_at_when_it_is_due(store: SqliteStore, rule: Rule) -> None:
    row = RtcRow(rule_uid=rule.uid, asked_ms=3, waits=True, effective_ms=9, due_ms=9)
    with store.read() as view:
        assert (view.rtc(rule.uid), view.next_rtc_ms()) == (None, None)
    await store.write(lambda tx: tx.look_at_rtc(rule.uid, 1))  # there is none to look at
    await store.write(lambda tx: tx.put_rtc(row))
    await store.write(lambda tx: tx.look_at_rtc(rule.uid, 11))
    with store.read() as view:
        assert view.rtc(rule.uid) == row
        assert view.next_rtc_ms() == view.next_rtc_ms(enabling_only=True) == 9
        assert view.due_rtc(8, limit=5) == []
        assert view.due_rtc(9, limit=5) == [row]
    in_effect = RtcRow(rule_uid=rule.uid, asked_ms=3, since_ms=9, checked_seq=9)
    await store.write(lambda tx: tx.put_rtc(in_effect))
    await store.write(lambda tx: tx.look_at_rtc(rule.uid, 11))
    with store.read() as view:
        assert view.next_rtc_ms() == 11
        assert view.next_rtc_ms(enabling_only=True) is None
    await store.write(lambda tx: tx.drop_rtc(rule.uid))
    with store.read() as view:
        assert view.rtc(rule.uid) is None


def miss(rule: Rule, seq: int) -> Miss:
    return Miss(
        rule_uid=rule.uid,
        change_seq=seq,
        key=f"k{seq}",
        version_id="v",
        size_bytes=seq,
        at_ms=seq,
        missed_ms=600 + seq,
    )


async def test_the_newest_late_objects_are_kept(store: SqliteStore, rule: Rule) -> None:
    first = [miss(rule, seq) for seq in (1, 2, 3, 4)]
    await store.write(lambda tx: tx.insert_misses(rule.uid, first, kept_max=3))
    await store.write(lambda tx: tx.insert_misses(rule.uid, [miss(rule, 5)], kept_max=3))
    ended = [(5, Ending.CAUGHT_UP), (3, Ending.GONE), (1, Ending.GONE)]
    await store.write(lambda tx: tx.end_misses(rule.uid, ended, 900))
    with store.read() as view:
        found = view.misses(rule.uid, limit=2)
        assert len(view.misses(rule.uid, limit=9)) == 3
    assert [(each.key, each.ended_ms, each.ending) for each in found] == [
        ("k5", 900, Ending.CAUGHT_UP),
        ("k4", None, Ending.NONE),
    ]
    await store.write(lambda tx: tx.drop_misses(rule.uid))
    with store.read() as view:
        assert view.misses(rule.uid, limit=9) == []


async def test_everything_goes_with_the_rule(store: SqliteStore, rule: Rule) -> None:
    other = await make_rule(store, rule.source_bucket_id, "other")

    def fill(tx: ReplicationTx, of: Rule) -> None:
        tx.add_rule_stats(of.uid, 0, RuleStats(objects=1))
        tx.insert_tasks([task(of, "k", 1)])
        tx.put_rtc(RtcRow(rule_uid=of.uid, asked_ms=1, due_ms=2))
        tx.insert_misses(of.uid, [miss(of, 1)], kept_max=9)

    for each in (rule, other):
        await store.write(lambda tx, of=each: fill(tx, of))  # type: ignore[misc]
    await store.write(lambda tx: tx.delete_rule(rule.uid))
    with store.read() as view:
        assert view.rule_stats(rule.uid) == RuleStats()
        assert (view.rtc(rule.uid), view.misses(rule.uid, limit=9)) == (None, [])
        assert view.open_tasks(rule.uid).total == 0
        assert view.rule_stats(other.uid) == RuleStats(objects=1)
        assert view.rtc(other.uid) is not None
        assert len(view.misses(other.uid, limit=9)) == view.open_tasks(other.uid).total == 1


async def test_rules_are_found_page_by_page(store: SqliteStore, rule: Rule) -> None:
    other = await make_bucket(store, "other")
    second = await make_rule(store, other.id, "second")
    third = await make_rule(store, rule.source_bucket_id, "third")
    with store.read() as view:
        assert view.rule_count() == 3
        every = view.rules_after(0, limit=2, source_bucket_id=None)
        rest = view.rules_after(every[-1].uid, limit=2, source_bucket_id=None)
        of_one = view.rules_after(rule.uid, limit=2, source_bucket_id=rule.source_bucket_id)
    assert [each.uid for each in every + rest] == [rule.uid, second.uid, third.uid]
    assert [each.uid for each in of_one] == [third.uid]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, value in vars(stats).items()
        if isinstance(value, str) and value.startswith(("SELECT", "UPDATE", "DELETE"))
        if name not in ALL
    ],
)
def test_statements_read_no_more_than_they_return(name: str) -> None:
    for step in plan(re.sub(r"\?\d", "1", vars(stats)[name])):
        assert not step.startswith("SCAN") or step.startswith(("SCAN change", "SCAN (")), step
        assert "TEMP B-TREE" not in step, step
