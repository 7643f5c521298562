"""A bucket of its own, and short forms for the requests of multipart uploads in it."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.support.hostile import Attacker, Reply
from tests.support.wire import Call

NO_UPLOAD = "0" * 32
KIB_100 = 102_400
Query = tuple[tuple[str, str | None], ...]
_NUMBERS = itertools.count(1)


def new_place(attacker: Attacker) -> UploadPlace:
    """A fresh bucket with an object."""
    made = UploadPlace(attacker, f"parts-{next(_NUMBERS)}")
    attacker.ok(Call("PUT", made.name))
    attacker.ok(Call("PUT", made.name, "source", body=bytes(range(100)) * 10))
    return made


class UploadPlace:
    """A bucket and the requests of uploads in it."""

    def __init__(self, attacker: Attacker, name: str) -> None:
        self.attacker = attacker
        self.name = name

    def request(
        self, method: str, key: str, query: Query = (), body: bytes = b"", /, **headers: str
    ) -> Call:
        """One request."""
        pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return Call(method, self.name, key, query, pairs, body)

    def begin(self, key: str = "key", /, *query: tuple[str, str | None], **headers: str) -> str:
        """A new upload."""
        call = self.request("POST", key, (("uploads", None), *query), **headers)
        upload_id = self.attacker.ok(call).document.findtext("UploadId", "")
        assert len(upload_id) == 32
        return upload_id

    def part(
        self,
        upload_id: str,
        number: object,
        body: bytes = b"x",
        /,
        key: str = "key",
        **headers: str,
    ) -> Call:
        """A part."""
        query = (("partNumber", str(number)), ("uploadId", upload_id))
        return self.request("PUT", key, query, body, **headers)

    def put(self, upload_id: str, number: int, body: bytes = b"x", key: str = "key") -> str:
        """Store a part; its ETag."""
        return self.attacker.ok(self.part(upload_id, number, body, key)).header("etag")

    def complete(
        self, upload_id: str, parts: list[tuple[int, str]], key: str = "key", **headers: str
    ) -> Call:
        """Complete with these parts."""
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in parts
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        return self.request("POST", key, (("uploadId", upload_id),), body, **headers)

    def complete_all(self, upload_id: str, key: str = "key", **headers: str) -> Call:
        """Complete with all parts."""
        query = (("uploadId", upload_id),)
        return self.request("POST", key, query, x_oss_complete_all="yes", **headers)

    def uploads(self, *query: tuple[str, str | None]) -> Reply:
        """The uploads."""
        return self.attacker.ok(self.request("GET", "", (("uploads", None), *query)))

    def clear(self) -> None:
        """Remove everything and the bucket."""
        for each in self.uploads().document.iterfind("Upload"):
            query = (("uploadId", each.findtext("UploadId", "")),)
            self.attacker.ok(Call("DELETE", self.name, each.findtext("Key", ""), query))
        listing = self.attacker.ok(Call("GET", self.name, query=(("versions", None),)))
        for tag in ("Version", "DeleteMarker"):
            for each in listing.document.iterfind(tag):
                query = (("versionId", each.findtext("VersionId", "")),)
                self.attacker.ok(Call("DELETE", self.name, each.findtext("Key", ""), query))
        self.attacker.ok(Call("DELETE", self.name))


def blob_files(folder: Path) -> set[str]:
    """The files of large content, temporary ones included."""
    return {path.name for path in (folder / "blobs").rglob("*") if path.is_file()}
