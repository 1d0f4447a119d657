"""`async-kernel doctor`: a kernel that works, and every way in which one does not, with what mends it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from async_kernel import launcher
from async_kernel.command import doctor, readiness
from async_kernel.command.report import Problem, Report, lines
from async_kernel.errors import MissingPackageError
from async_kernel.kernelspec import write_kernel_spec
from async_kernel.kernelspec.listing import find_all
from async_kernel.settings import Settings
from async_kernel.settings.commands import Doctor


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernels folder that Jupyter searches first."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    return tmp_path / "kernels"


def ask(name: str) -> tuple[int, dict[str, Any]]:
    ran = subprocess.run(
        [sys.executable, "-m", "async_kernel", "doctor", name, "--json"], capture_output=True, text=True, timeout=100
    )
    assert not ran.stderr
    return ran.returncode, json.loads(ran.stdout)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_kernel_that_works(kernels: Path, backend: str) -> None:
    write_kernel_spec("ill", folder=str(kernels), backend=backend)
    status, report = ask("ill")
    assert report["problems"] == []
    assert status == 0
    assert report["kernel"]["sys.prefix"] == sys.prefix
    assert report["kernel"]["argv"][0] == sys.executable
    assert "{connection_file}" not in report["kernel"]["argv"]
    assert {"ready after", "one cell", "shut down after"} <= set(report["kernel"])
    assert report["plan"]["backend"].startswith(backend)
    assert report["spec"]["folder"] == str(kernels / "ill")
    assert report["packages"]["ipython"]


def test_a_kernel_that_dies_tells_why(kernels: Path) -> None:
    folder = write_kernel_spec("ill", folder=str(kernels), start_interface="no_such_module.start")
    status, report = ask(folder.name)
    assert status == 1
    (problem,) = report["problems"]
    assert "no_such_module" in problem["what"]
    assert problem["mend"]


def test_no_spec(kernels: Path) -> None:
    report = doctor.examine("nobody")
    assert report.problems == [Problem("Jupyter finds no kernel spec nobody.", "async-kernel -a nobody")]


@pytest.mark.skipif(sys.platform == "win32", reason="interpreters made of a shell script")
@pytest.mark.parametrize(
    ("script", "what", "mend"),
    [(None, "is gone", "async-kernel prune"), ("exit 1", "cannot import async_kernel", "-m pip install file://")],
)
def test_an_interpreter_that_is_gone_or_bare(kernels: Path, script: str | None, what: str, mend: str) -> None:
    folder = write_kernel_spec("ill", folder=str(kernels))
    python = kernels / "python"
    if script:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    data = json.loads((folder / "kernel.json").read_text())
    data["argv"][0] = str(python)
    (folder / "kernel.json").write_text(json.dumps(data))
    (problem,) = doctor.examine("ill").problems
    assert what in problem.what
    assert mend in problem.mend


def test_a_plan_that_cannot_run(kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: Settings, environ: object) -> None:
        raise MissingPackageError("trio is not installed.", "trio", "python -m pip install trio")

    monkeypatch.setattr(launcher, "make_plan", refuse)
    write_kernel_spec("ill", folder=str(kernels), backend="trio")
    report = doctor.examine("ill")
    assert report.problems == [Problem("trio is not installed.", "python -m pip install trio")]
    assert "kernel" not in report.facts


@pytest.mark.parametrize(("name", "there"), [("local-provisioner", True), ("nowhere-provisioner", False)])
def test_the_provisioner_of_a_spec(kernels: Path, name: str, there: bool) -> None:
    """`local-provisioner` is jupyter_client's own, by which it starts kernels that name none."""
    write_kernel_spec("ill", folder=str(kernels), provisioner=name)
    problems = [] if there else ["The kernel provisioner 'nowhere-provisioner' is not installed in this environment."]
    report = doctor.examine("ill")
    assert [problem.what for problem in report.problems] == problems
    assert ("kernel" in report.facts) is there


