"""Every usual way to install the package: Jupyter sees the kernel, it runs in that environment, and goes again.

pip into a target, for a user, and on other Pythons are in tests/packaging/test_installs.py.

What is tested is what each installer makes of this package. Its dependencies come, where an installer lets them, from
one folder that all the environments share, so that nothing is downloaded twice.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.needs.kernel import Kernel
from tests.needs.subjects import ours
from tests.packaging.projects import CHECKOUT, build, copy_of_checkout, run, venv_python

pytestmark = pytest.mark.timeout(300)

SPEC = Path("share", "jupyter", "kernels", "async")
FILES = {"kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}
ONE_CELL = CHECKOUT / "tests" / "packaging" / "one_cell.py"
SECONDS = 30.0
OURS = ("PYTHON", "VIRTUAL_ENV", "JUPYTER", "CONDA", "UV_PROJECT", "PIPX")


class Projects(NamedTuple):
    """The project in the forms in which it is installed."""

    tree: Path
    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Projects:
    """A copy of the checkout, and what is built from it."""
    folder = tmp_path_factory.mktemp("projects")
    tree = copy_of_checkout(folder / "async-kernel")
    [sdist] = build(tree, folder / "sdist", "--sdist")
    [wheel] = build(tree, folder / "wheel", "--wheel")
    return Projects(tree, sdist, wheel)


@pytest.fixture
def installing(outside: Mapping[str, str]) -> dict[str, str]:
    """The variables that installers run with: the user's own, which may say where to download from."""
    return {name: value for name, value in outside.items() if not name.startswith(OURS)}


@pytest.fixture
def using() -> dict[str, str]:
    """The variables that an installed kernel is used with: the empty home of the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


def uv(*words: str | Path, env: Mapping[str, str], cwd: Path | None = None) -> str:
    return run(sys.executable, "-m", "uv", *words, env=env, cwd=cwd, timeout=280)


@pytest.fixture(scope="module")
def dependencies(outside: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the dependencies of the project and what builds it, but not the project."""
    folder = tmp_path_factory.mktemp("dependencies")
    names = tmp_path_factory.mktemp("names") / "names.txt"
    env = {name: value for name, value in outside.items() if not name.startswith(OURS)}
    uv("pip", "compile", "--quiet", "--python", sys.executable, "-o", names, CHECKOUT / "pyproject.toml", env=env)
    uv(
        "pip", "install", "--quiet", "--python", sys.executable, "--target", folder,
        "-r", names, "hatchling", "editables", "pip", "uv", env=env,
    )  # fmt: skip
    return folder


def lend(prefix: Path, dependencies: Path, env: Mapping[str, str]) -> Path:
    """Let the environment import the shared dependencies; return its interpreter."""
    python = venv_python(prefix)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", env=env).strip()
    Path(site, "zz_dependencies.pth").write_text(f"{dependencies}\n", encoding="utf-8")
    return python


@pytest.fixture
def environment(dependencies: Path, installing: dict[str, str], tmp_path: Path) -> Path:
    """A new virtual environment without the project; its interpreter."""
    uv("venv", "--quiet", "--python", sys.executable, tmp_path / "env", env=installing)
    return lend(tmp_path / "env", dependencies, installing)


def check(prefix: Path, using: Mapping[str, str]) -> None:
    """The spec is whole under the prefix, Jupyter takes it, and a cell runs in the environment."""
    assert {path.name for path in (prefix / SPEC).iterdir()} == FILES
    scripts = venv_python(prefix).parent
    listed = run(scripts / "async-kernel", "list", env=using, cwd=Path(using["HOME"]))
    assert str((prefix / SPEC).resolve()) in listed
    printed = run(venv_python(prefix), ONE_CELL, env=using, cwd=Path(using["HOME"]))
    assert Path(printed.splitlines()[0]).resolve() == prefix.resolve()


PIP: dict[str, Callable[[Projects], tuple[str | Path, ...]]] = {
    "wheel": lambda projects: (projects.wheel,),
    "sdist": lambda projects: ("--no-build-isolation", projects.sdist),
    "editable": lambda projects: ("--no-build-isolation", "-e", projects.tree),
}


@pytest.mark.parametrize("form", PIP)
@pytest.mark.parametrize("installer", ["pip", "uv pip"])
def test_installed_and_uninstalled(
    installer: str,
    form: str,
    projects: Projects,
    environment: Path,
    installing: dict[str, str],
    using: dict[str, str],
    tmp_path: Path,
) -> None:
    what = ("--no-deps", *PIP[form](projects))
    if installer == "pip":
        run(environment, "-m", "pip", "install", "--quiet", *what, env=installing)
    else:
        uv("pip", "install", "--quiet", "--python", environment, *what, env=installing)
    check(tmp_path / "env", using)
    if installer == "pip":
        run(environment, "-m", "pip", "uninstall", "--quiet", "--yes", "async-kernel", env=installing)
    else:
        uv("pip", "uninstall", "--quiet", "--python", environment, "async-kernel", env=installing)
    assert not list((tmp_path / "env" / SPEC).glob("*"))  # uv leaves the empty folder


def test_uv_sync(projects: Projects, installing: dict[str, str], using: dict[str, str]) -> None:
    env = {**installing, "UV_NO_DEFAULT_GROUPS": "1"}
    uv("sync", "--quiet", "--python", sys.executable, "--no-dev", env=env, cwd=projects.tree)
    check(projects.tree / ".venv", using)
    uv("sync", "--quiet", "--python", sys.executable, "--no-dev", "--no-install-project", env=env, cwd=projects.tree)
    assert not list((projects.tree / ".venv" / SPEC).glob("*"))


