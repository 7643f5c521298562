"""Encryption contexts: maps of strings that are authenticated with a ciphertext, never stored.

(KMS, EncryptionContext; documented.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from emulator.kms.refusals import invalid

EncryptionContext = Mapping[str, str]

NO_CONTEXT: EncryptionContext = {}
CONTEXT_CHARACTERS_MAX = 8192

_SORTED = msgspec.json.Encoder(order="sorted")
_READ = msgspec.json.Decoder(dict[str, str])


def canonical(context: EncryptionContext) -> bytes:
    """The bytes that are authenticated: the same for equal maps, in whatever order they are."""
    return _SORTED.encode(context) if context else b""


def read_context(text: str, parameter: str = "EncryptionContext") -> EncryptionContext:
    """A context from its JSON text, ``""`` for none. Raises KeyRefused, also for a key that is
    there twice (inferred)."""
    if not text:
        return NO_CONTEXT
    if len(text) > CONTEXT_CHARACTERS_MAX:
        raise invalid(parameter, f"{parameter} has more than {CONTEXT_CHARACTERS_MAX} characters.")
    try:
        context = _READ.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise invalid(parameter, f"{parameter} is no JSON map of strings.") from error
    if len(json.loads(text, object_pairs_hook=list)) != len(context):
        raise invalid(parameter, f"{parameter} has a key twice.")
    return context
