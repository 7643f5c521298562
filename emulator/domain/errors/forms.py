"""Error classes of uploads by form and of upload callbacks; see ``core``."""

from __future__ import annotations

from emulator.domain.errors.core import OssError


class RequestIsNotMultiPartContent(OssError):
    """Bucket POST must be of the enclosure-type multipart/form-data."""


class MalformedPOSTRequest(OssError):
    """The body of your POST request is not well-formed multipart/form-data."""


class FieldItemTooLong(OssError):
    """Your form field is too long."""


class MaxPOSTPreDataLengthExceededError(OssError):
    """Your POST request fields preceding the upload file were too large."""


class IncorrectNumberOfFilesInPOSTRequest(OssError):
    """POST requires exactly one file upload per request."""


class CallbackFailed(OssError):
    """The upload is stored, but the callback was not answered as it should be."""
