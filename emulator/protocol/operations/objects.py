"""Operations on an object. Per method the rows stand in the order in which OSS prefers them."""

from __future__ import annotations

from emulator.protocol.operations.model import AccessClass, Level, rows_of

_row = rows_of(Level.OBJECT)
_READ = AccessClass.DATA_READ
_WRITE = AccessClass.DATA_WRITE
_TAGGING_HEADER = (("x-oss-tagging", "oss:PutObjectTagging"),)
_RETENTION_HEADERS = (
    ("x-oss-object-worm-mode", "oss:PutObjectRetention"),
    ("x-oss-object-worm-legal-hold", "oss:PutObjectLegalHold"),
)
_WRITE_HEADERS = (
    *_TAGGING_HEADER,
    ("x-oss-object-acl", "oss:PutObjectAcl"),
    *_RETENTION_HEADERS,
)
_BYPASS_HEADER = (("x-oss-bypass-governance-retention", "oss:BypassGovernanceRetention"),)
_PART = (("partNumber", ""),)

_PUT = (
    _row(
        "PutSymlink",
        "PUT",
        "symlink",
        1,
        action="PutObject",
        access=_WRITE,
        header_actions=_WRITE_HEADERS,
    ),
    _row("PutObjectAcl", "PUT", "acl", 1, version_action="PutObjectVersionAcl"),
    _row("PutObjectTagging", "PUT", "tagging", 1, version_action="PutObjectVersionTagging"),
    _row("PutObjectRetention", "PUT", "retention", 3, header_actions=_BYPASS_HEADER),
    _row("PutObjectLegalHold", "PUT", "legalHold", 3),
    _row("PutLiveChannelStatus", "PUT", "live", 3, query=(("status", ""),)),
    _row("PutLiveChannel", "PUT", "live", 3),
    _row(
        "UploadPartCopy",
        "PUT",
        "uploadId",
        1,
        query=_PART,
        header="x-oss-copy-source",
        action="PutObject",
        access=_WRITE,
    ),
    _row("UploadPart", "PUT", "uploadId", 1, query=_PART, action="PutObject", access=_WRITE),
    _row(
        "CopyObject",
        "PUT",
        "",
        1,
        header="x-oss-copy-source",
        action="PutObject",
        access=_WRITE,
        header_actions=_WRITE_HEADERS,
    ),
    _row("PutObject", "PUT", "", 1, access=_WRITE, header_actions=_WRITE_HEADERS),
)

_POST = (
    _row(
        "InitiateMultipartUpload",
        "POST",
        "uploads",
        1,
        action="PutObject",
        access=_WRITE,
        header_actions=(*_TAGGING_HEADER, *_RETENTION_HEADERS),
    ),
    _row(
        "AppendObject",
        "POST",
        "append",
        1,
        action="PutObject",
        access=_WRITE,
        header_actions=_WRITE_HEADERS,
    ),
    _row("SealAppendObject", "POST", "seal", 2, access=_WRITE),
    _row("RestoreObject", "POST", "restore", 2, version_action="RestoreObjectVersion"),
    _row("CleanRestoredObject", "POST", "cleanRestoredObject", 2),
    _row(
        "CompleteMultipartUpload",
        "POST",
        "uploadId",
        1,
        action="PutObject",
        access=_WRITE,
        header_actions=(("x-oss-object-acl", "oss:PutObjectAcl"),),
    ),
    _row(
        "SelectObject",
        "POST",
        "x-oss-process",
        4,
        values=("csv/select", "json/select"),
        action="GetObject",
        access=_READ,
    ),
    _row(
        "CreateSelectObjectMeta",
        "POST",
        "x-oss-process",
        4,
        values=("csv/meta", "json/meta"),
        action="GetObject",
        access=_READ,
    ),
    _row("ProcessObject", "POST", "x-oss-process", 4, action="PostProcessTask"),
    _row("AsyncProcessObject", "POST", "x-oss-async-process", 4, action="ProcessImm"),
    _row("PostVodPlaylist", "POST", "vod", 4),
    _row("Rename", "POST", "x-oss-rename", 4),
    _row("CreateDirectory", "POST", "x-oss-dir", 4),
    _row("DeleteDirectory", "POST", "x-oss-delete", 4),
)

_GET = (
    _row("GetObjectAcl", "GET", "acl", 1, version_action="GetObjectVersionAcl"),
    _row("GetObjectTagging", "GET", "tagging", 1, version_action="GetObjectVersionTagging"),
    _row(
        "GetSymlink",
        "GET",
        "symlink",
        1,
        action="GetObject",
        version_action="GetObjectVersion",
        access=_READ,
    ),
    _row("GetObjectRetention", "GET", "retention", 3),
    _row("GetObjectLegalHold", "GET", "legalHold", 3),
    _row("GetLiveChannelStat", "GET", "live", 3, comp="stat"),
    _row("GetLiveChannelHistory", "GET", "live", 3, comp="history"),
    _row("GetLiveChannelInfo", "GET", "live", 3, action="GetLiveChannel"),
    _row("GetVodPlaylist", "GET", "vod", 4),
    _row("ListParts", "GET", "uploadId", 1, access=AccessClass.LIST),
    _row(
        "GetObjectMeta",
        "HEAD",
        "objectMeta",
        1,
        also_method="GET",
        action="GetObject",
        version_action="GetObjectVersion",
        access=_READ,
    ),
    _row("GetObject", "GET", "", 1, version_action="GetObjectVersion", access=_READ),
    _row(
        "HeadObject",
        "HEAD",
        "",
        1,
        action="GetObject",
        version_action="GetObjectVersion",
        access=_READ,
    ),
    _row("OptionObject", "OPTIONS", "", 2, action="", access=_READ),
)

_DELETE = (
    _row("AbortMultipartUpload", "DELETE", "uploadId", 1, access=_WRITE),
    _row(
        "DeleteObjectTagging", "DELETE", "tagging", 1, version_action="DeleteObjectVersionTagging"
    ),
    _row("DeleteLiveChannel", "DELETE", "live", 3),
    _row(
        "DeleteObject",
        "DELETE",
        "",
        1,
        version_action="DeleteObjectVersion",
        access=_WRITE,
        header_actions=_BYPASS_HEADER,
    ),
)

OBJECT_OPERATIONS = _PUT + _POST + _GET + _DELETE
