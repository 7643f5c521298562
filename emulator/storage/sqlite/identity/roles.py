"""Roles, and the tags of roles and policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec

from emulator.access.identity import HolderKind, Role
from emulator.storage.sqlite.identity.groups import GroupPart
from emulator.storage.sqlite.statements import Row

_COLUMNS = """account_uid, name, role_id, trust_policy, max_session_duration_s, description,
    allow_console_login, created_ms, updated_ms"""
_ROLE = f"SELECT {_COLUMNS} FROM roles WHERE account_uid = ? AND folded_name = ?"  # noqa: S608 - constants only
_ROLES = f"""SELECT {_COLUMNS} FROM roles
    WHERE account_uid = ? AND folded_name > ? ORDER BY folded_name LIMIT ?"""  # noqa: S608 - constants only
_ROLE_COUNT = "SELECT count(*) FROM roles WHERE account_uid = ?"
_PUT_ROLE = f"""REPLACE INTO roles (folded_name, {_COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608 - constants only
_DELETE_ROLE = (
    "DELETE FROM sessions WHERE account_uid = ? AND lower(role_name) = ?",
    """DELETE FROM ram_tags
    WHERE account_uid = ? AND resource_kind = 'role' AND folded_name = ?""",
    "DELETE FROM roles WHERE account_uid = ? AND folded_name = ?",
)

_TAGS = """SELECT tag_key, tag_value FROM ram_tags
    WHERE account_uid = ? AND resource_kind = ? AND folded_name = ? ORDER BY tag_key"""
_TAGGED = """SELECT coalesce(r.name, p.name, t.folded_name), t.tag_key, t.tag_value
    FROM ram_tags t
    LEFT JOIN roles r ON t.resource_kind = 'role'
    AND r.account_uid = t.account_uid AND r.folded_name = t.folded_name
    LEFT JOIN policies p ON t.resource_kind = 'policy'
    AND p.account_uid = t.account_uid AND p.folded_name = t.folded_name
    WHERE t.account_uid = ? AND t.resource_kind = ? AND (t.folded_name, t.tag_key) > (?, ?)
    ORDER BY t.folded_name, t.tag_key LIMIT ?"""
_PUT_TAG = """REPLACE INTO ram_tags (account_uid, resource_kind, folded_name, tag_key, tag_value)
    VALUES (?, ?, ?, ?, ?)"""
_DELETE_TAG = """DELETE FROM ram_tags
    WHERE account_uid = ? AND resource_kind = ? AND folded_name = ? AND tag_key = ?"""
_DELETE_TAGS = """DELETE FROM ram_tags
    WHERE account_uid = ? AND resource_kind = ? AND folded_name = ?"""

_RoleRow = tuple[str, str, str, str, int, str, int, int, int]


class RolePart(GroupPart):
    """Roles, and the tags of roles and policies."""

    def role(self, account_uid: str, name: str) -> Role | None:
        """The role, with the references of the policies attached to it."""
        row = self._run(_ROLE, (account_uid, name.casefold())).fetchone()
        if row is None:
            return None
        policies = self._refs(HolderKind.ROLE, account_uid, name)
        return msgspec.structs.replace(_role(row), policies=policies)

    def roles(self, account_uid: str, *, after: str = "", limit: int = 1000) -> list[Role]:
        """An account's roles by name, those after ``after``; without their policies."""
        rows = self._run(_ROLES, (account_uid, after.casefold(), limit)).fetchall()
        return [_role(row) for row in rows]

    def role_count(self, account_uid: str) -> int:
        """How many roles an account has."""
        return self._count(_ROLE_COUNT, (account_uid,))

    def put_role(self, role: Role) -> None:
        """Write a role; its ``policies`` replace the attachments it had."""
        self._require_account(role.account_uid)
        named = (role.name.casefold(), role.account_uid, role.name, role.role_id)
        values = (role.trust_policy, role.max_session_duration_s, role.description)
        rest = (1 if role.allow_console_login else 0, role.created_ms, role.updated_ms)
        self._put(_PUT_ROLE, (*named, *values, *rest))
        if role.policies != self._refs(HolderKind.ROLE, role.account_uid, role.name):
            owned = (HolderKind.ROLE, role.account_uid, role.name)
            self._attach_all(*owned, role.policies, role.updated_ms)

    def delete_role(self, account_uid: str, name: str) -> None:
        """Forget a role with its temporary credentials and tags."""
        for statement in _DELETE_ROLE:
            self._put(statement, (account_uid, name.casefold()))

    def tags_of(self, account_uid: str, kind: str, name: str) -> dict[str, str]:
        """The tags of a ``role`` or ``policy``, by key."""
        rows = self._run(_TAGS, (account_uid, kind, name.casefold())).fetchall()
        return dict(cast(list[tuple[str, str]], rows))

    def tagged(
        self, account_uid: str, kind: str, *, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[tuple[str, str, str]]:
        """Name, key and value of an account's tags of a kind, after a name and key."""
        name, key = after
        values = (account_uid, kind, name.casefold(), key, limit)
        return cast(list[tuple[str, str, str]], self._run(_TAGGED, values).fetchall())

    def put_tags(self, account_uid: str, kind: str, name: str, tags: Mapping[str, str]) -> None:
        """Add tags to those there are."""
        for key, value in tags.items():
            self._put(_PUT_TAG, (account_uid, kind, name.casefold(), key, value))

    def delete_tags(
        self, account_uid: str, kind: str, name: str, keys: Iterable[str] | None
    ) -> None:
        """Remove tags by key, or all of them."""
        named = (account_uid, kind, name.casefold())
        if keys is None:
            self._put(_DELETE_TAGS, named)
            return
        for key in keys:
            self._put(_DELETE_TAG, (*named, key))


def _role(row: Row) -> Role:
    uid, name, role_id, trust, longest_s, description, console, created_ms, updated_ms = cast(
        _RoleRow, row
    )
    return Role(
        account_uid=uid,
        name=name,
        role_id=role_id,
        trust_policy=trust,
        max_session_duration_s=longest_s,
        description=description,
        allow_console_login=console == 1,
        created_ms=created_ms,
        updated_ms=updated_ms,
    )
