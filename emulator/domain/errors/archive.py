"""The errors of archived objects and of objects that may not be changed; see ``domain.errors``."""

from __future__ import annotations

from emulator.domain.errors.core import OssError

# --- archived objects -------------------------------------------------------------------------


class RestoreAlreadyInProgress(OssError):
    """The restore operation is in progress."""


class ArchiveRestoreNotFinished(OssError):
    """The archive file's restore is not finished."""


class ArchiveRestoreFileStale(OssError):
    """The archive file or restore info stale"""


# --- objects that may not be changed ----------------------------------------------------------


class FileImmutable(OssError):
    """The object you specified is immutable."""


class NoSuchWORMConfiguration(OssError):
    """The WORM Configuration does not exist."""


class WORMConfigurationAlreadyExists(OssError):
    """The WORM Configuration already exists."""


class WORMConfigurationLocked(OssError):
    """The WORM Configuration is locked."""


class InvalidWORMConfiguration(OssError):
    """The WORM Configuration is invalid."""
