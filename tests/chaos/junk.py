"""Messages that are signed as they should be, and of which one thing is wrong."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

__all__ = ["Junk", "junk"]

BOTH, SHELL, CONTROL, STDIN = ("shell", "control"), ("shell",), ("control",), ("stdin",)

TYPES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "kernel_info_request": (BOTH, {}),
    "connect_request": (BOTH, {}),
    "execute_request": (
        SHELL,
        {
            "code": "1 + 1",
            "silent": False,
            "store_history": True,
            "user_expressions": {"a": "1"},
            "allow_stdin": False,
            "stop_on_error": False,
        },
    ),
    "complete_request": (SHELL, {"code": "impo", "cursor_pos": 4}),
    "inspect_request": (SHELL, {"code": "print", "cursor_pos": 3, "detail_level": 0}),
    "is_complete_request": (SHELL, {"code": "1 +"}),
    "history_request": (
        SHELL,
        {
            "hist_access_type": "range",
            "output": False,
            "raw": True,
            "session": 0,
            "start": 1,
            "stop": 3,
            "n": 3,
            "pattern": "*",
            "unique": False,
        },
    ),
    "comm_info_request": (SHELL, {"target_name": "none"}),
    "comm_open": (SHELL, {"comm_id": "one", "target_name": "none", "data": {}}),
    "comm_msg": (SHELL, {"comm_id": "one", "data": {}}),
    "comm_close": (SHELL, {"comm_id": "one", "data": {}}),
    "detached_request": (BOTH, {"detached_id": "none"}),
    "interrupt_request": (BOTH, {}),
    "usage_request": (CONTROL, {}),
    "debug_request": (CONTROL, {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}),
    "create_subshell_request": (BOTH, {}),
    "delete_subshell_request": (BOTH, {"subshell_id": "none"}),
    "list_subshell_request": (BOTH, {}),
    "input_reply": (STDIN, {"value": "text", "status": "ok"}),
}
"""Each type of a request, the channels that it comes on, and a right content. `shutdown_request` is not among them."""

WRONG: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1 << 40, 1 << 70, 1.5, -1e300, "", "text", "\0", "\N{DUCK}" * 9, "x" * 100_000),
    *(
        [],
        [1],
        ["text"],
        {},
        {"a": 1},
        {"": None},
        {"a": {"b": [{}] * 50}},
        [[[[[[]]]]]],
        "../../etc/passwd",
        "%",
        "\n\r",
    ),
)
METADATA = ("timeout", "detach", "cellId", "cell_id", "deletedCells", "thread", "task")
HEADER = ("msg_id", "session", "username", "date", "version", "msg_type", "subshell_id")


class Junk(NamedTuple):
    """One message, and whether its sender can expect an answer: "reply" and idle, "idle" alone, or "" for neither,
    since it cannot be said whose answer it would be."""

    channel: str
    msg_type: str
    content: Any
    options: dict[str, Any]
    answer: str

    def __str__(self) -> str:
        return f"{self.msg_type} on {self.channel}: {self.content!r:.200} {self.options!r:.200}"


def junk(chance: random.Random) -> Junk:
    """A message, by chance: its type, the part and the field that are wrong, and the value there."""
    msg_type = chance.choice(list(TYPES))
    channels, right = TYPES[msg_type]
    channel = chance.choice(channels)
    answer = "reply" if msg_type.endswith("_request") else "idle" if msg_type.startswith("comm") else ""
    content: Any = dict(right)
    options: dict[str, Any] = {}
    wrong = chance.choice(WRONG)
    part = chance.randrange(8)
    if part < 3 and right:
        content[chance.choice(list(right))] = wrong
    elif part == 3 and right:
        del content[chance.choice(list(right))]
    elif part == 4:
        content = wrong
    elif part == 5:
        options["metadata"] = chance.choice([wrong, {chance.choice(METADATA): wrong}])
    elif part == 6:
        options["parent"] = chance.choice([wrong, {"msg_id": wrong}])
        options["buffers"] = [chance.randbytes(chance.randrange(99)) for _ in range(chance.randrange(4))]
    else:
        field = chance.choice(HEADER)
        options["fields"] = {field: wrong}
        if field in ("msg_id", "msg_type", "session", "version"):
            answer = ""
    return Junk(channel, msg_type, content, options, answer)
