"""Settings of the server: every limit and deadline with its unit, and where they come from.

A setting can be given as a flag of ``ossemu serve``, as an ``OSSEMU_…`` variable, as a key of the
YAML settings file, or, for the named ones, as ``--set NAME=VALUE``. The flag wins over the
variable, the variable over the file. Settings under ``repl.`` belong to the replication room and
are only carried here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from emulator.clock import ClockMode, clock_choice

MEMORY = ":memory:"
KIB, MIB, GIB = 1024, 1024**2, 1024**3


class Durability(StrEnum):
    """What an acknowledged write survives."""

    NONE = "none"  # nothing: the data live in memory or are written without care
    PROCESS = "process"  # the end of the process, also by kill -9
    POWER = "power"  # the loss of power as well: every commit is synced to disk


class RestoreTimes(StrEnum):
    """How long archived objects take to be restored."""

    INSTANT = "instant"  # ``restore_s`` each
    DOCUMENTED = "documented"  # a minute to two days, by class and tier


class LogLevel(StrEnum):
    """Least severity of the events that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SettingError(Exception):
    """A setting that cannot be used; the message names it and says what would be right."""


class WireSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Named settings under ``wire.``: limits and deadlines of the HTTP side."""

    header_deadline_s: Annotated[
        float, Meta(ge=0, description="a request's headers must be complete by then")
    ] = 10.0
    keepalive_s: Annotated[
        float, Meta(ge=0, description="an idle connection is closed after that")
    ] = 75.0
    lingering_s: Annotated[
        float, Meta(ge=0, description="how long the rest of a refused body is read and dropped")
    ] = 1.0
    body_grace_s: Annotated[
        float, Meta(ge=0, description="before the rate of a body is looked at")
    ] = 20.0
    body_rate_bytes_per_s_min: Annotated[
        int, Meta(ge=0, description="slower bodies are answered RequestTimeout")
    ] = KIB
    write_stall_s: Annotated[
        float, Meta(ge=0, description="a client that reads nothing for so long is dropped")
    ] = 60.0
    line_bytes_max: Annotated[int, Meta(ge=0, description="longest request line")] = 32 * KIB
    header_bytes_max: Annotated[int, Meta(ge=0, description="longest header")] = 16 * KIB
    headers_len_max: Annotated[int, Meta(ge=0, description="most headers of a request")] = 128
    xml_bytes_max: Annotated[int, Meta(ge=0, description="largest document body")] = 2 * MIB


class OssSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Named settings under ``oss.``: what the emulated service does where that can be chosen."""

    default_region: Annotated[
        str, Meta(description="of buckets made without any hint of a region")
    ] = "cn-hangzhou"
    endpoint_suffix: Annotated[
        str, Meta(description="shown as oss-<region>[-internal].<suffix>")
    ] = "aliyuncs.com"
    strict_endpoints: Annotated[
        bool, Meta(description="refuse requests for a bucket sent to another region's host")
    ] = False
    check_signing_time: Annotated[
        bool,
        Meta(description="refuse signatures made 15 minutes before or after the clock's time"),
    ] = True
    strict_signing_region: Annotated[
        bool, Meta(description="refuse V4 scopes that name another region")
    ] = False
    object_bytes_max: Annotated[int, Meta(ge=0, description="largest object of one PUT")] = 5 * GIB
    part_bytes_min: Annotated[
        int, Meta(ge=0, description="least size of every part but the last of a completed upload")
    ] = 100 * KIB
    inline_bytes_max: Annotated[
        int, Meta(ge=0, description="larger content goes to a file of its own")
    ] = 64 * KIB
    gzip_answers: Annotated[
        bool, Meta(description="compress text of 1 KiB and more for clients that accept gzip")
    ] = True
    buckets_max: Annotated[int, Meta(ge=0, description="per account and region")] = 100
    lifecycle_hour: Annotated[
        int, Meta(ge=0, le=23, description="UTC hour at which lifecycle rules run every day")
    ] = 0
    policy_bytes_max: Annotated[int, Meta(ge=0, description="largest bucket policy")] = 16 * KIB
    verified_domains: Annotated[
        str, Meta(description="domain names PutCname takes, patterns joined by commas")
    ] = "*.test"
    path_style: Annotated[
        bool,
        Meta(description="answer requests that name the bucket in the path; OSS refuses them"),
    ] = True
    block_public_access_default: Annotated[
        bool, Meta(description="new buckets block public access, as newer accounts' do")
    ] = False
    restore_times: Annotated[
        RestoreTimes,
        Meta(description="instant: restore_s each; documented: as long as OSS says at most"),
    ] = RestoreTimes.INSTANT
    restore_s: Annotated[
        float, Meta(ge=0, description="how long restoring an archived object takes when instant")
    ] = 1.0
    outgoing_allow: Annotated[
        str,
        Meta(
            description="hosts that upload callbacks and event notifications may go to, with "
            "commas between: host, host:port, * for any characters (not for private addresses); "
            "none by default"
        ),
    ] = ""
    events_max: Annotated[
        int, Meta(ge=1, description="how many events of notification rules are kept")
    ] = 10_000
    audit_entries_max: Annotated[
        int, Meta(ge=0, le=1_000_000, description="how many answers the audit log keeps in memory")
    ] = 10_000
    vpc_header: Annotated[
        str,
        Meta(
            description="request header whose value is the caller's VPC for acs:SourceVpc; "
            "empty: nobody comes from a VPC"
        ),
    ] = "x-ossemu-source-vpc"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything ``ossemu serve`` can be told."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 9480
    data: str = "ossemu-data"
    world: str = ""
    clock: str = ClockMode.REAL  # see ``clock.clock_choice``
    log: LogLevel = LogLevel.INFO
    durability: Durability = Durability.POWER
    seed: int | None = None
    wire: WireSettings = WireSettings()
    oss: OssSettings = OssSettings()
    replication: Mapping[str, str] = {}


