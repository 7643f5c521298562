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
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.faults import PolicyError
from emulator.access.policy.records import PolicyKind
from emulator.access.system_policies import policy_ref
from emulator.domain import buckets
from emulator.domain.buckets import BucketRequest
from emulator.domain.errors import OssError
from emulator.domain.model import Bucket, Versioning
from emulator.domain.ports import MetaTx
from emulator.replication.regions import known_regions
from emulator.world.document import AccountSpec, BucketSpec, PolicyText, World, WorldError

T = TypeVar("T")

_BUCKETS_MAX = 1_000_000  # a world may describe more buckets than an account may create


class WorldTx(MetaTx, Protocol):
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


async def load_world(store: WorldStore, world: World, now_ms: int) -> Loaded:
    """Apply a world, all of it or nothing. Raises WorldError naming the part at fault."""
    _check_policies(world)
    return await store.write(lambda tx: _apply(tx, world, now_ms))


def _apply(tx: WorldTx, world: World, now_ms: int) -> Loaded:
    applied: list[str] = []
    unchanged: list[str] = []

    def once(part: str, description: msgspec.Struct, act: Callable[[], None]) -> None:
        digest = hashlib.sha256(msgspec.json.encode(description)).hexdigest()
        if tx.applied_digest(part) == digest:
            unchanged.append(part)
            return
        try:
            act()
        except OssError as error:
            raise WorldError(f"{part}: {error.code}: {error.message}") from error
        except LookupError as error:
            raise WorldError(f"{part}: {error}") from error
        tx.set_applied_digest(part, digest)
        applied.append(part)

    for account in world.accounts:
        identities = msgspec.structs.replace(account, buckets=[])
        part = f"account {account.uid}"
        once(part, identities, partial(_put_account, tx, account, now_ms))
        for bucket in account.buckets:
            put = partial(_put_bucket, tx, account.uid, bucket, now_ms)
            once(f"bucket {bucket.name}", bucket, put)
    return Loaded(applied=tuple(applied), unchanged=tuple(unchanged))


def _document(policy: PolicyText) -> str:
    return policy if isinstance(policy, str) else msgspec.json.encode(policy).decode()


def _check_policies(world: World) -> None:
    """Refuse a policy that cannot be read before anything is written."""
    cache = PolicyCache(principal_required=False)
    for account in world.accounts:
        for policy in account.policies:
            _check(cache, PolicyKind.RAM, policy.document, f"policy {policy.name}")
        for role in account.roles:
            _check(cache, PolicyKind.TRUST, role.trust, f"trust policy of role {role.name}")
        for bucket in account.buckets:
            if bucket.policy:
                where = f"policy of bucket {bucket.name}"
                _check(cache, PolicyKind.BUCKET, bucket.policy, where)


def _check(cache: PolicyCache, kind: PolicyKind, policy: PolicyText, where: str) -> None:
    try:
        cache.get(kind, _document(policy))
    except PolicyError as error:
        raise WorldError(f"{where}: {error}") from error


def _put_account(tx: WorldTx, account: AccountSpec, now_ms: int) -> None:
    uid = account.uid
    tx.identities.put_account(Account(uid=uid, display_name=account.name))
    for policy in account.policies:
        tx.identities.put_policy(
            RamPolicy(
                account_uid=uid,
                name=policy.name,
                type=PolicyType.CUSTOM,
                document=_document(policy.document),
            )
        )
    for key in account.keys:
        tx.identities.put_access_key(
            AccessKey(access_key_id=key.id, secret=key.secret, account_uid=uid)
        )
    for user in account.users:
        refs = _refs(tx, account, user.policies, f"user {user.name}")
        tx.identities.put_user(
            User(account_uid=uid, name=user.name, user_id=user.uid, policies=refs)
        )
        for key in user.keys:
            tx.identities.put_access_key(
                AccessKey(
                    access_key_id=key.id, secret=key.secret, account_uid=uid, user_name=user.name
                )
            )
    _put_roles(tx, account, now_ms)


def _put_roles(tx: WorldTx, account: AccountSpec, now_ms: int) -> None:
    uid = account.uid
    for role in account.roles:
        existing = tx.identities.role(uid, role.name)
        digits = hashlib.sha256(f"{uid}/{role.name.lower()}".encode()).hexdigest()
        role_id = existing.role_id if existing is not None else f"3{int(digits[:13], 16):017d}"
        tx.identities.put_role(
            Role(
                account_uid=uid,
                name=role.name,
                role_id=role_id,
                trust_policy=_document(role.trust),
                policies=_refs(tx, account, role.policies, f"role {role.name}"),
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


def _refs(tx: WorldTx, account: AccountSpec, names: list[str], where: str) -> tuple[PolicyRef, ...]:
    refs = tuple(policy_ref(name) for name in names)
    for ref in refs:
        if tx.identities.policy(account.uid, ref) is None:
            raise WorldError(
                f"account {account.uid}: {where}: there is neither a system policy nor a policy "
                f"of the account named {ref.name!r}"
            )
    return refs


def _put_bucket(tx: WorldTx, owner_uid: str, spec: BucketSpec, now_ms: int) -> None:
    buckets.check_name(spec.name)
    if spec.region not in known_regions():
        raise WorldError(
            f"bucket {spec.name}: region: there is no region {spec.region!r}; "
            "write it as in cn-hangzhou"
        )
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
    if bucket.policy != _document(spec.policy):
        buckets.set_policy(tx, bucket, _document(spec.policy))


def _set_versioning(tx: WorldTx, bucket: Bucket, wanted: Versioning) -> None:
    if wanted is bucket.versioning:
        return
    if wanted is Versioning.NEVER:
        raise WorldError(
            f"bucket {bucket.name}: versioning was switched on and can only be suspended"
        )
    buckets.set_versioning(tx, bucket, wanted)
