"""Statements that would have allowed a refused request but for one part.

Asked about refusals alone: what concerns action, principal and conditions is settled once, the
resource for each refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import lru_cache

import msgspec

from emulator.access.policy.evaluate import PolicyRequest
from emulator.access.policy.match import (
    RESOURCE_COLONS,
    RESOURCE_SEGMENTS,
    PatternSet,
    compile_patterns,
    split_resource,
)
from emulator.access.policy.records import (
    NamedPolicy,
    PolicyKind,
    Statement,
    StatementRef,
    statement_ref,
)
from emulator.access.policy.trace import Mismatch, failed_conditions, misses

_TEXTS_MAX = 16  # so many resources or principals of a statement are looked at
_SHOWN_MAX, _SHOWN_CHARS_MAX = 3, 128
_NAME_CHARS_MAX = 64
_KEPT = 1024  # answers about the same few names, refusal after refusal
_ALIKE = 0.85  # from here on two names of buckets are taken for a slip of the pen
_NOWHERE = "acs:::::"
_SCOPE_PARTS = ("", "service", "region", "account")

# How near a miss is, the nearest first; principals that are more alike are nearer by a fraction.
_CONDITION, _CASE, _SCOPE, _PLACE, _PRINCIPAL, _ACTION, _NAME = range(7)


class NearMiss(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An Allow that misses by ``part`` alone; ``why`` says what it has and what was asked.

    ``only_case``: a principal that is named, in other letter case.
    """

    statement: StatementRef
    part: Mismatch
    why: str
    only_case: bool = False

    def describe(self) -> str:
        """In words, to come after what was refused."""
        return f"{self.statement.describe()} would, but {self.why}"

    def remedy(self, otherwise: str) -> str:
        """What to change; ``otherwise`` is the sentence of what to add instead."""
        statement = self.statement.describe()
        if self.part is Mismatch.ACTION:
            return otherwise
        if self.part is Mismatch.CONDITION:
            return f"Remove or change the Condition of {statement}. Otherwise: {otherwise}"
        element = self.part.value.capitalize()
        return f"Correct the {element} of {statement}. Otherwise: {otherwise}"


