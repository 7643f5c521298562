"""What RAM asks of a store is what the store offers, name for name and parameter for parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from emulator.access.identity_store import IdentityStore
from emulator.access.ram_store import PolicyStore, RamStore, RoleStore, UserStore
from emulator.storage.sqlite.identity import SqliteIdentities


def methods_of(port: type) -> dict[str, Callable[..., Any]]:
    """The methods that a port asks for."""
    return {
        name: method for name, method in vars(port).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }  # fmt: skip


ASKED = [
    pytest.param(name, method, id=f"{port.__name__}.{name}")
    for port in (IdentityStore, UserStore, PolicyStore, RoleStore)
    for name, method in methods_of(port).items()
]


@pytest.mark.parametrize(("name", "asked"), ASKED)
def test_the_store_offers_what_is_asked(name: str, asked: Callable[..., Any]) -> None:
    offered = inspect.signature(getattr(SqliteIdentities, name)).parameters.values()
    wanted = inspect.signature(asked).parameters.values()
    assert [(each.name, each.kind, each.default) for each in offered] == [
        (each.name, each.kind, each.default) for each in wanted
    ]


def test_a_ram_store_is_all_of_its_parts() -> None:
    parts = {IdentityStore, UserStore, PolicyStore, RoleStore}
    assert parts < set(RamStore.__mro__)
    assert not methods_of(RamStore)
    names = [name for part in parts for name in methods_of(part)]
    assert len(names) == len(set(names))
