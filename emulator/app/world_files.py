"""The world files that a start names: where they are, and their text."""

from __future__ import annotations

from pathlib import Path

import aiofiles

from emulator.world.document import WorldError


def world_path(name: str) -> Path:
    """The file of a world: a path, or the bare name of a world that comes with the emulator."""
    package = Path(__file__).parents[1]
    for folder in (package / "_fixtures", package.parent / "fixtures"):  # installed, repository
        shipped = folder / f"{name}.yaml"
        if Path(name).name == name and not Path(name).exists() and shipped.exists():
            return shipped
    return Path(name)


async def read_world_file(path: str) -> str:
    """The text of a world file. Raises WorldError."""
    try:
        async with aiofiles.open(world_path(path), encoding="utf-8") as file:
            return await file.read()
    except UnicodeDecodeError as error:
        raise WorldError(f"{path}: this is no UTF-8 text") from error
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}; give a world file with --world") from error
