"""Every command that a page shows is typed as it stands there, in a checkout, in an environment of its own."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from async_kernel.settings import parse

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


KINDS = {"sh", "python", "text", "json", "dockerfile"}
PROGRAMS = {"async-kernel", "conda", "docker", "git", "jupyter", "npm", "papermill", "pip", "pytest", "python", "uv"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_a_page_is_of_a_kind_that_is_run_or_held_against_something(page: Path) -> None:
    blocks = list(fences(page))
    kinds = {block.words[0] if block.words else "" for block in blocks}
    assert {kind for kind in kinds if not kind.startswith("{")} <= KINDS  # {toctree} and the like are the site's
    first = [block.text.split()[0] for block in blocks if block.words == ("text",) and block.text.strip()]
    assert not PROGRAMS.intersection(first), "a command in a block that nobody types"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_block_of_a_page_is_only_indented(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert re.findall(r"(?<=\n\n)    \S.*", text) == []
    assert re.findall(r"^ +```.*", text, re.M) == [], "a fence within a list is not seen by these tests"


def in_sentences(program: str) -> list[str]:
    """The commands of a program that stand within the sentences of pages."""
    texts = [re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S) for page in PAGES]
    return sorted({found for text in texts for found in re.findall(rf"`({program} [^`\n]+)`", text)})


MENTIONED = re.compile(r"async-kernel (-[ar]|-a \.\.\.|install)")
"""An option or a command that is spoken of, without what it is given."""


@pytest.mark.parametrize("command", [c for c in in_sentences("async-kernel") if not MENTIONED.fullmatch(c)])
def test_a_command_within_a_sentence_is_one(command: str) -> None:
    parse(shlex.split(re.sub(r"[][]|(?<=\w)\|\S+", "", command))[1:])


@pytest.mark.parametrize("command", [*in_sentences("python"), *in_sentences("pytest")])
def test_what_a_command_within_a_sentence_runs_is_there(command: str) -> None:
    program, *words = shlex.split(command)
    if program == "python" and words[0] == "-m":
        found = words[1:] and (ROOT / words[1].replace(".", "/")).exists()
        assert found or words[1:] in ([], ["async_kernel"])
    else:
        assert words[0] == "PATH" or (ROOT / words[0]).exists()
