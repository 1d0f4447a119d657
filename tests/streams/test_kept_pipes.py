"""A cell that has written nothing past Python leaves its pipes to the next one, unless a process may have them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from async_kernel.kernel.request import Request
from async_kernel.streams.descriptors import Capture
from async_kernel.system import children
from async_kernel.system.real import real
from tests.fakes import FakeOutlet

from .test_output import make_request

pytestmark = pytest.mark.skipif(os.name != "posix", reason="descriptors are captured on POSIX systems")

linux = pytest.mark.skipif(sys.platform != "linux", reason="whether there were children is known on Linux only")


class Cells:
    """Cells whose descriptors 1 and 2 are two of our own."""

    def __init__(self) -> None:
        self.stdout, self.stderr = (os.open(os.devnull, os.O_WRONLY) for _ in range(2))
        self.capture = Capture({self.stdout: "stdout", self.stderr: "stderr"})

    def begin(self) -> tuple[FakeOutlet, Callable[[], None]]:
        outlet = FakeOutlet()
        request: Request = make_request(outlet)
        return outlet, self.capture.enter(request)

    @property
    def pipe(self) -> tuple[int, int]:
        status = os.fstat(self.stdout)
        return status.st_dev, status.st_ino

    def run(self, work: Callable[[], object] = lambda: None) -> tuple[FakeOutlet, tuple[int, int]]:
        """One cell that does some `work`: its outlet, and the pipe in place of its stdout."""
        outlet, leave = self.begin()
        pipe = self.pipe
        work()
        leave()
        return outlet, pipe

    def write(self, text: str = "text") -> None:
        os.write(self.stdout, text.encode())


class Alone:
    """The functions that look for children, which do not see those that other tests have left in this process."""

    def __init__(self) -> None:
        self._given = real
        self._others = set(self._pids())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._given, name)

    def waitid(self, kind: int, number: int, options: int) -> object:
        if not set(self._pids()) - self._others:
            raise ChildProcessError
        return True

    def _pids(self) -> list[int]:
        return [child.pid for child in psutil.Process().children()]


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cells]:
    monkeypatch.setattr(children, "real", Alone())
    cells = Cells()
    yield cells
    cells.capture.restore()
    os.close(cells.stdout)
    os.close(cells.stderr)


@linux
def test_a_silent_cell_leaves_its_pipes_to_the_next(cells: Cells) -> None:
    pipes = {cells.run()[1] for _ in range(5)}
    assert len(pipes) == 1
    outlet, pipe = cells.run(cells.write)
    assert pipe in pipes
    assert outlet.written == [("stdout", "text")]


def test_a_cell_that_has_written_takes_its_pipes_with_it(cells: Cells) -> None:
    first, pipe = cells.run(cells.write)
    second, other = cells.run(cells.write)
    assert pipe != other
    assert (first.written, second.written) == ([("stdout", "text")], [("stdout", "text")])


def test_text_between_two_cells_belongs_to_the_first(cells: Cells) -> None:
    first, _ = cells.run()
    cells.write("late")
    second, _ = cells.run()
    assert (first.written, second.written) == ([("stdout", "late")], [])


@pytest.mark.parametrize("waited", [True, False], ids=["that has ended", "that lives on"])
def test_a_child_keeps_the_pipes_of_its_cell(cells: Cells, waited: bool) -> None:
    children: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=cells.stdout)
        children.append(child)
        if waited:
            child.communicate(b"\n")

    _, before = cells.run()
    _, with_child = cells.run(start)
    _, after = cells.run()
    assert after != with_child
    children[0].communicate(b"\n" if not waited else None)
    assert sys.platform != "linux" or before == with_child


@linux
def test_a_child_between_two_cells_keeps_the_pipes_of_the_first(cells: Cells) -> None:
    _, before = cells.run()
    subprocess.run([sys.executable, "-c", ""], check=True)
    _, after = cells.run()
    assert before != after


def test_a_cell_that_has_redirected_a_descriptor_leaves_nothing(cells: Cells) -> None:
    kept = os.dup(cells.stdout)

    def redirect() -> None:
        nonlocal kept
        os.close(kept)
        kept = os.dup(cells.stdout)
        os.dup2(sys.__stdin__.fileno() if sys.__stdin__ else 0, cells.stdout)

    _, pipe = cells.run(redirect)
    os.write(kept, b"kept")
    second, other = cells.run()
    os.dup2(kept, cells.stdout)
    os.close(kept)
    assert pipe != other
    assert second.written == []


def test_cells_beside_each_other_share_none(cells: Cells) -> None:
    first, leave_first = cells.begin()
    pipe = cells.pipe
    second, leave_second = cells.begin()
    assert cells.pipe != pipe
    cells.write("second")
    leave_second()
    cells.write("first")
    leave_first()
    assert (first.written, second.written) == ([("stdout", "first")], [("stdout", "second")])
    _, third = cells.run()
    assert third != pipe


def descriptors() -> int:
    return len([*Path("/dev/fd").iterdir()])


def test_nothing_is_left_open(cells: Cells) -> None:
    cells.run()
    count = descriptors()
    for _ in range(5):
        cells.run()
        cells.run(cells.write)
    cells.run()
    assert descriptors() == count


def test_leaving_the_cells_closes_them(cells: Cells) -> None:
    cells.run()
    cells.capture.leave_cells()
    cells.run()
    assert cells.capture.number_of(cells.stdout) == cells.stdout
