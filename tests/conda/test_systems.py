"""Linux, macOS and Windows: what conda picks on each, and what a Windows environment then holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from rattler import Subdir
from rattler.exceptions import SolverError

from tests.conda.environments import Environment, files_below, solve_for
from tests.conda.recipe import read_json

WINDOWS_PREFIX = r"C:\Users\A Person\miniforge3\envs\work"


@pytest.mark.parametrize(
    ("platform", "family", "loop"),
    [("linux-64", "unix", "uvloop"), ("osx-arm64", "unix", "uvloop"), ("win-64", "win", "winloop")],
)
def test_a_solve_picks_the_loop_of_the_system(platform: str, family: str, loop: str, stub_channels: list[str]) -> None:
    picked = {record.name.normalized: record for record in solve_for(platform, ["async-kernel"], stub_channels)}
    assert picked.keys() & {"uvloop", "winloop"} == {loop}
    assert str(picked["async-kernel"].build).startswith(f"{family}_pyh")
    assert {"ipython", "pyzmq", "anyio", "jupyter_client", "jupyter_core", "platformdirs", "comm"} <= picked.keys()


@pytest.mark.parametrize(("platform", "other"), [("linux-64", "win"), ("osx-arm64", "win"), ("win-64", "unix")])
def test_the_variant_of_another_system_cannot_be_installed(platform: str, other: str, stub_channels: list[str]) -> None:
    with pytest.raises(SolverError):
        solve_for(platform, [f"async-kernel * {other}_*"], stub_channels)


def test_the_layout_of_a_windows_environment(stub_channels: list[str], decoy: Path, tmp_path: Path) -> None:
    """Linked on Linux as it would be on Windows: where Windows finds scripts, modules and the spec."""
    windows = Environment(tmp_path / "env", stub_channels, decoy)
    records = solve_for("win-64", ["async-kernel"], stub_channels)
    windows.install_records(
        [record for record in records if record.name.normalized in ("async-kernel", "python")],
        platform=Subdir("win-64"),
        alternative_target_prefix=WINDOWS_PREFIX,
    )
    files = files_below(windows.prefix)
    for script in ("async-kernel", "async_kernel"):
        assert f"Scripts/{script}.exe" in files
        assert f"Scripts/{script}-script.py" in files
        assert (windows.prefix / "Scripts" / f"{script}.exe").read_bytes().startswith(b"MZ")
    assert "Lib/site-packages/async_kernel/py.typed" in files
    spec = read_json(windows.prefix / "share/jupyter/kernels/async/kernel.json")
    assert spec["argv"][0] == WINDOWS_PREFIX.replace("\\", "/") + "/python.exe"
