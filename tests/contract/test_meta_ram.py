"""What RAM keeps of identities in the metadata store: groups, versions, tags, attachments."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from emulator.access.identity import (
    AccessKey,
    Account,
    Group,
    HolderKind,
    PolicyRef,
    PolicyType,
    RamPolicy,
    Role,
    Session,
    User,
)
from emulator.access.ram_store import RamStore
from emulator.config import Durability
from emulator.storage.sqlite import connections
from emulator.storage.sqlite.store import SqliteStore

T = TypeVar("T")
UID = "1000000000000001"
OTHER = "2000000000000002"
SYSTEM = PolicyRef(PolicyType.SYSTEM, "AliyunOSSFullAccess")
OWN = PolicyRef(PolicyType.CUSTOM, "Own")


@pytest.fixture(params=["memory", "folder"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    where = ":memory:" if request.param == "memory" else tmp_path / "data"
    made = SqliteStore.open(where, Durability.NONE)
    await put(made, fill)
    yield made
    await made.close()


async def put(store: SqliteStore, work: Callable[[RamStore], T]) -> T:
    """Change identities in a transaction."""
    return await store.write(lambda tx: work(tx.identities))


def fill(ram: RamStore) -> None:
    for uid in (UID, OTHER):
        ram.put_account(Account(uid=uid))
        ram.put_policy(custom("Own", "one", uid))
        ram.put_user(User(account_uid=uid, name="Ann", user_id=f"20{uid}"))
        ram.put_role(Role(account_uid=uid, name="Reader", role_id=f"30{uid}", trust_policy="{}"))
        ram.put_group(Group(account_uid=uid, name="Team", group_id=f"g-{uid}"))


def custom(name: str, document: str, uid: str = UID) -> RamPolicy:
    return RamPolicy(account_uid=uid, name=name, type=PolicyType.CUSTOM, document=document)


def documents(ram: RamStore) -> list[str]:
    return [one.document for one in ram.policies_of_user(UID, "ANN")]


async def test_policies_of_groups_count_after_the_user_s_own_and_once(store: SqliteStore) -> None:
    def work(ram: RamStore) -> None:
        assert ram.attach(UID, HolderKind.GROUP, "team", SYSTEM, 5)
        assert ram.attach(UID, HolderKind.GROUP, "team", OWN, 6)
        assert not ram.attach(UID, HolderKind.GROUP, "TEAM", OWN, 7)

    await put(store, work)
    assert documents(store.identities) == []
    await put(store, lambda ram: ram.add_member(UID, "team", "ann", 9))
    system = store.identities.policy(UID, SYSTEM)
    assert system is not None
    assert documents(store.identities) == [system.document, "one"]
    await put(store, lambda ram: ram.attach(UID, HolderKind.USER, "Ann", OWN, 8))
    assert documents(store.identities) == ["one", system.document]
    assert [user.name for user, at in store.identities.users_of_group(UID, "team")] == ["Ann"]
    assert store.identities.groups_of_user(UID, "ann")[0][1] == 9
    assert store.identities.users_of_group(OTHER, "team") == []
    assert await put(store, lambda ram: ram.remove_member(UID, "Team", "Ann"))
    assert not await put(store, lambda ram: ram.remove_member(UID, "Team", "Ann"))
    assert documents(store.identities) == ["one"]


async def test_renaming_takes_everything_along(store: SqliteStore) -> None:
    def work(ram: RamStore) -> None:
        key = AccessKey(access_key_id="k", secret="s", account_uid=UID, user_name="ann")
        ram.put_access_key(key)
        ram.add_member(UID, "team", "ann", 0)
        ram.attach(UID, HolderKind.USER, "ann", OWN, 0)
        ram.attach(UID, HolderKind.GROUP, "team", SYSTEM, 0)
        ram.rename_user(UID, "ann", "Bea")
        ram.rename_group(UID, "team", "Crew")

    await put(store, work)
    ram = store.identities
    assert ram.user(UID, "ann") is None
    bea = ram.user(UID, "bea")
    assert bea is not None
    assert (bea.name, bea.policies) == ("Bea", (OWN,))
    key = ram.access_key("k")
    assert key is not None
    assert key.user_name == "Bea"
    assert len(ram.policies_of_user(UID, "Bea")) == 2
    assert [one.name for one, _ in ram.groups_of_user(UID, "bea")] == ["Crew"]
    assert ram.user(OTHER, "ann") is not None
    assert ram.group(OTHER, "team") is not None


async def test_versions(store: SqliteStore) -> None:
    def work(ram: RamStore) -> int:
        second = ram.add_policy_version(UID, "own", "two", 5)
        ram.delete_policy_version(UID, "OWN", second.number)
        third = ram.add_policy_version(UID, "own", "three", 6)
        ram.set_default_version(UID, "own", third, 7)
        return third.number

    assert await put(store, work) == 3
    policy = store.identities.policy(UID, OWN)
    assert policy is not None
    assert (policy.document, policy.default_version, policy.updated_ms) == ("three", 3, 7)
    assert [one.number for one in store.identities.policy_versions(UID, "own")] == [1, 3]
    assert [one.document for one in store.identities.policy_versions(OTHER, "own")] == ["one"]
    # writing the policy anew, as a world file does, changes the version in force
    await put(store, lambda ram: ram.put_policy(custom("Own", "four")))
    versions = store.identities.policy_versions(UID, "own")
    assert [(one.number, one.document) for one in versions] == [(1, "one"), (3, "four")]


async def test_deleting_a_policy_takes_its_attachments_and_tags(store: SqliteStore) -> None:
    def work(ram: RamStore) -> None:
        for uid in (UID, OTHER):
            ram.attach(uid, HolderKind.ROLE, "reader", OWN, 4)
            ram.put_tags(uid, "policy", "own", {"k": "v"})
        ram.delete_policy(UID, "OWN")

    await put(store, work)
    ram = store.identities
    assert ram.policy(UID, OWN) is None
    assert ram.policy_versions(UID, "own") == []
    assert ram.attachments_of(UID, HolderKind.ROLE, "reader") == []
    assert ram.tags_of(UID, "policy", "own") == {}
    assert ram.attachment_count(OTHER, OWN) == 1
    (holder,) = ram.holders_of(OTHER, OWN)
    assert (holder.kind, holder.name, holder.attached_ms) == (HolderKind.ROLE, "Reader", 4)
    assert ram.tags_of(OTHER, "policy", "own") == {"k": "v"}


async def test_deleting_a_role_ends_its_sessions(store: SqliteStore) -> None:
    def session(key_id: str, uid: str, expires_ms: int) -> Session:
        return Session(
            access_key_id=key_id,
            secret="s",
            security_token="t",
            account_uid=uid,
            role_name="Reader",
            session_name="me",
            expires_ms=expires_ms,
            source_identity="alice",
        )

    def work(ram: RamStore) -> None:
        ram.put_session(session("STS.1", UID, 10))
        ram.put_session(session("STS.2", OTHER, 10))
        ram.put_session(session("STS.3", OTHER, 20))
        ram.put_tags(UID, "role", "reader", {"k": "v"})
        ram.delete_role(UID, "READER")
        ram.forget_sessions(20)

    await put(store, work)
    ram = store.identities
    assert ram.role(UID, "reader") is None
    assert ram.tags_of(UID, "role", "reader") == {}
    assert [ram.session(f"STS.{n}") is not None for n in (1, 2, 3)] == [False, False, True]
    kept = ram.session("STS.3")
    assert kept is not None
    assert kept.source_identity == "alice"


async def test_tags_are_listed_in_order_from_any_place(store: SqliteStore) -> None:
    def work(ram: RamStore) -> None:
        ram.put_role(Role(account_uid=UID, name="Alpha", role_id="31", trust_policy="{}"))
        ram.put_tags(UID, "role", "alpha", {"b": "1", "a": "2"})
        ram.put_tags(UID, "role", "Reader", {"c": "3"})
        ram.put_tags(UID, "role", "Alpha", {"a": "4"})

    await put(store, work)
    ram = store.identities
    rows = [("Alpha", "a", "4"), ("Alpha", "b", "1"), ("Reader", "c", "3")]
    assert ram.tagged(UID, "role") == rows
    assert ram.tagged(UID, "role", limit=1) == rows[:1]
    assert ram.tagged(UID, "role", after=("ALPHA", "a")) == rows[1:]
    assert ram.tagged(UID, "policy") == []
    await put(store, lambda ram: ram.delete_tags(UID, "role", "alpha", ["a", "x"]))
    assert ram.tags_of(UID, "role", "alpha") == {"b": "1"}
    await put(store, lambda ram: ram.delete_tags(UID, "role", "alpha", None))
    assert ram.tags_of(UID, "role", "alpha") == {}


async def test_listings_and_counts_are_the_account_s_own(store: SqliteStore) -> None:
    ram = store.identities
    for listed in (ram.users(UID), ram.groups(UID), ram.roles(UID), ram.custom_policies(UID)):
        assert [one.account_uid for one in listed] == [UID]
    assert ram.users(UID, after="ANN") == []
    counts = (ram.user_count, ram.group_count, ram.role_count, ram.policy_count)
    assert [count(UID) for count in counts] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "work",
    [
        lambda ram: ram.put_group(Group(account_uid=UID, name="New", group_id="g")),
        lambda ram: ram.add_member(UID, "team", "ann", 0),
        lambda ram: ram.attach(UID, HolderKind.USER, "ann", OWN, 0),
        lambda ram: ram.detach(UID, HolderKind.USER, "ann", OWN),
        lambda ram: ram.delete_role(UID, "reader"),
        lambda ram: ram.delete_user(UID, "ann"),
        lambda ram: ram.put_tags(UID, "role", "reader", {"k": "v"}),
        lambda ram: ram.add_policy_version(UID, "own", "two", 0),
        lambda ram: ram.describe_policy(UID, "own", "d", 0),
    ],
)
async def test_every_change_is_noticed(store: SqliteStore, work: Callable[[RamStore], T]) -> None:
    before = store.identities.identity_version()
    await put(store, work)
    assert store.identities.identity_version() > before


async def test_what_is_not_there_cannot_hold_a_policy(store: SqliteStore) -> None:
    with pytest.raises(LookupError, match="no group"):
        await put(store, lambda ram: ram.attach(UID, HolderKind.GROUP, "no", OWN, 0))
    with pytest.raises(LookupError, match="no account"):
        await put(store, lambda ram: ram.put_group(Group(account_uid="9", name="x", group_id="g")))


def old_folder(folder: Path) -> None:
    """A data folder as it was before RAM kept more of identities than deciding needs."""
    folder.mkdir()
    migrations = Path(connections.__file__).with_name("migrations")
    steps = [path.read_text() for path in sorted(migrations.iterdir()) if path.name < "0009"]
    made = sqlite3.connect(folder / connections.DATABASE_NAME)
    made.executescript("".join(steps))
    made.executescript(
        f"""
        PRAGMA application_id = {connections._APPLICATION_ID};
        PRAGMA user_version = 8;
        INSERT INTO accounts VALUES ('{UID}', '');
        INSERT INTO users VALUES ('{UID}', 'ann', 'Ann', '20', '');
        INSERT INTO policies VALUES ('{UID}', 'own', 'Own', 'one');
        INSERT INTO attachments VALUES (7, '{UID}', 'user', 'ann', 'Custom', 'own', 'Own');
        """  # noqa: S608 - constants only
    )
    made.commit()
    made.close()


async def test_an_older_folder_keeps_its_identities(tmp_path: Path) -> None:
    old_folder(tmp_path / "data")
    store = SqliteStore.open(tmp_path / "data", Durability.NONE)
    ram = store.identities
    user = ram.user(UID, "ann")
    assert user is not None
    assert (user.policies, user.created_ms) == ((OWN,), 0)
    assert documents(ram) == ["one"]
    assert [(one.number, one.document) for one in ram.policy_versions(UID, "own")] == [(1, "one")]
    second = await put(store, lambda tx: tx.add_policy_version(UID, "own", "two", 5))
    assert second.number == 2
    await put(store, lambda tx: tx.attach(UID, HolderKind.USER, "ann", SYSTEM, 6))
    assert ram.attachment_count(UID, OWN) == 1
    await store.close()
