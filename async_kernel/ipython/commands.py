"""Shell commands of cells (`!command`), each in a pseudo-terminal of its own. Not on Windows, which has none.

IPython's own way takes a tenth of a second for each, and half as much again to end one, in fixed waits. The terminal is
pexpect's, which IPython depends on.
"""

from __future__ import annotations

import codecs
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from async_kernel.stacks import runs_user_code

__all__ = ["Command"]

POLL_SECONDS = 0.02
"""How long a thread of a subshell, where nothing ends a wait, may take to hear of an interrupt."""

READ_BYTES = 1 << 16

GRACE_SECONDS = 0.2
"""The seconds that a command has to end after Ctrl-C, and then after each signal that is harder to ignore."""

HARDER = ("SIGHUP", "SIGTERM", "SIGKILL")


class Command:
    """A command of the user's shell, $SHELL, that runs in a terminal; its output there is printed as it comes."""

    def __init__(self, text: str) -> None:
        from IPython.utils.encoding import DEFAULT_ENCODING

        self._text = text
        self._child: Any = None
        self._decoder = codecs.getincrementaldecoder(DEFAULT_ENCODING)("replace")

    @runs_user_code
    def run(self) -> None:
        """Run it to its end. At KeyboardInterrupt it gets Ctrl-C, and is ended if it does not end; then that is raised.

        OSError when there is no such shell.
        """
        # Exceptions are raised in this function and in pexpect, but in none of the others of ours.
        from pexpect import EOF, TIMEOUT

        try:
            self._start()
            while True:
                try:
                    data = self._child.read_nonblocking(READ_BYTES, POLL_SECONDS)
                except TIMEOUT:
                    continue
                except EOF:
                    break
                self._show(data)
            while self._child.isalive():  # it has given up its terminal
                time.sleep(POLL_SECONDS / 20)
        except KeyboardInterrupt:
            self._end()
            raise
        finally:
            self._close()

    @property
    def status(self) -> int:
        """Its exit status; that of a command which a signal has ended is minus the number of the signal."""
        if self._child is None:
            return 0
        if self._child.exitstatus is None:
            return -(self._child.signalstatus or 0)
        status = int(self._child.exitstatus)
        return 128 - status if status > 128 else status  # as shells say that a signal has ended the command

    def _start(self) -> None:
        import pexpect

        name = os.environ.get("SHELL", "sh")
        shell = pexpect.which(name)
        if shell is None:
            raise OSError(f"The shell {name!r}, which $SHELL names, is not there.")
        self._child = pexpect.spawn(shell, ["-c", self._text], use_poll=True)  # select() is for 1,024 files
        self._child.ptyproc.delayafterclose = 0

    def _show(self, data: bytes, final: bool = False) -> None:
        sys.stdout.write(self._decoder.decode(data, final))
        sys.stdout.flush()

    def _end(self) -> None:
        if self._child is None:
            return
        with suppress(OSError):
            self._child.sendintr()  # to whatever has the terminal, as the key does
        for name in HARDER:
            if self._is_over(GRACE_SECONDS):
                return
            self._child.kill(getattr(signal, name))
        self._is_over(GRACE_SECONDS)

    def _is_over(self, seconds: float) -> bool:
        """Whether it ends within so many seconds, in which its last words are shown."""
        from pexpect import EOF, TIMEOUT

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self._show(self._child.read_nonblocking(READ_BYTES, POLL_SECONDS))
            except TIMEOUT:
                continue
            except EOF:
                if not self._child.isalive():
                    return True
                time.sleep(POLL_SECONDS / 20)
        return False

    def _close(self) -> None:
        if self._child is not None:
            self._show(b"", final=True)
            self._child.close()
