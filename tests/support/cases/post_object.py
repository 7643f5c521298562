"""PostObject: whoever asks, the form itself says who."""

from __future__ import annotations

from tests.support.cases.forms import Case, at
from tests.support.upload_forms import CONTENT_TYPE, form, policy, v1_fields

_FIELDS = {"key": "key", **v1_fields(policy())}


def signed_by(account: str) -> bytes:
    """The body of the good case as another account, or nobody, would send it."""
    fields = {"key": "key", **(v1_fields(policy(), account) if account else {})}
    return form(fields, b"x")


CASES = {
    "PostObject": Case(
        at("POST", body=form(_FIELDS, b"x"), content_type=CONTENT_TYPE),
        at("POST", body=b"x", content_type=CONTENT_TYPE),
        "MalformedPOSTRequest",
        found=204,
    ),
}
