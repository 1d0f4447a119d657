"""The history in its SQLite file, which other programs use, too: nothing waits for it, and nothing is lost by that.

IPython takes every error of SQLite for a corrupt file, and drops the input that it could not write at once. Here only a
file whose content is damaged is moved away; input that cannot be written is kept and tried again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from IPython.core import history as of_ipython
from IPython.core.history import HistoryAccessor

from async_kernel.errors import HistoryUnavailableError
from async_kernel.system.service_thread import ServiceThread

__all__ = ["SAVE_SECONDS", "DelayedSave", "HistoryManager"]

SAVE_SECONDS = 1.0
"""How long input is kept in memory before it is written to the history file."""

LONGEST_PAUSE = 30.0
"""Seconds between two tries to write: doubled from the first to the longest."""

LOCK_SECONDS = 0.1
"""How long a statement waits for a file that another program has locked."""

END_SECONDS = 1.0
"""How long the end of a kernel waits for it."""

JOIN_SECONDS = 1.0
"""How long the thread that writes has to end."""

_log = logging.getLogger(__name__)


class HistoryManager(of_ipython.HistoryManager):
    """IPython's history, of the same name for `%config` and profiles, which waits for its file nowhere for long.

    A file that cannot be written when the kernel starts, or later, is written when it can be. The session begins when
    its number is asked for or its first input is written: the start does not wait for the disk.
    """

    connection_options: Any  # IPython's traits, whose types mypy does not see
    db_input_cache: list[Any]
    db_output_cache: list[Any]
    save_thread: Any

    def __init__(self, shell: Any, config: Any = None, **traits: Any) -> None:
        self._writing = threading.Lock()  # one transaction at a time: all threads have one connection
        self._has_tables = False
        self._told = False
        self._session = 0
        super().__init__(shell=shell, config=config, **traits)
        # IPython's own thread may wait for ever when it is stopped while it clears its flag, and holds the lock that
        # the next cell takes while it waits for the file.
        thread, self.save_thread, self.using_thread = self.save_thread, None, False
        if thread is not None:
            thread.stop()

    def init_db(self) -> None:
        """Open the file. HistoryUnavailableError when that is not possible; a file that is locked is opened."""
        if self.enabled:  # a Python without SQLite has none
            from async_kernel.ipython.history_connection import PatientConnection

            ours = {"factory": PatientConnection, "timeout": LOCK_SECONDS}
            self.connection_options = {**ours, **self.connection_options}
        try:
            super().init_db()
            self._has_tables = True
        except HistoryUnavailableError as error:
            if self.db is None:
                raise
            self._tell(error)

    @property
    def session_number(self) -> int:
        """The number of the session, which begins now if it has not; 0 while the file cannot be written."""
        if not self._session and self.enabled:
            with self._writing:
                self._begin()
        return self._session

    @session_number.setter
    def session_number(self, number: int) -> None:
        self._session = number

    def new_session(self, conn: Any = None) -> None:
        """Let the next input begin a session."""
        self._session = 0

    def _begin(self) -> None:
        """Begin a session, if there is none and the file can be written now. The caller holds `_writing`."""
        try:
            if not self._session:
                super().new_session()
        except HistoryUnavailableError as error:
            self._tell(error)

    def writeout_cache(self, conn: Any = None) -> None:
        """Write the entries in memory, if the file can be written now."""
        self.save()

    def end_session(self) -> None:
        """Write the entries in memory, and the end of the session, if the file can be written now."""
        try:
            if self.save() and self._session:
                super().end_session()
        except HistoryUnavailableError as error:
            self._tell(error)
        self._session = 0

    @property
    def is_due(self) -> bool:
        """Whether there is as much to write as the user wants to be written at once (`db_cache_size`)."""
        inputs = self.db_input_cache
        return bool(inputs and len(inputs) >= self.db_cache_size) or bool(self.db_output_cache)

    def save(self) -> bool:
        """Write the entries in memory. False, and they stay there, when the file cannot be written now."""
        if not self.enabled:
            return True
        with self._writing:
            inputs, outputs = self._take()
            if not inputs and not outputs:
                return True
            try:
                self._write(inputs, outputs)
            except BaseException as error:
                self._put_back(inputs, outputs)
                if not isinstance(error, HistoryUnavailableError):
                    raise
                self._tell(error)
                return False
            if self._told:
                _log.info("the history is written again")
            self._told = False
            return True

    def _take(self) -> tuple[list[Any], list[Any]]:
        with self.db_input_cache_lock:
            inputs, self.db_input_cache = self.db_input_cache, []
        with self.db_output_cache_lock:
            outputs, self.db_output_cache = self.db_output_cache, []
        return inputs, outputs

    def _put_back(self, inputs: list[Any], outputs: list[Any]) -> None:
        with self.db_input_cache_lock:
            self.db_input_cache = inputs + self.db_input_cache
        with self.db_output_cache_lock:
            self.db_output_cache = outputs + self.db_output_cache

    def _write(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        if not self._has_tables:  # the file was locked when it was opened
            HistoryAccessor(hist_file=Path(self.hist_file), connection_options=self.connection_options).db.close()
            self._has_tables = True
        if not self._session:
            super().new_session()
        from sqlite3 import IntegrityError

        try:
            self._insert(inputs, outputs)
        except IntegrityError:  # somebody else has written lines of this session, or the count began anew
            super().new_session()
            _log.warning("the history goes on in a new session, %s", self._session)
            try:
                self._insert(inputs, outputs)
            except IntegrityError:
                _log.warning("%s lines of the history have numbers that others have, and are not written", len(inputs))

    def _insert(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        session = self._session
        with self.db:
            for line in inputs:
                self.db.execute("INSERT INTO history VALUES (?, ?, ?, ?)", (session, *map(_storable, line)))
            for line in outputs:
                self.db.execute("INSERT INTO output_history VALUES (?, ?, ?)", (session, *map(_storable, line)))

    def _tell(self, error: HistoryUnavailableError) -> None:
        if not self._told:
            self._told = True
            _log.warning("%s: %s", self.hist_file, error)


def _storable(value: object) -> object:
    """Text with half a surrogate pair, which SQLite refuses, with its escape instead: one such line would keep all
    others from being written."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


