"""The audit log: who asked what, what was decided, and which statement decided.

A bounded ring in memory. Recording stores references alone and takes well under a microsecond;
words are made when somebody looks. No secret, token or policy text is ever part of an entry.

Refusals that no policy decides stand there as well: of those who failed to prove who they are,
and of what a bucket's settings refuse.
"""

from __future__ import annotations

import enum
import itertools
from collections import deque
from collections.abc import Iterator
from typing import Protocol

import msgspec

from emulator.access.identity import Principal, PrincipalKind
from emulator.access.policy.match import RESOURCE_COLONS, PatternSet, compile_patterns
from emulator.access.policy.near import NearMiss
from emulator.access.policy.records import StatementRef

ENTRIES_MAX = 10_000
UNAUTHENTICATED = "unauthenticated"  # the name of whoever failed to prove who they are
_OSS_RESOURCE = "acs:oss:"
_KEY_ID_CHARS_MAX = 128
_REASON_CHARS_MAX = 256


class Verdict(Protocol):
    """What decided a question; ``Decision`` and ``RightDecision`` are such answers.

    An ``ec`` attribute of the answer is shown as well, where there is one, and a ``near`` one with
    the reason: the statement that would have allowed it but for one part.
    """

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        ...

    @property
    def reason(self) -> enum.Enum | str:
        """Why, in words."""
        ...

    @property
    def statement(self) -> StatementRef | str | None:
        """The statement that decided, or what it is called; None where none did."""
        ...


class PlainVerdict(msgspec.Struct, frozen=True, gc=False):
    """A verdict for whoever has no decision record of their own."""

    allowed: bool
    reason: str
    statement: StatementRef | str | None = None
    ec: str = ""


def refusal(code: str, message: str = "", ec: str = "") -> PlainVerdict:
    """The verdict of a refusal that no policy decided, as the client is told it."""
    reason = f"{code}: {message}" if message else code
    return PlainVerdict(False, reason[:_REASON_CHARS_MAX], None, ec)


def stranger(access_key_id: str, account_uid: str = "") -> Principal:
    """Somebody who failed to prove who they are.

    ``access_key_id`` is the key they name, ``account_uid`` the account it belongs to, if any.
    """
    shown = access_key_id[:_KEY_ID_CHARS_MAX].encode("utf-8", "replace").decode()
    return Principal(
        kind=PrincipalKind.ANONYMOUS,
        account_uid=account_uid,
        arn=UNAUTHENTICATED,
        access_key_id=shown,
    )


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Who asks, when and how: one record for all questions of one request.

    ``operation`` is the operation's name (``PutObject``, ``GenerateDataKey``) or what works on its
    own behalf (``replication rule-1``). ``request_id`` and ``peer`` are empty for the latter.
    """

    at_ms: int
    principal: Principal
    operation: str
    request_id: str = ""
    peer: str = ""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One question and its answer, ready for JSON but for the time.

    ``statement`` is the deciding one in words, as everywhere else; ``principal`` an ``acs:ram::``
    name, ``anonymous``, or ``unauthenticated`` for whoever failed to prove who they are.
    ``bucket`` and ``key`` are empty for anything but OSS resources.
    """

    seq: int
    at_ms: int
    request_id: str
    peer: str
    account: str
    principal: str
    kind: str
    access_key_id: str
    operation: str
    action: str
    resource: str
    bucket: str
    key: str
    allowed: bool
    reason: str
    statement: str
    ec: str


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are wanted; empty text and None mean any.

    ``principal`` is a name, id, ARN or access key id. ``action`` is an action or an operation,
    compared without case. ``action``, ``bucket`` and ``key`` may hold ``*`` and ``?``.
    """

    account: str = ""
    principal: str = ""
    action: str = ""
    bucket: str = ""
    key: str = ""
    request_id: str = ""
    allowed: bool | None = None


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries in order; ``is_truncated``: more of them fit. ``oldest_seq`` is 0 of an empty log."""

    entries: tuple[AuditEntry, ...]
    is_truncated: bool
    oldest_seq: int


_Row = tuple[int, Origin, str, str, Verdict]


