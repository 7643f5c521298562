"""Errors as the gateway before all RPC-style APIs answers them.

Codes, statuses and texts are those of the gateway (API gateway, common errors; documented) unless
marked otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping


class RpcError(Exception):
    """A refusal the client is told: HTTP status, code and message.

    ``denied_detail`` holds the children of AccessDeniedDetail; empty where there is none.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        denied_detail: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.denied_detail = denied_detail or {}
        super().__init__(f"{code}: {message}")


_GATEWAY: Mapping[str, tuple[int, str]] = {
    "InvalidAccessKeyId.NotFound": (404, "Specified access key is not found."),
    "InvalidAccessKeyId.Inactive": (400, "Specified access key is disabled."),
    "IncompleteSignature": (
        400,
        "The request signature does not conform to Aliyun standards.",
    ),
    "InvalidSignatureMethod": (400, "Specified signature method is not valid."),
    "InvalidSignatureVersion": (400, "Specified signature version is not valid."),
    "InvalidTimeStamp.Format": (400, "Specified time stamp or date value is not well formatted."),
    "InvalidTimeStamp.Expired": (400, "Specified time stamp or date value is expired."),
    "SignatureNonceUsed": (400, "Specified signature nonce was used already."),
    "MissingSecurityToken": (400, "SecurityToken is mandatory for this action."),
    "InvalidSecurityToken.Malformed": (400, "Specified SecurityToken is malformed."),
    "InvalidSecurityToken.Expired": (400, "Specified SecurityToken is expired."),
    "InvalidSecurityToken.MismatchWithAccessKey": (
        400,
        "Specified SecurityToken mismatch with the AccessKey.",
    ),
    "InvalidAction.NotFound": (
        404,
        "Specified api is not found, please check your url and method.",
    ),
    "InvalidApi.NotFound": (404, "Specified api is not found, please check your url and method."),
    "InvalidVersion": (400, "Specified parameter Version is not valid."),
    "InvalidFormat": (400, "Specified parameter Format is not valid."),
    "UnsupportedHTTPMethod": (400, "This http method is not supported."),
    # inferred: what the gateway says to bodies it will not read is not documented
    "InvalidParameter.Encoding": (400, "The parameters are not URL-encoded UTF-8."),
    "InvalidParameter.Repeated": (400, "A parameter is given twice, with different values."),
    "InvalidParameter.TooMany": (400, "The request has too many parameters."),
    "RequestEntityTooLarge": (413, "The request body is too large."),
    "RequestTimeout": (408, "The request body did not arrive in time."),
    "IncompleteBody": (400, "The request body is shorter than announced."),
    "InternalError": (500, "The request processing has failed due to some unknown error."),
    "ServiceUnavailable": (503, "The request has failed due to a temporary failure of the server."),
}


def gateway_error(code: str) -> RpcError:
    """The gateway's error of this code. Raises KeyError for a code it does not have."""
    status, message = _GATEWAY[code]
    return RpcError(status, code, message)


def missing(name: str) -> RpcError:
    """A parameter that has to be there is not (``Missing{Param}``)."""
    return RpcError(400, f"Missing{name}", f"{name} is mandatory for this action.")


def signature_mismatch(text_signed: str) -> RpcError:
    """The signature is another one. Clients cut the text they compare from the message, so it has
    to stand there behind the only words they look for, and whole: from its being equal to their
    own they tell a wrong secret from a wrong signature (vendor's Go, Java, Python and .NET
    clients; observed). So it repeats whatever the caller sent, a token or a plaintext as well;
    it is answered to nobody else, and kept in no log."""
    return RpcError(
        400,
        "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation. "
        f"server string to sign is:{text_signed}",
    )
