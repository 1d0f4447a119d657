"""Prompts: questions to a client, one at a time, each answered to whoever asked it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from async_kernel.protocol.messages import Message

__all__ = ["Prompts"]


class _Prompt:
    __slots__ = ("cancelled", "msg_id", "request_id", "send", "settled", "thread", "value")

    def __init__(self, msg_id: str, request_id: str, send: Callable[[str], None], settled: threading.Event) -> None:
        self.msg_id = msg_id
        self.request_id = request_id
        self.send = send
        self.value = ""
        self.cancelled = False
        self.settled = settled
        self.thread = threading.get_ident()


class Prompts:
    """The open question, and behind it those that wait to be put.

    A front end shows one prompt at a time and its reply does not always say which prompt it answers, so questions from
    several threads and tasks queue here. `make_event()` makes the event that an asker waits for: one that does
    something useful meanwhile.
    """

    def __init__(self, make_event: Callable[[], threading.Event] = threading.Event) -> None:
        self._lock = threading.Lock()
        self._queue: deque[_Prompt] = deque()
        self._make_event = make_event

    def ask(self, msg_id: str, request_id: str, send: Callable[[str], None]) -> str:
        """Send a question by `send(msg_id)` once it is its turn, and return the answer.

        `request_id` is the msg_id of the request on whose behalf it is asked. Blocks the calling thread; raises
        KeyboardInterrupt when `cancel` is called for the request meanwhile.
        """
        prompt = _Prompt(msg_id, request_id, send, self._make_event())
        try:
            with self._lock:
                self._queue.append(prompt)
                if self._queue[0] is prompt:
                    send(msg_id)
            prompt.settled.wait()
        finally:
            with self._lock:
                self._settle([prompt])
        if prompt.cancelled:
            raise KeyboardInterrupt
        return prompt.value

    def answer(self, message: Message) -> bool:
        """Take an input_reply. False when it answers no open question and is to be dropped."""
        asked = message.parent_header.get("msg_id", "")
        with self._lock:
            prompt = self._queue[0] if self._queue else None
            # Some clients answer without saying what; one that names something else answers a question that is gone.
            if prompt is None or (asked and asked not in (prompt.msg_id, prompt.request_id)):
                return False
            value = message.content.get("value")
            prompt.value = "" if value is None else str(value)  # a null is no text, as the absence of a value is none
            self._settle([prompt])
        return True

    def cancel(
        self, request_id: str | None = None, claim: Callable[[], bool] = lambda: True, *, thread: int | None = None
    ) -> bool:
        """End the questions of the request `request_id`, or those that `thread` asks, or all: their askers get
        KeyboardInterrupt.

        Returns whether there were any. They go on when `claim()` says no, which is asked while no answer can come in.
        """
        with self._lock:
            found = [
                prompt
                for prompt in self._queue
                if request_id in (None, prompt.request_id) and thread in (None, prompt.thread)
            ]
            if found and claim():
                for prompt in found:
                    prompt.cancelled = True
                self._settle(found)
        return bool(found)

    def _settle(self, settled: list[_Prompt]) -> None:
        """Take prompts out of the queue, which holds just what nobody has answered, and put the next question."""
        opened = self._queue[0] if self._queue else None
        for prompt in settled:
            with suppress(ValueError):
                self._queue.remove(prompt)
            prompt.settled.set()
        if self._queue and self._queue[0] is not opened:
            self._queue[0].send(self._queue[0].msg_id)
