"""The encryption of replicas: which one, with which data key, and who uses which keys for it.

The bytes of an encrypted object are shared with its replicas: its data key is opened with the
source's key and wrapped with the replica's, both by the rule's role (OSS replication, KMS;
documented). What the destination bucket encrypts with its own service key needs no right of the
role: OSS does that for itself (inferred).
"""

from __future__ import annotations

import msgspec

from emulator.access.identity import Principal
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.conditions import EMPTY_CONTEXT, Context
from emulator.domain.encryption import (
    Algorithm,
    KeyHolder,
    ReplicaKeys,
    default_key_id,
    encryption_of,
    replica_encryption,
)
from emulator.domain.model import BlobHome, Bucket, Extent, ObjectVersion, StagedBlob, VersionKind
from emulator.kms.access import DECRYPT, GENERATE_DATA_KEY, KeyDecisionReason
from emulator.kms.frames import seal
from emulator.kms.object_keys import (
    KeyDenied,
    KeyUser,
    NoteUse,
    is_sealed,
    make_service_key,
    needs_service_key,
    new_data_key,
    open_data_key,
    rewrap,
)
from emulator.kms.refusals import KeyRefused
from emulator.kms.vault import Vault
from emulator.replication.model import FailureReason, Refusal
from emulator.replication.ports import ReplicationTx, ReplicationView
from emulator.replication.resealing import ContentName, Resealed, Resealing
from emulator.rng import Rng

_DENIED = {
    DECRYPT: FailureReason.SOURCE_KEY_DENIED,
    GENERATE_DATA_KEY: FailureReason.REPLICA_KEY_DENIED,
}
_BY_KEY_POLICY = (KeyDecisionReason.KEY_POLICY_LACKS, KeyDecisionReason.KEY_POLICY_DENIES)


class ReplicaNotEncrypted(Exception):
    """A key that a replica takes cannot be used; ``refusal`` says why."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)


class ReplicaNotReady(Exception):
    """The content of a replica has to be encrypted first: try again after ``Resealing.prepare``."""


class KeyTools(msgspec.Struct, frozen=True):
    """What keys are used with."""

    vault: Vault
    policies: PolicyCache
    rng: Rng
    resealing: Resealing


class ReplicaContent(msgspec.Struct, frozen=True, gc=False):
    """What a replica holds, and whether its extents are its source's."""

    encryption_json: str
    extents: tuple[Extent, ...]
    shares_blobs: bool


