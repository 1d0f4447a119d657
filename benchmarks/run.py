"""Measure this kernel beside its peers: one command, on any machine with CPython >= 3.11.

    python benchmarks/run.py [--quick] [--rounds N] [--only MEASURE,...] [--kernels NAME,...]
        [--instructions] [--publish]

Standard library only: it makes the environments under build/benchmarks/envs, then starts `session.py` in the client's.
See benchmarks/README.md for what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import environments
import figures
import page

__all__ = ["main"]

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "build" / "benchmarks"


def names(text: str) -> list[str]:
    """The names in a list separated by commas: `names("a,b")` gives `["a", "b"]`."""
    return [name for name in text.split(",") if name]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    known = [subject.name for subject in environments.SUBJECTS]
    made = argparse.ArgumentParser(prog="benchmarks/run.py", description="Measure this kernel beside its peers.")
    made.add_argument("--rounds", type=int, help="how often everything is measured (default: 5, with --quick 1)")
    made.add_argument("--only", type=names, default=[], help=f"measures, of {', '.join(figures.MEASURE_NAMES)}")
    made.add_argument("--kernels", type=names, default=known, help=f"kernels, of {', '.join(known)}")
    made.add_argument("--quick", action="store_true", help="small amounts: to see that all works, not to publish")
    made.add_argument("--instructions", action="store_true", help="count those of a request too, with valgrind")
    made.add_argument("--publish", action="store_true", help="write docs/compare/benchmarks.md from the results")
    return made


def main(arguments: Sequence[str]) -> int:
    """Prepare, measure, report. Returns 0, 1 when something could not be measured, 2 when the arguments are wrong."""
    command = parser()
    options = command.parse_args(arguments)
    try:
        measures = figures.select(options.only) + [figures.COUNTED] * options.instructions
    except ValueError as error:
        command.error(str(error))
    known = {subject.name for subject in environments.SUBJECTS}
    if unknown := [name for name in options.kernels if name not in known]:
        command.error(f"no kernel {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    rounds = options.rounds or (1 if options.quick else 5)
    try:
        ready, failed = environments.prepare(options.kernels, FOLDER / "envs", ROOT)
    except environments.PreparationError as error:
        print(f"the client's environment cannot be made:\n{error}", file=sys.stderr)
        return 1
    for name, reason in failed.items():
        print(f"{name} cannot be measured:\n{reason}", file=sys.stderr)
    plan = {
        "root": str(ROOT),
        "folder": str(FOLDER),
        "rounds": rounds,
        "size": "quick" if options.quick else "full",
        "measures": measures,
        "subjects": ready,
        "not_measured": failed,
    }
    path = FOLDER / "plan.json"
    path.write_text(json.dumps(plan, indent=1), encoding="utf-8")
    status = measure(path)
    if options.publish:
        page.publish(json.loads((FOLDER / "results.json").read_text(encoding="utf-8")))
    return status


def measure(plan: Path) -> int:
    """Run `session.py` in the client's environment and wait for it; it ends when this process is told to end."""
    client = environments.python_of(FOLDER / "envs" / environments.CLIENT.name)
    session = subprocess.Popen([str(client), str(ROOT / "benchmarks" / "session.py"), str(plan)])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the session itself, which then reports
    signal.signal(signal.SIGTERM, lambda *_: session.terminate())
    return session.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
