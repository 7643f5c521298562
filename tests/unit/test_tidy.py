"""House rules that no linter we use can check: sizes, docstrings, loose ends, sleeping tests.

The rules themselves are plain functions over a source text, so the second half of this file can
hand them a text that breaks every one of them.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

EMULATOR_FILE_LINES_MAX = 400
TEST_FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60

# Spelled in two halves, or this file would report itself.
LOOSE_END = re.compile(r"\b(TO" + "DO|FIX" + "ME|XX" + r"X)\b")
SLEEPERS = {"asyncio.sleep", "time.sleep"}
# Tests below these folders run in one process with a virtual clock; the others wait for real
# processes and sockets.
NEVER_SLEEPS = ("tests/unit/", "tests/contract/", "tests/model/", "tests/sim/")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def problems(path: str, source: str) -> list[str]:
    """Every broken rule in one file, as ``path:line: what``; ``path`` decides which rules apply."""
    tree = ast.parse(source)
    found = [*long_file(path, source), *long_functions(tree), *loose_ends(source)]
    if path.startswith("emulator/"):
        found += missing_docstrings(tree)
    if path.startswith(NEVER_SLEEPS):
        found += sleeping(tree)
    return [f"{path}:{line}: {what}" for line, what in found]


def long_file(path: str, source: str) -> Iterator[tuple[int, str]]:
    lines_max = EMULATOR_FILE_LINES_MAX if path.startswith("emulator/") else TEST_FILE_LINES_MAX
    lines = len(source.splitlines())
    if lines > lines_max:
        yield lines, f"{lines} lines, limit {lines_max}: split it by nouns"


def long_functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield node.lineno, f"{node.name} has {lines} lines, limit {FUNCTION_LINES_MAX}"


def loose_ends(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), start=1):
        if match := LOOSE_END.search(line):
            yield number, f"{match[0]}: finish it or write it down where it will be found"


def missing_docstrings(
    parent: ast.Module | ast.ClassDef, prefix: str = ""
) -> Iterator[tuple[int, str]]:
    """Public modules, classes and functions; not overrides, overloads, setters and locals."""
    if isinstance(parent, ast.Module) and parent.body and not ast.get_docstring(parent):
        yield 1, "the module has no docstring"
    for node in parent.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not is_documented_elsewhere(node):
            yield node.lineno, f"{prefix}{node.name} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from missing_docstrings(node, f"{node.name}.")


def is_documented_elsewhere(node: Function | ast.ClassDef) -> bool:
    names = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(names & {"override", "overload", "setter"})


def sleeping(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in SLEEPERS:
            yield node.lineno, "a test that sleeps: settle, or step the virtual clock"


def sources() -> list[str]:
    files = [*(ROOT / "emulator").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    return sorted(file.relative_to(ROOT).as_posix() for file in files)


def test_the_whole_tree_is_looked_at() -> None:
    assert {"emulator/__init__.py", "tests/unit/test_tidy.py"} <= set(sources())


@pytest.mark.parametrize("path", sources())
def test_file_keeps_the_house_rules(path: str) -> None:
    assert problems(path, (ROOT / path).read_text(encoding="utf-8")) == []


def imported_packages(source: str) -> set[str]:
    """The top-level packages a file imports that come neither with Python nor with us."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"emulator"}


def declared_packages() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=\[; ]", line)[0].lower() for line in project["dependencies"]}
    return {{"pyyaml": "yaml"}.get(name, name) for name in names}


def test_dependencies_are_the_packages_that_are_imported() -> None:
    files = [path for path in sources() if path.startswith("emulator/")]
    imported = [imported_packages((ROOT / file).read_text(encoding="utf-8")) for file in files]
    assert set().union(*imported) == declared_packages()


def test_imported_packages_leave_out_the_standard_library_and_ourselves() -> None:
    source = "import os, a.b\nfrom c.d import e\nfrom . import f\nimport emulator.domain\n"
    assert imported_packages(source) == {"a", "c"}


def padded(lines: int) -> str:
    return '"""A module."""\n' + "x = 1\n" * (lines - 1)


def function_of(lines: int) -> str:
    return '"""A module."""\n\n\ndef f() -> None:\n    """Do."""\n' + "    g()\n" * (lines - 2)


# A rule that cannot fail is no rule: each row is the smallest text that must be reported, or the
# largest that must not.
@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("emulator/a.py", padded(400), []),
        ("emulator/a.py", padded(401), ["emulator/a.py:401: 401 lines, limit 400"]),
        ("tests/unit/test_a.py", padded(600), []),
        ("tests/unit/test_a.py", padded(601), ["tests/unit/test_a.py:601: 601 lines, limit 600"]),
        ("emulator/a.py", function_of(60), []),
        ("emulator/a.py", function_of(61), ["emulator/a.py:4: f has 61 lines"]),
        ("tests/unit/test_a.py", "# TO" + "DO later\n", ["tests/unit/test_a.py:1: TO" + "DO"]),
        ("emulator/a.py", "x = 1\n", ["emulator/a.py:1: the module has no docstring"]),
        ("emulator/a.py", '"""M."""\ndef f(): ...\n', ["emulator/a.py:2: f has no docstring"]),
        ("emulator/a.py", '"""M."""\ndef _f(): ...\n', []),
        ("emulator/a.py", '"""M."""\nclass C: ...\n', ["emulator/a.py:2: C has no docstring"]),
        (
            "emulator/a.py",
            '"""M."""\nclass C:\n    """C."""\n    async def f(self): ...\n',
            ["emulator/a.py:4: C.f has no docstring"],
        ),
        (
            "emulator/a.py",
            '"""M."""\nclass C:\n    """C."""\n    @typing.override\n    def f(self): ...\n',
            [],
        ),
        ("tests/unit/test_a.py", "asyncio.sleep(1)\n", ["tests/unit/test_a.py:1: a test that"]),
        ("tests/conformance/test_a.py", "time.sleep(1)\n", []),
    ],
)
def test_planted_violation_is_reported(path: str, source: str, expected: list[str]) -> None:
    found = problems(path, source)
    assert len(found) == len(expected)
    assert all(got.startswith(want) for got, want in zip(found, expected, strict=True))
