"""A reading that has changes before it is marked as unread, whatever was written in between."""

from __future__ import annotations

import random

import pytest

from emulator.domain.model import ChangeKind, ObjectVersion
from emulator.domain.ports import MetaTx
from emulator.replication.model import RuleSpec
from emulator.replication.ports import NewRule, ReplicationTx, ReplicationView
from emulator.storage.sqlite.store import SqliteStore
from tests.contract.building import entry, make_bucket

STEPS = 300


class RefusedError(Exception):
    """What takes a work back."""


def append(tx: MetaTx, bucket_id: int) -> ObjectVersion:
    version = entry(bucket_id, "k", tx.next_seq())
    tx.append_change(version=version, kind=ChangeKind.PUT, at_ms=1)
    return version


def start_rule(tx: ReplicationTx, bucket_id: int, name: str, cursor_seq: int) -> int:
    spec = RuleSpec(rule_id=name, destination_bucket="d", destination_location="")
    new = NewRule(
        source_bucket_id=bucket_id,
        spec=spec,
        created_ms=0,
        starts_ms=0,
        cursor_seq=cursor_seq,
        bound_seq=0,
    )
    uid = tx.insert_rule(new).uid
    tx.start_rule(uid, history_done=True)
    return uid


def check(view: ReplicationView) -> None:
    """Marked are all that have changes before them."""
    marked = {reading.id for reading in view.unread_readings(0, 1000)}
    assert view.rule_instants().unread == bool(marked)
    for rule in view.rules():
        behind = view.changes_after(
            rule.source_bucket_id, rule.cursor_seq, until_seq=rule.last_seq, limit=1
        )
        if behind:
            assert any(rule.uid in view.specs_of_reading(each) for each in marked), rule


def take(tx: ReplicationTx, length: int) -> None:
    """Take in up to ``length`` changes of the reading whose turn it is."""
    for reading in tx.unread_readings(0, 1):
        until_seq = reading.until_seq if reading.until_seq is not None else reading.further_seq
        page = tx.changes_after(
            reading.bucket_id, reading.cursor_seq, until_seq=until_seq, limit=length
        )
        last_seq = page[-1][0].seq if page else reading.cursor_seq
        is_last = len(page) < length
        if is_last and reading.until_seq is None and until_seq is not None:
            last_seq, is_last = until_seq, False
        tx.move_reading(reading, last_seq, is_last=is_last)


@pytest.mark.parametrize("seed", range(5))
async def test_what_is_unread_is_marked(store: SqliteStore, seed: int) -> None:
    chance = random.Random(seed)
    buckets = [(await make_bucket(store, f"bucket{number}")).id for number in range(3)]
    uids: list[int] = []

    def work(tx: ReplicationTx) -> None:
        bucket_id = chance.choice(buckets)
        match chance.randrange(8):
            case 0 if len(uids) < 30:
                cursor_seq = chance.choice([0, tx.last_change_seq()])
                uids.append(start_rule(tx, bucket_id, f"r{tx.next_seq()}", cursor_seq))
            case 1 if uids:
                uid = chance.choice(uids)
                tx.close_rule(uid, closes_ms=9, last_seq=tx.last_change_seq())
                uids.remove(uid)
            case 2 | 3 | 4:
                append(tx, bucket_id)
            case _:
                take(tx, chance.choice([1, 3, 100]))

    def refused(tx: ReplicationTx) -> None:
        kept = uids.copy()
        work(tx)
        append(tx, chance.choice(buckets))
        take(tx, 100)
        uids[:] = kept
        raise RefusedError

    for _ in range(STEPS):
        if chance.random() < 0.2:
            with pytest.raises(RefusedError):
                await store.write(refused)
        else:
            await store.write(work)
        with store.read() as view:
            check(view)


async def test_those_whose_turn_it_is_not_come_last(store: SqliteStore) -> None:
    for number in range(4):
        bucket = await make_bucket(store, f"bucket{number}")

        def work(tx: ReplicationTx, bucket_id: int = bucket.id) -> None:
            start_rule(tx, bucket_id, "r", 0)
            append(tx, bucket_id)

        await store.write(work)
    with store.read() as view:
        ids = [reading.id for reading in view.unread_readings(0, 9)]
        assert ids == sorted(ids)
        after = [reading.id for reading in view.unread_readings(ids[1], 9)]
        assert after == ids[2:] + ids[:2]
        assert [reading.id for reading in view.unread_readings(ids[1], 3)] == after[:3]


async def test_readings_that_meet_go_on_as_one(store: SqliteStore) -> None:
    bucket_id = (await make_bucket(store, "src")).id

    def begin(tx: ReplicationTx) -> None:
        start_rule(tx, bucket_id, "behind", 0)
        append(tx, bucket_id)
        start_rule(tx, bucket_id, "ahead", tx.last_change_seq())

    await store.write(begin)
    with store.read() as view:
        (behind,) = view.unread_readings(0, 9)
        assert behind.further_seq == view.last_change_seq()
    await store.write(lambda tx: take(tx, 100))
    await store.write(lambda tx: append(tx, bucket_id))
    with store.read() as view:
        (both,) = view.unread_readings(0, 9)
        assert len(view.specs_of_reading(both.id)) == 2
        assert both.further_seq is None


async def test_a_reading_that_was_left_and_does_not_move_is_met_again(store: SqliteStore) -> None:
    bucket_id = (await make_bucket(store, "src")).id

    def begin(tx: ReplicationTx) -> int:
        start_rule(tx, bucket_id, "one", 0)
        uid = start_rule(tx, bucket_id, "two", 0)
        append(tx, bucket_id)
        tx.leave_reading(uid)
        return uid

    await store.write(begin)
    with store.read() as view:
        first, second = view.unread_readings(0, 9)
        assert (first.cursor_seq, second.cursor_seq) == (0, 0)
    await store.write(lambda tx: tx.move_reading(first, 0, is_last=False))
    with store.read() as view:
        (both,) = view.unread_readings(0, 9)
        assert len(view.specs_of_reading(both.id)) == 2
