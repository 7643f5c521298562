"""What a signature check looks at, and what a request claims about its signer."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Scheme(StrEnum):
    """Signature versions of OSS."""

    V1 = "V1"  # HMAC-SHA1 over a few headers and the named sub-resources
    V2 = "V2"  # HMAC-SHA256 over the same lines and the whole query; legacy
    V4 = "V4"  # HMAC-SHA256 with a key derived for one day, region and product


class Location(StrEnum):
    """Where the credentials stand."""

    HEADER = "header"
    QUERY = "query"


class SigningRequest(msgspec.Struct, frozen=True, gc=False):
    """The parts of a request a signature can cover.

    ``bucket`` is "" for the service and ``key`` is "" at bucket level; the key is percent-decoded
    once. ``query`` holds decoded names and values in wire order, a value being None when the wire
    had no ``=``. Header names are lower case, values as received. Bytes that are not UTF-8 are
    carried as surrogate escapes throughout.
    """

    method: str
    bucket: str = ""
    key: str = ""
    query: tuple[tuple[str, str | None], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


class Claims(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Who signed, when and how, according to the request; nothing of it is verified yet.

    ``date_text`` is the date line of the string to sign: the date header, or the expiry of a V1 or
    V2 URL. ``signed_at_s`` is None when there is no readable date, and for V1 and V2 URLs.
    ``expires_at_s`` is set for URLs only. ``date``, ``region`` and ``product`` are the scope of V4.
    ``additional_headers`` is in canonical form: lower case, sorted, without doubles.
    """

    scheme: Scheme
    location: Location
    access_key_id: str
    signature: str
    security_token: str | None = None
    date_text: str = ""
    signed_at_s: int | None = None
    expires_at_s: int | None = None
    date: str = ""
    region: str = ""
    product: str = ""
    additional_headers: tuple[str, ...] = ()
