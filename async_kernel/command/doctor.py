"""`async-kernel doctor`: the environment, the plan, one kernel really started; each problem with its remedy."""

from __future__ import annotations

import sys
from os.path import realpath
from typing import Any

from async_kernel.kernelspec.listing import Found, find_all, settings_or_none
from async_kernel.kernelspec.spec import environment_label
from async_kernel.kernelspec.surroundings import Surroundings
from async_kernel.settings import Doctor

from .readiness import hindrance
from .report import Problem, Report, lines

__all__ = ["examine", "run"]

_PACKAGES = (
    *("async-kernel", "ipython", "pyzmq", "anyio", "jupyter_client", "jupyter_core"),
    *("trio", "uvloop", "winloop", "debugpy"),
)
_TOOLKITS = ("trio", "uvloop", "winloop", "tkinter", "PySide6", "PyQt6", "PyQt5", "PySide2")
_DEADLINE = 60.0


def run(command: Doctor) -> int:
    """Examine, print the report, and return 0 when there is no problem, else 1."""
    report = examine(command.name)
    if command.json:
        from json import dumps

        problems = [problem._asdict() for problem in report.problems]
        print(dumps({**report.facts, "problems": problems}, indent=2, default=str))
        return 1 if problems else 0
    print("\n".join(lines(report)))
    return 1 if report.problems else 0


def examine(name: str) -> Report:
    """Look at this Python, at the spec `name`, and at a kernel started from it."""
    here = Surroundings.here()
    report = Report({}, [])
    report.facts["python"] = _python(here)
    report.facts["packages"] = _packages()
    found = [one for one in find_all(here) if one.name == name.lower()]
    if not found:
        report.problems.append(Problem(f"Jupyter finds no kernel spec {name}.", f"async-kernel -a {name}"))
        return report
    spec = found[0]
    report.facts["spec"] = {**spec.as_dict(), "hidden": [str(one.folder) for one in found[1:]]}
    if spec.problem:
        report.problems.append(Problem(f"{spec.folder}: {spec.problem}.", _mend(spec, here)))
        return report
    error = hindrance(spec, here)
    settings = settings_or_none(spec)
    way = settings.attributes.get("gateway.way") if settings else None
    if error is not None:
        report.problems.append(Problem(error.message, error.next_step))
    elif way:
        report.facts["gateway"] = {"way": way, "provisioner": spec.spec.provisioner if spec.spec else ""}
        return report
    else:
        report.facts.update(_plan(spec, here))
    if not report.problems:
        _start(spec, report)
    return report


def _python(here: Surroundings) -> dict[str, Any]:
    kind = "conda environment" if _is_conda(here) else "virtual environment" if here.prefix != here.base_prefix else ""
    if not kind:
        kind = "system Python (its packages are managed by the system)" if here.externally_managed else "plain Python"
    return {
        "version": f"{sys.implementation.name} {sys.version.split()[0]}",
        "executable": here.executable,
        "prefix": here.prefix,
        "environment": f"{kind}: {environment_label(here)}",
        "platform": here.platform,
    }


def _is_conda(here: Surroundings) -> bool:
    from pathlib import Path

    return (Path(here.prefix) / "conda-meta").is_dir()


def _packages() -> dict[str, Any]:
    """The versions of the installed packages, and the loops and toolkits that can be found; none is imported."""
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    facts: dict[str, Any] = {}
    for name in _PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = None
    for name in _TOOLKITS:
        if facts.get(name) is None:
            facts[name] = "found" if find_spec(name) else None
    return facts


def _plan(spec: Found, here: Surroundings) -> dict[str, dict[str, Any]]:
    """The section of the plan, with its reasons; none for a spec that is not ours."""
    settings = settings_or_none(spec)
    if settings is None or spec.spec is None:
        return {}
    if spec.interpreter != here.executable:
        return {"plan": {"made by": f"{spec.interpreter} -m async_kernel doctor {spec.name}"}}
    from async_kernel.launcher import make_plan

    return {"plan": dict(make_plan(settings, {**here.environ, **spec.spec.env}).reasons)}


def _start(spec: Found, report: Report) -> None:
    """Start the kernel as Jupyter does, run one cell, and note the times."""
    from tempfile import TemporaryFile
    from time import perf_counter

    from jupyter_client.manager import KernelManager  # as a server runs it; half a second to import

    facts = report.facts["kernel"] = {}
    manager = KernelManager(kernel_name=spec.name)
    with TemporaryFile("w+b") as errors:
        client = None
        begun = perf_counter()
        try:
            manager.start_kernel(stdout=errors, stderr=errors)
            facts["argv"] = _argv(manager)
            client = manager.client()
            client.start_channels()
            client.wait_for_ready(timeout=_DEADLINE)
            facts["ready after"] = _milliseconds(begun)
            asked = perf_counter()
            output = _prefix(client)
            facts["one cell"] = _milliseconds(asked)
            facts["sys.prefix"] = output
            if spec.owner and realpath(output) != realpath(spec.owner):
                what = f"The kernel runs in {output}, but its spec belongs to {spec.owner}."
                report.problems.append(Problem(what, f"{_python_of(spec)} -m async_kernel -a {spec.name} --fullpath"))
        except Exception as error:  # whatever a client library raises, it is the finding
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()[-2000:]
            what = f"The kernel does not work: {error}" + (f"\n{said}" if said else "")
            report.problems.append(Problem(what, " ".join(map(str, facts.get("argv") or spec.as_dict()["argv"]))))
        finally:
            if client is not None:
                client.stop_channels()
            ended = perf_counter()
            if manager.has_kernel:
                manager.shutdown_kernel(now=bool(report.problems))
                facts["shut down after"] = _milliseconds(ended)


def _argv(manager: Any) -> list[str]:
    """The argv as Jupyter resolves it."""
    return list(map(str, manager.format_kernel_cmd()))


def _prefix(client: Any) -> str:
    """The output of a cell that prints sys.prefix."""
    printed: list[str] = []

    def hook(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(
        "import sys; print(sys.prefix)", store_history=False, timeout=_DEADLINE, output_hook=hook
    )
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"the cell failed: {reply['content'].get('evalue', '')}")
    return "".join(printed).strip()


def _milliseconds(begun: float) -> str:
    from time import perf_counter

    return f"{(perf_counter() - begun) * 1000:.0f} ms"


def _mend(spec: Found, here: Surroundings) -> str:
    if spec.dead:
        return f"async-kernel prune removes it; async-kernel -a {spec.name} --replace writes it again."
    if spec.interpreter and spec.ours:
        return f"{spec.interpreter} -m pip install {_own_source()}"
    return f"Type in the environment that the kernel should run in: async-kernel -a {spec.name} --force"


def _own_source() -> str:
    """Where pip gets this package from: the URL or folder that it was installed from, as far as that is recorded
    (PEP 610). Its name alone would not do: the package index has another package called async-kernel."""
    from importlib.metadata import PackageNotFoundError, distribution
    from json import loads

    try:
        recorded = distribution("async-kernel").read_text("direct_url.json")
    except PackageNotFoundError:  # a copy that no installer has put there
        recorded = None
    return str(loads(recorded)["url"]) if recorded else "WHEEL, with the path of the wheel that was installed here"


def _python_of(spec: Found) -> str:
    return spec.interpreter or "python"
