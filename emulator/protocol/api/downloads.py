"""Reporting of downloads to notification rules: the one event of an operation that only reads."""

from __future__ import annotations

import functools
import logging
import re

from emulator.domain.errors import StorageError
from emulator.domain.events import NOTIFICATIONS, record_key_event
from emulator.protocol.api.objects import moment_of
from emulator.protocol.call import Answer, Call, Handler

_LOG = logging.getLogger("ossemu.protocol")
_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


def reporting_downloads(handler: Handler) -> Handler:
    """A handler of GetObject that records ``ObjectDownloaded:GetObject`` where a bucket has rules.

    A download is not refused because its event cannot be stored.
    """

    @functools.wraps(handler)
    async def answer_and_report(call: Call) -> Answer:
        answer = await handler(call)
        if NOTIFICATIONS in call.bucket.setting_names:
            try:
                await _report(call, answer)
            except StorageError as error:
                _LOG.warning("a download could not be reported: %s", error)
            except BaseException:
                if answer.stream is not None:
                    await answer.stream.aclose()
                raise
        return answer

    return answer_and_report


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
