"""An identity store in plain dictionaries, for tests."""

from __future__ import annotations

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
from emulator.access.system_policies import system_policy


class MemoryIdentityStore:
    """Keeps identities in memory; implements ``IdentityStore``."""

    def __init__(self) -> None:
        self._version = 0
        self._accounts: dict[str, Account] = {}
        self._keys: dict[str, AccessKey] = {}
        self._sessions: dict[str, Session] = {}
        self._users: dict[tuple[str, str], User] = {}
        self._roles: dict[tuple[str, str], Role] = {}
        self._policies: dict[tuple[str, str], RamPolicy] = {}

    def identity_version(self) -> int:
        """How many writes there were."""
        return self._version

    def account(self, uid: str) -> Account | None:
        """The account of this uid."""
        return self._accounts.get(uid)

    def accounts(self) -> tuple[Account, ...]:
        """Every account, by uid."""
        return tuple(self._accounts[uid] for uid in sorted(self._accounts))

    def access_key(self, access_key_id: str) -> AccessKey | None:
        """The key of this id."""
        return self._keys.get(access_key_id)

    def session(self, access_key_id: str) -> Session | None:
        """The session of this id."""
        return self._sessions.get(access_key_id)

    def user(self, account_uid: str, name: str) -> User | None:
        """The user."""
        return self._users.get((account_uid, name.casefold()))

    def role(self, account_uid: str, name: str) -> Role | None:
        """The role."""
        return self._roles.get((account_uid, name.casefold()))

    def policy(self, account_uid: str, ref: PolicyRef) -> RamPolicy | None:
        """The policy."""
        if ref.type is PolicyType.SYSTEM:
            return system_policy(ref.name)
        return self._policies.get((account_uid, ref.name.casefold()))

    def policies_of_user(self, account_uid: str, name: str) -> tuple[RamPolicy, ...]:
        """The documents attached to a user."""
        user = self.user(account_uid, name)
        return self._documents(account_uid, user.policies if user else ())

    def policies_of_role(self, account_uid: str, name: str) -> tuple[RamPolicy, ...]:
        """The documents attached to a role."""
        role = self.role(account_uid, name)
        return self._documents(account_uid, role.policies if role else ())

    def put_account(self, account: Account) -> None:
        """Write an account."""
        self._accounts[account.uid] = account
        self._version += 1

    def put_access_key(self, key: AccessKey) -> None:
        """Write a key."""
        self._account_of(key.account_uid)
        if key.user_name and self.user(key.account_uid, key.user_name) is None:
            raise LookupError(key.user_name)
        self._keys[key.access_key_id] = key
        self._version += 1

    def put_user(self, user: User) -> None:
        """Write a user."""
        self._account_of(user.account_uid)
        self._users[user.account_uid, user.name.casefold()] = user
        self._version += 1

    def put_role(self, role: Role) -> None:
        """Write a role."""
        self._account_of(role.account_uid)
        self._roles[role.account_uid, role.name.casefold()] = role
        self._version += 1

    def put_policy(self, policy: RamPolicy) -> None:
        """Write a custom policy."""
        if policy.type is PolicyType.SYSTEM:
            raise ValueError(policy.name)
        self._account_of(policy.account_uid)
        self._policies[policy.account_uid, policy.name.casefold()] = policy
        self._version += 1

    def put_session(self, session: Session) -> None:
        """Write a session."""
        if self.role(session.account_uid, session.role_name) is None:
            raise LookupError(session.role_name)
        self._sessions[session.access_key_id] = session
        self._version += 1

    def attach_to_user(self, account_uid: str, name: str, ref: PolicyRef) -> None:
        """Attach a policy to a user."""
        user = self.user(account_uid, name)
        if user is None:
            raise LookupError(name)
        if ref not in user.policies:
            self.put_user(msgspec.structs.replace(user, policies=(*user.policies, ref)))

    def attach_to_role(self, account_uid: str, name: str, ref: PolicyRef) -> None:
        """Attach a policy to a role."""
        role = self.role(account_uid, name)
        if role is None:
            raise LookupError(name)
        if ref not in role.policies:
            self.put_role(msgspec.structs.replace(role, policies=(*role.policies, ref)))

    def delete_role(self, account_uid: str, name: str) -> None:
        """Forget a role, which the port cannot do yet."""
        del self._roles[account_uid, name.casefold()]

    def delete_user(self, account_uid: str, name: str) -> None:
        """Forget a user, which the port cannot do yet."""
        del self._users[account_uid, name.casefold()]

    def _account_of(self, uid: str) -> Account:
        return self._accounts[uid]

    def _documents(self, account_uid: str, refs: tuple[PolicyRef, ...]) -> tuple[RamPolicy, ...]:
        found = (self.policy(account_uid, ref) for ref in refs)
        return tuple(policy for policy in found if policy is not None)
