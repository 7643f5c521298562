"""Why a policy document is refused."""

from __future__ import annotations

import enum
from typing import NoReturn


class PolicyFault(enum.Enum):
    """The kinds of refusal that OSS tells apart (OSS PutBucketPolicy, error codes; documented)."""

    TOO_LARGE = "too large"
    VERSION = "version"
    SYNTAX = "syntax"
    CONSECUTIVE_WILDCARDS = "consecutive wildcards"


class PolicyError(Exception):
    """A document that is not a policy of its kind.

    ``path`` leads to the element at fault, e.g. ``Statement[0].Action[1]``; it is empty where the
    whole document is meant.
    """

    def __init__(self, reason: PolicyFault, message: str, path: str = "") -> None:
        self.reason = reason
        self.message = message
        self.path = path
        super().__init__(f"{path}: {message}" if path else message)


def refuse(message: str, path: str = "") -> NoReturn:
    """Raise the ordinary fault, a breach of the grammar."""
    raise PolicyError(PolicyFault.SYNTAX, message, path)
