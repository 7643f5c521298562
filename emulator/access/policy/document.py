"""Policy documents: JSON text becomes a typed policy or a PolicyError.

One grammar serves RAM policies, session policies, bucket policies and trust policies; a table
says which elements each may and must have. Elements that are not in the table are refused,
because a misspelt Condition that is passed over would open what it was meant to close.
"""

from __future__ import annotations

import re

from emulator.access.policy.conditions import Condition, Operator, compile_condition
from emulator.access.policy.faults import PolicyError, PolicyFault, refuse
from emulator.access.policy.match import (
    EVERY_RESOURCE,
    compile_patterns,
    compile_resources,
)
from emulator.access.policy.principals import (
    bucket_principals,
    key_principals,
    trust_principals,
)
from emulator.access.policy.public import grants_public
from emulator.access.policy.reading import (
    Number,
    read_json,
    read_list,
    read_object,
    read_text,
    read_texts,
)
from emulator.access.policy.records import Effect, Policy, PolicyKind, Principals, Statement

VERSION = "1"
BUCKET_POLICY_BYTES_MAX = 16 * 1024  # OSS PutBucketPolicy; documented
_CHARACTERS_MAX = {
    PolicyKind.RAM: 6144,  # RAM CreatePolicy, PolicyDocument; documented
    PolicyKind.TRUST: 6144,  # inferred from the former
    PolicyKind.SESSION: 2048,  # STS AssumeRole, Policy; documented
}
_BYTES_MAX = {
    PolicyKind.BUCKET: BUCKET_POLICY_BYTES_MAX,
    PolicyKind.KEY: 32_768,  # KMS SetKeyPolicy, Policy; documented
}

_COMMON = frozenset({"Sid", "Effect", "Action", "NotAction", "Condition"})
_ELEMENTS = {
    PolicyKind.RAM: _COMMON | {"Resource", "NotResource"},
    PolicyKind.SESSION: _COMMON | {"Resource", "NotResource"},
    PolicyKind.BUCKET: _COMMON | {"Resource", "Principal"},
    PolicyKind.TRUST: _COMMON | {"Principal"},
    # KMS SetKeyPolicy names no negations; documented
    PolicyKind.KEY: frozenset({"Sid", "Effect", "Action", "Resource", "Principal", "Condition"}),
}

_ACTION = re.compile(r"\*|[A-Za-z0-9*?_.-]+:[A-Za-z0-9*?_.:/-]+")
_NOBODY = Principals()


def parse_policy(
    document: str | bytes, kind: PolicyKind, *, principal_required: bool = True
) -> Policy:
    """Parse a policy document of the given kind. Raises PolicyError.

    ``principal_required`` is about bucket policies alone: the documents call Principal required,
    while the vendor's own suites store bucket policies without it. Where it is not required, a
    statement without Principal means nobody (inferred).
    """
    text = _sized(document, kind)
    fields = read_object(read_json(text), "")
    for name in fields:
        if name not in ("Version", "Statement"):
            refuse("the element is not part of a policy", name)
    version = read_text(fields.get("Version"), "Version")
    if version != VERSION:
        raise PolicyError(PolicyFault.VERSION, f"the version is not {VERSION!r}", "Version")
    listed = read_list(fields.get("Statement"), "Statement")
    if not listed:
        refuse("the list is empty", "Statement")
    statements = tuple(
        _statement(item, at, kind, principal_required) for at, item in enumerate(listed)
    )
    return Policy(
        kind=kind,
        statements=statements,
        denies=tuple(one for one in statements if one.effect is Effect.DENY),
        allows=tuple(one for one in statements if one.effect is Effect.ALLOW),
        public=any(grants_public(one) for one in statements),
    )


def _sized(document: str | bytes, kind: PolicyKind) -> str:
    try:
        raw = document if isinstance(document, bytes) else document.encode()
        text = raw.decode()
    except UnicodeError:
        refuse("the policy is not UTF-8 text")
    if kind in _BYTES_MAX:
        size, size_max, unit = len(raw), _BYTES_MAX[kind], "bytes"
    else:
        size, size_max, unit = len(text), _CHARACTERS_MAX[kind], "characters"
    if size > size_max:
        message = f"the policy has {size} {unit}, the limit is {size_max}"
        raise PolicyError(PolicyFault.TOO_LARGE, message)
    return text


