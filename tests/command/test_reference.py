"""Every example of the reference, typed as it stands there, and the whole of what it gives."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from async_kernel.command import command_line
from async_kernel.settings import Settings

from .conftest import Run

INTERFACE = "async_kernel.interface.start_kernel_zmq_interface"


def spec(
    name: str, *words: str, display_name: str = "", interface: str = INTERFACE, python: str = "python"
) -> dict[str, Any]:
    backend = [] if words and words[0].startswith("--backend=") else ["--backend=asyncio"]
    return {
        "argv": [
            python,
            "-m",
            "async_kernel",
            "-f",
            "{connection_file}",
            f"--start_interface={interface}",
            f"--kernel_name={name}",
            *backend,
            *words,
        ],
        "env": {},
        "display_name": display_name or name,
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {"debugger": True, "concurrent": True, "supported_encryption": ["curve"]},
        "kernel_protocol_version": "5.5",
    }


# What is typed behind the name of the program; the second half of a pair is what bash makes of it where it differs.
ADDED = {
    'async-kernel -a async --backend=trio --loop=tk --display_name="Async python tk trio"': spec(
        "async", "--backend=trio", "--host=tk", display_name="Async python tk trio"
    ),
    "async-kernel -a async": spec("async"),
    "async-kernel -a async-trio --interface.backend=trio": spec("async-trio", "--backend=trio"),
    "async-kernel -a async-tk --interface.host=tk": spec("async-tk", "--host=tk"),
    "async-kernel -a async-tk --interface.host=tk --backend=trio": spec("async-tk", "--backend=trio", "--host=tk"),
    "async-kernel -a async-qt --interface.host=qt": spec("async-qt", "--host=qt"),
    "async-kernel -a async-qt-trio --interface.host=qt --interface.backend=trio": spec(
        "async-qt-trio", "--backend=trio", "--host=qt"
    ),
    "async-kernel -a async-qt --interface.host=qt --interface.host_options={'module':'PySide2'}": spec(
        "async-qt", "--host=qt", "--host_options={'module': 'PySide2'}"
    ),
    "async-kernel -a async-qt --host=qt \"--host_options={'host_class':'my_hosts.MyHost'}\"": spec(
        "async-qt", "--host=qt", "--host_options={'host_class': 'my_hosts.MyHost'}"
    ),
    "async-kernel -a async \"--interface.host_options={'use_uvloop':False}\"": spec(
        "async", "--host_options={'use_uvloop': False}"
    ),
    "async-kernel -a async --start_interface=my_module.my_interface_factory": spec(
        "async", interface="my_module.my_interface_factory"
    ),
    "async-kernel -a async --fullpath": spec("async", python="PYTHON"),
    "async-kernel -a async --fullpath=False": spec("async"),
    'async-kernel -a async "--display_name=My kernel display name"': spec(
        "async", display_name="My kernel display name"
    ),
    "async-kernel -a async --display_name=True": spec("async", display_name="True"),
    "async-kernel -a async --shell.timeout=0.1": spec("async", "--shell.timeout=0.1"),
    "async-kernel -a async --quiet": spec("async", "--quiet=True"),
    "async-kernel -a async --no=quiet": spec("async", "--quiet=False"),
    "async-kernel -a async --no-quiet": spec("async", "--quiet=False"),
}


@pytest.mark.parametrize("line", ADDED)
def test_an_added_spec(line: str, run: Run, prefix: Path) -> None:
    words = shlex.split(line)[1:]  # as a shell takes it apart; it also takes the quotes out of {'module':'PySide2'}
    assert run(*words).status == 0
    expected = ADDED[line]
    if expected["argv"][0] == "PYTHON":
        expected = {**expected, "argv": [str(prefix / "bin" / "python"), *expected["argv"][1:]]}
    text = (prefix / "share/jupyter/kernels" / words[1] / "kernel.json").read_text(encoding="utf-8")
    assert text == json.dumps(expected, indent=4) + "\n"


@pytest.mark.parametrize("option", ["path", "folder"])
def test_a_spec_for_a_user_on_linux(run: Run, prefix: Path, option: str) -> None:
    assert run("-a", "async", f"--{option}=~/.local/share/jupyter/kernels").status == 0
    written = prefix.parent / "home/.local/share/jupyter/kernels/async/kernel.json"
    python = str(prefix / "bin" / "python")
    assert json.loads(written.read_text()) == spec("async", python=python, display_name="async (science)")


def test_the_spec_is_updated_by_adding_one_of_the_same_name(run: Run, prefix: Path) -> None:
    run("-a", "async")
    run("-a", "async", "--backend=trio")
    text = (prefix / "share/jupyter/kernels/async/kernel.json").read_text()
    assert json.loads(text) == spec("async", "--backend=trio")


def test_a_spec_is_removed(run: Run, prefix: Path) -> None:
    run("-a", "async-trio-custom", "--backend=trio")
    for words in (("-r", "async-trio-custom"),):
        assert run(*words).status == 0
    assert not list((prefix / "share/jupyter/kernels").iterdir())


@pytest.fixture
def started(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings with which the launcher was called."""
    from async_kernel import launcher

    seen: list[Settings] = []

    def start(settings: Settings) -> int:
        seen.append(settings)
        return 0

    monkeypatch.setattr(launcher, "start", start)
    return seen


CUSTOM = "-f . --kernel_name=async-trio-custom --display_name='My custom kernel' --quiet=False"


def test_the_default_kernel_is_started(started: list[Settings]) -> None:
    assert command_line(["-f", "."]) == 0
    assert started == [Settings(".")]


def test_a_kernel_with_a_name_that_is_not_installed(started: list[Settings]) -> None:
    assert command_line(shlex.split(CUSTOM)) == 0
    assert started == [
        Settings(".", "async-trio-custom", "My custom kernel", backend="trio", attributes={"kernel.quiet": False})
    ]


def test_a_kernel_with_a_name_that_is_installed(started: list[Settings], run: Run) -> None:
    run("-a", "async-trio-custom", "--backend=asyncio", "--host=qt", "--quiet", "--shell.timeout=0.1")
    assert command_line(shlex.split(CUSTOM)) == 0
    attributes = {"kernel.quiet": False, "shell.timeout": 0.1}
    assert started == [Settings(".", "async-trio-custom", "My custom kernel", host="qt", attributes=attributes)]


def test_a_spec_named_async_is_the_default_kernel(started: list[Settings], run: Run) -> None:
    run("-a", "async", "--backend=trio")
    assert command_line(["-f", "."]) == 0
    assert started[0].backend == "trio"


def test_a_start_by_jupyter_looks_for_no_spec(
    started: list[Settings], run: Run, prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from async_kernel.kernelspec import listing

    run("-a", "async", "--backend=trio")
    argv = json.loads((prefix / "share/jupyter/kernels/async/kernel.json").read_text())["argv"]
    monkeypatch.setattr(listing, "settings_of", None)
    assert command_line(["c.json" if word == "{connection_file}" else word for word in argv[3:]]) == 0
    assert started == [Settings("c.json", backend="trio")]
