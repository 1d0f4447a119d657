"""The conda recipe says what pyproject.toml says."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.packaging.projects import CHECKOUT, project

Recipe = dict[str, Any]


@pytest.fixture
def recipe() -> Recipe:
    """The recipe as data, its templates unread."""
    read: Recipe = yaml.safe_load((CHECKOUT / "recipe" / "recipe.yaml").read_text(encoding="utf-8"))
    return read


def version() -> str:
    """The version in `async_kernel/_version.py`."""
    found = re.search(
        r'^__version__ = "(.+)"$', (CHECKOUT / "async_kernel" / "_version.py").read_text(encoding="utf-8"), re.M
    )
    assert found is not None
    return found[1]


def as_pairs(dependencies: list[str]) -> set[tuple[str, str]]:
    """Names and version ranges of dependencies in conda's or in PyPI's words, made alike."""
    pairs: set[tuple[str, str]] = set()
    for dependency in dependencies:
        requirement = Requirement(dependency)
        pairs.add((canonicalize_name(requirement.name), str(SpecifierSet(str(requirement.specifier)))))
    return pairs


def dependencies_differ(recipe: Recipe) -> bool:
    """Whether the plain run dependencies (no template) are others than pyproject's."""
    plain = [each for each in recipe["requirements"]["run"] if "${{" not in each]
    return as_pairs(plain) != as_pairs(project()["project"]["dependencies"])


def loops_differ(recipe: Recipe) -> bool:
    """Whether the loop of each system is another than the extra `uvloop` says."""
    [template] = [each for each in recipe["requirements"]["run"] if "winloop" in each]
    windows, elsewhere = re.findall(r'"([^"]*loop[^"]*)"', template)
    extra = {requirement.name: str(requirement.specifier) for requirement in map(Requirement, extras("uvloop"))}
    return as_pairs([windows]) | as_pairs([elsewhere]) != set(extra.items())


def extras(name: str) -> list[str]:
    """The requirements of an extra."""
    found: list[str] = project()["project"]["optional-dependencies"][name]
    return found


def constraints_differ(recipe: Recipe) -> bool:
    """Whether the optional packages are constrained otherwise than the extras of the same names."""
    return as_pairs(recipe["requirements"]["run_constraints"]) != as_pairs([*extras("trio"), *extras("debugger")])


def entry_points_differ(recipe: Recipe) -> bool:
    """Whether the recipe declares other console scripts than pyproject."""
    declared = [tuple(each.split(" = ")) for each in recipe["build"]["python"]["entry_points"]]
    return set(declared) != set(project()["project"]["scripts"].items())


def pythons_differ(recipe: Recipe) -> bool:
    """Whether the lowest Python is another."""
    lowest: str = project()["project"]["requires-python"]
    return lowest != f">={recipe['context']['python_min']}"


def build_systems_differ(recipe: Recipe) -> bool:
    """Whether the package is built with other tools."""
    host = [each for each in recipe["requirements"]["host"] if "${{" not in each and each != "pip"]
    return as_pairs(host) != as_pairs(project()["build-system"]["requires"])


def versions_differ(recipe: Recipe) -> bool:
    """Whether the recipe builds another version."""
    return bool(recipe["context"]["version"] != version())


def licenses_differ(recipe: Recipe) -> bool:
    """Whether license or summary are others."""
    about, metadata = recipe["about"], project()["project"]
    return (about["license"], about["license_file"], about["summary"]) != (
        metadata["license"], metadata["license-files"][0], metadata["description"],
    )  # fmt: skip


CHECKS = [
    dependencies_differ,
    loops_differ,
    constraints_differ,
    entry_points_differ,
    pythons_differ,
    build_systems_differ,
    versions_differ,
    licenses_differ,
]


@pytest.mark.parametrize("differ", CHECKS)
def test_the_recipe_says_what_pyproject_says(recipe: Recipe, differ: Callable[[Recipe], bool]) -> None:
    assert not differ(recipe)


def one_dependency_less(recipe: Recipe) -> None:
    recipe["requirements"]["run"] = [each for each in recipe["requirements"]["run"] if not each.startswith("comm")]


def an_older_dependency(recipe: Recipe) -> None:
    run = recipe["requirements"]["run"]
    recipe["requirements"]["run"] = [each.replace("pyzmq >=", "pyzmq >=1") for each in run]


def another_loop(recipe: Recipe) -> None:
    run = recipe["requirements"]["run"]
    recipe["requirements"]["run"] = [each.replace("winloop >=0", "winloop >=1") for each in run]


def no_constraint(recipe: Recipe) -> None:
    del recipe["requirements"]["run_constraints"][0]


def one_entry_point_less(recipe: Recipe) -> None:
    del recipe["build"]["python"]["entry_points"][0]


def another_python(recipe: Recipe) -> None:
    recipe["context"]["python_min"] = "3.9"


def another_build_system(recipe: Recipe) -> None:
    recipe["requirements"]["host"].append("setuptools")


def another_version(recipe: Recipe) -> None:
    recipe["context"]["version"] = "9.9"


def another_license(recipe: Recipe) -> None:
    recipe["about"]["license"] = "BSD-3-Clause"


@pytest.mark.parametrize(
    ("fault", "differ"),
    [
        (one_dependency_less, dependencies_differ),
        (an_older_dependency, dependencies_differ),
        (another_loop, loops_differ),
        (no_constraint, constraints_differ),
        (one_entry_point_less, entry_points_differ),
        (another_python, pythons_differ),
        (another_build_system, build_systems_differ),
        (another_version, versions_differ),
        (another_license, licenses_differ),
    ],
)
def test_a_recipe_that_says_otherwise_is_noticed(
    recipe: Recipe, fault: Callable[[Recipe], None], differ: Callable[[Recipe], bool]
) -> None:
    broken = copy.deepcopy(recipe)
    fault(broken)
    assert differ(broken)
