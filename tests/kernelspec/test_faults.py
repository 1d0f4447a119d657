"""Whatever happens to a writer, kill -9 and a full disk at each of its filesystem calls included, the spec is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.kernelspec import faulty_writer
from tests.kernelspec.faulty_writer import NEW_SOURCE, OLD_SOURCE, spec

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each fault is met by a forked writer")

OLD, NEW = spec("old").to_json(), spec("new").to_json()
FOREIGN = '{"argv": ["other"], "display_name": "old", "language": "x"}'


@cache
def outcomes(scenario: str, fault: str) -> list[dict[str, Any]]:
    with TemporaryDirectory() as temporary:
        return run_writer(scenario, fault, Path(temporary) / "kernels" / "mine")


def run_writer(scenario: str, fault: str, folder: Path) -> list[dict[str, Any]]:
    ran = subprocess.run(
        [sys.executable, faulty_writer.__file__, scenario, fault, str(folder)],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def visible(disk: dict[str, str]) -> list[str]:
    """The kernel specs that Jupyter would see: folders in the kernels folder with a kernel.json."""
    return sorted(name for name in disk if name.count("/") == 1 and name.endswith("/kernel.json"))


def whole(disk: dict[str, str]) -> str:
    """Which spec is there, after a look at everything that belongs to it."""
    assert visible(disk) in ([], ["mine/kernel.json"])
    if not visible(disk):
        return "none"
    text = disk["mine/kernel.json"]
    if text == FOREIGN:
        return "foreign"
    generation, source = ("old", OLD_SOURCE) if text == OLD else ("new", NEW_SOURCE)
    assert text == (OLD if generation == "old" else NEW)
    assert disk[f"mine/{source}"] == generation
    return generation


@pytest.mark.parametrize("fault", ["kill", "error"])
@pytest.mark.parametrize(
    ("scenario", "before", "after"),
    [
        ("new", "none", "new"),
        ("update", "old", "new"),
        ("foreign", "foreign", "new"),
        ("remove", "old", "none"),
    ],
)
def test_the_spec_is_whole_after_a_fault_at_every_call(scenario: str, before: str, after: str, fault: str) -> None:
    seen = outcomes(scenario, fault)
    assert len(seen) > {"remove": 8}.get(scenario, 20)  # many calls, a fault at each
    for one in seen[:-1]:
        expected_status = {-9} if fault == "kill" else {10, 3}  # an error in cleaning up is no failure
        assert one["status"] in expected_status, one
        assert whole(one["disk"]) in {before, after}, one
        if scenario in {"update", "foreign", "remove"}:
            assert one["disk"]["mine/notes.txt"] == "the user's own"
        if one["again"] == "done":
            assert whole(one["then"]) == after
    assert seen[-1]["status"] == 0
    assert whole(seen[-1]["disk"]) == after
    states = {whole(one["disk"]) for one in seen}
    assert states == {before, after}  # the faults fell on both sides of the change


@pytest.mark.parametrize("scenario", ["new", "update", "foreign"])
def test_nothing_is_left_behind(scenario: str) -> None:
    """After an error nothing, and after a kill nothing once the next writer has been there."""
    for fault in ("error", "kill"):
        for one in outcomes(scenario, fault):
            left = [name for name in one["then"] if not name.startswith("mine/")]
            assert not left, one
            assert f"mine/{OLD_SOURCE}" not in one["then"]


def test_the_kernel_json_of_somebody_else_is_kept_when_it_is_replaced() -> None:
    for one in outcomes("foreign", "kill"):
        if whole(one["disk"]) == "new":
            assert one["disk"]["mine/kernel.json.before-async-kernel"] == FOREIGN
