"""RAM's errors (RAM, error codes; documented, texts inferred where only the code is given)."""

from __future__ import annotations

from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.faults import PolicyError, PolicyFault
from emulator.access.policy.records import PolicyKind
from emulator.services.rpc.errors import RpcError


def not_exist(entity: str, name: str) -> RpcError:
    """``EntityNotExist.Role`` and its like."""
    words = entity.replace(".", " ").lower()
    return RpcError(404, f"EntityNotExist.{entity}", f"The {words} does not exist: {name}")


def already_exists(entity: str, name: str) -> RpcError:
    """``EntityAlreadyExists.Role`` and its like."""
    words = entity.replace(".", " ").lower()
    return RpcError(409, f"EntityAlreadyExists.{entity}", f"The {words} already exists: {name}")


def delete_conflict(what: str, name: str) -> RpcError:
    """``DeleteConflict.Role.Policy`` and its like: something still hangs on it."""
    entity, _, still = what.partition(".")
    return RpcError(
        409,
        f"DeleteConflict.{what}",
        f"The {entity.lower()} {name} cannot be deleted while it has a {still.lower()}.",
    )


def limit_exceeded(what: str, count_max: int) -> RpcError:
    """``LimitExceeded.Role`` and its like."""
    words = what.replace(".", " ").lower()
    return RpcError(
        409, f"LimitExceeded.{what}", f"The number of {words} exceeds the limit of {count_max}."
    )


def check_document(policies: PolicyCache, kind: PolicyKind, text: str, field: str) -> None:
    """Raise MalformedPolicyDocument, or the Length error of the parameter."""
    try:
        policies.get(kind, text)
    except PolicyError as error:
        if error.reason is PolicyFault.TOO_LARGE:
            message = f"The parameter {field} is too long: {error.message}."
            raise RpcError(400, f"InvalidParameter.{field}.Length", message) from error
        raise RpcError(
            400, "MalformedPolicyDocument", f"The policy document is malformed: {error}."
        ) from error
