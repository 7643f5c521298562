"""Making a callback once the object is stored, and answering the client with what came back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

import msgspec

from emulator.domain.errors import CallbackFailed
from emulator.domain.model import ObjectVersion, VersionKind
from emulator.protocol.call import Answer, Call
from emulator.protocol.callbacks.allowed import split_url
from emulator.protocol.callbacks.outgoing import (
    Outgoing,
    OutgoingFailed,
    OutgoingRefused,
    OutgoingReply,
)
from emulator.protocol.callbacks.parameters import JSON_BODY, Callback
from emulator.protocol.callbacks.signing_key import CallbackKey, string_to_sign
from emulator.protocol.callbacks.template import render_body
from emulator.protocol.dates import http_date

PUBLIC_KEY_PATH: Final = "/_emulator/callback-public-key.pem"
_TIMEOUT_S: Final = 5.0  # (OSS Callback; documented)
_REPLY_BYTES_MAX: Final = 3 * 1024 * 1024
_CANNOT_CONNECT: Final = (
    "Error status : -1. OSS can not connect to your callbackUrl, please check it."
)


class Callbacks:
    """What callbacks are made with: the way out and the key. Built once by ``app``."""

    def __init__(self, outgoing: Outgoing, key: CallbackKey) -> None:
        self.outgoing = outgoing
        self.key = key


async def with_callback(
    call: Call, callback: Callback | None, version: ObjectVersion, answer: Answer
) -> Answer:
    """The answer to an upload: ``answer`` itself without a callback, else what the application
    said, with the headers of ``answer`` (OSS Callback; documented).

    Call it after the commit. Raises CallbackFailed, status 203, when no URL answered as it
    should; the object stays stored.
    """
    if callback is None:
        return answer
    body = render_body(callback, system_variables(call, version))
    failure = _CANNOT_CONNECT
    for url in callback.urls:
        try:
            reply = await _post(call, callback, url, body)
        except OutgoingFailed as error:
            failure = _timeout(url) if error.timed_out else _CANNOT_CONNECT
        except OutgoingRefused:
            failure = _CANNOT_CONNECT
        else:
            failure = _fault(reply)
            if not failure:
                headers = {**answer.headers, "Content-Type": JSON_BODY}
                return Answer(headers=headers, body=reply.body)
    headers = {name: each for name, each in answer.headers.items() if name != "Content-Type"}
    raise CallbackFailed(failure, headers=headers)


def system_variables(call: Call, version: ObjectVersion) -> Mapping[str, str | int]:
    """The system variables that have a value. Images are not looked into, and there is no VPC."""
    values: dict[str, str | int] = {
        "bucket": call.bucket.name,
        "object": version.key,
        "etag": version.etag,
        "size": version.size_bytes,
        "mimeType": version.headers.get("content-type", ""),
        "crc64": str(version.crc64),
        "clientIp": call.peer,
        "reqId": call.request_id,
        "operation": call.operation.name,
    }
    if version.kind is VersionKind.NORMAL:
        values["contentMd5"] = base64.b64encode(bytes.fromhex(version.etag)).decode()
    return values


async def _post(call: Call, callback: Callback, url: str, body: bytes) -> OutgoingReply:
    parts = split_url(url)
    assert parts is not None, "checked when it was read"
    callbacks = call.context.callbacks
    public_key_url = f"http://{call.host}{PUBLIC_KEY_PATH}"
    headers = {
        "Host": callback.host or parts.netloc,
        "Content-Type": callback.body_type,
        "User-Agent": "aliyun-oss-callback",
        "Date": http_date(call.now_ms),
        "Authorization": await callbacks.key.sign(string_to_sign(parts.path, parts.query, body)),
        "x-oss-pub-key-url": base64.b64encode(public_key_url.encode()).decode(),
        "x-oss-bucket": call.bucket.name,
        "x-oss-owner": call.bucket.owner_uid,
        "x-oss-request-id": call.request_id,
        "x-oss-tag": "CALLBACK",
    }
    return await callbacks.outgoing.post(
        url, body, headers, timeout_s=_TIMEOUT_S, reply_bytes_max=_REPLY_BYTES_MAX
    )


def _fault(reply: OutgoingReply) -> str:
    """What is wrong with an application's answer, ``""`` if nothing is (documented messages)."""
    if reply.status != 200:
        return f"Error status : {reply.status}."
    if reply.length_bytes is None or reply.length_bytes > _REPLY_BYTES_MAX:
        return "Error status : 400.User server return too long content-length value."
    try:
        msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "Response body is not valid json format."
    return ""


def _timeout(url: str) -> str:
    parts = split_url(url)
    host = "" if parts is None else parts.netloc
    spent_ms = int(_TIMEOUT_S * 1000)
    return f"Error status : -1 {host} reply timeout, cost:{spent_ms}ms, timeout:{spent_ms}ms"
