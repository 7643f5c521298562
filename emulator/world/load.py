"""Applying a world to the stores, so that applying it again changes nothing.

Each part (an account with its identities, a bucket) is remembered by a digest of its description.
A part whose description was applied before is left alone, so what clients changed since then
stays; an edited description is applied again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

import msgspec

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
from emulator.access.system_policies import policy_ref
from emulator.domain import buckets
from emulator.domain.buckets import BucketRequest
from emulator.domain.errors import OssError, VersioningLocked
from emulator.domain.model import Bucket, Versioning
from emulator.kms.ports import KeyTx
from emulator.kms.vault import Vault
from emulator.replication.freezing import check_versioning_unlocked
from emulator.replication.ports import ReplicationTx
from emulator.world.check import check_world
from emulator.world.document import (
    AccountSpec,
    BucketSpec,
    WorldFile,
    policy_document,
)
from emulator.world.keys import put_kms_keys
from emulator.world.mistakes import Path, WorldFault

T = TypeVar("T")

_BUCKETS_MAX = 1_000_000  # a world may describe more buckets than an account may create


class WorldTx(ReplicationTx, KeyTx, Protocol):
    """A transaction that can also remember which parts of a world it has applied."""

    @property
    def identities(self) -> IdentityStore:
        """Accounts and what belongs to them, in the same transaction."""
        ...

    def applied_digest(self, part: str) -> str | None:
        """The digest of a part's description when it was last applied."""
        ...

    def set_applied_digest(self, part: str, digest: str) -> None:
        """Remember that a part was applied."""
        ...


class WorldStore(Protocol):
    """The metadata store as the loader sees it."""

    async def write(self, work: Callable[[WorldTx], T]) -> T:
        """Run ``work`` in one transaction."""
        ...


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What loading a world did: parts applied, and parts left as they are."""

    applied: tuple[str, ...]
    unchanged: tuple[str, ...]


async def load_world(
    store: WorldStore, file: WorldFile, now_ms: int, vault: Vault | None = None
) -> Loaded:
    """Apply a world, all of it or nothing. Raises WorldError naming line and field.

    ``vault`` seals the material of its keys; a world that has none needs no vault.
    """
    check_world(file)
    return await store.write(lambda tx: _apply(tx, file, now_ms, vault))


def _apply(tx: WorldTx, file: WorldFile, now_ms: int, vault: Vault | None) -> Loaded:
    applied: list[str] = []
    unchanged: list[str] = []

    def once(part: str, at: Path, description: object, act: Callable[[], None]) -> None:
        digest = hashlib.sha256(msgspec.json.encode(description)).hexdigest()
        if tx.applied_digest(part) == digest:
            unchanged.append(part)
            return
        try:
            act()
        except WorldFault as fault:
            raise file.fault((*at, *fault.path), fault.problem) from fault
        except OssError as error:
            raise file.fault(at, f"{error.code}: {error.message}") from error
        except LookupError as error:
            raise file.fault(at, str(error)) from error
        tx.set_applied_digest(part, digest)
        applied.append(part)

    for number, account in enumerate(file.world.accounts):
        at: Path = ("accounts", number)
        identities = msgspec.structs.replace(account, buckets=[])
        put_account = partial(_put_account, tx, account, now_ms, vault)
        once(f"account {account.uid}", at, identities, put_account)
        for position, bucket in enumerate(account.buckets):
            put = partial(_put_bucket, tx, account.uid, bucket, now_ms)
            described = (account.uid, bucket)
            once(f"bucket {bucket.name}", (*at, "buckets", position), described, put)
    return Loaded(applied=tuple(applied), unchanged=tuple(unchanged))


def _put_account(tx: WorldTx, account: AccountSpec, now_ms: int, vault: Vault | None) -> None:
    uid = account.uid
    tx.identities.put_account(Account(uid=uid, display_name=account.name))
    for policy in account.policies:
        tx.identities.put_policy(
            RamPolicy(
                account_uid=uid,
                name=policy.name,
                type=PolicyType.CUSTOM,
                document=policy_document(policy.document),
                created_ms=now_ms,
                updated_ms=now_ms,
            )
        )
    for number, key in enumerate(account.keys):
        own = AccessKey(access_key_id=key.id, secret=key.secret, account_uid=uid, created_ms=now_ms)
        _put_key(tx, own, "keys", number)
    for number, user in enumerate(account.users):
        refs = _refs(tx, account, user.policies, ("users", number))
        tx.identities.put_user(
            User(
                account_uid=uid,
                name=user.name,
                user_id=user.uid,
                policies=refs,
                created_ms=now_ms,
                updated_ms=now_ms,
            )
        )
        for position, key in enumerate(user.keys):
            owned = AccessKey(
                access_key_id=key.id,
                secret=key.secret,
                account_uid=uid,
                user_name=user.name,
                created_ms=now_ms,
            )
            _put_key(tx, owned, "users", number, "keys", position)
    _put_roles(tx, account, now_ms)
    put_kms_keys(tx, vault, account, now_ms)


def _put_key(tx: WorldTx, key: AccessKey, *at: str | int) -> None:
    """Write a key, unless the data folder knows it as somebody else's."""
    existing = tx.identities.access_key(key.access_key_id)
    if existing is not None and existing.account_uid != key.account_uid:
        raise WorldFault(
            (*at, "id"),
            f"the key {key.access_key_id} belongs to account {existing.account_uid} already; "
            "rename it, or give another --data folder",
        )
    tx.identities.put_access_key(key)


