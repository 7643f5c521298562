"""The port behind which identities are managed: what RAM and STS need beyond deciding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from emulator.access.identity import (
    AccessKey,
    Attachment,
    Group,
    Holder,
    HolderKind,
    PolicyRef,
    PolicyVersion,
    RamPolicy,
    Role,
    User,
)
from emulator.access.identity_store import IdentityStore


class UserStore(Protocol):
    """Users, their keys and their groups."""

    def users(self, account_uid: str, *, after: str = "", limit: int = 1000) -> list[User]:
        """An account's users by name, those after ``after``; without their policies."""
        ...

    def user_count(self, account_uid: str) -> int:
        """How many users an account has."""
        ...

    def rename_user(self, account_uid: str, name: str, new_name: str) -> None:
        """Rename a user with its keys, memberships and attachments."""
        ...

    def delete_user(self, account_uid: str, name: str) -> None:
        """Forget a user that nothing belongs to any more."""
        ...

    def access_keys_of(self, account_uid: str, user_name: str) -> list[AccessKey]:
        """A user's keys, ``""`` for the account's own, in the order they were made."""
        ...

    def delete_access_key(self, access_key_id: str) -> None:
        """Forget a key."""
        ...

    def group(self, account_uid: str, name: str) -> Group | None:
        """The group."""
        ...

    def groups(self, account_uid: str, *, after: str = "", limit: int = 1000) -> list[Group]:
        """An account's groups by name, those after ``after``."""
        ...

    def group_count(self, account_uid: str) -> int:
        """How many groups an account has."""
        ...

    def put_group(self, group: Group) -> None:
        """Write a group."""
        ...

    def rename_group(self, account_uid: str, name: str, new_name: str) -> None:
        """Rename a group with its members and attachments."""
        ...

    def delete_group(self, account_uid: str, name: str) -> None:
        """Forget a group that nothing belongs to any more."""
        ...

    def add_member(self, account_uid: str, group: str, user: str, joined_ms: int) -> None:
        """Put a user into a group; one who is in it stays as it is."""
        ...

    def remove_member(self, account_uid: str, group: str, user: str) -> bool:
        """Take a user out of a group; whether it was in it."""
        ...

    def users_of_group(self, account_uid: str, group: str) -> list[tuple[User, int]]:
        """The members by name, and since when."""
        ...

    def groups_of_user(self, account_uid: str, user: str) -> list[tuple[Group, int]]:
        """The groups of a user by name, and since when."""
        ...


class PolicyStore(Protocol):
    """Custom policies, their versions, and what policies are attached to."""

    def custom_policies(
        self, account_uid: str, *, after: str = "", limit: int = 1000
    ) -> list[RamPolicy]:
        """An account's custom policies by name, those after ``after``."""
        ...

    def policy_count(self, account_uid: str) -> int:
        """How many custom policies an account has."""
        ...

    def describe_policy(self, account_uid: str, name: str, description: str, now_ms: int) -> None:
        """Change a custom policy's description."""
        ...

    def delete_policy(self, account_uid: str, name: str) -> None:
        """Forget a policy with its versions, attachments and tags."""
        ...

    def policy_versions(self, account_uid: str, name: str) -> list[PolicyVersion]:
        """The versions of a custom policy, oldest first."""
        ...

    def add_policy_version(
        self, account_uid: str, name: str, document: str, created_ms: int
    ) -> PolicyVersion:
        """Add a version under the next number, which no version had before."""
        ...

    def delete_policy_version(self, account_uid: str, name: str, number: int) -> None:
        """Forget a version that is not the default."""
        ...

    def set_default_version(
        self, account_uid: str, name: str, version: PolicyVersion, now_ms: int
    ) -> None:
        """Put a version in force."""
        ...

    def attachments_of(
        self, account_uid: str, kind: HolderKind, name: str
    ) -> list[tuple[RamPolicy, Attachment]]:
        """The policies attached to a user, group or role, in the order of attachment."""
        ...

    def holders_of(self, account_uid: str, ref: PolicyRef) -> list[Holder]:
        """What a policy is attached to, in the order of attachment."""
        ...

    def attachment_count(self, account_uid: str, ref: PolicyRef) -> int:
        """To how many users, groups and roles a policy is attached."""
        ...

    def attach(
        self, account_uid: str, kind: HolderKind, name: str, ref: PolicyRef, attached_ms: int
    ) -> bool:
        """Attach a policy; False if it was attached already. Raises LookupError."""
        ...

    def detach(self, account_uid: str, kind: HolderKind, name: str, ref: PolicyRef) -> bool:
        """Detach a policy; False if it was not attached."""
        ...


class RoleStore(Protocol):
    """Roles, their sessions, and the tags of roles and policies."""

    def roles(self, account_uid: str, *, after: str = "", limit: int = 1000) -> list[Role]:
        """An account's roles by name, those after ``after``; without their policies."""
        ...

    def role_count(self, account_uid: str) -> int:
        """How many roles an account has."""
        ...

    def delete_role(self, account_uid: str, name: str) -> None:
        """Forget a role with its temporary credentials and tags."""
        ...

    def forget_sessions(self, expired_before_ms: int) -> None:
        """Forget some of the temporary credentials that expired before an instant."""
        ...

    def tags_of(self, account_uid: str, kind: str, name: str) -> dict[str, str]:
        """The tags of a ``role`` or ``policy``, by key."""
        ...

    def tagged(
        self, account_uid: str, kind: str, *, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[tuple[str, str, str]]:
        """Name, key and value of an account's tags of a kind, after a name and key."""
        ...

    def put_tags(self, account_uid: str, kind: str, name: str, tags: Mapping[str, str]) -> None:
        """Add tags to those there are."""
        ...

    def delete_tags(
        self, account_uid: str, kind: str, name: str, keys: Iterable[str] | None
    ) -> None:
        """Remove tags by key, or all of them."""
        ...


class RamStore(IdentityStore, UserStore, PolicyStore, RoleStore, Protocol):
    """Everything RAM keeps. Names are compared without case."""
