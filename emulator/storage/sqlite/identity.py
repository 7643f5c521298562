"""Accounts and what belongs to them in SQLite."""

from __future__ import annotations

from typing import cast

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
from emulator.access.system_policies import system_policy
from emulator.storage.sqlite.statements import Row, Run, Values

_VERSION = "SELECT value FROM counters WHERE name = 'identities'"
_NEXT_VERSION = "UPDATE counters SET value = value + 1 WHERE name = 'identities'"

_ACCOUNT = "SELECT uid, display_name FROM accounts WHERE uid = ?"
_ACCOUNTS = "SELECT uid, display_name FROM accounts ORDER BY uid"
_KEY = """SELECT access_key_id, secret, account_uid, user_name, active FROM access_keys
    WHERE access_key_id = ?"""
_SESSION = """SELECT access_key_id, secret, security_token, account_uid, role_name, session_name,
    expires_ms, policy FROM sessions WHERE access_key_id = ?"""
_USER = """SELECT account_uid, name, user_id, display_name FROM users
    WHERE account_uid = ? AND folded_name = ?"""
_ROLE = """SELECT account_uid, name, role_id, trust_policy, max_session_duration_s FROM roles
    WHERE account_uid = ? AND folded_name = ?"""
_POLICY = """SELECT account_uid, name, document FROM policies
    WHERE account_uid = ? AND folded_name = ?"""
_ATTACHED = """SELECT policy_type, policy_name FROM attachments
    WHERE account_uid = ? AND holder_kind = ? AND folded_holder = ? ORDER BY id"""

_PUT_ACCOUNT = "REPLACE INTO accounts (uid, display_name) VALUES (?, ?)"
_PUT_KEY = """REPLACE INTO access_keys (access_key_id, secret, account_uid, user_name, active)
    VALUES (?, ?, ?, ?, ?)"""
_PUT_SESSION = """REPLACE INTO sessions (access_key_id, secret, security_token, account_uid,
    role_name, session_name, expires_ms, policy) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_PUT_USER = """REPLACE INTO users (account_uid, folded_name, name, user_id, display_name)
    VALUES (?, ?, ?, ?, ?)"""
_PUT_ROLE = """REPLACE INTO roles (account_uid, folded_name, name, role_id, trust_policy,
    max_session_duration_s) VALUES (?, ?, ?, ?, ?, ?)"""
_PUT_POLICY = """REPLACE INTO policies (account_uid, folded_name, name, document)
    VALUES (?, ?, ?, ?)"""
_ATTACH = """INSERT INTO attachments (account_uid, holder_kind, folded_holder, policy_type,
    folded_policy, policy_name) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
_DETACH_ALL = """DELETE FROM attachments
    WHERE account_uid = ? AND holder_kind = ? AND folded_holder = ?"""

_TYPES = {member.value: member for member in PolicyType}


# What policies are attached to; the values of the column holder_kind.
_USERS = "user"
_ROLES = "role"

_SessionRow = tuple[str, str, str, str, str, str, int, str | None]


