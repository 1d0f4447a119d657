"""What waits to be sent, without anybody who sends."""

from __future__ import annotations

import itertools
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

import pytest

from async_kernel.protocol.messages import Buffer, Header, Message
from async_kernel.protocol.names import Channel
from async_kernel.transport import outbox as outbox_module
from async_kernel.transport.outbox import Item, Outbox, Plain, Text

KEY = Message(Header("1", "execute_request"), b"{}", {}, {}, {}), "stdout"
OTHER = Message(Header("2", "execute_request"), b"{}", {}, {}, {}), "stdout"


def put_in(outbox: Outbox, key: tuple[Message, str], text: str) -> bool:
    """Put in text; whether that has changed when something is due."""
    changed: list[bool] = []
    outbox.writer(key, build, None, lambda: changed.append(True))(text)
    return bool(changed)


def build(key: tuple[Message, str], text: str) -> Sequence[Buffer]:
    return [text.encode()]


@pytest.fixture(autouse=True)
def no_waiting_for_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.transport.outbox.LINE_SECONDS", 0.0)


def test_what_a_short_cell_prints_leaves_as_one_when_something_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.transport.outbox.LINE_SECONDS", 3600.0)
    outbox = Outbox()
    for text in ("a", "\n", "b", "\n"):
        put_in(outbox, KEY, text)
        assert isinstance(outbox.take(), float), "it may be joined"
    outbox.put(Plain(Channel.SHELL, [b"the reply"]))
    first = outbox.take()
    assert isinstance(first, Text)
    assert first.frames() == [b"a\nb\n"]
    assert outbox.take() == Plain(Channel.SHELL, [b"the reply"])


def test_who_ends_the_first_line_is_told_to_send_it() -> None:
    outbox = Outbox()
    assert [put_in(outbox, KEY, text) for text in ("a", " ", "b", "\n", "c", "\n")] == [
        *(True, False, False, True),  # `print` writes the end of its line by itself
        *(False, False),
    ]
    first = outbox.take()
    assert isinstance(first, Text)
    assert first.frames() == [b"a b\nc\n"]
    assert not outbox


def test_a_line_that_is_whole_needs_no_other_call() -> None:
    outbox = Outbox()
    assert put_in(outbox, KEY, "a\n")
    assert not put_in(outbox, KEY, "b\n")
    assert put_in(outbox, OTHER, "c\n")
    assert len(outbox) == 2


def test_the_first_line_of_a_key_waits_for_nothing_and_the_next_is_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.transport.outbox.GATHER_SECONDS", 3600.0)
    outbox = Outbox()
    for key in (KEY, OTHER):
        put_in(outbox, key, "a\n")
        assert isinstance(outbox.take(), Text)
    put_in(outbox, OTHER, "b\n")
    wait = outbox.take()
    assert isinstance(wait, float)
    assert 0 < wait <= 3600.0


def test_text_of_a_batch_run_is_gathered_from_its_first_line_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.transport.outbox.BATCH_GATHER_SECONDS", 3600.0)
    outbox = Outbox()
    message, name = KEY
    batch = message._replace(content={"allow_stdin": False}), name
    for text in ("a\n", "b\n"):
        put_in(outbox, batch, text)
        assert isinstance(outbox.take(), float)
    put_in(outbox, KEY, "c\n")  # of another request: it closes what was gathered
    taken = [outbox.take(), outbox.take()]
    assert [item.frames() for item in taken if isinstance(item, Text)] == [[b"a\nb\n"], [b"c\n"]]


class Interrupted(list[str]):
    """Pieces at whose next append something happens first, as if another thread had its turn there."""

    def __init__(self, pieces: Sequence[str], first: Callable[[], object], then: Callable[[], object]) -> None:
        super().__init__(pieces)
        self._first: list[Callable[[], object]] = [first]
        self._then: list[Callable[[], object]] = [then]

    def append(self, text: str) -> None:
        while self._first:
            self._first.pop()()
        super().append(text)
        while self._then:
            self._then.pop()()


def texts(outbox: Outbox) -> list[str]:
    """All that waits, each message of text as one."""
    found: list[str] = []
    while outbox:
        item = outbox.take(patience=0.0)
        assert item is not None
        assert not isinstance(item, float)
        found.append(b"".join(map(bytes, item.message if isinstance(item, Plain) else item.frames())).decode())
    return found


def test_text_that_comes_too_late_for_its_message_is_in_the_next() -> None:
    outbox = Outbox()
    changed: list[int] = []
    write = outbox.writer(KEY, build, None, lambda: changed.append(len(outbox)))
    write("a\n")
    taken: list[Item | float | None] = []
    opened = outbox._items[0]
    assert isinstance(opened, Text)
    opened.pieces = Interrupted(opened.pieces, lambda: taken.append(outbox.take(patience=0.0)), lambda: None)
    write("b\n")
    assert taken == [opened]
    assert opened.frames() == [b"a\n"]
    assert changed == [1, 1], "whoever takes out is told of the new message"
    write("c\n")
    assert texts(outbox) == ["b\nc\n"]


def test_text_at_which_a_signal_handler_raises_is_not_lost() -> None:
    class AlarmError(Exception):
        pass

    def ring() -> None:
        raise AlarmError

    outbox = Outbox()
    write = outbox.writer(KEY, build, None, lambda: None)
    write("a\n")
    opened = outbox._items[0]
    assert isinstance(opened, Text)
    opened.pieces = Interrupted(opened.pieces, lambda: outbox.take(patience=0.0), ring)
    with pytest.raises(AlarmError):
        write("b\n")
    write("c\n")
    assert opened.frames() == [b"a\n"]
    assert texts(outbox) == ["b\nc\n"]


