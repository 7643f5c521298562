"""Reading unfinished uploads back and comparing them with the ledger."""

from __future__ import annotations

import random
from collections import Counter

from tests.fault.ledger import PUT_PREFIX, Fault, FaultKind, Ledger, Operation
from tests.fault.reading import REPLICAS, Replica
from tests.fault.reading import Checker as ObjectChecker
from tests.fault.uploads import Step, Upload
from tests.support.wire import Call, Wire

_PAGE = "1000"
Query = tuple[tuple[str, str | None], ...]


class UploadReader:
    """Lists uploads and their parts as the owner of the sources, or of the destinations."""

    def __init__(self, port: int, account: str = "a") -> None:
        self._wire = Wire(port, account)

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    async def uploads(self, bucket: str, prefix: str = "") -> dict[str, str]:
        """The keys of all uploads, by id."""
        found: dict[str, str] = {}
        base: Query = (("uploads", None), ("max-uploads", _PAGE), ("prefix", prefix))
        query = base
        while True:
            page = (await self._wire.ok(Call("GET", bucket, query=query))).document
            for each in page.iterfind("Upload"):
                found[each.findtext("UploadId", "")] = each.findtext("Key", "")
            if page.findtext("IsTruncated") != "true":
                return found
            markers = ("key-marker", "NextKeyMarker"), ("upload-id-marker", "NextUploadIdMarker")
            query = (*base, *((name, page.findtext(tag, "")) for name, tag in markers))

    async def parts(self, upload: Upload, bucket: str = "") -> dict[int, str] | None:
        """Size and ETag of the parts by number; ``None`` without the upload. ``bucket``: where it
        is a replica."""
        query = (("uploadId", upload.upload_id),)
        reply = await self._wire.send(Call("GET", bucket or upload.bucket, upload.key, query))
        if reply.status == 404 and reply.code == "NoSuchUpload":
            return None
        assert reply.status == 200, reply
        return {
            int(each.findtext("PartNumber", "")): (
                f"{each.findtext('Size')} {each.findtext('ETag')}"
            )
            for each in reply.document.iterfind("Part")
        }


class Checker(ObjectChecker):
    """Compares sources, their uploads and replicas with the ledger."""

    def __init__(self, port: int, ledger: Ledger, chance: random.Random) -> None:
        super().__init__(port, ledger, chance)
        self._uploads = UploadReader(port)
        self._upload_replicas = UploadReader(port, "b")

    def close(self) -> None:
        """Close the connections."""
        super().close()
        self._uploads.close()
        self._upload_replicas.close()

    async def check_sources(self, sample: int | None) -> None:
        """Uploads as well, all of them."""
        await super().check_sources(sample)
        for bucket in self._ledger.keys:
            known = {each.upload_id: each for each in self._ledger.uploads if each.bucket == bucket}
            found = await self._uploads.uploads(bucket)
            for upload_id in found.keys() - known.keys():
                where = f"{bucket}/{found[upload_id]}"
                self._ledger.report(FaultKind.EXTRA, where, f"upload {upload_id}")
            for upload in known.values():
                self._ledger.faults += await self._compare_upload(upload, upload.shown())

    async def check_replicas(self, sample: int | None) -> Counter[str]:
        """The uploads at the destinations as well, all of them."""
        entries = await super().check_replicas(sample)
        for replica in REPLICAS:
            await self._check_upload_replicas(replica)
        return entries

    async def _check_upload_replicas(self, replica: Replica) -> None:
        """Whatever was begun since the rules is there with its parts, and nothing else, unless it
        was aborted under a rule that does not abort."""
        ledger = self._ledger
        wanted = {
            each.upload_id: each
            for each in ledger.uploads
            if each.bucket == replica.source
            and each.number > ledger.ruled_number
            and (replica.copies_deletes or each.key.startswith(PUT_PREFIX))
        }
        found = await self._upload_replicas.uploads(replica.bucket)
        for upload_id in found.keys() - wanted.keys():
            known = any(each.upload_id == upload_id for each in ledger.uploads)
            if replica.copies_deletes or known or upload_id not in ledger.aborted:
                where = f"{replica.bucket}/{found[upload_id]}"
                ledger.report(FaultKind.EXTRA, where, f"upload {upload_id}")
        for upload in wanted.values():
            parts = await self._upload_replicas.parts(upload, replica.bucket)
            if parts != upload.shown():
                where = f"{replica.bucket}/{upload.key} upload {upload.upload_id}"
                kind = FaultKind.LOST if parts is None else FaultKind.WRONG
                ledger.report(kind, where, f"parts {parts}, expected {upload.shown()}")

    async def _as_before(self, operation: Operation) -> list[Fault]:
        faults = await super()._as_before(operation)
        asked = operation.upload
        if asked is None:
            return faults
        if asked.step is Step.INITIATE:
            return faults + await self._compare_known(asked.upload, others=0)
        return faults + await self._compare_upload(asked.upload, asked.upload.shown())

    async def _as_after(self, operation: Operation) -> list[Fault]:
        faults = await super()._as_after(operation)
        asked = operation.upload
        if asked is None:
            return faults
        if asked.step is Step.INITIATE:
            return faults + await self._compare_known(asked.upload, others=1)
        return faults + await self._compare_upload(asked.upload, asked.shown_after())

    async def _compare_known(self, upload: Upload, others: int) -> list[Fault]:
        """Of the uploads of a key so many are new; notes the id of the new one."""
        found = await self._uploads.uploads(upload.bucket, upload.key)
        known = {each.upload_id for each in self._ledger.uploads}
        new = [each for each, key in found.items() if key == upload.key and each not in known]
        if len(new) != others:
            kind = FaultKind.EXTRA if len(new) > others else FaultKind.LOST
            return [Fault(kind, f"{upload.bucket}/{upload.key}", f"uploads {new}")]
        if new:
            upload.upload_id = new[0]
        return []

    async def _compare_upload(self, upload: Upload, expected: dict[int, str] | None) -> list[Fault]:
        seen = await self._uploads.parts(upload)
        if seen == expected:
            return []
        where = f"{upload.bucket}/{upload.key} upload {upload.upload_id}"
        if expected is None or seen is None:
            kind = FaultKind.LOST if seen is None else FaultKind.EXTRA
            return [Fault(kind, where, f"parts {seen}, expected {expected}")]
        kind = FaultKind.LOST if expected.keys() - seen.keys() else FaultKind.WRONG
        return [Fault(kind, where, f"parts {seen}, expected {expected}")]
