"""Carrying out one piece of work at the destination, inside the transaction that records it.

Nothing here appends a change: what replication writes never replicates onward (documented).
Every effect can be repeated: done twice it is found done already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import msgspec

from emulator.domain import retention
from emulator.domain.lifecycle.scan import in_class
from emulator.domain.model import (
    NULL_VERSION_ID,
    Change,
    ChangeKind,
    ObjectVersion,
    Origin,
    Versioning,
    VersionKind,
)
from emulator.domain.objects import Moment, delete_marker, drop_entry, push_entry
from emulator.domain.versions import new_version_id
from emulator.domain.worm import Protection, is_guarded, protection, replaced_by_write
from emulator.replication.apply_uploads import UploadApplier
from emulator.replication.encrypting import ReplicaContent, ReplicaEncryption
from emulator.replication.model import Effect, Skip, SkipReason, Work
from emulator.replication.ports import Replica, ReplicationTx
from emulator.replication.replica_events import replica_events
from emulator.replication.target import Target
from emulator.rng import Rng


class Applier:
    """Writes one batch of a rule.

    ``known`` holds what the destination had on top of each key of the batch when the first of them
    was written: one statement for all of them. A key is looked up by itself from its second write
    on.
    """

    def __init__(
        self,
        tx: ReplicationTx,
        target: Target,
        now_ms: int,
        rng: Rng,
        encryption: ReplicaEncryption,
    ) -> None:
        self._tx = tx
        self._target = target
        self._destination = target.destination
        self._now_ms = now_ms
        self._rng = rng
        self._keys: Sequence[str] = ()
        self._known: dict[str, ObjectVersion] | None = None
        self._untouched: set[str] = set()
        self._replicas: list[Replica] = []
        self._unlist: list[ObjectVersion] = []
        self._is_mixed = target.source.versioning is not target.destination.versioning
        self._keeps_versions = target.destination.versioning is not Versioning.NEVER
        self._encryption = encryption
        self._events = replica_events(tx, target.destination, Moment(now_ms, rng))
        self._retains = retention.is_on(target.destination)
        self._uploads = UploadApplier(tx, target, now_ms, encryption)

    @property
    def destination_id(self) -> int:
        """The bucket that is written to."""
        return self._destination.id

    def prepare(self, keys: Sequence[str]) -> None:
        """These keys come next, all collected work being written."""
        assert not self._replicas
        self._keys = keys
        self._known = None
        self._untouched = set() if self._is_mixed else set(keys)

    def _newest(self) -> dict[str, ObjectVersion]:
        if self._known is None:
            self._known = self._tx.newest_entries(self._destination.id, self._keys)
        return self._known

    def apply(self, work: Work, change: Change, source: ObjectVersion | None) -> Skip | None:
        """Do the work; a ``Skip`` says why there was nothing to do. Raises ReplicaNotEncrypted
        and ReplicaNotReady, nothing being done then."""
        effect = work.effect
        if effect is Effect.COPY_VERSION and source is not None and self._can_collect(source):
            skip = self._collect(change, source)
        else:
            skip = self._apply_singly(effect, change, source)
        if change.upload_id and effect is Effect.COPY_VERSION:
            self._uploads.end(change)  # whatever stands for the key there now
        return skip

    def _apply_singly(
        self, effect: Effect, change: Change, source: ObjectVersion | None
    ) -> Skip | None:
        match effect:
            case Effect.COPY_UPLOAD | Effect.COPY_PART | Effect.ABORT_UPLOAD | Effect.END_UPLOAD:
                return self._uploads.apply(effect, change)
            case _:
                pass
        self.flush()
        self._untouched.discard(change.key)
        match effect:
            case Effect.DELETE_OBJECT:
                return self._delete_object(change)
            case Effect.DELETE_VERSION:
                return self._delete_version(change)
            case Effect.COPY_VERSION | Effect.COPY_MARKER | Effect.UPDATE_VERSION:
                if source is None:
                    return Skip(SkipReason.SOURCE_GONE)
                if effect is Effect.UPDATE_VERSION:
                    return self._update(change, source)
                return self._copy(change, source)
        assert_never(effect)

    def flush(self) -> None:
        """Write the replicas collected so far."""
        if self._replicas:
            self._tx.insert_replicas(self._replicas, self._unlist)
            self._replicas = []
            self._unlist = []

    # copies, the common case: collected and written together

    def _can_collect(self, source: ObjectVersion) -> bool:
        """Whether nothing in the destination's stack of this key has to be removed."""
        key = source.key
        if key not in self._untouched or not self._encryption.is_shared(source) or self._retains:
            return False
        self._untouched.discard(key)
        if self._keeps_versions:
            return source.version_id != NULL_VERSION_ID
        return key not in self._newest()

    def _collect(self, change: Change, source: ObjectVersion) -> Skip | None:
        tx, target, key = self._tx, self._target, source.key
        below = self._newest().get(key)
        if below is not None:
            there = tx.version(self._destination.id, key, source.version_id)
            if there is not None:
                return self._catch_up(there, source)
            if not below.is_delete_marker:
                self._unlist.append(below)
        self._replicas.append(
            Replica(
                source,
                self._destination.id,
                tx.next_seq(),
                target.owner_uid or source.owner_uid,
                target.rule.uid,
                change.seq,
                self._now_ms,
            )
        )
        if self._events is not None:
            self._events.written(source, below)
        return None

    # everything else, one by one

    def _copy(self, change: Change, source: ObjectVersion) -> Skip | None:
        """Write a replica or marker that may replace the current entry or the null version."""
        tx = self._tx
        current = tx.current_version(self._destination.id, source.key)
        version_id = self._id_at_destination(source)
        there = current
        if self._keeps_versions and version_id:
            there = tx.version(self._destination.id, source.key, version_id)
        if there is not None:
            if self._is_replica(there, source):
                return self._catch_up(there, source)
            if self._is_superseded(there, source):
                return Skip(SkipReason.SUPERSEDED)
        seq = tx.next_seq()
        version_id = version_id or new_version_id(seq, self._rng)
        if version_id != NULL_VERSION_ID:
            versioning = Versioning.ENABLED
        else:
            # A null version replaces the null version, as a write to a suspended bucket does.
            versioning = Versioning.SUSPENDED if self._keeps_versions else Versioning.NEVER
        if self._replaces_locked(versioning, current, source.key):
            return Skip(SkipReason.DESTINATION_LOCKED)
        held = self._held(source)
        replica = self._replica(change, source, seq, version_id, held)
        push_entry(tx, versioning, replica, current, shares_blobs=held.shares_blobs)
        if self._events is not None:
            self._events.written(replica, current)
        return None

    def _is_locked(self, there: ObjectVersion | None) -> bool:
        """Whether the destination keeps this version from being changed: it then stays, and the
        work counts as done (OSS replication and retention policies; documented, the counting is
        inferred)."""
        if there is None:
            return False
        kept = protection(self._tx, self._destination, there, self._now_ms)
        return kept is not Protection.NONE

    def _replaces_locked(
        self, versioning: Versioning, current: ObjectVersion | None, key: str
    ) -> bool:
        destination = self._destination
        return is_guarded(destination) and self._is_locked(
            replaced_by_write(self._tx, destination, versioning, current, key)
        )

    def _id_at_destination(self, source: ObjectVersion) -> str:
        """The version id of a replica; ``""``: a new one, because the source has none to give."""
        if not self._keeps_versions:
            return NULL_VERSION_ID
        if not self._is_mixed:
            return source.version_id
        if self._destination.versioning is Versioning.SUSPENDED:
            return NULL_VERSION_ID
        return "" if source.version_id == NULL_VERSION_ID else source.version_id

    def _is_replica(self, there: ObjectVersion, source: ObjectVersion) -> bool:
        """Whether what is at the destination is this source version already."""
        if there.version_id == source.version_id != NULL_VERSION_ID:
            return True
        origin = there.origin
        return (
            origin is not None
            and origin.rule_uid == self._target.rule.uid
            and origin.source_seq == source.seq
        )

    def _is_superseded(self, there: ObjectVersion, source: ObjectVersion) -> bool:
        """Whether the destination holds a newer source version."""
        origin = there.origin
        return (
            origin is not None
            and origin.rule_uid == self._target.rule.uid
            and origin.source_seq > source.seq
        )

    def _catch_up(self, there: ObjectVersion, source: ObjectVersion) -> Skip | None:
        """Give a replica what was appended to its source since it was copied (documented), or
        what changed of its ACL and tags while there was no rule (inferred)."""
        if there.origin is None or source.is_delete_marker:
            return Skip(SkipReason.ALREADY_THERE)
        is_behind = there.kind is source.kind is VersionKind.APPENDABLE
        if not is_behind or there.etag == source.etag:
            return self._carry_over(there, source)
        if self._is_locked(there):
            return Skip(SkipReason.DESTINATION_LOCKED)
        held = self._held(source)
        longer = msgspec.structs.replace(
            there,
            size_bytes=source.size_bytes,
            etag=source.etag,
            crc64=source.crc64,
            modified_ms=source.modified_ms,
            extents=held.extents,
            encryption_json=held.encryption_json,
        )
        self._tx.rewrite_version(longer, shares_blobs=held.shares_blobs)
        if self._events is not None:
            self._events.written(longer, there)
        return None

    def _held(self, source: ObjectVersion) -> ReplicaContent:
        """What the replica of a version holds. Raises ReplicaNotEncrypted."""
        if source.is_delete_marker:
            return ReplicaContent("", (), shares_blobs=True)
        return self._encryption.content(self._tx, source)

    def _replica(
        self,
        change: Change,
        source: ObjectVersion,
        seq: int,
        version_id: str,
        held: ReplicaContent,
    ) -> ObjectVersion:
        origin = Origin(self._target.rule.uid, change.seq, source.seq, self._now_ms)
        if source.is_delete_marker:
            modified_ms = source.modified_ms
            return delete_marker(
                self._destination, source.key, seq, version_id, modified_ms, origin
            )
        return msgspec.structs.replace(
            source,
            bucket_id=self._destination.id,
            seq=seq,
            version_id=version_id,
            owner_uid=self._target.owner_uid or source.owner_uid,
            origin=origin,
            encryption_json=held.encryption_json,
            extents=held.extents,
            state_json=self._first_state(source),
        )

    def _first_state(self, source: ObjectVersion) -> str:
        """The default retention of the destination, which new objects get (OSS ObjectWorm;
        documented). That replicas are new objects, and that those of appendable objects are left
        out because they have to grow, is inferred."""
        if not self._retains or source.kind is VersionKind.APPENDABLE:
            return ""
        return retention.first_state(self._tx, self._destination, "", "", self._now_ms)

    def _update(self, change: Change, source: ObjectVersion) -> Skip | None:
        found = self._replica_of(source)
        if found is None:
            return Skip(SkipReason.NO_REPLICA)
        if change.kind is ChangeKind.TRANSITION:
            if found.storage_class is source.storage_class:
                return Skip(SkipReason.ALREADY_THERE)
            self._tx.rewrite_version(in_class(found, source.storage_class, self._now_ms))
            return None
        return self._carry_over(found, source)

    def _carry_over(self, there: ObjectVersion, source: ObjectVersion) -> Skip | None:
        """Give a replica the ACL and the tags of its source (documented)."""
        if (there.acl, there.tags_json) == (source.acl, source.tags_json):
            return Skip(SkipReason.ALREADY_THERE)
        self._tx.update_version(there, acl=source.acl, tags_json=source.tags_json)
        if self._events is not None:
            self._events.updated(there)
        return None

    def _replica_of(self, source: ObjectVersion) -> ObjectVersion | None:
        version_id = self._id_at_destination(source)
        if version_id:
            found = self._tx.version(self._destination.id, source.key, version_id)
        else:
            found = self._tx.current_version(self._destination.id, source.key)
        if found is None or self._is_replica(found, source):
            return found
        # A rule that was deleted may have written it; ``seq`` is unique in the store.
        is_of_it = found.origin is not None and found.origin.source_seq == source.seq
        return found if is_of_it else None

    def _delete_object(self, change: Change) -> Skip | None:
        """Delete the key as the destination's versioning does it, whoever wrote it (inferred)."""
        tx, destination = self._tx, self._destination
        current = tx.current_version(destination.id, change.key)
        if not self._keeps_versions:
            if current is None:
                return Skip(SkipReason.ALREADY_THERE)
            if self._is_newer(current, change):
                return Skip(SkipReason.SUPERSEDED)
            if self._is_locked(current):
                return Skip(SkipReason.DESTINATION_LOCKED)
            tx.delete_version(current)
            if self._events is not None:
                self._events.removed(current)
            return None
        if self._replaces_locked(destination.versioning, current, change.key):
            return Skip(SkipReason.DESTINATION_LOCKED)
        seq = tx.next_seq()
        is_enabled = destination.versioning is Versioning.ENABLED
        version_id = new_version_id(seq, self._rng) if is_enabled else NULL_VERSION_ID
        origin = Origin(self._target.rule.uid, change.seq, change.version_seq, self._now_ms)
        marker = delete_marker(destination, change.key, seq, version_id, change.at_ms, origin)
        push_entry(tx, destination.versioning, marker, current, shares_blobs=False)
        return None

    def _is_newer(self, current: ObjectVersion, change: Change) -> bool:
        """Whether the destination holds content of the rule that came after what was deleted."""
        origin = current.origin
        return (
            origin is not None
            and origin.rule_uid == self._target.rule.uid
            and origin.source_seq > change.version_seq > 0
        )

    def _delete_version(self, change: Change) -> Skip | None:
        found = self._tx.version(self._destination.id, change.key, change.version_id)
        if found is None:
            return Skip(SkipReason.ALREADY_THERE)
        if self._is_locked(found):
            return Skip(SkipReason.DESTINATION_LOCKED)
        drop_entry(self._tx, found)
        if self._events is not None:
            self._events.removed(found)
        return None
