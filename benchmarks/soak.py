"""Long runs that look for the one time in a thousand.

    python benchmarks/soak.py interrupts [--rounds 1000] [--loop asyncio|uvloop|trio] [--peer NAME]
    python benchmarks/soak.py starts [--count 500] [--at-once 1] ...
    python benchmarks/soak.py requests [--count 100000] [--seed 1] ...

`interrupts`: every round hangs a cell in a shape taken at random, in the main shell or a subshell, and interrupts it by
message or by signal; the reply, `idle` and the next cell have to come. `starts`: so many starts, so many at once, each
with one cell and a shutdown; none may fail or stick. `requests`: so many of all kinds to one kernel (`mixed.py`), whose
memory, handles, threads and latency go to `build/benchmarks/requests-LOOP-SEED.json`, with a plot beside it. A progress
line while it runs, a summary at its end, exit status 1 when anything was lost. Runs this interpreter's async-kernel, or
a peer that `benchmarks/needs.py` has installed. Needs pyzmq and psutil.
"""

from __future__ import annotations

import argparse
import collections
import random
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import mixed
from tests.needs.kernel import Kernel, Means, Subject, free_ports
from tests.needs.rows.interrupts import end_by_interrupt, shapes_of
from tests.needs.subjects import ENVIRONMENTS, install, ours, subjects_of
from tests.needs.wire import Missed

MEANS: tuple[Means, ...] = ("message", "signal")


