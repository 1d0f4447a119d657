"""The release script, on a clone that is thrown away."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.packaging.projects import CHECKOUT, copy_of_checkout

spec = importlib.util.spec_from_file_location("release", CHECKOUT / "release" / "release.py")
assert spec is not None
assert spec.loader is not None
release: ModuleType = importlib.util.module_from_spec(spec)
spec.loader.exec_module(release)


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The checkout as a repository of its own with one commit and one fragment of each of two kinds."""
    folder = copy_of_checkout(tmp_path / "clone")
    for fragment in (folder / "release" / "changes").glob("*.md"):
        fragment.unlink()
    write(folder, "release/changes/a.fixed.md", "A fault.\nIn two lines.\n")
    write(folder, "release/changes/b.added.md", "A thing.\n")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "A Person")
    git(folder, "config", "user.email", "person@example.org")
    commit(folder, "all")
    return folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def test_a_release_is_written_committed_tagged_and_built(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["1.2.3", "--project", str(clone)]) == 0
    assert "git push origin HEAD v1.2.3" in capsys.readouterr().out

    assert git(clone, "describe", "--tags", "--exact-match") == "v1.2.3"
    assert git(clone, "status", "--porcelain") == ""
    assert '__version__ = "1.2.3"' in (clone / "async_kernel" / "_version.py").read_text("utf-8")
    assert sorted(path.name for path in (clone / "dist").glob("async_kernel*")) == [
        "async_kernel-1.2.3-py3-none-any.whl", "async_kernel-1.2.3.tar.gz",
    ]  # fmt: skip
    assert not list((clone / "release" / "changes").glob("*.md"))
    entry = (
        r"## 1\.2\.3 \(\d{4}-\d\d-\d\d\)\n\n### Added\n\n- A thing\.\n\n### Fixed\n\n- A fault\.\n  In two lines\.\n"
    )
    assert re.search(entry, (clone / "CHANGELOG.md").read_text("utf-8"))


def test_conda_forge_gets_the_recipe_with_url_and_hash(clone: Path) -> None:
    assert release.main(["1.2.3", "--project", str(clone)]) == 0
    feedstock = clone / "dist" / "feedstock"
    recipe = yaml.safe_load((feedstock / "recipe" / "recipe.yaml").read_text("utf-8"))
    ours = yaml.safe_load((clone / "recipe" / "recipe.yaml").read_text("utf-8"))
    sdist = (clone / "dist" / "async_kernel-1.2.3.tar.gz").read_bytes()
    assert recipe.pop("source") == {"url": release.SDIST_URL, "sha256": hashlib.sha256(sdist).hexdigest()}
    assert recipe["context"]["version"] == "1.2.3"
    assert ours.pop("source") == {"path": "../dist/async_kernel-${{ version }}.tar.gz"}
    assert recipe == ours
    assert (feedstock / "recipe" / "conda_build_config.yaml").is_file()
    assert (feedstock / "conda-forge.yml").is_file()


def test_the_next_release_stands_above_the_last(clone: Path) -> None:
    assert release.main(["1.2.3", "--project", str(clone)]) == 0
    write(clone, "release/changes/c.removed.md", "A thing.\n")
    commit(clone, "take it away")
    assert release.main(["1.3.0rc1", "--project", str(clone)]) == 0
    changelog = (clone / "CHANGELOG.md").read_text("utf-8")
    assert changelog.index("## 1.3.0rc1") < changelog.index("### Removed") < changelog.index("## 1.2.3")


def test_check_changes_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["1.2.3", "--check", "--project", str(clone)]) == 0
    assert "- A thing." in capsys.readouterr().out
    assert git(clone, "status", "--porcelain", "--ignored") == ""
    assert git(clone, "tag") == ""


@pytest.mark.parametrize(
    ("version", "files", "complaint"),
    [
        ("1.2", {}, "is no version"),
        ("1.2.3", {"new.txt": ""}, "not committed"),
        ("1.2.3", {"release/changes/c.odd.md": ""}, "a fragment is named"),
    ],
)
def test_what_cannot_be_released_is_refused(
    clone: Path, version: str, files: dict[str, str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in files.items():
        write(clone, name, text)
        if name.startswith("release/"):
            commit(clone, "an odd fragment")
    before = git(clone, "rev-parse", "HEAD")
    assert release.main([version, "--project", str(clone)]) == 1
    assert complaint in capsys.readouterr().err
    assert git(clone, "rev-parse", "HEAD") == before


@pytest.mark.parametrize("version", ["1.2.3", "1.2.3rc1", "1.2.2"])
def test_a_version_is_not_released_twice_or_backwards(
    clone: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release.main(["1.2.3", "--project", str(clone)]) == 0
    write(clone, "release/changes/c.added.md", "More.\n")
    commit(clone, "more")
    assert release.main([version, "--project", str(clone)]) == 1
    assert re.search("there already|does not come after", capsys.readouterr().err)


def test_nothing_to_say_is_nothing_to_release(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(clone, "rm", "--quiet", "-r", "release/changes")
    git(clone, "commit", "--quiet", "--message", "nothing")
    assert release.main(["1.2.3", "--project", str(clone)]) == 1
    assert "no fragment" in capsys.readouterr().err


def test_the_fragments_of_the_checkout_are_well_formed() -> None:
    assert release.changelog_entry(release.Project(CHECKOUT), "0", release.datetime.date.today())


def test_it_runs_as_typed(clone: Path) -> None:
    done = subprocess.run(
        [sys.executable, "release/release.py", "1.2.3", "--check"],
        cwd=clone, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
