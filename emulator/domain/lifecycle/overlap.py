"""Rules about the same objects (OSS PutBucketLifecycle, overlapping prefixes; documented).

Two rules overlap when the prefix of one begins with that of the other, unless both have tags and
not the same ones, or one passes over the prefix of the other with ``Not``.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from emulator.domain.errors import InvalidRequest
from emulator.domain.lifecycle.document import Rule
from emulator.domain.lifecycle.rules import COLDNESS
from emulator.domain.model import StorageClass

_ABORT = "AbortMultipartUpload"
_END = len(COLDNESS)
_NO_TAGS: frozenset[tuple[str, str]] = frozenset()


class _Scope(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with what is asked about it often."""

    rule: Rule
    tags: frozenset[tuple[str, str]]
    actions: frozenset[str]


def check_overlaps(rules: list[Rule], *, allow_overlap: bool) -> None:
    """Refuse rules that do the same to the same objects. Raises InvalidRequest.

    ``allow_overlap`` is what ``x-oss-allow-same-action-overlap`` says; uploads are never aborted
    by two rules (documented).
    """
    scopes = [_scope(rule) for rule in rules]
    if allow_overlap:
        scopes = [scope for scope in scopes if _ABORT in scope.actions]
    for outer, inner in _overlapping(scopes):
        both = outer.actions & inner.actions
        if _ABORT in both or (both and not allow_overlap):
            action = _ABORT if _ABORT in both else min(both)
            raise InvalidRequest(f"Overlap for same action type {_shown(action)}")
        if allow_overlap or outer.tags or inner.tags:
            continue
        if outer.rule.prefix == inner.rule.prefix:
            raise InvalidRequest(
                f"Several rules have the prefix '{outer.rule.prefix}'.", ec="0014-00000085"
            )
        _check_times(outer.rule, inner.rule)


def _scope(rule: Rule) -> _Scope:
    tags = frozenset((tag.key, tag.value) for tag in rule.tags)
    return _Scope(rule=rule, tags=tags, actions=frozenset(_actions(rule)))


def _overlapping(scopes: list[_Scope]) -> Iterator[tuple[_Scope, _Scope]]:
    """The pairs that overlap, the one with the shorter prefix first.

    Only what can overlap is held against each other: a thousand rules with different tags must
    not cost half a million comparisons.
    """
    around: dict[frozenset[tuple[str, str]], list[_Scope]] = {_NO_TAGS: []}
    for inner in sorted(scopes, key=lambda each: each.rule.prefix):
        prefix = inner.rule.prefix
        near = (inner.tags, _NO_TAGS) if inner.tags else tuple(around)
        for tags in near:
            open_scopes = around.setdefault(tags, [])
            while open_scopes and not prefix.startswith(open_scopes[-1].rule.prefix):
                open_scopes.pop()
            for outer in open_scopes:
                if not _is_left_out(outer.rule, prefix):
                    yield outer, inner
        around[inner.tags].append(inner)


def _is_left_out(outer: Rule, prefix: str) -> bool:
    exclusions = outer.filter.exclusions if outer.filter is not None else []
    return any(
        each.tag is None and each.prefix and prefix.startswith(each.prefix) for each in exclusions
    )


def _actions(rule: Rule) -> set[str]:
    """The kinds of actions of a rule. Changes to different classes are different kinds."""
    kinds = {f"Transition {move.storage_class}" for move in rule.transitions}
    kinds |= {
        f"NoncurrentVersionTransition {move.storage_class}"
        for move in rule.noncurrent_version_transitions
    }
    if rule.expiration is not None:
        kinds.add("Expiration")
    if rule.noncurrent_version_expiration is not None:
        kinds.add("NoncurrentVersionExpiration")
    if rule.abort_multipart_upload is not None:
        kinds.add(_ABORT)
    return kinds


def _shown(action: str) -> str:
    return action.partition(" ")[0]


def _check_times(outer: Rule, inner: Rule) -> None:
    """The colder class later and the end last, also over two rules."""
    for one in _steps(outer):
        for other in _steps(inner):
            (warm, early), (cold, late) = sorted((one, other))
            if warm != cold and late <= early:
                raise InvalidRequest(
                    "The rules with overlapping prefixes contradict each other.",
                    ec="0014-00000082",
                )


def _steps(rule: Rule) -> Iterator[tuple[int, int]]:
    """How cold objects get and after how many days since their last change; deleted is coldest."""
    for move in rule.transitions:
        if move.days is not None and not move.is_access_time:
            yield COLDNESS[StorageClass(move.storage_class)], move.days
    if rule.expiration is not None and rule.expiration.days is not None:
        yield _END, rule.expiration.days
