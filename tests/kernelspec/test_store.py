"""Names, links, folders and files of other people."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_kernel.errors import SpecError, UsageError
from async_kernel.kernelspec import store
from async_kernel.kernelspec.spec import KernelSpec
from async_kernel.settings import Settings

SPEC = KernelSpec.from_settings(Settings("{connection_file}", "mine"))
FOREIGN = '{"argv": ["other", "{connection_file}"], "display_name": "x", "language": "y"}'
FILES = {"kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "stored"),
    [("async", "async"), ("Async-Trio_2.0", "async-trio_2.0"), ("a" * 64, "a" * 64), ("con1", "con1")],
)
def test_a_good_name(name: str, stored: str) -> None:
    assert store.check_name(name) == stored


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "-a",
        ".hidden",
        "a.",
        "a/b",
        "../a",
        "a\\b",
        "a b",
        "a\n",
        "a\0",
        "ä",
        "a" * 65,
        "con",
        "NUL.x",
        "com1",
    ],
)
def test_a_name_that_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        store.check_name(name)


@given(st.text())
def test_a_name_that_is_taken_is_jupyter_clients_and_stays_in_the_folder(name: str) -> None:
    from jupyter_client.kernelspec import _is_valid_kernel_name

    try:
        stored = store.check_name(name)
    except UsageError:
        return
    assert _is_valid_kernel_name(stored)
    assert Path("kernels", stored).parent == Path("kernels")


def test_writing_reading_removing(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "kernels" / "mine"
    store.write(folder, SPEC)
    assert names(folder) == FILES
    assert names(folder.parent) == {"mine"}
    assert store.read(folder) == SPEC
    assert store.remove(folder)[0] == folder / "kernel.json"
    assert names(folder.parent) == set()


def test_a_renewed_spec_keeps_what_a_user_put_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    store.write(folder, SPEC, {"start_interface_0123456789abcdef.py": b"old"})
    (folder / "logo-svg.svg").write_text("drawn anew")
    (folder / "kernel.js").write_text("front end code")
    store.write(folder, SPEC)
    assert names(folder) == FILES | {"kernel.js"}
    assert (folder / "logo-svg.svg").read_text() == "drawn anew"
    assert store.left_by_removal(folder) == ("kernel.js",)
    store.remove(folder)
    assert names(folder) == {"kernel.js"}


@pytest.mark.parametrize("text", [FOREIGN, "{", ""])
def test_what_is_not_ours_is_refused(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "kernel.json").write_text(text)
    (folder / "theirs").touch()
    for act in (lambda: store.write(folder, SPEC), lambda: store.remove(folder)):
        with pytest.raises(SpecError) as caught:
            act()
        assert "--force" in caught.value.next_step
    assert (folder / "kernel.json").read_text() == text
    store.remove(folder, force=True)
    assert names(folder) == {"theirs"}


def test_force_keeps_their_kernel_json(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "kernel.json").write_text(FOREIGN)
    store.write(folder, SPEC, force=True)
    assert (folder / "kernel.json.before-async-kernel").read_text() == FOREIGN
    assert store.read(folder) == SPEC


def test_removing_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no kernel spec"):
        store.remove(tmp_path / "mine")


@pytest.mark.skipif(sys.platform == "win32", reason="making links needs a privilege on Windows")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_link_out_of_the_kernels_folder_is_not_followed(tmp_path: Path, what: str) -> None:
    elsewhere, kernels = tmp_path / "elsewhere", tmp_path / "kernels"
    kernels.mkdir()
    store.write(elsewhere, SPEC)
    if what == "folder":
        (kernels / "mine").symlink_to(elsewhere)
    else:
        (kernels / "mine").mkdir()
        (kernels / "mine" / "kernel.json").symlink_to(elsewhere / "kernel.json")
    for act in (store.write, lambda folder, spec: store.remove(folder)):
        with pytest.raises(SpecError, match="is a link"):
            act(kernels / "mine", SPEC)
    assert names(elsewhere) == FILES


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(SpecError, match="is not a folder"):
        store.write(tmp_path / "mine", SPEC)


def test_case_does_not_make_another_spec(tmp_path: Path) -> None:
    (tmp_path / "Mine").mkdir()
    assert store.spec_folder(tmp_path, "mine").samefile(tmp_path / "Mine")
    assert store.spec_folder(tmp_path, "other") == tmp_path / "other"


def test_a_staging_folder_of_a_writer_that_lives_is_left_alone(tmp_path: Path) -> None:
    alive = tmp_path / f".async-kernel-staging-{os.getpid()}-00000000"
    alive.mkdir()
    store.write(tmp_path / "mine", SPEC)
    assert names(tmp_path) == {alive.name, "mine"}


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(SpecError) as caught:
        store.write(tmp_path / "mine", SPEC)
    assert "--user" in caught.value.next_step
