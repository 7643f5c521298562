"""One case for every operation that is built; each module of this folder holds some of them."""

from __future__ import annotations

import importlib
import pkgutil

from tests.support.cases.forms import Case


def all_cases() -> dict[str, Case]:
    """The ``CASES`` of every module here, by operation."""
    found: dict[str, Case] = {}
    for module in pkgutil.iter_modules(__path__):
        found.update(getattr(importlib.import_module(f"{__name__}.{module.name}"), "CASES", {}))
    return found
