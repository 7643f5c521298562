"""The named settings: defaults, conversion, and errors that name the setting."""

from __future__ import annotations

import pytest

from emulator.replication.settings import (
    MarkerPermission,
    MarkerPolicy,
    ReplicationSettings,
    setting_docs,
    settings_from,
)


def test_nothing_given_is_every_default() -> None:
    assert settings_from({}) == ReplicationSettings()


def test_text_becomes_the_type_of_the_setting() -> None:
    settings = settings_from(
        {
            "repl.start_delay_s": "5",
            "repl.max_prefixes": "100",
            "repl.allow_mixed_versioning": "true",
            "repl.dm_permission": "put",
            "repl.tag_filter_blocked_regions": "cn-zhangjiakou, na-south-1,",
        }
    )
    assert settings.start_delay_s == 5.0
    assert settings.start_delay_ms == 5000
    assert settings.max_prefixes == 100
    assert settings.allow_mixed_versioning is True
    assert settings.dm_permission is MarkerPermission.PUT
    assert settings.tag_filter_blocked_regions == ("cn-zhangjiakou", "na-south-1")
    assert settings.dm_when_no_delete is MarkerPolicy.COPY


def test_values_may_be_typed_already() -> None:
    settings = settings_from(
        {"repl.lag_s": 2, "repl.close_delay_s": 0, "repl.tag_filter_blocked_regions": ["a"]}
    )
    assert (settings.lag_ms, settings.close_delay_ms) == (2000, 0)
    assert settings.tag_filter_blocked_regions == ("a",)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("repl.start_delay", "1", "no such setting, did you mean repl.start_delay_s?"),
        ("repl.zzz", "1", "no such setting"),
        ("start_delay_s", "1", "no such setting"),
        ("repl.start_delay_s", "soon", "must be a number"),
        ("repl.start_delay_s", "nan", "must be a number >= 0"),
        ("repl.lag_s", "inf", "must be a number <="),
        ("repl.lag_s", "-1", "must be a number >= 0"),
        ("repl.batch_len", "0", "must be a whole number >= 1"),
        ("repl.allow_mixed_versioning", "perhaps", "must be true or false"),
        ("repl.dm_permission", "PUT", "must be one of auto, put, delete"),
        ("repl.tag_filter_blocked_regions", 3, "must be a list"),
        ("repl.retry_delay_s_max", "0.5", "must not be below repl.retry_delay_s"),
    ],
)
def test_an_error_names_the_setting_and_what_is_wrong(
    name: str, value: object, complaint: str
) -> None:
    with pytest.raises(ValueError, match=r"setting|must") as caught:
        settings_from({name: value})
    assert str(caught.value).startswith(f"{name}: ")
    assert complaint in str(caught.value)


def test_every_setting_is_documented_in_one_line() -> None:
    docs = {item.name: item for item in setting_docs()}
    assert set(docs) == {f"repl.{name}" for name in ReplicationSettings.__struct_fields__}
    assert all(item.doc and "\n" not in item.doc for item in docs.values())
    assert docs["repl.allow_mixed_versioning"].default == "false"
    assert docs["repl.dm_when_no_delete"].default == "copy"
    assert docs["repl.tag_filter_blocked_regions"].default == ""
