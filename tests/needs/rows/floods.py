"""Rows 2 and 6: floods of output reach even a client that stops reading, whole, and the statuses with them."""

# ruff: noqa: B023  (the functions that close over a turn of a loop are called within that turn)

from __future__ import annotations

import re
import time

from ..kernel import Cell, Kernel, Subject
from ..probe import Missed, Outcome, passed, probe, within

LINES = 100_000
WIDE_LINES = 10_000
DISPLAYS = 20_000
END_SECONDS = 90.0
QUIET_SECONDS = 10.0
MEMORY_MIB = 200.0  # 100,000 lines are about 10 MB; a kernel that holds them twice as Python objects stays below

PRINTS = f"for n in range({LINES}): print('line', n, 'x' * 60)"
LOGS = (
    "import logging, sys\n"
    "logging.basicConfig(level=logging.INFO, stream=sys.stderr, format='%(message)s', force=True)\n"
    f"for n in range({LINES}): logging.info('line %d %s', n, 'x' * 60)"
)
SHOWS = f"from IPython.display import display\nfor n in range({DISPLAYS}): display(n)"


def _flood(subject: Subject, code: str, stop: float) -> tuple[Kernel, Cell, dict[str, float]]:
    """Run a flood with a client that stops reading iopub for `stop` seconds; measure."""
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("pass")
        before = peak = kernel.memory()
        start = time.perf_counter()
        request = client.execute(code)
        if stop:
            client.pause("iopub")
            while time.perf_counter() - start < stop:
                client.pump(0.2)
                peak = max(peak, kernel.memory())
            client.resume("iopub")
        reply = client.reply(request, END_SECONDS, "reply to the flood")
        _idle(kernel, request)
        peak = max(peak, kernel.memory())
        cell = kernel.cell(request, reply)
        figures = {
            "seconds": reply.at - start,
            "messages": float(len(client.outputs(request, "stream", "display_data"))),
            "memory_mib": peak - before,
        }
        after = kernel.run("6 * 7", 20)
        if "42" not in after.displayed:
            raise Missed(f"the next cell gave {after.error or after.displayed}")
    return kernel, cell, figures


def _idle(kernel: Kernel, request: str) -> None:
    """Wait for the idle of a flood for as long as anything arrives at all."""
    client = kernel.client
    while True:
        count = len(client.messages)
        try:
            client.idle(request, QUIET_SECONDS, "idle after the flood")
        except Missed:
            if len(client.messages) == count:
                lost = f"{len(client.outputs(request, 'stream', 'display_data')):,} output messages had come"
                raise Missed(f"idle never came; {lost}") from None
        else:
            return


def _judge(found: list[int], wanted: int, figures: dict[str, float], limit: float) -> Outcome:
    lost = wanted - len(set(found))
    figures["lost"] = lost
    note = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    if lost or found != sorted(found):
        raise Missed(f"{lost:,} of {wanted:,} lost{'' if lost else ', out of order'} ({note})")
    if figures["memory_mib"] > MEMORY_MIB:
        raise Missed(f"memory not bounded ({note})")
    seconds = figures.pop("seconds")
    return within(limit, seconds, note, **figures)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^line (\d+) x{60}$", text, re.MULTILINE)]


@probe(6, "flood-print", "100,000 prints to a client that reads")
def _(subject: Subject) -> Outcome:
    _, cell, figures = _flood(subject, PRINTS, 0)
    return _judge(_numbers(cell.text), LINES, figures, 1.0)


@probe(6, "flood-print-stopped", "100,000 prints to a client that stops reading for 5 s")
def _(subject: Subject) -> Outcome:
    _, cell, figures = _flood(subject, PRINTS, 5)
    return _judge(_numbers(cell.text), LINES, figures, 6.0)


@probe(6, "flood-log", "100,000 lines of logging to a client that reads")
def _(subject: Subject) -> Outcome:
    _, cell, figures = _flood(subject, LOGS, 0)
    return _judge(_numbers(cell.errors), LINES, figures, 1.5)


@probe(6, "flood-log-stopped", "100,000 lines of logging to a client that stops reading for 5 s")
def _(subject: Subject) -> Outcome:
    _, cell, figures = _flood(subject, LOGS, 5)
    return _judge(_numbers(cell.errors), LINES, figures, 6.5)


