"""How a cell runs: in its turn, or marked to run beside the others, as a task or in a thread.

A cell is marked by a tag in its metadata or by its first line. Knows nothing of what runs it.
"""

from __future__ import annotations

import re
from enum import StrEnum

from async_kernel.protocol.messages import Message

__all__ = ["Mode", "is_detached", "mode_of"]


class Mode(StrEnum):
    """How a marked cell runs. Its turn to start is that of any cell; the next one does not wait for it to end."""

    TASK = "task"
    """As a task of its shell's loop: it goes on while other cells await, or none runs."""

    THREAD = "thread"
    """In a thread, on a loop of its own of the same backend, which ends with the cell."""


_FIRST_LINE = re.compile(r"\s*(?:#[ \t]*|%%)(task|thread)[ \t]*(?:\n|$)")


def mode_of(message: Message) -> Mode | None:
    """How the cell of an execute_request is marked to run, or None.

    The marks: the tag "task" or "thread" in its metadata, or a first line `# task`, `%%task`, `# thread`, `%%thread`.
    A detached cell without any runs in a thread.
    """
    tags = message.metadata.get("tags")
    if isinstance(tags, list):
        for mode in Mode:
            if mode.value in tags:
                return mode
    code = message.content.get("code")
    match = _FIRST_LINE.match(code) if isinstance(code, str) else None
    if match:
        return Mode(match[1])
    return Mode.THREAD if is_detached(message) else None


def is_detached(message: Message) -> bool:
    """Whether an execute_request is marked to be replied to at once: by `detach: true` in its metadata."""
    return message.metadata.get("detach") is True
