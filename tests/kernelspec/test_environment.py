"""The variables with which commands of a cell act on the kernel's environment."""

from __future__ import annotations

from typing import Any

import pytest

from async_kernel.kernelspec.activation import environment

CASES: dict[str, tuple[dict[str, str], dict[str, Any], dict[str, str | None]]] = {
    "a virtual environment from a client without one": (
        {"PATH": "/usr/bin"},
        {},
        {"PATH": "/env/bin:/usr/bin", "VIRTUAL_ENV": "/env"},
    ),
    "an environment that is active already": ({"PATH": "/env/bin:/usr/bin", "VIRTUAL_ENV": "/env"}, {}, {}),
    "an environment that stands later on PATH": (
        {"PATH": "/usr/bin:/env/bin/", "VIRTUAL_ENV": "/env"},
        {},
        {"PATH": "/env/bin:/usr/bin"},
    ),
    "a client in another environment": (
        {"PATH": "/other/bin:/usr/bin", "VIRTUAL_ENV": "/other", "PYTHONHOME": "/other"},
        {},
        {"PATH": "/env/bin:/other/bin:/usr/bin", "VIRTUAL_ENV": "/env", "PYTHONHOME": None},
    ),
    "no PATH at all": ({}, {}, {"PATH": "/env/bin", "VIRTUAL_ENV": "/env"}),
    "conda from a client in a virtual environment": (
        {"PATH": "/v/bin", "VIRTUAL_ENV": "/v"},
        {"prefix": "/opt/conda/envs/science", "base_prefix": "/opt/conda/envs/science", "conda": True},
        {
            "PATH": "/opt/conda/envs/science/bin:/v/bin",
            "VIRTUAL_ENV": None,
            "CONDA_PREFIX": "/opt/conda/envs/science",
            "CONDA_DEFAULT_ENV": "science",
        },
    ),
    "conda by its path": (
        {"PATH": "/x/bin", "CONDA_PREFIX": "/opt/conda"},
        {"prefix": "/x", "base_prefix": "/x", "conda": True},
        {"CONDA_PREFIX": "/x", "CONDA_DEFAULT_ENV": "/x"},
    ),
    "the system's Python from a client in an environment": (
        {"PATH": "/v/bin:/usr/local/bin:/usr/bin", "VIRTUAL_ENV": "/v", "CONDA_PREFIX": "/c", "CONDA_DEFAULT_ENV": "c"},
        {"prefix": "/usr", "base_prefix": "/usr"},
        {"VIRTUAL_ENV": None, "CONDA_PREFIX": None, "CONDA_DEFAULT_ENV": None},
    ),
    "a Python of its own folder": (
        {"PATH": "/usr/bin"},
        {"prefix": "/opt/py", "base_prefix": "/opt/py"},
        {"PATH": "/opt/py/bin:/usr/bin"},
    ),
    "Windows": (
        {"PATH": r"C:\Windows;c:\ENV\scripts"},
        {
            "prefix": r"C:\env",
            "base_prefix": r"C:\Python",
            "platform": "win32",
            "executable": r"C:\env\Scripts\python.exe",
        },
        {"PATH": r"C:\env\Scripts;C:\Windows", "VIRTUAL_ENV": r"C:\env"},
    ),
    "conda on Windows": (
        {"PATH": r"C:\Windows"},
        {
            "prefix": r"C:\c",
            "base_prefix": r"C:\c",
            "platform": "win32",
            "conda": True,
            "executable": r"C:\c\python.exe",
        },
        {
            "PATH": r"C:\c;C:\c\Library\mingw-w64\bin;C:\c\Library\usr\bin;C:\c\Library\bin;C:\c\Scripts;C:\c\bin;"
            r"C:\Windows",
            "CONDA_PREFIX": r"C:\c",
            "CONDA_DEFAULT_ENV": r"C:\c",
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_changes(case: str) -> None:
    environ, facts, expected = CASES[case]
    given = {"prefix": "/env", "base_prefix": "/usr", "platform": "linux", "conda": False, **facts}
    given.setdefault("executable", f"{given['prefix']}/bin/python")
    conda = given.pop("conda")
    changes = environment(environ, **given, exists=lambda path: conda and path.endswith("conda-meta"))
    assert changes == expected
    # Once made, there is nothing more to change.
    after = {**environ, **{name: value for name, value in changes.items() if value is not None}}
    after = {name: value for name, value in after.items() if changes.get(name, value) is not None}
    assert environment(after, **given, exists=lambda path: conda and path.endswith("conda-meta")) == {}
