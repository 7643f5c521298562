#!/usr/bin/env python3
"""Kills a server under load again and again and checks that nothing acknowledged is lost.

Every round starts the emulator on one data folder, lets writers change two buckets that replicate
into four, and ends it by kill -9 at a random moment. After every round a sample is read back, at
the end everything: sources, replicas, files, database.

    scripts/crash_loop.py [--rounds N] [--writers N] [--seed N] [--durability NAME] [--folder DIR]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.fault.rounds import CrashLoop, Plan  # noqa: E402

_SHOWN_MAX = 20


def show_progress(line: str) -> None:
    """One line that is written over; whole lines where nobody looks."""
    end = "" if sys.stderr.isatty() else "\n"
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(start + line, end=end, file=sys.stderr, flush=True)


def main() -> int:
    """Read the options, run, print the summary; 1 when something is not as promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", default="power")
    parser.add_argument(
        "--folder", type=Path, help="an empty one, kept afterwards; else a temporary one"
    )
    options = parser.parse_args()
    if options.folder is not None and options.folder.exists() and any(options.folder.iterdir()):
        parser.error(f"{options.folder} is not empty: what is in there would count as a fault")
    with tempfile.TemporaryDirectory(prefix="ossemu-crash-") as temporary:
        plan = Plan(
            folder=options.folder or Path(temporary),
            rounds=options.rounds,
            writers=options.writers,
            seed=options.seed,
            durability=options.durability,
            progress=show_progress,
        )
        outcome = CrashLoop(plan).run()
    for fault in outcome.ledger.faults[:_SHOWN_MAX]:
        print(fault)
    print(f"durability {options.durability}, seed {options.seed}: {outcome.summary()}")
    return 1 if outcome.ledger.faults else 0


if __name__ == "__main__":
    sys.exit(main())
