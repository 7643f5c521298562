"""ETags that are no MD5 of the content, and telling them apart."""

from __future__ import annotations

from emulator.domain.model import ObjectVersion, VersionKind
from emulator.domain.ports import Rng

_DIGITS = 32
_APPEND_END = "00000000"


def opaque_etag(rng: Rng) -> str:
    """The ETag of a symbolic link: 32 digits that say nothing (OSS PutSymlink; observed)."""
    return rng.hex(_DIGITS).upper()


def append_etag(rng: Rng) -> str:
    """The ETag of an appendable object, another one after each append (observed in samples)."""
    return rng.hex(_DIGITS - len(_APPEND_END)).upper() + _APPEND_END


def content_md5(version: ObjectVersion) -> bytes | None:
    """The MD5 of a version's content, where ``Content-MD5`` shows it: of Normal objects
    (OSS HeadObject; documented).

    A copy of an appendable object is Normal and keeps its ETag, which is no MD5; it is known by
    the ending that one MD5 in 2**32 has as well (inferred).
    """
    if version.kind is not VersionKind.NORMAL or len(version.etag) != _DIGITS:
        return None
    return None if version.etag.endswith(_APPEND_END) else bytes.fromhex(version.etag)
