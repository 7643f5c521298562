"""Every statement and why it did not match: what ``explain`` shows, never the request path."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from emulator.access.policy.conditions import Condition, ContextReader
from emulator.access.policy.evaluate import PolicyRequest, principal_matches
from emulator.access.policy.match import split_resource
from emulator.access.policy.records import NamedPolicy, Statement, StatementRef, statement_ref


class Mismatch(enum.Enum):
    """The first part of a statement that did not fit, in the order they are tried."""

    NONE = "matched"
    ACTION = "action"
    RESOURCE = "resource"
    PRINCIPAL = "principal"
    CONDITION = "condition"


class StatementTrace(msgspec.Struct, frozen=True, gc=False):
    """One statement; ``condition`` and ``given`` tell which condition failed on which values."""

    statement: StatementRef
    mismatch: Mismatch
    condition: Condition | None = None
    given: tuple[str, ...] = ()

    def describe(self) -> str:
        """In words: the statement, and what of it did not fit."""
        statement = self.statement.describe()
        match self.mismatch:
            case Mismatch.NONE:
                return f"{statement} matched"
            case Mismatch.CONDITION if self.condition is not None:
                key, listed = self.condition.key, ", ".join(self.condition.values)
                given = ", ".join(self.given) or "absent"
                return (
                    f"{statement} did not match: "
                    f"{self.condition.operator} {key} [{listed}], request has {given}"
                )
            case _:
                return f"{statement} did not match: {self.mismatch.value}"


def trace(policies: Sequence[NamedPolicy], request: PolicyRequest) -> tuple[StatementTrace, ...]:
    """Trace ``request`` through every statement of every policy, in the order they are written."""
    return tuple(
        _trace_statement(named, statement, request)
        for named in policies
        for statement in named.policy.statements
    )


def _trace_statement(
    named: NamedPolicy, statement: Statement, request: PolicyRequest
) -> StatementTrace:
    scope, relative = split_resource(request.resource)
    ref = statement_ref(named, statement)
    if statement.actions.matches(request.action.lower()) is statement.not_action:
        return StatementTrace(ref, Mismatch.ACTION)
    if statement.resources.matches(scope, relative) is statement.not_resource:
        return StatementTrace(ref, Mismatch.RESOURCE)
    if not principal_matches(statement, request):
        return StatementTrace(ref, Mismatch.PRINCIPAL)
    failed = _failed_condition(statement, request.context)
    if failed is not None:
        given = request.context.get(failed.key, ())
        return StatementTrace(ref, Mismatch.CONDITION, failed, given)
    return StatementTrace(ref, Mismatch.NONE)


def _failed_condition(statement: Statement, context: ContextReader) -> Condition | None:
    for condition in statement.conditions:
        if not condition.holds(context):
            return condition
    return None
