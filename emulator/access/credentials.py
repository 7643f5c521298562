"""From an access key id to a secret, and from there to the principal it stands for."""

from __future__ import annotations

import msgspec

from emulator.access.identity import (
    TEMPORARY_KEY_PREFIX,
    AccessKey,
    Principal,
    RamPolicy,
    Session,
    root_principal,
    user_principal,
)
from emulator.access.identity_store import IdentityStore
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.records import NamedPolicy, PolicyKind
from emulator.access.trust import role_principal


class Credential(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What checking a signature needs; ``holder`` is the record it was made from.

    ``security_token`` is empty and ``expires_ms`` None for a permanent key.
    """

    access_key_id: str
    secret: str
    security_token: str
    expires_ms: int | None
    active: bool
    holder: AccessKey | Session


def find_credential(store: IdentityStore, access_key_id: str) -> Credential | None:
    """The credential of this id, whether or not it may still be used; None if there is none."""
    if access_key_id.startswith(TEMPORARY_KEY_PREFIX):
        session = store.session(access_key_id)
        if session is None:
            return None
        return Credential(
            access_key_id=access_key_id,
            secret=session.secret,
            security_token=session.security_token,
            expires_ms=session.expires_ms,
            active=True,
            holder=session,
        )
    key = store.access_key(access_key_id)
    if key is None:
        return None
    return Credential(
        access_key_id=access_key_id,
        secret=key.secret,
        security_token="",
        expires_ms=None,
        active=key.active,
        holder=key,
    )


def principal_of(
    store: IdentityStore, cache: PolicyCache, credential: Credential
) -> Principal | None:
    """Who the credential stands for, with the policies that hold now.

    None when that identity no longer exists. Raises PolicyError if a stored policy is malformed.
    """
    holder = credential.holder
    if isinstance(holder, Session):
        return _session_principal(store, cache, holder)
    if not holder.user_name:
        return root_principal(holder.account_uid, holder.access_key_id)
    user = store.user(holder.account_uid, holder.user_name)
    if user is None:
        return None
    policies = parse_policies(store.policies_of_user(user.account_uid, user.name), cache)
    return user_principal(user, policies, holder.access_key_id)


def parse_policies(policies: tuple[RamPolicy, ...], cache: PolicyCache) -> tuple[NamedPolicy, ...]:
    """RAM policies, parsed, under their names. Raises PolicyError."""
    return tuple(NamedPolicy(one.name, cache.get(PolicyKind.RAM, one.document)) for one in policies)


def _session_principal(
    store: IdentityStore, cache: PolicyCache, session: Session
) -> Principal | None:
    role = store.role(session.account_uid, session.role_name)
    if role is None:
        return None
    narrowing = None
    if session.policy is not None:
        parsed = cache.get(PolicyKind.SESSION, session.policy)
        narrowing = NamedPolicy(session.session_name, parsed)
    return role_principal(
        role,
        parse_policies(store.policies_of_role(role.account_uid, role.name), cache),
        session.session_name,
        session_policy=narrowing,
        access_key_id=session.access_key_id,
        source_identity=session.source_identity,
    )
