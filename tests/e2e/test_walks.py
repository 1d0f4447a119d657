"""How long the ways through the house are: the calls that are open, one within another, where each has arrived.

The page on the architecture shows these figures. Each may only fall.
"""

from __future__ import annotations

import ast
import re
from itertools import chain
from pathlib import Path

from .driver import KernelDriver

ROOT = Path(__file__).resolve().parents[2]

TOOLS = """
import comm, os, sys, time

def chain(first, frame):
    "The functions of the package from `first` inwards."
    names = []
    while frame is not None:
        path = frame.f_code.co_filename
        if f"{os.sep}async_kernel{os.sep}" in path and "site-packages" not in path:
            names.append(frame.f_code.co_qualname)
            if frame.f_code.co_qualname == first:
                return names[::-1]
        frame = frame.f_back
    return []

walks = {}

def note(where, name, walk, first):
    "Have the function note the way to it."
    usual = getattr(where, name)
    def noting(*arguments, **options):
        walks.setdefault(walk, []).append([*chain(first, sys._getframe(1)), usual.__qualname__])
        return usual(*arguments, **options)
    setattr(where, name, noting)

from async_kernel.concurrency.queue import Queue
from async_kernel.interrupts.interrupter import Interrupter
from async_kernel.kernel.comm_line import CommLine
from async_kernel.transport.outbox import Outbox
note(Queue, "put", "cell", "Wire._deliver")
usual_writer = Outbox.writer

def noting_writer(*arguments):
    usual = usual_writer(*arguments)
    def write(text):
        walks.setdefault("print", []).append([*chain("RequestStream.write", sys._getframe(1)), usual.__qualname__])
        return usual(text)
    return write

Outbox.writer = noting_writer
note(CommLine, "put", "comm", "Wire._deliver")
note(Interrupter, "interrupt", "interrupt", "Wire._deliver")

def opened(one, message):
    def called(message):
        walks["callback"] = [chain("CommLine._watch", sys._getframe())]
    one.on_msg(called)

comm.get_comm_manager().register_target("walks", opened)
"""

HERE = "walks['start'] = [chain('start_kernel_zmq_interface', sys._getframe())]; \
walks['lane'] = [chain('Lane.serve', sys._getframe())]"


def lengths(kernel: KernelDriver) -> dict[str, int]:
    """How many calls each way has, as the page counts them."""
    kernel.execute(TOOLS).ok()
    kernel.execute(HERE).ok()
    kernel.execute("print('text')").ok()
    kernel.send("comm_open", {"comm_id": "walk", "target_name": "walks", "data": {}})
    kernel.execute("1").ok()
    busy = kernel.start_until_printed("print('in', flush=True)\nwhile 'callback' not in walks: time.sleep(0.01)", "in")
    kernel.send("comm_msg", {"comm_id": "walk", "data": {}})
    kernel.finish(busy)
    sleeping = kernel.start_until_printed("print('in', flush=True); time.sleep(60)", "in")
    kernel.send("interrupt_request", channel="control")
    kernel.finish(sleeping)
    found = kernel.value("{name: len([*filter(None, ways)][-1]) for name, ways in walks.items()}")
    return {
        "a cell": found["cell"] + found["lane"],
        "a print": found["print"],
        "an interrupt": found["interrupt"],
        "a comm message": found["comm"] + found["callback"],
        "a cold start": found["start"] - found["lane"] + 1,
    }


def test_the_ways_are_as_long_as_the_page_says(kernel: KernelDriver) -> None:
    page = (ROOT / "docs" / "explain" / "architecture.md").read_text(encoding="utf-8")
    said = {name: int(now) for name, now in re.findall(r"^\| ([a-z ]+), [^|]*\|[^|]*\|[^|]*\| (\d+) \|", page, re.M)}
    found = lengths(kernel)
    assert found.keys() == said.keys(), found
    longer = {name: (found[name], said[name]) for name in found if found[name] > said[name]}
    assert not longer


def test_the_steps_that_the_page_lists_are_as_many_as_it_says() -> None:
    page = (ROOT / "docs" / "explain" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("### Step by step\n")[2].partition("\n## ")[0]
    said = dict(re.findall(r"^\| (an? [a-z ]+): .* (\d+) \|$", section, re.M))
    listed = re.findall(r"^(An? [a-z ]+?)(?: \([^)]*\))?:\n\n```text\n(.*?)```$", section, re.M | re.S)
    assert {name.lower(): str(steps.count("->")) for name, steps in listed} == said != {}


def test_each_step_is_a_function_or_a_class_of_the_package() -> None:
    """So a step that is gone, or has another name, does not stay in a list."""
    page = (ROOT / "docs" / "explain" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("### Step by step\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^An? [a-z ]+?(?: \([^)]*\))?:\n\n```text\n(.*?)```$", section, re.M | re.S)
    steps = {step.strip() for steps in listed for step in re.split(r"->|‖", steps)}
    nodes = (ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for path in (ROOT / "async_kernel").rglob("*.py"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    defined = {node.name for node in chain.from_iterable(nodes) if isinstance(node, kinds)}
    assert {step for step in steps if step.rpartition(".")[2] not in defined} == {"the writer", "the scopes of a cell"}
