"""Adding and removing: what is written where, what is refused, and what is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from async_kernel.errors import SpecError, UsageError
from async_kernel.kernelspec import (
    KernelSpec,
    api,
    get_kernel_dir,
    make_argv,
    remove_kernel_spec,
    store,
    write_kernel_spec,
)
from async_kernel.kernelspec.surroundings import Surroundings
from async_kernel.settings import Add, Remove, Settings, parse

from .conftest import make_environment


def add(here: Surroundings, *words: str) -> api.Written:
    command = parse(["-a", "mine", *words])
    assert isinstance(command, Add)
    return api.add(command, here)


def remove(here: Surroundings, *words: str) -> list[api.Removed]:
    command = parse(["-r", *words])
    assert isinstance(command, Remove)
    return api.remove(command, here)


def test_the_default_place(here: Surroundings) -> None:
    written = add(here)
    assert written.folder == Path(here.prefix, "share/jupyter/kernels/mine")
    assert written.spec.argv[0] == "python"
    assert written.spec.display_name == "mine"
    assert written.notes == ()
    assert store.read(written.folder) == written.spec


def test_outside_the_prefix_the_spec_names_its_python_and_its_environment(here: Surroundings) -> None:
    written = add(here, "--user")
    assert written.folder == Path(here.home, ".local/share/jupyter/kernels/mine")
    assert written.spec.argv[0] == here.executable
    assert written.spec.display_name == "mine (science)"


def test_a_place_that_jupyter_does_not_search_is_written_and_said_so(here: Surroundings, tmp_path: Path) -> None:
    written = add(here, f"--prefix={tmp_path}/x")
    assert (tmp_path / "x/share/jupyter/kernels/mine/kernel.json").exists()
    assert f'export JUPYTER_PATH="{tmp_path}/x/share/jupyter' in written.notes[0]


def test_a_dry_run_writes_nothing(here: Surroundings) -> None:
    written = add(here, "--dry-run")
    assert not written.folder.parent.exists()
    add(here)
    assert [one.folder for one in remove(here, "mine", "--dry-run")] == [written.folder]
    assert written.folder.exists()


def test_adding_again_renews(here: Surroundings) -> None:
    assert not add(here).replaced
    again = add(here, "--backend=trio")
    assert again.replaced
    assert "--backend=trio" in store.read(again.folder).argv


@pytest.mark.parametrize("said", [[], ["--force"]])
def test_a_spec_of_another_environment_is_not_replaced_unasked(
    here: Surroundings, tmp_path: Path, said: list[str]
) -> None:
    other = make_environment(tmp_path / "other")
    theirs = here._replace(prefix=str(other), executable=str(other / "bin/python"))
    before = add(theirs, "--user").spec
    with pytest.raises(SpecError, match="another environment") as caught:
        add(here, "--user", *said)
    assert "--replace" in caught.value.next_step
    folder = Path(here.home, ".local/share/jupyter/kernels/mine")
    assert store.read(folder) == before
    assert add(here, "--user", "--replace").spec == store.read(folder)


def test_an_interpreter_that_is_reached_by_a_link_from_elsewhere_replaces_its_own_spec(here: Surroundings) -> None:
    """Homebrew's, for one: `/opt/homebrew/bin/python3` is a link, and `sys.prefix` lies in its cellar."""
    linked = here._replace(executable="/opt/homebrew/bin/python3")
    first = add(linked, "--user").spec
    assert first.argv[0] == linked.executable
    assert add(linked, "--user").spec == first


def test_a_spec_in_another_environments_own_folder_belongs_to_it(here: Surroundings, tmp_path: Path) -> None:
    other = make_environment(tmp_path / "other")
    add(here._replace(prefix=str(other), executable=str(other / "bin/python"), data=str(other)))
    with pytest.raises(SpecError, match="another environment"):
        add(here, f"--prefix={other}")


def test_several_are_removed_or_none(here: Surroundings) -> None:
    folder = add(here).folder
    with pytest.raises(SpecError, match="no kernel spec nothing"):
        remove(here, "mine,nothing")
    assert folder.exists()
    (folder / "theirs").touch()
    assert remove(here, "MINE") == [api.Removed("mine", folder, ("theirs",))]


def test_removing_says_where_else_the_spec_is(here: Surroundings) -> None:
    folder = add(here, "--user").folder
    with pytest.raises(SpecError) as caught:
        remove(here, "mine")
    assert caught.value.next_step.endswith(f'async-kernel -r mine --folder="{folder.parent}"')


