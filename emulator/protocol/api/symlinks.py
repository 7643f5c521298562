"""PutSymlink and GetSymlink."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain import errors, objects
from emulator.domain.errors import NotSymlink
from emulator.domain.model import Acl, StorageClass, VersionKind, encode_strings
from emulator.domain.objects import ObjectWrite
from emulator.protocol.addressing import decode_key
from emulator.protocol.api.objects import find_version, moment_of, version_header
from emulator.protocol.call import Answer, Call, Handler
from emulator.protocol.object_headers import (
    quoted,
    read_flag,
    read_metadata,
    read_object_acl,
    read_storage_class,
    read_tagging,
    refuse_unsupported,
    symlink_headers,
)

_TARGET = "x-oss-symlink-target"
_CLASSES = (StorageClass.STANDARD, StorageClass.IA, StorageClass.ARCHIVE)


async def put_symlink(call: Call) -> Answer:
    """OSS PutSymlink: nobody looks at the target before the link is read; documented."""
    refuse_unsupported(call.headers)
    target = _read_target(call.headers)
    write = _read_write(call)
    bucket, moment = call.bucket, moment_of(call)
    version = await call.context.store.write(
        lambda tx: objects.put_symlink(tx, bucket, write, target, moment)
    )
    call.context.changed()
    return Answer(
        headers={
            "ETag": quoted(version.etag),
            "x-oss-hash-crc64ecma": str(version.crc64),
            **version_header(bucket, version.version_id),
        }
    )


def _read_target(headers: Mapping[str, str]) -> str:
    """The key that is linked to. Raises InvalidArgument (the codes are inferred)."""
    text = headers.get(_TARGET, "")
    try:
        return decode_key(text)
    except errors.InvalidObjectName as error:
        raise errors.InvalidArgument(
            "The target of the symlink is invalid.", name=_TARGET, value=text
        ) from error


def _read_write(call: Call) -> ObjectWrite:
    headers = call.headers
    storage_class = read_storage_class(headers)
    if storage_class is not None and storage_class not in _CLASSES:
        raise errors.InvalidArgument(
            "A symlink cannot be of this storage class.",
            name="x-oss-storage-class",
            value=storage_class.value,
        )
    of_bucket = call.bucket.storage_class
    if of_bucket not in _CLASSES:
        of_bucket = StorageClass.STANDARD  # a link has to be readable (inferred)
    return ObjectWrite(
        key=call.key,
        acl=read_object_acl(headers) or Acl.DEFAULT,
        storage_class=storage_class or of_bucket,
        headers_json=encode_strings(read_metadata(headers)),
        tags_json=read_tagging(headers.get("x-oss-tagging")),
        forbid_overwrite=read_flag(headers, "x-oss-forbid-overwrite"),
    )


async def get_symlink(call: Call) -> Answer:
    """OSS GetSymlink: where a link leads to, and what describes the link itself; documented."""
    with call.context.store.read() as view:
        version = find_version(call, view)
    if version.kind is not VersionKind.SYMLINK:
        raise NotSymlink
    return Answer(headers=symlink_headers(call.bucket, version))


HANDLERS: Mapping[str, Handler] = {
    "PutSymlink": put_symlink,
    "GetSymlink": get_symlink,
}
