"""Keys in the metadata store: what is kept, found, listed, and goes together."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from emulator.clock import VirtualClock
from emulator.config import Durability
from emulator.domain.encryption import KeyHolder
from emulator.kms.keeper import KeyKeeper
from emulator.kms.keys import NewKey, create_key, schedule_deletion, set_rotation
from emulator.kms.model import Alias, ImportTicket, Key
from emulator.kms.using import decrypt, encrypt
from emulator.kms.vault import Vault
from emulator.rng import SeededRng
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx

HOLDER = KeyHolder("1000", "cn-hangzhou")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
VAULT = Vault(b"r" * 32, os.urandom)
RNG = SeededRng(7)


async def made(store: SqliteStore, at_ms: int = 1_000, holder: KeyHolder = HOLDER) -> Key:
    new = NewKey(holder=holder, creator=holder.account_uid, tags={"a": "b"}, policy="{}")
    return await store.write(lambda tx: create_key(tx, VAULT, RNG, new, at_ms))


async def test_keys_are_found_by_id_version_and_account(store: SqliteStore) -> None:
    old, new = await made(store, 1_000), await made(store, 2_000)
    await made(store, 3_000, KeyHolder("2000", "cn-hangzhou"))
    await made(store, 3_000, KeyHolder("1000", "cn-beijing"))
    with store.read() as view:
        assert view.kms_key(old.id) == old
        assert view.kms_key_of_version(new.primary_version) == new
        assert view.kms_keys("1000", "cn-hangzhou") == [new, old]
        assert view.kms_key("none") is view.kms_key_of_version("none") is None
        assert view.kms_root_fingerprint() == VAULT.fingerprint
        assert VAULT.unseal(
            old.primary_version, view.kms_versions(old.id)[0].sealed
        ) != VAULT.unseal(new.primary_version, view.kms_versions(new.id)[0].sealed)


async def test_the_first_fingerprint_stays(store: SqliteStore) -> None:
    await store.write(lambda tx: tx.keep_kms_root("first"))
    await store.write(lambda tx: tx.keep_kms_root("second"))
    await made(store)
    with store.read() as view:
        assert view.kms_root_fingerprint() == "first"
        assert view.newest_sealed_objects() == []


async def test_without_keys_there_is_no_fingerprint(store: SqliteStore) -> None:
    with store.read() as view:
        assert view.kms_root_fingerprint() == ""
        assert view.kms_next_due_ms() is None


async def test_a_key_is_replaced_and_its_parts_stay(store: SqliteStore) -> None:
    key = await made(store)
    ticket = ImportTicket(key_id=key.id, token="t", algorithm="a", sealed=b"s", expires_ms=5)
    alias = Alias("1000", "cn-hangzhou", "alias/one", key.id)
    await store.write(lambda tx: tx.put_kms_alias(alias))
    await store.write(lambda tx: tx.put_kms_ticket(ticket))
    described = replace(key, description="new")
    await store.write(lambda tx: tx.put_kms_key(described))
    with store.read() as view:
        assert view.kms_key(key.id) == described
        assert len(view.kms_versions(key.id)) == 1
        assert view.kms_alias("1000", "cn-hangzhou", "alias/one") == alias
        assert view.kms_aliases_of_key(key.id) == [alias]
        assert view.kms_aliases("1000", "cn-hangzhou") == [alias]
        assert view.kms_ticket(key.id) == ticket
    await store.write(lambda tx: tx.delete_kms_key(key.id))
    with store.read() as view:
        assert view.kms_key(key.id) is None
        assert view.kms_versions(key.id) == []
        assert view.kms_alias("1000", "cn-hangzhou", "alias/one") is None
        assert view.kms_ticket(key.id) is None


async def test_aliases_and_tickets_go_alone(store: SqliteStore) -> None:
    key = await made(store)
    ticket = ImportTicket(key_id=key.id, token="t", algorithm="a", sealed=b"s", expires_ms=5)
    aliases = [Alias("1000", "cn-hangzhou", f"alias/{name}", key.id) for name in "ab"]

    def put(tx: SqliteTx) -> None:
        for alias in reversed(aliases):
            tx.put_kms_alias(alias)
        tx.put_kms_ticket(ticket)

    await store.write(put)
    with store.read() as view:
        assert view.kms_aliases("1000", "cn-hangzhou") == aliases
    await store.write(lambda tx: tx.delete_kms_alias(aliases[0]))
    await store.write(lambda tx: tx.delete_kms_ticket(key.id))
    with store.read() as view:
        assert view.kms_aliases("1000", "cn-hangzhou") == aliases[1:]
        assert view.kms_ticket(key.id) is None
        assert view.kms_key(key.id) == key


async def test_a_refused_change_leaves_no_key(store: SqliteStore) -> None:
    def refused(tx: SqliteTx) -> None:
        create_key(tx, VAULT, RNG, NewKey(holder=HOLDER, creator="1000"), 1)
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(refused)
    with store.read() as view:
        assert view.kms_keys("1000", "cn-hangzhou") == []
        assert view.kms_root_fingerprint() == ""


async def test_the_keeper_carries_out_what_is_due(store: SqliteStore) -> None:
    clock = VirtualClock(1_000)
    keeper = KeyKeeper(store, clock, RNG, VAULT)
    going, turning, staying = [await made(store) for _ in range(3)]
    await store.write(lambda tx: schedule_deletion(tx, VAULT, going, 7, 1_000))
    await store.write(lambda tx: set_rotation(tx, turning, 7 * 86_400, 1_000))
    assert keeper.next_due_ms() == 1_000 + HOUR_MS  # it looks whether there is more
    clock.advance(7 * DAY_MS - 5)
    assert keeper.next_due_ms() == 1_000 + 7 * DAY_MS
    await keeper.run_due()
    assert keeper.done == 0
    clock.advance(5)
    await keeper.run_due()
    assert keeper.done == 2
    with store.read() as view:
        assert view.kms_key(going.id) is None
        assert view.kms_key(staying.id) == staying
        rotated = view.kms_key(turning.id)
        assert rotated is not None
        first, second = reversed(view.kms_versions(turning.id))
        assert (first.id, second.id) == (turning.primary_version, rotated.primary_version)
    assert keeper.next_planned_ms() is None
    clock.advance(700 * DAY_MS)  # late by many turns: one is made up for
    await keeper.run_due()
    assert keeper.done == 3


async def test_keys_live_through_a_restart(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, Durability.POWER)
    key = await made(store)
    with store.read() as view:
        blob = encrypt(view, VAULT, key, b"kept").blob
    await store.close()
    again = SqliteStore.open(tmp_path, Durability.POWER)
    with again.read() as view:
        found = view.kms_key(key.id)
        assert found == key
        assert decrypt(view, Vault(b"r" * 32, os.urandom), key, blob) == b"kept"
    await again.close()


async def test_a_repeating_source_of_ids_never_gives_one_twice(store: SqliteStore) -> None:
    create: Callable[[SqliteTx], Key] = lambda tx: create_key(  # noqa: E731 - two equal calls
        tx, VAULT, SeededRng(1), NewKey(holder=HOLDER, creator="1000"), 1
    )
    one, other = await store.write(create), await store.write(create)
    assert one.id != other.id
    assert one.primary_version != other.primary_version
    with store.read() as view:
        assert len(view.kms_keys("1000", "cn-hangzhou")) == 2