def test_a_python_that_the_system_manages_gets_its_own_advice(
    here: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(SpecError) as caught:
        add(here._replace(externally_managed=True))
    assert "python3 -m venv" in caught.value.next_step
    assert "--user" in caught.value.next_step


# The functions for Python


def self_contained(settings: Any) -> int:
    from pathlib import Path as Local

    return len([Local(settings.kernel_name) for _ in range(2)])


def needs_more(settings: Any) -> Path:
    return Path(settings.kernel_name)


class Host:
    """A host of the user's own."""

    def start(self, settings: Settings) -> int:
        return 0


def test_write_and_remove(tmp_path: Path) -> None:
    timeouts: dict[str, Any] = {"shell.timeout": 0.1}
    folder = write_kernel_spec(
        "Mine",
        folder=str(tmp_path / "kernels"),
        display_name="True",
        backend="trio",
        host="qt",
        host_options={"host_class": Host, "module": "PySide2"},
        env={"A": "b"},
        metadata={"x": 1},
        provisioner="far",
        provisioner_options={"hosts": 2},
        fullpath=False,
        quiet=False,
        **timeouts,
    )
    assert folder == tmp_path / "kernels" / "mine"
    data = json.loads((folder / "kernel.json").read_text())
    assert data["argv"] == [
        "python",
        "-m",
        "async_kernel",
        "-f",
        "{connection_file}",
        "--start_interface=async_kernel.interface.start_kernel_zmq_interface",
        "--kernel_name=mine",
        "--backend=trio",
        "--host=qt",
        "--host_options={'host_class': 'tests.kernelspec.test_api.Host', 'module': 'PySide2'}",
        "--quiet=False",
        "--shell.timeout=0.1",
    ]
    assert (data["display_name"], data["env"], data["metadata"]["x"]) == ("True", {"A": "b"}, 1)
    assert data["metadata"]["kernel_provisioner"] == {"provisioner_name": "far", "config": {"hosts": 2}}
    assert remove_kernel_spec("mine", folder=str(tmp_path / "kernels")) == folder
    assert not folder.exists()


def test_a_function_is_stored_beside_the_spec(tmp_path: Path) -> None:
    folder = write_kernel_spec("mine", folder=str(tmp_path), start_interface=self_contained)
    (source,) = folder.glob("start_interface_*.py")
    word = f"--start_interface={{resource_dir}}/{source.name}:self_contained"
    assert word in KernelSpec.from_json((folder / "kernel.json").read_text()).argv
    store.remove(folder)
    assert not folder.exists()


def test_a_stored_function_is_loaded_from_where_the_spec_is(tmp_path: Path) -> None:
    from async_kernel.launcher import load_interface
    from async_kernel.settings import Settings

    written = write_kernel_spec("mine", folder=str(tmp_path / "one"), start_interface=self_contained)
    moved = (tmp_path / "two").joinpath("moved")
    moved.parent.mkdir()
    written.rename(moved)
    settings = store.read(moved).settings()
    path = settings.start_interface.replace("{resource_dir}", str(moved))  # as jupyter_client does
    assert load_interface(path)(Settings()) == 2


@pytest.mark.parametrize("function", [needs_more, lambda settings: 0, Host, Host().start, print])
def test_a_function_that_does_not_stand_alone_is_refused(tmp_path: Path, function: Any) -> None:
    with pytest.raises(UsageError):
        write_kernel_spec("mine", folder=str(tmp_path), start_interface=function)
    assert not list(tmp_path.iterdir())


def test_a_closure_is_refused(tmp_path: Path) -> None:
    outer = 1

    def closure(settings: Any) -> int:
        return outer

    with pytest.raises(UsageError, match="outer"):
        write_kernel_spec("mine", folder=str(tmp_path), start_interface=closure)


@pytest.mark.parametrize(
    "settings",
    [
        {"bakend": "trio"},
        {"backend": "tri"},
        {"host_options": {"x": object()}},
        {"shell.timeout": "soon"},
        {"kernel_name": "other"},
    ],
)
def test_wrong_settings_are_refused_and_nothing_is_written(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises((UsageError, TypeError)):
        write_kernel_spec("mine", folder=str(tmp_path / "k"), **settings)
    assert not (tmp_path / "k").exists()


def test_a_local_host_class_is_refused(tmp_path: Path) -> None:
    class Local:
        pass

    with pytest.raises(UsageError, match="cannot be imported"):
        write_kernel_spec("mine", folder=str(tmp_path), host_options={"host_class": Local})


def test_the_kernels_folder(tmp_path: Path) -> None:
    assert get_kernel_dir() == Path(sys.prefix, "share/jupyter/kernels")
    assert get_kernel_dir("/env") == Path("/env/share/jupyter/kernels")
    assert get_kernel_dir(folder=str(tmp_path)) == tmp_path


def test_an_argv() -> None:
    assert make_argv("x", backend="trio")[-2:] == ["--kernel_name=x", "--backend=trio"]
    assert make_argv()[0] == "python"
    assert make_argv(fullpath=True)[0] == sys.executable


@pytest.mark.parametrize(
    ("interface", "reason"),
    [
        ("async_kernel.interface.start_kernel_zmq_interface", ""),
        ("async_kernel.interface:start_kernel_zmq_interface", ""),
        ("zmq.backend.cython._zmq.Socket", ""),  # compiled: it may have the name
        ("sys.exit", ""),
        ("{resource_dir}/mine.py:start", ""),
        ("FOLDER/mine.py:start", ""),
        ("FOLDER/mine.py:begin", "has no begin"),
        ("FOLDER/other.py:start", "no file"),
        ("no_such_module.start", "no module no_such_module"),
        ("async_kernel.no_such_module.start", "no module async_kernel.no_such_module"),
        ("async_kernel..interface.start", "no module"),
        ("async_kernel.interface.begin_kernel", "has no begin_kernel"),
        ("start", "names no module"),
    ],
)
def test_an_interface_that_cannot_be_found_is_warned_of(
    interface: str, reason: str, here: Surroundings, tmp_path: Path
) -> None:
    """The spec is written all the same: it may be for a folder, or an environment, where the module is."""
    (tmp_path / "mine.py").write_text("raise SystemExit('it was run')\ndef start(settings): ...\n")
    interface = interface.replace("FOLDER", str(tmp_path))
    written = add(here, f"--start_interface={interface}", f"--folder={tmp_path / 'kernels'}")
    warnings = [note for note in written.notes if note.startswith("Warning")]
    assert len(warnings) == bool(reason)
    for warning in warnings:
        assert reason in warning
        assert interface in warning
    assert (written.folder / "kernel.json").exists()
