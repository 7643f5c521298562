"""Reporting of downloads to notification rules: the one event of an operation that only reads."""

from __future__ import annotations

import logging
import re

from emulator.domain.errors import StorageError
from emulator.domain.events import record_key_event
from emulator.protocol.api.objects import moment_of
from emulator.protocol.call import Answer, Call

_LOG = logging.getLogger("ossemu.protocol")
_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


async def reported(call: Call, answer: Answer) -> Answer:
    """The answer to a GetObject, once ``ObjectDownloaded:GetObject`` is recorded for the rules of
    its bucket. A download is not refused because its event cannot be stored."""
    try:
        await _report(call, answer)
    except StorageError as error:
        _LOG.warning("a download could not be reported: %s", error)
    except BaseException:
        if answer.stream is not None:
            await answer.stream.aclose()
        raise
    return answer


async def _report(call: Call, answer: Answer) -> None:
    """``readTo`` is the first byte that was not read (OSS event notifications; documented)."""
    bucket, key, moment = call.bucket, call.key, moment_of(call)
    size_bytes = answer.length_bytes or 0
    read_from, read_to = 0, size_bytes
    chosen = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if chosen is not None:
        read_from, read_to = int(chosen[1]), int(chosen[2]) + 1
        size_bytes = int(chosen[3])
    subject = {
        "deltaSize": 0,
        "eTag": answer.headers.get("ETag", "").strip('"'),
        "key": key,
        "readFrom": read_from,
        "readTo": read_to,
        "size": size_bytes,
    }
    await call.context.store.write(lambda tx: record_key_event(tx, bucket, moment, key, subject))
