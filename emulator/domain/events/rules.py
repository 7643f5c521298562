"""Notification rules of a bucket: which events of which keys are reported, and where to. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from emulator.domain.documents import reader_of
from emulator.domain.events.names import GROUPS, NAMES

RULES_MAX: Final = 10  # (OSS event notifications, per region; documented)
_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,84}")
_ANY_OF_GROUP: Final = ":*"
_TRIGGER_PREFIX: Final = "oss:"  # how Function Compute spells the same names


class MessageFormat(StrEnum):
    """How an endpoint is sent a message."""

    JSON = "json"  # as it is
    BASE64 = "base64"  # as Simple Message Queue passes it on (documented)


class NotificationRule(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """One rule; without an endpoint its events can be read and are not sent anywhere."""

    id: str = msgspec.field(name="ID")
    event: list[str]
    prefix: str = ""
    suffix: str = ""
    endpoint: str = ""
    format: MessageFormat = MessageFormat.JSON

    def reports(self, name: str, key: str) -> bool:
        """Whether an event of this name on this key is the rule's."""
        if not key.startswith(self.prefix) or not key.endswith(self.suffix):
            return False
        group = name.partition(":")[0] + _ANY_OF_GROUP
        return name in self.event or group in self.event


class _Document(msgspec.Struct, frozen=True):
    rules: list[NotificationRule] = msgspec.field(name="Rule", default=[])


class RuleError(ValueError):
    """Rules that cannot be used; the message says which and why."""


def _rules_of(read: _Document) -> tuple[NotificationRule, ...]:
    return tuple(read.rules)


# The rules in a bucket's setting; none of ``""``.
rules_of = reader_of(_Document, _rules_of)


def document_of(rules: Sequence[NotificationRule]) -> str:
    """The setting that holds these rules."""
    return msgspec.json.encode(_Document(list(rules))).decode()


def checked(rules: Sequence[NotificationRule]) -> tuple[NotificationRule, ...]:
    """The rules with event names in OSS's own spelling. Raises RuleError."""
    if len(rules) > RULES_MAX:
        raise RuleError(f"a bucket can have {RULES_MAX} rules at most")
    ids = [rule.id for rule in rules]
    for each in ids:
        if not _ID.fullmatch(each):
            raise RuleError(f"rule {each!r}: an id is a letter, then letters, digits and hyphens")
        if ids.count(each) > 1:
            raise RuleError(f"rule {each!r}: there are two rules of this id")
    return tuple(_with_plain_names(rule) for rule in rules)


def _with_plain_names(rule: NotificationRule) -> NotificationRule:
    if not rule.event:
        raise RuleError(f"rule {rule.id!r}: events are missing, such as ObjectCreated:*")
    names = [name.removeprefix(_TRIGGER_PREFIX) for name in rule.event]
    for name in names:
        group = name.removesuffix(_ANY_OF_GROUP)
        if name not in NAMES and (group == name or group not in GROUPS):
            known = ", ".join([*sorted(f"{each}:*" for each in GROUPS), *sorted(NAMES)])
            raise RuleError(f"rule {rule.id!r}: there is no event {name!r}; known are: {known}")
    return msgspec.structs.replace(rule, event=names)
