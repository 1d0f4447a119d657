"""A pull request is asked for its changelog fragment, by the script that the workflow runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.packaging.projects import CHECKOUT

SCRIPT = CHECKOUT / ".ci" / "fragment.py"


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A Person", "-c", "user.email=person@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository whose branch `change` has left `main`, which has gone on since."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path, "async_kernel/kernel.py", "release/changes/README.md", "docs/page.md")
    git(tmp_path, "checkout", "--quiet", "-b", "change")
    git(tmp_path, "checkout", "--quiet", "main")
    commit(tmp_path, "async_kernel/others.py", "release/changes/others.added.md")
    git(tmp_path, "checkout", "--quiet", "change")
    return tmp_path


def commit(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.read_text() if path.exists() else ''}more\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "some")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        (["docs/page.md"], 0),
        (["async_kernel/kernel.py"], 1),
        (["share/man/man1/page.1"], 1),
        (["async_kernel/kernel.py", "release/changes/README.md"], 1),
        (["async_kernel/kernel.py", "release/changes/mine.fixed.md"], 0),
    ],
)
def test_a_change_of_the_package_needs_a_fragment(clone: Path, changed: list[str], status: int) -> None:
    commit(clone, *changed)
    command = [sys.executable, str(SCRIPT), "main"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stderr
    assert ("release/changes" in done.stdout) == (status == 1)


def test_the_workflow_asks_each_pull_request_that_is_not_internal() -> None:
    workflow = yaml.safe_load((CHECKOUT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))
    job = workflow["jobs"]["fragment"]
    assert "github.event_name == 'pull_request'" in job["if"]
    assert "'internal'" in job["if"]
    *_, step = job["steps"]
    assert step["run"].startswith(f"python3 {SCRIPT.relative_to(CHECKOUT).as_posix()} ")