class ReplicaEncryption(msgspec.Struct, frozen=True, kw_only=True):
    """How the replicas of one rule are encrypted. ``role`` is None where OSS acts for itself."""

    tools: KeyTools
    rule_uid: int
    keys: ReplicaKeys
    role: Principal | None
    now_ms: int
    note: NoteUse | None = None
    context: Context = EMPTY_CONTEXT

    def is_shared(self, source: ObjectVersion) -> bool:
        """Whether a replica holds exactly what its source does, data key included."""
        if not source.encryption_json:
            return self._wanted(source) == ""
        encryption = encryption_of(source.encryption_json)
        return encryption is not None and encryption.algorithm != Algorithm.KMS

    def content(self, tx: ReplicationTx, source: ObjectVersion) -> ReplicaContent:
        """What the replica of an object holds. Raises ReplicaNotEncrypted and ReplicaNotReady."""
        if self.is_shared(source):
            return ReplicaContent(source.encryption_json, source.extents, shares_blobs=True)
        wanted, holder = self._wanted(source), self._holder(source)
        for each in (holder, self.keys.destination):
            if needs_service_key(tx, wanted, each):
                make_service_key(tx, self.tools.vault, self.tools.rng, each, self.now_ms)
        if not is_sealed(source.encryption_json):
            return self._seal(tx, source, wanted)
        data_key = self._open(tx, source)
        return ReplicaContent(self._rewrap(tx, source, data_key), source.extents, shares_blobs=True)

    def refusal(self, view: ReplicationView, source: ObjectVersion) -> Refusal | None:
        """Why a replica could not be encrypted now, if so: a dry run."""
        if self.is_shared(source):
            return None
        if needs_service_key(view, self._wanted(source), self.keys.destination):
            return None
        try:
            data_key = bytes(32)
            if is_sealed(source.encryption_json):
                data_key = self._open(view, source)
            self._rewrap(view, source, data_key)
        except ReplicaNotEncrypted as error:
            return error.refusal
        return None

    def _wanted(self, source: ObjectVersion) -> str:
        if source.kind is VersionKind.SYMLINK:
            return ""  # a link has no content to encrypt
        return replica_encryption(source.encryption_json, self.keys)

    def _holder(self, source: ObjectVersion) -> KeyHolder:
        """Whose keys the id in a replica's encryption names: the destination's default those of
        the destination, a rule's key those of the source's account, which wrote the rule; keys of
        other accounts are named by ARN (KMS, KeyId; documented)."""
        wanted, keys = encryption_of(self._wanted(source)), self.keys
        destination = keys.destination
        is_own = wanted is None or wanted.key_id == default_key_id(destination)
        if is_own or not source.encryption_json:
            return destination
        return KeyHolder(keys.source.account_uid, destination.region)

    def _seal(self, tx: ReplicationTx, source: ObjectVersion, wanted: str) -> ReplicaContent:
        """The replica of an object that is not encrypted itself: its content once more."""
        blobs = tx.blobs([extent.blob_id for extent in source.extents])
        is_large = any(blob.home is BlobHome.FILE for blob in blobs.values())
        name = ContentName(self.rule_uid, source.bucket_id, source.seq, source.extents)
        ready = self.tools.resealing.take(name) if is_large else None
        if ready is not None:
            return self._resealed(tx, source, ready)
        try:
            made = new_data_key(
                tx, self.tools.vault, wanted, self._holder(source), self._user(wanted)
            )
        except KeyRefused as error:
            raise self._refused(error, GENERATE_DATA_KEY, wanted) from error
        if is_large:
            raise ReplicaNotReady
        content = b"".join(
            (tx.inline_data(extent.blob_id) or b"")[extent.offset_bytes :][: extent.length_bytes]
            for extent in source.extents
        )
        if not content:
            return ReplicaContent(made.encryption_json, (), shares_blobs=True)
        sealed = seal(made.data_key, self.tools.vault.random, content)
        extent = tx.add_blob(StagedBlob(size_bytes=len(content), data=sealed))
        return ReplicaContent(made.encryption_json, (extent,), shares_blobs=False)

    def _resealed(
        self, tx: ReplicationTx, source: ObjectVersion, ready: Resealed
    ) -> ReplicaContent:
        if ready.staged is None:
            raise ReplicaNotEncrypted(
                Refusal(
                    reason=FailureReason.CONTENT_NOT_ENCRYPTED,
                    message=f"The content could not be encrypted: {ready.failure}.",
                )
            )
        encryption_json = self._rewrap(tx, source, ready.data_key)
        return ReplicaContent(encryption_json, (tx.add_blob(ready.staged),), shares_blobs=False)

    def _open(self, view: ReplicationView, source: ObjectVersion) -> bytes:
        user = KeyUser(self.role, self.tools.policies, self.now_ms, self.note, self.context)
        try:
            return open_data_key(view, self.tools.vault, source.encryption_json, user)
        except KeyRefused as error:
            raise self._refused(error, DECRYPT, source.encryption_json) from error

    def _rewrap(self, view: ReplicationView, source: ObjectVersion, data_key: bytes) -> str:
        wanted, holder, vault = self._wanted(source), self._holder(source), self.tools.vault
        try:
            return rewrap(view, vault, wanted, holder, self._user(wanted), data_key)
        except KeyRefused as error:
            raise self._refused(error, GENERATE_DATA_KEY, wanted) from error

    def _user(self, wanted: str) -> KeyUser:
        encryption = encryption_of(wanted)
        is_own = encryption is not None and encryption.key_id == default_key_id(
            self.keys.destination
        )
        role, owner_uid = None if is_own else self.role, self.keys.destination.account_uid
        return KeyUser(role, self.tools.policies, self.now_ms, self.note, self.context, owner_uid)

    def _refused(self, error: KeyRefused, action: str, encryption_json: str) -> ReplicaNotEncrypted:
        encryption = encryption_of(encryption_json)
        key_id = "" if encryption is None else encryption.key_id
        if isinstance(error, KeyDenied):
            return ReplicaNotEncrypted(_denied(error, action))
        message = f"The key {key_id} cannot be used for {action}: {error.message}"
        return ReplicaNotEncrypted(
            Refusal(
                reason=FailureReason.KEY_UNUSABLE,
                action=action,
                resource=key_id,
                message=message if message.endswith(".") else f"{message}.",
                remedy=f"See that the key {key_id} is there and enabled.",
            )
        )


def _denied(error: KeyDenied, action: str) -> Refusal:
    decision, role, arn = error.decision, error.user, error.key_arn
    where = "the key's policy" if decision.reason in _BY_KEY_POLICY else f"a RAM policy of {role}"
    statement = "" if decision.statement is None else decision.statement.describe()
    remedy = f"Allow {action} on {arn} to {role} in {where}."
    if statement:
        remedy = f"Remove the Deny of {action} on {arn} from {statement}."
    return Refusal(
        reason=_DENIED[action],
        action=action,
        resource=arn,
        statement=statement,
        message=f"The role may not use the key: {error.message}.",
        remedy=remedy,
    )


def replica_keys(
    view: ReplicationView, source: Bucket, destination: Bucket, replica_key_id: str
) -> ReplicaKeys:
    """What decides the encryption of the replicas of a rule between two buckets."""
    return ReplicaKeys(
        source=KeyHolder(source.owner_uid, source.region),
        destination=KeyHolder(destination.owner_uid, destination.region),
        rule_document=view.bucket_setting(destination, "encryption"),
        replica_key_id=replica_key_id,
    )
