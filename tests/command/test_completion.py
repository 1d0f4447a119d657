"""The completion scripts, run by the shells themselves where those are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from async_kernel.command.shell_completion import script
from async_kernel.settings.options import OPTIONS, SUBCOMMANDS


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed on this system")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_every_option_and_command_is_in_the_script(shell: str) -> None:
    text = script(shell)
    for option in OPTIONS:
        assert option.name.removeprefix("kernel.") in text
    for name in SUBCOMMANDS:
        assert name in text
    assert "async-kernel" in text
    assert "async_kernel" in text


@needs("bash")
@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("--back", {"--backend=asyncio", "--backend=trio", "--backend_options=", "--backlog="}),
        ("--backend=", {"asyncio", "trio"}),
        ("--backend=t", {"trio"}),
        ("--loop=q", {"qt"}),
        ("--no-shell.pd", set()),
        ("pru", {"prune"}),
        ("-a x --fullp", {"--fullpath"}),
    ],
)
def test_bash(line: str, completions: set[str], tmp_path: Path) -> None:
    (tmp_path / "completion.bash").write_text(script("bash"))
    command = f"async-kernel {line}"
    program = (
        f"source completion.bash; COMP_LINE={command!r}; COMP_POINT={len(command)}; "
        'compopt() { :; }; _async_kernel; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ran = subprocess.run(
        ["bash", "--norc", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
    )
    assert ran.stderr == ""
    assert set(ran.stdout.split()) == completions


@needs("fish")
def test_fish(tmp_path: Path) -> None:
    (tmp_path / "completion.fish").write_text(script("fish"))
    program = f"source {tmp_path}/completion.fish; complete -C 'async-kernel --backend='"
    ran = subprocess.run(["fish", "--no-config", "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert {line.split("\t")[0] for line in ran.stdout.splitlines()} == {"--backend=asyncio", "--backend=trio"}


@needs("zsh")
def test_zsh_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "completion.zsh").write_text(script("zsh"))
    program = "autoload -U compinit; compinit -u; source ./completion.zsh; print $_comps[async-kernel]"
    ran = subprocess.run(
        ["zsh", "-f", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert (ran.stdout, ran.stderr) == ("_async_kernel\n", "")
