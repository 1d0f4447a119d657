"""The reference says what the code does: its tables are held against the running kernel."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import async_kernel
from async_kernel import errors
from async_kernel.command.changes import CHANGES, Change
from async_kernel.kernel.routes import ROUTES, Order
from async_kernel.kernelspec import get_kernel_dir, make_argv
from async_kernel.loops.hosts import Host
from tests.e2e.driver import KernelDriver, wait_until

from .fences import ROOT, fences

REFERENCE = ROOT / "docs" / "reference"

SCAN = """
import asyncio, builtins, comm, concurrent.futures, faulthandler, functools, getpass, json, os, pdb, signal, subprocess
import sys, threading, types
import anyio, trio, uvloop
import async_kernel

folder = os.path.dirname(async_kernel.__file__)

def is_ours(value):
    if isinstance(value, (staticmethod, classmethod, types.MethodType)):
        value = value.__func__
    if isinstance(value, property):
        value = value.fget
    while hasattr(value, "__wrapped__") and not hasattr(value, "__code__"):
        value = value.__wrapped__
    if isinstance(value, type):
        return str(value.__module__).startswith("async_kernel.")
    code = getattr(value, "__code__", None)
    return isinstance(code, types.CodeType) and code.co_filename.startswith(folder)

def names():
    for module_name, module in list(sys.modules.items()):
        if module is None or module_name.partition(".")[0] in {"async_kernel", "ipykernel", "__main__"}:
            continue
        for name, value in list(vars(module).items()):
            if is_ours(value):
                yield f"{module_name}.{name}"
            if isinstance(value, type) and (value.__module__, value.__name__) == (module_name, name):
                yield from (f"{module_name}.{name}.{part}" for part, found in vars(value).items() if is_ours(found))

taken = [s for s in signal.valid_signals() if not isinstance(signal.getsignal(s), (int, type(None)))]
print(json.dumps({"functions": sorted(set(names())), "signals": sorted(signal.Signals(s).name for s in taken),
                  "threads": [thread.name for thread in threading.enumerate()]}))
"""

ALIASES = {"subprocess._fork_exec"}
"""Names that only some versions of Python have."""


@pytest.fixture
def found(specs: Mapping[str, str], tmp_path: Path) -> Iterator[dict[str, list[str]]]:
    """What of this package is found in other modules of a running kernel."""
    driver = KernelDriver(specs["uvloop"], "uvloop", tmp_path).launch()
    try:
        driver.wait_ready()
        driver.execute("from pygments.lexers.python import PythonLexer").ok()  # a thread of the kernel prepares it
        wait_until(lambda: driver.value("'__init_subclass__' in vars(PythonLexer)"), "the tables of the lexers")
        yield json.loads(driver.execute(SCAN).ok().text())
    finally:
        driver.close()


def column(page: str, heading: str) -> list[str]:
    """The words in code of the first column of the table below a heading."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    section = re.split(r"^## ", text.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.M)[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, re.M)
    return [name for cell in cells[1:] for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.skipif(sys.platform == "win32", reason="the page says what is so on POSIX systems")
def test_the_page_lists_every_function_that_is_replaced(found: dict[str, list[str]]) -> None:
    listed = set(column("process-changes.md", "Replaced functions"))
    assert listed - ALIASES == {name for name in found["functions"] if name not in ALIASES}


def test_the_page_is_what_doctor_prints() -> None:
    text = (REFERENCE / "process-changes.md").read_text(encoding="utf-8")
    plain = re.sub(r"; see \[[^]]+\]\([^)]*\)", "", text).replace("`", "")
    for heading in dict.fromkeys(change.heading for change in CHANGES):
        section = re.split(r"^## ", plain.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.M)[0]
        _, rule, *rows = [line for line in section.splitlines() if line.startswith("|")]
        written = [
            (change.names, change.effect, change.leave_out or "no")[: rule.count("|") - 1]
            for change in CHANGES
            if change.heading == heading
        ]
        assert rows == [f"| {' | '.join(cells)} |" for cells in written]


def test_doctor_prints_the_changes() -> None:
    def printed(*words: str) -> str:
        command = [sys.executable, "-m", "async_kernel", "doctor", "--changes", *words]
        return subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout

    text = printed()
    assert all(change.effect in text and change.names in text for change in CHANGES)
    assert [Change(**row) for row in json.loads(printed("--json"))] == [*CHANGES]


@pytest.mark.skipif(sys.platform == "win32", reason="the page says what is so on POSIX systems")
def test_the_page_lists_every_signal_and_thread(found: dict[str, list[str]]) -> None:
    text = (REFERENCE / "process-changes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\bSIG[A-Z]+\b", text)) == set(found["signals"])
    assert not [name for name in found["threads"] if name != "MainThread" and f"`{name}`" not in text]


