"""AssumeRole: temporary credentials of a role."""

from __future__ import annotations

import re

import msgspec

from emulator.access.assume import AssumeVerdict, judge_assume
from emulator.access.identity import TEMPORARY_KEY_PREFIX, Role, Session
from emulator.access.policy.faults import PolicyError, PolicyFault
from emulator.access.policy.records import PolicyKind
from emulator.access.ram_store import RamStore
from emulator.access.trust import trust_policy
from emulator.services.rpc.call import RpcCall
from emulator.services.rpc.dates import iso_seconds
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.errors import RpcError
from emulator.services.rpc.ids import KEY_ID_LETTERS, SECRET_LETTERS, random_text
from emulator.services.rpc.permission import context_of, denied_detail, note

_ROLE_ARN = re.compile(r"acs:ram::([0-9]{1,32}):role/([A-Za-z0-9.-]{1,64})", re.IGNORECASE)
_SESSION_NAME = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}")
_DURATION_S_MIN, _DURATION_S_DEFAULT = 900, 3600  # STS AssumeRole, DurationSeconds; documented
_NUMBER = re.compile(r"[0-9]{1,9}")
_TOKEN_LETTERS = 296
_REMEMBERED_MS = 3_600_000  # so long an expired token is still told apart from an unknown one


class _Asked(msgspec.Struct, frozen=True):
    """The parameters of a call, each in its form."""

    account_uid: str
    role_name: str
    session_name: str
    policy: str | None
    external_id: str
    source_identity: str


async def assume_role(call: RpcCall) -> Members:
    """(STS AssumeRole; documented)."""
    asked = _read(call)
    return await call.context.store.write(lambda tx: _assume(call, asked, tx.identities))


def _assume(call: RpcCall, asked: _Asked, identities: RamStore) -> Members:
    role = identities.role(asked.account_uid, asked.role_name)
    if role is None:
        raise RpcError(404, "EntityNotExist.Role", "The specified Role not exists.")
    _check_allowed(call, asked, role)
    duration_s = _duration_s(call, role)
    rng = call.context.rng
    session = Session(
        access_key_id=TEMPORARY_KEY_PREFIX + random_text(rng, KEY_ID_LETTERS),
        secret=random_text(rng, SECRET_LETTERS),
        security_token="CAIS" + random_text(rng, _TOKEN_LETTERS),
        account_uid=role.account_uid,
        role_name=role.name,
        session_name=asked.session_name,
        expires_ms=call.now_ms + duration_s * 1000,
        policy=asked.policy,
        source_identity=asked.source_identity,
    )
    identities.forget_sessions(call.now_ms - _REMEMBERED_MS)
    identities.put_session(session)
    return _answer(role, session)


def _answer(role: Role, session: Session) -> Members:
    members: Members = {
        "Credentials": {
            "AccessKeyId": session.access_key_id,
            "AccessKeySecret": session.secret,
            "SecurityToken": session.security_token,
            "Expiration": iso_seconds(session.expires_ms),
        },
        "AssumedRoleUser": {
            "Arn": f"{role.arn}/{session.session_name}",
            "AssumedRoleId": f"{role.role_id}:{session.session_name}",
        },
    }
    if session.source_identity:
        members["SourceIdentity"] = session.source_identity
    return members


def _check_allowed(call: RpcCall, asked: _Asked, role: Role) -> None:
    context = dict(context_of(call))
    if asked.external_id:
        context["sts:ExternalId"] = (asked.external_id,)
    if asked.source_identity:
        # both spellings stand in documents
        context["acs:SourceIdentity"] = context["sts:SourceIdentity"] = (asked.source_identity,)
    try:
        trust = trust_policy(role, call.context.policies)
    except PolicyError as error:
        message = f"The trust policy of the role {role.name} is stored but cannot be read."
        raise RpcError(403, "NoPermission", message) from error
    verdict = judge_assume(
        call.principal, role, trust, context, sets_source=bool(asked.source_identity)
    )
    note(call, verdict.action, role.arn, verdict)
    if not verdict.allowed:
        raise RpcError(403, "NoPermission", verdict.reason, _detail(call, verdict, role))


def _detail(call: RpcCall, verdict: AssumeVerdict, role: Role) -> dict[str, str]:
    if verdict.decision is None:
        return {}
    return denied_detail(call, verdict.decision, verdict.action, role.arn)


def _read(call: RpcCall) -> _Asked:
    """Raises RpcError."""
    parameters = call.parameters
    arn = _ROLE_ARN.fullmatch(parameters.required("RoleArn"))
    if arn is None:
        raise _wrong("RoleArn")
    session_name = parameters.required("RoleSessionName")
    if not _SESSION_NAME.fullmatch(session_name):
        raise _wrong("RoleSessionName")
    external_id = parameters.get("ExternalId")
    if external_id and not _EXTERNAL_ID.fullmatch(external_id):
        raise _wrong("ExternalId")
    source = parameters.get("SourceIdentity")
    if source and not _SESSION_NAME.fullmatch(source):
        raise _wrong("SourceIdentity")
    return _Asked(arn[1], arn[2], session_name, _session_policy(call), external_id, source)


def _session_policy(call: RpcCall) -> str | None:
    text = call.parameters.get("Policy")
    if not text:
        return None
    try:
        call.context.policies.get(PolicyKind.SESSION, text)
    except PolicyError as error:
        size = error.reason is PolicyFault.TOO_LARGE
        code = "InvalidParameter.PolicySize" if size else "InvalidParameter.PolicyGrammar"
        raise RpcError(400, code, f"The parameter Policy is not valid: {error}.") from error
    return text


def _duration_s(call: RpcCall, role: Role) -> int:
    """At most what the role allows, by default an hour (STS AssumeRole; documented)."""
    given = call.parameters.get("DurationSeconds")
    if not given:
        return _DURATION_S_DEFAULT
    if not _NUMBER.fullmatch(given) or not (
        _DURATION_S_MIN <= int(given) <= role.max_session_duration_s
    ):
        raise RpcError(
            400,
            "InvalidParameter.DurationSeconds",
            f"The Min/Max value of DurationSeconds is {_DURATION_S_MIN}/"
            f"{role.max_session_duration_s} seconds.",
        )
    return int(given)


def _wrong(name: str) -> RpcError:
    message = f"The parameter {name} is wrongly formed."
    return RpcError(400, f"InvalidParameter.{name}", message)
