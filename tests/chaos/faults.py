"""Faults of a kernel that runs. A row is a cell that makes one, what has to hold beside it, and a cell that ends it."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.needs.kernel import Kernel

from .kernels import SECONDS, leaves_nothing, one_answer, serves

__all__ = ["FAULTS", "Fault"]


class Fault(NamedTuple):
    """`cell` makes it; it may fail itself, but has to be answered. `holds(kernel)` is what has to be so while it lasts.

    `release` ends it, and then the kernel serves and ends with status 0. None: it lasts, and nothing is asked of the
    kernel but that it ends, with whatever status, and leaves nothing behind.
    """

    name: str
    cell: str
    holds: Callable[[Kernel], object] = serves
    release: str | None = ""
    trio: str = ""
    """The cell for trio, where it is another."""


def answers(kernel: Kernel) -> None:
    """All requests are answered once, with whatever status."""
    client = kernel.client
    sent = [
        client.execute("6 * 7"),
        client.send("shell", "complete_request", {"code": "pri", "cursor_pos": 3}),
        client.send("shell", "inspect_request", {"code": "print", "cursor_pos": 5}),
        client.send("shell", "is_complete_request", {"code": "1 +"}),
        client.send("shell", "history_request", {"hist_access_type": "tail", "n": 3}),
        client.send("shell", "comm_info_request"),
        client.send("control", "create_subshell_request"),
        client.send("control", "usage_request"),
        client.send("control", "debug_request", {"type": "request", "seq": 1, "command": "debugInfo"}),
        client.send("control", "kernel_info_request"),
    ]
    for request in sent:
        client.reply(request, SECONDS)
        client.idle(request, SECONDS)
    for request in sent:
        one_answer(kernel, request)


def nothing(kernel: Kernel) -> None:
    """Nothing but that it ends."""


def dies(kernel: Kernel) -> None:
    """It is gone at once, with all that it has started."""
    kernel.client.wait(lambda: not kernel.alive(), SECONDS, "the end of the process")
    leaves_nothing(kernel)


def stops(kernel: Kernel) -> None:
    """It goes on where it was after a stop, as that of a container or of a laptop that sleeps."""
    request = kernel.client.execute("import time\nfor _ in range(30): time.sleep(0.05)\nprint('on')")
    kernel.process.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    kernel.process.send_signal(signal.SIGCONT)
    assert kernel.finish(request, SECONDS).text == "on\n"


def loses_its_files(kernel: Kernel) -> None:
    """The folder of IPython, with the history, and the connection file are removed by somebody."""
    shutil.rmtree(kernel.folder / "ipython")
    kernel.connection_file.unlink()
    serves(kernel)


def loses_its_client(kernel: Kernel) -> None:
    """A client goes in the midst of its request; the next one is served."""
    kernel.client.execute("for n in range(20_000): print(n)")
    kernel.client.pump(0.05)
    kernel.reconnect()
    serves(kernel)


THREADS = """
import _thread, threading
given = threading._start_new_thread
def none(*arguments, **fields): raise RuntimeError("can't start new thread")
threading._start_new_thread = threading._start_joinable_thread = _thread.start_new_thread = none
"""

HANDLES = """
import os, resource
held = []
resource.setrlimit(resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    while True: held.append(os.open('/dev/null', os.O_RDONLY))
except OSError: pass
"""

RESOURCES = (
    Fault("no handles", HANDLES, answers, "for one in held: os.close(one)"),
    Fault("no threads", THREADS, answers, "threading._start_new_thread = _thread.start_new_thread = given"),
    Fault(
        "no file may grow",
        "import resource, signal\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))",
        release="resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
    ),
    Fault("no processes", "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (0, -1))", answers),
    Fault("no stack to speak of", "import sys; sys.setrecursionlimit(80)", nothing, "sys.setrecursionlimit(1000)"),
    Fault("too deep", "def down(): down()\ndown()"),
    Fault("too deep for the C stack", "import sys; sys.setrecursionlimit(10**6); eval('(' * 300 + ')' * 300)"),
    Fault("a folder that was removed", "import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')"),
    Fault("another user", "import os; os.seteuid(65534)", release="os.seteuid(0)"),
    Fault("the umask", "import os; os.umask(0o777)"),
    Fault("files that somebody removes", "", loses_its_files),
    Fault("a client that goes", "", loses_its_client),
    Fault("a stop", "", stops),
)

CLOCKS = (
    Fault("a clock that goes back", "import time; real = time.time; time.time = lambda: real() - 86_400 * 365"),
    Fault("a clock that jumps ahead", "import time; real = time.time; time.time = lambda: real() + 86_400 * 36_500"),
    Fault("a clock that stands", "import time; now = time.monotonic(); time.monotonic = lambda: now"),
    Fault("a clock that is no number", "import time; time.time = lambda: float('nan')"),
    Fault("dates that cannot be", "import time; time.time = lambda: 1e18"),
)

SIGNALS = (
    Fault("SIGINT ignored", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"),
    Fault("SIGTERM ignored", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"),
    Fault("SIGCHLD ignored", "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)"),
    Fault("all blocked", "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())"),
    Fault("no descriptor to wake by", "import signal; signal.set_wakeup_fd(-1)"),
    Fault(
        "an alarm that raises",
        "import signal\ndef ring(*a): raise OSError('alarm')\n"
        "signal.signal(signal.SIGALRM, ring); signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)",
        nothing,
        "signal.setitimer(signal.ITIMER_REAL, 0)\nsignal.setitimer(signal.ITIMER_REAL, 0)",
    ),
    Fault("SIGPIPE", "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)"),
    Fault("a kill", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", dies, None),
    Fault("an exit", "import os; os._exit(3)", dies, None),
    Fault("an abort", "import os; os.abort()", dies, None),
    Fault("a broken pointer", "import ctypes; ctypes.string_at(0)", dies, None),
    Fault(
        "a processor's time",
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass",
        dies,
        None,
    ),
)

INTERPRETER = (
    Fault(
        "no standard streams",
        "import sys; kept = sys.stdout, sys.stderr\nsys.stdout = sys.stderr = sys.stdin = None",
        answers,
        "sys.stdout, sys.stderr = kept",
    ),
    Fault("closed standard streams", "import sys; sys.stdout.close(); sys.stderr.close()", answers),
    Fault("descriptors closed", "import os; os.close(0); os.close(1); os.close(2)"),
    Fault(
        "hooks that raise",
        "import sys, threading\ndef bad(*a): raise ValueError\n"
        "sys.excepthook = sys.unraisablehook = threading.excepthook = sys.displayhook = bad",
        answers,
    ),
    Fault(
        "a trace function that raises",
        "import sys, threading\ndef bad(*a): raise ValueError\nthreading.settrace(bad); sys.settrace(bad)",
        answers,
        "import sys, threading; threading.settrace(None); sys.settrace(None)",
    ),
    Fault(
        "a profile function that raises",
        "import sys, threading\ndef bad(*a): raise ValueError\nthreading.setprofile(bad); sys.setprofile(bad)",
        nothing,
        "",
    ),
    Fault(
        "an audit hook that raises",
        "import sys\nraises = [True]\ndef bad(event, _, raises=raises):\n"
        "    if raises and event.startswith(('socket', 'subprocess', 'sqlite3')): raise ValueError\n"
        "sys.addaudithook(bad)",
        answers,
        "raises.clear()",
    ),
    Fault("a switch interval of an hour", "import sys; sys.setswitchinterval(3600)"),
    Fault("no collector", "import gc; gc.disable(); gc.freeze()"),
    Fault("a collector that always runs", "import gc; gc.set_threshold(1, 1, 1)"),
    Fault("warnings that are errors", "import warnings; warnings.simplefilter('error')"),
    Fault(
        "a logger that raises",
        "import logging\nclass Bad(logging.Handler):\n    def emit(self, record): raise ValueError\n"
        "logging.getLogger().addHandler(Bad()); logging.getLogger().setLevel(0)",
    ),
    Fault("a locale", "import locale; locale.setlocale(locale.LC_ALL, 'C')"),
    Fault("a session of its own", "import os\ntry: os.setsid()\nexcept OSError: os.setpgid(0, 0)"),
    Fault("an empty namespace", "globals().clear()", answers),
    Fault("an empty environment", "import os; os.environ.clear()"),
    Fault(
        "an empty path",
        "import sys\nkept = sys.path[:], sys.meta_path[:], sys.path_hooks[:]\n"
        "sys.path.clear(); sys.meta_path.clear(); sys.path_hooks.clear()",
        answers,
        "sys.path[:], sys.meta_path[:], sys.path_hooks[:] = kept",
    ),
    Fault("no modules", "import sys; kept = dict(sys.modules); sys.modules.clear()", nothing, None),
    Fault(
        "no builtins",
        "import builtins; kept = vars(builtins).copy(); del builtins.len, builtins.isinstance, builtins.print",
        nothing,
        None,
    ),
    Fault(
        "no exceptions",
        "import builtins\nkept = vars(builtins).copy()\nbuiltins.Exception = builtins.ValueError = 5",
        nothing,
        None,
    ),
    Fault("a fork that goes on", "import os\nif os.fork() == 0: 1 + 1\n"),
    Fault("a fork that is killed", "import os, signal\nif os.fork() == 0: os.kill(os.getpid(), signal.SIGKILL)"),
    Fault(
        "a fork in a thread",
        "import os, threading\ndef go():\n    if os.fork() == 0: os._exit(0)\n"
        "one = threading.Thread(target=go); one.start(); one.join()",
    ),
    Fault("threads that raise", "import threading\nfor _ in range(50): threading.Thread(target=lambda: 1 / 0).start()"),
    Fault(
        "objects that raise",
        "class Bad:\n    def __repr__(self): raise BaseException\n    __str__ = __getattr__ = __repr__\n"
        "    def __del__(self): raise BaseException\nbad = Bad()\nBad()\nbad",
        answers,
    ),
    Fault(
        "an exception that raises",
        "class Bad(BaseException):\n    def __str__(self): raise self\n    __repr__ = __str__\nraise Bad",
        answers,
    ),
    Fault("a traceback without end", "def deep(n): deep(n - 1) if n else 1 / 0\ndeep(900)"),
    Fault(
        "a chain of exceptions",
        "error = None\nfor n in range(500):\n    try: raise ValueError(n) from error\n"
        "    except ValueError as one: error = one\nraise error",
    ),
    Fault("a cause that is a ring", "a, b = ValueError(1), ValueError(2); a.__cause__ = b; b.__cause__ = a; raise a"),
    Fault("a string that is no text", "print('\\ud800'); '\\ud800'"),
    Fault("a line of 20 MB", "print('x' * 20_000_000)"),
    Fault("zeros", "exec('1\\0')"),
    Fault("very deep code", "'(' * 5000 + ')' * 5000\neval('-' * 100_000 + '1')"),
    Fault("a great integer", "10 ** 100_000"),
    Fault(
        "a new shell",
        "from IPython.core.interactiveshell import InteractiveShell as Shell; Shell.clear_instance(); Shell.instance()",
        nothing,
    ),
)

LOOP = (
    Fault(
        "a loop that is stopped",
        "import asyncio; asyncio.get_running_loop().stop()",
        trio="import trio; trio.lowlevel.current_root_task().parent_nursery",
    ),
    Fault(
        "a loop that is closed",
        "import asyncio; asyncio.get_running_loop().close()",
        trio="import trio; trio.run(trio.sleep, 0)",
    ),
    Fault(
        "all tasks cancelled",
        "import asyncio\nfor task in asyncio.all_tasks(): task.cancel()\nawait asyncio.sleep(0)",
        trio="import trio\nwith trio.CancelScope() as scope:\n    scope.cancel(); await trio.sleep(1)",
    ),
    Fault(
        "a task that raises",
        "import asyncio\nasync def bad(): raise SystemExit(3)\nasyncio.create_task(bad()); await asyncio.sleep(0)",
        trio="import trio\nasync def bad(): raise SystemExit(3)\ntrio.lowlevel.spawn_system_task(bad)\n"
        "await trio.sleep(0)",
    ),
    Fault(
        "a callback that raises",
        "import asyncio\ndef bad(): raise KeyboardInterrupt\nasyncio.get_running_loop().call_soon(bad)\n"
        "await asyncio.sleep(0)",
        trio="import trio\ndef bad(): raise KeyboardInterrupt\n"
        "trio.lowlevel.current_trio_token().run_sync_soon(bad)\nawait trio.sleep(0)",
    ),
    Fault(
        "a handler of the loop's that raises",
        "import asyncio\ndef bad(*a): raise ValueError\nasyncio.get_running_loop().set_exception_handler(bad)\n"
        "asyncio.get_running_loop().call_soon(lambda: 1 / 0); await asyncio.sleep(0.01)",
        trio="raise BaseExceptionGroup('x', [KeyboardInterrupt()])",
    ),
    Fault(
        "a loop of somebody else's",
        "import asyncio; asyncio.set_event_loop(asyncio.new_event_loop())",
        trio="import asyncio; asyncio.run(asyncio.sleep(0))",
    ),
    Fault(
        "another loop's policy",
        "import asyncio; asyncio.set_event_loop_policy(None)",
        trio="import trio; trio.lowlevel.current_task().coro",
    ),
)

FAULTS = {one.name: one for one in (*RESOURCES, *CLOCKS, *SIGNALS, *INTERPRETER, *LOOP)}
"""Each by its name."""
