"""The package in an environment: installed, used from inside and outside, upgraded, removed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from rattler_build import Package

from tests.conda.environments import Environment, files_below
from tests.conda.recipe import CHECKOUT, RecipeBuilder, build_sdist, read_json
from tests.packaging.projects import unpack_sdist

KERNELS = "share/jupyter/kernels"
SPEC = f"{KERNELS}/async/kernel.json"


def kernel_specs(environment: Environment, **variables: str) -> dict[str, str]:
    """Name and folder of each kernel spec that Jupyter in the environment sees."""
    listed = json.loads(environment.run("jupyter", "kernelspec", "list", "--json", **variables))["kernelspecs"]
    return {name: each["resource_dir"] for name, each in listed.items()}


def test_the_spec_stands_under_the_prefix(environment: Environment) -> None:
    folder = environment.prefix / KERNELS / "async"
    assert {path.name for path in folder.iterdir()} == {
        "kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg",
    }  # fmt: skip
    assert files_below(environment.decoy) == set()
    assert kernel_specs(environment) == {"async": str(folder)}


def test_the_spec_is_the_checkouts_but_for_the_interpreter(environment: Environment) -> None:
    installed = read_json(environment.prefix / SPEC)
    ours = read_json(CHECKOUT / SPEC)
    assert installed["argv"][0] == f"{environment.prefix}/bin/python"
    assert ours["argv"][0] == "python"
    assert installed["argv"][1:] == ours["argv"][1:]
    assert {**installed, "argv": []} == {**ours, "argv": []}


@pytest.mark.parametrize("script", ["async-kernel", "async_kernel"])
def test_both_console_scripts_run(environment: Environment, script: str, builder: RecipeBuilder) -> None:
    version = builder.recipe()["context"]["version"]
    assert re.search(rf"(^|\s){re.escape(version)}\s*$", environment.run(script, "--version"))


def test_pip_finds_nothing_missing_and_the_right_version(environment: Environment, builder: RecipeBuilder) -> None:
    environment.run("python", "-m", "pip", "check")
    [ours] = [
        each
        for each in json.loads(environment.run("python", "-m", "pip", "list", "--format", "json"))
        if each["name"] == "async-kernel"
    ]
    assert ours["version"] == builder.recipe()["context"]["version"]


def test_a_cell_runs_in_the_prefix_on_uvloop(environment: Environment) -> None:
    said = environment.run("python", str(CHECKOUT / "recipe" / "run_one_cell.py"))
    assert said.split() == [str(environment.prefix), "uvloop"]


@pytest.fixture(scope="module")
def other(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment that has a Jupyter client and nothing of async-kernel."""
    other = Environment(tmp_path_factory.mktemp("other") / "env", environment.channels, environment.decoy)
    other.install("jupyter_client")
    return other


def test_from_another_environment_the_kernel_runs_in_its_own_prefix(
    environment: Environment, other: Environment
) -> None:
    path = str(environment.prefix / "share" / "jupyter")
    assert kernel_specs(other) == {}
    assert kernel_specs(other, JUPYTER_PATH=path) == {"async": str(environment.prefix / KERNELS / "async")}
    said = other.run("python", str(CHECKOUT / "tests" / "packaging" / "one_cell.py"), JUPYTER_PATH=path)
    assert said.splitlines()[0] == str(environment.prefix)


def test_a_bare_python_would_start_the_interpreter_of_the_client(
    environment: Environment, other: Environment, tmp_path: Path
) -> None:
    """Why the recipe names the interpreter: this is what would be started otherwise."""
    shutil.copytree(environment.prefix / KERNELS, tmp_path / "kernels")
    spec = tmp_path / "kernels" / "async" / "kernel.json"
    spec.write_text(json.dumps(read_json(CHECKOUT / SPEC)), encoding="utf-8")
    code = "from jupyter_client import KernelManager as M; print(M(kernel_name='async').format_kernel_cmd()[0])"
    started = other.run("python", "-c", code, JUPYTER_PATH=str(tmp_path)).strip()
    assert Path(started).is_relative_to(other.prefix)


@pytest.fixture(scope="module")
def newer(builder: RecipeBuilder, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A next version, whose spec has another display name and whose folder has lost a logo."""
    folder = tmp_path_factory.mktemp("newer")
    project = unpack_sdist(builder.sdist, folder / "project")
    (project / "async_kernel" / "_version.py").write_text('__version__ = "999.0"\n', encoding="utf-8")
    spec = project / SPEC
    spec.write_text(json.dumps(read_json(spec) | {"display_name": "newer"}), encoding="utf-8")
    recipe = builder.recipe(
        lambda recipe: recipe["context"].update(version="999.0"), build_sdist(project, folder / "dist")
    )
    return builder.build(recipe)


def test_an_upgrade_replaces_the_spec_and_a_removal_leaves_nothing(
    environment: Environment, newer: Package, tmp_path: Path
) -> None:
    ours = Environment(tmp_path / "env", environment.channels, environment.decoy)
    before = ours.install("ipython", "uvloop", "anyio", "jupyter_client", "comm", "pip")
    without = files_below(ours.prefix)
    assert "async-kernel" not in {record.name.normalized for record in before}

    ours.install("async-kernel", "pip")
    first = read_json(ours.prefix / SPEC)
    assert first["display_name"] == "async"

    ours.channels = [newer.path.parents[1].as_uri(), environment.channels[-1]]
    ours.install("async-kernel >=999", "pip")
    second = read_json(ours.prefix / SPEC)
    assert second == {**first, "display_name": "newer"}
    assert ours.run("async-kernel", "--version").strip().endswith("999.0")
    assert len(list(ours.prefix.glob("lib/python*/site-packages/async_kernel-*.dist-info"))) == 1

    ours.install("ipython", "uvloop", "anyio", "jupyter_client", "comm", "pip")
    assert files_below(ours.prefix) == without
    assert not (ours.prefix / KERNELS / "async").exists()
    assert kernel_specs(ours) == {}
