"""Evaluation with everything but the resource settled beforehand.

The replication engine asks the same question for thousands of objects: one role, one action, one
context. ``prepare`` drops every statement that cannot match and keeps a resource test of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from emulator.access.policy.conditions import EMPTY_CONTEXT, Context
from emulator.access.policy.evaluate import (
    IMPLICIT_DENY,
    Evaluation,
    Outcome,
    PolicyRequest,
    principal_matches,
)
from emulator.access.policy.match import PatternSet, split_resource
from emulator.access.policy.records import (
    NO_ONE,
    Caller,
    Effect,
    NamedPolicy,
    Statement,
    statement_ref,
)


class PreparedEvaluation:
    """Answers for one action, context and caller, resource by resource.

    ``condition_keys`` are the keys that the result depends on: a caller whose context differs from
    object to object (``oss:ExistingObjectTag/…``) has to prepare again for each.
    """

    __slots__ = ("_candidates", "_rows", "_scope", "_scope_len", "condition_keys")

    def __init__(
        self,
        candidates: Sequence[tuple[Statement, Evaluation]],
        condition_keys: frozenset[str],
    ) -> None:
        self._candidates = tuple(candidates)
        self.condition_keys = condition_keys
        self._scope = ":"  # no resource begins so
        self._scope_len = 0
        self._rows: tuple[tuple[PatternSet, bool, Evaluation], ...] = ()

    def decide(self, resource: str) -> Evaluation:
        """The evaluation for one resource. Raises ValueError if it is no resource name."""
        if not resource.startswith(self._scope):
            self._enter(resource)
        relative = resource[self._scope_len :]
        for patterns, negated, evaluation in self._rows:
            if patterns.matches(relative) is not negated:
                return evaluation
        return IMPLICIT_DENY

    def decide_below(self, prefix: str) -> Evaluation | None:
        """The evaluation of every resource that begins with ``prefix``, which names its service,
        region and owner; None if it is not the same one for all of them, or that cannot be told.
        """
        if not prefix.startswith(self._scope):
            self._enter(prefix)
        relative = prefix[self._scope_len :]
        for patterns, negated, evaluation in self._rows:
            if negated or patterns.globs:
                return None
            if patterns.everything or relative.startswith(patterns.prefixes):
                return evaluation
            if any(text.startswith(relative) for text in (*patterns.prefixes, *patterns.exact)):
                return None
        return IMPLICIT_DENY

    def _enter(self, resource: str) -> None:
        """Remember what is left to match for resources of this service, region and owner."""
        scope, _ = split_resource(resource)
        rows: list[tuple[PatternSet, bool, Evaluation]] = []
        for statement, evaluation in self._candidates:
            patterns = statement.resources.within(scope)
            if statement.not_resource or not patterns.empty:
                rows.append((patterns, statement.not_resource, evaluation))
        self._rows = tuple(rows)
        self._scope = f"{scope}:"
        self._scope_len = len(self._scope)


def prepare(
    policies: Sequence[NamedPolicy],
    action: str,
    context: Context = EMPTY_CONTEXT,
    caller: Caller = NO_ONE,
    *,
    owner: bool = False,
) -> PreparedEvaluation:
    """Settle action, principal and conditions; ``decide`` settles the resource."""
    request = PolicyRequest(action, "", context, caller, owner)
    lowered = action.lower()
    keys: set[str] = set()
    denies: list[tuple[Statement, Evaluation]] = []
    allows: list[tuple[Statement, Evaluation]] = []
    for named in policies:
        for statement in named.policy.statements:
            if statement.actions.matches(lowered) is statement.not_action:
                continue
            if not principal_matches(statement, request):
                continue
            keys.update(condition.key for condition in statement.conditions)
            if not all(condition.holds(context) for condition in statement.conditions):
                continue
            ref = statement_ref(named, statement)
            if statement.effect is Effect.DENY:
                denies.append((statement, Evaluation(Outcome.EXPLICIT_DENY, ref)))
            else:
                allows.append((statement, Evaluation(Outcome.ALLOW, ref)))
    return PreparedEvaluation(denies + allows, frozenset(keys))
