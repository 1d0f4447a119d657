"""The rule for the server's log objects to what it should."""

from __future__ import annotations

import pytest

from .log import entries, objections

INFO = "[I 2026-11-29 02:27:08.771 ServerApp] Kernel started: a4e6f47a"
WARNING = "[W 2026-11-29 02:27:09.340 ServerApp] The websocket_ping_timeout (90000) cannot be longer\n    Setting it"

LEFT = """\
Task exception was never retrieved
future: <Task finished coro=<WebSocketProtocol13.write_message.<locals>.wrapper()> exception=WebSocketClosedError()>
Traceback (most recent call last):
  File "tornado/websocket.py", line 1140, in wrapper
tornado.iostream.StreamClosedError: Stream is closed

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "tornado/websocket.py", line 1142, in wrapper
tornado.websocket.WebSocketClosedError"""

BAD = {
    "of a kernel, behind a task of the server": f"{LEFT}\nSegmentation fault",
    "of another task": LEFT.replace("write_message", "read_message"),
    "of a kernel": "async-kernel: one of 3 messages was dropped",
    "a traceback of a kernel": 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: no',
    "a warning": "[W 2026-11-29 02:27:09.340 ServerApp] Kernel died, restarting",
    "an error": "[E 2026-11-29 02:27:09.340 ServerApp] Uncaught exception\n    Traceback (most recent call last):",
    "a traceback told as info": "[I 2026-11-29 02:27:09.340 ServerApp] Oh\n    Traceback (most recent call last):",
    "of a kernel, begun like the server's": "[I am the kernel]",
}


def test_routine_and_what_is_allowed_pass() -> None:
    assert objections(f"{INFO}\n{WARNING}\n\n{INFO}\n{LEFT}\n{LEFT}\n{INFO}\n") == []


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_a_user_cannot_act_on_does_not(text: str) -> None:
    assert objections(f"{INFO}\n{text}\n{WARNING}\n") == [entry for entry in entries(text) if entry != INFO]
    assert objections(f"{INFO}\n{text}\n{WARNING}\n")
