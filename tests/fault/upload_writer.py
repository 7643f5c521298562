"""A writer of the crash loop that also uploads in parts, appends, and asks what must be refused."""

from __future__ import annotations

from tests.fault.history import Change, Entry, Kind, Origin, Piece
from tests.fault.ledger import PLAIN, VERSIONED, KeyChange, Operation, Writer
from tests.fault.uploads import Step, Upload, UploadStep
from tests.support.wire import Call

_UPLOADS_MAX = 3  # at a time, of one writer
_PARTS_MAX = 4
_APPENDED_KEYS = 3
_APPENDS_MAX = 12
_APPENDED_BYTES = (1, 40 << 10)
_NO_UPLOAD = "0" * 32
Query = tuple[tuple[str, str | None], ...]


class UploadingWriter(Writer):
    """Changes its keys, and has keys of its own to append to.

    Those are in the bucket without versions, where only a rule for the whole bucket copies them.
    """

    def _choose(self) -> Operation:
        dice = self._chance.random()
        if dice < 0.35:
            return self._upload_something()
        if dice < 0.50:
            return self._append_something()
        if dice < 0.56:
            return self._ask_in_vain()
        return super()._choose()

    # uploads

    def _upload_something(self) -> Operation:
        own = [upload for upload in self._ledger.uploads if f"/{self._name}/" in upload.key]
        if (len(own) < _UPLOADS_MAX and self._chance.random() < 0.4) or not own:
            return self._initiate()
        upload = self._chance.choice(own)
        dice = self._chance.random()
        if dice < 0.1:
            return self._abort(upload)
        if upload.parts and (dice < 0.4 or len(upload.parts) == _PARTS_MAX):
            return self._complete(upload)
        return self._part(upload)

    def _initiate(self) -> Operation:
        number = self._ledger.next_number()
        bucket = self._chance.choice((VERSIONED, PLAIN))
        upload = Upload(bucket, self._chance.choice(self._keys), number)
        headers = (("content-type", f"text/x-{number % 7}"), ("x-oss-meta-number", str(number)))
        call = Call("POST", bucket, upload.key, (("uploads", None),), headers)
        return Operation("initiate", bucket, [], call, UploadStep(Step.INITIATE, upload))

    def _part(self, upload: Upload) -> Operation:
        piece = Piece(self._ledger.next_number(), self._size_bytes())
        part_number = self._chance.randint(1, _PARTS_MAX)
        query = (("partNumber", str(part_number)), ("uploadId", upload.upload_id))
        call = Call("PUT", upload.bucket, upload.key, query, body=piece.data)
        step = UploadStep(Step.PART, upload, part_number, piece)
        return Operation("part", upload.bucket, [], call, step)

    def _complete(self, upload: Upload) -> Operation:
        pieces = upload.pieces
        entry = Entry(
            upload.number,
            size_bytes=sum(piece.size_bytes for piece in pieces),
            pieces=pieces,
            origin=Origin.UPLOAD,
        )
        query: Query = (("uploadId", upload.upload_id),)
        every = (("x-oss-complete-all", "yes"),)
        call = Call("POST", upload.bucket, upload.key, query, every)
        changes = [KeyChange(upload.key, Change(Kind.PUT, entry))]
        step = UploadStep(Step.COMPLETE, upload)
        return Operation("complete", upload.bucket, changes, call, step)

    def _abort(self, upload: Upload) -> Operation:
        query: Query = (("uploadId", upload.upload_id),)
        call = Call("DELETE", upload.bucket, upload.key, query)
        return Operation("abort", upload.bucket, [], call, UploadStep(Step.ABORT, upload))

    # appends

    def _append_something(self) -> Operation:
        key = f"other/{self._name}/append-{self._chance.randrange(_APPENDED_KEYS)}"
        current = self._ledger.history(PLAIN, key).current
        if current is not None and len(current.pieces) >= _APPENDS_MAX:
            return self._delete(PLAIN, key)
        piece = Piece(self._ledger.next_number(), self._chance.randint(*_APPENDED_BYTES))
        before = () if current is None else current.pieces
        number = piece.number if current is None else current.number
        entry = Entry(
            number,
            size_bytes=sum(each.size_bytes for each in (*before, piece)),
            pieces=(*before, piece),
            origin=Origin.OTHER,
        )
        headers = (("content-type", f"text/x-{number % 7}"), ("x-oss-meta-number", str(number)))
        position = 0 if current is None else current.size_bytes
        query = (("append", None), ("position", str(position)))
        call = Call("POST", PLAIN, key, query, headers, piece.data)
        return Operation("append", PLAIN, [KeyChange(key, Change(Kind.PUT, entry))], call)

    # what must leave no trace

    def _ask_in_vain(self) -> Operation:
        key = f"other/{self._name}/append-{self._chance.randrange(_APPENDED_KEYS)}"
        data = bytes(self._size_bytes())
        gone: Query = (("uploadId", _NO_UPLOAD),)
        calls = [
            Call("POST", PLAIN, key, (("append", None), ("position", "7777777")), body=data),
            Call("PUT", PLAIN, key, (("partNumber", "1"), *gone), body=data),
            Call("POST", PLAIN, key, gone, (("x-oss-complete-all", "yes"),)),
            Call("PUT", VERSIONED, key, headers=(("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),),
                 body=data),
            Call("PUT", VERSIONED, f"{key}-none", (("tagging", None),),
                 body=b"<Tagging><TagSet></TagSet></Tagging>"),
            *self._wrong_completion(),
        ]  # fmt: skip
        call = self._chance.choice(calls)
        return Operation("refused", call.bucket, [], call, refused=True)

    def _wrong_completion(self) -> list[Call]:
        """Parts that are not there."""
        own = [each for each in self._ledger.uploads if f"/{self._name}/" in each.key]
        body = (
            b"<CompleteMultipartUpload><Part><PartNumber>9</PartNumber><ETag>x</ETag></Part>"
            b"</CompleteMultipartUpload>"
        )
        return [
            Call("POST", each.bucket, each.key, (("uploadId", each.upload_id),), body=body)
            for each in own
        ]
