"""Which tests exercise which operation: said by a decorator, read off the sources."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from emulator.protocol.operations import operation_named

ROOT = Path(__file__).resolve().parents[2]
# Where a vendor's client drives a real server.
CONFORMANCE = ("tests/conformance/", "tests/behaviours/")
_Test = TypeVar("_Test", bound=Callable[..., object])


def covers(*operations: str) -> Callable[[_Test], _Test]:
    """Say which operations of the table a test exercises, as literals; KeyError if unknown.

    On a test in tests/conformance or a scenario in tests/behaviours that drives
    alibabacloud-oss-v2, the second client counts as covered where the same file makes the
    operation's request (``PutObjectRequest(...)``).
    """
    for name in operations:
        operation_named(name)

    def mark(test: _Test) -> _Test:
        return test

    return mark


class Cover(NamedTuple):
    """One test of one operation: file from the project's root, function, and with which client."""

    operation: str
    path: str
    test: str
    has_second_client: bool

    @property
    def is_conformance(self) -> bool:
        """Whether a vendor's client drives a real server there."""
        return self.path.startswith(CONFORMANCE)


def covers_in(path: str, source: str) -> Iterator[Cover]:
    """The covers a file declares; TypeError if one is not written as literals."""
    tree = ast.parse(source)
    requests = _second_client_requests(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in node.decorator_list:
            if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "covers"):
                continue
            for argument in call.args:
                if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                    raise TypeError(f"{path}:{call.lineno}: covers takes literals only")
                name = argument.value
                yield Cover(name, path, node.name, f"{name}Request" in requests)


def _second_client_requests(tree: ast.Module) -> set[str]:
    """The requests of alibabacloud-oss-v2 that a file makes."""
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
    if not any(name.startswith("alibabacloud_oss_v2") for name in imported):
        return set()
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.unparse(function).rpartition(".")[2] for function in called}


def all_covers() -> list[Cover]:
    """Every cover of the test suite, in order of path and place."""
    scenarios = (ROOT / "tests/behaviours/scenarios").glob("*.py")
    return [
        cover
        for file in sorted([*(ROOT / "tests").rglob("test_*.py"), *scenarios])
        for cover in covers_in(file.relative_to(ROOT).as_posix(), file.read_text("utf-8"))
    ]