class _Candidate(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A statement that misses by one part, or whose resource is still to be tried."""

    rank: float
    statement: Statement
    miss: NearMiss


class NearMisses:
    """The near misses of policies for one action, context and caller, resource by resource.

    ``who`` is what messages call whoever asks (``replication``). The resource of ``request`` is
    not looked at.
    """

    __slots__ = ("_candidates",)

    def __init__(self, policies: Sequence[NamedPolicy], request: PolicyRequest, who: str) -> None:
        request = msgspec.structs.replace(request, resource=_NOWHERE)
        found = (
            _candidate(named, statement, request, who)
            for named in policies
            for statement in named.policy.allows
        )
        self._candidates = tuple(each for each in found if each is not None)

    def of(self, resource: str) -> NearMiss | None:
        """The nearest one for a resource, the first of equals; None if none is near."""
        scope, relative = split_resource(resource)
        best: tuple[float, NearMiss] | None = None
        for each in self._candidates:
            statement = each.statement
            fits = statement.resources.matches(scope, relative) is not statement.not_resource
            found: tuple[float, NearMiss] | None = None
            if each.miss.part is Mismatch.RESOURCE:
                found = None if fits else _resource_miss(each, scope, relative)
            elif fits:
                found = (each.rank, each.miss)
            if found is not None and (best is None or found[0] < best[0]):
                best = found
        return None if best is None else best[1]


def near_miss(policies: Sequence[NamedPolicy], request: PolicyRequest, who: str) -> NearMiss | None:
    """The nearest miss of one refused request."""
    return NearMisses(policies, request, who).of(request.resource)


def _candidate(
    named: NamedPolicy, statement: Statement, request: PolicyRequest, who: str
) -> _Candidate | None:
    parts = [part for part in misses(statement, request) if part is not Mismatch.RESOURCE]
    if len(parts) > 1:
        return None
    ref = statement_ref(named, statement)
    match parts:
        case [Mismatch.CONDITION]:
            said: tuple[float, str] | None = (_CONDITION, _condition_words(statement, request, who))
        case [Mismatch.PRINCIPAL]:
            said = _principal_miss(named.policy.kind, statement, request)
        case [Mismatch.ACTION]:
            said = _action_miss(statement, request)
        case _:
            miss = NearMiss(statement=ref, part=Mismatch.RESOURCE, why="")
            return _Candidate(rank=_NAME, statement=statement, miss=miss)
    if said is None:
        return None
    rank, why = said
    miss = NearMiss(statement=ref, part=parts[0], why=why, only_case=rank == _CASE)
    return _Candidate(rank=rank, statement=statement, miss=miss)


def _condition_words(statement: Statement, request: PolicyRequest, who: str) -> str:
    failed = [
        f"{each.operator} {each.key} [{_listed(each.values)}] does not hold: "
        f"{who} has {_listed(request.context.get(each.key, ())) or 'no ' + each.key}"
        for each in failed_conditions(statement, request.context)
    ]
    return f"its condition {', and '.join(failed[:_SHOWN_MAX])}"


def _action_miss(statement: Statement, request: PolicyRequest) -> tuple[float, str] | None:
    """Of another service's actions nothing is near."""
    texts = statement.action_texts
    service = request.action.partition(":")[0].lower() + ":"
    if statement.not_action:
        return _ACTION, f"its NotAction has {_listed(texts)}, asked was {request.action}"
    if not any(text.lower().startswith(service) for text in texts):
        return None
    return _ACTION, f"its Action has {_listed(texts)}, asked was {request.action}"


def _principal_miss(
    kind: PolicyKind, statement: Statement, request: PolicyRequest
) -> tuple[float, str] | None:
    """The entry that is most like the caller. That a key's policy names a whole account is
    nothing near: every key policy does."""
    caller = request.caller
    asked = caller.role or caller.service or next(iter(caller.names), "nobody")
    named = () if statement.principals is None else statement.principals.entries
    entries = tuple(entry for entry in named if entry != "*")
    if kind is PolicyKind.KEY:
        entries = tuple(entry for entry in entries if "/" in entry)
    if not entries:
        return None
    folded = asked.lower()
    for entry in entries[:_TEXTS_MAX]:
        if _pattern(entry.lower()).matches(folded):
            return _CASE, f"its Principal has {_cut(entry)}, asked was {asked} in this letter case"
    likeness, entry = max((_likeness(each, asked), each) for each in entries[:_TEXTS_MAX])
    return _PRINCIPAL + 1 - likeness, f"its Principal has {_cut(entry)}, asked was {asked}"


def _resource_miss(each: _Candidate, scope: str, relative: str) -> tuple[float, NearMiss] | None:
    statement, asked = each.statement, f"{scope}:{relative}"
    texts = statement.resource_texts
    if statement.not_resource:
        why = f"its NotResource has {_listed(texts)}, asked was {asked}"
        return _PLACE, msgspec.structs.replace(each.miss, why=why)
    found = [
        (*said, text)
        for text in texts[:_TEXTS_MAX]
        if (said := _place_miss(text, scope, relative)) is not None
    ]
    if not found:
        return None
    rank, hint, text = min(found)
    why = f"its Resource has {_cut(text)}, asked was {_cut(asked)}{hint}"
    return rank, msgspec.structs.replace(each.miss, why=why)


def _place_miss(text: str, scope: str, relative: str) -> tuple[float, str] | None:
    """How near a written resource is to the one asked for, and what of it differs."""
    segments = text.split(":", RESOURCE_COLONS)
    if len(segments) < RESOURCE_SEGMENTS:
        return None
    *written, place = segments
    asked = scope.split(":")
    differing = [
        name
        for name, has, wanted in zip(_SCOPE_PARTS, written, asked, strict=True)
        if not _pattern(has).matches(wanted)
    ]
    if _pattern(place).matches(relative):
        is_other = not differing or "service" in differing
        return None if is_other else (_SCOPE, f" (another {' and '.join(differing)})")
    if differing:
        return None
    if asked[1] != "oss":
        return (_NAME, "") if _likeness(place, relative) >= _ALIKE else None
    bucket, slash, _ = relative.partition("/")
    named, named_slash, _ = place.partition("/")
    if _pattern(named).matches(bucket):
        if slash and not named_slash:
            return _PLACE, " (the bucket is named, its objects are not)"
        if named_slash and not slash:
            return _PLACE, " (the objects are named, the bucket is not)"
        return _PLACE, ""
    return (_NAME, "") if _likeness(named, bucket) >= _ALIKE else None


@lru_cache(_KEPT)
def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one[:_NAME_CHARS_MAX], other[:_NAME_CHARS_MAX]).ratio()


@lru_cache(_KEPT)
def _pattern(text: str) -> PatternSet:
    return compile_patterns((text,))


def _listed(texts: Iterable[str]) -> str:
    every = tuple(texts)
    shown = ", ".join(_cut(text) for text in every[:_SHOWN_MAX])
    more = len(every) - _SHOWN_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"
