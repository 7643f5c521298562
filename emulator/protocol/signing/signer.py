"""Our own request signer: for tests, health and bench scripts, and users' scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

import msgspec

from emulator.protocol.dates import http_date, iso_basic
from emulator.protocol.signing import v1, v2, v4
from emulator.protocol.signing.claims import STS_HEADER
from emulator.protocol.signing.fields import (
    UNSIGNED_PAYLOAD,
    V4_TERMINATOR,
    without_defaults,
)
from emulator.protocol.signing.request import Claims, Location, Scheme, SigningRequest
from emulator.protocol.signing.text import percent_encode, percent_encode_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An access key, with the security token when it is temporary."""

    access_key_id: str
    secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs with one access key; ``region`` and ``product`` are the scope of V4.

    ``additional`` names headers to be signed beside those that always are (V2 and V4); the request
    must hold them.
    """

    credentials: Credentials
    scheme: Scheme = Scheme.V4
    region: str = ""
    product: str = "oss"

    def headers(
        self, request: SigningRequest, now_s: float, additional: Sequence[str] = ()
    ) -> dict[str, str]:
        """Headers to add to the request so that it is signed."""
        added = self._unsigned_headers(now_s)
        claims = self._claims(Location.HEADER, now_s, additional)
        whole = msgspec.structs.replace(request, headers=(*request.headers, *added.items()))
        added["authorization"] = self._authorization(claims, self._sign(claims, whole))
        return added

    def presigned_query(
        self,
        request: SigningRequest,
        now_s: float,
        expires_s: int,
        additional: Sequence[str] = (),
    ) -> tuple[tuple[str, str], ...]:
        """Parameters to append to the query, decoded, so that the URL is signed."""
        claims = self._claims(Location.QUERY, now_s, additional, expires_s)
        added = self._unsigned_params(claims, expires_s)
        whole = msgspec.structs.replace(request, query=(*request.query, *added.items()))
        name = "Signature" if self.scheme is Scheme.V1 else "x-oss-signature"
        added[name] = self._sign(claims, whole)
        return tuple(added.items())

    def _sign(self, claims: Claims, request: SigningRequest) -> str:
        secret = self.credentials.secret
        match self.scheme:
            case Scheme.V1:
                # The key id and the expiry are no sub-resources, so they never get into the string.
                return v1.sign(claims, request, secret)
            case Scheme.V2:
                return v2.sign(claims, request, secret)
            case Scheme.V4:
                return v4.sign(claims, request, secret)
            case _:
                assert_never(self.scheme)

    def _claims(
        self, location: Location, now_s: float, additional: Sequence[str], expires_s: int = 0
    ) -> Claims:
        names = tuple(sorted({name.lower() for name in additional}))
        if self.scheme is Scheme.V4:
            names = without_defaults(names)
            date_text = iso_basic(int(now_s * 1000))
        elif location is Location.QUERY:
            date_text = str(int(now_s) + expires_s)
        else:
            date_text = http_date(int(now_s * 1000))
        return Claims(
            scheme=self.scheme,
            location=location,
            access_key_id=self.credentials.access_key_id,
            signature="",
            security_token=self.credentials.security_token,
            date_text=date_text,
            date=date_text[:8],
            region=self.region,
            product=self.product,
            additional_headers=names,
        )

    def _unsigned_headers(self, now_s: float) -> dict[str, str]:
        if self.scheme is Scheme.V4:
            added = {
                "x-oss-date": iso_basic(int(now_s * 1000)),
                "x-oss-content-sha256": UNSIGNED_PAYLOAD,
            }
        else:
            added = {"date": http_date(int(now_s * 1000))}
        if self.credentials.security_token is not None:
            added[STS_HEADER] = self.credentials.security_token
        return added

    def _authorization(self, claims: Claims, signature: str) -> str:
        key_id = self.credentials.access_key_id
        listed = ";".join(claims.additional_headers)
        match self.scheme:
            case Scheme.V1:
                return f"OSS {key_id}:{signature}"
            case Scheme.V2:
                middle = f"AdditionalHeaders:{listed}," if listed else ""
                return f"OSS2 AccessKeyId:{key_id},{middle}Signature:{signature}"
            case Scheme.V4:
                middle = f"AdditionalHeaders={listed}," if listed else ""
                credential = self._credential(claims)
                return f"OSS4-HMAC-SHA256 Credential={credential},{middle}Signature={signature}"
            case _:
                assert_never(self.scheme)

    def _unsigned_params(self, claims: Claims, expires_s: int) -> dict[str, str]:
        key_id = self.credentials.access_key_id
        match self.scheme:
            case Scheme.V1:
                added = {"OSSAccessKeyId": key_id, "Expires": claims.date_text}
            case Scheme.V2:
                added = {
                    "x-oss-signature-version": "OSS2",
                    "x-oss-expires": claims.date_text,
                    "x-oss-access-key-id": key_id,
                }
            case Scheme.V4:
                added = {
                    "x-oss-signature-version": "OSS4-HMAC-SHA256",
                    "x-oss-credential": self._credential(claims),
                    "x-oss-date": claims.date_text,
                    "x-oss-expires": str(expires_s),
                }
            case _:
                assert_never(self.scheme)
        if claims.additional_headers:
            added["x-oss-additional-headers"] = ";".join(claims.additional_headers)
        if self.credentials.security_token is not None:
            name = STS_HEADER if self.scheme is Scheme.V4 else "security-token"
            added[name] = self.credentials.security_token
        return added

    def _credential(self, claims: Claims) -> str:
        key_id = self.credentials.access_key_id
        return f"{key_id}/{claims.date}/{self.region}/{self.product}/{V4_TERMINATOR}"


def request_target(request: SigningRequest, *, path_style: bool = True) -> str:
    """The encoded path and query to send; without ``path_style`` the bucket is left to the Host."""
    path = (
        f"/{request.bucket}/{request.key}" if path_style and request.bucket else f"/{request.key}"
    )
    items = [
        percent_encode(name) if value is None else f"{percent_encode(name)}={percent_encode(value)}"
        for name, value in request.query
    ]
    query = "?" + "&".join(items) if items else ""
    return percent_encode_path(path) + query
