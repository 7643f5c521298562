"""Errors of multipart uploads; see ``core``."""

from __future__ import annotations

from emulator.domain.errors.core import OssError


class NoSuchUpload(OssError):
    """The specified upload does not exist. The upload ID may be invalid, or the upload may have
    been aborted or completed.
    """

    def __init__(self, upload_id: str, *, ec: str = "") -> None:
        super().__init__(ec=ec, fields={"UploadId": upload_id})


class InvalidPart(OssError):
    """One or more of the specified parts could not be found or the specified entity tag might not
    have matched the part's entity tag.
    """


class InvalidPartOrder(OssError):
    """The list of parts was not in ascending order. Parts list must be specified in order by part
    number.
    """


class PartNotSequential(OssError):
    """For sequential multipart upload, you must upload or complete parts with sequential part
    number.
    """


class PartAlreadyExist(OssError):
    """For sequential multipart upload, you can't overwrite uploaded parts."""


class NoHashContext(OssError):
    """The hash context of the part is missing."""


class InvalidEncryptionRequest(OssError):
    """The client-side encryption of the parts is not that of the upload."""
