"""What OSS says when the key service refuses."""

from __future__ import annotations

import pytest

from emulator.kms.refusals import KeyRefused, Reason
from emulator.protocol.errors import wire_error
from emulator.protocol.kms_errors import oss_refusal

ROWS = {
    Reason.NOT_FOUND: ("KeyNotFound", 404, "0005-00000208"),
    Reason.ALIAS_NOT_FOUND: ("AliasNotFound", 404, ""),
    Reason.VERSION_NOT_FOUND: ("KeyNotFound", 404, "0005-00000224"),
    Reason.DISABLED: ("KeyDisabled", 409, "0005-00000214"),
    Reason.PENDING_DELETION: ("KeyPendingDeletion", 409, "0005-00000215"),
    Reason.PENDING_IMPORT: ("KeyPendingImport", 409, "0005-00000216"),
    Reason.DENIED: ("AccessDenied", 403, ""),
    Reason.MALFORMED_NAME: ("InvalidParameter", 400, "0005-00000205"),
    Reason.BAD_CIPHERTEXT: ("InternalError", 500, ""),
}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_an_answer(reason: Reason) -> None:
    error = oss_refusal(KeyRefused(reason))
    wire = wire_error(type(error))
    assert wire is not None
    assert (error.code, wire.status, error.ec) == ROWS.get(reason, ("InternalError", 500, ""))


def test_who_may_not_is_told_so() -> None:
    assert oss_refusal(KeyRefused(Reason.DENIED)).message == "This request is forbidden by kms."
