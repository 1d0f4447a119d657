"""The checkout's recipe: read, changed for a test, built into packages of a local channel, and tested."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from rattler.package_streaming import extract
from rattler_build import JinjaConfig, Package, PlatformConfig, RattlerBuildError, Stage0Recipe, VariantConfig
from rattler_build.progress import LogEvent

from tests.conda.cpython import VERSION

__all__ = ["CHECKOUT", "RECIPE", "BuildFailed", "RecipeBuilder", "build_sdist", "unpack", "variants"]

CHECKOUT = Path(__file__).parents[2]
RECIPE = CHECKOUT / "recipe"

Recipe = dict[str, Any]


class BuildFailed(Exception):
    """A recipe did not build; the message is what the build said."""


class Log:
    """Collects what rattler-build says (its ProgressCallback)."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_log(self, event: LogEvent) -> None:
        self.lines.append(event.message)

    def ignore(self, event: object) -> None: ...

    on_download_start = on_download_progress = on_download_complete = on_build_step = ignore


class RecipeBuilder:
    """Builds variants of the checkout's recipe against `channel`, from `sdist`, under `folder`."""

    def __init__(self, channel: str, sdist: Path, folder: Path) -> None:
        self.channel = channel
        self.sdist = sdist
        self.folder = folder
        self._count = 0

    def recipe(self, change: Callable[[Recipe], None] | None = None, sdist: Path | None = None) -> Recipe:
        """The recipe as data, its source the sdist, its Python the running one, then `change` applied."""
        recipe: Recipe = copy.deepcopy(yaml.safe_load((RECIPE / "recipe.yaml").read_text(encoding="utf-8")))
        source = sdist or self.sdist
        recipe["source"] = {"path": str(source), "sha256": hashlib.sha256(source.read_bytes()).hexdigest()}
        recipe["context"]["python_min"] = VERSION
        if change is not None:
            change(recipe)
        return recipe

    def build(self, recipe: Recipe, family: str = "unix") -> Package:
        """Build the variant for "unix" or "win" and return the package. Raises `BuildFailed`."""
        self._count += 1
        recipe["context"]["number"] = self._count  # packages of one name would share a place in rattler's cache
        folder = self.folder / f"build{self._count}"
        log = Log()
        try:
            [variant] = Stage0Recipe.from_dict(recipe, recipe_dir=folder).render(
                VariantConfig({"noarch_platform": [family]})
            )
            result = variant.run_build(
                channels=[self.channel], output_dir=folder / "output", no_build_id=True, progress_callback=log
            )
        except RattlerBuildError as error:
            raise BuildFailed("\n".join([*log.lines, str(error)])) from error
        return Package.from_file(result.packages[0])

    def failures(self, package: Package, only: int | None = None) -> str:
        """What the recipe's own tests say of the package: "" when all pass, else the output of the first that fails.

        `only` is the one test to run (0: imports and pip check, 1: the script); each makes an environment of its own.
        """
        assert package.tests
        for test in range(len(package.tests)) if only is None else [only]:
            result = package.run_test(test, channel=[self.channel])
            if not result.success:
                return "\n".join(result.output) or f"test {test} failed"
        return ""


def variants(platform: str) -> list[str]:
    """The values of `noarch_platform` that conda_build_config.yaml gives on a platform, for example ["win"]."""
    jinja = JinjaConfig(platform=PlatformConfig(target_platform=platform))
    config = VariantConfig.from_conda_build_config(RECIPE / "conda_build_config.yaml", jinja)
    values = config.get_values("noarch_platform")
    return [str(value) for value in values or []]


def build_sdist(project: Path, folder: Path) -> Path:
    """Build the sdist of the project in `project` with the hatchling that is installed, and return it."""
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder), str(project)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    [sdist] = folder.glob("*.tar.gz")
    return sdist


def unpack(package: Package, folder: Path) -> Path:
    """Unpack a built package (files and `info/`) into `folder` and return it."""
    assert zipfile.is_zipfile(package.path)
    extract(package.path, folder)
    return folder


def read_json(path: Path) -> Any:
    """The document in a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def names(dependencies: Sequence[str]) -> set[str]:
    """The package names in conda dependencies, for example {"ipython"} for ["ipython >=9.1"]."""
    return {dependency.split()[0] for dependency in dependencies}
