"""Every statement and why it did not match: what ``explain`` shows, never the request path."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

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


def misses(statement: Statement, request: PolicyRequest) -> Iterator[Mismatch]:
    """Every part of a statement that does not fit, in the order they are tried."""
    scope, relative = split_resource(request.resource)
    if statement.actions.matches(request.action.lower()) is statement.not_action:
        yield Mismatch.ACTION
    if statement.resources.matches(scope, relative) is statement.not_resource:
        yield Mismatch.RESOURCE
    if not principal_matches(statement, request):
        yield Mismatch.PRINCIPAL
    if any(failed_conditions(statement, request.context)):
        yield Mismatch.CONDITION


def failed_conditions(statement: Statement, context: ContextReader) -> Iterator[Condition]:
    """The conditions of a statement that do not hold."""
    return (each for each in statement.conditions if not each.holds(context))


def _trace_statement(
    named: NamedPolicy, statement: Statement, request: PolicyRequest
) -> StatementTrace:
    ref = statement_ref(named, statement)
    mismatch = next(misses(statement, request), Mismatch.NONE)
    if mismatch is not Mismatch.CONDITION:
        return StatementTrace(ref, mismatch)
    failed = next(failed_conditions(statement, request.context))
    return StatementTrace(ref, mismatch, failed, request.context.get(failed.key, ()))
