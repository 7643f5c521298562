"""Users."""

from __future__ import annotations

from typing import cast

import msgspec

from emulator.access.identity import HolderKind, User
from emulator.storage.sqlite.identity.policies import PolicyPart
from emulator.storage.sqlite.statements import Row

COLUMNS = """account_uid, name, user_id, display_name, mobile_phone, email, comments,
    created_ms, updated_ms"""
_USER = f"SELECT {COLUMNS} FROM users WHERE account_uid = ? AND folded_name = ?"  # noqa: S608 - constants only
_USERS = f"""SELECT {COLUMNS} FROM users
    WHERE account_uid = ? AND folded_name > ? ORDER BY folded_name LIMIT ?"""  # noqa: S608 - constants only
_USER_COUNT = "SELECT count(*) FROM users WHERE account_uid = ?"
_PUT_USER = f"""REPLACE INTO users (folded_name, {COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608 - constants only
_DELETE_USER = "DELETE FROM users WHERE account_uid = ? AND folded_name = ?"
_RENAME = (
    "UPDATE access_keys SET user_name = ?1 WHERE account_uid = ?3 AND lower(user_name) = ?4",
    "UPDATE memberships SET folded_user = ?2 WHERE account_uid = ?3 AND folded_user = ?4",
    """UPDATE attachments SET folded_holder = ?2
    WHERE account_uid = ?3 AND holder_kind = 'user' AND folded_holder = ?4""",
    "UPDATE users SET name = ?1, folded_name = ?2 WHERE account_uid = ?3 AND folded_name = ?4",
)

UserRow = tuple[str, str, str, str, str, str, str, int, int]


class UserPart(PolicyPart):
    """Users."""

    def user(self, account_uid: str, name: str) -> User | None:
        """The RAM user, with the references of the policies attached to it."""
        row = self._run(_USER, (account_uid, name.casefold())).fetchone()
        if row is None:
            return None
        policies = self._refs(HolderKind.USER, account_uid, name)
        return msgspec.structs.replace(read_user(row), policies=policies)

    def users(self, account_uid: str, *, after: str = "", limit: int = 1000) -> list[User]:
        """An account's users by name, those after ``after``; without their policies."""
        rows = self._run(_USERS, (account_uid, after.casefold(), limit)).fetchall()
        return [read_user(row) for row in rows]

    def user_count(self, account_uid: str) -> int:
        """How many users an account has."""
        return self._count(_USER_COUNT, (account_uid,))

    def put_user(self, user: User) -> None:
        """Write a user; its ``policies`` replace the attachments it had."""
        self._require_account(user.account_uid)
        named = (user.name.casefold(), user.account_uid, user.name, user.user_id)
        texts = (user.display_name, user.mobile_phone, user.email, user.comments)
        self._put(_PUT_USER, (*named, *texts, user.created_ms, user.updated_ms))
        if user.policies != self._refs(HolderKind.USER, user.account_uid, user.name):
            owned = (HolderKind.USER, user.account_uid, user.name)
            self._attach_all(*owned, user.policies, user.updated_ms)

    def rename_user(self, account_uid: str, name: str, new_name: str) -> None:
        """Rename a user with its keys, memberships and attachments."""
        for statement in _RENAME:
            self._put(statement, (new_name, new_name.casefold(), account_uid, name.casefold()))

    def delete_user(self, account_uid: str, name: str) -> None:
        """Forget a user that nothing belongs to any more."""
        self._put(_DELETE_USER, (account_uid, name.casefold()))


def read_user(row: Row) -> User:
    """A user from its columns."""
    uid, name, user_id, display_name, phone, email, comments, created_ms, updated_ms = cast(
        UserRow, row
    )
    return User(
        account_uid=uid,
        name=name,
        user_id=user_id,
        display_name=display_name,
        mobile_phone=phone,
        email=email,
        comments=comments,
        created_ms=created_ms,
        updated_ms=updated_ms,
    )
