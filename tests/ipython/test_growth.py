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
    # Each object once: a name stands in two namespaces, a line in the list and under its name.
    shell = interpreter.shell
    history = shell.history_manager
    lists, names = [history.input_hist_raw, history.input_hist_parsed], [shell.user_ns, shell.user_ns_hidden]
    seen = [*lists, *names, shell.execution_count]
    seen += [line for lines in lists for line in lines]
    seen += [name for each in names for name in each if name.startswith("_i")]
    return sum(sys.getsizeof(one) for one in {{id(one): one for one in seen}}.values())

def beyond():
    interpreter.shell.history_manager.save()  # what waits a second to be written is no growth
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - visible()

async def main():
    tracemalloc.start()
    await many(0)
    await many({CELLS})
    before = beyond()
    await many(2 * {CELLS})
    return beyond() - before

print(json.dumps(asyncio.run(main())))
"""


def test_different_cells_keep_nothing_that_nobody_sees(tmp_path: Path) -> None:
    grown = json.loads(python(COUNTS, tmp_path)[0])
    assert grown < BEYOND, f"{grown / CELLS:.0f} bytes for each cell"
