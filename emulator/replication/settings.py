"""The named settings of replication: where the sources disagree, and what tests want to shorten.

``--set repl.start_delay_s=5`` and its twins in the environment and the settings file all end in
``settings_from``. The defaults are the behaviour the documentation recommends or clients observe.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, NamedTuple, get_type_hints

import msgspec
from msgspec import Meta

PREFIX = "repl."

_YEAR_S = 366 * 86_400
_ITEMS_MAX = 1_000_000
_RATE_MAX = 1e15
_START_DELAY_S = 0.5


_TYPE_WORDS = {
    "`float | null`": "a number",
    "`float`": "a number",
    "`int`": "a whole number",
    "`bool`": "true or false",
    "`str`": "text",
    "`array`": "a list",
}


class TimingName(StrEnum):
    """A timing model."""

    INSTANT = "instant"  # as soon as it is committed, and ``lag_s`` later
    DOCUMENTED = "documented"  # as long as the documentation says
    LINK = "link"  # as long as the way through a link with these figures takes


class MarkerPolicy(StrEnum):
    """What happens to delete markers under a rule whose Action does not name deletions."""

    COPY = "copy"
    SKIP = "skip"


class MarkerPermission(StrEnum):
    """Which right copying a delete marker takes."""

    AUTO = "auto"  # oss:ReplicateDelete if the rule's Action names deletions, else ReplicatePut
    PUT = "put"
    DELETE = "delete"


class SameAccountPolicy(StrEnum):
    """Whether bucket policies count when source and destination have one owner."""

    IGNORE = "ignore"
    DENY_WINS = "deny-wins"


class KmsTable(StrEnum):
    """Which revision of the encryption table decides about SSE-KMS that a rule does not select."""

    CURRENT = "current"
    OF_2021 = "2021"


class ReplicaOwner(StrEnum):
    """Who owns a replica in another account's bucket."""

    DESTINATION = "destination"
    SOURCE = "source"


def _seconds(doc: str) -> Meta:
    return Meta(ge=0, le=_YEAR_S, description=doc)


def _rate(doc: str) -> Meta:
    return Meta(ge=0, le=_RATE_MAX, description=f"{doc}; 0 is no limit")


def _count(doc: str) -> Meta:
    return Meta(ge=1, le=_ITEMS_MAX, description=doc)


class ReplicationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every ``repl.*`` setting. Ranges and choices are part of the types."""

    start_delay_s: Annotated[
        Annotated[float, Meta(ge=0, le=_YEAR_S)] | None,
        Meta(
            description="how long a new rule stays `starting`; if not given 0.5, with the "
            "timing `documented` 180 to 300 as on the service"
        ),
    ] = None
    close_delay_s: Annotated[
        float, _seconds("how long a deleted rule stays visible as `closing`")
    ] = 0.5
    timing: Annotated[
        TimingName, Meta(description="how long replication takes: instant, documented or link")
    ] = TimingName.INSTANT
    lag_s: Annotated[
        float, _seconds("least time between a change and its replica, with the timing `instant`")
    ] = 0.0
    link_latency_s: Annotated[
        float, _seconds("with the timing `link`: before the bytes of a change travel")
    ] = 0.1
    link_jitter_s: Annotated[float, _seconds("mean of what is added to the latency at random")] = (
        0.0
    )
    link_bandwidth_bytes_per_s: Annotated[
        float, _rate("what the changes that travel at a time share")
    ] = 12_500_000.0
    link_requests_per_s: Annotated[float, _rate("most changes that begin to travel")] = 0.0
    link_acceleration: Annotated[
        float,
        Meta(gt=0, le=1000, description="how many times as fast the bytes of oss_acc rules travel"),
    ] = 2.0
    link_parallel: Annotated[
        int, Meta(ge=1, le=1000, description="most changes that travel at a time")
    ] = 16
    retry_delay_s: Annotated[
        float, Meta(gt=0, le=_YEAR_S, description="wait after the first refused attempt")
    ] = 1.0
    retry_delay_s_max: Annotated[
        float, Meta(gt=0, le=_YEAR_S, description="the longest wait between two attempts")
    ] = 10.0
    batch_len: Annotated[int, _count("most changes taken in, or tasks applied, at a time")] = 256
    change_history_len: Annotated[
        int,
        Meta(
            ge=0,
            le=_ITEMS_MAX,
            description="changes kept for explaining after every rule has taken them in",
        ),
    ] = 10_000
    max_rules: Annotated[int, _count("rules per bucket, as source and as destination")] = 100
    max_prefixes: Annotated[int, _count("prefixes per rule (the service raises it to 100)")] = 10
    max_filter_tags: Annotated[int, _count("tags in the filter of a rule")] = 10
    dm_when_no_delete: Annotated[
        MarkerPolicy, Meta(description="delete markers under a rule without deletions")
    ] = MarkerPolicy.COPY
    replicate_transitions: Annotated[
        bool,
        Meta(description="give replicas the storage class that lifecycle rules give their sources"),
    ] = False
    kms_table: Annotated[
        KmsTable,
        Meta(
            description="the encryption table in force: that of 2021 leaves plain objects out "
            "where the destination encrypts with a KMS key and the rule does not select SSE-KMS "
            "objects, and copies SSE-KMS objects that name no key under any rule"
        ),
    ] = KmsTable.CURRENT
    dm_permission: Annotated[
        MarkerPermission, Meta(description="the right that copying a delete marker takes")
    ] = MarkerPermission.AUTO
    allow_mixed_versioning: Annotated[
        bool, Meta(description="accept rules between buckets of unequal or suspended versioning")
    ] = False
    same_account_bucket_policy: Annotated[
        SameAccountPolicy, Meta(description="bucket policies between buckets of one account")
    ] = SameAccountPolicy.IGNORE
    require_sync_role: Annotated[
        bool, Meta(description="refuse a rule without SyncRole, as the newest API page says")
    ] = False
    require_replica_key: Annotated[
        bool,
        Meta(
            description="refuse a rule that selects SSE-KMS objects without SyncRole or "
            "ReplicaKmsKeyID, as the API page says; observed is that it is accepted"
        ),
    ] = False
    strict_transfer_type: Annotated[
        bool, Meta(description="refuse oss_acc where no acceleration is offered between regions")
    ] = False
    get_syncrole_only_for_kms: Annotated[
        bool, Meta(description="show SyncRole only for rules with KMS settings")
    ] = False
    tags_require_versioning: Annotated[
        bool, Meta(description="accept tag filters only between versioned buckets")
    ] = False
    tag_filter_blocked_regions: Annotated[
        tuple[str, ...],
        Meta(
            description="source regions without tag filters, e.g. cn-zhangjiakou,na-south-1; "
            "`documented`: those that the API page names"
        ),
    ] = ()
    cross_account_owner: Annotated[
        ReplicaOwner, Meta(description="who owns a replica in another account's bucket")
    ] = ReplicaOwner.DESTINATION

    rtc_threshold_s: Annotated[
        float, Meta(gt=0, le=_YEAR_S, description="an object that takes longer is late under RTC")
    ] = 600.0
    rtc_enable_delay_s: Annotated[
        Annotated[float, Meta(ge=0, le=_YEAR_S)] | None,
        Meta(
            description="how long RTC is `enabling` when no history is copied; if not given 0.5, "
            "with the timing `documented` 900 (the service: up to 900)"
        ),
    ] = None
    rtc_history_delay_s: Annotated[
        Annotated[float, Meta(ge=0, le=_YEAR_S)] | None,
        Meta(
            description="how long after the end of the history instead; if not given 0.5, with "
            "the timing `documented` 3600 (the service: about 3600)"
        ),
    ] = None

    @property
    def rtc_threshold_ms(self) -> int:
        """``rtc_threshold_s`` in milliseconds."""
        return round(self.rtc_threshold_s * 1000)

    @property
    def start_delay_ms(self) -> int:
        """``start_delay_s`` in milliseconds; where it is not given, that of tests."""
        given_s = self.start_delay_s
        return round((_START_DELAY_S if given_s is None else given_s) * 1000)

    @property
    def close_delay_ms(self) -> int:
        """``close_delay_s`` in milliseconds."""
        return round(self.close_delay_s * 1000)

    @property
    def lag_ms(self) -> int:
        """``lag_s`` in milliseconds."""
        return round(self.lag_s * 1000)


class SettingDoc(NamedTuple):
    """One setting as a person reads it."""

    name: str
    default: str
    doc: str


def settings_from(values: Mapping[str, object]) -> ReplicationSettings:
    """The settings from ``repl.…`` names; values are text, or typed already (YAML).

    Lists are comma separated. Raises ValueError that names the setting, what was wrong with it
    and, for an unknown name, the nearest known one.
    """
    fields = {field.name: field for field in msgspec.structs.fields(ReplicationSettings)}
    plain: dict[str, object] = {}
    for name, value in values.items():
        bare = name.removeprefix(PREFIX)
        if bare == name or bare not in fields:
            raise ValueError(_unknown(name, [PREFIX + known for known in fields]))
        default = fields[bare].default
        if isinstance(default, tuple) and isinstance(value, str):
            plain[bare] = _split(value)
        else:  # YAML takes the choice 2021 for a number
            plain[bare] = str(value) if isinstance(default, StrEnum) else value
    settings = ReplicationSettings()
    for bare, value in plain.items():
        try:
            changed = msgspec.convert({bare: value}, ReplicationSettings, strict=False)
        except msgspec.ValidationError as error:
            wanted = _in_words(str(error), bare)
            raise ValueError(f"{PREFIX}{bare}: {wanted}, not {value!r}") from None
        settings = msgspec.structs.replace(settings, **{bare: getattr(changed, bare)})
    if settings.retry_delay_s_max < settings.retry_delay_s:
        raise ValueError(f"{PREFIX}retry_delay_s_max: must not be below {PREFIX}retry_delay_s")
    return settings


def setting_docs() -> list[SettingDoc]:
    """Every setting with its default and its one line, in the order they are declared."""
    hints = get_type_hints(ReplicationSettings, include_extras=True)
    defaults = ReplicationSettings()
    return [
        SettingDoc(
            name=PREFIX + name,
            default=_shown(getattr(defaults, name)),
            doc=next(
                meta.description or ""
                for meta in hints[name].__metadata__
                if isinstance(meta, Meta)
            ),
        )
        for name in ReplicationSettings.__struct_fields__
    ]


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return ",".join(value)
        case _:
            return str(value)


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name}: no such setting" + (f", did you mean {near[0]}?" if near else "")


def _in_words(error: str, bare: str) -> str:
    annotated = get_type_hints(ReplicationSettings)[bare]
    if isinstance(annotated, type) and issubclass(annotated, StrEnum):
        return f"must be one of {', '.join(annotated)}"
    wanted = error.partition(" - at")[0].partition(", got")[0]
    for code, words in _TYPE_WORDS.items():
        wanted = wanted.replace(code, words)
    return wanted.replace("Expected", "must be", 1)
