#!/usr/bin/env python3
"""Writes the pages of docs/ that follow from the code: settings.md and fidelity.md.

scripts/make_docs.py            write them
scripts/make_docs.py --check    say which are out of date, and fail if any is
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from msgspec import Meta  # noqa: E402

from emulator.config import OssSettings, WireSettings  # noqa: E402
from emulator.replication.settings import setting_docs  # noqa: E402

MARK = re.compile(r"\binferred\b")
NOTE = "<!-- written by scripts/make_docs.py; change the code instead -->\n"


def settings_page() -> str:
    """Every named setting with its default and what it does."""
    rows = [(each.name, each.default, each.doc) for each in setting_docs()]
    for kind, prefix in ((OssSettings, "oss"), (WireSettings, "wire")):
        hints = get_type_hints(kind, include_extras=True)
        defaults = kind()
        for name in kind.__struct_fields__:
            metas = hints[name].__metadata__
            doc = next(meta.description for meta in metas if isinstance(meta, Meta))
            value = getattr(defaults, name)
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            rows.append((f"{prefix}.{name}", shown, doc or ""))
    lines = [f"| `{name}` | `{default}` | {doc} |" for name, default, doc in rows]
    return (
        "# Named settings\n\n"
        + NOTE
        + "\nGive them as `--set NAME=VALUE`, in `OSSEMU_SET` (separated by semicolons), or under "
        "their group in the settings file:\n\n```yaml\nrepl:\n  start_delay_s: 0\n```\n\n"
        "| Name | Default | |\n|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def comment_blocks(text: str) -> list[str]:
    """The comments of a module; those on lines that follow each other are one."""
    blocks: list[str] = []
    last_line = -1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        comment, line = token.string.lstrip("# "), token.start[0]
        if line == last_line + 1 and token.line.lstrip().startswith("#"):
            blocks[-1] += " " + comment
        else:
            blocks.append(comment)
        last_line = line
    return blocks


def inferences(path: Path) -> Iterator[str]:
    """The sentences of a module's docstrings and comments that are marked as inferred."""
    text = path.read_text("utf-8")
    texts: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node)
            if doc:
                name = getattr(node, "name", "")
                texts.append(f"`{name}`: {doc}" if name else doc)
    texts += comment_blocks(text)
    for each in texts:
        label = re.match(r"`\w+`: ", each)
        for sentence in re.split(r"(?<=[.])\s+(?=[A-Z`(])|\n\n", each):
            if MARK.search(sentence):
                words = " ".join(sentence.split())
                prefix = label[0] if label and not words.startswith("`") else ""
                yield prefix + words


def fidelity_page() -> str:
    """What is documented, observed or inferred, and every inference of the code."""
    parts = [
        "# Fidelity\n",
        NOTE,
        "Behaviour carries one of three marks. *Documented*: the vendor's pages say so. "
        "*Observed*: a test of a vendor's client asserts it against the live service, or a "
        "recorded answer shows it. *Inferred*: no source says so; the emulator does what fits "
        "the rest best. Where sources disagree there is a [named setting](settings.md).\n",
        "Most of the code does what is documented. What follows is every place where it is "
        "inferred, taken from the code itself.\n",
    ]
    for path in sorted((ROOT / "emulator").rglob("*.py")):
        found = list(dict.fromkeys(inferences(path)))
        if found:
            module = path.relative_to(ROOT).as_posix()
            parts.append(f"## {module}\n")
            parts.append("\n".join(f"- {sentence}" for sentence in found) + "\n")
    return "\n".join(parts)


PAGES = {"settings.md": settings_page, "fidelity.md": fidelity_page}


def main() -> int:
    """Write the pages, or check them."""
    check = sys.argv[1:] == ["--check"]
    stale = []
    for name, page in PAGES.items():
        path = ROOT / "docs" / name
        text = page()
        if check and (not path.exists() or path.read_text("utf-8") != text):
            stale.append(name)
        if not check:
            path.write_text(text, "utf-8")
    if stale:
        print(f"out of date: {', '.join(stale)}; run scripts/make_docs.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
