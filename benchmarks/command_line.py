"""How long the commands of the command line take, beside the least that any Python program with a parser takes.

    python benchmarks/command_line.py [--rounds=15] [--json]

The measure is `python -c "import argparse, json, pathlib"`; `--version`, `list`, `-a` and `-r` are to stay within
2.5 times of it. Each round runs all of them once, in turn; the table has medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

BASE = "argparse, json, pathlib"
LIMIT = 2.5


def commands(folder: Path) -> Mapping[str, list[str]]:
    """What is run, by the name of its row. `-a` comes before `-r`, which removes what it wrote."""
    program = [sys.executable, "-m", "async_kernel"]
    return {
        BASE: [sys.executable, "-c", "import argparse, json, pathlib"],
        "nothing": [sys.executable, "-c", "pass"],
        "--version": [*program, "--version"],
        "list": [*program, "list"],
        "-a": [*program, "-a", "benchmark", f"--folder={folder}"],
        "-r": [*program, "-r", "benchmark", f"--folder={folder}"],
        "a spec's argv": [
            sys.executable,
            "-c",
            "from async_kernel.settings import parse; parse(['-f', 'x', '--start_interface=a.b', '--backend=trio'])",
        ],
    }


def measure(rounds: int) -> dict[str, float]:
    """The median of each command in milliseconds."""
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        kernels = Path(temporary) / "kernels"
        environ = {**os.environ, "JUPYTER_PATH": temporary}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
        for number in range(rounds + 1):
            for name, command in commands(kernels).items():
                # Without a timeout: with one, waiting is a look every few milliseconds, up to 50.
                begun = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ)
                if number:  # the first round warms the caches
                    times.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the commands of the command line.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    medians = measure(arguments.rounds)
    ratios = {name: value / medians[BASE] for name, value in medians.items()}
    if arguments.json:
        print(json.dumps({name: {"ms": medians[name], "ratio": ratios[name]} for name in medians}, indent=2))
        return
    print("| command | median | times the measure |\n|---|---|---|")
    for name, value in medians.items():
        print(f"| {name} | {value:.1f} ms | {ratios[name]:.2f} |")
    worst = max(ratios[name] for name in ("--version", "list", "-a", "-r"))
    print(f"\n{'Within' if worst <= LIMIT else 'Over'} the limit of {LIMIT} ({worst:.2f}).")


if __name__ == "__main__":
    main()
