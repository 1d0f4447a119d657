"""Where specs go and are found, for three platforms on any of them; and that Jupyter agrees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from async_kernel.errors import UsageError
from async_kernel.kernelspec.locations import Destination, Locations, locations_for
from async_kernel.kernelspec.surroundings import Surroundings
from async_kernel.settings import Place

PLAIN: dict[str, dict[str, Any]] = {
    "linux": {"home": "/home/ada", "cwd": "/here", "prefix": "/usr/local", "environ": {}},
    "darwin": {"home": "/Users/ada", "cwd": "/here", "prefix": "/Library/Python", "environ": {}},
    "win32": {
        "home": r"C:\Users\ada",
        "cwd": r"D:\work",
        "prefix": r"C:\Python",
        "environ": {"APPDATA": r"C:\Users\ada\AppData\Roaming"},
    },
}
VENV = {"linux": "/home/ada/env", "darwin": "/Users/ada/env", "win32": r"C:\Users\ada\env"}
USER = {
    "linux": "/home/ada/.local/share/jupyter/kernels",
    "darwin": "/Users/ada/Library/Jupyter/kernels",
    "win32": r"C:\Users\ada\AppData\Roaming\jupyter\kernels",
}
PLATFORMS = ["linux", "darwin", "win32"]


def locations(platform: str, environ: dict[str, str] | None = None, **facts: Any) -> Locations:
    given = {**PLAIN[platform], **facts}
    given["environ"] = {**given["environ"], **(environ or {})}
    given.setdefault("base_prefix", PLAIN[platform]["prefix"])
    given.setdefault("data", given["prefix"])
    return locations_for(Surroundings(platform=platform, executable="python", **given))


def in_venv(platform: str, environ: dict[str, str] | None = None, **facts: Any) -> Locations:
    return locations(platform, environ, prefix=VENV[platform], **facts)


def kernels(platform: str, *parts: str) -> str:
    return ("\\" if platform == "win32" else "/").join((*parts, "share", "jupyter", "kernels"))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("kind", ["venv", "system", "conda base", "conda named"])
def test_the_default_is_the_prefix_of_the_interpreter(platform: str, kind: str) -> None:
    conda = {"CONDA_PREFIX": VENV[platform], "CONDA_DEFAULT_ENV": "base" if kind == "conda base" else "science"}
    prefix = PLAIN[platform]["prefix"] if kind == "system" else VENV[platform]
    base = PLAIN[platform]["prefix"] if kind == "venv" else prefix
    here = locations(platform, conda if "conda" in kind else {}, prefix=prefix, base_prefix=base)
    expected = Destination(kernels(platform, prefix), "the prefix of this interpreter", True, True)
    assert here.resolve(Place()) == expected


@pytest.mark.parametrize("platform", PLATFORMS)
def test_user_is_jupyters_data_folder(platform: str) -> None:
    assert in_venv(platform).resolve(Place("user")) == Destination(USER[platform], "--user", True, False)


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"JUPYTER_DATA_DIR": "/data"}, "/data/kernels"),
        ("darwin", {"JUPYTER_DATA_DIR": "/data"}, "/data/kernels"),
        ("win32", {"JUPYTER_DATA_DIR": r"E:\data"}, r"E:\data\kernels"),
        ("linux", {"XDG_DATA_HOME": "/xdg"}, "/xdg/jupyter/kernels"),
        ("darwin", {"XDG_DATA_HOME": "/xdg"}, USER["darwin"]),
        ("win32", {"XDG_DATA_HOME": "/xdg"}, USER["win32"]),
        ("win32", {"APPDATA": ""}, r"C:\Users\ada\.jupyter\data\kernels"),
        ("win32", {"APPDATA": "", "JUPYTER_CONFIG_DIR": r"E:\c"}, r"E:\c\data\kernels"),
    ],
)
def test_variables_move_the_users_folder(platform: str, environ: dict[str, str], expected: str) -> None:
    assert in_venv(platform, environ).resolve(Place("user")).folder == expected


@pytest.mark.parametrize(
    ("platform", "path", "expected"),
    [
        # The three examples of the reference
        ("linux", "~/.local/share/jupyter/kernels", USER["linux"]),
        ("darwin", "~/Library/Jupyter/kernels", USER["darwin"]),
        ("win32", r"%APPDATA%\jupyter\kernels", USER["win32"]),
        # Every way to write a variable, on every platform
        ("linux", "%HERE%/kernels", "/here/kernels"),
        ("linux", "$HERE/kernels", "/here/kernels"),
        ("linux", "${HERE}/kernels", "/here/kernels"),
        ("darwin", "%HERE%/kernels", "/here/kernels"),
        ("win32", "$HERE/kernels", r"D:\here\kernels"),
        ("win32", "${HERE}\\kernels", r"D:\here\kernels"),
        ("win32", r"%here%\kernels", r"D:\here\kernels"),
        ("win32", "~/kernels", r"C:\Users\ada\kernels"),
        ("linux", "~", "/home/ada"),
        ("linux", "~/$HERE/../k", "/home/ada/k"),
        ("linux", "k/../kernels", "/here/kernels"),
        ("win32", "kernels", r"D:\work\kernels"),
        ("linux", "/with space/käse", "/with space/käse"),
        ("linux", "/50%/kernels", "/50%/kernels"),
    ],
)
def test_a_folder_as_it_was_typed(platform: str, path: str, expected: str) -> None:
    here = in_venv(platform, {"HERE": "/here"})
    assert here.resolve(Place("folder", path)).folder == expected


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("path", ["$NOWHERE/kernels", "${NOWHERE}/kernels", "%NOWHERE%/kernels", "~grace/kernels"])
def test_what_is_not_defined_is_refused(platform: str, path: str) -> None:
    with pytest.raises(UsageError) as caught:
        in_venv(platform).resolve(Place("folder", path))
    assert caught.value.next_step


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_prefix_is_expanded_and_its_kernels_folder_taken(platform: str) -> None:
    destination = in_venv(platform).resolve(Place("prefix", "~/other"))
    home = PLAIN[platform]["home"]
    assert destination.folder == kernels(platform, home, "other")
    assert not destination.own
    assert not destination.searched


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_own_prefix_may_be_said_by_name(platform: str) -> None:
    assert in_venv(platform).resolve(Place("prefix", VENV[platform])).own


def test_data_of_packages_outside_the_prefix() -> None:
    """Debian's own Python: prefix /usr, but what pip installs goes to /usr/local, where Jupyter looks too."""
    debian = locations("linux", prefix="/usr", base_prefix="/usr", data="/usr/local")
    assert debian.resolve(Place()) == Destination(
        "/usr/local/share/jupyter/kernels", "where this interpreter's packages put their data", True, False
    )
    elsewhere = locations("linux", prefix="/usr", base_prefix="/usr", data="/nowhere")
    assert elsewhere.resolve(Place()).folder == "/usr/share/jupyter/kernels"