def test_the_spec_of_a_gateway(kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kernel_spec("far", folder=str(kernels), gateway="ssh", backend="trio")
    (problem,) = doctor.examine("far").problems
    assert "neither Enterprise Gateway nor" in problem.what
    monkeypatch.setattr(readiness, "_provisioners", lambda: {"distributed-provisioner"})
    report = doctor.examine("far")
    assert report.problems == []
    assert report.facts["gateway"] == {"way": "ssh", "provisioner": "distributed-provisioner"}
    assert "kernel" not in report.facts
    assert any("the provisioner distributed-provisioner" in line for line in lines(report))
    (listed,) = (one for one in find_all() if one.name == "far")
    assert listed.as_dict()["gateway"] == "ssh"


def test_a_malformed_spec(kernels: Path) -> None:
    (kernels / "ill").mkdir(parents=True)
    (kernels / "ill" / "kernel.json").write_text("{")
    (problem,) = doctor.examine("ill").problems
    assert "is not JSON" in problem.what
    assert "--force" in problem.mend


FACTS: dict[str, dict[str, Any]] = {
    "python": {
        "version": "cpython 3.11.7",
        "executable": "/venv/bin/python",
        "prefix": "/venv",
        "environment": "virtual environment: venv",
        "platform": "linux",
    },
    "packages": {"ipython": "9.18", "trio": None, "tkinter": "found", "PySide6": None},
    "spec": {
        "name": "async",
        "display_name": "Async",
        "folder": "/venv/share/jupyter/kernels/async",
        "ours": True,
        "owner": "/venv",
        "argv": ["python", "-m", "async_kernel"],
        "hidden": ["/usr/share/jupyter/kernels/async"],
    },
    "plan": {"backend": "asyncio: --backend", "loop": "uvloop: installed", "host": "none"},
    "kernel": {"ready after": "50 ms", "one cell": "5 ms", "shut down after": "70 ms", "sys.prefix": "/venv"},
}


def test_a_person_reads_sentences() -> None:
    assert list(lines(Report(FACTS, []))) == [
        "Python    cpython 3.11.7 on linux: /venv/bin/python",
        "          Environment: /venv (virtual environment: venv)",
        "Packages  ipython 9.18.",
        "          Also found: tkinter. Not installed: trio, PySide6.",
        "Spec      async, shown as 'Async': /venv/share/jupyter/kernels/async",
        "          It starts async-kernel in the environment /venv.",
        "          Command: python -m async_kernel",
        "          Jupyter uses it instead of /usr/share/jupyter/kernels/async.",
        "Plan      The backend is asyncio (--backend).",
        "          The loop is uvloop (installed).",
        "          There is no host.",
        "Kernel    It was ready after 50 ms, the first cell took 5 ms, the shutdown 70 ms.",
        "          Its cells run in /venv.",
        "          To see what it changes in its process, type: async-kernel doctor --changes",
        "Everything works.",
    ]


def test_each_section_can_be_said() -> None:
    report = doctor.examine("nobody")
    assert set(report.facts) <= set(FACTS)
    assert "\n".join(lines(report))
    assert "Another interpreter" in "\n".join(lines(Report({"plan": {"made by": "other -m async_kernel doctor"}}, [])))
    for facts in ({}, {"shut down after": "5 ms"}):
        assert "It did not become ready." in "\n".join(lines(Report({"kernel": facts}, [])))
    assert "Trio has one loop." in "\n".join(lines(Report({"plan": {"loop": "trio has one loop"}}, [])))


def test_for_a_person_every_problem_comes_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(FACTS, [])
    monkeypatch.setattr(doctor, "examine", lambda name: report)
    assert doctor.run(Doctor()) == 0
    assert capsys.readouterr().out.endswith("Everything works.\n")
    report.problems.append(Problem("It is ill.", "mend it"))
    assert doctor.run(Doctor()) == 1
    assert capsys.readouterr().out.endswith("Problem: It is ill.\n  mend it\n")


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert next(lines(Report({}, [Problem("It is ill.", "mend it")]))).startswith("\x1b[31m")