class SqliteIdentities:
    """Implements ``access.identity_store.IdentityStore`` on one connection.

    The one of a store reads what is committed; the one of a transaction also writes.
    """

    def __init__(self, run: Run, *, writable: bool) -> None:
        self._run = run
        self._writable = writable

    def identity_version(self) -> int:
        """A number that grows with every change of any identity."""
        (value,) = cast(tuple[int], self._run(_VERSION, ()).fetchone())
        return value

    def account(self, uid: str) -> Account | None:
        """The account of this uid."""
        row = self._run(_ACCOUNT, (uid,)).fetchone()
        return None if row is None else _account(row)

    def accounts(self) -> tuple[Account, ...]:
        """Every account, by uid."""
        return tuple(_account(row) for row in self._run(_ACCOUNTS, ()).fetchall())

    def access_key(self, access_key_id: str) -> AccessKey | None:
        """The permanent key of this id, active or not."""
        row = self._run(_KEY, (access_key_id,)).fetchone()
        return None if row is None else _access_key(row)

    def session(self, access_key_id: str) -> Session | None:
        """The temporary credentials of this id, expired or not."""
        row = self._run(_SESSION, (access_key_id,)).fetchone()
        return None if row is None else _session(row)

    def user(self, account_uid: str, name: str) -> User | None:
        """The RAM user, with the references of the policies attached to it."""
        row = self._run(_USER, (account_uid, name.casefold())).fetchone()
        if row is None:
            return None
        account, written, user_id, display_name = cast(tuple[str, str, str, str], row)
        return User(
            account_uid=account,
            name=written,
            user_id=user_id,
            display_name=display_name,
            policies=self._attached(_USERS, account_uid, name),
        )

    def role(self, account_uid: str, name: str) -> Role | None:
        """The role, with the references of the policies attached to it."""
        row = self._run(_ROLE, (account_uid, name.casefold())).fetchone()
        if row is None:
            return None
        account, written, role_id, trust, longest = cast(tuple[str, str, str, str, int], row)
        return Role(
            account_uid=account,
            name=written,
            role_id=role_id,
            trust_policy=trust,
            policies=self._attached(_ROLES, account_uid, name),
            max_session_duration_s=longest,
        )

    def policy(self, account_uid: str, ref: PolicyRef) -> RamPolicy | None:
        """The policy: a system policy by name alone, a custom one among the account's."""
        if ref.type is PolicyType.SYSTEM:
            return system_policy(ref.name)
        row = self._run(_POLICY, (account_uid, ref.name.casefold())).fetchone()
        if row is None:
            return None
        account, written, document = cast(tuple[str, str, str], row)
        return RamPolicy(
            account_uid=account, name=written, type=PolicyType.CUSTOM, document=document
        )

    def policies_of_user(self, account_uid: str, name: str) -> tuple[RamPolicy, ...]:
        """The documents of the policies attached to the user, in the order of attachment."""
        return self._documents(_USERS, account_uid, name)

    def policies_of_role(self, account_uid: str, name: str) -> tuple[RamPolicy, ...]:
        """The documents of the policies attached to the role, in the order of attachment."""
        return self._documents(_ROLES, account_uid, name)

    def put_account(self, account: Account) -> None:
        """Write an account."""
        self._put(_PUT_ACCOUNT, (account.uid, account.display_name))

    def put_access_key(self, key: AccessKey) -> None:
        """Write a key of an account or a user that exists."""
        self._require_account(key.account_uid)
        if key.user_name:
            self._require_holder(_USERS, key.account_uid, key.user_name)
        owner = (key.account_uid, key.user_name, 1 if key.active else 0)
        self._put(_PUT_KEY, (key.access_key_id, key.secret, *owner))

    def put_user(self, user: User) -> None:
        """Write a user; its ``policies`` replace the attachments it had."""
        self._require_account(user.account_uid)
        folded = user.name.casefold()
        values = (user.account_uid, folded, user.name, user.user_id, user.display_name)
        self._put(_PUT_USER, values)
        self._attach_all(_USERS, user.account_uid, user.name, user.policies)

    def put_role(self, role: Role) -> None:
        """Write a role; its ``policies`` replace the attachments it had."""
        self._require_account(role.account_uid)
        named = (role.account_uid, role.name.casefold(), role.name)
        values = (role.role_id, role.trust_policy, role.max_session_duration_s)
        self._put(_PUT_ROLE, (*named, *values))
        self._attach_all(_ROLES, role.account_uid, role.name, role.policies)

    def put_policy(self, policy: RamPolicy) -> None:
        """Write a custom policy. A system policy raises ValueError: those are fixed."""
        if policy.type is PolicyType.SYSTEM:
            raise ValueError(f"the system policy {policy.name} cannot be written")
        self._require_account(policy.account_uid)
        folded = policy.name.casefold()
        self._put(_PUT_POLICY, (policy.account_uid, folded, policy.name, policy.document))

    def put_session(self, session: Session) -> None:
        """Write temporary credentials of a role that exists."""
        self._require_holder(_ROLES, session.account_uid, session.role_name)
        key = (session.access_key_id, session.secret, session.security_token)
        role = (session.account_uid, session.role_name, session.session_name)
        self._put(_PUT_SESSION, (*key, *role, session.expires_ms, session.policy))

    def attach_to_user(self, account_uid: str, name: str, ref: PolicyRef) -> None:
        """Attach a policy after those already attached; one that is attached stays in place."""
        self._attach(_USERS, account_uid, name, ref)

    def attach_to_role(self, account_uid: str, name: str, ref: PolicyRef) -> None:
        """Attach a policy after those already attached; one that is attached stays in place."""
        self._attach(_ROLES, account_uid, name, ref)

    def _put(self, statement: str, values: Values) -> None:
        if not self._writable:
            raise RuntimeError("identities are written in a transaction, by its `identities`")
        self._run(statement, values)
        self._run(_NEXT_VERSION, ())

    def _attach(self, kind: str, account_uid: str, name: str, ref: PolicyRef) -> None:
        self._require_holder(kind, account_uid, name)
        holder = (account_uid, kind, name.casefold())
        self._put(_ATTACH, (*holder, ref.type.value, ref.name.casefold(), ref.name))

    def _attach_all(
        self, kind: str, account_uid: str, name: str, refs: tuple[PolicyRef, ...]
    ) -> None:
        self._run(_DETACH_ALL, (account_uid, kind, name.casefold()))
        for ref in refs:
            self._attach(kind, account_uid, name, ref)

    def _attached(self, kind: str, account_uid: str, name: str) -> tuple[PolicyRef, ...]:
        rows = self._run(_ATTACHED, (account_uid, kind, name.casefold())).fetchall()
        return tuple(PolicyRef(_TYPES[type_], written) for type_, written in rows)

    def _documents(self, kind: str, account_uid: str, name: str) -> tuple[RamPolicy, ...]:
        """A reference to a policy that is not there grants nothing."""
        refs = self._attached(kind, account_uid, name)
        found = (self.policy(account_uid, ref) for ref in refs)
        return tuple(policy for policy in found if policy is not None)

    def _require_account(self, uid: str) -> None:
        if self.account(uid) is None:
            raise LookupError(f"there is no account {uid}")

    def _require_holder(self, kind: str, account_uid: str, name: str) -> None:
        statement = _USER if kind == _USERS else _ROLE
        if self._run(statement, (account_uid, name.casefold())).fetchone() is None:
            raise LookupError(f"account {account_uid} has no {kind} {name}")


def _account(row: Row) -> Account:
    uid, display_name = cast(tuple[str, str], row)
    return Account(uid=uid, display_name=display_name)


def _access_key(row: Row) -> AccessKey:
    key_id, secret, account_uid, user_name, active = cast(tuple[str, str, str, str, int], row)
    return AccessKey(
        access_key_id=key_id,
        secret=secret,
        account_uid=account_uid,
        user_name=user_name,
        active=active == 1,
    )


def _session(row: Row) -> Session:
    key_id, secret, token, account_uid, role_name, session_name, expires_ms, policy = cast(
        _SessionRow, row
    )
    return Session(
        access_key_id=key_id,
        secret=secret,
        security_token=token,
        account_uid=account_uid,
        role_name=role_name,
        session_name=session_name,
        expires_ms=expires_ms,
        policy=policy,
    )
