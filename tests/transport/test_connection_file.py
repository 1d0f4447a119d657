"""Connection files: read, made anew, written for their owner alone, and said to a person."""

from __future__ import annotations

import importlib.metadata
import os
import stat
import sys
from pathlib import Path

import pytest

from async_kernel.errors import ConnectionFileError
from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.settings import Settings
from async_kernel.transport.connection_file import (
    ConnectionFile,
    fill_in_ports,
    open_connection,
    say_where,
    write_connection,
)


def test_a_connection_file_is_read(tmp_path: Path) -> None:
    info = ConnectionInfo(1, 2, 3, 4, 5, key="a key")
    path = tmp_path / "kernel.json"
    path.write_text(info.to_text())
    assert open_connection(Settings(connection_file=str(path))) == ConnectionFile(str(path), info, is_new=False)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{", b"[]"], ids=["bytes", "JSON", "list"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kernel.json"
    path.write_bytes(content)
    with pytest.raises(ConnectionFileError) as caught:
        open_connection(Settings(connection_file=str(path)))
    assert caught.value.path == str(path)
    assert str(path) in str(caught.value)
    assert caught.value.next_step


def test_a_folder_is_no_connection_file(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFileError) as caught:
        open_connection(Settings(connection_file=str(tmp_path)))
    assert caught.value.path == str(tmp_path)


@pytest.mark.parametrize("name", [".", ""])
def test_a_dot_asks_for_a_new_one(name: str, home: Path) -> None:
    made = [open_connection(Settings(connection_file=name, kernel_name="mine")) for _ in range(2)]
    for file in made:
        assert file.is_new
        assert Path(file.path).parent == home / "runtime"
        assert file.info.kernel_name == "mine"
        assert file.info.shell_port == 0, "still to be chosen"
        assert len(file.info.key) == 64
    assert made[0].info.key != made[1].info.key
    assert made[0].path != made[1].path, "of two kernels in one process"


def test_a_path_where_nothing_is_asks_for_a_new_one_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine.json", str(tmp_path / "mine.json")):
        made = open_connection(Settings(connection_file=name, kernel_name="mine"))
        assert made.is_new
        assert made.path == str(tmp_path / "mine.json")
        secrets = {name: getattr(made.info, name) for name in ("key", "curve_publickey", "curve_secretkey")}
        assert made.info == ConnectionInfo(kernel_name="mine", **secrets)
        assert [len(secret) for secret in secrets.values()] == [64, 40, 40]


@pytest.mark.parametrize("found", ["8.8.0", "7.4.9", "a version of somebody's own", None])
def test_a_client_beside_us_that_does_not_know_curve_gets_no_keys(
    monkeypatch: pytest.MonkeyPatch, found: str | None
) -> None:
    def version(name: str) -> str:
        if found is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert not open_connection(Settings(connection_file=".")).info.is_encrypted


def test_a_new_connection_file_needs_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "mine.json"
    with pytest.raises(ConnectionFileError, match="no folder") as caught:
        open_connection(Settings(connection_file=str(path)))
    assert caught.value.path == str(path)
    assert caught.value.next_step
    assert not path.parent.exists()


@pytest.mark.parametrize(("folder", "named"), [("runtime", "kernel.json"), ("my files", "'{}'")])
def test_what_is_said_of_a_new_kernel_can_be_typed(
    folder: str, named: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """jupyter console looks for a bare name in the runtime folder only."""
    path = str(home / folder / "kernel.json")
    say_where(path)
    assert f"jupyter console --existing {named.format(path)}\n" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    """Otherwise the key would be written wherever another user's link points to."""
    path = tmp_path / "mine.json"
    path.symlink_to(tmp_path / "nowhere.json")
    with pytest.raises(ConnectionFileError, match="cannot be read"):
        open_connection(Settings(connection_file=str(path)))


@pytest.mark.parametrize("before", [None, "older and much longer text" * 100])
def test_what_is_written_is_the_owners_alone(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "new" / "kernel.json"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before)
        path.chmod(0o644)
    info = ConnectionInfo(1, 2, 3, 4, 5, key="a key")
    write_connection(ConnectionFile(str(path), info, is_new=True))
    assert open_connection(Settings(connection_file=str(path))).info == info
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runtime").write_text("no folder")
    file = ConnectionFile(str(tmp_path / "runtime" / "kernel.json"), ConnectionInfo(), is_new=True)
    with pytest.raises(ConnectionFileError, match=r"kernel\.json cannot be written") as caught:
        write_connection(file)
    assert "JUPYTER_RUNTIME_DIR" in caught.value.next_step


def test_a_registration_file_leaves_the_ports_to_the_kernel(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "kernel-5f2c.json"
    path.write_text('{"kernel_id": "../5f2c", "registration_port": 51587, "key": "a key"}')
    made = open_connection(Settings(connection_file=str(path), kernel_name="mine"))
    assert made.is_new
    assert made.registration is not None
    assert made.registration.registration_port == 51587
    assert made.info == ConnectionInfo(key="a key", kernel_name="mine")
    assert Path(made.path) == home / "runtime" / f"kernel-5f2c-{os.getpid()}.json"


def test_chosen_ports_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "kernel.json"
    path.write_text("[]")  # it was another a moment ago
    with pytest.raises(ConnectionFileError, match="chosen ports") as caught:
        fill_in_ports(ConnectionFile(str(path), ConnectionInfo(1, 2, 3, 4, 5), is_new=False))
    assert caught.value.path == str(path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "[]"
