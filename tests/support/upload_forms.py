"""Upload forms as browsers and the vendor's samples build them, and broken ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.process import KEY_A, KEY_B, SECRET_A, SECRET_B

BOUNDARY = "9431149156168"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
_KEYS = {"a": (KEY_A, SECRET_A), "b": (KEY_B, SECRET_B)}
_FAR = "2199-01-01T00:00:00.000Z"


def part(name: str, value: bytes | str, *, extra: str = "", kind: str = "") -> bytes:
    """One part of a body, with the delimiter in front of it."""
    data = value.encode() if isinstance(value, str) else value
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n'
    if kind:
        head += f"Content-Type: {kind}\r\n"
    return head.encode() + b"\r\n" + data + b"\r\n"


def file_part(data: bytes, filename: str = "MyFilename.txt", kind: str = "text/plain") -> bytes:
    """The part of the file."""
    return part("file", data, extra=f'; filename="{filename}"', kind=kind)


END = f"--{BOUNDARY}--\r\n".encode()
SUBMIT = part("submit", "Upload to OSS")


def form(
    fields: Mapping[str, str], data: bytes, filename: str = "MyFilename.txt", kind: str = ""
) -> bytes:
    """A whole body: the fields, the file, and the button that comes after it."""
    fields_first = b"".join(part(name, value) for name, value in fields.items())
    return fields_first + file_part(data, filename, kind or "text/plain") + SUBMIT + END


def policy(conditions: Sequence[Any] = (), *, expiration: str = _FAR) -> str:
    """A policy in base64; without conditions one that asks for next to nothing."""
    listed = list(conditions) or [["content-length-range", 0, 1 << 30]]
    document = {"expiration": expiration, "conditions": listed}
    return base64.b64encode(json.dumps(document).encode()).decode()


def v1_fields(encoded: str, account: str = "a") -> dict[str, str]:
    """The credentials of the first signature version."""
    key_id, secret = _KEYS[account]
    digest = hmac.new(secret.encode(), encoded.encode(), hashlib.sha1).digest()
    return {
        "OSSAccessKeyId": key_id,
        "policy": encoded,
        "Signature": base64.b64encode(digest).decode(),
    }


def v4_fields(
    conditions: Sequence[Any],
    *,
    now: datetime,
    account: str = "a",
    keys: tuple[str, str] | None = None,
    token: str = "",
    region: str = "cn-hangzhou",
) -> dict[str, str]:
    """The credentials of the fourth version, with the conditions its samples put in the policy."""
    key_id, secret = keys or _KEYS[account]
    day, date = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    named = {
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": f"{key_id}/{day}/{region}/oss/aliyun_v4_request",
        "x-oss-date": date,
    }
    if token:
        named["x-oss-security-token"] = token
    listed = [*({name: value} for name, value in named.items()), *conditions]
    expiration = (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    encoded = policy(listed, expiration=expiration)
    key = ("aliyun_v4" + secret).encode()
    for step in (day, region, "oss", "aliyun_v4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, encoded.encode(), hashlib.sha256).hexdigest()
    return {**named, "policy": encoded, "x-oss-signature": signature}


def now() -> datetime:
    """The time of the machine, which a fresh virtual clock shows."""
    return datetime.now(UTC)
