"""The files that a kernel has made: removed by it or for it, and never those of another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from async_kernel.system.files import OwnFile, hold, sweep

MARK = b"a mark"


def test_a_file_is_removed_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    file = OwnFile("file")
    monkeypatch.chdir("/")
    file.remove()
    assert not (tmp_path / "file").exists()
    file.remove()


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in another process"])
def test_the_file_of_a_successor_stays(tmp_path: Path, elsewhere: bool) -> None:
    path = tmp_path / "a name: with colons"
    path.touch()
    file = OwnFile(str(path))
    if elsewhere:
        file = OwnFile.from_bytes(file.to_bytes())
        assert file.path == str(path)
    successor = tmp_path / "new"
    successor.touch()
    successor.replace(path)
    file.remove()
    assert path.exists()
    OwnFile.from_bytes(OwnFile(str(path)).to_bytes()).remove()
    assert not path.exists()


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        OwnFile(str(tmp_path / "file"))


HOLDS = """
import os, sys
from async_kernel.system.files import hold
for name in sys.argv[1:]: assert hold(os.open(name, os.O_RDWR))
print(1, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks on Windows")
def test_what_nobody_holds_any_more_is_swept_away(tmp_path: Path) -> None:
    marked = [tmp_path / f"kernel-{number}.json" for number in range(2)]
    others = [tmp_path / name for name in ("kernel-3.json", "kernel-4.txt", "other.json")]
    for path in [*marked, *others]:
        path.write_bytes(b"" if path == others[0] else MARK)
    (tmp_path / "kernel-5.json").mkdir()
    command = [sys.executable, "-c", HOLDS, str(marked[0])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "1\n"
        descriptor = os.open(marked[0], os.O_RDWR)
        assert not hold(descriptor)
        os.close(descriptor)
        sweep(str(tmp_path), MARK)
        assert [path.exists() for path in [*marked, *others]] == [True, False, True, True, True]
        holder.kill()
    sweep(str(tmp_path), MARK)
    assert [path.exists() for path in [*marked, *others]] == [False, False, True, True, True]
    sweep(str(tmp_path / "nowhere"), MARK)
