"""What is wrong with a world of the wrong shape, in words that say what would be right."""

from __future__ import annotations

import difflib
import re

import msgspec
import yaml
from msgspec import inspect

from emulator.domain.model import Acl

Path = tuple[str | int, ...]  # to a place in a world, e.g. ("accounts", 0, "roles", 1)

_MESSAGE = re.compile(r"(?P<problem>.*?) - at (?P<name>`key` in )?`\$(?P<path>[^`]*)`", re.DOTALL)
_PATH_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)
# values of the enums that no world can ask for: "" is what is left out, the other is of objects
_NO_CHOICES = ("", Acl.DEFAULT.value)


class WorldFault(Exception):
    """Something of a part that cannot be applied; ``path`` leads to it inside the part."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(problem)


class Mistake(msgspec.Struct, frozen=True):
    """One thing that is wrong: where, and what. ``is_name``: the field's name is wrong itself."""

    path: Path
    problem: str
    is_name: bool = False


def mistake_of(error: msgspec.ValidationError, root: type) -> Mistake:
    """Where a value that should be a ``root`` is wrong, and what would be right there."""
    message = str(error)
    found = _MESSAGE.fullmatch(message)
    problem = found["problem"] if found is not None else message
    path = _steps(found["path"]) if found is not None else ()
    if found is not None and found["name"]:
        return Mistake(path, f"the name of a field must be text: {problem}")
    kind = _kind_at(root, path)
    unknown = _UNKNOWN.fullmatch(problem)
    if unknown is not None and isinstance(kind, inspect.StructType):
        field = unknown["field"]
        return Mistake((*path, field), _unknown_field(field, kind), is_name=True)
    if isinstance(kind, inspect.EnumType):
        return Mistake(path, f"{problem}; choose one of {', '.join(choices(kind.cls))}")
    if isinstance(kind, inspect.StrType) and problem.startswith("Expected `str`, got"):
        return Mistake(path, f"{problem}; write it in quotes")
    return Mistake(path, problem)


def choices(kind: type) -> list[str]:
    """The values of a field that is an enum, as a world may give them."""
    return [value for each in kind if (value := str(each.value)) not in _NO_CHOICES]  # type: ignore[attr-defined]


def shown(path: Path) -> str:
    """A path as errors show it: ``accounts[0].uid``."""
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return field.removeprefix(".") or "the file"


def line_of(node: yaml.Node | None, path: Path, *, is_name: bool = False) -> int:
    """The line of the value at a path, or of the nearest thing around it that exists.

    ``is_name`` asks for the line where the name of the last field stands.
    """
    line = 1
    for number, step in enumerate(path, start=1):
        key: yaml.Node | None = None
        inner: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            pairs = ((k, v) for k, v in node.value if getattr(k, "value", None) == str(step))
            key, inner = next(pairs, (None, None))
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            inner = node.value[step] if step < len(node.value) else None
        if inner is None:
            break
        node = inner
        place = key if is_name and key is not None and number == len(path) else inner
        line = place.start_mark.line + 1
    return line


def _unknown_field(field: str, kind: inspect.StructType) -> str:
    known = [each.encode_name for each in kind.fields]
    meant = difflib.get_close_matches(field.lower(), known, n=1)
    advice = f"did you mean `{meant[0]}`? " if meant else ""
    return f"unknown field `{field}`; {advice}known here: {', '.join(known)}"


def _steps(path: str) -> Path:
    steps = ((step["name"], step["index"]) for step in _PATH_STEP.finditer(path))
    return tuple(int(index) if (index or "").isdigit() else name or index for name, index in steps)


def _kind_at(root: type, path: Path) -> inspect.Type | None:
    kind: inspect.Type | None = inspect.type_info(root)
    for step in path:
        match kind:
            case inspect.StructType(fields=fields):
                kind = next((each.type for each in fields if each.encode_name == step), None)
            case inspect.ListType(item_type=item):
                kind = item
            case _:
                return None
    return kind
