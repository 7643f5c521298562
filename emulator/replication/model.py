"""The records of replication: what a rule asks, where it stands, what is to be done, and why not.

A *rule* is configuration, a *task* is one piece of work for one rule, an *attempt* is one try of
a task.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from emulator.domain.model import Change


class RuleState(StrEnum):
    """Where a rule stands (OSS GetBucketReplication, Status; documented)."""

    STARTING = "starting"  # accepted; nothing is copied yet, changes are remembered
    DOING = "doing"  # history and changes are copied
    CLOSING = "closing"  # deleted by the user; no change made after that is copied


class RtcStatus(StrEnum):
    """Replication time control of a rule (OSS PutBucketRTC; documented)."""

    DISABLED = "disabled"
    ENABLING = "enabling"
    ENABLED = "enabled"


class TagFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tags an object must carry: all of them (``AND``) or one of them (``OR``)."""

    match_all: bool
    tags: tuple[tuple[str, str], ...]


class RuleSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One replication rule as the user gave it, after OSS's silent normalisations."""

    rule_id: str
    destination_bucket: str
    destination_location: str  # "oss-cn-shanghai"
    transfer_type: str = ""  # "", "internal" or "oss_acc", as received
    prefixes: tuple[str, ...] = ()  # () = whole bucket
    tag_filter: TagFilter | None = None
    action: str = "ALL"  # comma list as received
    historical: bool = True
    sync_role: str = ""  # role name or ARN as received; "" = the service's own rights
    sse_kms_status: str = ""  # "", "Enabled", "Disabled"
    replica_kms_key_id: str = ""
    rtc: RtcStatus = RtcStatus.DISABLED

    @property
    def replicates_deletes(self) -> bool:
        """Whether deletions are copied (Action names DELETE or ALL)."""
        return not {"ALL", "DELETE"}.isdisjoint(self.action.split(","))

    @property
    def replicates_aborts(self) -> bool:
        """Whether aborted uploads are aborted there as well (Action names ABORT or ALL)."""
        return not {"ALL", "ABORT"}.isdisjoint(self.action.split(","))

    @property
    def role_name(self) -> str:
        """The bare role name, whether a name or an ARN was given."""
        return self.sync_role.rpartition("/")[2]


