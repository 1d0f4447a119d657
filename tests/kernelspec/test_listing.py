"""What Jupyter would see, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from async_kernel.kernelspec import api
from async_kernel.kernelspec.listing import find, find_all, settings_of
from async_kernel.kernelspec.surroundings import Surroundings
from async_kernel.settings import Add, parse

from .conftest import make_environment


def add(here: Surroundings, name: str, *words: str) -> Path:
    command = parse(["-a", name, *words])
    assert isinstance(command, Add)
    return api.add(command, here).folder


def foreign(kernels: Path, name: str, text: str) -> Path:
    folder = kernels / name
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(text)
    return folder


def test_the_first_in_the_search_order_wins(here: Surroundings) -> None:
    user, own = add(here, "async", "--user", "--backend=trio"), add(here, "async")
    first, second = find_all(here)
    assert (first.folder, first.wins, first.problem) == (own, True, "")
    assert (second.folder, second.wins) == (user, False)
    assert find("async", here) == own
    assert find("ASYNC", here) == own


def test_what_is_said_of_a_spec(here: Surroundings) -> None:
    folder = add(here, "mine", "--user", "--backend=trio", "--host=tk")
    (found,) = find_all(here)
    assert found.as_dict() == {
        "name": "mine",
        "display_name": "mine (science)",
        "folder": str(folder),
        "wins": True,
        "ours": True,
        "owner": here.prefix,
        "argv": list(found.spec.argv) if found.spec else [],
        "interpreter": here.executable,
        "dead": False,
        "problem": "",
        "backend": "trio",
        "host": "tk",
        "gateway": None,
    }
    json.dumps(found.as_dict())


def test_a_spec_of_a_deleted_environment_is_dead(here: Surroundings, tmp_path: Path) -> None:
    other = make_environment(tmp_path / "other")
    add(here._replace(prefix=str(other), executable=str(other / "bin/python")), "mine", "--user")
    assert not find_all(here)[0].dead
    (other / "bin/python").unlink()
    (found,) = find_all(here)
    assert found.dead
    assert found.problem == f"{other}/bin/python is gone"
    assert found.owner == str(other)


def test_an_interpreter_on_another_host_is_not_gone(here: Surroundings) -> None:
    """The spec was edited to name a path of the host on which a gateway starts it."""
    file = add(here, "mine", "--user", "--gateway=ssh") / "kernel.json"
    spec = json.loads(file.read_text())
    spec["argv"][0] = "/of/the/host/bin/python"
    file.write_text(json.dumps(spec))
    (found,) = find_all(here)
    assert (found.dead, found.problem) == (False, "")


@pytest.mark.parametrize(("answer", "problem"), [("exit 0", ""), ("exit 1", "cannot import async_kernel")])
def test_an_interpreter_is_asked_whether_it_has_the_package(
    here: Surroundings, tmp_path: Path, answer: str, problem: str
) -> None:
    other = make_environment(tmp_path / "other")
    (other / "bin/python").write_text(f"#!/bin/sh\n{answer}\n")
    add(here._replace(prefix=str(other), executable=str(other / "bin/python")), "mine", "--user")
    assert find_all(here)[0].problem.endswith(problem)
    assert bool(find_all(here)[0].problem) == bool(problem)


def test_specs_of_others_good_and_bad(here: Surroundings) -> None:
    kernels = Path(here.prefix, "share/jupyter/kernels")
    foreign(kernels, "b-shell", '{"argv": ["sh", "{connection_file}"], "display_name": "x", "language": "y"}')
    foreign(kernels, "c-gone", '{"argv": ["/no/where"], "display_name": "x", "language": "y"}')
    foreign(kernels, "d-bad", "{")
    (kernels / "empty").mkdir()
    (kernels / "file").touch()
    shell, gone, bad = find_all(here)
    assert (shell.ours, shell.dead, shell.problem) == (False, False, "")
    assert (gone.ours, gone.dead) == (False, True)
    assert bad.spec is None
    assert "is not JSON" in bad.problem
    for one in (shell, gone, bad):
        json.dumps(one.as_dict())
        assert settings_of(one.name, here) is None


def test_the_settings_of_an_installed_spec(here: Surroundings) -> None:
    folder = add(here, "mine", "--host=qt", "--start_interface={resource_dir}/start.py:go", "--display_name=Shown")
    settings = settings_of("mine", here)
    assert settings is not None
    assert (settings.host, settings.display_name) == ("qt", "Shown")
    assert settings.start_interface == f"{folder}/start.py:go"
    assert settings_of("other", here) is None
    assert settings_of("../mine", here) is None


def test_a_spec_of_ours_that_this_version_does_not_understand(here: Surroundings) -> None:
    argv = ["python", "-m", "async_kernel", "-f", "{connection_file}", "--from_the_future=1"]
    foreign(Path(here.prefix, "share/jupyter/kernels"), "new", json.dumps({"argv": argv}))
    assert "Unknown option --from_the_future" in find_all(here)[0].problem
