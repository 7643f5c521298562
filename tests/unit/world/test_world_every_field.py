"""The example of a world with every field: it loads, and no field is missing from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from msgspec import inspect

from emulator.kms.model import KeyState
from emulator.kms.vault import Vault
from emulator.storage.sqlite.store import SqliteStore
from emulator.world.document import World, read_world
from emulator.world.load import load_world

EXAMPLE = (Path(__file__).resolve().parents[3] / "fixtures" / "every-field.yaml").read_text("utf-8")

VAULT = Vault(bytes(32), os.urandom)

Field = tuple[str, str]  # the name of a Spec class, and of a field of it


def described(kind: inspect.Type) -> Iterator[Field]:
    """Every field a value of this kind can have, down to the leaves."""
    if isinstance(kind, inspect.ListType):
        yield from described(kind.item_type)
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield kind.cls.__name__, field.encode_name
            yield from described(field.type)


def used(kind: inspect.Type, value: object) -> Iterator[Field]:
    """Every field that a value as it was written has."""
    if isinstance(kind, inspect.ListType) and isinstance(value, list):
        for each in value:
            yield from used(kind.item_type, each)
    elif isinstance(kind, inspect.StructType) and isinstance(value, dict):
        for field in kind.fields:
            if field.encode_name in value:
                yield kind.cls.__name__, field.encode_name
                yield from used(field.type, value[field.encode_name])


def missing(text: str) -> set[Field]:
    kind = inspect.type_info(World)
    return set(described(kind)) - set(used(kind, yaml.safe_load(text)))


def test_every_field_occurs() -> None:
    assert missing(EXAMPLE) == set()


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("            expires_in_s: 43200", ("SessionSpec", "expires_in_s")),
        ("        redundancy: ZRS", ("BucketSpec", "redundancy")),
    ],
)
def test_a_field_that_does_not_occur_is_noticed(line: str, field: Field) -> None:
    assert EXAMPLE.count(line) == 1
    assert missing(EXAMPLE.replace(line, "#")) == {field}


async def test_it_loads() -> None:
    store = SqliteStore.open(":memory:")
    try:
        loaded = await load_world(
            store, read_world(EXAMPLE, "every-field.yaml"), now_ms=1_000, vault=VAULT
        )
        with store.read() as view:
            session = view.identities.session("STS.emulatorSession")
            bucket = view.bucket("src-bucket")
            key = view.kms_key("08c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73")
    finally:
        await store.close()
    assert loaded.applied == ("account 1000000000000001", "bucket src-bucket")
    assert session is not None
    assert session.expires_ms == 43_201_000
    assert bucket is not None
    assert "200000000000000001" in bucket.policy
    assert key is not None
    assert key.state is KeyState.DISABLED
    assert key.tags == {"team": "storage"}
