"""Which function acts a row out: said by a decorator, collected from ``scenarios/``."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tests.behaviours.rows import id_order
from tests.support.lab import Lab

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "tests.behaviours.scenarios"
Act = Callable[[Lab], None]


class Scenario(NamedTuple):
    """A function that acts a row out on a lab and asserts what follows from it.

    ``settings`` are what the server is started with besides the common ones. A *variation* shows
    what becomes of the row under the setting ``varies``.
    """

    row_id: str
    act: Act
    settings: tuple[str, ...] = ()
    varies: str = ""

    @property
    def place(self) -> str:
        """File and function, as ``tests/behaviours/scenarios/rules.py::r1_no_rules``."""
        code = self.act.__code__
        return f"{Path(code.co_filename).relative_to(ROOT).as_posix()}::{self.act.__name__}"


_SCENARIOS: dict[str, Scenario] = {}
_VARIATIONS: dict[tuple[str, str], Scenario] = {}


def behaviour(row_id: str, *settings: str) -> Callable[[Act], Act]:
    """The decorated function acts this row out. ValueError if one does so already."""
    id_order(row_id)

    def register(act: Act) -> Act:
        if row_id in _SCENARIOS:
            raise ValueError(f"{row_id} has a scenario: {_SCENARIOS[row_id].place}")
        _SCENARIOS[row_id] = Scenario(row_id, act, settings)
        return act

    return register


def variation(row_id: str, setting: str, *settings: str) -> Callable[[Act], Act]:
    """The decorated function shows what another value of a setting makes of a row.

    ``setting`` is its name. The server has the other readings of all settings unless
    ``settings`` (``name=value``) says otherwise. ValueError if there is one already.
    """

    def register(act: Act) -> Act:
        if (row_id, setting) in _VARIATIONS:
            raise ValueError(f"{row_id} has a variation of {setting}")
        _VARIATIONS[row_id, setting] = Scenario(row_id, act, settings or OTHER_READINGS, setting)
        return act

    return register


# The settings that choose another reading of the sources, all in one server.
OTHER_READINGS = (
    "repl.dm_when_no_delete=skip",
    "repl.replicate_transitions=true",
    "repl.kms_table=2021",
    "repl.same_account_bucket_policy=deny-wins",
    "repl.strict_transfer_type=true",
    "repl.require_sync_role=true",
    "repl.get_syncrole_only_for_kms=true",
    "repl.tags_require_versioning=true",
    "repl.tag_filter_blocked_regions=cn-zhangjiakou",
    "repl.max_prefixes=2",
    "repl.max_rules=3",
    "repl.start_delay_s=240",
    "repl.close_delay_s=60",
    "repl.lag_s=30",
    "repl.retry_delay_s=100",
    "repl.retry_delay_s_max=400",
    "repl.rtc_enable_delay_s=900",
    "repl.rtc_history_delay_s=3600",
)


def _load() -> None:
    package = import_module(PACKAGE)
    for info in pkgutil.iter_modules(package.__path__):
        import_module(f"{PACKAGE}.{info.name}")


def scenarios() -> dict[str, Scenario]:
    """Every scenario by the id of its row, in the order of the ids."""
    _load()
    return {row_id: _SCENARIOS[row_id] for row_id in sorted(_SCENARIOS, key=id_order)}


def variations() -> list[Scenario]:
    """Every variation, in the order of the ids."""
    _load()
    ordered = sorted(_VARIATIONS, key=lambda each: (id_order(each[0]), each[1]))
    return [_VARIATIONS[key] for key in ordered]
