"""The Principal element of bucket policies and trust policies."""

from __future__ import annotations

import re

from emulator.access.policy.faults import refuse
from emulator.access.policy.match import compile_patterns
from emulator.access.policy.reading import read_list, read_object, read_text, read_texts
from emulator.access.policy.records import Principals

# Account ids and RAM user ids are long decimal numbers. Letters are let through because the
# documents mask ids with them; such an entry means nobody.
_UID = re.compile(r"[0-9A-Za-z]{1,64}")
_ROLE = re.compile(r"arn:sts::[0-9*?]+:[A-Za-z*?-]+/[A-Za-z0-9.*?_-]+/[A-Za-z0-9.@*?_-]+")
_RAM = re.compile(r"acs:ram::[0-9]+:(?:root|user/[A-Za-z0-9._-]+|role/[A-Za-z0-9.-]+)")
_FEDERATED = re.compile(r"acs:ram::[0-9]+:(?:saml-provider|oidc-provider)/[A-Za-z0-9._-]+")
_KEY_USER = re.compile(r"acs:ram::[0-9]+:(?:\*|root|user/[A-Za-z0-9._-]+|role/[A-Za-z0-9.-]+)")
_SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")

_TRUST_TYPES = {"RAM": _RAM, "Service": _SERVICE, "Federated": _FEDERATED}


def bucket_principals(value: object, path: str) -> Principals:
    """Read ``"*"`` or a list of entries; an empty list means everyone. Raises PolicyError.

    (OSS authorization syntax, Principal; documented. That ``acs:ram::`` names and objects are
    refused: OSS cross-account diagnosis; documented.)
    """
    entries = ("*",) if value == "*" else _entries(value, path)
    roles = [entry for entry in entries if entry.startswith("arn:")]
    return Principals(
        everyone="*" in entries or not entries,
        names=frozenset(entry for entry in entries if entry != "*" and ":" not in entry),
        roles=compile_patterns(roles),
        entries=entries,
    )


def trust_principals(value: object, path: str) -> Principals:
    """Read ``{"RAM": …, "Service": …, "Federated": …}``. Raises PolicyError.

    (RAM AssumeRolePolicyDocument, Principal; documented.) Role names are kept in lower case,
    because they are compared without case (inferred).
    """
    fields = read_object(value, path)
    if not fields:
        refuse("no principal is named", path)
    found: dict[str, tuple[str, ...]] = {}
    for name, listed in fields.items():
        form = _TRUST_TYPES.get(name)
        if form is None:
            refuse("the principal's type is not RAM, Service or Federated", f"{path}.{name}")
        found[name] = read_texts(listed, f"{path}.{name}")
        for entry in found[name]:
            if not form.fullmatch(entry):
                refuse(f"{entry!r} is not a {name} principal", f"{path}.{name}")
    return Principals(
        names=frozenset(map(ram_name, found.get("RAM", ()))),
        services=frozenset(found.get("Service", ())),
        entries=tuple(entry for listed in found.values() for entry in listed),
    )


def key_principals(value: object, path: str) -> Principals:
    """Read ``{"RAM": [...]}``: accounts (``acs:ram::{uid}:*``), users and roles.

    Raises PolicyError (KMS SetKeyPolicy, Principal; documented).
    """
    fields = read_object(value, path)
    if fields.keys() != {"RAM"}:
        refuse("RAM and nothing else is expected", path)
    entries = read_texts(fields["RAM"], f"{path}.RAM")
    for entry in entries:
        if not _KEY_USER.fullmatch(entry):
            refuse(f"{entry!r} is not a RAM principal", f"{path}.RAM")
    return Principals(names=frozenset(map(ram_name, entries)), entries=entries)


def ram_name(arn: str) -> str:
    """The form in which ``acs:ram::`` names are compared: role names in lower case."""
    before, role, name = arn.partition(":role/")
    return before + role + name.lower()


def _entries(value: object, path: str) -> tuple[str, ...]:
    entries: list[str] = []
    for at, item in enumerate(read_list(value, path)):
        entry = read_text(item, f"{path}[{at}]")
        if entry != "*" and not _UID.fullmatch(entry) and not _ROLE.fullmatch(entry):
            refuse(f"{entry!r} is not a user id, '*' or an arn:sts:: role", f"{path}[{at}]")
        entries.append(entry)
    return tuple(entries)
