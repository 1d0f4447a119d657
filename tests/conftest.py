"""What all tests stand on: a home of their own, and the kernel specs that the project's own command line writes.

Nothing of the user who runs the tests is read or touched: HOME and the folders of Jupyter, IPython and matplotlib point
into pytest's temporary folder.

`--kernel-spec=NAME` drives the end-to-end tests against another installed kernel, a peer, to see which of them tell
kernels apart; it is combined with `-k asyncio`, as a peer has one backend.

`--python=OTHER/bin/python` puts the tests that start a kernel, or a command, to the async-kernel of another
environment, such as an older version's: see `tests/drop_in.py`. Tests that import the package test the one beside them.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a machine that runs tests may be busy
settings.load_profile("untimed")

BACKENDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "asyncio": ("--backend_options={'use_uvloop':False}",),
        "uvloop": ("--backend_options={'use_uvloop':True}",),
        "trio": ("--backend=trio",),
    }
)
"""Each backend under test, and what to say to `async-kernel -a` to get it."""


if sys.platform != "win32":
    # A run under nohup would make every kernel deaf to it: what a cell starts under nohup would be like all else. So
    # would one in the background of a shell, which has SIGQUIT ignored.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


ROOMS = ("browser", "docs", "conda", "suites", "clients", "libraries", "packaging")
"""Folders of tests that share something which takes long to make: a server, an environment. In a run that is spread
over processes each is for one of them, and they come first."""


FAST = ("concurrency", "kernel", "kernelspec", "protocol", "settings", "transport")
"""Folders whose tests start no kernel: together they take less than a minute."""

TESTS = Path(__file__).resolve().parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the other folders out of a run that names none, unless it says `--all`."""
    names_a_part = any(Path(argument.partition("::")[0]).resolve() != TESTS for argument in config.args)
    if names_a_part or config.getoption("--all"):
        return None
    return (collection_path.relative_to(TESTS).parts or FAST)[0] not in FAST or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the rooms first, so that no process is left with one of them at the end."""
    items.sort(key=lambda item: _room(item.nodeid) is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """How tests are spread over processes: by room, else by file, as kernels are shared by the tests of a file."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith("tests/chaos/"):  # each test has kernels of its own
                return nodeid
            return _room(nodeid) or nodeid.partition("::")[0]

        def remove_node(self, node: Any) -> str | None:
            """Leave a test out that has ended its process: xdist gives it to the next process, and so on for ever."""
            units = self.assigned_work[node].values()
            crashed = next((test for unit in units for test, done in unit.items() if not done), None)
            for unit in units:
                unit.pop(crashed, None)
            super().remove_node(node)
            return crashed

    return Scheduling(config, log)


def _room(nodeid: str) -> str | None:
    return next((room for room in ROOMS if nodeid.startswith(f"tests/{room}/")), None)


GRACE = 60.0
"""Seconds that a test may outlive its deadline before its process is ended."""

_STDERR = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the true stderr: while a test runs, descriptor 2 is pytest's."""
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        config.stash[_STDERR] = os.dup(2)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End the process, with a traceback of each thread, when a test outlives its deadline by a minute.

    pytest-timeout raises an exception in the test. Code that swallows it, or C code that waits, would keep the whole
    run for ever. In a run that is spread over processes xdist reports the test and starts another process.
    """
    faulthandler.dump_traceback_later(_deadline(item) + GRACE, exit=True, file=item.config.stash[_STDERR])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _deadline(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0] if marker and marker.args else item.config.getini("timeout"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="the tests of all folders, not only the fast ones")
    parser.addoption("--kernel-spec", default="", metavar="NAME", help="test this installed kernel instead of ours")
    parser.addoption(
        "--python", type=os.path.abspath, metavar="PATH", help="test the async-kernel of this interpreter's environment"
    )


@pytest.fixture(scope="session")
def outside() -> Mapping[str, str]:
    """The environment variables as they were before the tests got a home of their own; pip's settings live there."""
    return MappingProxyType(dict(_OUTSIDE))


_OUTSIDE = dict(os.environ)


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder for the whole run; Jupyter's, IPython's and matplotlib's folders are inside it."""
    home = tmp_path_factory.mktemp("home")
    runtime = home / "runtime"
    runtime.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in {
            "HOME": home,
            "USERPROFILE": home,
            "APPDATA": home / "appdata",
            "XDG_DATA_HOME": home / "share",
            "XDG_CONFIG_HOME": home / "config",
            "XDG_CACHE_HOME": home / "cache",
            "JUPYTER_PATH": home / "jupyter",
            "JUPYTER_DATA_DIR": home / "data",
            "JUPYTER_CONFIG_DIR": home / "config" / "jupyter",
            "JUPYTER_RUNTIME_DIR": runtime,
            "IPYTHONDIR": home / "ipython",
            "MPLCONFIGDIR": home / "matplotlib",
        }.items():
            patch.setenv(name, str(folder))
        for name in (
            "JUPYTER_CONFIG_PATH",
            "JUPYTER_KERNEL_NAME",
            "JPY_PARENT_PID",
            "MPLBACKEND",
            "PYTHONWARNINGS",
            "PYTEST_ADDOPTS",
        ):
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture(autouse=True)
def variables() -> Iterator[None]:
    """A test leaves the environment variables as it found them: a start in this process activates an environment."""
    before = dict(os.environ)
    yield
    for name in [name for name in os.environ if name not in before]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def no_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest cell, which gets the output of no cell, is none that an earlier test left."""
    from async_kernel.kernel import request

    monkeypatch.setattr(request, "_fallback", [])


@pytest.fixture(scope="session")
def peer(request: pytest.FixtureRequest) -> str:
    """The name of the peer's kernel spec that is tested instead of ours, or an empty string."""
    return str(request.config.getoption("--kernel-spec"))


@pytest.fixture(scope="session")
def python(request: pytest.FixtureRequest) -> Path:
    """The interpreter whose kernel and command line are tested: the one that runs the tests, if no other is named."""
    return Path(request.config.getoption("--python") or sys.executable)


@pytest.fixture(scope="session")
def specs(home: Path, peer: str, python: Path) -> Mapping[str, str]:
    """The kernel spec of each backend, written by the project's own command line: `{"trio": "async-trio", ...}`."""
    if peer:
        return dict.fromkeys(BACKENDS, peer)
    return write_specs(home / "jupyter" / "kernels", str(python))


def write_specs(folder: Path, python: str, prefix: str = "async") -> Mapping[str, str]:
    """Have the command line of an interpreter's environment write the spec of each backend; the names of the specs."""
    folder.mkdir(parents=True, exist_ok=True)
    for backend, options in BACKENDS.items():
        subprocess.run(
            [python, "-m", "async_kernel", "-a", f"{prefix}-{backend}", f"--folder={folder}", *options],
            cwd=folder,  # in the checkout its package would be found first
            check=True,
            timeout=60,
        )
    return {backend: f"{prefix}-{backend}" for backend in BACKENDS}


@pytest.fixture(scope="session", params=list(BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    """Every backend in turn: "asyncio" (the standard library's loop), "uvloop", "trio"."""
    return str(request.param)
