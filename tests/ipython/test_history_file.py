"""The history file beside other programs, on a full disk, damaged, and at the end: nobody waits, nothing is lost."""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from async_kernel.errors import HistoryUnavailableError, RequestError
from async_kernel.ipython import history_file
from async_kernel.ipython.history import history
from async_kernel.ipython.history_connection import PatientConnection
from async_kernel.ipython.history_file import DelayedSave, HistoryManager

DEADLINE = 20.0

Open = Callable[..., HistoryManager]


@pytest.fixture(scope="module")
def shell() -> InteractiveShell:
    """IPython's own, for what a history asks of one."""
    return InteractiveShell(config=Config(HistoryManager={"hist_file": ":memory:"}))


@pytest.fixture
def open_history(shell: InteractiveShell, tmp_path: Path) -> Iterator[Open]:
    """Open the history of the test, as the next kernel would."""
    opened: list[HistoryManager] = []

    def open_history(**settings: Any) -> HistoryManager:
        settings = {"hist_file": tmp_path / "history.sqlite", **settings}
        manager = HistoryManager(shell=shell, config=Config(HistoryManager=settings))
        opened.append(manager)
        return manager

    yield open_history
    for manager in opened:
        manager.db.close()


@contextmanager
def locked(path: Path, how: str = "EXCLUSIVE") -> Iterator[None]:
    """The file, held by another program."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        yield
        other.execute("ROLLBACK")


def stored(path: Path) -> list[str]:
    """The inputs in the file."""
    with closing(sqlite3.connect(path)) as reader:
        return [row[0] for row in reader.execute("SELECT source_raw FROM history ORDER BY session, line")]


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("how", ["EXCLUSIVE", "IMMEDIATE"])
def test_input_is_kept_while_the_file_is_locked_and_written_then(
    open_history: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(history_file, "SAVE_SECONDS", 0.01)
    manager = open_history()
    save = DelayedSave(manager)
    with locked(tmp_path / "history.sqlite", how):
        for line in range(1, 11):
            manager.store_inputs(line, f"cell {line}")
            save.ask()
        wait_until(lambda: manager._told)  # tried in vain
        assert stored(tmp_path / "history.sqlite") == [] if how == "IMMEDIATE" else True
    wait_until(lambda: len(stored(tmp_path / "history.sqlite")) == 10)
    save.close()
    assert stored(tmp_path / "history.sqlite") == [f"cell {line}" for line in range(1, 11)]


def test_what_stores_a_cell_waits_for_no_writer(open_history: Open, tmp_path: Path) -> None:
    manager = open_history()
    manager.store_inputs(1, "first")
    inside, go_on = threading.Event(), threading.Event()

    class Slow(PatientConnection):
        def execute(self, *args: Any) -> sqlite3.Cursor:
            inside.set()
            assert go_on.wait(DEADLINE)
            return super().execute(*args)

    with closing(manager.db):
        manager.db = sqlite3.connect(tmp_path / "history.sqlite", factory=Slow, check_same_thread=False)
    writer = threading.Thread(target=manager.save, daemon=True)
    writer.start()
    assert inside.wait(DEADLINE)
    second = threading.Thread(target=manager.store_inputs, args=(2, "second"), daemon=True)
    second.start()
    second.join(DEADLINE)
    assert not second.is_alive()
    go_on.set()
    writer.join(DEADLINE)
    manager.save()
    assert stored(tmp_path / "history.sqlite") == ["first", "second"]


@pytest.mark.parametrize("before", ["another session", "no file"])
def test_a_file_that_is_locked_at_the_start_stays_where_it_is(
    open_history: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture, before: str
) -> None:
    path = tmp_path / "history.sqlite"
    if before == "another session":
        earlier = open_history()
        earlier.store_inputs(1, "earlier")
        earlier.end_session()
        earlier.db.close()
    with locked(path):
        manager = open_history()
        manager.store_inputs(1, "now")
        assert not manager.save()
        assert manager.hist_file == path
        with pytest.raises(RequestError, match="locked"):
            history(manager, {"hist_access_type": "tail", "n": 5})
        assert history(manager, {"hist_access_type": "range", "session": 0, "start": 1})["history"] == [[0, 1, "now"]]
    assert manager.save()
    assert stored(path) == (["earlier", "now"] if before == "another session" else ["now"])
    assert manager.session_number == (2 if before == "another session" else 1)
    assert not list(tmp_path.glob("*corrupt*"))
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


def test_a_full_disk_moves_nothing_away_and_loses_nothing(open_history: Open, tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    earlier = open_history()
    earlier.store_inputs(1, "earlier")
    earlier.end_session()
    earlier.db.close()

    class OnFullDisk(PatientConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.execute("PRAGMA max_page_count = 1")  # SQLITE_FULL, as a disk has it: no page more than there are

    manager = open_history(connection_options={"factory": OnFullDisk, "check_same_thread": False})
    manager.store_inputs(1, "x" * 100_000)
    assert not manager.save()
    assert [entry[2] for entry in history(manager, {"hist_access_type": "tail", "n": 5})["history"]] == ["earlier"]
    manager.db.execute("PRAGMA max_page_count = 100000")
    assert manager.save()
    assert stored(path) == ["earlier", "x" * 100_000]
    assert not list(tmp_path.glob("*corrupt*"))


def test_a_file_that_may_not_be_written_stays_and_is_read(open_history: Open, tmp_path: Path) -> None:
    earlier = open_history()
    earlier.store_inputs(1, "earlier")
    earlier.end_session()
    earlier.db.close()

    class ReadOnly(PatientConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.execute("PRAGMA query_only = ON")  # SQLITE_READONLY, for root as well

    manager = open_history(connection_options={"factory": ReadOnly, "check_same_thread": False})
    manager.store_inputs(1, "now")
    assert not manager.save()
    assert [entry[2] for entry in history(manager, {"hist_access_type": "tail", "n": 5})["history"]] == ["earlier"]
    assert not list(tmp_path.glob("*corrupt*"))


def test_a_damaged_file_is_moved_away(open_history: Open, tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    path.write_bytes(b"this is no database" * 100)
    manager = open_history()
    manager.store_inputs(1, "now")
    assert manager.save()
    assert stored(path) == ["now"]
    assert len(list(tmp_path.glob("*corrupt*"))) == 1


def test_a_line_that_is_no_text_keeps_no_other_from_being_written(open_history: Open, tmp_path: Path) -> None:
    """Half a surrogate pair, as a front end may send it, cannot be stored: SQLite keeps text in UTF-8."""
    manager = open_history()
    manager.store_inputs(1, "before")
    manager.store_inputs(2, "half = '\ud800'")
    manager.store_inputs(3, "after")
    assert manager.save()
    assert stored(tmp_path / "history.sqlite") == ["before", r"half = '\ud800'", "after"]
    manager.store_output(3)
    assert manager.save()


def test_lines_that_somebody_else_has_written_begin_a_new_session(open_history: Open, tmp_path: Path) -> None:
    manager = open_history()
    for text in ("first", "second"):
        manager.store_inputs(1, text)
        assert manager.save()
    assert manager.session_number == 2
    assert stored(tmp_path / "history.sqlite") == ["first", "second"]


def test_the_end_writes_what_is_left_and_waits_for_a_short_lock(open_history: Open, tmp_path: Path) -> None:
    manager = open_history()
    save = DelayedSave(manager)
    manager.store_inputs(1, "last")
    save.close()
    manager.end_session()
    assert stored(tmp_path / "history.sqlite") == ["last"]


def test_a_lock_that_stays_keeps_no_kernel_from_ending(
    open_history: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_file, "END_SECONDS", 0.01)
    manager = open_history()
    save = DelayedSave(manager)
    manager.store_inputs(1, "last")
    with locked(tmp_path / "history.sqlite"):
        save.close()
        manager.end_session()
    assert "1 lines of the history could not be written" in caplog.text


def test_no_thread_is_needed(
    open_history: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    manager = open_history()

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    save = DelayedSave(manager)
    manager.store_inputs(1, "only")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        save.ask()
        save.ask()
    assert caplog.text.count("no thread can be started") == 1
    save.close()
    assert stored(tmp_path / "history.sqlite") == ["only"]


def test_the_thread_is_there_while_there_is_something_to_write(
    open_history: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "SAVE_SECONDS", 0.01)
    manager = open_history()
    save = DelayedSave(manager)
    save.ask()
    assert save._thread is None, "nothing is stored"
    for line in (1, 2):
        manager.store_inputs(line, f"cell {line}")
        save.ask()
        wait_until(lambda: save._thread is None)
        assert len(stored(tmp_path / "history.sqlite")) == line
    save.close()


def test_a_close_at_any_line_of_the_thread_ends_it(open_history: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread stands still at its n-th line while it is closed, and then goes on; for each n that there is."""
    monkeypatch.setattr(history_file, "SAVE_SECONDS", 0.0)
    manager = open_history()
    for number in range(1, 200):
        there, go_on, lines = threading.Event(), threading.Event(), 0

        def trace(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal lines
            if frame.f_code is not DelayedSave._run.__code__:
                return trace if frame.f_code.co_filename == threading.__file__ else None
            if event == "line":
                lines += 1
                if lines == number:  # noqa: B023 - it is of this round
                    there.set()  # noqa: B023 - it is of this round
                    assert go_on.wait(DEADLINE)  # noqa: B023 - it is of this round
            return trace

        save = DelayedSave(manager)
        manager.store_inputs(number, "cell")
        threading.settrace(trace)
        try:
            save.ask()
        finally:
            threading.settrace(sys.gettrace())
        thread = save._thread
        wait_until(lambda: there.is_set() or thread is None or not thread.is_alive())  # noqa: B023 - it is of this round
        reached = there.is_set()
        closer = threading.Thread(target=save.close, daemon=True)
        closer.start()
        if reached:
            wait_until(lambda: is_joining(closer) or not closer.is_alive())  # noqa: B023  # it has left its marks
        go_on.set()
        if thread is not None:
            thread.join(DEADLINE)
            assert not thread.is_alive(), f"closed at its line {number}"
        closer.join(DEADLINE)
        assert not manager.db_input_cache
        if not reached:
            return
    raise AssertionError("the thread has no end of lines")


def is_joining(thread: threading.Thread) -> bool:
    """Whether it waits for the end of another."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code is threading.Thread.join.__code__:
            return True
        frame = frame.f_back
    return False


def test_the_error_says_what_to_do() -> None:
    error = HistoryUnavailableError("database is locked")
    assert error.reason == "database is locked"
    assert "Close the program" in error.next_step