def test_the_table_of_messages_is_that_of_the_routes() -> None:
    orders = {
        Order.AT_ONCE: "at once",
        Order.CONTROL: "one after another in the control thread",
        Order.DEBUG: "one after another in a thread for it",
        Order.IN_ORDER: "one after another in its shell or subshell",
        Order.COMM: "beside a running cell, one after another",
        Order.ASIDE: "beside a running cell",
        Order.STDIN: "an answer to a question of the kernel",
    }
    rows = [
        f"| `{name}` | {', '.join(sorted(route.channels))} | {orders[route.order]} |" for name, route in ROUTES.items()
    ]
    assert "\n".join(rows) in (REFERENCE / "messages.md").read_text(encoding="utf-8")


def test_the_spec_of_the_page_is_the_one_that_is_written(tmp_path: Path) -> None:
    blocks = list(fences(REFERENCE / "kernel-spec.md"))
    [typed] = [block.text.strip() for block in blocks if block.words == ("sh",)]
    [shown] = [block.text for block in blocks if block.words == ("json",)]
    words = [*typed.split()[1:], f"--folder={tmp_path}", "--fullpath=False", "--display-name=async-slow"]
    subprocess.run([sys.executable, "-m", "async_kernel", *words], check=True, timeout=60)
    assert (tmp_path / "async-slow" / "kernel.json").read_text(encoding="utf-8") == shown


READ = re.compile(r'environ(?:\.get\(|\[)"([A-Z_]+)"')


def test_every_variable_that_is_read_is_on_the_page() -> None:
    page = (REFERENCE / "environment-variables.md").read_text(encoding="utf-8")
    read = {
        name
        for path in (ROOT / "async_kernel").rglob("*.py")
        for name in READ.findall(path.read_text(encoding="utf-8"))
    }
    assert len(read) > 10
    own = {"HOME", "USERPROFILE", "PYDEVD_DISABLE_FILE_VALIDATION"}  # not ours to explain; the debugger's, for a moment
    assert {name for name in read - own if f"`{name}`" not in page} == set()


def public() -> Iterator[tuple[str, object]]:
    """Every public function, class and method that the page of the API shows."""
    things = [getattr(async_kernel, name) for name in async_kernel.__all__ if name != "__version__"]
    things += [Host, get_kernel_dir, make_argv, *(getattr(errors, name) for name in errors.__all__)]
    for thing in things:
        yield thing.__name__, thing
        if isinstance(thing, type):
            for name, member in vars(thing).items():
                if not name.startswith("_") and (callable(member) or isinstance(member, property | classmethod)):
                    yield f"{thing.__name__}.{name}", member


def test_no_public_name_is_without_a_docstring() -> None:
    assert [name for name, thing in public() if not inspect.getdoc(thing)] == []


def examples(thing: object) -> list[str]:
    """The indented blocks of a docstring, and the names in backquotes that are calls: its examples."""
    text = inspect.getdoc(thing) or ""
    blocks = [inspect.cleandoc(block) for block in re.findall(r"(?:^    .*\n?|^\n(?=    ))+", text, re.M)]
    return [*filter(None, blocks), *re.findall(r"`([\w.]+\([^`]+\)[^`]*)`", text)]


PLAIN = [name for name in async_kernel.__all__ if name != "__version__"]


SHOWN = {
    **{name: getattr(async_kernel, name) for name in PLAIN},
    "get_kernel_dir": get_kernel_dir,
    "make_argv": make_argv,
    "Host": Host,
}
"""What the page of the API shows, but the errors."""


@pytest.mark.parametrize("name", SHOWN)
def test_a_public_name_has_an_example_that_python_can_read(name: str) -> None:
    found = examples(SHOWN[name])
    assert found, f"{name} has no example"
    for example in found:
        compile(example, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("name", [name for name, thing in SHOWN.items() if inspect.isfunction(thing)])
def test_a_public_function_says_what_it_returns_and_raises(name: str) -> None:
    function = SHOWN[name]
    text = inspect.getdoc(function) or ""
    assert "Raises" in text
    assert function.__annotations__["return"] in ("None", None) or re.search("return", text, re.I)


def test_every_name_of_the_page_of_the_api_is_held_to_that() -> None:
    page = (REFERENCE / "api.md").read_text(encoding="utf-8")
    directed = re.findall(r"^\.\. auto(?:class|function):: \S+\.(\w+)$", page, re.M)
    assert sorted(directed) == sorted(SHOWN)


def test_the_site_links_each_name_to_its_source() -> None:
    assert "sphinx.ext.viewcode" in (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")


def test_the_page_of_the_api_has_every_public_name() -> None:
    page = (REFERENCE / "api.md").read_text(encoding="utf-8")
    assert [name for name in async_kernel.__all__ if name != "__version__" and f"async_kernel.{name}" not in page] == []
