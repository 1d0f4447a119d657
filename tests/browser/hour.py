"""An hour's ordinary use of JupyterLab, in some minutes: a person's deeds without the pauses between them.

Each round is a notebook: its cells are written into, run, stopped and answered, its widgets moved; it is saved, its
page loaded anew, its kernel restarted. The notebooks of earlier rounds stay open, with tasks that go on, until there
are `OPEN` of them. Then the oldest is closed, and its kernel shut down.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator

from .front_ends import Cell, Lab, Notebook

ROUNDS = 12
"""Notebooks in an hour, each with some thirty runs of a cell."""

OPEN = 4

CELLS = {
    "begin": "import {library}, math, logging, subprocess, sys, threading, time, warnings\nimport ipywidgets",
    "print": "for number in range(3000): print(number)\n'done'",
    "display": "from IPython.display import HTML, Markdown\ndisplay(HTML('<b>bold</b>'), Markdown('*leaning*'))",
    "plot": "import matplotlib.pyplot as plt\nplt.plot([math.sin(x / 9) for x in range(99)]);",
    "error": "def fail(): raise ValueError('a mistake')\nfail()",
    "syntax": "for for in for",
    "warn": "warnings.warn('careful')\nlogging.warning('logged')\nprint('to stderr', file=sys.stderr)",
    "command": "!echo from a shell\n%timeit -n 1 -r 1 pass\nprint(subprocess.run(['true']).returncode)",
    "thread": "threading.Thread(target=print, args=('from a thread',)).start()",
    "progress": "from tqdm.notebook import tqdm\nfor _ in tqdm(range(20)): await {library}.sleep(0.01)",
    "ask": "name = input('Name? ')\nprint('Hello', name)",
    "slider": "slider = ipywidgets.IntSlider()\nslider",
    "awaits": "print('begun'); old = slider.value\nwhile slider.value == old: await {library}.sleep(0)\nprint('seen')",
    "blocks": "print('begun'); old = slider.value\nwhile slider.value == old: time.sleep(0)\nprint('seen')",
    "long": "print('begun')\nwhile True: time.sleep(0.01)",
    "long await": "print('begun')\nwhile True: await {library}.sleep(0.01)",
    "complete": "math.s",
    "look up": "math.sqrt",
    "edit": "1",
    "end": "print('at the end')",
}

TASKS = {
    "asyncio": "async def tick():\n    while True: await asyncio.sleep(0.1)\ntask = asyncio.create_task(tick())",
    "trio": "tasks = trio.open_nursery()\nnursery = await tasks.__aenter__()\nnursery.start_soon(trio.sleep_forever)",
}


def play(lab: Lab, kernels: dict[str, str], rounds: int = ROUNDS) -> Iterator[str]:
    """Play so many rounds on these kernel specs, `{"asyncio": "async", ...}`, in turn; tells of each."""
    opened: collections.deque[Notebook] = collections.deque()
    for number in range(rounds):
        lab.library = list(kernels)[number % len(kernels)]
        lab.kernel = kernels[lab.library]
        notebook = lab.open(*CELLS.values(), TASKS[lab.library])
        opened.append(notebook)
        yield f"round {number + 1} of {rounds}, on {lab.library}"
        _work(notebook)
        notebook.save()
        # For outputs of before a restart JupyterLab says `widget model not found` in the browser's console, as it does
        # under ipykernel: their widgets have ended with their process.
        lab.reload(notebook)
        _cell(notebook, "end").run().wait_text("at the end")
        notebook.restart()
        _work(notebook)
        if number:
            opened[-2].show()
            _cell(opened[-2], "end").run().wait_text("at the end")
        notebook.cell(len(CELLS)).run()
        if len(opened) >= OPEN:
            oldest = opened.popleft()
            oldest.show()
            oldest.save()
            lab.shut_down(oldest)


def _cell(notebook: Notebook, name: str) -> Cell:
    return notebook.cell(list(CELLS).index(name))


def _work(notebook: Notebook) -> None:
    """Run all cells, each as it wants to be run."""
    for name in ("begin", "print", "display", "plot"):
        _cell(notebook, name).run()
    _cell(notebook, "error").run().wait_text("a mistake")
    _cell(notebook, "syntax").run().wait_text("SyntaxError")
    for name in ("warn", "command", "thread", "progress"):
        _cell(notebook, name).run()
    ask = _cell(notebook, "ask")
    ask.start()
    ask.answer("Ann")
    ask.wait_text("Hello Ann")
    _cell(notebook, "slider").run()
    for name in ("awaits", "blocks"):
        waits = _cell(notebook, name)
        waits.start()
        waits.wait_text("begun")
        _cell(notebook, "slider").drag_slider()
        waits.wait_text("seen").wait_ended()
    for name in ("long", "long await"):
        hangs = _cell(notebook, name)
        hangs.start()
        hangs.wait_text("begun")
        assert "sqrt" in _cell(notebook, "complete").completions()
        assert "Return the square root" in _cell(notebook, "look up").tooltip()
        notebook.stop()
        hangs.wait_text("KeyboardInterrupt").wait_ended()
    edited = _cell(notebook, "edit")
    edited.write(" + 1")
    edited.run()
