"""stdout and stderr of the requests: text goes to the request of the context that writes it."""

from __future__ import annotations

import contextvars
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from async_kernel.kernel.request import Request, serving, set_fallback
from async_kernel.protocol.messages import Header, Message
from async_kernel.streams.output import RequestStream
from tests.fakes import FakeOutlet

pytestmark = pytest.mark.usefixtures("no_fallback")


def make_request(outlet: FakeOutlet, **content: object) -> Request:
    return Request(Message(Header("1", "execute_request"), b"{}", dict(content), {}, {}), outlet)


@pytest.fixture
def original() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def stream(original: io.StringIO) -> RequestStream:
    return RequestStream("stdout", original)


@pytest.fixture
def outlet() -> Iterator[FakeOutlet]:
    """The outlet of the current request."""
    outlet = FakeOutlet()
    with serving(make_request(outlet)):
        yield outlet


def test_text_goes_to_the_request_of_the_context(stream: RequestStream, original: io.StringIO) -> None:
    first, second = FakeOutlet(), FakeOutlet()
    with serving(make_request(first)):
        print("one", file=stream)
        with serving(make_request(second)):
            print("two", file=stream, end="")
        assert stream.write("three") == 5
    assert first.written == [("stdout", "one"), ("stdout", "\n"), ("stdout", "three")]
    assert second.written == [("stdout", "two")]
    assert original.getvalue() == ""


def test_a_thread_with_the_cells_context_writes_into_the_cell(stream: RequestStream, original: io.StringIO) -> None:
    first, second = FakeOutlet(), FakeOutlet()
    with serving(make_request(first)):
        context = contextvars.copy_context()
    with serving(make_request(second)):
        thread = threading.Thread(target=context.run, args=(stream.write, "late"))
        thread.start()
        thread.join(20)
    assert first.written == [("stdout", "late")]
    assert second.written == []
    assert original.getvalue() == ""


def test_without_a_context_text_goes_to_the_latest_cell(stream: RequestStream, original: io.StringIO) -> None:
    outlet = FakeOutlet()
    stream.write("before any cell")
    set_fallback(make_request(outlet))
    thread = threading.Thread(target=contextvars.Context().run, args=(stream.write, "a thread"))
    thread.start()
    thread.join(20)
    assert outlet.written == [("stdout", "a thread")]
    assert original.getvalue() == "before any cell"


def test_without_any_stream_of_the_process_text_is_dropped() -> None:
    """As under pythonw, where sys.stdout is None."""
    stream = RequestStream("stderr", None)
    assert stream.write("nobody sees it") == 14
    stream.flush()
    with pytest.raises(io.UnsupportedOperation):
        stream.fileno()


def test_echo_writes_to_both(original: io.StringIO, outlet: FakeOutlet) -> None:
    RequestStream("stderr", original, echo=True).write("text")
    assert outlet.written == [("stderr", "text")]
    assert original.getvalue() == "text"


@pytest.mark.parametrize("value", [b"bytes", None, 1])
def test_what_is_no_text_is_refused(stream: RequestStream, outlet: FakeOutlet, value: Any) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        stream.write(value)
    assert outlet.written == []


def test_nothing_is_not_sent(stream: RequestStream, outlet: FakeOutlet) -> None:
    assert stream.write("") == 0
    stream.writelines([])
    assert outlet.written == []


def test_lines_are_one_piece(stream: RequestStream, outlet: FakeOutlet) -> None:
    stream.writelines(line for line in ("a\n", "b\n"))
    assert outlet.written == [("stdout", "a\nb\n")]


def test_bytes_are_utf_8(stream: RequestStream, outlet: FakeOutlet) -> None:
    data = "é\N{GRINNING FACE}".encode()
    for place in range(len(data)):
        assert stream.buffer.write(data[place : place + 1]) == 1
    assert stream.buffer.write(memoryview(b"view")) == 4
    assert stream.buffer.write(b"\xff!") == 2
    stream.buffer.flush()
    assert "".join(text for _, text in outlet.written) == "é\N{GRINNING FACE}view\ufffd!"


def test_closing_is_harmless(stream: RequestStream, outlet: FakeOutlet) -> None:
    stream.buffer.close()
    stream.close()
    with stream:
        pass
    assert not stream.closed
    stream.write("still here")
    stream.buffer.write(b"!")
    assert outlet.written == [("stdout", "still here"), ("stdout", "!")]


def test_what_code_looks_at(stream: RequestStream) -> None:
    assert (stream.name, stream.encoding, stream.errors) == ("<stdout>", "utf-8", "replace")
    assert stream.writable()
    assert stream.buffer.writable()
    assert not stream.readable()
    assert not stream.isatty()
    with pytest.raises(io.UnsupportedOperation):
        stream.read()


def test_the_descriptor_is_that_of_the_process() -> None:
    with open(os.devnull, "w") as file:  # noqa: PTH123 - as a cell does
        stream = RequestStream("stdout", file)
        assert stream.fileno() == stream.buffer.fileno() == file.fileno()


def test_the_checkpoint_is_called_behind_the_text(stream: RequestStream) -> None:
    outlet = FakeOutlet()
    request = make_request(outlet)
    seen: list[object] = []
    with serving(request):
        request.checkpoint = lambda: seen.append(list(outlet.written))
        stream.write("text")
    assert seen == [[("stdout", "text")]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_writes_to_the_process(outlet: FakeOutlet) -> None:
    """It has none of the threads that would send what is put for sending."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as original:
        stream = RequestStream("stdout", original)
        stream.write("before")
        before = [*outlet.written]
        child = os.fork()
        if child == 0:
            status = 1
            try:
                stream.write("from the child")
                stream.flush()
                status = 0 if outlet.written == before else 2
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as end:
        assert end.read() == "from the child"
    assert os.waitstatus_to_exitcode(status) == 0
    stream.write("the parent goes on")
    assert outlet.written == [("stdout", "before"), ("stdout", "the parent goes on")]


def test_the_stream_of_the_process_stays(capfd: pytest.CaptureFixture[str]) -> None:
    stream = RequestStream("stdout", sys.__stdout__)
    stream.write("outside any cell\n")
    assert sys.__stdout__ is not None
    sys.__stdout__.flush()
    assert capfd.readouterr().out == "outside any cell\n"
