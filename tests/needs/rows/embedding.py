"""Row 30: a kernel inside a running program takes nothing that it was not given."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from ..kernel import Subject, write_connection
from ..probe import Missed, Outcome, passed, probe
from ..wire import Client

HOST = """
import asyncio, builtins, signal, sys, threading

def state():
    return {
        "stdout": id(sys.stdout), "stderr": id(sys.stderr), "stdin": id(sys.stdin),
        "excepthook": repr(sys.excepthook), "displayhook": repr(sys.displayhook),
        "sigint": id(signal.getsignal(signal.SIGINT)), "sigterm": id(signal.getsignal(signal.SIGTERM)),
        "main": id(sys.modules["__main__"]), "input": repr(builtins.input),
        "fd1": __import__("os").readlink("/proc/self/fd/1"),
    }

async def main():
    before = state()
    async with START as kernel:
        during = state()
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    after = state()
    import json
    print(json.dumps([before, during, after]), flush=True)

asyncio.run(main())
"""


EMBEDDED = """
import asyncio, contextlib
import async_kernel
from async_kernel.settings import Settings

@contextlib.asynccontextmanager
async def embedded(path):
    started = asyncio.Event()
    settings = Settings(connection_file=path)
    kernel = async_kernel.embed_kernel({}, settings=settings, started=lambda path: started.set())
    task = asyncio.create_task(kernel)
    await started.wait()
    yield
    task.cancel()
    await asyncio.wait([task])
"""


def _start_line(subject: Subject, connection_file: Path) -> tuple[str, str]:
    """An import line and the expression that starts a kernel in a running program: an async context manager."""
    if not subject.ours:
        raise Missed("no way to start one with an await in a running program")
    return EMBEDDED, f"embedded({str(connection_file)!r})"


@probe(30, "embed", "one await starts a kernel in a running program; nothing is taken, all is given back", ("asyncio",))
def _(subject: Subject) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="needs-") as folder:
        connection_file, connection = write_connection(Path(folder))
        imports, start = _start_line(subject, connection_file)
        with subprocess.Popen(
            [subject.python, "-c", imports + HOST.replace("START", start)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        ) as process:  # fmt: skip
            assert process.stdout
            assert process.stderr
            try:
                if process.stdout.readline() != "ready\n":
                    process.kill()
                    raise Missed(process.stderr.read().strip().splitlines()[-1][:200])
                client = Client(connection, lambda: process.poll() is None)
                try:
                    request = client.execute("print('inside')\n6 * 7")
                    client.idle(request, 10)
                    if client.displayed(request) != ["42"]:
                        raise Missed(f"a cell gave {client.displayed(request)}")
                finally:
                    client.close()
                out, err = process.communicate("\n", timeout=10)
                if out.splitlines()[0] != "inside":
                    raise Missed(f"what a cell printed is not where the program's stdout is: {out[:160]!r}")
            except subprocess.TimeoutExpired:
                raise Missed("the program does not end") from None
            finally:
                process.kill()
        states = json.loads(out.strip().splitlines()[-1])
        for name in states[0]:
            if len({json.dumps(state[name]) for state in states}) > 1:
                raise Missed(f"{name} was taken: {[state[name] for state in states]}")
        if err.strip():
            raise Missed(f"stderr: {err.strip().splitlines()[-1][:160]}")
    return passed()