def _statement(value: object, at: int, kind: PolicyKind, principal_required: bool) -> Statement:
    path = f"Statement[{at}]"
    fields = read_object(value, path)
    for name in fields:
        if name not in _ELEMENTS[kind]:
            refuse(f"the element is not part of a {kind.value}", f"{path}.{name}")
    action_texts, not_action = _actions(fields, path, kind)
    resource_texts, not_resource = _resources(fields, path, kind)
    return Statement(
        index=at,
        sid=read_text(fields.get("Sid", ""), f"{path}.Sid"),
        effect=_effect(fields.get("Effect"), f"{path}.Effect"),
        actions=compile_patterns(text.lower() for text in action_texts),
        not_action=not_action,
        resources=EVERY_RESOURCE if kind is PolicyKind.TRUST else compile_resources(resource_texts),
        not_resource=not_resource,
        principals=_principals(fields, path, kind, principal_required),
        conditions=_conditions(fields.get("Condition", {}), f"{path}.Condition", kind),
        action_texts=action_texts,
        resource_texts=resource_texts,
    )


def _effect(value: object, path: str) -> Effect:
    text = read_text(value, path)
    if text not in ("Allow", "Deny"):
        refuse("the effect is neither Allow nor Deny", path)
    return Effect(text)


def _either(fields: dict[str, object], name: str, path: str) -> tuple[str, object, bool]:
    """The one of ``name`` and ``Not{name}`` that is given: its path, its value, whether Not."""
    negation = f"Not{name}"
    if (name in fields) == (negation in fields):
        refuse(f"exactly one of {name} and {negation} is expected", path)
    if name in fields:
        return f"{path}.{name}", fields[name], False
    return f"{path}.{negation}", fields[negation], True


def _actions(
    fields: dict[str, object], path: str, kind: PolicyKind
) -> tuple[tuple[str, ...], bool]:
    path, value, negated = _either(fields, "Action", path)
    texts = read_texts(value, path)
    for text in texts:
        if not _ACTION.fullmatch(text):
            refuse(f"{text!r} is not an action", path)
        _check_wildcards(text, path, kind)
    return texts, negated


def _resources(
    fields: dict[str, object], path: str, kind: PolicyKind
) -> tuple[tuple[str, ...], bool]:
    if kind is PolicyKind.TRUST:
        return (), False
    path, value, negated = _either(fields, "Resource", path)
    texts = read_texts(value, path)
    for text in texts:
        _check_wildcards(text, path, kind)
        if text.strip("*") and not text.startswith("acs:"):
            refuse(f"{text!r} is not a resource", path)
        if not text:
            refuse("the resource is empty", path)
        if kind is PolicyKind.KEY and text != "*":
            refuse("the resource of a key policy is '*', which means the key", path)
    return texts, negated


def _principals(
    fields: dict[str, object], path: str, kind: PolicyKind, required: bool
) -> Principals | None:
    if kind in (PolicyKind.RAM, PolicyKind.SESSION):
        return None
    if "Principal" not in fields:
        if required or kind in (PolicyKind.TRUST, PolicyKind.KEY):
            refuse("Principal is missing", path)
        return _NOBODY
    path = f"{path}.Principal"
    if kind is PolicyKind.TRUST:
        return trust_principals(fields["Principal"], path)
    if kind is PolicyKind.KEY:
        return key_principals(fields["Principal"], path)
    principals = bucket_principals(fields["Principal"], path)
    for entry in principals.entries:
        _check_wildcards(entry, path, kind)
    return principals


def _conditions(value: object, path: str, kind: PolicyKind) -> tuple[Condition, ...]:
    conditions: list[Condition] = []
    for name, keys in read_object(value, path).items():
        try:
            named = Operator(name)
        except ValueError:
            refuse("the condition operator is unknown", f"{path}.{name}")
        for key, listed in read_object(keys, f"{path}.{name}").items():
            at = f"{path}.{name}.{read_text(key, path)}"
            if not key:
                refuse("the condition key is empty", at)
            values = _condition_values(listed, at)
            for text in values:
                _check_wildcards(text, at, kind)
            try:
                conditions.append(compile_condition(named, key, values))
            except ValueError as error:
                refuse(f"{name} cannot read a value: {error}", at)
    return tuple(conditions)


def _condition_values(value: object, path: str) -> tuple[str, ...]:
    """Strings, and the numbers and booleans RAM also lets stand bare, all as text."""
    listed = value if isinstance(value, list) else [value]
    if not listed:
        refuse("the list is empty", path)
    texts: list[str] = []
    for item in listed:
        match item:
            case bool():
                texts.append("true" if item else "false")
            case Number():
                texts.append(item.text)
            case _:
                texts.append(read_text(item, path))
    return tuple(texts)


def _check_wildcards(text: str, path: str, kind: PolicyKind) -> None:
    """Bucket policies may not repeat a star (OSS EC 0030-00000007; documented)."""
    if kind is PolicyKind.BUCKET and "**" in text:
        message = f"{text!r} has consecutive wildcards"
        raise PolicyError(PolicyFault.CONSECUTIVE_WILDCARDS, message, path)
