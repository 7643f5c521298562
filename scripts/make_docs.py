#!/usr/bin/env python3
"""Writes the pages of docs/ that follow from the code: settings, fidelity and operations.

scripts/make_docs.py            write them
scripts/make_docs.py --check    say which are out of date, and fail if any is
"""

from __future__ import annotations

import ast
import io
import pkgutil
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Container, Iterator
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from msgspec import Meta  # noqa: E402

from emulator.config import OssSettings, WireSettings  # noqa: E402
from emulator.protocol.handlers import handlers  # noqa: E402
from emulator.protocol.operations.find import OPERATIONS  # noqa: E402
from emulator.protocol.operations.model import Operation  # noqa: E402
from emulator.replication.explain_words import skip_sentence  # noqa: E402
from emulator.replication.model import Skip, SkipReason  # noqa: E402
from emulator.replication.reasons import REASONS  # noqa: E402
from emulator.replication.settings import setting_docs  # noqa: E402
from emulator.services.products import PRODUCTS  # noqa: E402
from emulator.services.rpc.call import Product  # noqa: E402
from tests.behaviours.registry import Scenario, scenarios  # noqa: E402
from tests.behaviours.rows import Row, Section, sections  # noqa: E402
from tests.support.cases import all_cases  # noqa: E402
from tests.support.covers import Cover, all_covers  # noqa: E402

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


def link_to(scenario: Scenario) -> str:
    """The function that acts a row out, with a link to its file."""
    path, _, name = scenario.place.partition("::")
    return f"[{Path(path).stem}](../{path})::{name}"


def behaviour_row(row_id: str, row: Row, scenario: Scenario | None) -> str:
    """One line of a table."""
    settings = ", ".join(f"`{name}`" for name in row.settings)
    test = "none" if scenario is None else link_to(scenario)
    told = f"{row.given} / {row.when} / {row.then}"
    cells = (row_id, told, row.mark.value, row.source, settings, test)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def behaviour_section(section: Section, acted: dict[str, Scenario]) -> str:
    """One group of behaviours as a table."""
    lines = [
        f"### {section.title}\n",
        "| | Given / when / then | Mark | Source | Setting | Test |",
        "|---|---|---|---|---|---|",
    ]
    lines += [behaviour_row(row_id, row, acted.get(row_id)) for row_id, row in section.rows.items()]
    return "\n".join(lines) + "\n"


def behaviours_part() -> str:
    """Every documented behaviour of replication with where it is known from and its test."""
    groups, acted = sections(), scenarios()
    marks = Counter(row.mark.value for group in groups for row in group.rows.values())
    counted = ", ".join(f"{count} {mark}" for mark, count in marks.most_common())
    head = (
        f"## Behaviours of replication\n\n{marks.total()} behaviours: {counted}. Each is acted "
        "out on a real server with the vendor's clients, this one by `scripts/test "
        "'tests/behaviours/test_behaviours.py::test_behaviour[R27]'`. *R* rows are about "
        "replication in general, *T* rows the table of deletions, *E* rows encryption, *W* rows "
        "retention policies, *L* rows the transfer types of links. Another value of a *setting* "
        "changes the behaviour, which a test of its own shows.\n"
    )
    return "\n".join([head, *(behaviour_section(group, acted) for group in groups)])


def fidelity_page() -> str:
    """What is documented, observed or inferred, row by row, and every inference of the code."""
    parts = [
        "# Fidelity\n",
        NOTE,
        "Behaviour carries one of three marks. *Documented*: the vendor's pages say so. "
        "*Observed*: a test of a vendor's client asserts it against the live service, or a "
        "recorded answer shows it. *Inferred*: no source says so; the emulator does what fits "
        "the rest best. Where sources disagree there is a [named setting](settings.md).\n",
        behaviours_part(),
        "## What is inferred\n",
        "Most of the code does what is documented. What follows is every place where it is "
        "inferred, taken from the code itself.\n",
    ]
    for path in sorted((ROOT / "emulator").rglob("*.py")):
        found = list(dict.fromkeys(inferences(path)))
        if found:
            module = path.relative_to(ROOT).as_posix()
            parts.append(f"### {module}\n")
            parts.append("\n".join(f"- {sentence}" for sentence in found) + "\n")
    return "\n".join(parts)


def request_form(operation: Operation) -> str:
    """Method, level and what selects the operation, as ``PUT /bucket?acl``."""
    place = {"Service": "/", "Bucket": "/bucket", "Object": "/bucket/key"}[operation.level]
    query = [operation.sub_resource] if operation.sub_resource else []
    if operation.values:
        query[0] += "=" + "|".join(operation.values)
    if operation.comp:
        query.append(f"comp={operation.comp}")
    query += [f"{name}={value or '…'}" for name, value in operation.query]
    header = f" with {operation.header}" if operation.header else ""
    methods = " or ".join(operation.methods)
    return f"`{methods} {place}{'?' if query else ''}{'&'.join(query)}`{header}".replace("|", "\\|")