class DelayedSave:
    """Writes a history to its file a moment after a cell, many cells at once, and again when that fails.

    IPython's default writes each input as it comes, in a thread that holds a lock until the disk has it: the next cell
    would wait for the disk, which takes longer than most cells. A setting of the user's (`db_cache_size`) is kept. The
    thread that writes is there only while there is something to write.
    """

    def __init__(self, history: HistoryManager) -> None:
        self._history = history
        self._is_stored = history.enabled and history.hist_file != ":memory:"
        self._lock = threading.Lock()  # over the next two
        self._thread: threading.Thread | None = None
        self._told = False
        self._closed = threading.Event()  # never cleared
        self._end: float | None = None  # until when the end of the kernel waits

    def ask(self, *_: object) -> None:
        """Have the entries in memory written soon, if they are due. Returns at once."""
        if not self._is_stored or self._closed.is_set() or not self._history.is_due:
            return
        with self._lock:
            if self._thread is None:  # else it looks for more under the lock, before it ends
                thread = ServiceThread("history", self._run)
                try:
                    thread.start()
                except RuntimeError:  # the next cell asks again, and all is written at the end
                    if not self._told:
                        _log.warning("the history is written later: no thread can be started now")
                    self._told = True
                else:
                    self._thread = thread

    def close(self) -> None:
        """Stop, and write the rest; input that cannot be written in END_SECONDS is given up. It is called again for the
        input of exit functions, and then waits no second time."""
        self._closed.set()
        if (thread := self._thread) is not None:
            thread.join(JOIN_SECONDS)
        end = self._end = self._end or time.monotonic() + END_SECONDS
        while not self._save():
            if time.monotonic() > end:
                _log.warning("%s lines of the history could not be written", len(self._history.db_input_cache))
                return
            time.sleep(LOCK_SECONDS)

    def _run(self) -> None:
        pause = SAVE_SECONDS
        while not self._closed.wait(pause):
            pause = SAVE_SECONDS if self._save() else min(2 * pause, LONGEST_PAUSE)
            with self._lock:
                if not self._history.is_due:
                    self._thread = None
                    return

    def _save(self) -> bool:
        try:
            return self._history.save()
        except Exception as error:  # the file is damaged: who reads it next puts it away
            _log.warning("the history could not be written: %s", error)
            return False
