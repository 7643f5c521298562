"""The parts that header and URL credentials have in common, each read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from emulator.domain.errors import AccessDenied, InvalidAccessKeyId, InvalidArgument
from emulator.protocol.signing.request import SigningRequest
from emulator.protocol.signing.subresources import OSS_PREFIX
from emulator.protocol.signing.text import legible

UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
V4_TERMINATOR: Final = "aliyun_v4_request"
SIGNED_BY_DEFAULT: Final = frozenset({"content-md5", "content-type"})

_PRODUCTS: Final = frozenset({"oss", "oss-cloudbox"})
_KEY_ID: Final = re.compile(r"[!-~]+")
_DAY: Final = re.compile(r"[0-9]{8}")
_REGION: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HEADER_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_SECONDS: Final = re.compile(r"[0-9]{1,18}")  # more digits cannot be a time in this universe


class Credential(NamedTuple):
    """A V4 credential: ``<key id>/<day>/<region>/<product>/aliyun_v4_request``."""

    access_key_id: str
    date: str
    region: str
    product: str


def parse_credential(text: str, field: str) -> Credential:
    """Split from the right, because a key id may hold dots and slashes.

    Raises InvalidArgument naming ``field``, InvalidAccessKeyId.
    """
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != V4_TERMINATOR:
        raise InvalidArgument("The credential of the signature is invalid.", name=field)
    access_key_id, date, region, product, _ = parts
    if not access_key_id:
        message = "The access key ID of the credential is invalid."
        raise InvalidArgument(message, name=field, ec="0002-00000206")
    check_access_key_id(access_key_id)
    if not _DAY.fullmatch(date):
        raise invalid_signing_date(date)
    if not _REGION.fullmatch(region):
        raise invalid_signing_region(region, in_url=field != "Authorization")
    if product not in _PRODUCTS:
        message = "Invalid signing product in Authorization header."
        raise InvalidArgument(message, name="product", value=legible(product), ec="0002-00000227")
    return Credential(access_key_id, date, region, product)


def invalid_signing_date(date: str) -> InvalidArgument:
    """SDKs compare this very message to correct their clock (SDK sources; observed)."""
    message = "Invalid signing date in Authorization header."
    return InvalidArgument(message, name="date", value=legible(date), ec="0002-00000223")


def invalid_signing_region(region: str, *, in_url: bool) -> InvalidArgument:
    """The scope names a region that is not the bucket's, or no region at all (observed)."""
    message = "Invalid signing region in Authorization header."
    if in_url:
        message = "The signing region in credential is invalid."
    return InvalidArgument(message, name="region", value=legible(region), ec="0002-00000226")


def check_access_key_id(access_key_id: str) -> None:
    """Refuse blanks, control characters and anything beyond ASCII; raises InvalidAccessKeyId."""
    if not _KEY_ID.fullmatch(access_key_id):
        message = "The access key ID contains characters that are not acceptable."
        raise InvalidAccessKeyId(legible(access_key_id), message, ec="0002-00000064")


def parse_additional_headers(text: str | None, request: SigningRequest) -> tuple[str, ...]:
    """Names of the additional signed headers in canonical form, () when none are listed.

    A listed header that the request lacks is left to the comparison: the strings then differ
    unless the client signed without it. One sent twice is refused, since signer and handler could
    disagree about which counts. Raises InvalidArgument.
    """
    if text is None:
        return ()
    names = {name.strip(" \t").lower() for name in text.split(";")}
    if not all(_HEADER_NAME.fullmatch(name) for name in names):
        message = "The additional headers of the signature are invalid."
        raise InvalidArgument(message, name="AdditionalHeaders", ec="0002-00000209")
    seen: set[str] = set()
    for name, _ in request.headers:
        if name in names:
            if name in seen:
                raise InvalidArgument("A signed header was sent twice.", name=legible(name))
            seen.add(name)
    return tuple(sorted(names))


def without_defaults(names: tuple[str, ...]) -> tuple[str, ...]:
    """V4 lists only the headers that are not signed anyway (OSS V4 signature; documented)."""
    return tuple(
        name for name in names if name not in SIGNED_BY_DEFAULT and not name.startswith(OSS_PREFIX)
    )


def check_payload_marker(headers: Mapping[str, str]) -> None:
    """The payload is never part of a V4 signature, so no other marker is true.

    Raises InvalidArgument (OSS error 0002-00000214; documented, the code inferred).
    """
    marker = headers.get("x-oss-content-sha256")
    if marker is not None and marker != UNSIGNED_PAYLOAD:
        message = "The value of x-oss-content-sha256 is invalid. Only UNSIGNED-PAYLOAD is allowed."
        raise InvalidArgument(
            message, name="x-oss-content-sha256", value=legible(marker), ec="0002-00000214"
        )


def parse_expiry_s(text: str) -> int:
    """Unix seconds of the expiry of a V1 or V2 URL; raises AccessDenied."""
    if not _SECONDS.fullmatch(text):
        raise AccessDenied("Invalid date (should be seconds since epoch).", ec="0002-00000070")
    return int(text)


def parse_seconds(text: str) -> int | None:
    """A plain number of seconds, None for any other text."""
    return int(text) if _SECONDS.fullmatch(text) else None
