"""The encryption of replicas: which one, with which data key, and who uses which keys for it.

The bytes of an encrypted object are shared with its replicas: its data key is opened with the
source's key and wrapped with the replica's, both by the rule's role (OSS replication, KMS;
documented). What the destination bucket encrypts with its own service key needs no right of the
role: OSS does that for itself (inferred).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator

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
from emulator.kms.frames import seal
from emulator.kms.object_keys import (
    DATA_KEY_BYTES,
    KeyUser,
    is_sealed,
    make_service_key,
    needs_service_key,
    new_data_key,
    open_data_key,
    rewrap,
)
from emulator.kms.refusals import KeyRefused
from emulator.kms.vault import Vault
from emulator.replication.key_use import (
    MAKE_REPLICA,
    OPEN_SOURCE,
    READ_REPLICA,
    Answer,
    Asker,
    KeyCheck,
    NoteAnswer,
    ReplicaNotEncrypted,
    key_arn,
)
from emulator.replication.model import FailureReason, Refusal
from emulator.replication.ports import ReplicationTx, ReplicationView
from emulator.replication.resealing import ContentName, Resealed, Resealing
from emulator.replication.settings import KmsTable
from emulator.rng import Rng

__all__ = ["ReplicaEncryption", "ReplicaNotEncrypted", "ReplicaNotReady"]


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


class _Wish(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The encryption that a replica is to get: its text, the name of its key, whose keys that
    name is one of, and who uses it, None for OSS itself."""

    text: str
    key_id: str
    holder: KeyHolder
    role: Principal | None


