"""Which file an import gives when the working folder holds one of the same name. Kernels: e2e/test_files_beside.py."""

from __future__ import annotations

import importlib.machinery
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from async_kernel.import_order import DEPENDENCIES, OPTIONAL, ImportOrder, _in_order, keep_user_files_out


def top_level_names(distribution: str, seen: set[str]) -> Iterator[str]:
    """The modules that a distribution installs, and those of all that it requires; extras only of the first."""
    key = re.sub(r"[-_.]+", "-", distribution).lower()
    try:
        files, requires = metadata.files(distribution) or [], metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:  # for another system
        return
    for file in files:
        name = file.parts[0].partition(".")[0]
        if file.suffix in {".py", ".so", ".pyd"} and (len(file.parts) > 1 or file.suffix) and name.isidentifier():
            yield name
    for requirement in requires:
        needed = re.match(r"[\w.-]+", requirement)
        if needed and needed.group() not in seen and ("extra ==" not in requirement or key == "async-kernel"):
            seen.add(needed.group())
            yield from top_level_names(needed.group(), seen)


def test_the_dependencies_are_those_of_the_metadata() -> None:
    ours = {"async_kernel", "bin", "share", "_editable_impl_async_kernel"}
    private = {"isympy", "qt", "six"}
    missing = set(top_level_names("async-kernel", {"async-kernel"})) - DEPENDENCIES - OPTIONAL - ours - private
    assert missing == set()


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A project with its environment inside it, and a folder of notebooks that is the working folder."""
    project = tmp_path / "project"
    site, notebooks = project / ".venv" / "site-packages", project / "notebooks"
    for folder in (site, notebooks):
        folder.mkdir(parents=True)
        (folder / "zmq.py").touch()
    (notebooks / "msvcrt.py").touch()
    (notebooks / "helper.py").touch()
    monkeypatch.setattr(sys, "path", [str(notebooks), str(project), str(site)])
    return {"project": project, "site": site, "notebooks": notebooks}


def finder_of(folders: dict[str, Path]) -> Any:
    order = ImportOrder([str(folders["project"]), str(folders["site"])], str(folders["notebooks"]))
    return _in_order(importlib.machinery.PathFinder, order)


def import_in(file: Path | None, finder: Any, name: str, target: ModuleType | None = None) -> str | None:
    """Where code of `file` finds `name`, if it finds it."""
    code = "def work(finder, name, target):\n    return finder.find_spec(name, None, target)\n"
    names: dict[str, Any] = {"__name__": "anything", **({"__file__": str(file)} if file else {})}
    exec(code, names)
    spec = names["work"](finder, name, target)
    return spec and spec.origin


def test_who_imports_decides(folders: dict[str, Path]) -> None:
    finder = finder_of(folders)
    installed, users = str(folders["site"] / "zmq.py"), str(folders["notebooks"] / "zmq.py")
    assert import_in(folders["site"] / "IPython" / "x.py", finder, "zmq") == installed
    assert import_in(folders["project"] / "library.py", finder, "zmq") == installed
    assert import_in(folders["notebooks"] / "helper.py", finder, "zmq") == users, "the deepest folder decides"
    assert import_in(Path("/elsewhere/script.py"), finder, "zmq") == users
    assert import_in(None, finder, "zmq") == users, "a cell has no file"


def test_only_names_that_the_kernel_needs_are_sorted(folders: dict[str, Path]) -> None:
    """A framework that is installed finds the user's settings module where it always did."""
    users = str(folders["notebooks"] / "helper.py")
    assert import_in(folders["site"] / "framework.py", finder_of(folders), "helper") == users


def test_a_module_is_read_again_from_where_it_came(folders: dict[str, Path]) -> None:
    """`importlib.reload`, called by an extension such as autoreload."""
    importer = folders["site"] / "autoreload.py"
    for folder in ("notebooks", "site"):
        module = ModuleType("zmq")
        module.__file__ = str(folders[folder] / "zmq.py")
        assert import_in(importer, finder_of(folders), "zmq", module) == module.__file__


def test_a_module_that_only_the_user_has_is_not_there(folders: dict[str, Path]) -> None:
    """`try: import msvcrt` is how the standard library asks whether this is Windows."""
    assert import_in(folders["site"] / "x.py", finder_of(folders), "msvcrt") is None
    assert import_in(None, finder_of(folders), "msvcrt") == str(folders["notebooks"] / "msvcrt.py")


def run_python(folder: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_takes_the_place_of_the_path_finder_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under its name: typeguard and others look for a class that is called so. Metadata is found through it, too."""
    own = importlib.machinery.PathFinder
    as_python_starts = [own if isinstance(each, type) and issubclass(each, own) else each for each in sys.meta_path]
    monkeypatch.setattr(sys, "meta_path", as_python_starts)  # starts in this process have put it in place already
    position = sys.meta_path.index(own)
    keep_user_files_out()
    after = list(sys.meta_path)
    keep_user_files_out()
    assert sys.meta_path == after
    finder: Any = sys.meta_path[position]
    assert issubclass(finder, importlib.machinery.PathFinder)
    assert finder is not importlib.machinery.PathFinder
    assert finder.__name__ == "PathFinder"
    assert [each.name for each in metadata.distributions(name="pytest")] == ["pytest"]


@pytest.mark.parametrize("module", ["async_kernel", "async_kernel.import_order"])
def test_what_is_imported_first_imports_nothing(module: str, tmp_path: Path) -> None:
    """While it is imported the working folder is in front, so any import would run a file that lies there."""
    code = f"import sys; before = set(sys.modules); import {module}; print(*sorted(set(sys.modules) - before))"
    loaded = set(run_python(tmp_path, "-c", code).split())
    assert loaded - {"async_kernel._version"} == {"async_kernel", module}


def test_importing_the_package_into_a_program_changes_no_import(tmp_path: Path) -> None:
    code = "import sys; before = list(sys.meta_path); import async_kernel.embedding; print(before == sys.meta_path)"
    assert run_python(tmp_path, "-c", code) == "True"
