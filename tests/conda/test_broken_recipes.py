"""Each check, seen to fail: recipes with one fault each, and the words in which a build or a test refuses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conda import test_package
from tests.conda.recipe import BuildFailed, Recipe, RecipeBuilder


def without_data(recipe: Recipe) -> None:
    recipe["build"]["script"].append("rm -r $PREFIX/share/jupyter")


def without_logo(recipe: Recipe) -> None:
    recipe["build"]["script"].append("rm $PREFIX/share/jupyter/kernels/async/logo-svg.svg")


def without_dependency(recipe: Recipe) -> None:
    recipe["requirements"]["run"] = [each for each in recipe["requirements"]["run"] if not each.startswith("comm ")]


def without_loop(recipe: Recipe) -> None:
    recipe["requirements"]["run"] = [each for each in recipe["requirements"]["run"] if "uvloop" not in each]


def wrong_version(recipe: Recipe) -> None:
    recipe["context"]["version"] = "9.9.9"


def bare_python(recipe: Recipe) -> None:
    recipe["build"]["script"] = [each for each in recipe["build"]["script"] if "name_interpreter" not in each]


def without_entry_points(recipe: Recipe) -> None:
    recipe["build"]["python"]["entry_points"] = []
    recipe["build"]["script"].append("rm $PREFIX/bin/async-kernel $PREFIX/bin/async_kernel")


IMPORTS, SCRIPT = 0, 1
"""The test of the recipe that refuses the package, by its place there; `package_contents` is checked by the build."""


@pytest.mark.parametrize(
    ("fault", "test", "complaint"),
    [
        (without_data, None, "share/jupyter/kernels/async/kernel.json"),
        (without_logo, None, "logo-svg.svg"),
        (without_dependency, IMPORTS, "requires comm, which is not installed"),
        (without_loop, SCRIPT, "not on uvloop"),
        (wrong_version, SCRIPT, "AssertionError: 0."),
        (bare_python, SCRIPT, "No such file or directory: 'python'"),
        (without_entry_points, SCRIPT, "async-kernel: command not found"),
    ],
)
def test_a_broken_recipe_is_refused(
    builder: RecipeBuilder, fault: Callable[[Recipe], None], test: int | None, complaint: str
) -> None:
    try:
        said = builder.failures(builder.build(builder.recipe(fault)), test)
    except BuildFailed as failed:
        said = str(failed)
    assert complaint in said


def test_undeclared_entry_points_are_noticed(builder: RecipeBuilder, tmp_path: Path) -> None:
    """pip's scripts hide the fault on Linux; on Windows there would be no .exe."""

    def undeclared(recipe: Recipe) -> None:
        recipe["build"]["python"]["entry_points"] = []

    package = builder.build(builder.recipe(undeclared))
    with pytest.raises((AssertionError, KeyError)):
        test_package.test_entry_points_are_made_by_the_installer(package, tmp_path)
