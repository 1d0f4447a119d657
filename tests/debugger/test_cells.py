"""The files of cells: written where nobody else can, and gone in the end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from async_kernel.debugger.cell_files import CellFiles, in_this_process
from async_kernel.debugger.client import DebuggerError


def test_they_are_ours_alone_and_gone_in_the_end(tmp_path: Path) -> None:
    files, folder = CellFiles(), tmp_path / "cells"
    files.write(str(folder / "1.py"), "ä = 1\r\n")
    files.write(str(folder / "1.py"), "ä = 2\n")
    assert (folder / "1.py").read_bytes() == "ä = 2\n".encode()
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700
    files.remove()
    assert not folder.exists()
    files.remove()


def test_what_others_have_put_there_stays(tmp_path: Path) -> None:
    files, folder = CellFiles(), tmp_path / "cells"
    files.write(str(folder / "1.py"), "")
    (folder / "other").write_text("")
    files.remove()
    assert [path.name for path in folder.iterdir()] == ["other"]


@pytest.mark.skipif(os.name != "posix", reason="links and owners are otherwise on this system")
def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "cells"
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    with pytest.raises(DebuggerError, match="somebody else"):
        CellFiles().write(str(folder / "1.py"), "x")
    assert not list(elsewhere.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="links and owners are otherwise on this system")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(DebuggerError, match="somebody else"):
        CellFiles().write(str(tmp_path / "cells" / "1.py"), "x")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "cells").write_text("a file")
    with pytest.raises(DebuggerError, match="cannot be written"):
        CellFiles().write(str(tmp_path / "cells" / "1.py"), "x")


def test_a_cell_of_a_process_before_is_that_of_this_one(tmp_path: Path) -> None:
    ours, other = (f"{tmp_path / name}{os.sep}" for name in ("ipykernel_22", "ipykernel_1"))
    assert in_this_process(f"{other}33.py", ours) == f"{ours}33.py"
    for path in (f"{ours}33.py", f"{other}module.py", str(tmp_path / "33.py"), f"{other}sub{os.sep}33.py", ""):
        assert in_this_process(path, ours) == path