class Audit:
    """The log; the oldest of ``entries_max`` entries makes room for a new one."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._rows: deque[_Row] = deque(maxlen=entries_max)
        self._append = self._rows.append
        self._number = itertools.count(1).__next__

    def __len__(self) -> int:
        return len(self._rows)

    def record(self, origin: Origin, action: str, resource: str, verdict: Verdict) -> None:
        """Note one answered question: ``action`` (``oss:GetObject``) on a resource name."""
        self._append((self._number(), origin, action, resource, verdict))

    def page(self, wanted: AuditFilter, after_seq: int | None, limit: int) -> AuditPage:
        """The first ``limit`` entries after a number, or without one the newest ``limit``."""
        rows = list(self._rows)
        oldest_seq = rows[0][0] if rows else 0
        fits = _Fit(wanted)
        if after_seq is None:
            found = list(itertools.islice(fits.among(reversed(rows)), limit + 1))
            kept = found[:limit][::-1]
        else:
            later = (row for row in rows if row[0] > after_seq)
            found = list(itertools.islice(fits.among(later), limit + 1))
            kept = found[:limit]
        return AuditPage(
            entries=tuple(map(_entry, kept)),
            is_truncated=len(found) > limit,
            oldest_seq=oldest_seq,
        )


class _Fit:
    """A filter, compiled."""

    def __init__(self, wanted: AuditFilter) -> None:
        self._wanted = wanted
        self._action = _patterns(wanted.action.lower())
        self._bucket = _patterns(wanted.bucket)
        self._key = _patterns(wanted.key)

    def among(self, rows: Iterator[_Row]) -> Iterator[_Row]:
        return (row for row in rows if self._who_fits(row) and self._what_fits(row))

    def _who_fits(self, row: _Row) -> bool:
        wanted, (_, origin, _, _, verdict) = self._wanted, row
        if wanted.allowed is not None and verdict.allowed is not wanted.allowed:
            return False
        if wanted.request_id and wanted.request_id != origin.request_id:
            return False
        who = origin.principal
        if wanted.account and wanted.account != who.account_uid:
            return False
        return not wanted.principal or wanted.principal in (
            who.name,
            who.principal_id,
            who.access_key_id,
            _name(who),
        )

    def _what_fits(self, row: _Row) -> bool:
        _, origin, action, resource, _ = row
        if self._action is not None and not (
            self._action.matches(action.lower()) or self._action.matches(origin.operation.lower())
        ):
            return False
        if self._bucket is None and self._key is None:
            return True
        bucket, key = _place(resource)
        return (self._bucket is None or self._bucket.matches(bucket)) and (
            self._key is None or self._key.matches(key)
        )


def _patterns(text: str) -> PatternSet | None:
    return compile_patterns((text,)) if text else None


def _entry(row: _Row) -> AuditEntry:
    seq, origin, action, resource, verdict = row
    who, decided_by = origin.principal, verdict.statement
    if isinstance(decided_by, StatementRef):
        decided_by = decided_by.describe()
    bucket, key = _place(resource)
    return AuditEntry(
        seq=seq,
        at_ms=origin.at_ms,
        request_id=origin.request_id,
        peer=origin.peer,
        account=who.account_uid,
        principal=_name(who),
        kind=who.kind.value,
        access_key_id=who.access_key_id,
        operation=origin.operation,
        action=action,
        resource=resource,
        bucket=bucket,
        key=key,
        allowed=verdict.allowed,
        reason=_reason(verdict),
        statement=decided_by or "",
        ec=getattr(verdict, "ec", ""),
    )


def _reason(verdict: Verdict) -> str:
    said = str(verdict.reason.value) if isinstance(verdict.reason, enum.Enum) else verdict.reason
    near: NearMiss | None = getattr(verdict, "near", None)
    return said if near is None else f"{said}; {near.describe()}"


def _name(who: Principal) -> str:
    return who.arn or who.kind.value


def _place(resource: str) -> tuple[str, str]:
    """Bucket and key of an OSS resource name; both empty for any other."""
    if not resource.startswith(_OSS_RESOURCE):
        return "", ""
    relative = resource.split(":", RESOURCE_COLONS)[-1]
    bucket, _, key = relative.partition("/")
    return ("", "") if bucket == "*" else (bucket, key)
