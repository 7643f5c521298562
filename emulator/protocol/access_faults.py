"""Faults of the access room as OSS errors."""

from __future__ import annotations

from emulator.access.policy.faults import PolicyError, PolicyFault
from emulator.domain import errors

_NUMBERS = {
    PolicyFault.TOO_LARGE: "0030-00000001",
    PolicyFault.VERSION: "0030-00000002",
    PolicyFault.SYNTAX: "0030-00000005",
    PolicyFault.CONSECUTIVE_WILDCARDS: "0030-00000007",
}


def policy_refusal(error: PolicyError) -> errors.InvalidPolicyDocument:
    """A bucket policy that cannot be stored, with the place in the document."""
    where = f" at {error.path}" if error.path else ""
    return errors.InvalidPolicyDocument(
        f"The bucket policy is invalid{where}: {error.message}.", ec=_NUMBERS[error.reason]
    )
