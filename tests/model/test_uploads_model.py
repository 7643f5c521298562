"""Uploads and parts against dictionaries: whatever is done in whatever order, both agree."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from fastcrc.crc64 import xz
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from emulator.domain import errors
from emulator.domain.model import (
    Acl,
    Bucket,
    Extent,
    ObjectVersion,
    StagedBlob,
    StorageClass,
)
from emulator.domain.objects import Content, Moment, ObjectWrite, delete_object
from emulator.domain.ports import MetaView
from emulator.domain.uploads.completing import (
    CompletionOptions,
    PartRules,
    assemble,
    complete_upload,
)
from emulator.domain.uploads.listing import UploadsQuery, list_uploads
from emulator.domain.uploads.parts import (
    UploadOptions,
    abort_upload,
    initiate_upload,
    put_part,
    put_shared_part,
)
from emulator.domain.uploads.records import ListedPart, Part, Upload, UploadName
from emulator.rng import SeededRng
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.contract.building import new_bucket

T = TypeVar("T")

PART_BYTES_MIN = 3
keys = st.sampled_from(["a", "a/", "a/b", "a/c/d", "b", "é/ü"])
numbers = st.integers(1, 5)
contents = st.sampled_from([b"", b"x", b"abc", b"content"])
picks = st.integers(0, 30)


@dataclass
class Begun:
    """An upload of the model: its parts by number."""

    key: str
    is_sequential: bool
    parts: dict[int, bytes] = field(default_factory=dict)

    def refusal(self, number: int) -> type[errors.OssError] | None:
        """What is said to a part of this number."""
        if not self.is_sequential:
            return None
        if number <= max(self.parts, default=0):
            return errors.PartAlreadyExist
        return None if number == max(self.parts, default=0) + 1 else errors.PartNotSequential


def etag_of(data: bytes) -> str:
    """The ETag of a part."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest().upper()


def content_of(data: bytes) -> Content:
    """Staged content."""
    staged = StagedBlob(size_bytes=len(data), data=data) if data else None
    return Content(staged=staged, size_bytes=len(data), etag=etag_of(data), crc64=xz(data))


def read(view: MetaView, extents: tuple[Extent, ...]) -> bytes:
    """The bytes of extents, all of them inline."""
    found = b""
    for extent in extents:
        data = view.inline_data(extent.blob_id)
        assert data is not None
        found += data[extent.offset_bytes :][: extent.length_bytes]
    return found