@probe(6, "flood-display-stopped", "20,000 display messages to a client that stops reading for 5 s")
def _(subject: Subject) -> Outcome:
    _, cell, figures = _flood(subject, SHOWS, 5)
    return _judge([int(text) for text in cell.displayed], DISPLAYS, figures, 20.0)


@probe(6, "flood-stalled", "300 MB of prints to a client that stops for 15 s: bounded memory, nothing lost unsaid")
def _(subject: Subject) -> Outcome:
    code = f"for n in range({LINES}): print('line', n, 'x' * 60 + '\\n' + 'y' * 3000)"
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("pass")
        before = peak = kernel.memory()
        start = time.perf_counter()
        request = client.execute(code)
        client.pause("iopub")
        while time.perf_counter() - start < 15 and not client.find(request, "execute_reply"):
            client.pump(0.2)
            peak = max(peak, kernel.memory())
        client.resume("iopub")
        client.reply(request, END_SECONDS, "reply to the flood")
        _idle(kernel, request)
        lost = LINES - len(set(_numbers(client.text(request))))
        said = bool(re.search(r"\d", client.text(request, "stderr")))
        note = f"{lost:,} lines lost, {'said' if said else 'not said'}, memory +{peak - before:.0f} MiB"
        if (lost and not said) or peak - before > MEMORY_MIB:
            raise Missed(note)
        return passed(note, memory_mib=peak - before)


@probe(6, "flood-wide", "1 GB of prints to a client that reads: bounded memory, nothing lost")
def _(subject: Subject) -> Outcome:
    code = f"for n in range({WIDE_LINES}): print('line', n, 'x' * 60 + '\\n' + 'y' * 100_000)"
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("pass")
        before = peak = kernel.memory()
        request = client.execute(code)
        end = time.perf_counter() + END_SECONDS
        while not client.find(request, "execute_reply") and time.perf_counter() < end:
            client.pump(0.2)
            peak = max(peak, kernel.memory())
        client.reply(request, 1, "reply to the flood")
        _idle(kernel, request)
        found = _numbers(client.text(request))
        note = f"{WIDE_LINES - len(set(found)):,} lines lost, memory +{peak - before:.0f} MiB"
        if found != list(range(WIDE_LINES)) or peak - before > MEMORY_MIB:
            raise Missed(note)
        return passed(note, memory_mib=peak - before)


@probe(6, "first-line", "the first line is visible at once")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        worst = 0.0
        for code in ("import time\nprint('first')\ntime.sleep(1.5)", "print('first')\nfor n in range(10**7): pass"):
            request = client.execute(code)
            busy = client.wait(lambda: client.find(request, "execute_input"), 10, "execute_input")
            first = client.wait(lambda: client.find(request, "stream"), 10, "the first line")
            worst = max(worst, first.at - busy.at)
            if client.find(request, "execute_reply"):
                raise Missed("the first line comes with the reply")
            kernel.finish(request)
        return within(0.1, worst)


@probe(6, "order", "stdout, stderr, display and result keep their order")
def _(subject: Subject) -> Outcome:
    code = (
        "import sys\nfrom IPython.display import display\n"
        "for n in range(50):\n    print('out', n)\n    print('err', n, file=sys.stderr)\n    display(n)\n"
        "print('last')\n'result'"
    )
    with Kernel(subject) as kernel:
        cell = kernel.need(code)
        said: list[tuple[str, str]] = []  # a kernel may cut a line into several messages, so neighbours are joined
        for message in kernel.client.outputs(cell.id, "stream", "display_data", "execute_result"):
            if message.msg_type != "stream":
                said.append((message.msg_type, message.content["data"]["text/plain"]))
            elif said and said[-1][0] == message.content["name"]:
                said[-1] = (said[-1][0], said[-1][1] + message.content["text"])
            else:
                said.append((message.content["name"], message.content["text"]))
        order = [(name, line) for name, text in said for line in text.split("\n") if line]
        wanted = [
            pair
            for n in range(50)
            for pair in (("stdout", f"out {n}"), ("stderr", f"err {n}"), ("display_data", str(n)))
        ]
        wanted += [("stdout", "last"), ("execute_result", "'result'")]
        if order != wanted:
            wrong = next(
                (n for n, pair in enumerate(zip(order, wanted, strict=False)) if pair[0] != pair[1]), len(order)
            )
            raise Missed(f"{len(order)} of {len(wanted)} outputs, the first out of place at {wrong}")
    return passed()
