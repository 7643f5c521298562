"""The audit log as JSON: ``GET audit``."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from aiohttp import web

from emulator.access.audit import Audit, AuditEntry, AuditFilter
from emulator.control.json import ControlError, answer
from emulator.control.query import read_limit, read_number, read_query

_LIMIT, _LIMIT_MAX = 100, 1000
_DECISIONS = {"": None, "allow": True, "deny": False}
_NAMES = (
    "account",
    "principal",
    "action",
    "bucket",
    "key",
    "request-id",
    "decision",
    "after",
    "limit",
)


class EntryShown(msgspec.Struct, frozen=True, kw_only=True):
    """One question and its answer; ``statement`` is the deciding one in words, ``""`` of none."""

    seq: int
    at: str
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
    decision: str
    reason: str
    statement: str
    ec: str


class AuditShown(msgspec.Struct, frozen=True):
    """A page of the log; ``next_after`` is None where nothing came after it when it was read."""

    entries: list[EntryShown]
    oldest_seq: int
    next_after: int | None


def get_audit(audit: Audit, request: web.BaseRequest) -> web.Response:
    """``GET audit``: the newest entries that fit, or with ``after`` the first ones after it."""
    query = read_query(request, _NAMES)
    decision = query.get("decision", "").lower()
    if decision not in _DECISIONS:
        raise ControlError(400, "decision must be allow or deny")
    limit = read_limit(query, _LIMIT, _LIMIT_MAX)
    wanted = AuditFilter(
        account=query.get("account", ""),
        principal=query.get("principal", ""),
        action=query.get("action", ""),
        bucket=query.get("bucket", ""),
        key=query.get("key", ""),
        request_id=query.get("request-id", ""),
        allowed=_DECISIONS[decision],
    )
    after_seq = read_number(query, "after", 0) if "after" in query else None
    page = audit.page(wanted, after_seq, limit)
    is_cut = page.is_truncated and after_seq is not None
    return answer(
        AuditShown(
            entries=[_shown(entry) for entry in page.entries],
            oldest_seq=page.oldest_seq,
            next_after=page.entries[-1].seq if is_cut else None,
        )
    )


def _shown(entry: AuditEntry) -> EntryShown:
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return EntryShown(
        seq=entry.seq,
        at=at.replace("+00:00", "Z"),
        request_id=entry.request_id,
        peer=entry.peer,
        account=entry.account,
        principal=entry.principal,
        kind=entry.kind,
        access_key_id=entry.access_key_id,
        operation=entry.operation,
        action=entry.action,
        resource=entry.resource,
        bucket=entry.bucket,
        key=entry.key,
        decision="Allow" if entry.allowed else "Deny",
        reason=entry.reason,
        statement=entry.statement,
        ec=entry.ec,
    )
