"""Custom policies, their versions, and what policies are attached to."""

from __future__ import annotations

from typing import cast

from emulator.access.identity import (
    Attachment,
    Holder,
    HolderKind,
    PolicyRef,
    PolicyType,
    PolicyVersion,
    RamPolicy,
)
from emulator.access.system_policies import system_policy
from emulator.storage.sqlite.identity.accounts import AccountPart
from emulator.storage.sqlite.statements import Row

_COLUMNS = "account_uid, name, document, description, default_version, created_ms, updated_ms"
_POLICY = f"SELECT {_COLUMNS} FROM policies WHERE account_uid = ? AND folded_name = ?"  # noqa: S608 - constants only
_POLICIES = f"""SELECT {_COLUMNS} FROM policies
    WHERE account_uid = ? AND folded_name > ? ORDER BY folded_name LIMIT ?"""  # noqa: S608 - constants only
_POLICY_COUNT = "SELECT count(*) FROM policies WHERE account_uid = ?"
_PUT_POLICY = """INSERT INTO policies (account_uid, folded_name, name, document, description,
    created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET name = excluded.name, document = excluded.document,
    description = excluded.description, updated_ms = excluded.updated_ms"""
_PUT_DEFAULT = """REPLACE INTO policy_versions (account_uid, folded_name, number, document,
    created_ms) VALUES (?, ?, ?, ?, ?)"""
_DESCRIBE = """UPDATE policies SET description = ?, updated_ms = ?
    WHERE account_uid = ? AND folded_name = ?"""
_DELETE_POLICY = "DELETE FROM policies WHERE account_uid = ? AND folded_name = ?"
_DELETE_VERSIONS = "DELETE FROM policy_versions WHERE account_uid = ? AND folded_name = ?"
_DELETE_ATTACHMENTS = """DELETE FROM attachments
    WHERE account_uid = ? AND policy_type = 'Custom' AND folded_policy = ?"""
_DELETE_TAGS = """DELETE FROM ram_tags
    WHERE account_uid = ? AND resource_kind = 'policy' AND folded_name = ?"""

_VERSIONS = """SELECT number, document, created_ms FROM policy_versions
    WHERE account_uid = ? AND folded_name = ? ORDER BY number"""
_NEXT_NUMBER = """UPDATE policies SET last_version = last_version + 1
    WHERE account_uid = ? AND folded_name = ? RETURNING last_version"""
_DELETE_VERSION = """DELETE FROM policy_versions
    WHERE account_uid = ? AND folded_name = ? AND number = ?"""
_SET_DEFAULT = """UPDATE policies SET default_version = ?, document = ?, updated_ms = ?
    WHERE account_uid = ? AND folded_name = ?"""

_ATTACHED = """SELECT policy_type, policy_name, attached_ms FROM attachments
    WHERE account_uid = ? AND holder_kind = ? AND folded_holder = ? ORDER BY id"""
_JOINED = """FROM attachments a LEFT JOIN policies p ON a.policy_type = 'Custom'
    AND p.account_uid = a.account_uid AND p.folded_name = a.folded_policy"""
_DOCUMENTS = f"""SELECT a.policy_type, a.policy_name, p.name, p.document {_JOINED}
    WHERE a.account_uid = ? AND a.holder_kind = ? AND a.folded_holder = ? ORDER BY a.id"""
_DOCUMENTS_OF_USER = f"""SELECT a.policy_type, a.policy_name, p.name, p.document, 0 AS place,
    a.id AS number {_JOINED}
    WHERE a.account_uid = ?1 AND a.holder_kind = 'user' AND a.folded_holder = ?2
    UNION ALL
    SELECT a.policy_type, a.policy_name, p.name, p.document, 1, a.id
    FROM memberships m JOIN attachments a ON a.account_uid = m.account_uid
    AND a.holder_kind = 'group' AND a.folded_holder = m.folded_group
    LEFT JOIN policies p ON a.policy_type = 'Custom'
    AND p.account_uid = a.account_uid AND p.folded_name = a.folded_policy
    WHERE m.account_uid = ?1 AND m.folded_user = ?2
    ORDER BY place, number"""  # noqa: S608 - constants only
_HOLDERS = """SELECT a.holder_kind, coalesce(u.name, g.name, r.name, ''),
    coalesce(u.user_id, g.group_id, r.role_id, ''), a.attached_ms
    FROM attachments a
    LEFT JOIN users u ON a.holder_kind = 'user'
    AND u.account_uid = a.account_uid AND u.folded_name = a.folded_holder
    LEFT JOIN ram_groups g ON a.holder_kind = 'group'
    AND g.account_uid = a.account_uid AND g.folded_name = a.folded_holder
    LEFT JOIN roles r ON a.holder_kind = 'role'
    AND r.account_uid = a.account_uid AND r.folded_name = a.folded_holder
    WHERE a.account_uid = ? AND a.policy_type = ? AND a.folded_policy = ? ORDER BY a.id"""
