"""The pages about trouble quote what `async-kernel doctor` says; here it says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .fences import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is missing, and the display, are as on Linux")

SITUATIONS = {
    "no spec": (),
    "interpreter gone": ("--fullpath",),
    "no display": ("--host=tk",),
    "no binding": ("--host=qt", "--host_options={'module': 'PyQt6'}"),
    "no interface": ("--start_interface=nothing.here",),
    "no JSON": ("--fullpath",),
}
"""From a situation to the settings of the kernel that is in it."""


def command(*words: str, env: dict[str, str]) -> str:
    """What the command prints, whatever its exit status."""
    line = [sys.executable, "-m", "async_kernel", *words]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=90, check=False)
    return done.stdout


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_pages_quote_the_doctor(situation: str, tmp_path: Path) -> None:
    kernels = tmp_path / "share" / "jupyter" / "kernels"
    env = {**os.environ, "JUPYTER_PATH": str(tmp_path / "share" / "jupyter"), "QT_QPA_PLATFORM": "offscreen"}
    env.pop("DISPLAY", None)
    name = "async-science"
    if SITUATIONS[situation]:
        command("-a", name, f"--folder={kernels}", *SITUATIONS[situation], env=env)
    file = kernels / name / "kernel.json"
    if situation == "interpreter gone":
        file.write_text(file.read_text().replace(sys.executable, str(tmp_path / "gone" / "python")))
    if situation == "no JSON":
        file.write_text("{")
    said = command("doctor", name, env=env)
    problem = said[said.index("Problem:") :]
    problem = problem.replace(str(kernels / name), "FOLDER").replace(str(tmp_path / "gone" / "python"), "PYTHON")
    problem = problem.replace(sys.executable, "PYTHON")
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "trouble").glob("*.md"))
    quoted = [
        block for block in re.findall(r"^```text\n(.*?)```", pages, re.M | re.S) if problem.startswith(block.rstrip())
    ]
    assert quoted, problem
