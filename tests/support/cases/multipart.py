"""Multipart uploads."""

from __future__ import annotations

from tests.support.cases.forms import UPLOAD, Case, at, on

_UPLOAD = ("uploadId", UPLOAD)
_FIRST = ("partNumber", "1")
_NONE = "NoSuchUpload"

CASES = {
    "InitiateMultipartUpload": Case(
        on("POST", ("uploads", None)),
        on("POST", ("uploads", None), ("encoding-type", "base64")),
        "InvalidArgument",
        missing_key=200,
    ),
    "UploadPart": Case(
        on("PUT", _FIRST, _UPLOAD, body=b"x"),
        on("PUT", ("partNumber", "10001"), _UPLOAD, body=b"x"),
        "InvalidArgument",
        missing_code=_NONE,
    ),
    "UploadPartCopy": Case(
        on("PUT", _FIRST, _UPLOAD, x_oss_copy_source="/public/page"),
        on("PUT", _FIRST, _UPLOAD, x_oss_copy_source="public/page"),
        "InvalidArgument",
        missing_code=_NONE,
    ),
    "CompleteMultipartUpload": Case(
        on("POST", _UPLOAD, x_oss_complete_all="yes"),
        on("POST", _UPLOAD, body=b"<CompleteMultipartUpload/>"),
        "MalformedXML",
        missing_code=_NONE,
    ),
    "AbortMultipartUpload": Case(
        on("DELETE", _UPLOAD),
        on("DELETE", ("uploadId", "")),
        "InvalidArgument",
        found=204,
        missing_code=_NONE,
    ),
    "ListMultipartUploads": Case(
        at("GET", ("uploads", None)),
        at("GET", ("uploads", None), ("max-uploads", "1001")),
        "InvalidArgument",
    ),
    "ListParts": Case(
        on("GET", _UPLOAD),
        on("GET", _UPLOAD, ("max-parts", "0")),
        "InvalidArgument",
        missing_code=_NONE,
    ),
}
