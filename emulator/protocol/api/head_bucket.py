"""HEAD of a bucket, which clients probe with."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.protocol.call import Answer, Call, Handler


async def head_bucket(call: Call) -> Answer:
    """An empty 200 for a bucket that exists and may be listed.

    Not part of the documented API; it answers like a listing nobody reads (inferred).
    """
    del call  # that the bucket exists and may be listed has been looked at
    return Answer(length_bytes=0)


HANDLERS: Mapping[str, Handler] = {"HeadBucket": head_bucket}