def _put_roles(tx: WorldTx, account: AccountSpec, now_ms: int) -> None:
    uid = account.uid
    for number, role in enumerate(account.roles):
        existing = tx.identities.role(uid, role.name)
        digits = hashlib.sha256(f"{uid}/{role.name.lower()}".encode()).hexdigest()
        role_id = existing.role_id if existing is not None else f"3{int(digits[:13], 16):017d}"
        tx.identities.put_role(
            Role(
                account_uid=uid,
                name=role.name,
                role_id=role_id,
                trust_policy=policy_document(role.trust),
                policies=_refs(tx, account, role.policies, ("roles", number)),
                created_ms=now_ms,
                updated_ms=now_ms,
            )
        )
        for session in role.sessions:
            tx.identities.put_session(
                Session(
                    access_key_id=session.key.id,
                    secret=session.key.secret,
                    security_token=session.token,
                    account_uid=uid,
                    role_name=role.name,
                    session_name=session.name,
                    expires_ms=now_ms + session.expires_in_s * 1000,
                )
            )


def _refs(tx: WorldTx, account: AccountSpec, names: list[str], at: Path) -> tuple[PolicyRef, ...]:
    refs = tuple(policy_ref(name) for name in names)
    for number, ref in enumerate(refs):
        if tx.identities.policy(account.uid, ref) is None:
            raise WorldFault(
                (*at, "policies", number),
                f"there is neither a system policy nor one of account {account.uid} named "
                f"{ref.name!r}",
            )
    return refs


def _put_bucket(tx: WorldTx, owner_uid: str, spec: BucketSpec, now_ms: int) -> None:
    existing = tx.bucket(spec.name)
    if existing is not None:
        _check_existing(existing, owner_uid, spec)
    request = BucketRequest(
        name=spec.name,
        owner_uid=owner_uid,
        region=spec.region,
        acl=spec.acl,
        storage_class=spec.storage_class,
        redundancy=spec.redundancy,
    )
    bucket = buckets.put_bucket(tx, request, now_ms, buckets_max=_BUCKETS_MAX)
    _set_versioning(tx, bucket, spec.versioning)
    if bucket.policy != policy_document(spec.policy):
        buckets.set_policy(tx, bucket, policy_document(spec.policy))


def _check_existing(bucket: Bucket, owner_uid: str, spec: BucketSpec) -> None:
    """Raise WorldFault where a bucket of this data folder can never become what is described."""
    advice = "rename it, or give another --data folder"
    if bucket.owner_uid != owner_uid:
        raise WorldFault(
            ("name",),
            f"the bucket {bucket.name} belongs to account {bucket.owner_uid} already; {advice}",
        )
    for field, there, wanted in (
        ("region", bucket.region, spec.region),
        ("storage_class", bucket.storage_class.value, spec.storage_class.value),
        ("redundancy", bucket.redundancy.value, spec.redundancy.value),
    ):
        if there != wanted:
            raise WorldFault(
                (field,),
                f"the bucket {bucket.name} exists with {there}, which cannot become {wanted}; "
                f"{advice}",
            )


def _set_versioning(tx: WorldTx, bucket: Bucket, wanted: Versioning) -> None:
    if wanted is bucket.versioning:
        return
    if wanted is Versioning.NEVER:
        raise WorldFault(
            ("versioning",),
            f"versioning of {bucket.name} was switched on and can only be suspended",
        )
    try:
        check_versioning_unlocked(tx, bucket)
    except VersioningLocked as error:
        raise WorldFault(("versioning",), error.message) from error
    buckets.set_versioning(tx, bucket, wanted)
