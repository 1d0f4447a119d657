"""The channel, the packages and the environment that the tests of this folder share; each is made once.

Of scope "package", not "session": the environment variables are those of these tests alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from rattler_build import Package

from tests.conda.channel import make_channel, make_stub_channel
from tests.conda.cpython import why_not
from tests.conda.environments import Environment
from tests.conda.recipe import CHECKOUT, RECIPE, RecipeBuilder, build_sdist

PLATFORMS = ("linux-64", "osx-arm64", "win-64")


@pytest.fixture(scope="package", autouse=True)
def rattler_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Packages of these channels stay out of the user's cache, and packages of the user's cache out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RATTLER_CACHE_DIR", str(tmp_path_factory.mktemp("rattler-cache")))
        for name in [name for name in os.environ if name.startswith(("JUPYTER", "CONDA", "PYTHON"))]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="package")
def channel_folder(outside: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel with CPython and everything that the recipe needs to be built, run and tested."""
    if reason := why_not():
        pytest.skip(reason)
    requirements = yaml.safe_load((RECIPE / "recipe.yaml").read_text(encoding="utf-8"))["requirements"]
    specs = [*requirements["host"], *requirements["run"]]
    plain = [spec.replace(" ", "") for spec in specs if not spec.startswith(("python", "_", "$"))]
    folder = tmp_path_factory.mktemp("channel")
    make_channel([*plain, "uvloop"], tmp_path_factory.mktemp("wheels"), folder, outside)
    return folder


@pytest.fixture(scope="package")
def builder(channel_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RecipeBuilder:
    """Builds the recipe from the checkout's own sdist."""
    sdist = build_sdist(CHECKOUT, tmp_path_factory.mktemp("sdist"))
    return RecipeBuilder(channel_folder.as_uri(), sdist, tmp_path_factory.mktemp("recipes"))


@pytest.fixture(scope="package")
def unix_package(builder: RecipeBuilder) -> Package:
    """The package for Linux and macOS."""
    return builder.build(builder.recipe(), "unix")


@pytest.fixture(scope="package")
def win_package(builder: RecipeBuilder) -> Package:
    """The package for Windows. It is built here, on Linux: nothing of it is compiled."""
    return builder.build(builder.recipe(), "win")


@pytest.fixture(scope="package")
def decoy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home and a conda base that hold nothing."""
    folder = tmp_path_factory.mktemp("decoy")
    (folder / "base" / "share" / "jupyter" / "kernels").mkdir(parents=True)
    return folder


@pytest.fixture(scope="package")
def environment(
    channel_folder: Path, unix_package: Package, decoy: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """An environment in which `async-kernel` and pip were installed, and nothing was done since."""
    channels = [unix_package.path.parents[1].as_uri(), channel_folder.as_uri()]
    environment = Environment(tmp_path_factory.mktemp("environments") / "ready", channels, decoy)
    environment.install("async-kernel", "pip")
    return environment


@pytest.fixture(scope="package")
def stub_channels(
    channel_folder: Path, unix_package: Package, win_package: Package, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """A channel for solves on three systems: both variants of the package, and stubs of all that they need."""
    packages = [unix_package.path, win_package.path]
    return [make_stub_channel(channel_folder, packages, tmp_path_factory.mktemp("stubs"), PLATFORMS)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of each fixture pays for downloads, builds and environments; its deadline allows for that."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(400))