_ATTACHMENT_COUNT = """SELECT count(*) FROM attachments
    WHERE account_uid = ? AND policy_type = ? AND folded_policy = ?"""
_ATTACH = """INSERT INTO attachments (account_uid, holder_kind, folded_holder, policy_type,
    folded_policy, policy_name, attached_ms) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
_DETACH = """DELETE FROM attachments WHERE account_uid = ? AND holder_kind = ?
    AND folded_holder = ? AND policy_type = ? AND folded_policy = ?"""
_DETACH_ALL = """DELETE FROM attachments
    WHERE account_uid = ? AND holder_kind = ? AND folded_holder = ?"""

_HAS = {
    HolderKind.USER: "SELECT count(*) FROM users WHERE account_uid = ? AND folded_name = ?",
    HolderKind.GROUP: "SELECT count(*) FROM ram_groups WHERE account_uid = ? AND folded_name = ?",
    HolderKind.ROLE: "SELECT count(*) FROM roles WHERE account_uid = ? AND folded_name = ?",
}
_TYPES = {member.value: member for member in PolicyType}
_KINDS = {member.value: member for member in HolderKind}


class PolicyPart(AccountPart):
    """Custom policies, their versions, and what policies are attached to."""

    def policy(self, account_uid: str, ref: PolicyRef) -> RamPolicy | None:
        """The policy: a system policy by name alone, a custom one among the account's."""
        if ref.type is PolicyType.SYSTEM:
            return system_policy(ref.name)
        row = self._run(_POLICY, (account_uid, ref.name.casefold())).fetchone()
        return None if row is None else _policy(row)

    def custom_policies(
        self, account_uid: str, *, after: str = "", limit: int = 1000
    ) -> list[RamPolicy]:
        """An account's custom policies by name, those after ``after``."""
        rows = self._run(_POLICIES, (account_uid, after.casefold(), limit)).fetchall()
        return [_policy(row) for row in rows]

    def policy_count(self, account_uid: str) -> int:
        """How many custom policies an account has."""
        return self._count(_POLICY_COUNT, (account_uid,))

    def put_policy(self, policy: RamPolicy) -> None:
        """Write a custom policy; of one that is there, the document of its default version.

        A system policy raises ValueError: those are fixed.
        """
        if policy.type is PolicyType.SYSTEM:
            raise ValueError(f"the system policy {policy.name} cannot be written")
        self._require_account(policy.account_uid)
        named = (policy.account_uid, policy.name.casefold())
        existing = self.policy(policy.account_uid, PolicyRef(PolicyType.CUSTOM, policy.name))
        number = 1 if existing is None else existing.default_version
        texts = (policy.name, policy.document, policy.description)
        self._put(_PUT_POLICY, (*named, *texts, policy.created_ms, policy.updated_ms))
        self._put(_PUT_DEFAULT, (*named, number, policy.document, policy.updated_ms))

    def describe_policy(self, account_uid: str, name: str, description: str, now_ms: int) -> None:
        """Change a custom policy's description."""
        self._put(_DESCRIBE, (description, now_ms, account_uid, name.casefold()))

    def delete_policy(self, account_uid: str, name: str) -> None:
        """Forget a policy with its versions, attachments and tags."""
        for statement in (_DELETE_ATTACHMENTS, _DELETE_TAGS, _DELETE_VERSIONS, _DELETE_POLICY):
            self._put(statement, (account_uid, name.casefold()))

    def policy_versions(self, account_uid: str, name: str) -> list[PolicyVersion]:
        """The versions of a custom policy, oldest first."""
        rows = self._run(_VERSIONS, (account_uid, name.casefold())).fetchall()
        return [PolicyVersion(*cast(tuple[int, str, int], row)) for row in rows]

    def add_policy_version(
        self, account_uid: str, name: str, document: str, created_ms: int
    ) -> PolicyVersion:
        """Add a version under the next number, which no version had before."""
        named = (account_uid, name.casefold())
        row = self._run(_NEXT_NUMBER, named).fetchall()[0]
        version = PolicyVersion(cast(tuple[int], row)[0], document, created_ms)
        self._put(_PUT_DEFAULT, (*named, version.number, document, created_ms))
        return version

    def delete_policy_version(self, account_uid: str, name: str, number: int) -> None:
        """Forget a version that is not the default."""
        self._put(_DELETE_VERSION, (account_uid, name.casefold(), number))

    def set_default_version(
        self, account_uid: str, name: str, version: PolicyVersion, now_ms: int
    ) -> None:
        """Put a version in force."""
        named = (account_uid, name.casefold())
        self._put(_SET_DEFAULT, (version.number, version.document, now_ms, *named))

    def attachments_of(
        self, account_uid: str, kind: HolderKind, name: str
    ) -> list[tuple[RamPolicy, Attachment]]:
        """The policies attached to a user, group or role, in the order of attachment."""
        found: list[tuple[RamPolicy, Attachment]] = []
        for attachment in self._attachments(kind, account_uid, name):
            policy = self.policy(account_uid, attachment.ref)
            if policy is not None:
                found.append((policy, attachment))
        return found

    def holders_of(self, account_uid: str, ref: PolicyRef) -> list[Holder]:
        """What a policy is attached to, in the order of attachment."""
        rows = self._run(_HOLDERS, (account_uid, ref.type.value, ref.name.casefold())).fetchall()
        return [
            Holder(_KINDS[kind], name, id_, attached_ms)
            for kind, name, id_, attached_ms in cast(list[tuple[str, str, str, int]], rows)
        ]

    def attachment_count(self, account_uid: str, ref: PolicyRef) -> int:
        """To how many users, groups and roles a policy is attached."""
        return self._count(_ATTACHMENT_COUNT, (account_uid, ref.type.value, ref.name.casefold()))

    def attach(
        self, account_uid: str, kind: HolderKind, name: str, ref: PolicyRef, attached_ms: int
    ) -> bool:
        """Attach a policy; False if it was attached already. Raises LookupError."""
        self._require(_HAS[kind], account_uid, kind.value, name)
        holder = (account_uid, kind.value, name.casefold())
        policy = (ref.type.value, ref.name.casefold(), ref.name)
        return self._put(_ATTACH, (*holder, *policy, attached_ms)) > 0

    def detach(self, account_uid: str, kind: HolderKind, name: str, ref: PolicyRef) -> bool:
        """Detach a policy; False if it was not attached."""
        holder = (account_uid, kind.value, name.casefold())
        return self._put(_DETACH, (*holder, ref.type.value, ref.name.casefold())) > 0

    def attach_to_user(self, account_uid: str, name: str, ref: PolicyRef) -> None:
        """Attach a policy after those already attached; one that is attached stays in place."""
        self.attach(account_uid, HolderKind.USER, name, ref, 0)

    def attach_to_role(self, account_uid: str, name: str, ref: PolicyRef) -> None:
        """Attach a policy after those already attached; one that is attached stays in place."""
        self.attach(account_uid, HolderKind.ROLE, name, ref, 0)

    def policies_of_user(self, account_uid: str, name: str) -> tuple[RamPolicy, ...]:
        """The documents of the policies attached to the user, then to its groups."""
        rows = self._run(_DOCUMENTS_OF_USER, (account_uid, name.casefold())).fetchall()
        return _documents(account_uid, [row[:4] for row in rows])

    def policies_of_role(self, account_uid: str, name: str) -> tuple[RamPolicy, ...]:
        """The documents of the policies attached to the role, in the order of attachment."""
        holder = (account_uid, HolderKind.ROLE.value, name.casefold())
        return _documents(account_uid, self._run(_DOCUMENTS, holder).fetchall())

    def _attach_all(
        self, kind: HolderKind, account_uid: str, name: str, refs: tuple[PolicyRef, ...], at_ms: int
    ) -> None:
        self._put(_DETACH_ALL, (account_uid, kind.value, name.casefold()))
        for ref in refs:
            self.attach(account_uid, kind, name, ref, at_ms)

    def _attachments(self, kind: HolderKind, account_uid: str, name: str) -> list[Attachment]:
        rows = self._run(_ATTACHED, (account_uid, kind.value, name.casefold())).fetchall()
        return [
            Attachment(PolicyRef(_TYPES[type_], written), attached_ms)
            for type_, written, attached_ms in cast(list[tuple[str, str, int]], rows)
        ]

    def _refs(self, kind: HolderKind, account_uid: str, name: str) -> tuple[PolicyRef, ...]:
        return tuple(one.ref for one in self._attachments(kind, account_uid, name))


def _policy(row: Row) -> RamPolicy:
    uid, name, document, description, default, created_ms, updated_ms = cast(
        tuple[str, str, str, str, int, int, int], row
    )
    return RamPolicy(
        account_uid=uid,
        name=name,
        type=PolicyType.CUSTOM,
        document=document,
        description=description,
        default_version=default,
        created_ms=created_ms,
        updated_ms=updated_ms,
    )


def _documents(account_uid: str, rows: list[Row]) -> tuple[RamPolicy, ...]:
    """A reference to a policy that is not there grants nothing; one that counts twice, once."""
    found: dict[tuple[str, str], RamPolicy] = {}
    for type_, referred, name, document in cast(list[tuple[str, str, str, str | None]], rows):
        policy = None
        if type_ == PolicyType.SYSTEM.value:
            policy = system_policy(referred)
        elif document is not None:
            policy = RamPolicy(
                account_uid=account_uid, name=name, type=PolicyType.CUSTOM, document=document
            )
        if policy is not None:
            found.setdefault((type_, policy.name), policy)
    return tuple(found.values())
