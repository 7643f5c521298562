#!/usr/bin/env python3
"""Uploads and downloads large objects and reports the server's memory and the throughput.

The content is generated while it is sent; both sides' MD5 and CRC-64 must agree. The data folder
is on disk and removed afterwards.

    scripts/big_body.py [--size-gib N] [--folder DIR] [--durability NAME]
    scripts/big_body.py --parallel 8 --size-gib 0.25
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.process import EmulatorProcess  # noqa: E402
from tests.support.streams import (  # noqa: E402
    MemoryWatch,
    PatternedContent,
    Transfer,
    download,
    upload,
)

_GIB = 1 << 30
_MEMORY_MIB_MAX = 150.0


def measure(name: str, count: int, transfer: Callable[[int], Transfer], pid: int) -> float:
    """Run ``count`` transfers at once, print a line, return the most memory seen."""
    with MemoryWatch(pid) as memory, ThreadPoolExecutor(count) as threads:
        done = list(threads.map(transfer, range(count)))
    if not all(each.agrees for each in done):
        raise SystemExit(f"{name}: the hashes differ: {done}")
    seconds = max(each.seconds for each in done)
    size_mib = sum(each.here.size_bytes for each in done) / (1 << 20)
    print(
        f"{name}: {count} × {size_mib / count:,.0f} MiB in {seconds:.1f} s, "
        f"{size_mib / seconds:,.0f} MiB/s; resident {memory.first_mib:.0f} MiB before, "
        f"at most {memory.most_mib:.0f} MiB; hashes agree",
        flush=True,
    )
    return memory.most_mib


def main() -> int:
    """Read the options and measure; 1 when the memory goes above its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size-gib", type=float, default=5.0)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--durability", default="power")
    parser.add_argument("--folder", type=Path, help="where the data folder is made")
    options = parser.parse_args()
    size_bytes = round(options.size_gib * _GIB)
    arguments = ("--durability", options.durability)
    with (
        tempfile.TemporaryDirectory(prefix="ossemu-big-", dir=options.folder) as data,
        EmulatorProcess(data=data, clock="real", arguments=arguments) as server,
    ):
        port, pid = server.port, server.pid
        most = [
            measure(
                "upload",
                options.parallel,
                lambda n: upload(port, "src-bucket", f"big-{n}", PatternedContent(size_bytes, n)),
                pid,
            ),
            measure(
                "download",
                options.parallel,
                lambda n: download(port, "src-bucket", f"big-{n}"),
                pid,
            ),
        ]
    return 1 if max(most) > _MEMORY_MIB_MAX else 0


if __name__ == "__main__":
    sys.exit(main())
