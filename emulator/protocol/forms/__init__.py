"""Uploads by HTML form: the multipart body, its fields, its credentials and its policy.

The body is read as it comes in; nothing here knows stores, clocks or identities.
"""

from emulator.protocol.forms.claims import FormClaims, check_form_signature, read_form_claims
from emulator.protocol.forms.fields import Form, FormBody, FormFile, form_boundary, read_form
from emulator.protocol.forms.policy import (
    FormPolicy,
    SizeRange,
    check_form_policy,
    read_form_policy,
)

__all__ = [
    "Form",
    "FormBody",
    "FormClaims",
    "FormFile",
    "FormPolicy",
    "SizeRange",
    "check_form_policy",
    "check_form_signature",
    "form_boundary",
    "read_form",
    "read_form_claims",
    "read_form_policy",
]
