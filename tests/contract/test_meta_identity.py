"""Accounts and what belongs to them in the metadata store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.access.identity import (
    AccessKey,
    Account,
    PolicyRef,
    PolicyType,
    RamPolicy,
    Role,
    Session,
    User,
)
from emulator.access.identity_store import IdentityStore
from emulator.config import Durability
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx

ACCOUNT = Account(uid="1000000000000001", display_name="A")
FULL = PolicyRef(PolicyType.SYSTEM, "AliyunOSSFullAccess")
OWN = PolicyRef(PolicyType.CUSTOM, "Own")
USER = User(account_uid=ACCOUNT.uid, name="Ann", user_id="20", policies=(OWN, FULL))
ROLE = Role(
    account_uid=ACCOUNT.uid, name="roleNameTest", role_id="30", trust_policy="{}", policies=(FULL,)
)
POLICY = RamPolicy(
    account_uid=ACCOUNT.uid, name="Own", type=PolicyType.CUSTOM, document='{"Version":"1"}'
)
KEY = AccessKey(access_key_id="LTAI1", secret="s", account_uid=ACCOUNT.uid, user_name="ann")
SESSION = Session(
    access_key_id="STS.1",
    secret="s",
    security_token="t",
    account_uid=ACCOUNT.uid,
    role_name="rolenametest",
    session_name="me",
    expires_ms=5,
)


async def put(store: SqliteStore, work: Callable[[IdentityStore], None]) -> None:
    """Change identities in a transaction."""

    def run(tx: SqliteTx) -> None:
        work(tx.identities)

    await store.write(run)


def put_all(identities: IdentityStore) -> None:
    """The whole of the world of these tests."""
    identities.put_account(ACCOUNT)
    identities.put_policy(POLICY)
    identities.put_user(USER)
    identities.put_role(ROLE)
    identities.put_access_key(KEY)
    identities.put_session(SESSION)


async def test_everything_comes_back_as_it_was_put(store: SqliteStore) -> None:
    for _ in range(2):  # twice is the same as once
        await put(store, put_all)
        found = store.identities
        assert found.accounts() == (ACCOUNT,)
        assert found.account(ACCOUNT.uid) == ACCOUNT
        assert found.access_key("LTAI1") == KEY
        assert found.session("STS.1") == SESSION
        assert found.user(ACCOUNT.uid, "Ann") == USER
        assert found.role(ACCOUNT.uid, "roleNameTest") == ROLE
        assert found.policy(ACCOUNT.uid, OWN) == POLICY


async def test_names_are_compared_without_case_and_key_ids_with(store: SqliteStore) -> None:
    await put(store, put_all)
    found = store.identities
    assert found.user(ACCOUNT.uid, "ANN") == USER
    assert found.role(ACCOUNT.uid, "rolenametest") == ROLE
    assert found.policy(ACCOUNT.uid, PolicyRef(PolicyType.CUSTOM, "oWN")) == POLICY
    assert found.access_key("ltai1") is None
    assert found.session("sts.1") is None


async def test_attached_policies_come_in_order_of_attachment(store: SqliteStore) -> None:
    await put(store, put_all)
    reader = PolicyRef(PolicyType.SYSTEM, "AliyunOSSReadOnlyAccess")
    missing = PolicyRef(PolicyType.CUSTOM, "Missing")

    def attach(identities: IdentityStore) -> None:
        for ref in (reader, missing, PolicyRef(PolicyType.CUSTOM, "OWN")):
            identities.attach_to_user(ACCOUNT.uid, "ANN", ref)

    await put(store, attach)
    user = store.identities.user(ACCOUNT.uid, "ann")
    assert user is not None
    assert user.policies == (OWN, FULL, reader, missing)
    names = [policy.name for policy in store.identities.policies_of_user(ACCOUNT.uid, "ann")]
    assert names == ["Own", "AliyunOSSFullAccess", "AliyunOSSReadOnlyAccess"]
    await put(store, lambda identities: identities.put_user(USER))
    assert store.identities.user(ACCOUNT.uid, "ann") == USER


async def test_the_version_grows_with_every_change(store: SqliteStore) -> None:
    await put(store, put_all)
    versions = [store.identities.identity_version()]
    changes: list[Callable[[IdentityStore], None]] = [
        lambda identities: identities.put_account(ACCOUNT),
        lambda identities: identities.put_user(USER),
        lambda identities: identities.put_role(ROLE),
        lambda identities: identities.put_policy(POLICY),
        lambda identities: identities.put_access_key(KEY),
        lambda identities: identities.put_session(SESSION),
        lambda identities: identities.attach_to_role(ACCOUNT.uid, ROLE.name, OWN),
    ]
    for change in changes:
        await put(store, change)
        versions.append(store.identities.identity_version())
    assert versions == sorted(set(versions))


@pytest.mark.parametrize(
    "work",
    [
        lambda identities: identities.put_user(USER),
        lambda identities: identities.put_role(ROLE),
        lambda identities: identities.put_policy(POLICY),
        lambda identities: identities.put_access_key(KEY),
        lambda identities: identities.put_session(SESSION),
        lambda identities: identities.attach_to_user(ACCOUNT.uid, "Ann", FULL),
        lambda identities: identities.attach_to_role(ACCOUNT.uid, "r", FULL),
    ],
)
async def test_what_belongs_to_nobody_is_refused(
    store: SqliteStore, work: Callable[[IdentityStore], None]
) -> None:
    with pytest.raises(LookupError):
        await put(store, work)


async def test_system_policies_are_fixed(store: SqliteStore) -> None:
    await put(store, put_all)
    system = store.identities.policy(ACCOUNT.uid, FULL)
    assert system is not None
    with pytest.raises(ValueError, match="AliyunOSSFullAccess"):
        await put(store, lambda identities: identities.put_policy(system))


async def test_identities_are_written_in_transactions_only(store: SqliteStore) -> None:
    with pytest.raises(RuntimeError):
        store.identities.put_account(ACCOUNT)
    with store.read() as view, pytest.raises(RuntimeError):
        view.identities.put_account(ACCOUNT)
    assert store.identities.accounts() == ()


async def test_identities_are_there_after_opening_again(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, Durability.PROCESS)
    await put(store, put_all)
    version = store.identities.identity_version()
    await store.close()
    again = SqliteStore.open(tmp_path, Durability.PROCESS)
    assert again.identities.role(ACCOUNT.uid, "roleNameTest") == ROLE
    assert again.identities.identity_version() == version
    await again.close()
