"""The preflight requests of browsers: OPTIONS on an object or a bucket."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.protocol.call import Answer, Call, Handler
from emulator.protocol.delivery.cors import Preflight, preflight, read_cors


async def option_object(call: Call) -> Answer:
    """OSS OptionObject: needs no signature and no object; documented.

    Raises BadRequest for a request that is no preflight, AccessForbidden where no rule matches.
    """
    with call.context.store.read() as view:
        configuration = read_cors(view.bucket_setting(call.bucket, "cors"))
    headers = call.headers
    decision = preflight(
        configuration,
        Preflight(
            origin=headers.get("origin", ""),
            method=headers.get("access-control-request-method", ""),
            headers=headers.get("access-control-request-headers", ""),
        ),
    )
    refusal = decision.refusal()
    if refusal is not None:
        raise refusal
    return Answer(headers=decision.headers)


HANDLERS: Mapping[str, Handler] = {
    "OptionObject": option_object,
    "OptionBucket": option_object,
}
