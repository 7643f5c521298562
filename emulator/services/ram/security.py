"""What clients ask about logging in, which nobody here does, and the reading of denials."""

from __future__ import annotations

from emulator.access.diagnostic import decode_diagnostic
from emulator.access.ram_store import RamStore
from emulator.services.ram.faults import not_exist
from emulator.services.ram.names import on, on_account
from emulator.services.ram.users import find_user
from emulator.services.ram.work import Work, reading
from emulator.services.rpc.call import RpcCall
from emulator.services.rpc.dialect import Members


def _without(entity: str) -> Work:
    """No user has a login profile or an MFA device; clients that tidy up expect to be told."""

    def refuse(call: RpcCall, identities: RamStore) -> Members:
        raise not_exist(f"User.{entity}", find_user(call, identities).name)

    return refuse


def decode_diagnostic_message(call: RpcCall, identities: RamStore) -> Members:
    """The EncodedDiagnosticMessage of a denial in clear (RAM DecodeDiagnosticMessage;
    documented)."""
    name = "EncodedDiagnosticMessage"
    try:
        message = decode_diagnostic(call.parameters.required(name))
    except ValueError as error:
        raise call.dialect.invalid(name, "Format", "The message cannot be decoded.") from error
    return {"DecodedDiagnosticMessage": message}


_USER = on("user", "UserName")
_NO_PROFILE, _NO_DEVICE = _without("LoginProfile"), _without("MFADevice")

OPERATIONS = {
    "GetLoginProfile": reading(_NO_PROFILE, _USER),
    "UpdateLoginProfile": reading(_NO_PROFILE, _USER),
    "DeleteLoginProfile": reading(_NO_PROFILE, _USER),
    "GetUserMFAInfo": reading(_NO_DEVICE, _USER),
    "UnbindMFADevice": reading(_NO_DEVICE, _USER),
    "DecodeDiagnosticMessage": reading(decode_diagnostic_message, on_account),
}
