"""Why the key service refuses. Each service that asks it has its own codes for these reasons."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """What a call came to grief on."""

    NOT_FOUND = "there is no such key"
    VERSION_NOT_FOUND = "there is no such version of a key"
    ALIAS_NOT_FOUND = "there is no such alias"
    DISABLED = "the key is disabled"
    PENDING_DELETION = "the key is about to be deleted"
    PENDING_IMPORT = "the key has no material"
    STATE = "the state of the key does not permit it"
    DENIED = "it is not permitted"
    BAD_CIPHERTEXT = "the ciphertext or its encryption context is wrong"
    INVALID = "a parameter is not valid"
    MALFORMED_NAME = "that is no name of a key"
    ALIAS_EXISTS = "the alias exists"
    UNSUPPORTED_ALIAS = "an alias cannot be used there"
    UNSUPPORTED_ORIGIN = "keys of this origin cannot do that"
    LIMIT = "there may not be more"
    LOCKED = "the key is protected from deletion"
    INVALID_MATERIAL = "the key material is not valid"
    INVALID_TOKEN = "the import token is not valid"  # noqa: S105 - a sentence
    EXPIRED_TOKEN = "the import token has expired"  # noqa: S105 - a sentence


class KeyRefused(Exception):
    """The key service does not do what was asked; nothing was changed.

    ``message`` is for people, ``parameter`` names what is wrong with the call where that is known,
    ``missing`` the right that was lacking: ``{action} on {resource}``.
    """

    def __init__(
        self, reason: Reason, message: str = "", *, parameter: str = "", missing: str = ""
    ) -> None:
        self.reason = reason
        self.message = message or reason.value
        self.parameter = parameter
        self.missing = missing
        super().__init__(self.message)


def invalid(parameter: str, message: str) -> KeyRefused:
    """A parameter is not valid."""
    return KeyRefused(Reason.INVALID, message, parameter=parameter)
