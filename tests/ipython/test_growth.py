"""Memory that grows with the number of different cells is the user's own to see: `In`, `_ih` and the names `_i1` on."""

from __future__ import annotations

import json
from pathlib import Path

from .test_process import python

CELLS = 600
"""More than the latest whose source is kept: so every bounded cache is full before anything is counted."""

BEYOND = 0.5 * 2**20 * CELLS / 10_000
"""The bytes that so many cells may take beside: half a mebibyte for 10,000."""

COUNTS = f"""
import gc, json, tracemalloc
interpreter._preparation.close()  # what it imports meanwhile is no cell's

async def many(start):
    for number in range(start, start + {CELLS}):
        request, recorder = new_request()
        with serving(request):
            reply = await interpreter.execute(f"x = {{number}}")
        assert reply["status"] == "ok", reply

def visible():
    shell, seen = interpreter.shell, 0
    history = shell.history_manager
    for lines in (history.input_hist_raw, history.input_hist_parsed):
        seen += sys.getsizeof(lines) + sum(map(sys.getsizeof, lines))
    for names in (shell.user_ns, shell.user_ns_hidden):
        seen += sys.getsizeof(names) + sum(sys.getsizeof(name) for name in names if name.startswith("_i"))
    return seen + sum(sys.getsizeof(number) for number in (shell.execution_count,))

async def main():
    tracemalloc.start()
    await many(0)
    await many({CELLS})
    gc.collect()
    before = tracemalloc.get_traced_memory()[0] - visible()
    await many(2 * {CELLS})
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - visible() - before

print(json.dumps(asyncio.run(main())))
"""


def test_different_cells_keep_nothing_that_nobody_sees(tmp_path: Path) -> None:
    grown = json.loads(python(COUNTS, tmp_path)[0])
    assert grown < BEYOND, f"{grown / CELLS:.0f} bytes for each cell"
