"""Replicas of multipart uploads at the destination, inside the transaction that records them.

A replica has the id of its source, and shares the content of its parts (that the destination shows
parts as they arrive is documented, the equal id inferred). Clients there may list, complete and
abort it like any upload: what they complete is an object of their own, and what they abort is not
begun anew (inferred). Only uploads that the rule itself made are touched.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, assert_never

import msgspec

from emulator.domain.model import Change, Origin
from emulator.domain.uploads.parts import drop_upload
from emulator.domain.uploads.records import Part, Upload
from emulator.kms.object_keys import is_sealed
from emulator.replication.encrypting import ReplicaEncryption
from emulator.replication.model import Effect, Skip, SkipReason
from emulator.replication.ports import ReplicationTx
from emulator.replication.target import Target
from emulator.replication.upload_facts import as_version, replica_in, source_part, source_upload

UploadEffect: TypeAlias = Literal[
    Effect.COPY_UPLOAD, Effect.COPY_PART, Effect.ABORT_UPLOAD, Effect.END_UPLOAD
]


class UploadApplier:
    """Writes what a batch of a rule does to uploads. Every effect can be repeated."""

    def __init__(
        self, tx: ReplicationTx, target: Target, now_ms: int, encryption: ReplicaEncryption
    ) -> None:
        self._tx = tx
        self._target = target
        self._now_ms = now_ms
        self._encryption = encryption

    def apply(self, effect: UploadEffect, change: Change) -> Skip | None:
        """Do the work; a ``Skip`` says why there was nothing to do. Raises ReplicaNotEncrypted,
        nothing being done then."""
        match effect:
            case Effect.COPY_UPLOAD:
                return self._copy_upload(change)
            case Effect.COPY_PART:
                return self._copy_part(change)
            case Effect.ABORT_UPLOAD | Effect.END_UPLOAD:
                return self.end(change)
        assert_never(effect)

    def end(self, change: Change) -> Skip | None:
        """Remove the replica of an upload, with its parts."""
        replica = self._replica(change)
        if replica is None:
            return Skip(SkipReason.NO_REPLICA_UPLOAD)
        drop_upload(self._tx, replica)
        return None

    def _copy_upload(self, change: Change) -> Skip | None:
        tx, target = self._tx, self._target
        source = source_upload(tx, change)
        if source is None:
            return Skip(SkipReason.UPLOAD_GONE)
        there = tx.upload(target.destination.id, change.key, change.upload_id)
        if there is not None and not self._is_left_over(there, source):
            return Skip(SkipReason.ALREADY_THERE)
        if not self._shares_content(source):
            return Skip(SkipReason.UPLOAD_NOT_SHARED)
        encryption_json = self._encryption_json(source)
        if there is not None:
            drop_upload(tx, there)
        replica = msgspec.structs.replace(
            source,
            id=tx.next_seq(),
            bucket_id=target.destination.id,
            initiator_uid=target.owner_uid or source.initiator_uid,
            encryption_json=encryption_json,
            retention_json="",  # what the source is to be retained by does not bind the replica
            origin=Origin(target.rule.uid, change.seq, source.id, self._now_ms),
        )
        tx.insert_upload(replica)
        return None

    def _copy_part(self, change: Change) -> Skip | None:
        source = source_upload(self._tx, change)
        part = None if source is None else source_part(self._tx, source, change)
        if source is None or part is None:
            return Skip(SkipReason.UPLOAD_GONE if source is None else SkipReason.PART_REPLACED)
        replica = self._replica(change)
        if replica is None or self._is_left_over(replica, source):
            return Skip(SkipReason.NO_REPLICA_UPLOAD)
        there = self._tx.part(replica, part.number)
        if there is not None and _are_equal(there, part):
            return Skip(SkipReason.ALREADY_THERE)
        self._encryption_json(source)  # the keys must let the content be read and written now
        copied = msgspec.structs.replace(part, seq=self._tx.next_seq())
        self._tx.put_part(replica, copied, shares_blobs=True)
        return None

    def _replica(self, change: Change) -> Upload | None:
        target = self._target
        return replica_in(self._tx, target.destination.id, target.rule.uid, change)

    def _is_left_over(self, there: Upload, source: Upload) -> bool:
        """Whether an upload is what the rule made of an earlier upload of the same id, as there
        may be in a data folder of an emulator whose seed repeated ids."""
        origin = there.origin
        return (
            origin is not None
            and origin.rule_uid == self._target.rule.uid
            and origin.source_seq != source.id
        )

    def _shares_content(self, source: Upload) -> bool:
        """Whether the replica can share the content of the parts. Where it is to be encrypted and
        the source is not, its parts would be read and written anew, only for the object to be so
        once more: they are left out until there is the object (inferred)."""
        return is_sealed(source.encryption_json) or self._encryption.is_shared(as_version(source))

    def _encryption_json(self, source: Upload) -> str:
        """The encryption of a replica that shares its content. Raises ReplicaNotEncrypted."""
        return self._encryption.content(self._tx, as_version(source)).encryption_json


def _are_equal(one: Part, other: Part) -> bool:
    """Whether two parts are the same content, given at the same time."""
    return (one.extents, one.etag, one.modified_ms) == (
        other.extents,
        other.etag,
        other.modified_ms,
    )
