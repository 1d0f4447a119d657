"""Row 27: what C code, child processes and workers write is captured, in the right cell."""

# ruff: noqa: B023  (the functions that close over a turn of a loop are called within that turn)

from __future__ import annotations

from typing import NamedTuple

from ..kernel import Kernel, Subject
from ..probe import Missed, Outcome, passed, probe


class Writer(NamedTuple):
    """Code that writes "written @" (a number for @) to descriptor 1 or 2 past Python's sys.stdout."""

    name: str
    code: str
    stream: str = "stdout"


WRITERS = (
    Writer("os.write", "import os\nos.write(1, b'written @\\n')"),
    Writer("os.write-stderr", "import os\nos.write(2, b'written @\\n')", "stderr"),
    Writer("os.system", "import os\nos.system('echo written @')"),
    Writer("subprocess", "import subprocess\nsubprocess.run(['echo', 'written @'])"),
    Writer("subprocess-stderr", "import subprocess\nsubprocess.run('echo written @ >&2', shell=True)", "stderr"),
    Writer("bang", "!echo written @"),
    Writer("c-printf", "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.printf(b'written @\\n')\nlibc.fflush(None)"),
    Writer("sys.__stdout__", "import sys\nprint('written @', file=sys.__stdout__, flush=True)"),
    Writer("fileno", "import os, sys\nos.write(sys.stdout.fileno(), b'written @\\n')"),
)


def _enter(writer: Writer) -> None:
    @probe(27, f"fd-{writer.name}", f"{writer.name} in the right cell")
    def _(subject: Subject) -> Outcome:
        with Kernel(subject) as kernel:
            client = kernel.client
            for number in range(3):
                request = client.execute(writer.code.replace("@", str(number)))
                cell = kernel.finish(request)
                if not cell.ok:
                    raise Missed(cell.error)
                try:
                    client.wait(
                        lambda: f"written {number}\n" in client.text(request, writer.stream).replace("\r", ""),
                        2,
                        "output",
                    )
                except Missed:
                    elsewhere = [m.parent for m in client.messages if m.msg_type == "stream"
                                 and f"written {number}" in m.content["text"]]  # fmt: skip
                    raise Missed("in another cell or stream" if elsewhere else "not captured") from None
        return passed()


for _writer in WRITERS:
    _enter(_writer)


@probe(27, "fd-order", "output of children and print keep their order")
def _(subject: Subject) -> Outcome:
    code = "import subprocess\nfor n in range(5):\n    print('python', n)\n    subprocess.run(['echo', f'child {n}'])"
    with Kernel(subject) as kernel:
        cell = kernel.need(code)
        wanted = "".join(f"python {n}\nchild {n}\n" for n in range(5))
        kernel.client.wait(lambda: len(kernel.client.text(cell.id)) >= len(wanted), 2, "output of the children")
        text = kernel.client.text(cell.id)
        if text != wanted:
            raise Missed(f"gave {text!r}")
    return passed()


@probe(27, "fd-dup2", "os.dup2 over descriptor 1 is respected, and given back")
def _(subject: Subject) -> Outcome:
    code = """
import os, tempfile
kept, file = os.dup(1), tempfile.TemporaryFile()
os.dup2(file.fileno(), 1)
os.system('echo into the file')
os.dup2(kept, 1)
os.system('echo into the cell')
file.seek(0)
print(file.read())
"""
    with Kernel(subject) as kernel:
        cell = kernel.need(code)
        kernel.client.wait(lambda: "into the cell" in kernel.client.text(cell.id), 2, "output after the dup2")
        if "b'into the file\\n'" not in kernel.client.text(cell.id):
            raise Missed(f"gave {kernel.client.text(cell.id)!r}")
    return passed()


@probe(27, "fd-flood", "a child that writes 20 MB is neither blocked nor cut")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        cell = kernel.need("import subprocess\nsubprocess.run(['seq', '1', '2500000']).returncode", 60)

        def text() -> str:
            return kernel.client.text(cell.id)

        kernel.client.wait(lambda: kernel.client.outputs(cell.id, "stream"), 2, "output")
        try:
            kernel.client.wait(lambda: text().endswith("2500000\n"), 20, "the last line")
        finally:
            lines = text().count("\n")
        if lines != 2_500_000:
            raise Missed(f"{2_500_000 - lines:,} lines lost")
    return passed()


@probe(27, "fd-slow-child", "what a child of cell A writes later is not lost, and not in cell B")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        a = kernel.need("import subprocess, time\nchild = subprocess.Popen('sleep 0.5; echo from A', shell=True)")
        b = kernel.need("child.wait()\nprint('from B')")
        try:
            client.wait(lambda: "from A" in client.text(a.id), 2, "output in cell A")
        except Missed:
            where = "cell B" if "from A" in client.text(b.id) else "no cell"
            raise Missed(f"it went to {where}") from None
    return passed()


WORK = "import os\ndef work(n):\n    print('worker', n)\n    return n * n\n"
WORKERS = {
    "fork": "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=work, args=[3])\n"
    "p.start(); p.join()",
    "fork-pool": "import multiprocessing\n"
    "with multiprocessing.get_context('fork').Pool(1) as pool: pool.map(work, [3])",
    "fork-executor": "import concurrent.futures, multiprocessing\nfork = multiprocessing.get_context('fork')\n"
    "with concurrent.futures.ProcessPoolExecutor(1, fork) as pool: list(pool.map(work, [3]))",
    "os.fork": "import sys\npid = os.fork()\nif not pid:\n    work(3)\n    sys.stdout.flush()\n    os._exit(0)\n"
    "_ = os.waitpid(pid, 0)",
    "spawn": "import multiprocessing, pathlib, sys\n"
    "pathlib.Path('needs_work.py').write_text(\"def work(n):\\n    print('worker', n, flush=True)\\n\")\n"
    "sys.path.insert(0, '')\nimport needs_work\n"
    "p = multiprocessing.get_context('spawn').Process(target=needs_work.work, args=[3])\np.start(); p.join()",
}


def _enter_worker(name: str, code: str) -> None:
    @probe(27, f"worker-{name}", f"print in a worker ({name}) arrives in the cell")
    def _(subject: Subject) -> Outcome:
        with Kernel(subject) as kernel:
            client = kernel.client
            cell = kernel.need("import warnings; warnings.simplefilter('ignore')\n" + WORK + code, 20)
            client.wait(lambda: "worker 3" in client.text(cell.id), 2, "output of the worker in its cell")
            if client.text(cell.id).count("worker 3") != 1:
                raise Missed(f"gave {client.text(cell.id)!r}")
            after = kernel.need("print('after')")
            if after.text != "after\n":
                raise Missed(f"the next cell printed {after.text!r}")
        return passed()


for _name, _code in WORKERS.items():
    _enter_worker(_name, _code)
