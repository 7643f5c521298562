"""What a link has to do with a key that is not replicated yet, for ``explain``."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from emulator.replication.explain_records import RuleNote, Standing
from emulator.replication.explain_words import iso_time, refusal_sentences, standing_sentence
from emulator.replication.model import FailureReason, Refusal, Rule, Task
from emulator.replication.ports import ReplicationView
from emulator.replication.timing import Timings

_ON_THE_WAY = frozenset({Standing.PENDING, Standing.QUEUED, Standing.FAILED})
_REMEDY = 'Bring it up: PUT /_emulator/replication/timing with "down": false.'


def with_link(
    view: ReplicationView,
    timing: Timings,
    rule: Rule,
    tasks: Sequence[Task],
    note: RuleNote,
    now_ms: int,
) -> RuleNote:
    """What is said of a rule and key, with the link that it waits for or travels on.

    ``tasks`` are those of the rule and key, in order.
    """
    if note.standing not in _ON_THE_WAY:
        return note
    head = tasks[0] if tasks else None
    lane = timing.of_rule(view, rule).lane if head is None or head.lane is None else head.lane
    if lane is None:
        return note
    refusal = link_down(view, timing, lane)
    if refusal is not None:
        return _down(note, refusal)
    return note if head is None or head.lane is None else _waiting(view, timing, note, head, now_ms)


def link_down(view: ReplicationView, timing: Timings, lane: str) -> Refusal | None:
    """Why nothing passes a lane, if its link is down."""
    down_ms = timing.figures(view, lane).down_since_ms
    if down_ms is None:
        return None
    since = iso_time(down_ms)
    return Refusal(
        reason=FailureReason.LINK_DOWN,
        message=f"{_words(lane)} is down since {since}; nothing passes it until it is up again.",
        remedy=_REMEDY,
    )


def _down(note: RuleNote, refusal: Refusal) -> RuleNote:
    words = refusal_sentences(refusal)
    if note.standing is Standing.FAILED:  # what refused it counts as well
        return msgspec.structs.replace(note, message=f"{note.message} {words}")
    return msgspec.structs.replace(
        note,
        message=f"{standing_sentence(note.standing)} {words}",
        refusal=refusal,
        next_attempt_ms=None,
        next_attempt=None,
    )


def _waiting(
    view: ReplicationView, timing: Timings, note: RuleNote, head: Task, now_ms: int
) -> RuleNote:
    assert head.lane is not None
    flying = timing.links.of_task(view, head.lane, head.id, now_ms)
    ends_ms = None if flying is None else flying.ends_ms
    if flying is not None and ends_ms is not None:
        said = (
            f"{flying.bytes_done} of {head.size_bytes} bytes have passed {_words(head.lane, 't')}; "
            f"the rest will have by {iso_time(ends_ms)}, as it is shared now."
        )
    elif head.due_ms > now_ms:
        said = f"It is on its way to {_words(head.lane, 't')} until {iso_time(head.due_ms)}."
    else:
        said = f"It waits for its turn on {_words(head.lane, 't')}."
    if note.refusal is not None:
        said += f" It would be refused now: {refusal_sentences(note.refusal)}"
    return msgspec.structs.replace(
        note,
        message=f"{standing_sentence(note.standing)} {said}",
        next_attempt_ms=ends_ms,
        next_attempt=None if ends_ms is None else iso_time(ends_ms),
    )


def _words(lane: str, the: str = "T") -> str:
    source, is_pair, to = lane.partition(">")
    return f"{the}he link from {source} to {to}" if is_pair else f"{the}he link of the rule"
