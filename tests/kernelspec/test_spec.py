"""What a kernel.json says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from async_kernel.errors import SpecError, UsageError
from async_kernel.kernelspec.locations import Destination
from async_kernel.kernelspec.spec import (
    KernelSpec,
    default_display_name,
    environment_label,
    executable_for,
    prefix_of,
    runs_async_kernel,
)
from async_kernel.kernelspec.surroundings import Surroundings
from async_kernel.settings import Add, Settings, parse
from tests.settings.test_round_trip import SETTINGS

ROOT = Path(__file__).parents[2]
OWN = Destination("/env/share/jupyter/kernels", "", True, True)
OTHER = Destination("/home/ada/.local/share/jupyter/kernels", "", True, False)

REFERENCE = """{
    "argv": [
        "python",
        "-m",
        "async_kernel",
        "-f",
        "{connection_file}",
        "--start_interface=async_kernel.interface.start_kernel_zmq_interface",
        "--kernel_name=async",
        "--backend=trio",
        "--host=tk"
    ],
    "env": {},
    "display_name": "Async python tk trio",
    "language": "python",
    "interrupt_mode": "message",
    "metadata": {
        "debugger": true,
        "concurrent": true
    },
    "kernel_protocol_version": "5.5"
}
"""

ENCRYPTS = """\
        "supported_encryption": [
            "curve"
        ]"""
"""What jupyter_client looks for since the reference was written, and others do not know."""


def surroundings(prefix: str = "/env", **environ: str) -> Surroundings:
    return Surroundings("linux", environ, "/home/ada", "/", prefix, "/usr", f"{prefix}/bin/python", prefix)


def test_the_references_example_to_the_letter_and_that_it_can_encrypt() -> None:
    command = parse(["-a", "async", "--backend=trio", "--loop=tk", "--display_name=Async python tk trio"])
    assert isinstance(command, Add)
    more = REFERENCE.replace('"concurrent": true', '"concurrent": true,\n' + ENCRYPTS)
    assert KernelSpec.from_settings(command.settings).to_json() == more


def test_the_default_spec_in_the_tree_is_what_is_written() -> None:
    command = parse(["-a", "async"])
    assert isinstance(command, Add)
    text = (ROOT / "share/jupyter/kernels/async/kernel.json").read_text(encoding="utf-8")
    assert KernelSpec.from_settings(command.settings).to_json() == text


@pytest.mark.parametrize("name", ["logo-32x32.png", "logo-64x64.png", "logo-svg.svg"])
def test_the_pictures_in_the_tree_are_those_that_are_written(name: str) -> None:
    shared = (ROOT / "share/jupyter/kernels/async" / name).read_bytes()
    assert shared == (ROOT / "async_kernel/kernelspec/logos" / name).read_bytes()
    if name.endswith(".png"):
        size = int(name[5:7])
        assert shared[16:24] == size.to_bytes(4, "big") * 2  # width and height in the header of a PNG


@given(SETTINGS)
def test_settings_come_back_from_the_text_of_a_spec(settings: Settings) -> None:
    settings = settings._replace(display_name=settings.display_name or "shown")
    text = KernelSpec.from_settings(settings).to_json()
    assert KernelSpec.from_json(text).settings() == settings


def test_env_and_metadata_are_added() -> None:
    spec = KernelSpec.from_settings(Settings(), "python", {"A": "b"}, {"debugger": False, "x": [1]})
    data = json.loads(spec.to_json())
    assert data["env"] == {"A": "b"}
    assert data["metadata"] == {"debugger": False, "concurrent": True, "supported_encryption": ["curve"], "x": [1]}


@pytest.mark.parametrize("metadata", [{"a": b""}, {"a": float("inf")}, {"a": {1, 2}}])
def test_metadata_that_is_no_json_is_refused(metadata: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        KernelSpec.from_settings(Settings(), metadata=metadata).to_json()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"argv": []}', '{"argv": "python"}', '{"argv": [1]}', "[" * 100_000, b"\xff\xfe\x00"],
    ids=range(9),
)
def test_what_is_no_spec_is_an_error_that_names_the_file(text: str | bytes) -> None:
    with pytest.raises(SpecError) as caught:
        KernelSpec.from_json(text, "/x/kernel.json")
    assert caught.value.path == "/x/kernel.json"
    assert "/x/kernel.json" in caught.value.message


def test_wrong_types_elsewhere_in_somebody_elses_spec_do_no_harm() -> None:
    spec = KernelSpec.from_json('{"argv": ["x"], "env": 3, "metadata": null, "display_name": []}')
    assert (spec.env, spec.metadata, spec.display_name) == ({}, {}, "")


@pytest.mark.parametrize(
    ("destination", "fullpath", "expected"),
    [
        (OWN, None, "python"),
        (OWN, False, "python"),
        (OWN, True, "/env/bin/python"),
        (OTHER, None, "/env/bin/python"),
        (OTHER, False, "python"),
        (OTHER, True, "/env/bin/python"),
    ],
)
def test_which_interpreter_a_spec_names(destination: Destination, fullpath: bool | None, expected: str) -> None:
    assert executable_for(destination, surroundings(), fullpath) == expected


def test_an_interpreter_that_does_not_know_its_path() -> None:
    with pytest.raises(SpecError):
        executable_for(OTHER, surroundings()._replace(executable=""))


@pytest.mark.parametrize(
    ("executable", "prefix"),
    [
        ("/env/bin/python", "/env"),
        ("/env/bin/../bin/python3.12", "/env"),
        (r"C:\env\Scripts\python.exe", r"C:\env"),
        (r"C:\conda\envs\x\python.exe", r"C:\conda\envs\x"),
        ("python", ""),
        ("python3.11", ""),
        ("bin/python", ""),
    ],
)
def test_the_environment_of_an_interpreter(executable: str, prefix: str) -> None:
    assert prefix_of(executable) == prefix


@pytest.mark.parametrize(
    ("prefix", "environ", "label"),
    [
        ("/envs/science", {}, "science"),
        ("/home/ada/project/.venv", {}, "project"),
        ("/home/ada/project/venv/", {}, "project"),
        ("/opt/conda", {"CONDA_PREFIX": "/opt/conda", "CONDA_DEFAULT_ENV": "base"}, "base"),
        ("/x/y", {"CONDA_PREFIX": "/x/y", "CONDA_DEFAULT_ENV": "/x/y"}, "y"),
        ("/x/y", {"CONDA_PREFIX": "/opt/conda", "CONDA_DEFAULT_ENV": "base"}, "y"),
        ("/usr", {}, "system"),
    ],
)
def test_what_a_person_calls_an_environment(prefix: str, environ: dict[str, str], label: str) -> None:
    assert environment_label(surroundings(prefix, **environ)) == label


def test_the_default_display_name_outside_the_prefix_says_which_environment() -> None:
    assert default_display_name("Mine", OWN, surroundings("/envs/science")) == "Mine"
    assert default_display_name("Mine", OTHER, surroundings("/envs/science")) == "Mine (science)"


def test_how_a_spec_of_ours_is_known() -> None:
    assert runs_async_kernel(["/x/python", "-m", "async_kernel", "-f", "{connection_file}"])
    assert not runs_async_kernel(["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    assert not runs_async_kernel(["python"])
