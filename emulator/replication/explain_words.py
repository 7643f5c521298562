"""The sentences of ``explain``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from emulator.replication.explain_records import RuleNote, Standing
from emulator.replication.model import FailureReason, Refusal, Skip, SkipReason
from emulator.replication.reasons import REASONS

_SKIPS = {
    SkipReason.OUTSIDE_PREFIXES: "The key starts with none of the rule's prefixes.",
    SkipReason.TAGS_DO_NOT_MATCH: "The object's tags do not pass the rule's tag filter.",
    SkipReason.IS_REPLICA: "This version is a replica itself; replicas never replicate onward.",
    SkipReason.STORAGE_CLASS: (
        "Objects of the classes ColdArchive and DeepColdArchive are never replicated."
    ),
    SkipReason.APPENDABLE_TO_COLD: (
        "Appendable objects are not replicated to buckets of the classes ColdArchive and "
        "DeepColdArchive."
    ),
    SkipReason.CLASS_CHANGE_ONLY: "A change of the storage class alone is not replicated.",
    SkipReason.SSE_KMS_NOT_SELECTED: (
        "The object is encrypted with SSE-KMS and the rule does not select such objects."
    ),
    SkipReason.DELETES_NOT_REPLICATED: "The rule's Action does not include deletions.",
    SkipReason.MARKERS_NOT_REPLICATED: "Delete markers are not replicated under this rule.",
    SkipReason.SOURCE_GONE: "The version was removed from the source before it was copied.",
    SkipReason.ALREADY_THERE: "The destination has it already.",
    SkipReason.NO_REPLICA: (
        "Only ACL or tags changed, and the destination has no replica of this version: "
        "write the object again to have it copied."
    ),
    SkipReason.SUPERSEDED: "The destination already holds newer content of this rule.",
    SkipReason.DESTINATION_LOCKED: (
        "The object at the destination is retained and may be neither overwritten nor deleted."
    ),
    SkipReason.UPLOAD_BEFORE_RULE: (
        "The multipart upload began before the rule; the object is copied when it is completed."
    ),
    SkipReason.UPLOAD_GONE: "The multipart upload was completed or aborted before it was copied.",
    SkipReason.UPLOAD_NOT_SHARED: (
        "The parts would have to be encrypted anew for the destination; the object is copied when "
        "the upload is completed."
    ),
    SkipReason.PART_REPLACED: "The part was replaced; the later one is copied.",
    SkipReason.NO_REPLICA_UPLOAD: (
        "The destination has no replica of the multipart upload; the object is copied when the "
        "upload is completed."
    ),
    SkipReason.ABORTS_NOT_REPLICATED: (
        "The rule's Action does not include ABORT; the upload at the destination stays."
    ),
}

_STANDINGS = {
    Standing.NOTHING_KNOWN: "The source has no such version and no change of it is remembered.",
    Standing.NOT_STARTED: "The rule is starting; changes are remembered until it does.",
    Standing.PENDING: "The change has not been carried out yet.",
    Standing.QUEUED: "An earlier change of the same key has to be carried out first.",
    Standing.FAILED: "The last attempt was refused.",
    Standing.COMPLETED: "The change was carried out.",
    Standing.NOT_COPIED: "The change does not belong to this rule.",
    Standing.SKIPPED: "The change asks for nothing at the destination.",
}


# The most urgent one first.
_URGENCY = (
    Standing.FAILED,
    Standing.QUEUED,
    Standing.PENDING,
    Standing.NOT_STARTED,
    Standing.COMPLETED,
    Standing.NOT_COPIED,
    Standing.SKIPPED,
    Standing.NOTHING_KNOWN,
)

_STOPS = {
    FailureReason.SOURCE_LIST_DENIED: "Reading historical data",
    FailureReason.DESTINATION_LIST_DENIED: "Reading historical data",
    FailureReason.DESTINATION_DELETE_DENIED: "A deletion",
}

_LAST_MS = 253_402_300_799_999  # the end of the year 9999


def iso_time(epoch_ms: int) -> str:
    """``2024-01-02T03:04:05.678Z``; what lies outside of writable years is moved into them."""
    moment = datetime.fromtimestamp(min(max(epoch_ms, 0), _LAST_MS) // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{min(max(epoch_ms, 0), _LAST_MS) % 1000:03d}Z"


def refusal_sentences(refusal: Refusal) -> str:
    """What refused, and what would mend it."""
    message = refusal.message.rstrip(".")
    return f"{message}. {refusal.remedy or REASONS[refusal.reason].remedy}"


def waiting_sentences(standing: Standing, due_ms: int | None, refused_now: Refusal | None) -> str:
    """What a change that is still to be carried out waits for; ``refused_now`` is its dry run."""
    sentences = [standing_sentence(standing)]
    if due_ms is not None:
        what = "The rule starts" if standing is Standing.NOT_STARTED else "The next attempt is"
        sentences.append(f"{what} at {iso_time(due_ms)}.")
    if refused_now is not None:
        sentences.append(f"It would be refused now: {refusal_sentences(refused_now)}")
    return " ".join(sentences)


def refused_sentences(standing: Standing, due_ms: int, refused_now: Refusal | None) -> str:
    """What is to be done about a key whose first task was refused; its dry run is given."""
    said = standing_sentence(standing)
    if standing is Standing.QUEUED:
        said += " It was refused."
    if refused_now is None:
        return f"{said} Nothing is missing now; the next attempt is at {iso_time(due_ms)}."
    missing = refusal_sentences(refused_now)
    return f"{said} The next attempt is at {iso_time(due_ms)}. Missing now: {missing}"


def doubt_sentence(refused_now: Refusal | None, missing: Sequence[Refusal]) -> str:
    """What would be refused now, of a key with nothing left to do; empty if nothing would."""
    if refused_now is not None:
        return f" A new one would be refused now: {refusal_sentences(refused_now)}"
    if not missing:
        return ""
    stopped = _STOPS.get(missing[0].reason, "A change that is to be copied")
    return f" {stopped} would be refused now: {refusal_sentences(missing[0])}"


def verdict(notes: Sequence[RuleNote]) -> str:
    """The most urgent rule in words, and how many others there are."""
    urgent = min(notes, key=lambda note: _URGENCY.index(note.standing))
    said = (
        f"Rule {urgent.rule_id} from {urgent.source_bucket} to {urgent.destination_bucket}: "
        f"{urgent.message}"
    )
    others = Counter(note.standing for note in notes if note is not urgent)
    if not others:
        return said
    count = others.total()
    standings = ", ".join(f"{others[each]} {each}" for each in _URGENCY if others[each])
    if count == 1:
        return f"{said} 1 other rule: {standings.removeprefix('1 ')}."
    return f"{said} {count} other rules: {standings}."


def skip_sentence(skip: Skip) -> str:
    """Why a change asks for nothing."""
    detail = f" ({skip.detail})" if skip.detail else ""
    return f"{_SKIPS[skip.reason]}{detail}"


def standing_sentence(standing: Standing) -> str:
    """What a standing means."""
    return _STANDINGS[standing]
