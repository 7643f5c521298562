"""The errors of encryption with a key of the key service; see ``domain.errors``."""

from __future__ import annotations

from emulator.domain.errors.core import OssError


class KeyNotFound(OssError):
    """The specified parameter KMS keyId is not found."""


class AliasNotFound(OssError):
    """The specified KMS alias is not found."""


class KeyDisabled(OssError):
    """The request was rejected because the key state is Disabled."""


class KeyPendingDeletion(OssError):
    """The request was rejected because the key state is PendingDeletion."""


class KeyPendingImport(OssError):
    """The request was rejected because the key state is PendingImport."""