def test_uv_add_in_a_cell_acts_on_the_kernels_environment(
    projects: Projects, environment: Path, installing: dict[str, str], tmp_path: Path
) -> None:
    run(environment, "-m", "pip", "install", "--quiet", "--no-deps", projects.wheel, env=installing)
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = []\n', encoding="utf-8"
    )
    cell = "%uv add --quiet six\nimport importlib; importlib.invalidate_caches(); import six; print(six.__file__)"
    client = (
        "from jupyter_client.manager import run_kernel\n"
        "texts = []\n"
        "with run_kernel(kernel_name='async') as client:\n"
        "    hook = lambda message: texts.append(message['content'].get('text', ''))\n"
        f"    client.execute_interactive({cell!r}, timeout=120, output_hook=hook)\n"
        "print(''.join(texts))\n"
    )
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("RUNTIME", "CONFIG", "DATA")}
    env = {**installing, **own, "IPYTHONDIR": str(tmp_path / "ipython")}
    printed = run(environment, "-c", client, env=env, cwd=project)
    assert Path(printed.strip()).is_relative_to(tmp_path / "env")
    assert '"six' in (project / "pyproject.toml").read_text(encoding="utf-8")
    assert not (project / ".venv").exists()


def test_uv_tool(projects: Projects, installing: dict[str, str], using: dict[str, str], tmp_path: Path) -> None:
    """A tool has an environment of its own, which nobody activates: a spec for the user names its Python."""
    env = {**installing, "UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    uv("tool", "install", "--quiet", "--python", sys.executable, projects.wheel, env=env)
    check(tmp_path / "tools" / "async-kernel", using)
    check_for_the_user(tmp_path / "bin" / "async-kernel", tmp_path / "tools" / "async-kernel", using, tmp_path)
    uv("tool", "uninstall", "--quiet", "async-kernel", env=env)
    assert not (tmp_path / "tools" / "async-kernel").exists()


def test_pipx(projects: Projects, installing: dict[str, str], using: dict[str, str], tmp_path: Path) -> None:
    env = {**installing, "PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    pipx = (sys.executable, "-m", "pipx")
    run(
        *pipx, "install", "--quiet", "--python", sys.executable, projects.wheel, env=env, timeout=280,
    )  # fmt: skip
    prefix = tmp_path / "pipx" / "venvs" / "async-kernel"
    check(prefix, using)
    check_for_the_user(tmp_path / "bin" / "async-kernel", prefix, using, tmp_path)
    run(*pipx, "uninstall", "async-kernel", env=env)
    assert not prefix.exists()


def check_for_the_user(program: Path, prefix: Path, using: Mapping[str, str], folder: Path) -> None:
    """`-a --user` gives a kernel that a client of another environment starts in this one, with its tools on PATH."""
    env = {**using, "JUPYTER_DATA_DIR": str(folder / "data")}
    run(program, "-a", "of-a-tool", "--user", env=env)
    cell = "import os, shutil, sys; print(sys.prefix); print(shutil.which('python')); print(os.environ['VIRTUAL_ENV'])"
    client = (
        "from jupyter_client.manager import run_kernel\n"
        "texts = []\n"
        "with run_kernel(kernel_name='of-a-tool') as client:\n"
        "    hook = lambda message: texts.append(message['content'].get('text', ''))\n"
        f"    client.execute_interactive({cell!r}, timeout=60, output_hook=hook)\n"
        "print(''.join(texts))\n"
    )
    printed = run(sys.executable, "-c", client, env=env, cwd=folder).split()
    assert [Path(line) for line in printed] == [prefix, venv_python(prefix), prefix]


@pytest.fixture(scope="module")
def lowest(projects: Projects, outside: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the lowest versions of everything that the package asks for."""
    prefix = tmp_path_factory.mktemp("lowest") / "env"
    env = {name: value for name, value in outside.items() if not name.startswith(OURS)}
    uv("venv", "--quiet", "--python", sys.executable, prefix, env=env)
    python = venv_python(prefix)
    package = f"async-kernel[trio,uvloop,debugger] @ {projects.wheel.as_uri()}"
    uv("pip", "install", "--quiet", "--python", python, "--resolution", "lowest-direct", package, env=env)
    return python


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_the_lowest_versions_that_are_asked_for_do(lowest: Path, loop: str) -> None:
    """What uses most of IPython's and trio's own: programs, magics that await, completion, an interrupt, debugpy."""
    library = "trio" if loop == "trio" else "asyncio"
    with Kernel(ours(str(lowest), loop)) as kernel:
        kernel.need(f"import {library}\nawait {library}.sleep(0)")
        assert kernel.run("!echo said", SECONDS).text.strip() == "said"
        assert "Wall time" in kernel.run(f"%%time\nawait {library}.sleep(0)", SECONDS).text
        assert "Wall time" in kernel.run(f"%time await {library}.sleep(0)", SECONDS).text
        client = kernel.client
        asked = client.send("shell", "complete_request", {"code": "prin", "cursor_pos": 4})
        assert "print" in client.reply(asked, SECONDS, "a completion").content["matches"]
        asked = client.send("control", "debug_request", {"type": "request", "seq": 1, "command": "debugInfo"})
        assert client.reply(asked, SECONDS, "the debugger").content["success"]
        cell = client.execute("print('in')\nwhile True: pass")
        client.wait(lambda: "in" in client.text(cell), SECONDS, "the cell")
        client.send("control", "interrupt_request", {})
        assert client.reply(cell, SECONDS, "the end of the cell").content["ename"] == "KeyboardInterrupt"
        assert kernel.log() == ""
