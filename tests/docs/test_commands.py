"""Every command that a page shows is typed as it stands there, in a checkout, in an environment of its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .desk import Desk
from .fences import PAGES, ROOT, Fence, fences, name_of
from .table import ELSEWHERE

pytestmark = pytest.mark.timeout(300)


def commands(fence: Fence) -> list[str]:
    """The commands of a fence: lines without their comments, continued ones joined."""
    lines = fence.text.replace("\\\n", " ").splitlines()
    stripped = [re.sub(r"(^|\s{2,})#.*$", "", line).strip() for line in lines]
    return [re.sub(r"\s{2,}", " ", line) for line in stripped if line]


SHOWN = {page: [c for f in fences(page) if f.words[:1] == ("sh",) for c in commands(f)] for page in PAGES}
TYPED = {page: [c for c in shown if c not in ELSEWHERE] for page, shown in SHOWN.items()}


@pytest.mark.skipif(shutil.which("bash") is None, reason="the pages show commands for a POSIX shell")
@pytest.mark.parametrize("page", [pytest.param(p, id=name_of(p)) for p, typed in TYPED.items() if typed])
def test_the_commands_of_a_page(page: Path, desk: Desk) -> None:
    script = "\n".join(["set -euo pipefail", *TYPED[page]])
    done = desk.type(script)
    assert done.returncode == 0, f"{script}\n\n{done.stdout}\n{done.stderr}"


def test_what_is_not_typed_here_is_shown_somewhere() -> None:
    shown = {command for commands in SHOWN.values() for command in commands}
    assert not set(ELSEWHERE) - shown, "the table names commands that no page shows"


def test_what_is_said_to_be_run_elsewhere_is_there() -> None:
    for command, reason in ELSEWHERE.items():
        for path in re.findall(r"(?:tests|benchmarks|\.ci)/[\w/.]+\w", reason):
            assert (ROOT / path).exists(), f"{command}: {path}"