class ReplicaEncryption(msgspec.Struct, frozen=True, kw_only=True):
    """How the replicas of one rule are encrypted. ``role`` is None where OSS acts for itself.

    It lives as long as a transaction, in which no right and no key changes: ``readable`` are the
    replica keys whose right to decrypt was asked, with the answers.
    """

    tools: KeyTools
    rule_uid: int
    keys: ReplicaKeys
    role: Principal | None
    now_ms: int
    note: NoteAnswer | None = None
    context: Context = EMPTY_CONTEXT
    readable: dict[tuple[str, KeyHolder], list[Answer]] = {}

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
        wish = self._wish(source)
        for each in (wish.holder, self.keys.destination):
            if needs_service_key(tx, wish.text, each):
                make_service_key(tx, self.tools.vault, self.tools.rng, each, self.now_ms)
        if not is_sealed(source.encryption_json):
            return self._seal(tx, source, wish)
        text = self._rewrap(tx, wish, self._open(tx, source))
        return ReplicaContent(text, source.extents, shares_blobs=True)

    def refusal(self, view: ReplicationView, source: ObjectVersion) -> Refusal | None:
        """Why a replica could not be encrypted now, if so: a dry run."""
        found = (each.refusal for each in self.checks(view, source))
        return next((each for each in found if each is not None), None)

    def checks(self, view: ReplicationView, source: ObjectVersion) -> Iterator[KeyCheck]:
        """Every use of a key that the replica of an object takes, tried now: a dry run."""
        noted: list[Answer] = []
        dry = msgspec.structs.replace(self, note=lambda *each: noted.append(each))
        for use in dry._uses(view, source):
            refusal: Refusal | None = None
            noted.clear()
            try:
                use()
            except ReplicaNotEncrypted as error:
                refusal = error.refusal
            for action, resource, verdict in noted:
                said = verdict.reason
                yield KeyCheck(
                    action=action,
                    resource=resource,
                    decided_by=str(said.value) if isinstance(said, enum.Enum) else said,
                    refusal=refusal,
                )

    def _uses(self, view: ReplicationView, source: ObjectVersion) -> Iterator[Callable[[], object]]:
        if self.is_shared(source):
            return
        if is_sealed(source.encryption_json):
            yield lambda: self._open(view, source)
        wish = self._wish(source)
        if any(
            needs_service_key(view, wish.text, each)
            for each in (wish.holder, self.keys.destination)
        ):
            return  # it is made when it is first used
        unwrapped = bytes(DATA_KEY_BYTES)
        yield lambda: self._wrap(view, wish, unwrapped)
        by_oss = KeyUser(None, self.tools.policies, self.now_ms)
        try:
            made = rewrap(view, self.tools.vault, wish.text, wish.holder, by_oss, unwrapped)
        except KeyRefused:
            return  # what was tried before said so
        yield lambda: self._read_back(view, wish, made)

    def _wanted(self, source: ObjectVersion) -> str:
        if source.kind is VersionKind.SYMLINK:
            return ""  # a link has no content to encrypt
        return replica_encryption(source.encryption_json, self.keys)

    def _wish(self, source: ObjectVersion) -> _Wish:
        """What a replica that is not shared is to get. The destination's default key is one of the
        destination's, and OSS itself uses it; a rule's key is one of the source's account, which
        wrote the rule; keys of other accounts are named by ARN (KMS, KeyId; documented)."""
        text, keys = self._wanted(source), self.keys
        encryption = encryption_of(text)
        assert encryption is not None, "what is not encrypted is shared"
        holder = keys.destination
        is_own = encryption.key_id == default_key_id(holder)
        if source.encryption_json and not is_own:
            holder = KeyHolder(keys.source.account_uid, holder.region)
        return _Wish(
            text=text,
            key_id=encryption.key_id,
            holder=holder,
            role=None if is_own or encryption.algorithm != Algorithm.KMS else self.role,
        )

    def _seal(self, tx: ReplicationTx, source: ObjectVersion, wish: _Wish) -> ReplicaContent:
        """The replica of an object that is not encrypted itself: its content once more."""
        blobs = tx.blobs([extent.blob_id for extent in source.extents])
        is_large = any(blob.home is BlobHome.FILE for blob in blobs.values())
        name = ContentName(self.rule_uid, source.bucket_id, source.seq, source.extents)
        ready = self.tools.resealing.take(name) if is_large else None
        if ready is not None:
            return self._resealed(tx, wish, ready)
        vault = self.tools.vault
        made = self._asker(wish.role).use(
            MAKE_REPLICA,
            lambda: key_arn(wish.text, wish.holder),
            lambda user: new_data_key(tx, vault, wish.text, wish.holder, user),
        )
        self._read_back(tx, wish, made.encryption_json)
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

    def _resealed(self, tx: ReplicationTx, wish: _Wish, ready: Resealed) -> ReplicaContent:
        if ready.staged is None:
            raise ReplicaNotEncrypted(
                Refusal(
                    reason=FailureReason.CONTENT_NOT_ENCRYPTED,
                    message=f"The content could not be encrypted: {ready.failure}.",
                )
            )
        encryption_json = self._rewrap(tx, wish, ready.data_key)
        return ReplicaContent(encryption_json, (tx.add_blob(ready.staged),), shares_blobs=False)

    def _open(self, view: ReplicationView, source: ObjectVersion) -> bytes:
        """The data key of an encrypted object, opened with its own key."""
        vault, text = self.tools.vault, source.encryption_json
        return self._asker(self.role).use(
            OPEN_SOURCE,
            lambda: key_arn(text, self.keys.source),
            lambda user: open_data_key(view, vault, text, user),
        )

    def _rewrap(self, view: ReplicationView, wish: _Wish, data_key: bytes) -> str:
        """The ``encryption_json`` of a replica with this data key, which its role can open."""
        made = self._wrap(view, wish, data_key)
        self._read_back(view, wish, made)
        return made

    def _wrap(self, view: ReplicationView, wish: _Wish, data_key: bytes) -> str:
        vault = self.tools.vault
        return self._asker(wish.role).use(
            MAKE_REPLICA,
            lambda: key_arn(wish.text, wish.holder),
            lambda user: rewrap(view, vault, wish.text, wish.holder, user, data_key),
        )

    def _read_back(self, view: ReplicationView, wish: _Wish, made: str) -> None:
        """Open what was wrapped, as the role: it needs this right on the replica's key too."""
        if wish.role is None:
            return
        name, vault = (wish.key_id, wish.holder), self.tools.vault
        known = self.readable.get(name)
        if known is None:
            told: list[Answer] = []
            self._asker(wish.role).use(
                READ_REPLICA,
                lambda: key_arn(made, wish.holder),
                lambda user: open_data_key(view, vault, made, user),
                told,
            )
            self.readable[name] = told
        elif self.note is not None:
            for each in known:
                self.note(*each)

    def _asker(self, role: Principal | None) -> Asker:
        """Who uses keys."""
        return Asker(
            role=role,
            policies=self.tools.policies,
            now_ms=self.now_ms,
            note=self.note,
            context=self.context,
            owner_uid=self.keys.destination.account_uid,
        )


def replica_keys(
    view: ReplicationView,
    source: Bucket,
    destination: Bucket,
    replica_key_id: str,
    table: KmsTable = KmsTable.CURRENT,
) -> ReplicaKeys:
    """What decides the encryption of the replicas of a rule between two buckets."""
    return ReplicaKeys(
        source=KeyHolder(source.owner_uid, source.region),
        destination=KeyHolder(destination.owner_uid, destination.region),
        rule_document=view.bucket_setting(destination, "encryption"),
        replica_key_id=replica_key_id,
        keeps_service_key=table is KmsTable.OF_2021,
    )
