"""Which version a read is about."""

from __future__ import annotations

import msgspec

from emulator.domain import errors
from emulator.domain.errors import (
    InvalidTargetType,
    SymlinkTargetNotExist,
)
from emulator.domain.model import (
    NULL_VERSION_ID,
    Bucket,
    ObjectVersion,
    VersionKind,
)
from emulator.domain.ports import MetaView
from emulator.domain.versions import is_version_id


def check_version_id(version_id: str) -> None:
    """Refuse text that cannot be a version id (OSS, InvalidArgument; observed)."""
    if version_id == NULL_VERSION_ID:
        return
    if not version_id:
        raise errors.InvalidArgument(
            "Version id can not be the empty string.", name="versionId", value=""
        )
    if not is_version_id(version_id):
        raise errors.InvalidArgument(
            "Invalid version id specified.", name="versionId", value=version_id
        )


def find_readable(
    view: MetaView, bucket: Bucket, key: str, version_id: str | None, *, method: str = "GET"
) -> ObjectVersion:
    """The version a read is about (OSS GetObject; documented); ``method`` is shown in refusals.

    Raises NoSuchKey for a missing key or a current delete marker, NoSuchVersion for an unknown
    version id and MethodNotAllowed for the version id of a delete marker.
    """
    if version_id is None:
        current = view.current_version(bucket.id, key)
        if current is None:
            raise errors.NoSuchKey(key)
        if current.is_delete_marker:
            shown = {"x-oss-delete-marker": "true", "x-oss-version-id": current.version_id}
            raise errors.NoSuchKey(key, headers=shown)
        return current
    check_version_id(version_id)
    found = view.version(bucket.id, key, version_id)
    if found is None:
        raise errors.NoSuchVersion(key, version_id)
    if found.is_delete_marker:
        refusal = errors.MethodNotAllowed(method=method, resource="DeleteMarker", allow="DELETE")
        refusal.headers["x-oss-delete-marker"] = "true"
        refusal.headers["x-oss-version-id"] = version_id
        raise refusal
    return found


class Readable(msgspec.Struct, frozen=True, gc=False):
    """What a read of content is about: a version, and the object it leads to if it is a link."""

    version: ObjectVersion
    target: ObjectVersion | None = None

    @property
    def content(self) -> ObjectVersion:
        """Whose bytes are read."""
        return self.version if self.target is None else self.target

    @property
    def modified_ms(self) -> int:
        """The later of both instants (documented)."""
        return max(self.version.modified_ms, self.content.modified_ms)


def find_content(view: MetaView, bucket: Bucket, version: ObjectVersion) -> Readable:
    """Follow a symbolic link to the current version of its target (OSS PutSymlink; documented).

    Raises SymlinkTargetNotExist, and InvalidTargetType for a link to a link, itself included.
    """
    if version.kind is not VersionKind.SYMLINK:
        return Readable(version)
    target = view.current_version(bucket.id, version.symlink_target)
    if target is None or target.is_delete_marker:
        raise SymlinkTargetNotExist
    if target.kind is VersionKind.SYMLINK:
        raise InvalidTargetType
    return Readable(version, target)