class UploadMachine(RuleBasedStateMachine):
    """Drives a store and the model side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store: SqliteStore = self.runner.run(self._open())
        self.bucket: Bucket = self.write(lambda tx: tx.insert_bucket(new_bucket("bucket")))
        self.moment = Moment(1_000, SeededRng(5))
        self.begun: dict[str, Begun] = {}
        self.objects: dict[str, bytes] = {}

    async def _open(self) -> SqliteStore:
        return SqliteStore.open(":memory:")

    def write(self, work: Callable[[SqliteTx], T]) -> T:
        async def go() -> T:
            return await self.store.write(work)

        return self.runner.run(go())

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()

    def pick(self, number: int) -> tuple[UploadName, Begun]:
        upload_id = sorted(self.begun)[number % len(self.begun)]
        begun = self.begun[upload_id]
        return UploadName(self.bucket.id, begun.key, upload_id), begun

    @initialize()
    def begin(self) -> None:
        self.initiate("a", is_sequential=False)

    @rule(key=keys, is_sequential=st.booleans())
    def initiate(self, key: str, is_sequential: bool) -> None:
        write = ObjectWrite(
            key=key, acl=Acl.DEFAULT, storage_class=StorageClass.STANDARD, headers_json="{}"
        )
        options = UploadOptions(initiator_uid="1", is_sequential=is_sequential)
        upload = self.write(
            lambda tx: initiate_upload(tx, self.bucket, write, options, self.moment)
        )
        self.begun[upload.upload_id] = Begun(key, is_sequential)

    @precondition(lambda self: self.begun)
    @rule(pick=picks, number=numbers, data=contents)
    def put(self, pick: int, number: int, data: bytes) -> None:
        name, begun = self.pick(pick)
        refusal = begun.refusal(number)

        def work(tx: SqliteTx) -> Part:
            return put_part(tx, name, number, content_of(data), self.moment)

        if refusal is not None:
            with pytest.raises(refusal):
                self.write(work)
            return
        self.write(work)
        begun.parts[number] = data

    @precondition(lambda self: self.begun and self.objects)
    @rule(pick=picks, number=numbers, source=picks, start=st.integers(0, 4))
    def share(self, pick: int, number: int, source: int, start: int) -> None:
        name, begun = self.pick(pick)
        key = sorted(self.objects)[source % len(self.objects)]
        if begun.refusal(number) is not None:
            return

        def work(tx: SqliteTx) -> bytes:
            version = tx.current_version(self.bucket.id, key)
            upload = tx.upload(*(name.bucket_id, name.key, name.upload_id))
            assert version is not None
            assert upload is not None
            extents = version.extents[start : start + 2]
            data = read(tx, extents)
            put_shared_part(tx, upload, number, content_of(data), extents, self.moment)
            return data

        begun.parts[number] = self.write(work)

    @precondition(lambda self: self.begun)
    @rule(pick=picks)
    def abort(self, pick: int) -> None:
        name, _ = self.pick(pick)
        self.write(lambda tx: abort_upload(tx, name, self.moment))
        del self.begun[name.upload_id]
        with pytest.raises(errors.NoSuchUpload):
            self.write(lambda tx: abort_upload(tx, name, self.moment))

    @precondition(lambda self: self.begun)
    @rule(pick=picks, chosen=st.lists(numbers, max_size=5), spoiled=st.booleans())
    def complete(self, pick: int, chosen: list[int], spoiled: bool) -> None:
        name, begun = self.pick(pick)
        wanted = expected_completion(begun, chosen, spoiled=spoiled)
        listed = [
            ListedPart(number, '"x"' if spoiled else f'"{etag_of(begun.parts.get(number, b""))}"')
            for number in chosen
        ]

        def work(tx: SqliteTx) -> ObjectVersion | None:
            upload = tx.upload(*(name.bucket_id, name.key, name.upload_id))
            assert upload is not None
            parts = tx.parts_of(upload, limit=100)
            rules = PartRules(PART_BYTES_MIN, upload.is_sequential)
            made = assemble(parts, listed or None, rules)
            return complete_upload(tx, self.bucket, name, made, CompletionOptions(), self.moment)

        if isinstance(wanted, type):
            with pytest.raises(wanted):
                self.write(work)
            return
        version = self.write(work)
        assert version is not None
        data = b"".join(wanted)
        names = "".join(etag_of(part) for part in wanted).encode()
        assert version.etag == f"{etag_of(names)}-{len(wanted)}"
        assert (version.size_bytes, version.crc64) == (len(data), xz(data) if data else 0)
        del self.begun[name.upload_id]
        self.objects[begun.key] = data

    @precondition(lambda self: self.objects)
    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        key = sorted(self.objects)[pick % len(self.objects)]
        self.write(lambda tx: delete_object(tx, self.bucket, key, self.moment))
        del self.objects[key]

    @invariant()
    def agree(self) -> None:
        with self.store.read() as view:
            uploads = view.upload_entries(
                self.bucket.id, start="", after_id="", end=None, limit=1000
            )
            assert [(each.key, each.upload_id) for each in uploads] == sorted(
                (begun.key, upload_id) for upload_id, begun in self.begun.items()
            )
            used: list[Extent] = []
            for upload in uploads:
                parts = view.parts_of(upload, limit=100)
                begun = self.begun[upload.upload_id]
                assert {each.number: read(view, each.extents) for each in parts} == begun.parts
                used += [extent for part in parts for extent in part.extents]
            for key, data in self.objects.items():
                version = view.current_version(self.bucket.id, key)
                assert version is not None
                assert read(view, version.extents) == data
                used += version.extents
            uses: dict[int, int] = {}
            for extent in used:
                uses[extent.blob_id] = uses.get(extent.blob_id, 0) + 1
            assert dict(view._run("SELECT id, refs FROM blobs", ()).fetchall()) == uses


def expected_completion(
    begun: Begun, chosen: list[int], *, spoiled: bool
) -> list[bytes] | type[errors.OssError]:
    """The parts of the object, or the refusal; an empty list of parts asks for all."""
    wanted = chosen or sorted(begun.parts)
    if sorted(set(wanted)) != wanted:
        return errors.InvalidPartOrder
    if not wanted or (chosen and spoiled) or any(each not in begun.parts for each in wanted):
        return errors.InvalidPart
    if begun.is_sequential and wanted != list(range(1, len(wanted) + 1)):
        return errors.PartNotSequential
    parts = [begun.parts[number] for number in wanted]
    if any(len(part) < PART_BYTES_MIN for part in parts[:-1]):
        return errors.EntityTooSmall
    return parts


def test_uploads_agree_with_the_model() -> None:
    run_state_machine_as_test(
        UploadMachine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )


# --- listing ----------------------------------------------------------------------------------

texts = st.text(alphabet="ab/é\uffff\U0001f600", max_size=4)
places = st.lists(st.tuples(texts.filter(bool), st.sampled_from("0123")), max_size=25, unique=True)


class Rows:
    """A view that has only uploads."""

    def __init__(self, names: list[tuple[str, str]]) -> None:
        self.names = sorted(names)
        self.seeks = 0

    def upload_entries(
        self, bucket_id: int, *, start: str, after_id: str, end: str | None, limit: int
    ) -> list[Upload]:
        """As the store gives them."""
        self.seeks += 1
        found = [
            Upload(
                id=1,
                bucket_id=bucket_id,
                key=key,
                upload_id=upload_id,
                initiated_ms=0,
                initiator_uid="",
                storage_class=StorageClass.STANDARD,
            )
            for key, upload_id in self.names
            if (key, upload_id) > (start, after_id) and (end is None or key < end)
        ]
        return found[:limit]


def listed_plainly(names: list[tuple[str, str]], prefix: str, delimiter: str) -> list[str]:
    """The whole listing, one line an entry, groups ending in a bar."""
    lines: list[str] = []
    for key, upload_id in sorted(names):
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        line = f"{key}:{upload_id}" if at < 0 else key[: at + len(delimiter)] + "|"
        if line not in lines:
            lines.append(line)
    return lines


@settings(max_examples=400)
@given(
    names=places,
    prefix=st.sampled_from(["", "a", "a/", "b"]),
    delimiter=st.sampled_from(["", "/", "b", "//"]),
    most=st.integers(1, 6),
)
def test_pages_make_up_the_whole_listing(
    names: list[tuple[str, str]], prefix: str, delimiter: str, most: int
) -> None:
    seen: list[str] = []
    after_key, after_id = "", ""
    while True:
        query = UploadsQuery(
            prefix=prefix,
            delimiter=delimiter,
            after_key=after_key,
            after_id=after_id,
            max_uploads=most,
        )
        page = list_uploads(Rows(names), 1, query)  # type: ignore[arg-type] # uploads only
        entries = [(each.key, f"{each.key}:{each.upload_id}") for each in page.uploads]
        entries += [(group, group + "|") for group in page.common_prefixes]
        seen += [line for _, line in sorted(entries)]
        if not page.is_truncated:
            break
        assert len(entries) == most
        after_key, after_id = page.next_key, page.next_id
    assert seen == listed_plainly(names, prefix, delimiter)


@given(names=places, after_key=texts, after_id=st.sampled_from(["", "0", "1", "3", "9"]))
def test_a_marker_need_not_be_an_upload(
    names: list[tuple[str, str]], after_key: str, after_id: str
) -> None:
    query = UploadsQuery(after_key=after_key, after_id=after_id if after_key else "")
    page = list_uploads(Rows(names), 1, query)  # type: ignore[arg-type] # uploads only
    expected = [
        (key, upload_id)
        for key, upload_id in sorted(names)
        if key > after_key or (key == after_key and after_id and upload_id > after_id)
    ]
    assert [(each.key, each.upload_id) for each in page.uploads] == expected


def test_a_large_group_costs_a_seek() -> None:
    rows = Rows([(f"{group}/{number}", "A") for group in "abcde" for number in range(500)])
    page = list_uploads(rows, 1, UploadsQuery(delimiter="/"))  # type: ignore[arg-type]
    assert page.common_prefixes == ("a/", "b/", "c/", "d/", "e/")
    assert rows.seeks <= 6
