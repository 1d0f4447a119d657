"""What the built packages hold, and what the recipe's own tests say of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rattler_build import Package

from tests.conda.environments import files_below
from tests.conda.recipe import RecipeBuilder, read_json, unpack, variants

SPEC = "share/jupyter/kernels/async/kernel.json"


def test_the_recipes_own_tests_pass(builder: RecipeBuilder, unix_package: Package) -> None:
    assert builder.failures(unix_package) == ""


@pytest.mark.parametrize(
    ("platform", "families"), [("linux-64", ["unix"]), ("osx-arm64", ["unix"]), ("win-64", ["win"])]
)
def test_each_system_builds_its_own_variant(platform: str, families: list[str]) -> None:
    assert variants(platform) == families


@pytest.mark.parametrize(("family", "loop"), [("unix", "uvloop"), ("win", "winloop")])
def test_each_variant_needs_its_system_and_its_loop(family: str, loop: str, request: pytest.FixtureRequest) -> None:
    package: Package = request.getfixturevalue(f"{family}_package")
    needed = {dependency.split()[0] for dependency in package.depends}
    assert needed & {"__unix", "__win", "uvloop", "winloop"} == {f"__{family}", loop}
    assert package.noarch == "python"
    assert package.build_string.startswith(f"{family}_pyh")


@pytest.mark.parametrize(("family", "python"), [("unix", "bin/python"), ("win", "python.exe")])
def test_the_spec_names_the_interpreter_of_the_prefix(
    family: str, python: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = unpack(request.getfixturevalue(f"{family}_package"), tmp_path)
    [entry] = [each for each in read_json(folder / "info" / "paths.json")["paths"] if each["_path"] == SPEC]
    assert entry["file_mode"] == "text"
    assert read_json(folder / SPEC)["argv"][0] == f"{entry['prefix_placeholder']}/{python}"


def test_entry_points_are_made_by_the_installer(unix_package: Package, tmp_path: Path) -> None:
    """Only declared entry points get an .exe on Windows; a script that pip wrote would go to `python-scripts/`."""
    folder = unpack(unix_package, tmp_path)
    assert read_json(folder / "info" / "link.json")["noarch"]["entry_points"] == [
        "async-kernel = async_kernel.command:command_line",
        "async_kernel = async_kernel.command:command_line",
    ]
    assert not (folder / "python-scripts").exists()


def test_no_file_names_the_machine_that_built_it(builder: RecipeBuilder, unix_package: Package, tmp_path: Path) -> None:
    folder = unpack(unix_package, tmp_path)
    placeholder = next(
        each["prefix_placeholder"]
        for each in read_json(folder / "info" / "paths.json")["paths"]
        if "prefix_placeholder" in each
    )
    for path in files_below(folder):
        if not path.startswith("info/recipe/"):  # the record of the build says where it ran
            data = (folder / path).read_bytes().replace(placeholder.encode(), b"")
            assert str(builder.folder).encode() not in data, path


def test_nothing_runs_when_it_is_linked(unix_package: Package, win_package: Package) -> None:
    files = [*unix_package.files, *win_package.files]
    assert [path for path in files if "post-link" in path or "pre-unlink" in path or "pre-link" in path] == []
