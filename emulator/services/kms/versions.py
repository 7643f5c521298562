"""Versions of keys and their rotation; bringing one's own material."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping

from emulator.kms import importing, keys
from emulator.kms.importing import WRAPPING_SPEC, Material, Wrapping, make_wrapping_key
from emulator.kms.model import KeyVersion
from emulator.kms.ports import KeyTx
from emulator.kms.refusals import KeyRefused, Reason
from emulator.services.kms.asked import permitted_key
from emulator.services.kms.errors import told
from emulator.services.kms.shapes import date, key_version
from emulator.services.rpc.call import Operation, RpcCall
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.paging import read_numbered_page

_UNIX_S_MAX = 253_402_300_799  # the last second of the year 9999


async def create_key_version(call: RpcCall) -> Members:
    """KMS CreateKeyVersion."""

    def work(tx: KeyTx) -> KeyVersion:
        key = permitted_key(call, tx, alias=True)
        context = call.context
        return keys.add_version(tx, context.vault, context.rng, key, call.now_ms)[1]

    return {"KeyVersion": key_version(await call.context.store.write(work))}


async def describe_key_version(call: RpcCall) -> Members:
    """KMS DescribeKeyVersion."""
    wanted = call.parameters.required("KeyVersionId")
    with call.context.store.read() as view:
        key = permitted_key(call, view)
        version = view.kms_version(wanted)
    if version is None or version.key_id != key.id:
        raise KeyRefused(Reason.VERSION_NOT_FOUND, "The specified KeyVersion is not found.")
    return {"KeyVersion": key_version(version)}


async def list_key_versions(call: RpcCall) -> Members:
    """KMS ListKeyVersions, the newest first."""
    page = read_numbered_page(call.parameters)
    with call.context.store.read() as view:
        found = view.kms_versions(permitted_key(call, view).id)
    shown = [key_version(each) for each in found[page.offset :][: page.size]]
    return {"KeyVersions": {"KeyVersion": shown}, **page.members(len(found))}


async def update_rotation_policy(call: RpcCall) -> Members:
    """KMS UpdateRotationPolicy."""
    call.parameters.required("EnableAutomaticRotation")
    rotation_s = 0
    if call.parameters.flag("EnableAutomaticRotation"):
        rotation_s = keys.read_interval(call.parameters.required("RotationInterval"))
    await call.context.store.write(
        lambda tx: keys.set_rotation(tx, permitted_key(call, tx), rotation_s, call.now_ms)
    )
    return {}


async def get_parameters_for_import(call: RpcCall) -> Members:
    """KMS GetParametersForImport. Elliptic wrapping keys are not built."""
    algorithm = Wrapping(call.parameters.one_of("WrappingAlgorithm", tuple(Wrapping)))
    call.parameters.one_of("WrappingKeySpec", (WRAPPING_SPEC,))
    with call.context.store.read() as view:
        permitted_key(call, view)
    pair = await asyncio.to_thread(make_wrapping_key)
    ticket = await call.context.store.write(
        lambda tx: importing.give_ticket(
            tx, call.context.vault, permitted_key(call, tx), (algorithm, pair), call.now_ms
        )
    )
    return {
        "KeyId": ticket.key_id,
        "ImportToken": ticket.token,
        "PublicKey": base64.b64encode(pair.public_der).decode(),
        "TokenExpireTime": date(ticket.expires_ms),
    }


async def import_key_material(call: RpcCall) -> Members:
    """KMS ImportKeyMaterial."""
    parameters = call.parameters
    try:
        text = parameters.required("EncryptedKeyMaterial").encode("ascii")
        wrapped = base64.b64decode(text, validate=True)
    except (binascii.Error, UnicodeError) as error:
        message = "The EncryptedKeyMaterial is no base64 text."
        raise KeyRefused(Reason.INVALID_MATERIAL, message) from error
    brought = Material(
        token=parameters.required("ImportToken"),
        wrapped=wrapped,
        expires_ms=parameters.number("KeyMaterialExpireUnix", 0, _UNIX_S_MAX, 0) * 1000,
    )
    await call.context.store.write(
        lambda tx: importing.import_material(
            tx, call.context.vault, permitted_key(call, tx), brought, call.now_ms
        )
    )
    return {}


async def delete_key_material(call: RpcCall) -> Members:
    """KMS DeleteKeyMaterial."""
    await call.context.store.write(
        lambda tx: importing.delete_material(tx, call.context.vault, permitted_key(call, tx))
    )
    return {}


OPERATIONS: Mapping[str, Operation] = {
    "CreateKeyVersion": Operation(told(create_key_version)),
    "DescribeKeyVersion": Operation(told(describe_key_version)),
    "ListKeyVersions": Operation(told(list_key_versions)),
    "UpdateRotationPolicy": Operation(told(update_rotation_policy)),
    "GetParametersForImport": Operation(told(get_parameters_for_import)),
    "ImportKeyMaterial": Operation(told(import_key_material)),
    "DeleteKeyMaterial": Operation(told(delete_key_material)),
}