class Flag(msgspec.Struct, frozen=True):
    """A plain setting as a flag of the command line."""

    name: str
    metavar: str
    help: str


FLAGS = (
    Flag("host", "ADDRESS", "address to listen on (default 127.0.0.1)"),
    Flag("port", "NUMBER", "port to listen on, 0 picks a free one (default 9480)"),
    Flag("data", "DIR", "data folder, or :memory: (default ossemu-data)"),
    Flag("world", "FILE", "world to load at start: a file, or cross-account, same-account"),
    Flag("clock", "MODE", "real, virtual, or x60 for one 60 times as fast (default real)"),
    Flag("log", "LEVEL", "debug, info, warning or error (default info)"),
    Flag("durability", "NAME", "none, process or power (default power)"),
    Flag("seed", "NUMBER", "fixes the ids the emulator makes up"),
)

_CHOICES: Mapping[str, type[StrEnum]] = {
    "log": LogLevel,
    "durability": Durability,
}

S = TypeVar("S", WireSettings, OssSettings)


def named_settings(kind: type[S], prefix: str, given: Mapping[str, str]) -> S:
    """The named settings of one group; ``given`` maps names without the prefix to their text.

    Raises SettingError for an unknown name or a value of the wrong type.
    """
    known = {field.name for field in msgspec.structs.fields(kind)}
    for name in given:
        if name not in known:
            raise SettingError(
                f"there is no setting {prefix}.{name}; known are: "
                + ", ".join(f"{prefix}.{each}" for each in sorted(known))
            )
    try:
        return msgspec.convert(dict(given), kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingError(_in_words(str(error), f"{prefix}.")) from error


def read_settings(
    flags: Mapping[str, str | int | None],
    named: list[str],
    environment: Mapping[str, str],
    file_values: Mapping[str, object],
) -> Settings:
    """Put the sources together. ``flags`` holds only what was given on the command line.

    Raises SettingError, naming the setting.
    """
    chosen: dict[str, object] = {}
    groups: dict[str, dict[str, str]] = {"wire": {}, "oss": {}, "repl": {}}
    _take_file(file_values, chosen, groups)
    for flag in FLAGS:
        text = environment.get(f"OSSEMU_{flag.name.upper()}")
        if text is not None:
            chosen[flag.name] = text
    from_environment = environment.get("OSSEMU_SET", "").split(";")
    for pair in [*filter(None, map(str.strip, from_environment)), *named]:
        group, name, value = _named_pair(pair, groups)
        groups[group][name] = value
    chosen.update({name: value for name, value in flags.items() if value is not None})
    try:
        settings = msgspec.convert(chosen, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingError(_in_words(str(error))) from error
    try:
        clock_choice(settings.clock)
    except ValueError as error:
        raise SettingError(f"setting clock: it {error}, not {settings.clock!r}") from error
    return msgspec.structs.replace(
        settings,
        wire=named_settings(WireSettings, "wire", groups["wire"]),
        oss=named_settings(OssSettings, "oss", groups["oss"]),
        replication=groups["repl"],
    )


def _take_file(
    values: Mapping[str, object], chosen: dict[str, object], groups: dict[str, dict[str, str]]
) -> None:
    """Sort the keys of a settings file into plain settings and groups of named ones."""
    plain = {flag.name for flag in FLAGS}
    for name, value in values.items():
        if name in plain:
            chosen[name] = value
        elif name not in groups:
            raise SettingError(
                f"the settings file has an unknown key {name!r}; known are: "
                + ", ".join([*sorted(plain), *groups])
            )
        elif value is not None and not isinstance(value, Mapping):
            raise SettingError(f"{name!r} in the settings file must hold names with values")
        elif value is not None:
            groups[name].update({str(key): _text(each) for key, each in value.items()})


def _named_pair(pair: str, groups: Mapping[str, object]) -> tuple[str, str, str]:
    name, separator, value = pair.partition("=")
    group, dot, rest = name.strip().partition(".")
    if not separator or not dot or group not in groups:
        raise SettingError(
            f"--set {pair!r}: write NAME=VALUE with a name under "
            + ", ".join(f"{each}." for each in groups)
            + " such as repl.start_delay_s=0"
        )
    return group, rest, value.strip()


def _in_words(message: str, prefix: str = "") -> str:
    problem, _, path = message.partition(" - at `$.")
    name = path.rstrip("`")
    if name in _CHOICES:
        problem = f"{problem}, it must be one of " + ", ".join(_CHOICES[name])
    return f"setting {prefix}{name}: {problem}" if name else problem


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def process_environment() -> Mapping[str, str]:
    """The variables of this process."""
    return os.environ
