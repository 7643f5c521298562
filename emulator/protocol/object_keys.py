"""Data keys for the objects of a request, in the name of its caller."""

from __future__ import annotations

import logging

from emulator.access.audit import Origin
from emulator.domain.encryption import KeyHolder
from emulator.domain.model import Bucket
from emulator.kms.access import KeyDecision
from emulator.kms.object_keys import (
    KeyUser,
    Sealed,
    is_sealed,
    make_service_key,
    needs_service_key,
    new_data_key,
    open_data_key,
    rewrap,
)
from emulator.kms.ports import KeyTx, KeyView
from emulator.kms.refusals import KeyRefused, Reason
from emulator.kms.sealed_content import Sealing
from emulator.protocol.call import Call
from emulator.protocol.kms_errors import oss_refusal
from emulator.protocol.request_context import request_facts

_LOG = logging.getLogger("ossemu.protocol")


def holder_of(bucket: Bucket) -> KeyHolder:
    """Whose keys are named by id for a bucket: those of its owner, in its region."""
    return KeyHolder(bucket.owner_uid, bucket.region)


async def key_for_write(call: Call, encryption_json: str) -> tuple[str, Sealing | None]:
    """What is kept with an object that is to be encrypted like this, and what to encrypt with.

    Takes kms:GenerateDataKey, before any content is read (OSS PutObject, SSE-KMS; documented).
    ``("", None)`` for an object that is not to be encrypted. Raises the OSS errors of keys.
    """
    if not encryption_json:
        return "", None
    context, holder = call.context, holder_of(call.bucket)
    with context.store.read() as view:
        is_first = needs_service_key(view, encryption_json, holder)
        if not is_first:
            return _shown(call, _new(call, view, encryption_json))

    def work(tx: KeyTx) -> Sealed:
        make_service_key(tx, context.vault, context.rng, holder, call.now_ms)
        return _new(call, tx, encryption_json)

    return _shown(call, await context.store.write(work))


def _new(call: Call, view: KeyView, encryption_json: str) -> Sealed:
    holder, vault = holder_of(call.bucket), call.context.vault
    try:
        return new_data_key(view, vault, encryption_json, holder, _user(call))
    except KeyRefused as refused:
        raise oss_refusal(refused) from refused


def _shown(call: Call, made: Sealed) -> tuple[str, Sealing]:
    return made.encryption_json, Sealing(made.data_key, call.context.vault.random)


def key_for_read(call: Call, view: KeyView, encryption_json: str) -> bytes | None:
    """The data key of an object, ``None`` if its content is not encrypted.

    Takes kms:Decrypt (OSS GetObject, SSE-KMS; documented). Raises the OSS errors of keys.
    """
    if not encryption_json or not is_sealed(encryption_json):
        return None
    try:
        return open_data_key(view, call.context.vault, encryption_json, _user(call))
    except KeyRefused as refused:
        if refused.reason is Reason.BAD_CIPHERTEXT:
            _LOG.error(
                "request %s (%s): the data key of an encrypted object does not open, "
                "the data folder is damaged",
                call.request_id,
                call.operation.name,
            )
        raise oss_refusal(refused) from refused


def sealing_of(call: Call, view: KeyView, encryption_json: str) -> Sealing | None:
    """What more content of an encrypted object is encrypted with: a part, or something appended.

    Takes kms:Decrypt (OSS UploadPart, SSE-KMS; documented).
    """
    data_key = key_for_read(call, view, encryption_json)
    return None if data_key is None else Sealing(data_key, call.context.vault.random)


def shared_key(call: Call, tx: KeyTx, encryption_json: str, data_key: bytes) -> str:
    """What is kept with an object of the call's bucket that shares bytes under ``data_key``."""
    context, holder = call.context, holder_of(call.bucket)
    if needs_service_key(tx, encryption_json, holder):
        make_service_key(tx, context.vault, context.rng, holder, call.now_ms)
    try:
        return rewrap(tx, context.vault, encryption_json, holder, _user(call), data_key)
    except KeyRefused as refused:
        raise oss_refusal(refused) from refused


def _user(call: Call) -> KeyUser:
    audit = call.context.audit
    origin = Origin(call.now_ms, call.principal, call.operation.name, call.request_id, call.peer)

    def note(action: str, resource: str, decision: KeyDecision) -> None:
        audit.record(origin, action, resource, decision)

    return KeyUser(
        principal=call.principal,
        policies=call.context.policies,
        now_ms=call.now_ms,
        note=note,
        context=request_facts(call),
    )
