"""qtconsole's widget, typed into as by hand: drive_qtconsole.py KERNEL LIBRARY

Prints, as one line of JSON, an object of what was seen at each step. Each wait has a deadline; when it has passed, the
error says what the console shows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from qtconsole.manager import QtKernelManager
from qtconsole.rich_jupyter_widget import RichJupyterWidget
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

PATIENCE = 45.0


class Console:
    """A window with a console in it, and the kernel of the given spec behind it."""

    def __init__(self, spec: str) -> None:
        self.manager = QtKernelManager(kernel_name=spec)
        self.manager.start_kernel()
        client = self.manager.client()
        client.start_channels()
        self._replied: set[str] = set()
        self._idle: set[str] = set()
        client.shell_channel.message_received.connect(self._hear)
        client.iopub_channel.message_received.connect(self._hear)
        self.widget = RichJupyterWidget(gui_completion="plain")
        self.widget.confirm_restart = False
        self.widget.kernel_manager = self.manager
        self.widget.kernel_client = client
        self.widget.show()
        self.exited = False
        self.widget.exit_requested.connect(self._exit)

    def _exit(self, *_: object) -> None:
        self.exited = True

    def _hear(self, message: dict[str, Any]) -> None:
        if message["msg_type"] == "execute_reply":
            self._replied.add(message["parent_header"]["msg_id"])
        elif message["content"].get("execution_state") == "idle":
            self._idle.add(message["parent_header"].get("msg_id", ""))

    @property
    def text(self) -> str:
        """All that it shows."""
        return str(self.widget._control.toPlainText())

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Have Qt work until the condition is true, and give its value."""
        end = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < end, f"{what}: not within {PATIENCE} s; the console shows:\n{self.text}"
            QTest.qWait(10)
        return value

    def prompt(self, number: int) -> str:
        """Wait for a prompt with nothing typed yet; gives what stands above it since the last one.

        The prompt is shown at the reply; what is published may come later, up to `idle`.
        """
        self.wait(lambda: self.text.endswith(f"In [{number}]: ") and self._replied <= self._idle, f"prompt {number}")
        self.widget._flush_pending_stream()
        above = self.text.removesuffix(f"In [{number}]: ")
        return above.rpartition(f"In [{number - 1}]: ")[2].strip()

    def type(self, text: str) -> None:
        """Type, without the key at the end."""
        QTest.keyClicks(self.widget._control, text)

    def enter(self, text: str) -> None:
        """Type a line and run it."""
        self.type(text)
        QTest.keyClick(self.widget._control, Qt.Key.Key_Return)

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press one key."""
        QTest.keyClick(self.widget._control, key, modifier)


def main(spec: str, library: str) -> None:
    """Drive a console from its first prompt to its end."""
    seen: dict[str, Any] = {}
    application = QApplication([])
    console = Console(spec)
    console.prompt(1)
    seen["banner"] = "async-kernel" in console.text

    console.enter(f"import {library}; await {library}.sleep(0.01); 6 * 7")
    seen["execute"] = console.prompt(2).splitlines()[-1]

    console.enter("1 / 0")
    seen["error"] = console.prompt(3).splitlines()[-1]

    console.type("import string; string.ascii_low")
    console.key(Qt.Key.Key_Tab)
    console.wait(lambda: console.widget.input_buffer.endswith("ascii_lowercase"), "completion")
    seen["complete"] = console.widget.input_buffer
    console.key(Qt.Key.Key_Return)
    console.prompt(4)

    console.type("sum(")
    tip = console.widget._call_tip_widget
    console.wait(tip.isVisible, "a tooltip")
    seen["inspect"] = "Return the sum" in tip.text()
    console.enter("[20, 22])")
    console.prompt(5)

    console.enter("for i in range(2):")
    console.wait(lambda: console.text.endswith(":\n   ...:     "), "a line that is indented")
    console.enter("print(i)")
    console.wait(lambda: console.text.endswith("(i)\n   ...:     "), "another")
    console.key(Qt.Key.Key_Return)
    seen["several lines"] = console.prompt(6).splitlines()[-2:]

    console.enter("name = input('Who? ')")
    console.wait(lambda: console.text.endswith("Who? "), "a question")
    console.enter("Ada")
    console.prompt(7)
    console.enter("print(name)")
    seen["input"] = console.prompt(8).splitlines()[-1]

    console.enter("sum?")
    seen["help"] = console.prompt(9).splitlines()[1]

    console.enter("print('in'); import time; time.sleep(600)")
    console.wait(lambda: console.text.endswith("in\n"), "a cell that runs")
    console.widget.request_interrupt_kernel()
    seen["interrupt"] = console.prompt(10).splitlines()[-1].strip()

    console.widget.request_restart_kernel()
    console.wait(lambda: "Restarting kernel..." in console.text, "the word that it restarts")
    console.enter("'name' in globals()")
    seen["restart"] = console.prompt(2).splitlines()[-1]

    console.enter("exit")
    console.wait(lambda: console.exited, "the wish to exit")
    seen["exit"] = console.exited

    console.manager.shutdown_kernel()
    console.widget.kernel_client.stop_channels()
    console.widget.close()
    application.quit()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
