"""Who there is: accounts, keys, users, roles, policies, sessions; and who is calling."""

from __future__ import annotations

import enum
from functools import lru_cache

import msgspec

from emulator.access.policy.records import NO_ONE, Caller, NamedPolicy

TEMPORARY_KEY_PREFIX = "STS."  # STS AssumeRole, Credentials; documented


class PolicyType(enum.StrEnum):
    """Who wrote a RAM policy; the values are those of RAM's ``PolicyType``."""

    SYSTEM = "System"
    CUSTOM = "Custom"


class PolicyRef(msgspec.Struct, frozen=True, gc=False):
    """How an attachment names a RAM policy; a custom one belongs to the attaching account."""

    type: PolicyType
    name: str


class HolderKind(enum.StrEnum):
    """What policies can be attached to; the values are kept in data folders."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"


class Attachment(msgspec.Struct, frozen=True, gc=False):
    """A policy attached to something, and since when."""

    ref: PolicyRef
    attached_ms: int


class Holder(msgspec.Struct, frozen=True, gc=False):
    """Something a policy is attached to, and since when; ``id`` is the user's, group's, role's."""

    kind: HolderKind
    name: str
    id: str
    attached_ms: int


class Account(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An Alibaba Cloud account; ``uid`` is a decimal string."""

    uid: str
    display_name: str = ""


class AccessKey(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A permanent key of an account (``user_name`` empty) or of one of its RAM users."""

    access_key_id: str
    secret: str
    account_uid: str
    user_name: str = ""
    active: bool = True
    created_ms: int = 0


class User(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A RAM user; ``user_id`` is the id bucket policies name it by."""

    account_uid: str
    name: str
    user_id: str
    display_name: str = ""
    policies: tuple[PolicyRef, ...] = ()
    mobile_phone: str = ""
    email: str = ""
    comments: str = ""
    created_ms: int = 0
    updated_ms: int = 0


class Group(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A RAM user group: its policies count for its members."""

    account_uid: str
    name: str
    group_id: str
    comments: str = ""
    created_ms: int = 0
    updated_ms: int = 0


class Role(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A RAM role; ``trust_policy`` is the document as it was written."""

    account_uid: str
    name: str
    role_id: str
    trust_policy: str
    policies: tuple[PolicyRef, ...] = ()
    max_session_duration_s: int = 3600
    description: str = ""
    allow_console_login: bool = True
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def arn(self) -> str:
        """``acs:ram::{uid}:role/{name}``."""
        return f"acs:ram::{self.account_uid}:role/{self.name}"


class RamPolicy(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A RAM policy in its default version; ``account_uid`` is empty for system policies."""

    account_uid: str
    name: str
    type: PolicyType
    document: str
    description: str = ""
    default_version: int = 1
    created_ms: int = 0
    updated_ms: int = 0


class PolicyVersion(msgspec.Struct, frozen=True, gc=False):
    """One version of a custom policy; ``number`` 1 is shown as ``v1``."""

    number: int
    document: str
    created_ms: int


class Session(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Temporary credentials of a role; ``policy`` is the session policy's text, if one was given.

    What the role may do is looked up when the credentials are used, so that later edits of its
    policies count and its deletion voids them (STS AssumeRole; documented).
    """

    access_key_id: str
    secret: str
    security_token: str
    account_uid: str
    role_name: str
    session_name: str
    expires_ms: int
    policy: str | None = None
    source_identity: str = ""


class PrincipalKind(enum.Enum):
    """What kind of identity is calling."""

    ANONYMOUS = "anonymous"
    ROOT = "root"
    USER = "user"
    ROLE = "role"


class Principal(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Who is calling, with everything a permission decision needs to know of them.

    ``name`` is the user's or role's name; ``principal_id`` is the account's uid, the user's id or
    ``{role id}:{session}``, as STS GetCallerIdentity shows it. ``source_identity`` is what a
    session was given at AssumeRole. ``caller`` is how bucket policies name this principal.
    """

    kind: PrincipalKind
    account_uid: str = ""
    name: str = ""
    session_name: str = ""
    principal_id: str = ""
    arn: str = ""
    identity_policies: tuple[NamedPolicy, ...] = ()
    session_policy: NamedPolicy | None = None
    access_key_id: str = ""
    source_identity: str = ""
    caller: Caller = NO_ONE


ANONYMOUS = Principal(kind=PrincipalKind.ANONYMOUS)


@lru_cache(maxsize=1024)
def root_principal(account_uid: str, access_key_id: str = "") -> Principal:
    """The account itself. RAM policies are never attached to it."""
    return Principal(
        kind=PrincipalKind.ROOT,
        account_uid=account_uid,
        principal_id=account_uid,
        arn=f"acs:ram::{account_uid}:root",
        access_key_id=access_key_id,
        caller=Caller(names=(account_uid,)),
    )


def user_principal(
    user: User, policies: tuple[NamedPolicy, ...], access_key_id: str = ""
) -> Principal:
    """A RAM user with the policies attached to it and to its groups.

    A bucket policy means it by its own id and by its account's (the latter inferred).
    """
    return Principal(
        kind=PrincipalKind.USER,
        account_uid=user.account_uid,
        name=user.name,
        principal_id=user.user_id,
        arn=f"acs:ram::{user.account_uid}:user/{user.name}",
        identity_policies=policies,
        access_key_id=access_key_id,
        caller=Caller(names=(user.account_uid, user.user_id)),
    )