class History(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far the copying of historical data has come.

    History is every version of the source with ``seq`` up to ``bound_seq``. It is read in key
    order, oldest version first within a key; ``at_key``/``at_seq`` is the last one taken.
    """

    bound_seq: int
    total: int = 0  # versions counted when the rule began
    taken: int = 0  # versions read so far
    at_key: str = ""
    at_seq: int = 0
    done: bool = False


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule and where it stands.

    ``uid`` is never reused, so work of a deleted rule can never be taken for work of a later rule
    with the same id. ``cursor_seq`` is the last change taken in; ``last_seq`` the last change that
    may be taken in (a closing rule takes none made after it was closed).
    """

    uid: int
    source_bucket_id: int
    spec: RuleSpec
    state: RuleState
    created_ms: int
    starts_ms: int
    closes_ms: int | None
    cursor_seq: int
    last_seq: int | None
    history: History


class Effect(StrEnum):
    """What a task does at the destination."""

    COPY_VERSION = "copy-version"  # write the replica of an object version
    UPDATE_VERSION = "update-version"  # carry over ACL and tags of a version already there
    COPY_MARKER = "copy-marker"  # write the replica of a delete marker
    DELETE_OBJECT = "delete-object"  # delete without version id
    DELETE_VERSION = "delete-version"  # remove one version or delete marker for good
    COPY_UPLOAD = "copy-upload"  # begin the replica of a multipart upload
    COPY_PART = "copy-part"  # give it a part
    ABORT_UPLOAD = "abort-upload"  # abort it with its parts
    END_UPLOAD = "end-upload"  # remove it: the source's was completed, its object is not copied


class SkipReason(StrEnum):
    """Why a change asks for nothing at the destination of a rule."""

    OUTSIDE_PREFIXES = "outside-prefixes"
    TAGS_DO_NOT_MATCH = "tags-do-not-match"
    IS_REPLICA = "is-replica"  # replicas never replicate onward
    STORAGE_CLASS = "storage-class"  # Cold Archive and Deep Cold Archive are never copied
    APPENDABLE_TO_COLD = "appendable-to-cold"  # buckets of these classes take no appendable object
    CLASS_CHANGE_ONLY = "class-change-only"
    SSE_KMS_NOT_SELECTED = "sse-kms-not-selected"
    DELETES_NOT_REPLICATED = "deletes-not-replicated"
    MARKERS_NOT_REPLICATED = "markers-not-replicated"
    SOURCE_GONE = "source-gone"  # the version was removed before its copy ran
    ALREADY_THERE = "already-there"
    NO_REPLICA = "no-replica"  # ACL or tags changed, of a version the destination has no replica of
    SUPERSEDED = "superseded"  # an unversioned destination already holds newer content of the rule
    DESTINATION_LOCKED = "destination-locked"  # what it would change there is retained
    UPLOAD_BEFORE_RULE = "upload-before-rule"  # it began before the rule: its object is copied
    UPLOAD_GONE = "upload-gone"  # it was completed or aborted before its copy ran
    UPLOAD_NOT_SHARED = "upload-not-shared"  # its parts would have to be encrypted anew
    PART_REPLACED = "part-replaced"  # a later part of the same number is copied instead
    NO_REPLICA_UPLOAD = "no-replica-upload"  # the destination has no replica of the upload
    ABORTS_NOT_REPLICATED = "aborts-not-replicated"


class Skip(msgspec.Struct, frozen=True, gc=False):
    """Nothing to do, and why."""

    reason: SkipReason
    detail: str = ""


class Work(msgspec.Struct, frozen=True, gc=False):
    """Something to do. ``needs_delete_right``: oss:ReplicateDelete, not oss:ReplicatePut."""

    effect: Effect
    needs_delete_right: bool = False


class TaskState(StrEnum):
    """Where a stored task stands. A finished task is no longer stored."""

    QUEUED = "queued"  # behind an earlier task of the same rule and key
    WAITING = "waiting"  # due at ``due_ms``, not yet tried
    FAILED = "failed"  # tried and refused; tried again at ``due_ms``


class FailureReason(StrEnum):
    """Why an attempt was refused."""

    ROLE_MISSING = "role-missing"
    ROLE_NOT_ASSUMABLE = "role-not-assumable"  # the trust policy does not let OSS in
    SOURCE_LIST_DENIED = "source-list-denied"
    SOURCE_READ_DENIED = "source-read-denied"
    DESTINATION_LIST_DENIED = "destination-list-denied"
    DESTINATION_READ_DENIED = "destination-read-denied"
    DESTINATION_WRITE_DENIED = "destination-write-denied"
    DESTINATION_DELETE_DENIED = "destination-delete-denied"
    SOURCE_KEY_DENIED = "source-key-denied"  # kms:Decrypt with the key of the source object
    REPLICA_KEY_DENIED = "replica-key-denied"  # kms:GenerateDataKey or kms:Decrypt with its own
    KEY_DISABLED = "key-disabled"  # one of the two, as below
    KEY_PENDING_DELETION = "key-pending-deletion"
    KEY_PENDING_IMPORT = "key-pending-import"  # it has no material yet, or none any more
    KEY_MISSING = "key-missing"
    KEY_UNUSABLE = "key-unusable"  # for another reason, e.g. a damaged data key
    CONTENT_NOT_ENCRYPTED = "content-not-encrypted"  # it could not be read or written
    DESTINATION_BUCKET_MISSING = "destination-bucket-missing"
    VERSIONING_MISMATCH = "versioning-mismatch"
    LINK_DOWN = "link-down"  # nothing gets from the source's region to the destination's


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt was refused, in words a person can act on."""

    reason: FailureReason
    action: str = ""  # the missing permission, e.g. "oss:ReplicatePut"
    resource: str = ""
    statement: str = ""  # the statement that decided, if one did (an explicit Deny)
    message: str = ""
    remedy: str = ""


class Task(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One piece of work of one rule. ``change.seq`` is 0 for historical data."""

    id: int
    rule_uid: int
    change: Change
    state: TaskState
    due_ms: int
    size_bytes: int = 0  # what has to travel: 0 for markers, deletes, ACL and tags
    attempts: int = 0
    refusal: Refusal | None = None
    lane: str | None = None  # the link it has to pass before it is due
