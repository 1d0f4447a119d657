"""The sdist and the wheel: the same bytes each time, whole, well-formed, and silent about where they were made."""

from __future__ import annotations

import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging.projects import CHECKOUT, build, copy_of_checkout, run, unpack_sdist

DATA = "share/jupyter/kernels/async"
START = "async_kernel_start.pth"
FILES = ["kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"]


def members(archive: Path) -> dict[str, bytes]:
    """The files of a wheel or sdist by name."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as sdist:
        files = {member.name: sdist.extractfile(member) for member in sdist.getmembers() if member.isfile()}
        return {name: file.read() for name, file in files.items() if file is not None}


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_a_second_build_gives_the_same_bytes(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """From another folder, with other file times, another umask's permissions and another hash seed."""
    first: Path = request.getfixturevalue(kind)
    again = copy_of_checkout(tmp_path / "elsewhere")
    for path in again.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    [second] = build(
        again, tmp_path / "dist", f"--{kind}", env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    )
    assert second.name == first.name
    assert second.read_bytes() == first.read_bytes()


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_tree(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    [from_sdist] = build(unpack_sdist(sdist, tmp_path / "unpacked"), tmp_path / "dist", "--wheel")
    assert from_sdist.read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_the_package_and_the_default_spec(wheel: Path) -> None:
    held = members(wheel)
    version = wheel.name.split("-")[1]
    for name in FILES:
        assert held[f"async_kernel-{version}.data/data/{DATA}/{name}"] == (CHECKOUT / DATA / name).read_bytes()
    assert held[START] == (CHECKOUT / "share" / "site-packages" / START).read_bytes()
    assert "async_kernel/py.typed" in held
    package = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "async_kernel").rglob("*.py")}
    assert package == {name for name in held if name.endswith(".py")}


def test_the_sdist_holds_what_builds_and_tests_it(sdist: Path) -> None:
    held = {name.split("/", 1)[1] for name in members(sdist)}
    assert {
        "pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "recipe/recipe.yaml", "recipe/name_interpreter.py",
        "recipe/run_one_cell.py", "release/release.py", "tests/packaging/test_distributions.py",
    } <= held  # fmt: skip
    assert not [name for name in held if "__pycache__" in name or name.startswith((".git/", "dist/"))]


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_no_file_names_the_machine_that_built_it(kind: str, source: Path, request: pytest.FixtureRequest) -> None:
    distribution: Path = request.getfixturevalue(kind)
    named = [str(source), str(CHECKOUT), sys.prefix, sys.base_prefix, str(distribution.parent)]
    for name, data in members(distribution).items():
        # a base_prefix of /usr is in every "#!/usr/bin/env python" and says nothing of a machine
        assert not [path for path in named if len(path) > len("/usr/local") and path.encode() in data], name


CHECK_CONTENTS = ("check_wheel_contents", "--no-config", "--ignore", "W002")
"""W002, a file twice, is what is wanted for the logos: with the default spec, and with the code that writes others."""


@pytest.mark.parametrize(
    "command",
    [("twine", "check", "--strict"), CHECK_CONTENTS],
    ids=["twine", "check-wheel-contents"],
)
def test_the_checkers_of_pypi_agree(command: tuple[str, ...], sdist: Path, wheel: Path) -> None:
    files = [sdist, wheel] if command[0] == "twine" else [wheel]
    run(sys.executable, "-m", *command, *files, env=os.environ)


def test_a_checker_sees_a_fault(wheel: Path, tmp_path: Path) -> None:
    """A wheel with a stray top-level package is refused, so that the silence above means something."""
    broken = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(broken, "w") as copy:
        record = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        for name in archive.namelist():
            copy.writestr(name, archive.read(name) + (b"tests/__init__.py,,\n" if name == record else b""))
        copy.writestr("tests/__init__.py", "")
    with pytest.raises(AssertionError, match="W005"):
        run(sys.executable, "-m", *CHECK_CONTENTS, broken, env=os.environ)


def test_nothing_but_the_logos_is_in_the_wheel_twice(wheel: Path) -> None:
    held = [(name, data) for name, data in members(wheel).items() if data]
    twice = {name.rsplit("/", 1)[1] for name, data in held if [each for _, each in held].count(data) > 1}
    assert twice <= {"logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}


def test_pyproject_is_valid() -> None:
    run(sys.executable, "-m", "validate_pyproject", CHECKOUT / "pyproject.toml", env=os.environ)
