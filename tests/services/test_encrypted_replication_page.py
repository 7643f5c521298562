"""The program of docs/encrypted-replication.md runs as it is written there."""

from __future__ import annotations

import re
import subprocess
import sys

from emulator.replication.model import FailureReason
from tests.support.process import ROOT, EmulatorProcess

PAGE = (ROOT / "docs" / "encrypted-replication.md").read_text("utf-8")


def test_the_program_runs_and_prints_what_the_page_shows() -> None:
    program = "".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    (shown,) = re.findall(r"```\n\n```\n(.*?)```", PAGE, re.DOTALL)
    with EmulatorProcess(clock="real") as server:
        there = program.replace("127.0.0.1:9480", f"127.0.0.1:{server.port}")
        assert there != program
        done = subprocess.run(
            [sys.executable, "-c", there], capture_output=True, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"b'salaries' True\n{shown}"


def test_the_page_names_reasons_that_there_are() -> None:
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PAGE)) - {"sse-kms-not-selected"}
    named -= {name for name in named if name.startswith(("alibabacloud-", "aliyun-", "cn-"))}
    assert named <= {each.value for each in FailureReason}
