"""Refusals of the key service as its API answers them (KMS, error codes; documented)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps

from emulator.kms.refusals import KeyRefused, Reason
from emulator.services.rpc.call import Handler, RpcCall
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.errors import RpcError

_CODES: Mapping[Reason, tuple[int, str]] = {
    Reason.NOT_FOUND: (404, "Forbidden.KeyNotFound"),
    Reason.VERSION_NOT_FOUND: (404, "Forbidden.KeyVersionNotFound"),
    Reason.ALIAS_NOT_FOUND: (404, "Forbidden.AliasNotFound"),
    Reason.DISABLED: (409, "Rejected.Disabled"),
    Reason.PENDING_DELETION: (409, "Rejected.PendingDeletion"),
    Reason.PENDING_IMPORT: (409, "Rejected.PendingImport"),
    Reason.STATE: (409, "Rejected.StateModifiedFailed"),
    Reason.LOCKED: (409, "Rejected.StateModifiedFailed"),  # inferred
    Reason.DENIED: (403, "Forbidden.NoPermission"),
    Reason.BAD_CIPHERTEXT: (400, "InvalidParameter"),  # inferred
    Reason.INVALID: (400, "InvalidParameter"),
    Reason.MALFORMED_NAME: (400, "InvalidParameter"),
    Reason.ALIAS_EXISTS: (400, "AliasAlreadyExists"),
    Reason.UNSUPPORTED_ALIAS: (400, "Unsupported.Alias"),
    Reason.UNSUPPORTED_ORIGIN: (400, "Unsupported.Origin"),
    Reason.LIMIT: (400, "Rejected.LimitExceeded"),
    Reason.INVALID_MATERIAL: (400, "InvalidKeyMaterial"),
    Reason.INVALID_TOKEN: (400, "InvalidImportToken"),
    Reason.EXPIRED_TOKEN: (400, "ExpiredImportToken"),
}


# What the service says whatever the circumstances; other refusals say what was wrong.
_TEXTS: Mapping[Reason, str] = {
    Reason.DISABLED: "The request was rejected because the key state is Disabled.",
    Reason.PENDING_DELETION: "The request was rejected because the key state is PendingDeletion.",
    Reason.PENDING_IMPORT: "The request was rejected because the key state is PendingImport.",
    Reason.STATE: "Keystate modified failed.",
    Reason.ALIAS_EXISTS: "AliasName Already Exists.",
    Reason.UNSUPPORTED_ALIAS: "Alias is not valid for this api.",
    Reason.UNSUPPORTED_ORIGIN: "This key origin is not valid for this api.",
}


def rpc_refusal(refused: KeyRefused) -> RpcError:
    """What a client of the key service is told."""
    status, code = _CODES[refused.reason]
    return RpcError(status, code, _TEXTS.get(refused.reason, refused.message))


def told(handler: Handler) -> Handler:
    """The handler, with refusals of the key service as errors of its API."""

    @wraps(handler)
    async def tell(call: RpcCall) -> Members:
        try:
            return await handler(call)
        except KeyRefused as refused:
            raise rpc_refusal(refused) from refused

    return tell
