"""Copies whose encryption is not that of their source.

Encrypted bytes are shared with a copy that is encrypted as well, whatever its key: only the data
key is wrapped anew. Where one of the two is encrypted and the other is not the bytes are written
anew, before the transaction that stores the copy, which starts over if the source has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from emulator.domain import errors
from emulator.domain.model import ObjectVersion, StagedBlob
from emulator.kms.object_keys import is_sealed
from emulator.protocol.call import Call
from emulator.protocol.context import RequestTx, RequestView
from emulator.protocol.object_keys import key_for_read, key_for_write, shared_key
from emulator.protocol.stored_content import hash_extents

T = TypeVar("T")

_ATTEMPTS_MAX = 5


class ContentCopy(msgspec.Struct, frozen=True):
    """A source's content written once more, and the encryption of it."""

    source: ObjectVersion
    wanted: str  # the encryption that was asked for
    encryption_json: str  # with the data key
    staged: StagedBlob | None


def encryption_of_copy(
    call: Call, tx: RequestTx, source: ObjectVersion, wanted: str, anew: ContentCopy | None
) -> str | None:
    """The ``encryption_json`` of a copy, ``None`` if its content has to be written anew first.

    Takes kms:Decrypt with the source's key and kms:GenerateDataKey with the copy's (OSS
    CopyObject, SSE-KMS; documented).
    """
    if anew is not None:
        same = (source.bucket_id, source.seq, source.extents) == (
            anew.source.bucket_id,
            anew.source.seq,
            anew.source.extents,
        )
        return anew.encryption_json if same and wanted == anew.wanted else None
    if wanted == source.encryption_json:  # an appendable object copied onto itself
        return wanted
    data_key = key_for_read(call, tx, source.encryption_json)
    if not wanted:
        return None if data_key is not None and source.extents else ""
    if data_key is None:
        return None
    return shared_key(call, tx, wanted, data_key)


async def copy_with_keys(
    call: Call,
    look: Callable[[RequestView], tuple[ObjectVersion, str]],
    work: Callable[[RequestTx, ContentCopy | None], T | None],
) -> T:
    """What ``work`` answers, given the content anew if it cannot do without (``None``).

    ``look`` finds the source and the encryption asked for. Raises ServiceUnavailable if the
    source changes all the time.
    """
    done = await call.context.store.write(lambda tx: work(tx, None))
    for _ in range(_ATTEMPTS_MAX):
        if done is not None:
            return done
        anew = await _write_anew(call, look)
        done = None
        if anew is not None:
            done = await _store(call, work, anew)
    if done is None:
        raise errors.ServiceUnavailable
    return done


async def _store(
    call: Call, work: Callable[[RequestTx, ContentCopy | None], T | None], anew: ContentCopy
) -> T | None:
    done: T | None = None
    try:
        done = await call.context.store.write(lambda tx: work(tx, anew))
    finally:
        if done is None and anew.staged is not None:
            await call.context.blobs.discard(anew.staged)
    return done


async def _write_anew(
    call: Call, look: Callable[[RequestView], tuple[ObjectVersion, str]]
) -> ContentCopy | None:
    """The content once more; ``None`` if the source was gone before the end."""
    with call.context.store.read() as view:
        source, wanted = look(view)
        data_key = key_for_read(call, view, source.encryption_json)
    if is_sealed(wanted):
        return ContentCopy(source, wanted, wanted, None)
    encryption_json, sealing = await key_for_write(call, wanted)
    hashed = await hash_extents(
        call.context, source.extents, copies=True, data_key=data_key, sealing=sealing
    )
    if hashed is None:
        return None
    return ContentCopy(source, wanted, encryption_json, hashed.copy)
