"""Accounts, access keys and temporary credentials."""

from __future__ import annotations

from typing import cast

from emulator.access.identity import AccessKey, Account, Session
from emulator.storage.sqlite.identity.part import IdentityPart
from emulator.storage.sqlite.statements import Row

_ACCOUNT = "SELECT uid, display_name FROM accounts WHERE uid = ?"
_ACCOUNTS = "SELECT uid, display_name FROM accounts ORDER BY uid"
_PUT_ACCOUNT = "REPLACE INTO accounts (uid, display_name) VALUES (?, ?)"

_KEY_COLUMNS = "access_key_id, secret, account_uid, user_name, active, created_ms"
_KEY = f"SELECT {_KEY_COLUMNS} FROM access_keys WHERE access_key_id = ?"  # noqa: S608 - constants only
_KEYS_OF = f"""SELECT {_KEY_COLUMNS} FROM access_keys
    WHERE account_uid = ? AND lower(user_name) = ? ORDER BY created_ms, access_key_id"""  # noqa: S608 - constants only
_PUT_KEY = f"REPLACE INTO access_keys ({_KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants only
_DELETE_KEY = "DELETE FROM access_keys WHERE access_key_id = ?"

_SESSION_COLUMNS = """access_key_id, secret, security_token, account_uid, role_name, session_name,
    expires_ms, policy, source_identity"""
_SESSION = f"SELECT {_SESSION_COLUMNS} FROM sessions WHERE access_key_id = ?"  # noqa: S608 - constants only
_PUT_SESSION = f"""REPLACE INTO sessions ({_SESSION_COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608 - constants only
# So many at once that what is made always goes again, so few that no request waits for it.
_FORGET_SESSIONS = """DELETE FROM sessions WHERE access_key_id IN
    (SELECT access_key_id FROM sessions WHERE expires_ms < ? ORDER BY expires_ms LIMIT 100)"""

_HAS_USER = "SELECT count(*) FROM users WHERE account_uid = ? AND folded_name = ?"
_HAS_ROLE = "SELECT count(*) FROM roles WHERE account_uid = ? AND folded_name = ?"

_KeyRow = tuple[str, str, str, str, int, int]
_SessionRow = tuple[str, str, str, str, str, str, int, str | None, str]


class AccountPart(IdentityPart):
    """Accounts, access keys and temporary credentials."""

    def account(self, uid: str) -> Account | None:
        """The account of this uid."""
        row = self._run(_ACCOUNT, (uid,)).fetchone()
        return None if row is None else _account(row)

    def accounts(self) -> tuple[Account, ...]:
        """Every account, by uid."""
        return tuple(_account(row) for row in self._run(_ACCOUNTS, ()).fetchall())

    def put_account(self, account: Account) -> None:
        """Write an account."""
        self._put(_PUT_ACCOUNT, (account.uid, account.display_name))

    def access_key(self, access_key_id: str) -> AccessKey | None:
        """The permanent key of this id, active or not."""
        row = self._run(_KEY, (access_key_id,)).fetchone()
        return None if row is None else _access_key(row)

    def access_keys_of(self, account_uid: str, user_name: str) -> list[AccessKey]:
        """A user's keys, ``""`` for the account's own, in the order they were made."""
        rows = self._run(_KEYS_OF, (account_uid, user_name.casefold())).fetchall()
        return [_access_key(row) for row in rows]

    def put_access_key(self, key: AccessKey) -> None:
        """Write a key of an account or a user that exists."""
        self._require_account(key.account_uid)
        if key.user_name:
            self._require(_HAS_USER, key.account_uid, "user", key.user_name)
        owner = (key.account_uid, key.user_name, 1 if key.active else 0)
        self._put(_PUT_KEY, (key.access_key_id, key.secret, *owner, key.created_ms))

    def delete_access_key(self, access_key_id: str) -> None:
        """Forget a key."""
        self._put(_DELETE_KEY, (access_key_id,))

    def session(self, access_key_id: str) -> Session | None:
        """The temporary credentials of this id, expired or not."""
        row = self._run(_SESSION, (access_key_id,)).fetchone()
        return None if row is None else _session(row)

    def put_session(self, session: Session) -> None:
        """Write temporary credentials of a role that exists."""
        self._require(_HAS_ROLE, session.account_uid, "role", session.role_name)
        key = (session.access_key_id, session.secret, session.security_token)
        role = (session.account_uid, session.role_name, session.session_name)
        rest = (session.expires_ms, session.policy, session.source_identity)
        self._put(_PUT_SESSION, (*key, *role, *rest))

    def forget_sessions(self, expired_before_ms: int) -> None:
        """Forget some of the temporary credentials that expired before an instant."""
        self._put(_FORGET_SESSIONS, (expired_before_ms,))

    def _require_account(self, uid: str) -> None:
        if self.account(uid) is None:
            raise LookupError(f"there is no account {uid}")

    def _require(self, statement: str, account_uid: str, kind: str, name: str) -> None:
        if not self._count(statement, (account_uid, name.casefold())):
            raise LookupError(f"account {account_uid} has no {kind} {name}")


def _account(row: Row) -> Account:
    uid, display_name = cast(tuple[str, str], row)
    return Account(uid=uid, display_name=display_name)


def _access_key(row: Row) -> AccessKey:
    key_id, secret, account_uid, user_name, active, created_ms = cast(_KeyRow, row)
    return AccessKey(
        access_key_id=key_id,
        secret=secret,
        account_uid=account_uid,
        user_name=user_name,
        active=active == 1,
        created_ms=created_ms,
    )


def _session(row: Row) -> Session:
    key_id, secret, token, account_uid, role_name, session_name, expires_ms, policy, source = cast(
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
        source_identity=source,
    )
