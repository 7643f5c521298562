"""Groups and their members."""

from __future__ import annotations

from typing import cast

from emulator.access.identity import Group, User
from emulator.storage.sqlite.identity.users import COLUMNS as USER_COLUMNS
from emulator.storage.sqlite.identity.users import UserPart, read_user
from emulator.storage.sqlite.statements import Row

_COLUMNS = "account_uid, name, group_id, comments, created_ms, updated_ms"
_GROUP = f"SELECT {_COLUMNS} FROM ram_groups WHERE account_uid = ? AND folded_name = ?"  # noqa: S608 - constants only
_GROUPS = f"""SELECT {_COLUMNS} FROM ram_groups
    WHERE account_uid = ? AND folded_name > ? ORDER BY folded_name LIMIT ?"""  # noqa: S608 - constants only
_GROUP_COUNT = "SELECT count(*) FROM ram_groups WHERE account_uid = ?"
_PUT_GROUP = f"REPLACE INTO ram_groups (folded_name, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants only
_DELETE_GROUP = "DELETE FROM ram_groups WHERE account_uid = ? AND folded_name = ?"
_RENAME = (
    "UPDATE memberships SET folded_group = ?2 WHERE account_uid = ?3 AND folded_group = ?4",
    """UPDATE attachments SET folded_holder = ?2
    WHERE account_uid = ?3 AND holder_kind = 'group' AND folded_holder = ?4""",
    "UPDATE ram_groups SET name = ?1, folded_name = ?2 WHERE account_uid = ?3 AND folded_name = ?4",
)
_JOIN = """INSERT INTO memberships (account_uid, folded_group, folded_user, joined_ms)
    VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"""
_LEAVE = "DELETE FROM memberships WHERE account_uid = ? AND folded_group = ? AND folded_user = ?"
_U, _G = (
    ", ".join(f"{table}.{name.strip()}" for name in columns.split(","))
    for table, columns in (("u", USER_COLUMNS), ("g", _COLUMNS))
)
_MEMBERS = f"""SELECT m.joined_ms, {_U} FROM memberships m JOIN users u
    ON u.account_uid = m.account_uid AND u.folded_name = m.folded_user
    WHERE m.account_uid = ? AND m.folded_group = ?
    ORDER BY m.folded_user"""  # noqa: S608 - constants only
_GROUPS_OF = f"""SELECT m.joined_ms, {_G} FROM memberships m JOIN ram_groups g
    ON g.account_uid = m.account_uid AND g.folded_name = m.folded_group
    WHERE m.account_uid = ? AND m.folded_user = ?
    ORDER BY m.folded_group"""  # noqa: S608 - constants only


class GroupPart(UserPart):
    """Groups and their members."""

    def group(self, account_uid: str, name: str) -> Group | None:
        """The group."""
        row = self._run(_GROUP, (account_uid, name.casefold())).fetchone()
        return None if row is None else _group(row)

    def groups(self, account_uid: str, *, after: str = "", limit: int = 1000) -> list[Group]:
        """An account's groups by name, those after ``after``."""
        rows = self._run(_GROUPS, (account_uid, after.casefold(), limit)).fetchall()
        return [_group(row) for row in rows]

    def group_count(self, account_uid: str) -> int:
        """How many groups an account has."""
        return self._count(_GROUP_COUNT, (account_uid,))

    def put_group(self, group: Group) -> None:
        """Write a group."""
        self._require_account(group.account_uid)
        named = (group.name.casefold(), group.account_uid, group.name, group.group_id)
        self._put(_PUT_GROUP, (*named, group.comments, group.created_ms, group.updated_ms))

    def rename_group(self, account_uid: str, name: str, new_name: str) -> None:
        """Rename a group with its members and attachments."""
        for statement in _RENAME:
            self._put(statement, (new_name, new_name.casefold(), account_uid, name.casefold()))

    def delete_group(self, account_uid: str, name: str) -> None:
        """Forget a group that nothing belongs to any more."""
        self._put(_DELETE_GROUP, (account_uid, name.casefold()))

    def add_member(self, account_uid: str, group: str, user: str, joined_ms: int) -> None:
        """Put a user into a group; one who is in it stays as it is."""
        self._put(_JOIN, (account_uid, group.casefold(), user.casefold(), joined_ms))

    def remove_member(self, account_uid: str, group: str, user: str) -> bool:
        """Take a user out of a group; whether it was in it."""
        return self._put(_LEAVE, (account_uid, group.casefold(), user.casefold())) > 0

    def users_of_group(self, account_uid: str, group: str) -> list[tuple[User, int]]:
        """The members by name, and since when."""
        rows = self._run(_MEMBERS, (account_uid, group.casefold())).fetchall()
        return [(read_user(row[1:]), cast(int, row[0])) for row in rows]

    def groups_of_user(self, account_uid: str, user: str) -> list[tuple[Group, int]]:
        """The groups of a user by name, and since when."""
        rows = self._run(_GROUPS_OF, (account_uid, user.casefold())).fetchall()
        return [(_group(row[1:]), cast(int, row[0])) for row in rows]


def _group(row: Row) -> Group:
    uid, name, group_id, comments, created_ms, updated_ms = cast(
        tuple[str, str, str, str, int, int], row
    )
    return Group(
        account_uid=uid,
        name=name,
        group_id=group_id,
        comments=comments,
        created_ms=created_ms,
        updated_ms=updated_ms,
    )