def tests_of(name: str, covers: list[Cover], cases: Container[str]) -> str:
    """The test files that exercise an operation, each with how many of its tests do."""
    files = Counter(cover.path for cover in covers if cover.operation == name)
    second = {cover.path for cover in covers if cover.operation == name and cover.has_second_client}
    shown = [
        f"[{Path(path).stem.removeprefix('test_')}](../{path}) {count}"
        + ("*" if path in second else "")
        for path, count in files.items()
    ]
    if name in cases:
        shown.append("[errors](../tests/api/test_errors_of_operations.py)")
    return ", ".join(shown)


def operations_page() -> str:
    """Every operation of the table: whether it is built, its permission and its tests."""
    built = {operation.name for operation in handlers()}
    covers, cases = all_covers(), all_cases().keys()
    parts = [
        "# Operations\n",
        NOTE,
        f"{len(built)} of {len(OPERATIONS)} operations are built; the others answer "
        "`NotImplemented`. Tier 1 is what replication and everyday use need, tier 2 what follows "
        "from it, tiers 3 and 4 the rest. *Permission* is the action asked for, with the one for "
        "a version id behind a comma. *Tests* names the files and how many tests of each exercise "
        "the operation; a star: with alibabacloud-oss-v2. *errors* are the common rows of every "
        "operation: missing bucket, missing key, malformed, no right.\n",
    ]
    for tier in sorted({operation.tier for operation in OPERATIONS}):
        rows = [operation for operation in OPERATIONS if operation.tier == tier]
        done = sum(operation.name in built for operation in rows)
        parts.append(f"## Tier {tier}: {done} of {len(rows)} built\n")
        lines = ["| Operation | Request | Built | Permission | Tests |", "|---|---|---|---|---|"]
        for operation in sorted(rows, key=lambda each: each.name):
            actions = [action for action in (operation.action, operation.version_action) if action]
            lines.append(
                f"| {operation.name} | {request_form(operation)} "
                f"| {'yes' if operation.name in built else 'no'} "
                f"| {', '.join(f'`{action}`' for action in actions) or 'none'} "
                f"| {tests_of(operation.name, covers, cases)} |"
            )
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def product_groups(product: Product) -> Iterator[tuple[str, list[str]]]:
    """The operations of a product by the module that holds them; what is in none comes last."""
    left = dict(product.operations)
    package = import_module(f"emulator.services.{product.service}")
    for info in pkgutil.iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{info.name}")
        names = [name for name in getattr(module, "OPERATIONS", {}) if name in left]
        for name in names:
            del left[name]
        if names:
            yield info.name, names
    if left:
        yield product.service.upper(), list(left)


def service_operations_page() -> str:
    """Every operation of RAM, STS and KMS that is answered."""
    parts = [
        "# Operations of RAM, STS and KMS\n",
        NOTE,
        "What is answered besides [OSS](operations.md). The right that is asked for is "
        "`ram:`, `sts:` or `kms:` with the operation's name, unless another is named; "
        "`GetCallerIdentity` takes none, `ReEncrypt` asks for `kms:ReEncryptFrom` on one key and "
        "`kms:ReEncryptTo` on the other. "
        "[Identities](identities.md) shows how to call them, and what differs.\n",
    ]
    for product in PRODUCTS:
        shown = product.service.upper()
        parts.append(f"## {shown} {product.version}: {len(product.operations)} operations\n")
        lines = ["| | |", "|---|---|"]
        for title, names in product_groups(product):
            cells = []
            for name in names:
                other = product.operations[name].permission
                cells.append(f"`{name}`" + (f" ({other})" if other else ""))
            lines.append(f"| {title} | {', '.join(cells)} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def reasons_page() -> str:
    """Why replication is refused, and why it has nothing to do."""
    parts = [
        "# Why a change is not replicated\n",
        NOTE,
        "`GET /_emulator/explain` and `GET /_emulator/replication/tasks` give these reasons with "
        "the names of the case. `GET /_emulator/metrics` counts them, but for `link-down`: changes "
        "wait for a link then, and nothing is refused.\n",
        "## Refused, and tried again\n",
        "The rule stays `doing`, later changes of the same key wait, other keys do not. Mend the "
        "cause: the next attempt goes through, or `POST /_emulator/replication/retry` makes it at "
        "once.\n",
    ]
    lines = ["| Reason | Meaning | Remedy |", "|---|---|---|"]
    lines += [f"| `{each}` | {doc.meaning} | {doc.remedy} |" for each, doc in REASONS.items()]
    parts.append("\n".join(lines) + "\n")
    parts.append("## Skipped: nothing is to be done\n")
    lines = ["| Reason | Meaning |", "|---|---|"]
    lines += [f"| `{each}` | {skip_sentence(Skip(each))} |" for each in SkipReason]
    parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


PAGES = {
    "replication-reasons.md": reasons_page,
    "settings.md": settings_page,
    "fidelity.md": fidelity_page,
    "operations.md": operations_page,
    "service-operations.md": service_operations_page,
}


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
