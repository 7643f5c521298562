"""The lifecycle document with its types, as the store keeps it (JSON with OSS's element names)."""

from __future__ import annotations

import msgspec
from msgspec import field

from emulator.domain.documents import reader_of


class Tag(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """An object tag."""

    key: str = ""
    value: str = ""


class Not(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Objects a rule passes over: those with this prefix that have this tag, if one is given."""

    prefix: str | None = None
    tag: Tag | None = None


class Filter(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Further conditions of a rule."""

    object_size_greater_than: int | None = None
    object_size_less_than: int | None = None
    exclusions: list[Not] = field(name="Not", default_factory=list)


class Expiration(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """When the current version is deleted, or that delete markers left alone are removed."""

    days: int | None = None
    date: str | None = None
    created_before_date: str | None = None
    expired_object_delete_marker: bool | None = None


class Transition(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """When a version gets another storage class; ``noncurrent_days`` for noncurrent ones."""

    days: int | None = None
    noncurrent_days: int | None = None
    created_before_date: str | None = None
    storage_class: str = ""
    is_access_time: bool | None = None
    return_to_std_when_visit: bool | None = None
    allow_small_file: bool | None = None


class AbortMultipartUpload(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """When uploads nobody completed are aborted."""

    days: int | None = None
    created_before_date: str | None = None


class NoncurrentVersionExpiration(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """When noncurrent versions are removed."""

    noncurrent_days: int | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One rule as it was put."""

    id: str = field(name="ID", default="")
    prefix: str = ""
    status: str = ""
    tags: list[Tag] = field(name="Tag", default_factory=list)
    filter: Filter | None = None
    expiration: Expiration | None = None
    transitions: list[Transition] = field(name="Transition", default_factory=list)
    abort_multipart_upload: AbortMultipartUpload | None = None
    noncurrent_version_expiration: NoncurrentVersionExpiration | None = None
    noncurrent_version_transitions: list[Transition] = field(
        name="NoncurrentVersionTransition", default_factory=list
    )
    atime_base: int | None = None  # unix seconds: when the access monitor was enabled

    @property
    def uses_access_time(self) -> bool:
        """Whether the last access of an object counts for this rule."""
        moves = (*self.transitions, *self.noncurrent_version_transitions)
        return any(move.is_access_time for move in moves)


class Configuration(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """All rules of a bucket."""

    rules: list[Rule] = field(name="Rule", default_factory=list)

    @property
    def uses_access_time(self) -> bool:
        """Whether any rule needs the access monitor."""
        return any(rule.uses_access_time for rule in self.rules)


# The rules in a text of the store; none in ``""``.
configuration_of = reader_of(Configuration)
