"""What the commands print, and their exit statuses."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import async_kernel
from async_kernel import __version__
from async_kernel.command import kernels, output
from async_kernel.kernelspec import store

from .conftest import Ran, Run


@pytest.mark.parametrize("words", [["-V"], ["--version"]])
def test_version(run: Run, words: list[str]) -> None:
    assert run(*words) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"], ["doctor", "-h"]])
def test_help(run: Run, words: list[str]) -> None:
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    assert out.startswith("Usage: async-kernel")


@pytest.mark.parametrize(
    "words",
    [
        ["-a", "x", "--bakend=trio"],
        ["-a", "../x"],
        ["-a", "x\n"],
        ["-a", "con"],
        ["-a", "x", "--backend=curio"],
        ["-a", "x", "--shell.timeout=soon"],
        ["-a", "x", "--backend_options={'use_uvloop':"],
        ["-a", "x", "--IPCompleter.use_jedy=False"],
        ["-a", "x", "--IPCompleter.use_jedi=perhaps"],
        ["-a", "x", "--folder=$NO_SUCH_VARIABLE"],
        ["-a", "x", "--metadata={'a': b'bytes'}"],
        ["-r", "../x"],
        ["-f", ".", "--bakend=trio"],
    ],
)
def test_a_mistake_exits_with_2_and_writes_nothing(run: Run, prefix: Path, words: list[str]) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert err.startswith("async-kernel: ")
    assert len(err.splitlines()) >= 2  # what is wrong, and what to do
    assert sorted(path.name for path in prefix.iterdir()) == ["bin"]
    assert not list((prefix.parent / "home").iterdir())


def test_what_cannot_be_done_exits_with_1(run: Run) -> None:
    status, out, err = run("-r", "x")
    assert (status, out) == (1, "")
    assert "no kernel spec x" in err


def test_add_and_remove_say_what_they_did(run: Run, prefix: Path) -> None:
    folder = prefix / "share/jupyter/kernels/x"
    assert run("-a", "x", "--dry-run").out.startswith(f"Would write {folder}/kernel.json:\n{{")
    assert run("-a", "x") == (0, f"Wrote the kernel spec x in {folder}\n", "")
    assert run("-a", "x") == (0, f"Replaced the kernel spec x in {folder}\n", "")
    assert run("-r", "x", "--dry-run").out == f"Would remove the kernel spec x from {folder}\n"
    assert run("-r", "x") == (0, f"Removed the kernel spec x from {folder}\n", "")


def test_install_and_uninstall(run: Run, prefix: Path) -> None:
    options = ("--name", "mine", "--display-name", "Mine", "--profile", "work", "--env", "A", "b")
    assert run("install", *options).status == 0
    data = json.loads((prefix / "share/jupyter/kernels/mine/kernel.json").read_text())
    assert (data["display_name"], data["env"]) == ("Mine", {"A": "b"})
    assert "--profile=work" in data["argv"]
    assert run("uninstall", "mine").status == 0


def test_a_place_that_jupyter_does_not_search_is_said(run: Run, tmp_path: Path) -> None:
    status, _, err = run("-a", "x", f"--prefix={tmp_path}/elsewhere")
    assert status == 0
    assert "JUPYTER_PATH" in err


def test_list(run: Run, prefix: Path) -> None:
    assert "Jupyter finds no kernel spec" in run("list").out
    run("-a", "x", "--backend=trio")
    run("-a", "x", "--user")
    (prefix / "share/jupyter/kernels/bad").mkdir()
    (prefix / "share/jupyter/kernels/bad/kernel.json").write_text("{")
    header, bad, x, hidden = run("list").out.splitlines()
    assert header.split() == ["NAME", "BACKEND", "HOST", "STATE", "FOLDER"]
    assert "is not JSON" in bad
    assert x.split() == ["x", "trio", "ready", str(prefix / "share/jupyter/kernels/x")]
    assert f"hidden by {prefix}" in hidden
    status, out, _ = run("list", "--json")
    assert status == 0
    assert [(one["name"], one["wins"]) for one in json.loads(out)] == [("bad", True), ("x", True), ("x", False)]


@pytest.mark.parametrize(
    ("options", "state", "mend"),
    [
        (["--backend=trio"], "The backend trio is not installed", 'pip install "trio"'),
        (["--backend_options={'use_uvloop': True}"], "uvloop is not installed", 'pip install "uvloop"'),
        (["--host=qt"], "The host qt needs PySide6", 'pip install "PySide6-Essentials'),
        (["--host=qt", "--host_options={'module': 'PyQt6'}"], "The host qt needs PyQt6", 'pip install "PyQt6"'),
        (["--host=tk"], "The host tk needs tkinter", "python3-tk"),
        (["--backend_options={'no_such': 1}"], "no backend option 'no_such'", "Known:"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else None,
)
@pytest.mark.parametrize("foreign", [False, True], ids=["this Python", "another"])
def test_list_knows_what_is_missing(
    options: list[str], state: str, mend: str, foreign: bool, run: Run, prefix: Path, python: Path
) -> None:
    """As doctor does. Another Python is asked. The one that lacks things has this package and no other."""
    bare = bare_python(prefix.parent, python)
    if not foreign:
        run = functools.partial(run_by, bare)
    assert run("-a", "x", *options).status == 0
    assert run("-a", "fine").status == 0
    if foreign:
        for name in ("x", "fine"):
            spec = prefix / f"share/jupyter/kernels/{name}/kernel.json"
            data = json.loads(spec.read_text())
            data["argv"][0] = str(bare)
            spec.write_text(json.dumps(data))
    out = run("list").out
    [x] = [line for line in out.splitlines() if line.startswith("x ") and state in line][:1]
    assert "ready" not in x
    [fine] = [line for line in out.splitlines() if line.startswith("fine ")]
    assert "ready" in fine
    assert mend in out
    told = {one["name"]: one for one in json.loads(run("list", "--json").out)}
    assert state in told["x"]["problem"]
    assert mend in told["x"]["next_step"]
    assert (told["fine"]["problem"], told["fine"]["next_step"]) == ("", "")


def bare_python(folder: Path, python: Path) -> Path:
    """A Python that has the package of another, and neither a backend nor a toolkit beside it."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder / "bare"], check=True, timeout=60)
    [site] = (folder / "bare").glob("lib/python*/site-packages")
    code = "import async_kernel; print(async_kernel.__path__[0])"
    package = subprocess.run([python, "-c", code], cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    (site / "async_kernel").symlink_to(package.stdout[:-1])
    (site / "no_tk.pth").write_text("import sys; sys.modules['tkinter'] = None\n")
    return folder / "bare" / "bin" / "python"


def run_by(python: Path, *words: str) -> Ran:
    """Run a command line by an interpreter, which has nothing of ours in its environment variables."""
    folder = python.parents[1]
    done = subprocess.run(
        [python, "-m", "async_kernel", *words],
        cwd=folder, env={"HOME": str(folder)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def test_prune(run: Run, prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("prune", "--yes").out.startswith("No kernel spec")
    run("-a", "mine", "--user")
    theirs = prefix / "share/jupyter/kernels/theirs"
    theirs.mkdir(parents=True)
    (theirs / "kernel.json").write_text('{"argv": ["/no/where"]}')
    (prefix / "bin/python").unlink()
    mine = prefix.parent / "home/.local/share/jupyter/kernels/mine"
    assert "dead: " in run("list").out

    assert run("prune", "--dry-run").out == f"{mine}: {prefix}/bin/python is gone\n"
    status, _, err = run("prune")  # nobody is there to ask
    assert status == 2
    assert "--yes" in err
    monkeypatch.setattr(kernels, "ask", lambda question: False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert run("prune").status == 1
    assert mine.exists()

    status, out, err = run("prune", "--yes")
    assert status == 0
    assert f"Removed {mine}" in out
    assert "It belongs to another kernel" in err
    assert not mine.exists()
    assert theirs.exists()
    assert run("prune", "--yes", "--force").status == 0
    assert not theirs.exists()


def test_the_program_as_a_module_and_as_scripts(tmp_path: Path) -> None:
    scripts = Path(sys.executable).parent
    suffix = ".exe" if sys.platform == "win32" else ""
    for program in (
        [sys.executable, "-m", "async_kernel"],
        [str(scripts / f"async-kernel{suffix}")],
        [str(scripts / f"async_kernel{suffix}")],
    ):
        ran = subprocess.run([*program, "-V"], capture_output=True, text=True, timeout=60)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{__version__}\n", "")
        wrong = subprocess.run([*program, "-x"], capture_output=True, text=True, timeout=60)
        assert (wrong.returncode, wrong.stdout) == (2, "")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX pipe")
def test_a_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        [sys.executable, "-m", "async_kernel", "-h"], stdout=writer, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (0, b"")


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True)],
)
def test_colour_is_for_a_terminal_that_wants_it(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], colour: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b" in output.styled("x", "red", Terminal())) is colour
    if "FORCE_COLOR" not in environ:
        assert output.styled("x", "red") == "x"  # pytest's own stdout is none


def test_the_store_is_where_the_folder_is_named(run: Run, prefix: Path) -> None:
    assert run("-a", "Mixed-Case").status == 0
    assert store.read(prefix / "share/jupyter/kernels/mixed-case").display_name == "Mixed-Case"


def test_no_hint_names_another_distribution() -> None:
    """One on the package index has the name of this one: to install it would help nobody."""
    texts = {path: path.read_text(encoding="utf-8") for path in Path(async_kernel.__file__).parent.rglob("*.py")}
    assert not [path for path, text in texts.items() if re.search(r"pip install ['\"]?async[-_]kernel", text)]
