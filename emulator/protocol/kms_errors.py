"""Refusals of the key service as OSS errors (OSS, server-side encryption, errors; documented)."""

from __future__ import annotations

from emulator.domain import errors
from emulator.domain.errors import OssError
from emulator.kms.refusals import KeyRefused, Reason

_FORBIDDEN = "This request is forbidden by kms."


def oss_refusal(refused: KeyRefused) -> OssError:
    """What a request that needs a key is told.

    A ciphertext that does not open is damage in the store and none of the client's business:
    InternalError.
    """
    match refused.reason:
        case Reason.NOT_FOUND:
            return errors.KeyNotFound(ec="0005-00000208")
        case Reason.ALIAS_NOT_FOUND:
            return errors.AliasNotFound()
        case Reason.VERSION_NOT_FOUND:
            return errors.KeyNotFound(ec="0005-00000224")
        case Reason.DISABLED:
            return errors.KeyDisabled(ec="0005-00000214")
        case Reason.PENDING_DELETION:
            return errors.KeyPendingDeletion(ec="0005-00000215")
        case Reason.PENDING_IMPORT:  # that it has this number is inferred
            return errors.KeyPendingImport(ec="0005-00000216")
        case Reason.DENIED:  # OSS documents no number for it
            return errors.AccessDenied(_FORBIDDEN)
        case Reason.MALFORMED_NAME:
            return errors.InvalidParameter("The KMS key id is not valid.", ec="0005-00000205")
        case _:
            return errors.InternalError()
