"""One kernel that is sent many requests of all kinds, one after the other, and what it holds and takes meanwhile.

`soak.py requests` is its command. A sample is taken every so many requests: the memory that is the kernel's alone
(USS), its handles and threads, and the latency of the requests since the sample before. They go to a file of JSON, and
to a plot beside it where matplotlib is installed. Several runs in one picture:

    python benchmarks/mixed.py docs/explain/soak.png build/benchmarks/requests-*.json
"""

from __future__ import annotations

import importlib.util
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.needs.kernel import Kernel, Subject
from tests.needs.wire import Missed

SAMPLES = 200
"""Of a run."""

NAMES = 100
"""Of values, and of functions: the names of a notebook. Each completion lists them, so that of thousands more a run
would mostly measure that."""

SECONDS = 60.0
"""After which a request counts as lost."""

CELLS = (
    "value_{name} = {n}",
    "{n} * 2",
    "print({n})",
    "for i in range(100): print(i)",
    "display({n})",
    "raise ValueError({n})",
    "def function_{name}(a):\n    return a + {n}\nfunction_{name}(1)",
    "import subprocess; subprocess.run(['true'])",
)

QUESTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("shell", "kernel_info_request", {}),
    ("shell", "complete_request", {"code": "val", "cursor_pos": 3}),
    ("shell", "inspect_request", {"code": "print", "cursor_pos": 5, "detail_level": 0}),
    ("shell", "is_complete_request", {"code": "for x in y:"}),
    ("shell", "history_request", {"hist_access_type": "tail", "n": 3, "raw": True, "output": False}),
    ("shell", "comm_info_request", {}),
    ("control", "usage_request", {}),
    ("control", "list_subshell_request", {}),
    ("control", "debug_request", {"type": "request", "seq": 1, "command": "debugInfo"}),
)


class Sample(NamedTuple):
    """What was measured after so many `requests`: bytes, numbers, and milliseconds to the reply."""

    requests: int
    uss: int
    handles: int
    threads: int
    median: float
    worst_in_hundred: float


def mixed(subject: Subject, count: int, seed: int, progress: Callable[[str], None]) -> tuple[list[Sample], list[str]]:
    """Send so many requests; the samples, and what was lost."""
    chance = random.Random(seed)
    samples: list[Sample] = []
    lost: list[str] = []
    with Kernel(subject) as kernel:
        process = psutil.Process(kernel.process.pid)
        took: list[float] = []
        for number in range(1, count + 1):
            try:
                with last_words(kernel):
                    took.append(one_request(kernel, chance, number))
            except Missed as missed:
                lost.append(f"request {number}: {missed}")
                if not kernel.alive():
                    break
            kernel.client.forget()
            if number % max(1, count // SAMPLES) == 0 and took:
                samples.append(sample(process, number, took))
                took.clear()
                now = samples[-1]
                progress(f"{number} of {count}, {len(lost)} lost, {now.uss / 2**20:.1f} MiB, {now.median:.1f} ms")
    return samples, lost


@contextmanager
def last_words(kernel: Kernel) -> Iterator[None]:
    """Add to a `Missed` how the kernel has ended, if it has, and what it has written to its log: both go with it."""
    try:
        yield
    except Missed as missed:
        status, log = kernel.process.poll(), kernel.log().strip()[-4000:]
        words = [str(missed), "" if status is None else f"status {status}", log and f"its log:\n{log}"]
        raise Missed("; ".join(filter(None, words))) from None


def one_request(kernel: Kernel, chance: random.Random, number: int) -> float:
    """Send a request of any kind and wait for its end; the seconds to its reply."""
    client = kernel.client
    kind = chance.random()
    if kind < 0.6:
        request = client.execute(chance.choice(CELLS).format(n=number, name=number % NAMES))
    elif kind < 0.9:
        channel, msg_type, content = chance.choice(QUESTIONS)
        request = client.send(channel, msg_type, content)
    elif kind < 0.95:
        return comm(kernel, str(number))
    elif kind < 0.98:
        return subshell(kernel, number)
    else:
        request = client.execute("import time; time.sleep(300)")
        client.wait(lambda: client.outputs(request, "execute_input"), SECONDS, "a cell")
        client.send("control", "interrupt_request")
    sent = time.perf_counter()
    reply = client.reply(request, SECONDS)
    client.idle(request, SECONDS)
    return reply.at - sent


def comm(kernel: Kernel, name: str) -> float:
    """Open a comm and close it; the seconds until the kernel was idle."""
    client, sent = kernel.client, time.perf_counter()
    client.send("shell", "comm_open", {"comm_id": name, "target_name": "none", "data": {}})
    client.send("shell", "comm_msg", {"comm_id": name, "data": {"value": 1}})
    client.idle(client.send("shell", "comm_close", {"comm_id": name, "data": {}}), SECONDS)
    return time.perf_counter() - sent


def subshell(kernel: Kernel, number: int) -> float:
    """A subshell with one cell in it; the seconds to the reply to that."""
    client, name = kernel.client, kernel.subshell()
    sent = time.perf_counter()
    request = client.execute(f"{number}", subshell=name)
    reply = client.reply(request, SECONDS)
    client.idle(request, SECONDS)
    client.reply(client.send("control", "delete_subshell_request", {"subshell_id": name}), SECONDS)
    return reply.at - sent


def sample(process: psutil.Process, number: int, took: list[float]) -> Sample:
    """What the process holds now, and what the latest requests took."""
    ordered = sorted(took)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    handles = process.num_handles() if hasattr(process, "num_handles") else process.num_fds()
    return Sample(
        number,
        process.memory_full_info().uss,
        handles,
        process.num_threads(),
        round(statistics.median(ordered) * 1000, 3),
        round(high * 1000, 3),
    )


def write(samples: list[Sample], path: Path) -> None:
    """Write the samples as JSON, and a picture of them beside it where matplotlib is installed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([one._asdict() for one in samples], indent=1) + "\n")
    if importlib.util.find_spec("matplotlib"):
        picture({path.stem: samples}, path.with_suffix(".png"))


def picture(runs: Mapping[str, Sequence[Sample]], path: Path) -> None:
    """Write a picture of runs by their names: what each held, and what its requests took."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(4, 1, sharex=True, figsize=(8, 9), layout="constrained")
    for name, samples in runs.items():
        requests = [one.requests for one in samples]
        (line,) = axes[0].plot(requests, [one.uss / 2**20 for one in samples], label=name)
        same = {"color": line.get_color(), "linewidth": 1}
        axes[1].plot(requests, [one.handles for one in samples], **same)
        axes[2].plot(requests, [one.threads for one in samples], **same)
        axes[3].plot(requests, [one.median for one in samples], **same)
        axes[3].plot(requests, [one.worst_in_hundred for one in samples], linestyle="dotted", **same)
    titles = ("memory of its own, MiB", "handles", "threads", "milliseconds to the reply: median, and 99 % (dotted)")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, loc="left", fontsize="medium")
    for axis in axes[:3]:
        axis.set_ylim(bottom=0)
    axes[0].legend(ncols=2)
    axes[-1].set_yscale("log")
    axes[-1].set_xlabel("requests")
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def main() -> None:
    """Draw the samples of several runs into one picture."""
    path, *files = map(Path, sys.argv[1:])
    picture({file.stem: [Sample(**one) for one in json.loads(file.read_text())] for file in files}, path)


if __name__ == "__main__":
    main()