def test_what_to_type_so_that_jupyter_searches_a_folder() -> None:
    assert in_venv("linux").how_to_search("/x/kernels") == 'export JUPYTER_PATH="/x${JUPYTER_PATH:+:$JUPYTER_PATH}"'
    assert in_venv("win32").how_to_search(r"D:\x\kernels").startswith(r'$env:JUPYTER_PATH = "D:\x"')
    assert "folders named kernels" in in_venv("linux").how_to_search("/x/y")


@pytest.mark.parametrize(
    ("platform", "environ", "first"),
    [
        ("linux", {}, ["/home/ada/env/share/jupyter/kernels", USER["linux"]]),
        ("linux", {"JUPYTER_PREFER_ENV_PATH": "0"}, [USER["linux"], "/home/ada/env/share/jupyter/kernels"]),
        ("linux", {"JUPYTER_PATH": "/a:/b/"}, ["/a/kernels", "/b/kernels"]),
        ("win32", {"JUPYTER_PATH": "C:\\a;D:\\b"}, [r"C:\a\kernels", r"D:\b\kernels"]),
        ("win32", {}, [r"C:\Users\ada\env\share\jupyter\kernels", USER["win32"]]),
        ("darwin", {}, ["/Users/ada/env/share/jupyter/kernels", USER["darwin"]]),
    ],
)
def test_the_search_order_begins(platform: str, environ: dict[str, str], first: list[str]) -> None:
    assert in_venv(platform, environ).search_path()[: len(first)] == first


def test_the_search_order_ends_with_the_machine_and_ipython() -> None:
    ends = ["/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels", "/home/ada/.ipython/kernels"]
    assert in_venv("linux").search_path()[-3:] == ends
    programdata = {"JUPYTER_USE_PROGRAMDATA": "1", "PROGRAMDATA": r"C:\ProgramData"}
    assert r"C:\ProgramData\jupyter\kernels" in in_venv("win32", programdata).search_path()
    assert r"C:\ProgramData\jupyter\kernels" not in in_venv("win32", {"PROGRAMDATA": r"C:\ProgramData"}).search_path()


ASK = """
import json, sys
from async_kernel.kernelspec.locations import locations_for
from async_kernel.kernelspec.surroundings import Surroundings
here = Surroundings.here()
sys.platform = {platform!r}
from jupyter_core.paths import jupyter_path
theirs = jupyter_path("kernels")
ours = locations_for(here._replace(platform=sys.platform)).search_path()
print(json.dumps([theirs, ours]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="asks jupyter_core about two systems with POSIX paths")
@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"JUPYTER_PATH": "/a:/b/"},
        {"JUPYTER_DATA_DIR": "/data"},
        {"XDG_DATA_HOME": "/xdg"},
        {"JUPYTER_PREFER_ENV_PATH": "1"},
        {"JUPYTER_PREFER_ENV_PATH": "no"},
        {"JUPYTER_PLATFORM_DIRS": "1"},
        {"JUPYTER_PLATFORM_DIRS": "1", "XDG_DATA_DIRS": "/one:/two"},
        {"CONDA_PREFIX": sys.prefix, "CONDA_DEFAULT_ENV": "science"},
        {"CONDA_PREFIX": sys.prefix, "CONDA_DEFAULT_ENV": "base"},
        {"PYTHONNOUSERSITE": "1"},
    ],
    ids=lambda environ: ",".join(environ) or "none",
)
def test_jupyter_core_says_the_same(platform: str, environ: dict[str, str], tmp_path: Path) -> None:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "CONDA", "XDG", "IPYTHON"))
    }
    asked = subprocess.run(
        [sys.executable, "-c", ASK.format(platform=platform)],
        env={**clean, "HOME": str(tmp_path), **environ},
        capture_output=True,
        check=True,
        timeout=60,
    )
    theirs, ours = json.loads(asked.stdout)
    assert ours == [*theirs, str(tmp_path / ".ipython" / "kernels")]
