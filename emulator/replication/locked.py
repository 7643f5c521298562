"""What a retained object at the destination keeps from being carried out."""

from __future__ import annotations

from typing import assert_never

from emulator.domain.model import Bucket, Change, ObjectVersion
from emulator.domain.worm import Protection, is_guarded, protection, replaced_by_write
from emulator.replication.model import Effect, Rule
from emulator.replication.ports import ReplicationView


def is_locked_out(
    view: ReplicationView,
    rule: Rule,
    destination: Bucket,
    effect: Effect,
    change: Change,
    now_ms: int,
) -> bool:
    """Whether a change that was taken in had no effect because of what the destination retains.

    It is read off the destination as it is now (OSS replication, retention policies; documented).
    """
    if not is_guarded(destination):
        return False
    there = _in_the_way(view, destination, effect, change)
    if there is None:
        return False
    origin = there.origin
    is_its_replica = (
        effect in (Effect.COPY_VERSION, Effect.COPY_MARKER)
        and origin is not None
        and origin.rule_uid == rule.uid
        and origin.source_seq == change.version_seq
    )
    kept = protection(view, destination, there, now_ms)
    return not is_its_replica and kept is not Protection.NONE


def _in_the_way(
    view: ReplicationView, destination: Bucket, effect: Effect, change: Change
) -> ObjectVersion | None:
    """The version at the destination that the effect would overwrite or remove."""
    match effect:
        case Effect.UPDATE_VERSION:
            return None
        case (
            Effect.COPY_UPLOAD | Effect.COPY_PART | Effect.ABORT_UPLOAD | Effect.END_UPLOAD
        ):  # no object is touched
            return None
        case Effect.DELETE_VERSION:
            return view.version(destination.id, change.key, change.version_id)
        case Effect.COPY_VERSION | Effect.COPY_MARKER | Effect.DELETE_OBJECT:
            current = view.current_version(destination.id, change.key)
            return replaced_by_write(view, destination, destination.versioning, current, change.key)
    assert_never(effect)
