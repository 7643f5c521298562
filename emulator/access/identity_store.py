"""The port behind which identities are kept."""

from __future__ import annotations

from typing import Protocol

from emulator.access.identity import (
    AccessKey,
    Account,
    PolicyRef,
    RamPolicy,
    Role,
    Session,
    User,
)


class IdentityStore(Protocol):
    """Accounts and what belongs to them.

    Names of users, roles and policies are compared without case and returned as they were
    written (that roles are compared so: RAM, RoleArn; inferred). Writing methods put a record in
    place of the one with the same identity, so writing twice changes nothing. A record whose
    account, user or role does not exist raises LookupError.
    """

    def identity_version(self) -> int:
        """A number that grows with every change of any identity: what caches are checked with."""
        ...

    def account(self, uid: str) -> Account | None:
        """The account of this uid."""
        ...

    def accounts(self) -> tuple[Account, ...]:
        """Every account, by uid."""
        ...

    def access_key(self, access_key_id: str) -> AccessKey | None:
        """The permanent key of this id, active or not. The id is compared with case."""
        ...

    def session(self, access_key_id: str) -> Session | None:
        """The temporary credentials of this id, expired or not. The id is compared with case."""
        ...

    def user(self, account_uid: str, name: str) -> User | None:
        """The RAM user, with the references of the policies attached to it."""
        ...

    def role(self, account_uid: str, name: str) -> Role | None:
        """The role, with the references of the policies attached to it."""
        ...

    def policy(self, account_uid: str, ref: PolicyRef) -> RamPolicy | None:
        """The policy: a system policy by name alone, a custom one among the account's."""
        ...

    def policies_of_user(self, account_uid: str, name: str) -> tuple[RamPolicy, ...]:
        """The documents of the policies attached to the user, in the order of attachment, then
        those attached to its groups.

        Empty where the user does not exist.
        """
        ...

    def policies_of_role(self, account_uid: str, name: str) -> tuple[RamPolicy, ...]:
        """The documents of the policies attached to the role, in the order of attachment.

        Empty where the role does not exist.
        """
        ...

    def put_account(self, account: Account) -> None:
        """Write an account."""
        ...

    def put_access_key(self, key: AccessKey) -> None:
        """Write a key of an account or a user that exists."""
        ...

    def put_user(self, user: User) -> None:
        """Write a user; its ``policies`` replace the attachments it had."""
        ...

    def put_role(self, role: Role) -> None:
        """Write a role; its ``policies`` replace the attachments it had."""
        ...

    def put_policy(self, policy: RamPolicy) -> None:
        """Write a custom policy. A system policy raises ValueError: those are fixed."""
        ...

    def put_session(self, session: Session) -> None:
        """Write temporary credentials of a role that exists."""
        ...

    def attach_to_user(self, account_uid: str, name: str, ref: PolicyRef) -> None:
        """Attach a policy after those already attached; one that is attached stays in place."""
        ...

    def attach_to_role(self, account_uid: str, name: str, ref: PolicyRef) -> None:
        """Attach a policy after those already attached; one that is attached stays in place."""
        ...
