"""Keys of the key service in world files."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from emulator.kms.model import KeyState, Origin
from emulator.kms.vault import Vault
from emulator.storage.sqlite.store import SqliteStore
from emulator.world.document import WorldError, read_world
from emulator.world.load import load_world

VAULT = Vault(bytes(32), os.urandom)
NOW_MS = 1_000
KEY: dict[str, Any] = {"id": "key-one", "region": "cn-hangzhou", "alias": "alias/one"}


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(":memory:")
    yield opened
    await opened.close()


async def load(
    store: SqliteStore, *keys: dict[str, Any], uid: str = "1000", vault: Vault | None = VAULT
) -> None:
    world = json.dumps({"accounts": [{"uid": uid, "kms_keys": list(keys)}]})
    await load_world(store, read_world(world, "w"), NOW_MS, vault)


async def fault(store: SqliteStore, *keys: dict[str, Any], **more: Any) -> str:
    with pytest.raises(WorldError) as caught:
        await load(store, *keys, **more)
    return str(caught.value)


async def test_a_key_is_made_once_and_described_again(store: SqliteStore) -> None:
    await load(store, KEY)
    with store.read() as view:
        before = view.kms_key("key-one")
        assert before is not None
        version = view.kms_version(before.primary_version)
    await load(store, KEY | {"state": "PendingDeletion", "tags": {"a": "b"}})
    with store.read() as view:
        after = view.kms_key("key-one")
        assert view.kms_version(before.primary_version) == version
        alias = view.kms_alias("1000", "cn-hangzhou", "alias/one")
    assert after is not None
    assert alias is not None
    assert alias.key_id == "key-one"
    assert (before.state, before.delete_ms) == (KeyState.ENABLED, 0)
    assert (after.state, after.tags) == (KeyState.PENDING_DELETION, {"a": "b"})
    assert after.delete_ms == NOW_MS + 30 * 86_400_000


async def test_imported_material_stays(store: SqliteStore) -> None:
    described = KEY | {"state": "PendingImport"}
    await load(store, described)
    with store.read() as view:
        key = view.kms_key("key-one")
    assert key is not None
    assert (key.origin, key.state) == (Origin.EXTERNAL, KeyState.PENDING_IMPORT)
    imported = replace(key, has_material=True, state=KeyState.ENABLED)
    await store.write(lambda tx: tx.put_kms_key(imported))
    await load(store, described | {"description": "new"})
    with store.read() as view:
        key = view.kms_key("key-one")
    assert key is not None
    assert (key.state, key.description) == (KeyState.ENABLED, "new")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"id": "a b"}, "kms_keys[0].id: 'a b' is no id of a key"),
        ({"region": "mars"}, "kms_keys[0].region: there is no region 'mars'"),
        ({"alias": "alias/acs/oss"}, "kms_keys[0].alias: Aliases that begin with alias/acs/"),
        ({"alias": "one"}, "kms_keys[0].alias: "),
        ({"tags": {"acs:x": ""}}, "kms_keys[0].tags: "),
        ({"description": "x" * 8193}, "kms_keys[0].description: "),
        ({"spec": "RSA_2048"}, "kms_keys[0].spec: Invalid enum value 'RSA_2048'; choose one of"),
        ({"policy": "{}"}, "kms_keys[0].policy: "),
    ],
)
async def test_what_cannot_be(store: SqliteStore, wrong: dict[str, Any], said: str) -> None:
    assert said in await fault(store, KEY | wrong)
    with store.read() as view:
        assert view.kms_keys("1000", "cn-hangzhou") == []


async def test_names_are_given_once(store: SqliteStore) -> None:
    assert "the kms key key-one is in this file twice" in await fault(store, KEY, KEY)
    other = KEY | {"id": "key-two"}
    assert "the alias alias/one is in this file twice" in await fault(store, KEY, other)
    await load(store, KEY, other | {"region": "cn-beijing"})


async def test_what_a_key_cannot_become(store: SqliteStore) -> None:
    await load(store, KEY)
    for wrong, said in (
        ({"region": "cn-beijing"}, "exists with cn-hangzhou, which cannot become cn-beijing"),
        ({"spec": "Aliyun_SM4"}, "cannot become Aliyun_SM4"),
        ({"state": "PendingImport"}, "only an import"),
    ):
        assert said in await fault(store, KEY | wrong)
    assert "exists with 1000" in await fault(store, KEY, uid="2000")


async def test_keys_need_a_key_service(store: SqliteStore) -> None:
    assert "keys need the key service" in await fault(store, KEY, vault=None)
