"""The last look at headers before they are sent."""

from __future__ import annotations

import asyncio

from aiohttp.test_utils import make_mocked_request

from emulator.protocol.call import Answer
from emulator.protocol.sending import send


def test_no_header_costs_the_answer() -> None:
    async def sent() -> dict[str, str]:
        request = make_mocked_request("GET", "/")
        headers = {"x-oss-meta-a": "b\r\nX-Evil: 1", "x-b": "\udc80\x00é\t"}
        response = await send(request, Answer(status=200, body=b"x"), headers)
        return dict(response.headers)

    headers = asyncio.run(sent())
    assert headers["x-oss-meta-a"] == "b  X-Evil: 1"
    assert headers["x-b"] == "  é\t"
