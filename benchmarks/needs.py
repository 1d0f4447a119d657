"""Put every probe to this kernel and to its peers and write down what was seen.

    python benchmarks/needs.py [--only REGEX] [--kernels NAME,NAME] [--fresh]

Makes an environment for each under build/peers, runs the probes one after another (about an hour and a half for all),
keeps the outcomes in docs/compare/needs.json as they come, and writes docs/compare/needs.md. A run goes on
where the last one stopped: what docs/compare/needs.json holds is not run again without --fresh. Needs pyzmq and psutil.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.needs.probe import Outcome, Probe, probes, run_probe
from tests.needs.subjects import ENVIRONMENTS, install, subjects_of

ROWS = {
    1: "an interrupt always works",
    2: "never busy for ever",
    3: "widget callbacks while a cell runs",
    4: "a loop of its own in a cell",
    5: "output in the right cell",
    6: "floods of print and logging",
    7: "cells that run concurrently",
    8: "completion while busy",
    16: "trio that lasts",
    17: "context variables",
    18: "port races",
    19: "no orphans",
    24: "deadlines",
    25: "clean-up at shutdown",
    26: "input() and getpass",
    27: "output of C code and children",
    28: "the debugger",
    29: "magics that await",
    30: "embedding",
}

DETAIL_CHARACTERS = 110

Seen = dict[str, dict[str, Any]]  # kernel -> probe -> outcome as JSON


def run_all(only: str, kernels: Iterable[str], fresh: bool, store: Path) -> Seen:
    """Run what is wanted and not yet known; return all that is known."""
    seen: Seen = json.loads(store.read_text()) if store.exists() else {}
    wanted = set(kernels)
    for environment in ENVIRONMENTS:
        python = ""
        for subject in subjects_of(environment, sys.executable):
            if wanted and subject.name not in wanted:
                continue
            python = python or install(environment, ROOT / "build" / "peers")
            real = next(one for one in subjects_of(environment, python) if one.name == subject.name)
            known = seen.setdefault(subject.name, {})
            todo = [one for one in probes() if subject.backend in one.backends and re.search(only, one.name)]
            for number, one in enumerate(todo, 1):
                if one.name in known and not fresh:
                    continue
                outcome = _outcome(one, real)
                known[one.name] = _record(outcome)
                _write(seen, store)
                took = outcome.figures.get("seconds")
                print(
                    f"{subject.name} {number}/{len(todo)} {one.name}: {outcome.verdict}"
                    + (f" {took * 1000:.0f} ms" if took else "")
                    + (f" ({outcome.detail})" if outcome.detail else ""),
                    flush=True,
                )
    return seen


def _outcome(one: Probe, subject: Any) -> Outcome:
    try:
        outcome = run_probe(one, subject)
        # A start that fails is counted by the soak; here another one gets the probe its answer.
        return run_probe(one, subject) if outcome.detail.startswith("did not start") else outcome
    except Exception as error:  # one broken probe must not cost the other hours
        return Outcome("failed", f"the probe itself failed: {error!r}"[:200])


def _record(outcome: Outcome) -> dict[str, Any]:
    figures = {name: value for name, value in outcome.figures.items() if name in ("seconds", "memory_mib", "lost")}
    detail = outcome.detail.replace("\n", " ")[:DETAIL_CHARACTERS]
    return {"date": str(datetime.date.today()), "verdict": outcome.verdict, "detail": detail, "figures": figures}


def _write(seen: Seen, store: Path) -> None:
    """A line for each outcome, so that a run shows up as the lines that it has changed."""
    kernels = [
        f"{json.dumps(name)}: {{\n"
        + ",\n".join(f"  {json.dumps(one)}: {json.dumps(outcome)}" for one, outcome in sorted(known.items()))
        + "\n}"
        for name, known in seen.items()
    ]
    store.write_text("{\n" + ",\n".join(kernels) + "\n}\n")


def page(seen: Seen) -> str:
    """The page of the documentation, as markdown: a table of rows, then one of probes."""
    order = [subject.name for environment in ENVIRONMENTS for subject in subjects_of(environment, sys.executable)]
    names = sorted(seen, key=order.index)
    dates = sorted({outcome["date"] for known in seen.values() for outcome in known.values()})
    lines = [
        "# What users need, and which kernel serves it",
        "",
        "Each row is a need of users, checked by several small tests, called *probes*. The columns async-kernel "
        "(asyncio), (uvloop) and (trio) are this kernel; async-kernel-0.23.1 is another project's package of the same "
        "name. Every probe was run with every kernel to whose backend it applies, one kernel at a time, each in its "
        "own environment. `python benchmarks/needs.py` runs them and writes "
        f"this page. These results are from {dates[0]} to {dates[-1]}, on {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, CPython {platform.python_version()}.",
        "",
        "**n/m** means that n of m probes succeeded. The time is the median of the probes that have a time limit, and "
        "*slow* is the number of probes that exceeded it. *MiB* is how much memory the kernel used in addition, at its "
        "peak.",
        "",
        "| row | need | " + " | ".join(names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    every = probes()
    for row, title in ROWS.items():
        in_row = [one.name for one in every if one.row == row]
        cells = [_summary([seen[name][one] for one in in_row if one in seen[name]]) for name in names]
        lines.append(f"| {row} | {title} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "## Probe by probe",
        "",
        "An empty cell: the probe was not run with this kernel, or does not apply to its backend.",
        "",
    ]
    for row, title in ROWS.items():
        lines += [f"### {row}: {title}", "", "| probe | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
        for one in every:
            if one.row == row:
                lines.append(
                    f"| {one.title} | " + " | ".join(_verdict(seen[name].get(one.name)) for name in names) + " |"
                )
        lines.append("")
    return "\n".join(lines)


def _summary(outcomes: list[dict[str, Any]]) -> str:
    if not outcomes:
        return ""
    served = [one for one in outcomes if one["verdict"] != "failed"]
    slow = sum(one["verdict"] == "slow" for one in served)
    times = [one["figures"]["seconds"] for one in served if "seconds" in one["figures"]]
    text = f"{len(served)}/{len(outcomes)}"
    if times:
        text += f", {_time(statistics.median(times))}"
    return text + (f", {slow} slow" if slow else "")


def _verdict(outcome: dict[str, Any] | None) -> str:
    if outcome is None:
        return ""
    seconds = outcome["figures"].get("seconds")
    if outcome["verdict"] == "failed":
        detail = outcome["detail"].replace("|", "/").replace("<", "&lt;").replace("*", "&#42;")
        return f"no: {detail}"
    memory = outcome["figures"].get("memory_mib")
    figures = ([_time(seconds)] if seconds else []) + ([f"+{memory:.0f} MiB"] if memory is not None else [])
    return " ".join([{"slow": "slow", "passed": "yes"}[outcome["verdict"]], ", ".join(figures)]).rstrip()


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def main() -> None:
    """Read the command line, run, write."""
    parser = argparse.ArgumentParser(description="Put the needs' probes to this kernel and to its peers.")
    parser.add_argument("--only", default="", help="a regular expression for names of probes")
    parser.add_argument("--kernels", default="", help="names of kernels, separated by commas")
    parser.add_argument("--fresh", action="store_true", help="run again what is known already")
    parser.add_argument("--write", action="store_true", help="write the page from what is known, run nothing")
    options = parser.parse_args()
    store = ROOT / "docs" / "compare" / "needs.json"
    kernels = [name for name in options.kernels.split(",") if name]
    seen = json.loads(store.read_text()) if options.write else run_all(options.only, kernels, options.fresh, store)
    (ROOT / "docs" / "compare" / "needs.md").write_text(page(seen))
    print("wrote docs/compare/needs.md")


if __name__ == "__main__":
    main()
