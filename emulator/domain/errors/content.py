"""Errors of appendable objects, symbolic links and ranges; see ``core``."""

from __future__ import annotations

from emulator.domain.errors.core import OssError


class PositionNotEqualToLength(OssError):
    """Position is not equal to file length"""

    def __init__(self, length_bytes: int) -> None:
        super().__init__(headers={"x-oss-next-append-position": str(length_bytes)})


class ObjectNotAppendable(OssError):
    """The object is not appendable"""


class AppendSealedObjectNotAllowed(OssError):
    """The object is sealed and cannot be appended to"""


class NotSymlink(OssError):
    """The object is not a symlink"""


class SymlinkTargetNotExist(OssError):
    """The symlink target object does not exist"""


class InvalidTargetType(OssError):
    """The symlink target object type is invalid"""


class MultiRangeFailed(OssError):
    """Exceed multi range max interval count."""