def taken_elsewhere(outbox: Outbox) -> Item | float | None:
    """What another thread takes out, which a lock that was kept keeps out."""
    found: list[Item | float | None] = []
    other = threading.Thread(target=lambda: found.append(outbox.take(patience=0.0)), daemon=True)
    other.start()
    other.join(10)
    assert found, "the thread has not come back"
    return found[0]


@pytest.mark.parametrize("late", [False, True])
def test_a_signal_handler_that_raises_leaves_the_way_free(late: bool) -> None:
    """At the beginning of each function in turn, where Python looks for signals."""
    for number in itertools.count(1):
        outbox = Outbox()
        write = outbox.writer(KEY, build, None, lambda: None)
        if late:  # the message that it would join is taken meanwhile
            write("first\n")
            assert isinstance(outbox.take(patience=0.0), Text)
            outbox._open = taken = Text(KEY, ["first\n"], build)
            taken.take()
        begun = itertools.count(1)

        def raises(frame: FrameType, event: str, _: object, begun: Iterator[int] = begun, last: int = number) -> None:
            if frame.f_code.co_filename == outbox_module.__file__ and event == "call" and next(begun) == last:
                raise KeyboardInterrupt

        before = sys.getprofile()
        sys.setprofile(raises)
        try:
            write("text\n")
        except KeyboardInterrupt:
            raised = True
        else:
            raised = False
        finally:
            sys.setprofile(before)
        write("after\n")
        found = taken_elsewhere(outbox)
        assert isinstance(found, Text), f"at call {number} something was kept: {found}"
        if not raised:
            assert number > 2
            return


def test_a_signal_handler_that_raises_while_text_is_taken_leaves_the_way_free() -> None:
    """Behind each call in turn, where Python looks for signals."""
    for number in itertools.count(1):
        outbox = Outbox()
        outbox.writer(KEY, build, None, lambda: None)("text\n")
        ended = itertools.count(1)

        def raises(frame: FrameType, event: str, _: object, ended: Iterator[int] = ended, last: int = number) -> None:
            ours = frame.f_code.co_filename == outbox_module.__file__ and event in ("call", "c_return")
            if ours and next(ended) == last:
                raise KeyboardInterrupt

        before = sys.getprofile()
        sys.setprofile(raises)
        try:
            outbox.take(patience=0.0)
        except KeyboardInterrupt:
            raised = True
        else:
            raised = False
        finally:
            sys.setprofile(before)
        outbox.put(Plain(Channel.IOPUB, [b"a"]))
        outbox.writer(KEY, build, None, lambda: None)("after\n")
        assert not isinstance(taken_elsewhere(outbox), float), f"behind call {number} the lock was kept"
        if not raised:
            assert number > 3
            return


def test_nothing_joins_text_that_was_never_put_in() -> None:
    """As a signal handler may raise while it is."""

    class Full(deque[Item]):
        def append(self, item: Item) -> None:
            raise MemoryError

    outbox = Outbox()
    write = outbox.writer(KEY, build, None, lambda: None)
    outbox._items = Full()
    with pytest.raises(MemoryError):
        write("lost, and its writer knows\n")
    outbox._items = deque()
    write("a\n")
    assert texts(outbox) == ["a\n"]


def test_a_message_that_another_thread_puts_in_is_not_overtaken_by_what_is_written_after_it() -> None:
    class Busy(deque[Item]):
        def append(self, item: Item) -> None:
            if isinstance(item, Text) and not self:
                outbox.put(Plain(Channel.IOPUB, [b"put meanwhile"]))
            super().append(item)

    outbox = Outbox()
    outbox._items = Busy()
    write = outbox.writer(KEY, build, None, lambda: None)
    write("a\n")
    write("b\n")
    found = texts(outbox)
    assert found[0] == "put meanwhile"
    assert "".join(found[1:]) == "a\nb\n"


def test_writers_of_one_key_share_their_messages() -> None:
    outbox = Outbox()
    message, name = KEY
    for text in ("a\n", "b\n"):
        outbox.writer((message, name), build, None, lambda: None)(text)
    assert texts(outbox) == ["a\nb\n"]


def test_what_several_threads_write_is_all_there_each_in_its_order() -> None:
    """While another thread takes out as fast as it can, and threads change as often as they can."""
    lines, writers = 3000, 3
    outbox = Outbox()
    found: list[str] = []
    kept: list[list[str]] = []
    running = [*range(writers)]

    def write(number: int) -> None:
        put = outbox.writer(KEY, build, kept.append, lambda: None)
        for line in range(lines):
            put(f"<{number} {line}>")
            put("\n")
            if line % 500 == 0:
                outbox.put(Plain(Channel.IOPUB, [b""]))
        running.remove(number)

    def take() -> None:
        while running or outbox:
            if outbox:
                item = outbox.take(patience=0.0)
                if isinstance(item, Text):
                    found.append(bytes(item.frames()[0]).decode())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
        threads.append(threading.Thread(target=take))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)
    text = "".join(found)
    pieces = [tuple(map(int, piece.split())) for piece in re.findall("<(.*?)>", text)]
    for number in range(writers):
        assert [line for writer, line in pieces if writer == number] == [*range(lines)]
    assert text.count("\n") == lines * writers
    assert sum(len(pieces) for pieces in kept) == 2 * lines * writers, "and so it is in the record"
