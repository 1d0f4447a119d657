"""The wheel, installed in the less usual ways and on the other Pythons; each runs a cell and is removed again.

The usual ways (pip, uv, pipx, editable) are in tests/e2e/test_install_matrix.py.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.packaging.projects import CHECKOUT, find_python, run, venv_python

pytestmark = pytest.mark.timeout(400)  # each test installs from PyPI, and the slowest machine sets the pace

SPEC = Path("share", "jupyter", "kernels", "async", "kernel.json")
ONE_CELL = CHECKOUT / "tests" / "packaging" / "one_cell.py"
OURS = ("PYTHON", "VIRTUAL_ENV", "JUPYTER", "CONDA")
"""Beginnings of the names of variables through which this test run would reach into what it installs."""


VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="session")
def installing_variables(outside: Mapping[str, str]) -> dict[str, str]:
    """The variables that pip runs with: the user's, as settings of pip may say where it downloads from."""
    return {name: value for name, value in outside.items() if not name.startswith(OURS)}


@pytest.fixture
def installing(installing_variables: dict[str, str]) -> dict[str, str]:
    """The same, for one test to change."""
    return dict(installing_variables)


@pytest.fixture
def using() -> dict[str, str]:
    """The variables that an installed kernel is used with: the empty home of the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


@pytest.fixture(scope="session")
def wheels(
    wheel: Path, installing_variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """pip's arguments to install the wheel with nothing but files that were downloaded once."""
    folder = tmp_path_factory.mktemp("wheels")
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--wheel-dir",
        folder,
        wheel,
        env=installing_variables,
        timeout=300,
    )
    return "install", "--quiet", "--no-index", "--find-links", str(folder), "async-kernel"


def make_venv(folder: Path, python: Path, *options: str) -> Path:
    """Make a virtual environment and return its interpreter."""
    run(python, "-m", "venv", *options, folder, env={"PATH": os.environ["PATH"]}, timeout=300)
    return venv_python(folder)


def run_a_cell(python: Path, variables: dict[str, str]) -> list[Path]:
    """The cell's sys.prefix and the folder its async_kernel came from.

    Started in a folder of no interest: `python -m async_kernel` in the checkout would run the checkout.
    """
    printed = run(python, ONE_CELL, env=variables, cwd=Path(variables["HOME"]))
    return [Path(line).resolve() for line in printed.splitlines()]


def test_into_a_target(
    wheels: tuple[str, ...], installing: dict[str, str], using: dict[str, str], tmp_path: Path
) -> None:
    """The spec goes to `<target>/share`, which Jupyter searches when JUPYTER_PATH says so."""
    target = tmp_path / "target"
    python = make_venv(tmp_path / "venv", Path(sys.executable))
    run(python, "-m", "pip", *wheels, "--target", target, env=installing, timeout=300)
    assert (target / SPEC).is_file()
    using |= {"PYTHONPATH": str(target), "JUPYTER_PATH": str(target / "share" / "jupyter")}
    assert run_a_cell(python, using) == [(tmp_path / "venv").resolve(), target.resolve()]


def test_for_the_user(
    wheels: tuple[str, ...], installing: dict[str, str], using: dict[str, str], tmp_path: Path
) -> None:
    """By the base interpreter, as pip refuses `--user` in a virtual environment; its folder for the user is ours.

    The pip is a virtual environment's, and may do so where a distributor manages the interpreter's own packages.
    """
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    with_pip = run(make_venv(tmp_path / "venv", Path(sys.executable)), "-c", code, env=using).strip()
    base_python = Path(sys.base_prefix, "python.exe" if sys.platform == "win32" else f"bin/python{VERSION}")
    user_base = {"PYTHONUSERBASE": str(tmp_path / "user")}
    installing |= {"PYTHONPATH": with_pip, "PIP_BREAK_SYSTEM_PACKAGES": "1"} | user_base
    spec = tmp_path / "user" / SPEC

    run(base_python, "-m", "pip", *wheels, "--user", "--ignore-installed", env=installing, timeout=300)
    assert spec.is_file()
    prefix, package = run_a_cell(base_python, using | user_base)
    assert prefix == Path(sys.base_prefix).resolve()
    assert package.is_relative_to((tmp_path / "user").resolve())
    run(base_python, "-m", "pip", "uninstall", "--quiet", "--yes", "async-kernel", env=installing)
    assert not spec.parent.exists()


@pytest.mark.parametrize("options", [(), ("--system-site-packages",)], ids=["alone", "system-site-packages"])
def test_into_a_virtual_environment(
    options: tuple[str, ...],
    wheels: tuple[str, ...],
    installing: dict[str, str],
    using: dict[str, str],
    tmp_path: Path,
) -> None:
    python = make_venv(tmp_path / "venv", Path(sys.executable), *options)
    run(python, "-m", "pip", *wheels, env=installing, timeout=300)
    prefix = (tmp_path / "venv").resolve()
    assert (prefix / SPEC).is_file()
    ran_in, package = run_a_cell(python, using)
    assert ran_in == prefix
    assert package.is_relative_to(prefix)
    run(python, "-m", "pip", "uninstall", "--quiet", "--yes", "async-kernel", env=installing)
    assert not (prefix / SPEC.parent).exists()
    assert not shutil.which("async-kernel", path=str(python.parent))


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_on_each_python(
    version: str, wheel: Path, installing: dict[str, str], using: dict[str, str], tmp_path: Path
) -> None:
    """With the extras that hold compiled code, from PyPI, on asyncio with uvloop and on trio."""
    interpreter = find_python(version)
    if interpreter is None:
        pytest.skip(f"there is no Python {version} on PATH or in pyenv")
    python = make_venv(tmp_path / "venv", interpreter)
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[trio,uvloop]", env=installing, timeout=300)
    prefix = (tmp_path / "venv").resolve()
    assert run_a_cell(python, using)[0] == prefix
    script = shutil.which("async-kernel", path=str(python.parent))
    assert script is not None
    run(script, "-a", "async", "--backend=trio", env=using)
    assert "--backend=trio" in (prefix / SPEC).read_text("utf-8")
    assert run_a_cell(python, using)[0] == prefix
