"""The sentences of ``explain``."""

from __future__ import annotations

from enum import StrEnum

from emulator.replication.model import Skip, SkipReason


class Standing(StrEnum):
    """Where the newest change of a key, or of one version, stands under a rule."""

    NOTHING_KNOWN = "nothing-known"  # no such version, and no remembered change
    SKIPPED = "skipped"  # asks for nothing at the destination
    NOT_STARTED = "not-started"  # the rule is still starting
    PENDING = "pending"  # not looked at yet, or due later
    QUEUED = "queued"  # behind an earlier change of the key
    FAILED = "failed"  # refused; tried again
    COMPLETED = "completed"  # carried out
    NOT_COPIED = "not-copied"  # before the rule, or after it was deleted


_SKIPS = {
    SkipReason.OUTSIDE_PREFIXES: "The key starts with none of the rule's prefixes.",
    SkipReason.TAGS_DO_NOT_MATCH: "The object's tags do not pass the rule's tag filter.",
    SkipReason.IS_REPLICA: "This version is a replica itself; replicas never replicate onward.",
    SkipReason.STORAGE_CLASS: (
        "Objects of the classes ColdArchive and DeepColdArchive are never replicated."
    ),
    SkipReason.CLASS_CHANGE_ONLY: "A change of the storage class alone is not replicated.",
    SkipReason.SSE_KMS_NOT_SELECTED: (
        "The object is encrypted with SSE-KMS and the rule does not select such objects."
    ),
    SkipReason.DELETES_NOT_REPLICATED: "The rule's Action does not include deletions.",
    SkipReason.MARKERS_NOT_REPLICATED: "Delete markers are not replicated under this rule.",
    SkipReason.SOURCE_GONE: "The version was removed from the source before it was copied.",
    SkipReason.ALREADY_THERE: "The destination has it already.",
    SkipReason.SUPERSEDED: "The destination already holds newer content of this rule.",
}

_STANDINGS = {
    Standing.NOTHING_KNOWN: ("The source has no such version and no change of it is remembered."),
    Standing.NOT_STARTED: "The rule is starting; changes are remembered until it does.",
    Standing.PENDING: "The change has not been carried out yet.",
    Standing.QUEUED: "An earlier change of the same key has to be carried out first.",
    Standing.FAILED: "The last attempt was refused; it is tried again.",
    Standing.COMPLETED: "The change was carried out.",
    Standing.NOT_COPIED: "The change does not belong to this rule.",
    Standing.SKIPPED: "The change asks for nothing at the destination.",
}


def skip_sentence(skip: Skip) -> str:
    """Why a change asks for nothing."""
    detail = f" ({skip.detail})" if skip.detail else ""
    return f"{_SKIPS[skip.reason]}{detail}"


def standing_sentence(standing: Standing) -> str:
    """What a standing means."""
    return _STANDINGS[standing]
