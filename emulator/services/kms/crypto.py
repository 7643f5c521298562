"""Using keys: data keys, encrypting, decrypting, encrypting anew."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from emulator.kms import using
from emulator.kms.access import DECRYPT
from emulator.kms.context import EncryptionContext, read_context
from emulator.kms.model import Key
from emulator.kms.refusals import KeyRefused, Reason, invalid
from emulator.kms.states import KeyCall, after
from emulator.kms.using import Ciphertext, Rewrapping
from emulator.services.kms.asked import key_of, permitted_key, require_key
from emulator.services.kms.errors import told
from emulator.services.rpc.call import Operation, RpcCall
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.errors import RpcError

PLAINTEXT_BYTES_MAX = 6 * 1024  # KMS Encrypt, Plaintext; documented
DATA_KEY_BYTES_MAX = 1024  # KMS GenerateDataKey, NumberOfBytes; documented
_SPECS = {"AES_256": 32, "AES_128": 16}
_REENCRYPT_FROM, _REENCRYPT_TO = "kms:ReEncryptFrom", "kms:ReEncryptTo"


async def generate_data_key(call: RpcCall) -> Members:
    """KMS GenerateDataKey."""
    return _generate(call, shows_plaintext=True)


async def generate_data_key_without_plaintext(call: RpcCall) -> Members:
    """KMS GenerateDataKeyWithoutPlaintext."""
    return _generate(call, shows_plaintext=False)


async def encrypt(call: RpcCall) -> Members:
    """KMS Encrypt."""
    plaintext = _read_base64(call, "Plaintext")
    if len(plaintext) > PLAINTEXT_BYTES_MAX:
        raise invalid("Plaintext", f"The Plaintext has at most {PLAINTEXT_BYTES_MAX} bytes.")
    context = _context(call)
    with call.context.store.read() as view:
        key = _usable_key(call, permitted_key(call, view, alias=True))
        return _shown(using.encrypt(view, call.context.vault, key, plaintext, context))


async def decrypt(call: RpcCall) -> Members:
    """KMS Decrypt: the ciphertext says which key it is."""
    blob, context = _read_base64(call, "CiphertextBlob"), _context(call)
    with call.context.store.read() as view:
        key = using.key_of_blob(view, blob, call.now_ms)
        require_key(call, key, DECRYPT)
        plaintext = using.decrypt(view, call.context.vault, key, blob, context)
    _stop_dry_run(call)
    return {
        "KeyId": key.id,
        "KeyVersionId": blob[: using.VERSION_ID_BYTES].decode("ascii"),
        "Plaintext": base64.b64encode(plaintext).decode(),
    }


async def re_encrypt(call: RpcCall) -> Members:
    """KMS ReEncrypt: needs kms:ReEncryptFrom on one key and kms:ReEncryptTo on the other."""
    blob = _read_base64(call, "CiphertextBlob")
    parameters = call.parameters
    with call.context.store.read() as view:
        source = using.key_of_blob(view, blob, call.now_ms)
        require_key(call, source, _REENCRYPT_FROM)
        if parameters.get("SourceKeyId"):
            named = key_of(call, view, "SourceKeyId", alias=True)
            if named.id != source.id:
                raise KeyRefused(Reason.BAD_CIPHERTEXT, "SourceKeyId is not the ciphertext's key.")
        target = key_of(call, view, "DestinationKeyId", alias=True)
        require_key(call, target, _REENCRYPT_TO)
        asked = Rewrapping(
            source,
            blob,
            _context(call, "SourceEncryptionContext"),
            target,
            _context(call, "DestinationEncryptionContext"),
        )
        made = using.rewrap(view, call.context.vault, asked)
    _stop_dry_run(call)
    return _shown(made)


def _generate(call: RpcCall, *, shows_plaintext: bool) -> Members:
    parameters, context = call.parameters, _context(call)
    spec = parameters.one_of("KeySpec", tuple(_SPECS), "AES_256")
    length = parameters.number("NumberOfBytes", 1, DATA_KEY_BYTES_MAX, _SPECS[spec])
    with call.context.store.read() as view:
        key = _usable_key(call, permitted_key(call, view, alias=True))
        made = using.generate_data_key(view, call.context.vault, key, context, length)
    members: Members = {"KeyId": made.key_id, "KeyVersionId": made.version_id}
    if shows_plaintext:
        members["Plaintext"] = base64.b64encode(made.plaintext).decode()
    members["CiphertextBlob"] = base64.b64encode(made.blob).decode()
    return members


def _shown(made: Ciphertext) -> Members:
    return {
        "KeyId": made.key_id,
        "KeyVersionId": made.version_id,
        "CiphertextBlob": base64.b64encode(made.blob).decode(),
    }


def _usable_key(call: RpcCall, key: Key) -> Key:
    after(key, KeyCall.USE)
    _stop_dry_run(call)
    return key


def _stop_dry_run(call: RpcCall) -> None:
    """A dry run that would have succeeded is refused as well (documented; its status inferred)."""
    if call.parameters.flag("DryRun"):
        message = "The request would have succeeded, but DryRun is set."
        raise RpcError(400, "DryRunOperationError", message)


def _context(call: RpcCall, name: str = "EncryptionContext") -> EncryptionContext:
    return read_context(call.parameters.get(name), name)


def _read_base64(call: RpcCall, name: str) -> bytes:
    text = call.parameters.required(name)
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeError) as error:
        raise invalid(name, f"The {name} is no base64 text.") from error


OPERATIONS: Mapping[str, Operation] = {
    "GenerateDataKey": Operation(told(generate_data_key)),
    "GenerateDataKeyWithoutPlaintext": Operation(told(generate_data_key_without_plaintext)),
    "Encrypt": Operation(told(encrypt)),
    "Decrypt": Operation(told(decrypt)),
    "ReEncrypt": Operation(told(re_encrypt)),
}
