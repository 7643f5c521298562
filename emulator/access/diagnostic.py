"""The encoded message of AccessDeniedDetail: opaque to clients, read by DecodeDiagnosticMessage."""

from __future__ import annotations

import base64
import binascii
import zlib

import msgspec

from emulator.access.decision import Decision
from emulator.access.identity import Principal
from emulator.access.policy.conditions import Context

Message = dict[str, object]
_DECODED_BYTES_MAX = 256 * 1024
_VALUE_CHARS_MAX = 256


def encoded_detail(
    principal: Principal, action: str, resource: str, context: Context, decision: Decision
) -> dict[str, str]:
    """The children of AccessDeniedDetail with its encoded message; empty where there are none.

    (RAM and OSS, AccessDeniedDetail; documented)
    """
    if not decision.denied_detail:
        return {}
    message = describe_denial(principal, action, resource, context, decision)
    return {**decision.denied_detail, "EncodedDiagnosticMessage": encode_diagnostic(message)}


def describe_denial(
    principal: Principal, action: str, resource: str, context: Context, decision: Decision
) -> Message:
    """What is known of a denial (RAM DecodeDiagnosticMessage, response; documented).

    ``Statement`` of a matched policy is the emulator's own: which statement it was, in words.
    """
    detail = decision.denied_detail
    matched: list[Message] = []
    if decision.statement is not None:
        matched.append(
            {
                "Effect": decision.statement.effect.value,
                "PolicyIdentifier": decision.statement.policy,
                "PolicyType": detail.get("PolicyType", ""),
                "Statement": decision.statement.describe(),
            }
        )
    return {
        "AuthAction": action,
        "AuthResource": resource.encode("utf-8", "replace").decode(),
        "AuthPrincipal": {
            "AuthPrincipalType": detail.get("AuthPrincipalType", ""),
            "AuthPrincipalOwnerId": principal.account_uid,
            "AuthPrincipalDisplayName": principal.principal_id,
        },
        "AuthConditions": [
            {"ConditionKey": key, "ConditionValues": [_shown(value) for value in values]}
            for key, values in context.items()
        ],
        "ExplicitDeny": detail.get("NoPermissionType") == "ExplicitDeny",
        "MatchedPolicies": matched,
        "NoPermissionPolicyType": detail.get("PolicyType", ""),
    }


def _shown(value: str) -> str:
    """A value as far as it is shown, with a mark for bytes that are no UTF-8."""
    return value[:_VALUE_CHARS_MAX].encode("utf-8", "replace").decode()


def encode_diagnostic(message: Message) -> str:
    """A message as a text without spaces.

    It is not encrypted, unlike the service's: who is denied here may know why.
    """
    return base64.b64encode(zlib.compress(msgspec.json.encode(message))).decode()


def decode_diagnostic(text: str) -> Message:
    """The message. Raises ValueError if it was not encoded here."""
    try:
        packed = base64.b64decode(text.encode("ascii"), validate=True)
        unpack = zlib.decompressobj()
        message = unpack.decompress(packed, _DECODED_BYTES_MAX)
        if not unpack.eof:
            raise ValueError("the message is not whole, or too long")
        return msgspec.json.decode(message, type=Message)
    except (binascii.Error, zlib.error, UnicodeError, msgspec.MsgspecError) as error:
        raise ValueError("the message was not encoded here") from error
