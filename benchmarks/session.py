"""The measuring program: runs in the client's environment, kernel by kernel, round by round.

    python session.py PLAN.json

`run.py` writes the plan and starts this. Every figure is taken from a fresh kernel process; in every round each measure
is taken from all kernels before the next measure begins, and each round starts with another kernel.
"""

from __future__ import annotations

import gc
import json
import math
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psutil
import zmq

import picture
import plot
import report
from client import Client, DeadlineError
from measures import MEASURES, Size
from process import KernelProcess

__all__ = ["main"]

SIZES: Final = {
    "full": Size(warmup=30, executes=300, pipeline=200, lines=100_000, idle_seconds=2.0, growth=1000),
    "quick": Size(warmup=5, executes=50, pipeline=200, lines=10_000, idle_seconds=0.5, growth=100),
}
STARTS: Final = {"full": 3, "quick": 1}
"""Cold starts per round: one start is one sample, while a round trip is the median of hundreds."""
GIVE_UP: Final = 2
BEYOND_THE_FLOOR: Final = {"completion", "bulk", "comm", "interrupts", "blocked"}
"""What a bare loop without IPython does not have."""
COUNTING: Final = ("valgrind", "--tool=callgrind", "--callgrind-out-file=instructions")
EXPECTED: Final = (DeadlineError, zmq.ZMQError, psutil.Error, OSError, ValueError, KeyError, IndexError)


class Session:
    """The rounds, and what they gave: `samples[kernel][figure]` is a list of numbers, one for each taking."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.folder = Path(plan["folder"])
        self.size = SIZES[plan["size"]]
        self.subjects: list[dict[str, Any]] = plan["subjects"]
        self.not_measured: dict[str, str] = dict(plan["not_measured"])
        self.failures: list[dict[str, Any]] = []
        self.samples: dict[str, dict[str, list[float]]] = {}

    def take(self, subject: dict[str, Any], measure: str) -> dict[str, float]:
        """One measure of one kernel, in a process of its own. Raises one of `EXPECTED`."""
        folder = self.folder / "run" / subject["name"]
        keys = curve_keys() if subject["encrypted"] else {}
        argv = [*(COUNTING if measure == "instructions" else ()), *subject["argv"]]
        kernel = KernelProcess(argv, subject["env"], Path(subject["prefix"]), folder, keys)
        client = Client(kernel.connection)
        gc.collect()
        gc.disable()
        try:
            with kernel:
                try:
                    return dict(MEASURES[measure](kernel, client, self.size))
                except EXPECTED as error:
                    if words := kernel.words():
                        print(f"  {subject['name']} wrote:\n{words}", file=sys.stderr)
                    if kernel.exited and not isinstance(error, ValueError):
                        raise DeadlineError(f"the kernel ended, status {kernel.process.returncode}") from error
                    raise
        finally:
            gc.enable()
            client.close()

    def warm_up(self) -> None:
        """Start each kernel once, uncounted: its files come into the page cache, and who cannot start drops out."""
        for subject in [*self.subjects]:
            try:
                self.take(subject, "start")
            except EXPECTED as error:
                self.not_measured[subject["name"]] = f"does not start: {self.reason(error)}"
                self.subjects.remove(subject)

    def run(self) -> None:
        """All rounds."""
        self.samples = {subject["name"]: {} for subject in self.subjects}
        for number, measure, subject in self.schedule():
            name = subject["name"]
            if sum(one["kernel"] == name and one["measure"] == measure for one in self.failures) >= GIVE_UP:
                continue
            print(f"round {number + 1}/{self.plan['rounds']}  {measure:<18} {name}", file=sys.stderr, flush=True)
            try:
                figures = self.take(subject, measure)
            except EXPECTED as error:
                failure = {"kernel": name, "measure": measure, "round": number + 1, "reason": self.reason(error)}
                self.failures.append(failure)
                print(f"  failed: {failure['reason']}", file=sys.stderr, flush=True)
            else:
                for figure, value in figures.items():
                    if not math.isnan(value):
                        self.samples[name].setdefault(figure, []).append(value)

    def schedule(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Who is measured when: (round, measure, kernel)."""
        for number in range(self.plan["rounds"]):
            shift = number % max(1, len(self.subjects))
            order = self.subjects[shift:] + self.subjects[:shift]
            for measure in self.plan["measures"]:
                repeats = STARTS[self.plan["size"]] if measure in ("start", "first_execute") else 1
                for _ in range(repeats):
                    for subject in order:
                        if subject["name"] != "floor" or measure not in BEYOND_THE_FLOOR:
                            yield number, measure, subject

    def reason(self, error: BaseException) -> str:
        """An error in one line, without the paths of this machine."""
        text = str(error).replace(self.plan["root"], ".") or type(error).__name__
        return text if isinstance(error, DeadlineError) else f"{type(error).__name__}: {text}"

    def results(self, load_before: str) -> dict[str, Any]:
        """Everything as one JSON value; it names neither the machine nor its folders."""
        middle = report.medians(self.samples)
        return {
            "format": 1,
            "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": machine() | {"load_before": load_before, "load_after": load()},
            "rounds": self.plan["rounds"],
            "size": self.plan["size"],
            "amounts": self.size._asdict(),
            "client": {"python": platform.python_version(), "pyzmq": zmq.__version__, "libzmq": zmq.zmq_version()},
            "kernels": {one["name"]: {"versions": one["versions"]} for one in self.subjects},
            "medians": middle,
            "ratios": report.ratios(middle),
            "samples": self.samples,
            "failures": self.failures,
            "not_measured": {
                name: reason.replace(self.plan["root"], ".") for name, reason in self.not_measured.items()
            },
        }


def curve_keys() -> dict[str, str]:
    """What a connection file has that asks for encryption."""
    public, secret = zmq.curve_keypair()
    return {"curve_publickey": public.decode(), "curve_secretkey": secret.decode()}


def load() -> str:
    """The load average over one minute, "unknown" where the system has none."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def machine() -> dict[str, Any]:
    """What of the machine bears on the figures."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "system": " ".join([platform.system(), *platform.release().split("-")[:1]]),
        "architecture": platform.machine(),
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
    }


def main(arguments: Sequence[str]) -> int:
    """Run the plan named by the only argument; 0 when every kernel gave every figure."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    session = Session(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    load_before = load()
    session.warm_up()
    try:
        session.run()
    except KeyboardInterrupt:
        print("interrupted: what was measured so far follows", file=sys.stderr)
    results = session.results(load_before)
    (session.folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (session.folder / "results.md").write_text(report.markdown(results), encoding="utf-8")
    (session.folder / "results.svg").write_text(plot.svg(results), encoding="utf-8")
    (session.folder / "ratios.svg").write_text(picture.picture(results), encoding="utf-8")
    print(report.terminal(results))
    return 1 if session.failures or session.not_measured else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
