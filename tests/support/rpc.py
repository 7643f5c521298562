"""The vendor's RAM, STS and KMS clients pointed at a server under test, and requests by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import importlib
import itertools
import json
import re
import time
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient

from tests.support.process import EmulatorProcess

VERSIONS = {"ram": "2015-05-01", "sts": "2015-04-01", "kms": "2016-01-20"}
_PACKAGES = {
    "ram": ("aliyunsdkram.request.v20150501", "alibabacloud_ram20150501"),
    "sts": ("aliyunsdksts.request.v20150401", "alibabacloud_sts20150401"),
    "kms": ("aliyunsdkkms.request.v20160120", "alibabacloud_kms20160120"),
}
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_nonces = itertools.count(1)


@dataclass(frozen=True)
class Keys:
    """What one signs with; ``token`` is empty for permanent keys."""

    key_id: str
    secret: str
    token: str = ""


class Refused(Exception):
    """The service's refusal, as the client shows it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"{status} {code}: {message}")


class ServiceClient(Protocol):
    """Any of the client families, with one way to call."""

    def __call__(self, product: str, action: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation with the service's own names. Raises Refused."""
        ...


class CoreClient:
    """aliyun-python-sdk-core with its product packages: V1 signatures."""

    def __init__(self, server: EmulatorProcess, keys: Keys, *, region: str = "cn-hangzhou") -> None:
        credential: Any = AccessKeyCredential(keys.key_id, keys.secret)
        if keys.token:
            credential = StsTokenCredential(keys.key_id, keys.secret, keys.token)
        self._client = AcsClient(region_id=region, credential=credential)
        self._endpoint = f"127.0.0.1:{server.port}"

    def __call__(self, product: str, action: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation with the service's own names. Raises Refused."""
        module = importlib.import_module(f"{_PACKAGES[product][0]}.{action}Request")
        request = getattr(module, f"{action}Request")()
        request.set_endpoint(self._endpoint)
        request.set_protocol_type("http")
        for name, value in parameters.items():
            getattr(request, f"set_{name}")(value)
        try:
            answer = self._client.do_action_with_exception(request)
        except ServerException as error:
            raise Refused(
                error.get_http_status(), error.get_error_code(), error.get_error_msg()
            ) from error
        return dict(json.loads(answer))

    def close(self) -> None:
        """Close the connections."""
        self._client.session.close()


class TeaClient:
    """The generated clients on tea-openapi: V3 signatures, or V1 with ``signature="v2"``."""

    def __init__(
        self, server: EmulatorProcess, keys: Keys, *, signature: str = "", scheme: str = ""
    ) -> None:
        self._config = Config(
            access_key_id=keys.key_id,
            access_key_secret=keys.secret,
            security_token=keys.token or None,
            endpoint=f"{scheme}127.0.0.1:{server.port}",
            protocol="HTTP",
            signature_algorithm=signature or None,
        )
        self._clients: dict[str, Any] = {}

    def __call__(self, product: str, action: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation with the service's own names. Raises Refused."""
        package = _PACKAGES[product][1]
        if product not in self._clients:
            client = importlib.import_module(f"{package}.client").Client
            self._clients[product] = client(self._config)
        models = importlib.import_module(f"{package}.models")
        call = getattr(self._clients[product], _snake(action))
        try:
            request_type = getattr(models, f"{action}Request", None)
            if request_type is None:
                return dict(call().body.to_map())
            request = request_type()
            request.from_map(parameters)
            return dict(call(request).body.to_map())
        except AlibabaCloudException as error:
            data = getattr(error, "data", None) or {}
            raise Refused(error.status_code, error.code, data.get("Message", "")) from error


def _snake(name: str) -> str:
    return _SNAKE.sub("_", name.replace("MFADevice", "Mfadevice")).lower()


# by hand


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as JSON."""
        return dict(json.loads(self.body))


def send(
    server: EmulatorProcess,
    method: str,
    target: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> RawAnswer:
    """One request with exactly these headers (and a length)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        sent = {"host": f"127.0.0.1:{server.port}", "content-length": str(len(body))}
        sent.update((name.lower(), value) for name, value in (headers or {}).items())
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        got = {name.lower(): value for name, value in answer.getheaders()}
        return RawAnswer(answer.status, got, answer.read())
    finally:
        connection.close()


def now_text(offset_s: float = 0) -> str:
    """The present in the services' form."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset_s))


def fresh_nonce() -> str:
    """A nonce no request had before."""
    return f"nonce-{time.time_ns()}-{next(_nonces)}"


def v1_parameters(
    method: str, keys: Keys, product: str, action: str, parameters: dict[str, str]
) -> dict[str, str]:
    """All parameters of a V1 request, signed; ``parameters`` win over the usual ones."""
    whole = {
        "Action": action,
        "Version": VERSIONS[product],
        "Format": "JSON",
        "AccessKeyId": keys.key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": fresh_nonce(),
        "Timestamp": now_text(),
        **({"SecurityToken": keys.token} if keys.token else {}),
        **parameters,
    }
    canonical = "&".join(f"{_pe(name)}={_pe(whole[name])}" for name in sorted(whole))
    text = f"{method}&%2F&{_pe(canonical)}"
    digest = hmac.digest(f"{keys.secret}&".encode(), text.encode(), "sha1")
    return {**whole, "Signature": base64.b64encode(digest).decode()}


def call_v1(
    server: EmulatorProcess,
    keys: Keys,
    product: str,
    action: str,
    *,
    method: str = "GET",
    in_form: tuple[str, ...] = (),
    **parameters: Any,
) -> RawAnswer:
    """A V1 request by hand; the parameters of ``in_form`` are sent in the body."""
    whole = v1_parameters(method, keys, product, action, parameters)
    form = {name: value for name, value in whole.items() if name in in_form}
    query = {name: value for name, value in whole.items() if name not in in_form}
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    return send(server, method, f"/?{urlencode(query)}", headers, urlencode(form).encode())


def call_v3(
    server: EmulatorProcess,
    keys: Keys,
    product: str,
    action: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    sent_body: bytes | None = None,
    **parameters: Any,
) -> RawAnswer:
    """A V3 request by hand; every header is signed. ``sent_body`` replaces the body afterwards."""
    signed = {
        "host": f"127.0.0.1:{server.port}",
        "x-acs-action": action,
        "x-acs-version": VERSIONS[product],
        "x-acs-date": now_text(),
        "x-acs-signature-nonce": fresh_nonce(),
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        **({"x-acs-security-token": keys.token} if keys.token else {}),
        **(headers or {}),
    }
    query = "&".join(f"{_pe(name)}={_pe(parameters[name])}" for name in sorted(parameters))
    names = sorted(signed)
    lines = "".join(f"{name}:{signed[name]}\n" for name in names)
    hashed = hashlib.sha256(body).hexdigest()
    canonical = "\n".join(("POST", "/", query, lines, ";".join(names), hashed))
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(keys.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    claims = f"Credential={keys.key_id},SignedHeaders={';'.join(names)},Signature={signature}"
    sent = {**signed, "Authorization": f"ACS3-HMAC-SHA256 {claims}"}
    target = f"/?{query}" if query else "/"
    return send(server, "POST", target, sent, body if sent_body is None else sent_body)


def _pe(text: str) -> str:
    return quote(text, safe="~")
