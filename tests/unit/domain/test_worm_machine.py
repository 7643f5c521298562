"""Retention policies: every state with every request, and what they keep from being changed."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from emulator.domain import objects, worm
from emulator.domain.errors import (
    FileImmutable,
    InvalidBucketStatus,
    InvalidWORMConfiguration,
    NoSuchWORMConfiguration,
    OssError,
    VersioningLocked,
    WORMConfigurationAlreadyExists,
    WORMConfigurationLocked,
)
from emulator.domain.model import (
    Acl,
    Bucket,
    ObjectVersion,
    StorageClass,
    Versioning,
)
from emulator.domain.objects import Content, Moment, ObjectWrite
from emulator.domain.worm import DAY_MS, DAYS_MAX, WormEvent, WormPolicy, WormState
from emulator.rng import SeededRng
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.contract.building import inline, new_bucket

RNG = SeededRng(1)
NOW = 1_000_000_000
CONTENT = Content(staged=inline(b"x"), size_bytes=1, etag="AB", crc64=1)
WRITE = ObjectWrite(
    key="key", acl=Acl.DEFAULT, storage_class=StorageClass.STANDARD, headers_json="{}"
)


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(":memory:")
    yield opened
    await opened.close()


def made_bucket(
    tx: SqliteTx, state: WormState, *, days: int = 2, versioning: Versioning = Versioning.NEVER
) -> Bucket:
    """A bucket whose policy, if it has one, was made and locked at ``NOW``."""
    bucket = tx.insert_bucket(new_bucket("bucket"))
    if versioning is not Versioning.NEVER:
        tx.set_bucket_versioning(bucket.id, versioning)
    bucket = objects.live_bucket(tx, bucket)
    if state is not WormState.NONE:
        policy = worm.initiate(tx, bucket, days, NOW, RNG)
        bucket = objects.live_bucket(tx, bucket)
        if state is WormState.LOCKED:
            worm.complete(tx, bucket, policy.worm_id, NOW)
    return objects.live_bucket(tx, bucket)


def policy_of(tx: SqliteTx, bucket: Bucket, now_ms: int = NOW) -> WormPolicy | None:
    return worm.policy_of(tx, objects.live_bucket(tx, bucket), now_ms)


OUTCOMES: dict[tuple[WormState, WormEvent], WormState | type[OssError]] = {
    (WormState.NONE, WormEvent.INITIATE): WormState.IN_PROGRESS,
    (WormState.NONE, WormEvent.ABORT): WormState.NONE,
    (WormState.NONE, WormEvent.COMPLETE): NoSuchWORMConfiguration,
    (WormState.NONE, WormEvent.EXTEND): NoSuchWORMConfiguration,
    (WormState.IN_PROGRESS, WormEvent.INITIATE): WORMConfigurationAlreadyExists,
    (WormState.IN_PROGRESS, WormEvent.ABORT): WormState.NONE,
    (WormState.IN_PROGRESS, WormEvent.COMPLETE): WormState.LOCKED,
    (WormState.IN_PROGRESS, WormEvent.EXTEND): InvalidWORMConfiguration,
    (WormState.LOCKED, WormEvent.INITIATE): WORMConfigurationAlreadyExists,
    (WormState.LOCKED, WormEvent.ABORT): WORMConfigurationLocked,
    (WormState.LOCKED, WormEvent.COMPLETE): WORMConfigurationLocked,
    (WormState.LOCKED, WormEvent.EXTEND): WormState.LOCKED,
}


def test_the_table_is_whole() -> None:
    assert OUTCOMES.keys() == set(itertools.product(WormState, WormEvent))


@pytest.mark.parametrize(("before", "event"), OUTCOMES)
async def test_every_request_in_every_state(
    store: SqliteStore, before: WormState, event: WormEvent
) -> None:
    expected = OUTCOMES[before, event]

    def work(tx: SqliteTx) -> WormState:
        bucket = made_bucket(tx, before)
        policy = policy_of(tx, bucket)
        worm_id = "" if policy is None else policy.worm_id
        asked: dict[WormEvent, Callable[[], object]] = {
            WormEvent.INITIATE: lambda: worm.initiate(tx, bucket, 3, NOW, RNG),
            WormEvent.ABORT: lambda: worm.abort(tx, bucket, NOW),
            WormEvent.COMPLETE: lambda: worm.complete(tx, bucket, worm_id, NOW),
            WormEvent.EXTEND: lambda: worm.extend(tx, bucket, worm_id, 3, NOW),
        }
        asked[event]()
        after = policy_of(tx, bucket)
        return WormState.NONE if after is None else after.state

    if isinstance(expected, WormState):
        assert await store.write(work) is expected
    else:
        with pytest.raises(expected):
            await store.write(work)


@pytest.mark.parametrize("state", [WormState.IN_PROGRESS, WormState.LOCKED])
async def test_a_policy_that_is_not_locked_is_gone_after_a_day(
    store: SqliteStore, state: WormState
) -> None:
    def work(tx: SqliteTx) -> None:
        bucket = made_bucket(tx, state)
        assert policy_of(tx, bucket, NOW + DAY_MS - 1) is not None
        later = policy_of(tx, bucket, NOW + DAY_MS)
        assert (later is None) is (state is WormState.IN_PROGRESS)
        if later is None:
            made = worm.initiate(tx, bucket, 1, NOW + DAY_MS, RNG)
            assert policy_of(tx, bucket, NOW + DAY_MS) == made

    await store.write(work)


@pytest.mark.parametrize("days", [0, DAYS_MAX + 1])
async def test_days_that_no_policy_has(store: SqliteStore, days: int) -> None:
    with pytest.raises(InvalidWORMConfiguration):
        await store.write(lambda tx: made_bucket(tx, WormState.IN_PROGRESS, days=days))


@pytest.mark.parametrize("days", [1, 2])
async def test_a_locked_policy_only_grows(store: SqliteStore, days: int) -> None:
    def work(tx: SqliteTx) -> None:
        bucket = made_bucket(tx, WormState.LOCKED, days=2)
        policy = policy_of(tx, bucket)
        assert policy is not None
        worm.extend(tx, bucket, policy.worm_id, days, NOW)

    with pytest.raises(WORMConfigurationLocked):
        await store.write(work)


@pytest.mark.parametrize("ask", ["complete", "extend"])
async def test_another_policy_is_not_there(store: SqliteStore, ask: str) -> None:
    def work(tx: SqliteTx) -> None:
        bucket = made_bucket(tx, WormState.LOCKED)
        if ask == "complete":
            worm.complete(tx, bucket, "another", NOW)
        else:
            worm.extend(tx, bucket, "another", 3, NOW)

    with pytest.raises(NoSuchWORMConfiguration):
        await store.write(work)


async def test_no_policy_while_versioning_is_suspended(store: SqliteStore) -> None:
    with pytest.raises(InvalidBucketStatus):
        await store.write(
            lambda tx: made_bucket(tx, WormState.LOCKED, versioning=Versioning.SUSPENDED)
        )


@pytest.mark.parametrize("state", WormState)
@pytest.mark.parametrize("asked", [Versioning.ENABLED, Versioning.SUSPENDED])
async def test_versioning_under_a_policy_stays_as_it_is(
    store: SqliteStore, state: WormState, asked: Versioning
) -> None:
    def work(tx: SqliteTx) -> None:
        bucket = made_bucket(tx, state, versioning=Versioning.ENABLED)
        worm.check_versioning(tx, bucket, asked, NOW)

    if state is WormState.NONE or asked is Versioning.ENABLED:
        await store.write(work)
    else:
        with pytest.raises(VersioningLocked):
            await store.write(work)


# --- what is kept -----------------------------------------------------------------------------


def put(tx: SqliteTx, bucket: Bucket, at_ms: int = NOW) -> ObjectVersion:
    return objects.put_object(tx, bucket, WRITE, CONTENT, Moment(at_ms, RNG))


@pytest.mark.parametrize("state", WormState)
@pytest.mark.parametrize("ask", ["overwrite", "delete", "delete-version", "copy", "link"])
@pytest.mark.parametrize("over", [True, False], ids=["over", "kept"])
async def test_an_object_is_kept_until_its_days_are_over(
    store: SqliteStore, state: WormState, ask: str, over: bool
) -> None:
    policy_end = NOW + DAY_MS // 2  # within the day an unlocked policy lasts
    at_ms = NOW if not over else policy_end

    def work(tx: SqliteTx) -> None:
        bucket = made_bucket(tx, state, days=1)
        made = put(tx, bucket, policy_end - DAY_MS)
        moment = Moment(at_ms, RNG)
        if ask == "overwrite":
            put(tx, bucket, at_ms)
        elif ask == "delete":
            objects.delete_object(tx, bucket, "key", moment)
        elif ask == "delete-version":
            objects.delete_version(tx, bucket, "key", "null", moment)
        elif ask == "copy":
            other = msgspec.structs.replace(WRITE, headers_json='{"a":"b"}')
            objects.copy_object(tx, bucket, other, made, moment)
        else:
            objects.put_symlink(tx, bucket, WRITE, "target", moment)

    if over or state is WormState.NONE:
        await store.write(work)
    else:
        with pytest.raises(FileImmutable):
            await store.write(work)


async def test_new_keys_can_always_be_written(store: SqliteStore) -> None:
    def work(tx: SqliteTx) -> None:
        bucket = made_bucket(tx, WormState.LOCKED)
        put(tx, bucket)
        other = msgspec.structs.replace(WRITE, key="other")
        objects.put_object(tx, bucket, other, CONTENT, Moment(NOW, RNG))

    await store.write(work)


async def test_versions_are_kept_and_markers_come_and_go(store: SqliteStore) -> None:
    moment = Moment(NOW, RNG)

    def work(tx: SqliteTx) -> None:
        bucket = made_bucket(tx, WormState.LOCKED, versioning=Versioning.ENABLED)
        first, second = put(tx, bucket), put(tx, bucket)
        marker = objects.delete_object(tx, bucket, "key", moment)
        assert marker.version_id is not None
        for version in (first, second):
            with pytest.raises(FileImmutable):
                objects.delete_version(tx, bucket, "key", version.version_id, moment)
        objects.delete_version(tx, bucket, "key", marker.version_id, moment)
        assert tx.current_version(bucket.id, "key") == second

    await store.write(work)


async def test_without_a_policy_nothing_is_asked(store: SqliteStore) -> None:
    def work(tx: SqliteTx) -> None:
        bucket = made_bucket(tx, WormState.NONE)
        version = put(tx, bucket)
        # no view is needed, so none is read
        worm.require_mutable(None, bucket, version, NOW)  # type: ignore[arg-type]

    await store.write(work)
