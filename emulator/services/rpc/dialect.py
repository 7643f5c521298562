"""How a product words its answers and errors: RAM and STS one way, KMS another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

import msgspec

from emulator.services.rpc.errors import RpcError, gateway_error, missing
from emulator.services.rpc.xml import to_xml

Members = dict[str, object]
JSON_TYPE = "application/json;charset=utf-8"
XML_TYPE = "text/xml;charset=utf-8"  # clients look for exactly this text


class Dialect(Protocol):
    """What differs between products."""

    def xml_root(self, action: str) -> str:
        """The root element of an answer in XML."""
        ...

    def error_root(self) -> str:
        """The root element of an error in XML."""
        ...

    def error_members(self, error: RpcError, request_id: str, host: str) -> Members:
        """The members of an error."""
        ...

    def missing(self, name: str) -> RpcError:
        """A parameter that has to be there is not."""
        ...

    def invalid(self, name: str, problem: str, message: str) -> RpcError:
        """A parameter that cannot be: ``problem`` is Length, InvalidChars or Format."""
        ...

    def forbidden(self, denied_detail: Mapping[str, str]) -> RpcError:
        """The caller has no right to the call."""
        ...

    def unsupported_method(self) -> RpcError:
        """The HTTP method is neither GET nor POST."""
        ...


class PopDialect:
    """RAM and STS."""

    def xml_root(self, action: str) -> str:
        """``<CreateRoleResponse>``."""
        return f"{action}Response"

    def error_root(self) -> str:
        """``<Error>``."""
        return "Error"

    def error_members(self, error: RpcError, request_id: str, host: str) -> Members:
        """With HostId and a link that clients show."""
        link = f"https://api.aliyun.com/troubleshoot?q={quote(error.code)}&requestId={request_id}"
        members: Members = {
            "RequestId": request_id,
            "HostId": host,
            "Code": error.code,
            "Message": error.message,
            "Recommend": link,
        }
        if error.denied_detail:
            members["AccessDeniedDetail"] = dict(error.denied_detail)
        return members

    def missing(self, name: str) -> RpcError:
        """``Missing{Param}``."""
        return missing(name)

    def invalid(self, name: str, problem: str, message: str) -> RpcError:
        """``InvalidParameter.{Field}.{problem}`` (RAM, error codes; documented)."""
        return RpcError(400, f"InvalidParameter.{name}.{problem}", message)

    def forbidden(self, denied_detail: Mapping[str, str]) -> RpcError:
        """``NoPermission``."""
        message = "You are not authorized to do this action."
        return RpcError(403, "NoPermission", message, denied_detail)

    def unsupported_method(self) -> RpcError:
        """As the gateway says it."""
        return gateway_error("UnsupportedHTTPMethod")


class KmsDialect:
    """KMS."""

    def xml_root(self, action: str) -> str:
        """``<KMS>``, whatever was asked."""
        return "KMS"

    def error_root(self) -> str:
        """``<KMS>`` as well."""
        return "KMS"

    def error_members(self, error: RpcError, request_id: str, host: str) -> Members:
        """With the HTTP status."""
        members: Members = {
            "HttpStatus": error.status,
            "Code": error.code,
            "Message": error.message,
            "RequestId": request_id,
        }
        if error.denied_detail:
            members["AccessDeniedDetail"] = dict(error.denied_detail)
        return members

    def missing(self, name: str) -> RpcError:
        """One code for every parameter (KMS, error codes; documented)."""
        return RpcError(
            400, "MissingParameter", f'The parameter "{name}" is needed but not provided.'
        )

    def invalid(self, name: str, problem: str, message: str) -> RpcError:
        """One code for every parameter (KMS, error codes; documented)."""
        return RpcError(400, "InvalidParameter", f'The specified parameter "{name}" is not valid.')

    def forbidden(self, denied_detail: Mapping[str, str]) -> RpcError:
        """``Forbidden.NoPermission``."""
        message = "This operation is forbidden by permission system."
        return RpcError(403, "Forbidden.NoPermission", message, denied_detail)

    def unsupported_method(self) -> RpcError:
        """With a status of its own (KMS, error codes; documented)."""
        return RpcError(403, "UnsupportedHTTPMethod", "This http method is not supported.")


def render(root: str, members: Members, *, as_xml: bool) -> tuple[str, bytes]:
    """Content type and body of an answer."""
    if as_xml:
        return XML_TYPE, to_xml(root, members)
    return JSON_TYPE, msgspec.json.encode(members)
