"""The replication operations on the real store in memory: states, refusals, idempotence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from emulator.clock import VirtualClock
from emulator.domain import errors
from emulator.domain.buckets import BucketRequest, put_bucket
from emulator.domain.model import Bucket
from emulator.replication.model import (
    FailureReason,
    Refusal,
    RtcStatus,
    Rule,
    RuleState,
)
from emulator.replication.ports import ReplicationView
from emulator.replication.rules import RequestedRule
from emulator.replication.service import DeleteOutcome, ReplicationService
from emulator.replication.settings import ReplicationSettings
from emulator.replication.timing import Timings
from emulator.rng import SeededRng
from emulator.storage.sqlite.store import SqliteStore

_A, _B = "1000000000000001", "2000000000000002"
_NOW_MS = 1_700_000_000_000


class _Progress(msgspec.Struct):
    historical_ratio: float
    new_object_ms: int


def _progress_of(_view: ReplicationView, rule: Rule, now_ms: int) -> _Progress:
    return _Progress(0.5, now_ms - rule.uid)


def _role_check(account_uid: str, role_name: str) -> Refusal | None:
    if (account_uid, role_name) == (_A, "roleNameTest"):
        return None
    return Refusal(reason=FailureReason.ROLE_MISSING, message=f"no role {role_name}")


class World:
    """Three buckets, a store and the service under test."""

    def __init__(self, store: SqliteStore, **settings: Any) -> None:
        self.store = store
        self.clock = VirtualClock(_NOW_MS)
        wanted = ReplicationSettings(**settings)
        self.service = ReplicationService(
            store,
            wanted,
            clock=self.clock,
            rng=SeededRng(1),
            role_check=_role_check,
            progress_of=_progress_of,
            timing=Timings(wanted),
        )

    async def bucket(self, name: str, region: str, owner_uid: str = _A) -> Bucket:
        request = BucketRequest(name=name, owner_uid=owner_uid, region=region)
        return await self.store.write(
            lambda tx: put_bucket(tx, request, self.clock.now_ms(), buckets_max=100)
        )

    async def add(self, source: Bucket, destination: Bucket, **asked: Any) -> Rule:
        requested = RequestedRule(
            destination_bucket=destination.name,
            destination_location=destination.location,
            **asked,
        )
        return await self.service.add_rule(source, [requested])

    async def start(self, rule: Rule, *, history_done: bool = True) -> None:
        await self.store.write(lambda tx: tx.start_rule(rule.uid, history_done=history_done))

    def only_rule(self, source: Bucket) -> Rule:
        (rule,) = self.service.rules(source)
        return rule


@pytest_asyncio.fixture
async def store() -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(":memory:")
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def world(store: SqliteStore) -> World:
    return World(store)


@pytest_asyncio.fixture
async def source(world: World) -> Bucket:
    return await world.bucket("src-bucket", "cn-hangzhou")


@pytest_asyncio.fixture
async def destination(world: World) -> Bucket:
    return await world.bucket("dest-bucket", "cn-shanghai")


async def test_r1_a_bucket_without_rules(world: World, source: Bucket) -> None:
    with pytest.raises(errors.NoSuchReplicationConfiguration) as caught:
        world.service.rules(source)
    assert caught.value.fields == {"BucketName": "src-bucket"}


async def test_r3_r5_a_new_rule_is_starting(
    world: World, source: Bucket, destination: Bucket
) -> None:
    added = await world.add(source, destination)
    rule = world.only_rule(source)
    assert rule == added
    assert len(rule.spec.rule_id) == 36
    assert rule.state is RuleState.STARTING
    assert (rule.created_ms, rule.starts_ms) == (_NOW_MS, _NOW_MS + 500)
    assert rule.cursor_seq == 0
    assert rule.history.bound_seq > 0


async def test_r2_the_bucket_may_be_gone_when_its_turn_comes(
    world: World, source: Bucket, destination: Bucket
) -> None:
    await world.store.write(lambda tx: tx.delete_bucket(source.id))
    with pytest.raises(errors.NoSuchBucket):
        await world.add(source, destination)


async def test_r11_one_rule_per_pair_also_while_it_is_closing(
    world: World, source: Bucket, destination: Bucket
) -> None:
    await world.add(source, destination, rule_id="r-1")
    with pytest.raises(errors.BucketReplicationAlreadyExist):
        await world.add(source, destination, rule_id="r-2", prefixes=("a/",))
    await world.service.delete_rule(source, ["r-1"])
    with pytest.raises(errors.BucketReplicationAlreadyExist):
        await world.add(source, destination, rule_id="r-2")


async def test_r12_r13_requests_that_name_no_destination(world: World, source: Bucket) -> None:
    with pytest.raises(errors.NoReplicationRule):
        await world.service.add_rule(source, [])
    with pytest.raises(errors.TooManyReplicationRules):
        await world.service.add_rule(source, [RequestedRule(), RequestedRule()])
    with pytest.raises(errors.InvalidTargetBucket):
        await world.add(source, source)
    missing = msgspec.structs.replace(source, name="missing")
    with pytest.raises(errors.InvalidTargetBucket):
        await world.add(source, missing)
    with pytest.raises(errors.NoSuchReplicationConfiguration):
        world.service.rules(source)


async def test_r26_a_bucket_takes_part_in_so_many_rules_in_either_role(
    store: SqliteStore,
) -> None:
    world = World(store, max_rules=2)
    a, b, c, d = [await world.bucket(f"bucket-{name}", "cn-hangzhou") for name in "abcd"]
    await world.add(a, b)
    await world.add(c, a)
    with pytest.raises(errors.TooManyOutgoingReplication):
        await world.add(a, d)
    with pytest.raises(errors.TooManyIncomingReplication):
        await world.add(d, a)
    await world.add(b, d)


async def test_r59_the_service_must_be_able_to_assume_the_role(
    world: World, source: Bucket, destination: Bucket
) -> None:
    with pytest.raises(errors.NoPermission, match="no role other"):
        await world.add(source, destination, sync_role="other")
    arn = f"acs:ram::{_A}:role/roleNameTest"
    assert (await world.add(source, destination, sync_role=arn)).spec.sync_role == arn


async def test_another_account_is_a_destination_with_a_role(world: World, source: Bucket) -> None:
    foreign = await world.bucket("foreign", "cn-shanghai", _B)
    with pytest.raises(errors.InvalidTargetBucket):
        await world.add(source, foreign)
    await world.add(source, foreign, sync_role="roleNameTest")


async def test_r22_closing_and_closing_again(
    world: World, source: Bucket, destination: Bucket
) -> None:
    await world.add(source, destination, rule_id="r-1")
    assert await world.service.delete_rule(source, ["r-1"]) is DeleteOutcome.CLOSED
    rule = world.only_rule(source)
    assert rule.state is RuleState.CLOSING
    assert rule.closes_ms == _NOW_MS + 500
    world.clock.advance(100)
    assert await world.service.delete_rule(source, ["r-1"]) is DeleteOutcome.ALREADY_CLOSING
    assert world.only_rule(source) == rule


async def test_r23_deleting_from_a_bucket_without_rules(world: World, source: Bucket) -> None:
    assert await world.service.delete_rule(source, ["any"]) is DeleteOutcome.NO_RULES


@pytest.mark.parametrize(
    ("rule_ids", "error"),
    [
        ([], errors.InvalidArgument),
        ([""], errors.InvalidArgument),
        (["r-1", "r-1"], errors.TooManyReplicationRules),
        (["unknown"], errors.NoSuchReplicationRule),
    ],
)
async def test_r24_a_refused_delete_changes_nothing(
    world: World,
    source: Bucket,
    destination: Bucket,
    rule_ids: list[str],
    error: type[errors.OssError],
) -> None:
    await world.add(source, destination, rule_id="r-1")
    with pytest.raises(error):
        await world.service.delete_rule(source, rule_ids)
    assert world.only_rule(source).state is RuleState.STARTING


async def test_r6_r9_progress_of_all_rules_or_of_one(
    world: World, source: Bucket, destination: Bucket
) -> None:
    other = await world.bucket("third", "cn-beijing")
    first = await world.add(source, destination, rule_id="r-1")
    await world.add(source, other, rule_id="r-2")
    await world.start(first)
    items = world.service.progress(source, "")
    assert [item.rule.spec.rule_id for item in items] == ["r-1", "r-2"]
    assert items[0].progress == _Progress(0.5, _NOW_MS - first.uid)
    assert items[1].progress is None
    (only,) = world.service.progress(source, "r-2")
    assert only == items[1]


async def test_r10_c21_progress_of_an_unknown_rule(
    world: World, source: Bucket, destination: Bucket
) -> None:
    with pytest.raises(errors.NoSuchReplicationRule):
        world.service.progress(source, "wrong")
    with pytest.raises(errors.NoSuchReplicationConfiguration):
        world.service.progress(source, "")
    await world.add(source, destination)
    with pytest.raises(errors.NoSuchReplicationRule):
        world.service.progress(source, "wrong")


async def test_r60_rtc_on_and_off(world: World, source: Bucket, destination: Bucket) -> None:
    await world.add(source, destination, rule_id="r-1")
    await world.service.set_rtc(source, "r-1", "disabled")
    assert world.only_rule(source).spec.rtc is RtcStatus.DISABLED
    await world.service.set_rtc(source, "r-1", "enabled")
    assert world.only_rule(source).spec.rtc is RtcStatus.ENABLING
    await world.service.set_rtc(source, "r-1", "disabled")
    assert world.only_rule(source).spec.rtc is RtcStatus.DISABLED


@pytest.mark.parametrize(
    ("rule_id", "status", "ec"),
    [
        ("r-1", "", "0031-00000013"),
        ("r-1", "on", "0031-00000013"),
        ("", "enabled", "0031-00000015"),
        ("unknown", "enabled", "0031-00000110"),
    ],
)
async def test_r61_refused_rtc_requests(
    world: World, source: Bucket, destination: Bucket, rule_id: str, status: str, ec: str
) -> None:
    await world.add(source, destination, rule_id="r-1")
    with pytest.raises(errors.InvalidArgument) as caught:
        await world.service.set_rtc(source, rule_id, status)
    assert caught.value.ec == ec


async def test_r61_rtc_of_a_closing_rule(world: World, source: Bucket, destination: Bucket) -> None:
    await world.add(source, destination, rule_id="r-1")
    await world.service.delete_rule(source, ["r-1"])
    for status in ("enabled", "disabled"):
        with pytest.raises(errors.BucketReplicationInClosingStatus):
            await world.service.set_rtc(source, "r-1", status)


@pytest.mark.parametrize(
    ("region", "error"),
    [
        ("cn-hangzhou", errors.BucketReplicationNotSupportRtc),
        ("cn-chengdu", errors.ReplicationLocationNotSupportRtc),
    ],
)
async def test_r62_rtc_where_there_is_none(
    world: World, source: Bucket, region: str, error: type[errors.OssError]
) -> None:
    await world.add(source, await world.bucket("other", region), rule_id="r-1")
    with pytest.raises(error):
        await world.service.set_rtc(source, "r-1", "enabled")
    await world.service.set_rtc(source, "r-1", "disabled")


async def test_r21_versioning_is_locked_at_both_ends(
    world: World, source: Bucket, destination: Bucket
) -> None:
    bystander = await world.bucket("bystander", "cn-hangzhou")
    await world.add(source, destination, rule_id="r-1")
    await world.service.delete_rule(source, ["r-1"])
    with world.store.read() as view:
        for bucket in (source, destination):
            with pytest.raises(errors.VersioningLocked):
                world.service.check_versioning_unlocked(view, bucket)
        world.service.check_versioning_unlocked(view, bystander)


async def test_r21_mixed_versioning_unlocks_it(store: SqliteStore) -> None:
    world = World(store, allow_mixed_versioning=True)
    source = await world.bucket("src-bucket", "cn-hangzhou")
    await world.add(source, await world.bucket("dest-bucket", "cn-shanghai"))
    with store.read() as view:
        world.service.check_versioning_unlocked(view, source)


async def test_r64_locations_follow_the_region_of_the_bucket(world: World, source: Bucket) -> None:
    assert "oss-cn-hangzhou" not in world.service.locations(source).locations
