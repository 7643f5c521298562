"""Objects and versions against a dictionary: whatever is done in whatever order, both agree."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from emulator.domain import buckets, objects
from emulator.domain.buckets import BucketRequest
from emulator.domain.errors import (
    BucketNotEmpty,
    FileAlreadyExists,
    MethodNotAllowed,
    NoSuchKey,
    NoSuchVersion,
)
from emulator.domain.listing import ListQuery, VersionsQuery, list_objects, list_versions
from emulator.domain.model import (
    Acl,
    Bucket,
    ObjectVersion,
    StagedBlob,
    StorageClass,
    Versioning,
)
from emulator.domain.objects import Content, Deletion, Moment, ObjectWrite
from emulator.replication.model import RuleSpec
from emulator.replication.ports import NewRule
from emulator.rng import SeededRng
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx

T = TypeVar("T")

NULL = "null"
PUT, CLASS, UPDATE = "put", "class", "update"
DELETE, MARKER, DELETE_VERSION = "delete", "marker", "delete-version"
NOWHERE = "CAEQ" + "A" * 60

keys = st.sampled_from(["a", "a/", "a/b", "é"])
contents = st.sampled_from([b"", b"x", b"content"])
tag_texts = st.sampled_from(["", '{"a":"1"}', '{"b":"2"}'])
classes = st.sampled_from([StorageClass.STANDARD, StorageClass.IA])
picks = st.integers(0, 30)


@dataclass(frozen=True)
class Entry:
    """One entry of the model; ``data`` is None for a delete marker."""

    version_id: str
    data: bytes | None
    tags_json: str = ""
    acl: Acl = Acl.DEFAULT
    storage_class: StorageClass = StorageClass.STANDARD


@dataclass
class Model:
    """A bucket as dictionaries: stacks newest first, and what must have been recorded."""

    versioning: Versioning = Versioning.NEVER
    records: bool = False
    stacks: dict[str, list[Entry]] = field(default_factory=dict)
    changes: list[tuple[str, str, str, str, str]] = field(default_factory=list)

    def stack(self, key: str) -> list[Entry]:
        return self.stacks.get(key, [])

    def current(self, key: str) -> Entry | None:
        stack = self.stack(key)
        return stack[0] if stack else None

    def push(self, key: str, entry: Entry) -> None:
        below = self.stack(key)
        if self.versioning is Versioning.NEVER:
            below = []
        elif self.versioning is Versioning.SUSPENDED:
            below = [each for each in below if each.version_id != NULL]
        self.stacks[key] = [entry, *below]

    def remove(self, key: str, version_id: str) -> None:
        left = [each for each in self.stack(key) if each.version_id != version_id]
        self.stacks[key] = left
        if not left:
            del self.stacks[key]

    def record(self, key: str, kind: str, version_id: str, removed: Entry | None = None) -> None:
        if self.records:
            what, tags = "", ""
            if removed is not None:
                what = "DeleteMarker" if removed.data is None else "Normal"
                tags = removed.tags_json
            self.changes.append((key, kind, version_id, what, tags))


def received(data: bytes) -> Content:
    return Content(
        staged=StagedBlob(size_bytes=len(data), data=data) if data else None,
        size_bytes=len(data),
        etag=hashlib.md5(data, usedforsecurity=False).hexdigest().upper(),
        crc64=len(data),
    )


class StackMachine(RuleBasedStateMachine):
    """Runs each operation on the store and on the model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = SqliteStore.open(":memory:")
        self.model = Model()
        self.now_ms = 1_000
        self.rng = SeededRng(1)
        self.given_ids: set[str] = set()

    def write(self, work: Callable[[SqliteTx], T]) -> T:
        return self.runner.run(self.store.write(work))

    @initialize()
    def make_bucket(self) -> None:
        request = BucketRequest(name="bucket", owner_uid="1", region="cn-hangzhou")
        self.bucket = self.write(lambda tx: buckets.put_bucket(tx, request, 0, buckets_max=1))

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()

    def moment(self) -> Moment:
        self.now_ms += 1
        return Moment(self.now_ms, self.rng)

    def check_new_id(self, version_id: str) -> None:
        if self.model.versioning is Versioning.ENABLED:
            assert version_id not in self.given_ids | {NULL}
            self.given_ids.add(version_id)
        else:
            assert version_id == NULL

    # --- the bucket

    @rule(versioning=st.sampled_from([Versioning.ENABLED, Versioning.SUSPENDED]))
    def set_versioning(self, versioning: Versioning) -> None:
        self.write(lambda tx: buckets.set_versioning(tx, self.bucket, versioning))
        self.model.versioning = versioning

    @precondition(lambda self: not self.model.records)
    @rule()
    def start_recording(self) -> None:
        new = NewRule(
            source_bucket_id=self.bucket.id,
            spec=RuleSpec(rule_id="r", destination_bucket="d", destination_location="oss-d"),
            created_ms=0,
            starts_ms=0,
            cursor_seq=0,
            bound_seq=0,
        )
        self.rule_uid = self.write(lambda tx: tx.insert_rule(new).uid)
        self.model.records = True

    @precondition(lambda self: self.model.records)
    @rule()
    def stop_recording(self) -> None:
        self.write(lambda tx: tx.delete_rule(self.rule_uid))
        self.model.records = False
        self.model.changes.clear()  # nobody is left to read them

    @precondition(lambda self: self.model.stacks)
    @rule()
    def delete_full_bucket(self) -> None:
        with pytest.raises(BucketNotEmpty):
            self.write(lambda tx: buckets.delete_bucket(tx, self.bucket))

    # --- writes

    def write_of(self, key: str, tags_json: str, storage_class: StorageClass) -> ObjectWrite:
        return ObjectWrite(
            key=key,
            acl=Acl.DEFAULT,
            storage_class=storage_class,
            headers_json="{}",
            tags_json=tags_json,
        )

    @rule(key=keys, data=contents, tags_json=tag_texts, storage_class=classes)
    def put(self, key: str, data: bytes, tags_json: str, storage_class: StorageClass) -> None:
        written, moment = self.write_of(key, tags_json, storage_class), self.moment()
        version = self.write(
            lambda tx: objects.put_object(tx, self.bucket, written, received(data), moment)
        )
        self.check_new_id(version.version_id)
        self.model.push(
            key, Entry(version.version_id, data, tags_json, storage_class=storage_class)
        )
        self.model.record(key, PUT, version.version_id)

    @rule(key=keys, data=contents)
    def put_without_overwriting(self, key: str, data: bytes) -> None:
        written = msgspec.structs.replace(
            self.write_of(key, "", StorageClass.STANDARD), forbid_overwrite=True
        )
        moment = self.moment()

        def work(tx: SqliteTx) -> ObjectVersion:
            return objects.put_object(tx, self.bucket, written, received(data), moment)

        if self.model.versioning is Versioning.NEVER and self.model.stack(key):
            with pytest.raises(FileAlreadyExists):
                self.write(work)
            return
        version = self.write(work)
        self.check_new_id(version.version_id)
        self.model.push(key, Entry(version.version_id, data))
        self.model.record(key, PUT, version.version_id)

    def pick(self, pick: int) -> tuple[str, Entry] | None:
        """Any entry that there is."""
        found = [(key, entry) for key, stack in self.model.stacks.items() for entry in stack]
        return found[pick % len(found)] if found else None

    @rule(pick=picks, to=st.none() | keys, tags_json=st.none() | tag_texts, storage_class=classes)
    def copy(
        self, pick: int, to: str | None, tags_json: str | None, storage_class: StorageClass
    ) -> None:
        """Copy a version to another key or onto its own, with its tags or with others."""
        picked = self.pick(pick)
        if picked is None or picked[1].data is None:
            return
        key, entry = picked
        tags = entry.tags_json if tags_json is None else tags_json
        self.copy_entry(key, entry, key if to is None else to, tags, storage_class)

    @rule(pick=picks)
    def copy_onto_itself_with_another_class(self, pick: int) -> None:
        picked = self.pick(pick)
        if picked is None or picked[1].data is None:
            return
        key, entry = picked
        is_ia = entry.storage_class is StorageClass.IA
        storage_class = StorageClass.STANDARD if is_ia else StorageClass.IA
        self.copy_entry(key, entry, key, entry.tags_json, storage_class)

    def copy_entry(
        self, key: str, entry: Entry, to: str, tags: str, storage_class: StorageClass
    ) -> None:
        written, moment = self.write_of(to, tags, storage_class), self.moment()
        with self.store.read() as view:
            source = objects.find_readable(view, self.bucket, key, entry.version_id)
        version = self.write(
            lambda tx: objects.copy_object(tx, self.bucket, written, source, moment)
        )
        self.check_new_id(version.version_id)
        only_class = (
            to == key
            and entry == self.model.current(key)
            and storage_class is not entry.storage_class
            and tags == entry.tags_json
            and entry.acl is Acl.DEFAULT
        )
        self.model.push(to, Entry(version.version_id, entry.data, tags, Acl.DEFAULT, storage_class))
        self.model.record(to, CLASS if only_class else PUT, version.version_id)

    @rule(pick=picks, acl=st.none() | st.sampled_from(Acl), tags_json=st.none() | tag_texts)
    def update(self, pick: int, acl: Acl | None, tags_json: str | None) -> None:
        picked = self.pick(pick)
        if picked is None or picked[1].data is None:
            return
        key, entry = picked
        moment = self.moment()

        def work(tx: SqliteTx) -> ObjectVersion:
            version = objects.find_readable(tx, self.bucket, key, entry.version_id)
            return objects.update_attributes(
                tx, self.bucket, version, moment, acl=acl, tags_json=tags_json
            )

        self.write(work)
        updated = replace(
            entry,
            acl=entry.acl if acl is None else acl,
            tags_json=entry.tags_json if tags_json is None else tags_json,
        )
        stack = self.model.stack(key)
        stack[stack.index(entry)] = updated
        self.model.record(key, UPDATE, entry.version_id)

    # --- deletes

    @rule(key=keys)
    def delete(self, key: str) -> None:
        moment = self.moment()
        done = self.write(lambda tx: objects.delete_object(tx, self.bucket, key, moment))
        current = self.model.current(key)
        if self.model.versioning is Versioning.NEVER:
            assert done == Deletion(version_id=None, is_delete_marker=False)
            if current is not None:
                self.model.remove(key, NULL)
            self.model.record(key, DELETE, NULL, current)
            return
        assert done.is_delete_marker
        assert done.version_id is not None
        self.check_new_id(done.version_id)
        self.model.push(key, Entry(done.version_id, None))
        self.model.record(key, MARKER, done.version_id, current)

    @rule(pick=picks)
    def delete_version(self, pick: int) -> None:
        picked = self.pick(pick)
        if picked is not None:
            key, entry = picked
            self.delete_entry(key, entry.version_id, entry)

    @rule(key=keys, version_id=st.sampled_from([NULL, NOWHERE]))
    def delete_version_that_may_be_missing(self, key: str, version_id: str) -> None:
        stack = self.model.stack(key)
        self.delete_entry(
            key, version_id, next((each for each in stack if each.version_id == version_id), None)
        )

    def delete_entry(self, key: str, version_id: str, entry: Entry | None) -> None:
        moment = self.moment()
        done = self.write(
            lambda tx: objects.delete_version(tx, self.bucket, key, version_id, moment)
        )
        is_never = self.model.versioning is Versioning.NEVER
        assert done == Deletion(
            version_id=None if is_never else version_id,
            is_delete_marker=entry is not None and entry.data is None,
        )
        if entry is not None:
            self.model.remove(key, version_id)
            self.model.record(key, DELETE_VERSION, version_id, entry)

    # --- what must hold after every step

    def live(self) -> Bucket:
        with self.store.read() as view:
            return objects.live_bucket(view, self.bucket)

    @invariant()
    def reads_agree(self) -> None:
        with self.store.read() as view:
            for key in ("a", "a/", "a/b", "é"):
                current = self.model.current(key)
                if current is None or current.data is None:
                    with pytest.raises(NoSuchKey) as gone:
                        objects.find_readable(view, self.bucket, key, None)
                    assert ("x-oss-delete-marker" in gone.value.headers) == (current is not None)
                else:
                    found = objects.find_readable(view, self.bucket, key, None)
                    assert found.version_id == current.version_id
                with pytest.raises(NoSuchVersion):
                    objects.find_readable(view, self.bucket, key, NOWHERE)
                for entry in self.model.stack(key):
                    self.check_entry(key, entry)

    def check_entry(self, key: str, entry: Entry) -> None:
        with self.store.read() as view:
            if entry.data is None:
                with pytest.raises(MethodNotAllowed):
                    objects.find_readable(view, self.bucket, key, entry.version_id)
                return
            found = objects.find_readable(view, self.bucket, key, entry.version_id)
            data = b"".join(view.inline_data(part.blob_id) or b"" for part in found.extents)
        assert Entry(found.version_id, data, found.tags_json, found.acl, found.storage_class) == (
            entry
        )
        assert (found.size_bytes, found.etag) == (len(data), received(data).etag)

    @invariant()
    def listings_agree(self) -> None:
        expected_objects, expected_versions = [], []
        for key in sorted(self.model.stacks, key=str.encode):
            for at, entry in enumerate(self.model.stack(key)):
                expected_versions.append((key, entry.version_id, entry.data is None, at == 0))
                if at == 0 and entry.data is not None:
                    expected_objects.append((key, entry.version_id))
        with self.store.read() as view:
            page = list_objects(view, self.bucket.id, ListQuery(max_keys=1000))
            versions = list_versions(view, self.bucket.id, VersionsQuery(max_keys=1000))
        assert [(each.key, each.version_id) for each in page.objects] == expected_objects
        assert [
            (
                each.version.key,
                each.version.version_id,
                each.version.is_delete_marker,
                each.is_latest,
            )
            for each in versions.entries
        ] == expected_versions

    @invariant()
    def unused_blobs_are_collected(self) -> None:
        with self.store.read() as view:
            entries = list_versions(view, self.bucket.id, VersionsQuery(max_keys=1000)).entries
        used = {part.blob_id for each in entries for part in each.version.extents}
        # Every blob this machine ever wrote is one of the numbers given out so far.
        newest = self.write(lambda tx: tx.next_seq())
        with self.store.read() as view:
            there = {blob_id for blob_id in range(newest) if view.blob(blob_id) is not None}
            data = {blob_id for blob_id in range(newest) if view.inline_data(blob_id) is not None}
        assert there == used
        assert data == used

    @invariant()
    def only_recorded_changes_are_there(self) -> None:
        assert self.live().records_changes == self.model.records
        with self.store.read() as view:
            read = view.changes_after(self.bucket.id, 0, limit=1000)
        found = [change for change, _ in read]
        assert [
            (each.key, each.kind.value, each.version_id, each.removed_kind, each.prior_tags_json)
            for each in found
        ] == self.model.changes
        seqs = [each.seq for each in found]
        assert seqs == sorted(set(seqs))


def test_stacks_agree_with_dictionaries() -> None:
    run_state_machine_as_test(
        StackMachine, settings=settings(max_examples=60, stateful_step_count=30)
    )
