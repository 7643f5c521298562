"""One RPC request as it came: its parameters merged from query and form, its headers raw."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from emulator.services.rpc.errors import gateway_error

FORM = "application/x-www-form-urlencoded"
V3_SCHEME = "ACS3-"
_PARAMETERS_MAX = 2000


class RpcRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``headers`` by lower-case name, values as they were sent; ``query`` and ``form`` are decoded.

    ``parameters`` holds both; empty values are kept, because they are signed.
    """

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_v3(self) -> bool:
        """Whether it is signed by header (ACS3)."""
        return self.headers.get("authorization", "").startswith(V3_SCHEME)

    @property
    def action(self) -> str:
        """The operation: V3 says it in a header, V1 in a parameter."""
        return self._said("x-acs-action", "Action")

    @property
    def version(self) -> str:
        """The version of the API, which tells the product."""
        return self._said("x-acs-version", "Version")

    def _said(self, header: str, parameter: str) -> str:
        if self.is_v3:
            return self.headers.get(header, "")
        return self.parameters.get(parameter) or self.headers.get(header, "")


def make_request(
    method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> RpcRequest:
    """Read a request. ``target`` is the request line's, ``headers`` have lower-case names.

    Raises RpcError for parameters that cannot be read or contradict each other.
    """
    path, _, query_text = target.partition("?")
    query = read_pairs(query_text)
    form: dict[str, str] = {}
    if is_form(headers):
        form = read_pairs(_text(body))
    merged = dict(query)
    for name, value in form.items():
        if merged.setdefault(name, value) != value:
            raise gateway_error("InvalidParameter.Repeated")
    return RpcRequest(
        method=method,
        path=path or "/",
        query=query,
        form=form,
        parameters=merged,
        headers=headers,
        body=body,
    )


def is_form(headers: Mapping[str, str]) -> bool:
    """Whether the body is URL-encoded parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


def read_pairs(text: str) -> dict[str, str]:
    """URL-encoded pairs; ``+`` and ``%20`` both are a space. Raises RpcError.

    A name that comes twice with one value counts once (inferred).
    """
    try:
        text.encode()  # bytes that are no UTF-8 came as lone surrogates
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_PARAMETERS_MAX
        )
    except UnicodeError as error:
        raise gateway_error("InvalidParameter.Encoding") from error
    except ValueError as error:
        raise gateway_error("InvalidParameter.TooMany") from error
    merged: dict[str, str] = {}
    for name, value in pairs:
        if merged.setdefault(name, value) != value:
            raise gateway_error("InvalidParameter.Repeated")
    return merged


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise gateway_error("InvalidParameter.Encoding") from error
