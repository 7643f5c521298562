"""Where settings come from, which source wins, and what a wrong one is told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from emulator.clock import ClockMode
from emulator.config import (
    FLAGS,
    Durability,
    LogLevel,
    OssSettings,
    SettingError,
    Settings,
    WireSettings,
    named_settings,
    read_settings,
)

Given = Mapping[str, object]


def settings_of(
    *,
    flags: Mapping[str, str | int | None] | None = None,
    named: list[str] | None = None,
    variables: Mapping[str, str] | None = None,
    file: Given | None = None,
) -> Settings:
    return read_settings(flags or {}, named or [], variables or {}, file or {})


def test_nothing_given_is_every_default() -> None:
    assert settings_of() == Settings()
    assert settings_of(flags={flag.name: None for flag in FLAGS}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("host", "0.0.0.0", "0.0.0.0"),
        ("port", "0", 0),
        ("data", ":memory:", ":memory:"),
        ("world", "w.yaml", "w.yaml"),
        ("clock", "virtual", ClockMode.VIRTUAL),
        ("log", "debug", LogLevel.DEBUG),
        ("durability", "process", Durability.PROCESS),
        ("seed", "7", 7),
    ],
)
def test_a_plain_setting_has_three_sources(name: str, text: str, value: object) -> None:
    variable = f"OSSEMU_{name.upper()}"
    assert getattr(settings_of(flags={name: text}), name) == value
    assert getattr(settings_of(variables={variable: text}), name) == value
    assert getattr(settings_of(file={name: text}), name) == value


def test_every_plain_setting_is_a_flag() -> None:
    grouped = {"wire", "oss", "replication"}
    assert {flag.name for flag in FLAGS} == set(Settings.__struct_fields__) - grouped


@pytest.mark.parametrize(
    ("flag", "variable", "in_file", "port"),
    [
        (None, None, None, 9480),
        (None, None, 3, 3),
        (None, "2", None, 2),
        (None, "2", 3, 2),
        ("1", None, None, 1),
        ("1", None, 3, 1),
        ("1", "2", None, 1),
        ("1", "2", 3, 1),
    ],
)
def test_the_flag_wins_over_the_variable_and_the_variable_over_the_file(
    flag: str | None, variable: str | None, in_file: int | None, port: int
) -> None:
    settings = settings_of(
        flags={"port": flag},
        variables={} if variable is None else {"OSSEMU_PORT": variable},
        file={} if in_file is None else {"port": in_file},
    )
    assert settings.port == port


@pytest.mark.parametrize(
    ("flag", "variable", "in_file", "count"),
    [
        (None, None, None, 100),
        (None, None, 3, 3),
        (None, "oss.buckets_max=2", 3, 2),
        ("oss.buckets_max=1", None, 3, 1),
        ("oss.buckets_max=1", "oss.buckets_max=2", 3, 1),
    ],
)
def test_named_settings_have_the_same_order(
    flag: str | None, variable: str | None, in_file: int | None, count: int
) -> None:
    settings = settings_of(
        named=[] if flag is None else [flag],
        variables={} if variable is None else {"OSSEMU_SET": variable},
        file={} if in_file is None else {"oss": {"buckets_max": in_file}},
    )
    assert settings.oss.buckets_max == count


def test_named_settings_of_every_group() -> None:
    settings = settings_of(
        named=["wire.keepalive_s=1.5", "oss.strict_endpoints=true", "repl.start_delay_s=0"],
        variables={"OSSEMU_SET": "wire.xml_bytes_max=9; oss.default_region=eu-central-1;"},
        file={"repl": {"start_delay_s": 5, "same_account": True}, "oss": {"buckets_max": 7}},
    )
    assert settings.wire == WireSettings(keepalive_s=1.5, xml_bytes_max=9)
    assert settings.oss == OssSettings(
        strict_endpoints=True, default_region="eu-central-1", buckets_max=7
    )
    # Carried as text; the replication room reads them.
    assert settings.replication == {"start_delay_s": "0", "same_account": "true"}


def test_the_last_of_two_equal_names_counts_and_spaces_do_not() -> None:
    settings = settings_of(named=["oss.buckets_max=1", " oss.buckets_max = 2 "])
    assert settings.oss.buckets_max == 2


def test_a_value_may_contain_an_equals_sign() -> None:
    assert settings_of(named=["repl.rule=a=b"]).replication == {"rule": "a=b"}


@pytest.mark.parametrize("name", ["wire.nothing", "oss.bucket_max", "oss.", "wire.keepalive"])
def test_an_unknown_named_setting_is_told_the_known_ones(name: str) -> None:
    with pytest.raises(SettingError) as refusal:
        settings_of(named=[f"{name}=1"])
    group = name.partition(".")[0]
    known = WireSettings.__struct_fields__ if group == "wire" else OssSettings.__struct_fields__
    assert f"there is no setting {name};" in str(refusal.value)
    assert all(f"{group}.{each}" in str(refusal.value) for each in known)


@pytest.mark.parametrize("pair", ["", "oss", "oss=1", "oss.buckets_max", "port=1", "other.name=1"])
def test_a_pair_that_is_no_named_setting_is_told_the_form(pair: str) -> None:
    with pytest.raises(SettingError, match="NAME=VALUE") as refusal:
        settings_of(named=[pair])
    assert repr(pair) in str(refusal.value)


@pytest.mark.parametrize("file", [{"prot": 1}, {"oss.buckets_max": 1}, {"set": []}, {"oss": 1}])
def test_an_unknown_key_of_the_file_is_named(file: Given) -> None:
    with pytest.raises(SettingError, match=repr(next(iter(file)))):
        settings_of(file=file)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "http"),
        ("port", ""),
        ("port", "-1"),
        ("port", "65536"),
        ("clock", "fast"),
        ("log", "INFO"),
        ("durability", "some"),
        ("seed", "x"),
    ],
)
def test_a_wrong_plain_value_names_its_setting_whatever_its_source(name: str, text: str) -> None:
    named = rf"\b{name}\b"
    with pytest.raises(SettingError, match=named):
        settings_of(flags={name: text})
    with pytest.raises(SettingError, match=named):
        settings_of(variables={f"OSSEMU_{name.upper()}": text})
    with pytest.raises(SettingError, match=named):
        settings_of(file={name: text})


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("wire", "keepalive_s", "soon"),
        ("wire", "keepalive_s", "-1"),
        ("wire", "keepalive_s", "nan"),
        ("wire", "headers_len_max", "1.5"),
        ("oss", "strict_endpoints", "perhaps"),
        ("oss", "buckets_max", ""),
    ],
)
def test_a_wrong_named_value_names_its_setting(group: str, name: str, value: str) -> None:
    for named, file in (([f"{group}.{name}={value}"], {}), ([], {group: {name: value}})):
        with pytest.raises(SettingError, match=group) as refusal:
            settings_of(named=named, file=file)
        assert name in str(refusal.value)


def test_a_group_of_named_settings_by_itself() -> None:
    assert named_settings(OssSettings, "oss", {}) == OssSettings()
    assert named_settings(WireSettings, "wire", {"keepalive_s": "2"}).keepalive_s == 2.0
