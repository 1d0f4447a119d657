"""Stand-ins that tests of several rooms share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from async_kernel.protocol.messages import Buffer, Content, Message

__all__ = ["FakeOutlet", "Published"]


class Published(NamedTuple):
    """One published message."""

    msg_type: str
    content: Content
    metadata: Content
    buffers: tuple[Buffer, ...]
    topic: bytes


class FakeOutlet:
    """Fits `kernel.request.Outlet`, and keeps what goes out.

    `messages` are those that are published. Neighbouring texts of a stream become one message, as on the wire;
    `written` has each by itself. A question is answered with `answer`; None: there is nobody to be asked.
    """

    def __init__(self, answer: str | None = None) -> None:
        self.messages: list[Published] = []
        self.written: list[tuple[str, str]] = []
        self.asked: list[tuple[str, bool]] = []
        self.answer = answer

    def publish(
        self,
        parent: Message,
        msg_type: str,
        content: Content,
        metadata: Content,
        buffers: Sequence[Buffer],
        topic: bytes = b"",
    ) -> None:
        self.messages.append(Published(msg_type, content, metadata, tuple(buffers), topic))

    def writer(
        self, parent: Message, name: str, begun: Callable[[list[str]], None] | None = None
    ) -> Callable[[str], object]:
        return lambda text: self._write(parent, name, text)

    def _write(self, parent: Message, name: str, text: str) -> None:
        self.written.append((name, text))
        if self.messages and self.messages[-1].msg_type == "stream" and self.messages[-1].content["name"] == name:
            self.messages[-1].content["text"] += text
        else:
            self.publish(parent, "stream", {"name": name, "text": text}, {}, ())

    def reply(self, parent: Message, content: Content, metadata: Content, buffers: Sequence[Buffer]) -> None:
        raise AssertionError("replying is the dispatcher's affair")

    def ask(self, parent: Message, prompt: str, password: bool) -> str:
        self.asked.append((prompt, password))
        assert self.answer is not None, "nobody is there to be asked"
        return self.answer