def progress(text: str, end: bool = False) -> None:
    """Show where the run is: on one line of a terminal, now and then in a log."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="\n" if end else "", file=sys.stderr, flush=True)
    elif end or time.monotonic() - _shown[0] > 15:
        _shown[0] = time.monotonic()
        print(text, file=sys.stderr, flush=True)


_shown = [0.0]  # when it was last said where the run is


def interrupts(subject: Subject, rounds: int, seed: int, subshells: bool) -> bool:
    """Interrupt so many cells; return whether every one ended well."""
    chance = random.Random(seed)
    shapes = shapes_of(subject.backend)
    times: collections.defaultdict[tuple[str, str], list[float]] = collections.defaultdict(list)
    lost: list[str] = []
    turn = 0
    while turn < rounds:
        # A kernel that lost an interrupt is no judge of the next one: a new one takes over.
        name = "start"
        try:
            with Kernel(subject) as kernel, mixed.last_words(kernel):
                kernel.need("pass")
                places = [None, kernel.subshell()] if subshells else [None]
                while turn < rounds:
                    shape, means, place = chance.choice(shapes), chance.choice(MEANS), chance.choice(places)
                    name = f"{shape.name}{' in a subshell' if place else ''} by {means}"
                    took = end_by_interrupt(kernel, shape, means, place)
                    times[shape.name, "subshell" if place else "main"].append(took)
                    turn += 1
                    kernel.client.forget()
                    progress(f"{subject.name}: {turn} of {rounds}, {len(lost)} lost, last {name}")
        except Missed as missed:
            turn += 1
            lost.append(f"round {turn}, {name}: {missed}")
            print(f"\n{lost[-1]}", file=sys.stderr, flush=True)
    every = [one for several in times.values() for one in several]
    progress(f"{subject.name}: {turn} of {rounds}, {len(lost)} lost", end=True)
    for (name, where), several in sorted(times.items()):
        print(f"{name:20} {where:8} {len(several):5} rounds  {describe(several)}")
    if every:
        print(f"{'all':20} {'':8} {len(every):5} rounds  {describe(every)}")
    print(f"{len(lost)} of {turn} lost")
    for text in lost:
        print(f"  {text}")
    return not lost


def starts(subject: Subject, count: int, at_once: int) -> bool:
    """Start so many kernels, `at_once` of them at the same time; return whether each answered, ran a cell and ended."""
    firsts: list[float] = []
    cells: list[float] = []
    ends: list[float] = []
    lost: list[str] = []
    done = 0
    while done < count:
        wave = [Kernel(subject, ports=ports, connect=False) for ports in free_ports(min(at_once, count - done))]
        try:
            for kernel in wave:
                done += 1
                try:
                    kernel.connect()
                    firsts.append(time.perf_counter() - kernel.started)
                    with mixed.last_words(kernel):
                        if kernel.need("print(6 * 7)", 60).text != "42\n":
                            raise Missed("the first cell printed something else")
                        cells.append(time.perf_counter() - kernel.started)
                        ends.append(kernel.shutdown(15))
                except Missed as missed:
                    lost.append(f"start {done}: {missed}")
                    print(f"\n{lost[-1]}", file=sys.stderr, flush=True)
                finally:
                    kernel.close()
                progress(f"{subject.name}: {done} of {count}, {len(lost)} lost")
        finally:
            for kernel in wave:
                kernel.close()
    progress(f"{subject.name}: {done} of {count}, {len(lost)} lost", end=True)
    for name, several in {"first reply": firsts, "first cell": cells, "shutdown": ends}.items():
        if several:
            print(f"{name:12} {describe(several)}")
    print(f"{len(lost)} of {done} lost")
    return not lost


def requests(subject: Subject, count: int, seed: int, loop: str) -> bool:
    """Send so many requests of all kinds; return whether each was answered."""
    samples, lost = mixed.mixed(subject, count, seed, lambda text: progress(f"{subject.name}: {text}"))
    path = ROOT / "build" / "benchmarks" / f"requests-{loop}-{seed}.json"
    mixed.write(samples, path)
    for name, one in (("at a tenth", samples[len(samples) // 10]), ("at the end", samples[-1])):
        print(
            f"{name:12} {one.requests:7} requests  {one.uss / 2**20:.1f} MiB, {one.handles} handles, "
            f"{one.threads} threads, median {one.median:.1f} ms, 99 % {one.worst_in_hundred:.1f} ms"
        )
    print(f"{len(lost)} of {count} lost; samples in {path}")
    for text in lost:
        print(f"  {text}")
    return not lost


def describe(times: list[float]) -> str:
    """Median, 99th percentile and worst of times in seconds, as text in milliseconds."""
    ordered = sorted(times)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    found = {"median": statistics.median(ordered), "99 %": high, "worst": ordered[-1]}
    return ", ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in found.items())


def find_subject(peer: str, loop: str) -> Subject:
    """The kernel to run: this interpreter's own, or an installed peer by its name in tests/needs/subjects.py."""
    if not peer:
        return ours(sys.executable, loop)
    environment = next(one for one in ENVIRONMENTS if one.name == peer)
    backend = "trio" if loop == "trio" else "asyncio"
    python = install(environment, ROOT / "build" / "peers")
    return next(one for one in subjects_of(environment, python) if one.backend == backend)


def main() -> int:
    """Read the command line, run, and return the exit status."""
    parser = argparse.ArgumentParser(description="Long runs of interrupts, starts and requests.")
    parser.add_argument("what", choices=["interrupts", "starts", "requests"])
    parser.add_argument("--loop", choices=["asyncio", "uvloop", "trio"], default="asyncio")
    parser.add_argument("--peer", choices=[one.name for one in ENVIRONMENTS if one.name != "this"], default="")
    parser.add_argument("--rounds", type=int, default=1000, help="interrupts: how many")
    parser.add_argument("--seed", type=int, default=1, help="interrupts, requests: of their order")
    parser.add_argument("--no-subshells", action="store_true", help="interrupts: in the main shell only")
    parser.add_argument("--count", type=int, default=0, help="starts: how many (500); requests: how many (100,000)")
    parser.add_argument("--at-once", type=int, default=1, help="starts: how many at the same time")
    options = parser.parse_args()
    subject = find_subject(options.peer, options.loop)
    if options.what == "interrupts":
        good = interrupts(subject, options.rounds, options.seed, not options.no_subshells)
    elif options.what == "requests":
        good = requests(subject, options.count or 100_000, options.seed, options.loop)
    else:
        good = starts(subject, options.count or 500, options.at_once)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
