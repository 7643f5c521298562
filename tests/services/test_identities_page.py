"""The examples of docs/identities.md run as they are written there."""

from __future__ import annotations

import re
import subprocess
import sys

from emulator.access.system_policies import SYSTEM_POLICY_NAMES
from tests.support.process import ROOT, EmulatorProcess

PAGE = (ROOT / "docs" / "identities.md").read_text("utf-8")
PRINTED = (
    r"b'one invoice'\n",
    r"\[\]\nAccessDenied 0003-00000202\n",
    r"True acs:kms:cn-hangzhou:1000000000000001:key/[0-9a-f-]{36}\nRejected.Disabled\n",
)


def test_the_examples_run_one_after_another() -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == len(PRINTED)
    with EmulatorProcess(clock="real") as server:
        for example, printed in zip(examples, PRINTED, strict=True):
            program = example.replace("127.0.0.1:9480", f"127.0.0.1:{server.port}")
            assert program != example
            done = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
            )
            assert (done.returncode, done.stderr) == (0, "")
            assert re.fullmatch(printed, done.stdout)


def test_the_page_names_the_system_policies() -> None:
    named = set(re.findall(r"`(A\w+Access)`", PAGE))
    assert named == set(SYSTEM_POLICY_NAMES)
