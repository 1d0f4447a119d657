"""Makes a release: version, changelog, commit, tag, distributions, and the recipe for conda-forge.

    python release/release.py 0.2.0          # needs: pip install build hatchling
    python release/release.py 0.2.0 --check  # says what would be done, and does nothing

Nothing is pushed or uploaded: the last lines that it prints are the commands that do so. How releases are made, and
what a changelog fragment looks like: `docs/contribute/packaging.md`.

Knows the checkout that it is given (`--project`, by default its own), and nothing of the package's insides.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

KINDS = ("added", "changed", "fixed", "removed")
"""The kinds of changes, in the order of their headings in the changelog."""

MARK = "<!-- releases -->\n"
"""The line of CHANGELOG.md below which releases stand."""

SDIST_URL = "https://pypi.org/packages/source/a/async-kernel/async_kernel-${{ version }}.tar.gz"
"""Where conda-forge finds the sdist of a release."""


class ReleaseError(Exception):
    """The release cannot be made; nothing was changed."""


class Project(NamedTuple):
    """The files of a checkout that a release reads and writes."""

    root: Path

    @property
    def version_file(self) -> Path:
        """The module that holds the version."""
        return self.root / "async_kernel" / "_version.py"

    @property
    def recipe(self) -> Path:
        """The conda recipe."""
        return self.root / "recipe" / "recipe.yaml"

    @property
    def changelog(self) -> Path:
        """The changes of all releases."""
        return self.root / "CHANGELOG.md"

    @property
    def fragments(self) -> list[Path]:
        """The changes since the last release, for example `release/changes/tk-host.added.md`."""
        return sorted(path for path in (self.root / "release" / "changes").glob("*.md") if path.name != "README.md")

    @property
    def version(self) -> str:
        """The version as it stands, for example "0.1.0"."""
        return _search(r'^__version__ = "(.+)"$', self.version_file)

    def git(self, *arguments: str) -> str:
        """Run git in the checkout and return what it printed."""
        return _run(["git", *arguments], self.root).strip()


def check(project: Project, version: str) -> None:
    """Raise `ReleaseError` unless `version` can be released from the checkout as it is."""
    if re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version) is None:
        raise ReleaseError(f"{version!r} is no version such as 1.2.3 or 1.2.3rc1")
    if project.git("tag", "--list", f"v{version}"):
        raise ReleaseError(f"the tag v{version} is there already")
    released = project.git("tag", "--list", "v*")
    if released and _key(version) <= _key(project.version):
        raise ReleaseError(f"{version} does not come after {project.version}")
    if changed := project.git("status", "--porcelain"):
        raise ReleaseError(f"the checkout has changes that are not committed:\n{changed}")
    if not project.fragments:
        raise ReleaseError("nothing to release: there is no fragment in release/changes")
    for fragment in project.fragments:
        _kind(fragment)


def changelog_entry(project: Project, version: str, date: datetime.date) -> str:
    """The section of a release, made of the fragments: a heading for each kind, a bullet for each fragment."""
    lines = [f"## {version} ({date.isoformat()})", ""]
    for kind in KINDS:
        fragments = [fragment for fragment in project.fragments if _kind(fragment) == kind]
        if fragments:
            lines += [f"### {kind.capitalize()}", ""]
            lines += ["- " + fragment.read_text("utf-8").strip().replace("\n", "\n  ") for fragment in fragments]
            lines.append("")
    return "\n".join(lines)


def write_release(project: Project, version: str, date: datetime.date) -> None:
    """Write version and changelog, remove the fragments, commit and tag."""
    entry = changelog_entry(project, version, date)
    _replace(r'^(__version__ = )".+"$', rf'\g<1>"{version}"', project.version_file)
    _replace(r'^(  version: )".+"$', rf'\g<1>"{version}"', project.recipe)
    _replace(r"^(  number: )\d+$", r"\g<1>0", project.recipe)
    text = project.changelog.read_text("utf-8")
    project.changelog.write_text(text.replace(MARK, f"{MARK}\n{entry}", 1), "utf-8", newline="\n")
    for fragment in project.fragments:
        fragment.unlink()
    project.git("add", "--all", "release/changes", "CHANGELOG.md", "recipe/recipe.yaml", "async_kernel/_version.py")
    project.git("commit", "--quiet", "--message", f"Release {version}")
    project.git("tag", "--annotate", f"v{version}", "--message", f"async-kernel {version}")


def build(project: Project) -> Path:
    """Build sdist and wheel into `dist/` and return the sdist. The same commit gives the same bytes anywhere."""
    dist = project.root / "dist"
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(project.root)], project.root)
    return dist / f"async_kernel-{project.version}.tar.gz"


def write_feedstock(project: Project, sdist: Path) -> Path:
    """Write `dist/feedstock/`, what conda-forge takes: the recipe with URL and hash of the sdist, and its settings."""
    feedstock = project.root / "dist" / "feedstock"
    recipe = feedstock / "recipe"
    recipe.mkdir(parents=True, exist_ok=True)
    source = f"source:\n  url: {SDIST_URL}\n  sha256: {hashlib.sha256(sdist.read_bytes()).hexdigest()}\n"
    text, found = re.subn(r"^source:\n(?:  .*\n)+", source, project.recipe.read_text("utf-8"), flags=re.M)
    if found != 1:
        raise ReleaseError(f"{project.recipe} has no section `source:` to fill in")
    (recipe / "recipe.yaml").write_text(text, "utf-8", newline="\n")
    for name, folder in (("conda_build_config.yaml", recipe), ("conda-forge.yml", feedstock)):
        (folder / name).write_bytes((project.root / "recipe" / name).read_bytes())
    return feedstock


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the release that the command line names. Returns the exit status: 0, or 1 when it cannot be made."""
    parser = argparse.ArgumentParser(description="Make a release of async-kernel.")
    parser.add_argument("version", help="for example 1.2.3 or 1.2.3rc1")
    parser.add_argument("--check", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--project", type=Path, default=Path(__file__).parents[1], help="the checkout")
    options = parser.parse_args(arguments)
    project = Project(options.project.resolve())
    today = datetime.datetime.now(datetime.UTC).date()
    try:
        check(project, options.version)
        if options.check:
            print(f"{project.version} would become {options.version}:\n")
            print(changelog_entry(project, options.version, today))
            return 0
        write_release(project, options.version, today)
        feedstock = write_feedstock(project, build(project))
    except (ReleaseError, subprocess.CalledProcessError) as error:
        output = getattr(error, "stderr", None)
        print(f"error: {error}" + (f"\n{output}" if output else ""), file=sys.stderr)
        return 1
    print(f"v{options.version} is committed, tagged and built. To publish it:\n")
    print(f"    git push origin HEAD v{options.version}")
    print(f"    python -m twine upload dist/async_kernel-{options.version}*")
    print(f"then give {feedstock.relative_to(project.root).as_posix()} to the feedstock at conda-forge.")
    return 0


def _kind(fragment: Path) -> str:
    kind = fragment.name.split(".")[-2]
    if kind not in KINDS or fragment.name.count(".") != 2:
        raise ReleaseError(
            f"{fragment.name}: a fragment is named <change>.<kind>.md, its kind one of {', '.join(KINDS)}"
        )
    return kind


def _key(version: str) -> tuple[tuple[int, ...], str, int]:
    """What versions of the accepted form are ordered by; "~" puts a release after its candidates."""
    form = re.fullmatch(r"([\d.]+?)(?:(a|b|rc)(\d+))?", version)
    assert form is not None, "it was accepted"
    numbers, stage, serial = form.groups()
    return tuple(map(int, numbers.split("."))), stage or "~", int(serial or 0)


def _search(pattern: str, file: Path) -> str:
    found = re.search(pattern, file.read_text("utf-8"), re.M)
    if found is None:
        raise ReleaseError(f"{file} has no line like {pattern}")
    return found[1]


def _replace(pattern: str, by: str, file: Path) -> None:
    text, found = re.subn(pattern, by, file.read_text("utf-8"), count=1, flags=re.M)
    if not found:
        raise ReleaseError(f"{file} has no line like {pattern}")
    file.write_text(text, "utf-8", newline="\n")


def _run(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
