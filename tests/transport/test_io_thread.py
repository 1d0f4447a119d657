"""The I/O thread, with a real subscriber: order, gathering, a reader that stops, and an end that loses nothing."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from math import inf
from typing import Any, cast

import pytest
import zmq

from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.protocol.messages import Buffer, Header, Message
from async_kernel.protocol.names import Channel
from async_kernel.system import reserve
from async_kernel.transport import io_thread, outbox, socket_calls
from async_kernel.transport.io_thread import OUTBOX_MESSAGES, IOThread
from async_kernel.transport.outbox import Plain
from async_kernel.transport.socket_calls import has_arrivals
from async_kernel.transport.sockets import bind_sockets

DEADLINE = 20.0

MESSAGE = Message(Header("1", "execute_request"), b"{}", {}, {}, {})
OTHER = Message(Header("2", "execute_request"), b"{}", {}, {}, {})


def build(key: tuple[Message, str], text: str) -> Sequence[Buffer]:
    return [b"stream", key[1].encode(), text.encode()]


def note(text: str) -> Sequence[Buffer]:
    return [b"note", b"", text.encode()]


class Wire:
    """An I/O thread and the other end of its sockets."""

    def __init__(self, backlog: int = 96 << 20) -> None:
        self.delivered: list[tuple[Channel, list[bytes]]] = []
        self.deliver: Callable[[Channel, list[bytes]], None] = lambda channel, frames: None
        self._arrival = threading.Condition()
        self._sockets = bind_sockets(ConnectionInfo())
        self._open: list[zmq.Socket[bytes]] = []  # until the end: one that is collected while it is open warns
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.io = IOThread(self._sockets, self._deliver, lambda topic: [topic, b"welcome"], note, backlog)
        self.io.start()

    def _deliver(self, channel: Channel, frames: list[Buffer]) -> None:
        received = cast("list[bytes]", frames)  # as `receive` in this file gives them
        with self._arrival:
            self.delivered.append((channel, received))
            self._arrival.notify_all()
        self.deliver(channel, received)

    def wait_delivered(self, count: int) -> None:
        """Return once so many messages were delivered."""
        with self._arrival:
            assert self._arrival.wait_for(lambda: len(self.delivered) >= count, DEADLINE)

    def connect(self, channel: Channel, kind: int = zmq.DEALER, high_water: int = 0) -> zmq.Socket[bytes]:
        """A client's socket."""
        socket = self.context.socket(kind)
        self._open.append(socket)
        socket.linger = 0
        socket.set(zmq.RCVHWM, high_water)
        socket.connect(self._sockets.connection.address(channel))
        return socket

    def subscribe(self, high_water: int = 0, topic: bytes = b"") -> zmq.Socket[bytes]:
        """A subscriber, once it was welcomed: it misses nothing from then on."""
        socket = self.connect(Channel.IOPUB, zmq.SUB, high_water)
        socket.subscribe(topic)
        assert receive(socket) == [topic, b"welcome"]
        return socket

    @property
    def waits(self) -> bool:
        """Whether anything waits for a subscriber."""
        return bool(self.io._publisher.lagging)

    def print(self, text: str, key: tuple[Message, str] = (MESSAGE, "stdout")) -> None:
        """Send text."""
        self.io.writer(key, build, None)(text)

    def publish(self, text: bytes) -> None:
        """Send a message on iopub."""
        self.io.send(Channel.IOPUB, [b"other", text])

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Be a thread that has the turn, and is in the midst of sending, for the time of the block."""
        thread = threading.get_ident()
        with self.io._send_lock:
            self.io._pushing.add(thread)
            try:
                yield
            finally:
                self.io._pushing.discard(thread)

    def close(self) -> None:
        """End both sides."""
        self.io.stop()
        self.context.destroy(linger=0)


@pytest.fixture(params=[False, True], ids=["sends itself", "leaves it to the thread"])
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Both ways in which the main thread has its messages sent."""
    leaves = request.param
    in_main = threading.main_thread().ident
    monkeypatch.setattr(io_thread, "may_raise_here", lambda: leaves and threading.get_ident() == in_main)
    wire = Wire()
    yield wire
    wire.close()


def receive(socket: zmq.Socket[bytes]) -> list[bytes]:
    """The next message, without the address in front of its topic."""
    assert socket.poll(round(DEADLINE * 1000)), "no message came"
    first, *rest = socket.recv_multipart()
    if socket.type == zmq.SUB:
        first = re.sub(rb"^(\*|.*#\d+)\.", b"", first)
    return [first, *rest]


def receive_text(socket: zmq.Socket[bytes], length: int) -> list[bytes]:
    """The texts of the next stream messages, until there are so many bytes."""
    texts: list[bytes] = []
    while sum(map(len, texts)) < length:
        kind, _, text = receive(socket)
        assert kind == b"stream"
        texts.append(text)
    return texts


def test_text_and_messages_keep_their_order(wire: Wire) -> None:
    subscriber = wire.subscribe()
    for number in range(50):
        wire.print(f"a{number}")
        wire.print(f"b{number}", (MESSAGE, "stderr"))
        wire.publish(b"%d" % number)
        wire.print(f"c{number}", (OTHER, "stdout"))
        wire.publish(b"-")
    expected = []
    for number in range(50):
        expected += [f"a{number}".encode(), f"b{number}".encode(), b"%d" % number, f"c{number}".encode(), b"-"]
    assert [receive(subscriber)[-1] for _ in expected] == expected


def test_a_quiet_line_is_sent_at_once(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "GATHER_SECONDS", 3600.0)
    wire.io._outbox._last_text = -7200.0
    subscriber = wire.subscribe()
    wire.print("first\n")
    assert receive(subscriber) == [b"stream", b"stdout", b"first\n"]


def test_half_a_line_is_joined_by_its_end(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """`print` writes the line end by itself."""
    monkeypatch.setattr(outbox, "GATHER_SECONDS", 3600.0)
    subscriber = wire.subscribe()
    wire.print("a line")
    wire.print("\n")
    assert receive(subscriber)[-1] == b"a line\n"


def test_half_a_line_is_sent_without_its_end_too(wire: Wire) -> None:
    subscriber = wire.subscribe()
    wire.print("a question? ")
    assert receive(subscriber)[-1] == b"a question? "


def test_a_flood_becomes_few_messages_and_loses_nothing(wire: Wire) -> None:
    subscriber = wire.subscribe()
    pieces = [f"{number}\n" for number in range(100_000)]
    whole = "".join(pieces).encode()
    for piece in pieces:
        wire.print(piece)
    texts = receive_text(subscriber, len(whole))
    assert b"".join(texts) == whole
    assert len(texts) < 1000
    assert max(map(len, texts)) < 2 * outbox.GATHER_CHARACTERS


def test_a_reader_that_stops_loses_nothing_and_stops_nobody(wire: Wire) -> None:
    slow = wire.subscribe(high_water=5)
    shell = wire.connect(Channel.SHELL)
    filler = b"x" * 4000
    for number in range(6000):  # more than the two queues and the system's buffers hold
        wire.publish(b"%d " % number + filler)
    wire.print("the end\n")
    shell.send(b"a request")  # the other channels go on meanwhile
    wire.wait_delivered(1)
    channel, (identity, text) = wire.delivered[0]
    assert (channel, text) == (Channel.SHELL, b"a request")
    wire.io.send(Channel.SHELL, [identity, b"its reply"])
    assert receive(shell) == [b"its reply"]
    assert wire.waits, "the reader has to be slow for this test to tell anything"
    for number in range(6000):
        assert int(receive(slow)[-1].partition(b" ")[0]) == number
    assert receive(slow)[-1] == b"the end\n"


def test_text_gathers_behind_a_reader_that_stops(wire: Wire) -> None:
    slow = wire.subscribe(high_water=5)
    filler = b"x" * 4000
    for _ in range(6000):
        wire.publish(filler)
    for number in range(10_000):
        wire.print(f"{number}\n")
    for _ in range(6000):
        assert receive(slow)[0] == b"other"
    whole = "".join(f"{number}\n" for number in range(10_000)).encode()
    texts = receive_text(slow, len(whole))
    assert b"".join(texts) == whole
    assert len(texts) < 200


def flood(wire: Wire, pieces: int) -> threading.Thread:
    """A thread that prints so many pieces, each long enough for a message of its own."""

    def print_all() -> None:
        for number in range(pieces):
            wire.print(f"{number:<{outbox.GATHER_CHARACTERS}}")

    thread = threading.Thread(target=print_all, daemon=True)
    thread.start()
    return thread


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def waits(wire: Wire, thread: int | None) -> bool:
    """Whether a thread that prints waits at the gate, or is just about to."""
    return thread in wire.io._pushing and wire.io._wanted


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits to print waits for as long as it takes."""
    monkeypatch.setattr(io_thread, "PATIENCE_SECONDS", DEADLINE)


@pytest.mark.usefixtures("patient")
def test_who_prints_faster_than_it_is_sent_waits_for_that(wire: Wire) -> None:
    """Or the memory of the process were the bound."""
    subscriber = wire.subscribe()
    with wire.sending():
        thread = flood(wire, 30)
        wait_until(lambda: waits(wire, thread.ident))
        thread.join(0.2)  # were it not to wait, it would be done by now
        assert thread.is_alive()
        assert 0 < len(wire.io._outbox) <= OUTBOX_MESSAGES + 1
    texts = receive_text(subscriber, 30 * outbox.GATHER_CHARACTERS)
    assert [int(text) for text in texts] == list(range(30))
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_what_is_no_output_never_waits(wire: Wire) -> None:
    subscriber = wire.subscribe()

    def publish() -> None:
        for number in range(100):
            wire.publish(b"%d" % number)

    with wire.sending():
        thread = threading.Thread(target=publish, daemon=True)
        thread.start()
        thread.join(DEADLINE)
        assert not thread.is_alive()
    assert [receive(subscriber)[1] for _ in range(100)] == [b"%d" % number for number in range(100)]


@pytest.mark.usefixtures("patient")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signals to threads")
def test_a_signal_handler_may_print_while_its_thread_waits_to_print(wire: Wire) -> None:
    subscriber = wire.subscribe()
    taken, give_up = threading.Event(), threading.Event()
    printed: list[int] = []

    def print_more(signum: int, frame: object) -> None:
        for number in range(3):
            wire.print(f"{'handler':<{outbox.GATHER_CHARACTERS}}")
            printed.append(number)
        give_up.set()

    def hold() -> None:
        with wire.sending():
            taken.set()
            wait_until(lambda: waits(wire, main))
            signal.pthread_kill(main, signal.SIGUSR1)
            assert give_up.wait(DEADLINE)

    main = threading.get_ident()
    previous = signal.signal(signal.SIGUSR1, print_more)
    try:
        holder = threading.Thread(target=hold, daemon=True)
        holder.start()
        assert taken.wait(DEADLINE)
        for number in range(OUTBOX_MESSAGES + 1):
            wire.print(f"{number:<{outbox.GATHER_CHARACTERS}}")
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert printed == [0, 1, 2]
    texts = [text.strip() for text in receive_text(subscriber, (OUTBOX_MESSAGES + 4) * outbox.GATHER_CHARACTERS)]
    assert [text for text in texts if text != b"handler"] == [b"%d" % number for number in range(OUTBOX_MESSAGES + 1)]
    assert texts.count(b"handler") == 3


def test_nobody_waits_for_ever_with_a_lock_that_who_sends_wants(wire: Wire) -> None:
    """A logging handler's, for one, or one of the user's: a signal handler or `__del__` may want it in the midst of
    sending."""
    subscriber, lock = wire.subscribe(), threading.Lock()

    def log() -> None:
        for number in range(8):
            with lock:
                wire.print(f"{number:<{outbox.GATHER_CHARACTERS}}")

    with wire.sending():
        thread = threading.Thread(target=log, daemon=True)
        thread.start()
        wait_until(lambda: waits(wire, thread.ident) or not thread.is_alive())
        assert lock.acquire(timeout=DEADLINE)
        lock.release()
    texts = receive_text(subscriber, 8 * outbox.GATHER_CHARACTERS)
    assert [int(text) for text in texts] == list(range(8))
    thread.join(DEADLINE)


class Late(Exception):
    """What a signal handler raises."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer signals")
def test_a_signal_handler_that_raises_takes_neither_turn_nor_gate_with_it(wire: Wire) -> None:
    subscriber = wire.subscribe()
    chance, text = random.Random(1), "x" * 3000 + "\n"

    def raise_late(signum: int, frame: object) -> None:
        raise Late

    def read() -> None:
        while not ended.is_set():
            if subscriber.poll(50):
                subscriber.recv_multipart()

    ended = threading.Event()
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    previous = signal.signal(signal.SIGALRM, raise_late)
    try:
        for _ in range(300):
            with suppress(Late):
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0005, 0.002))
                while True:
                    wire.print(text)
            assert not wire.io._send_lock._is_owned()
            assert not wire.io._waiters_lock._is_owned()
            assert threading.get_ident() not in wire.io._pushing
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        ended.set()
        reader.join(DEADLINE)
    wire.publish(b"first")  # the frames of a message that was torn are in front of it
    wire.publish(b"the end")
    wait_until(lambda: receive(subscriber)[-1] == b"the end")


@pytest.mark.usefixtures("patient")
def test_who_waits_to_print_does_not_wait_for_a_kernel_that_has_ended(wire: Wire) -> None:
    with wire.sending():
        thread = flood(wire, 30)
        wait_until(lambda: waits(wire, thread.ident))
        stopping = threading.Thread(target=wire.io.stop, args=(0.0,), daemon=True)
        stopping.start()
        wait_until(lambda: wire.io._stop_at is not None)
    for one in (stopping, thread):
        one.join(DEADLINE)
        assert not one.is_alive()


def test_a_reply_on_control_overtakes_output(wire: Wire) -> None:
    subscriber, client = wire.subscribe(), wire.connect(Channel.CONTROL)
    client.send(b"request")
    wire.wait_delivered(1)
    identity = wire.delivered[0][1][0]
    replied = threading.Event()

    def build_then(key: tuple[Message, str], text: str) -> Sequence[Buffer]:
        assert replied.wait(DEADLINE)
        return build(key, text)

    with wire.sending():
        wire.io.writer((MESSAGE, "stdout"), build_then, None)("text\n")
        wire.publish(b"behind it")
        wire.io.send(Channel.CONTROL, [identity, b"reply"])
    assert receive(client) == [b"reply"]
    replied.set()
    assert [receive(subscriber)[-1] for _ in range(2)] == [b"text\n", b"behind it"]


def test_what_arrives_is_taken_in_before_output_is_sent(wire: Wire) -> None:
    subscriber, client = wire.subscribe(), wire.connect(Channel.CONTROL)

    def build_then(key: tuple[Message, str], text: str) -> Sequence[Buffer]:
        wire.wait_delivered(1)
        return build(key, text)

    with wire.sending():
        wire.io._wake()
        wait_until(lambda: wire.io._wanted)  # the I/O thread is about to look at what arrives, not behind that
        wire.io.writer((MESSAGE, "stdout"), build_then, None)("text\n")
        client.send(b"interrupt")
        socket = wire.io._sockets.by_channel[Channel.CONTROL]
        assert socket.poll(round(DEADLINE * 1000))
    assert receive(subscriber)[-1] == b"text\n"
    assert wire.delivered[0][0] is Channel.CONTROL


@pytest.mark.parametrize("channel", [Channel.SHELL, Channel.CONTROL, Channel.STDIN])
def test_who_sends_looks_for_what_has_arrived(wire: Wire, channel: Channel) -> None:
    """Sending takes in the news of it, so that nothing else would wake the I/O thread."""
    client = wire.connect(channel)
    client.send(b"first")
    wire.wait_delivered(1)
    identity = wire.delivered[0][1][0]
    with wire.sending():
        assert not wire.io._has_news()
        client.send(b"second")
        assert wire._sockets.by_channel[channel].poll(round(DEADLINE * 1000)), "it has arrived"
        assert not wire.io._has_news(), "whoever polls is asked for it in vain: the socket was not sent on"
        wire.io._send(Plain(channel, [identity, b"reply"]))
        assert wire.io._has_news()
        wire.io._wake()  # as whoever sends does then
    assert receive(client) == [b"reply"]
    wire.wait_delivered(2)


def test_what_is_put_leaves_with_the_next_message_in_order(wire: Wire) -> None:
    subscriber, client = wire.subscribe(), wire.connect(Channel.SHELL)
    client.send(b"request")
    wire.wait_delivered(1)
    identity = wire.delivered[0][1][0]
    with wire.sending():
        wire.io.put(Channel.IOPUB, [b"other", b"busy"])
        wire.publish(b"input")
        wire.io.put(Channel.SHELL, [identity, b"reply"])
        wire.publish(b"idle")
    assert [receive(subscriber)[-1] for _ in range(3)] == [b"busy", b"input", b"idle"]
    assert receive(client) == [b"reply"]


@pytest.mark.parametrize("failures", [1, 2])
def test_a_message_without_memory_is_sent_from_the_reserve_or_lost_alone(
    wire: Wire, failures: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    subscriber = wire.subscribe()
    send, left = wire.io._publisher.send, iter(range(failures))
    reserve.hold()

    def short(frames: Sequence[Buffer]) -> None:
        if next(left, None) is not None:
            raise MemoryError
        assert reserve._held is None, "it was set free"
        send(frames)

    monkeypatch.setattr(wire.io._publisher, "send", short)
    wire.publish(b"first")
    wire.publish(b"second")
    said = [receive(subscriber)[-1] for _ in range(3 - failures)]
    assert said == [b"first", b"second"][failures - 1 :]
    assert len(caplog.records) == failures - 1


def test_a_small_cell_makes_few_calls_of_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budget: each frame is one call; beyond that, whoever sends asks the sockets that it uses, once or twice."""
    calls: Counter[str] = Counter()

    def count(name: str) -> None:
        original = getattr(socket_calls, name)

        def counted(*arguments: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                calls[name] += 1
            return original(*arguments)

        monkeypatch.setattr(socket_calls, name, counted)

    for name in ("_send", "_receive", "_get"):
        count(name)
    monkeypatch.setattr(io_thread, "may_raise_here", lambda: False)
    wire = Wire()
    try:
        subscriber, client = wire.subscribe(), wire.connect(Channel.SHELL)
        client.send(b"request")
        wire.wait_delivered(1)
        identity = wire.delivered[0][1][0]
        end = time.monotonic() + DEADLINE
        while calls["_send"] != 8:  # at times the I/O thread has the turn, and sends some of it
            assert time.monotonic() < end
            calls.clear()
            wire.io.put(Channel.IOPUB, [b"status", b"busy"])
            wire.io.send(Channel.IOPUB, [b"execute_input", b"1"])
            wire.io.put(Channel.SHELL, [identity, b"reply"])
            wire.io.send(Channel.IOPUB, [b"status", b"idle"])
            assert [receive(subscriber)[-1] for _ in range(3)] == [b"busy", b"1", b"idle"]
            assert receive(client) == [b"reply"]
        assert calls["_get"] <= 5
        assert calls["_receive"] == 0
    finally:
        wire.close()


def test_each_subscription_is_welcomed(wire: Wire) -> None:
    """JEP 65."""
    wire.subscribe()
    wire.subscribe(topic=b"kernel.")
    subscriber = wire.subscribe()
    subscriber.subscribe(b"more")
    assert receive(subscriber)[1] == b"welcome"


def test_what_is_no_subscription_is_ignored(wire: Wire) -> None:
    odd = wire.connect(Channel.IOPUB, zmq.XSUB)
    for frames in ([b""], [b"\x02noise"], [b"noise", b"more"]):
        odd.send_multipart(frames)
    assert wire.subscribe() is not None


def test_a_barrier_is_reached_behind_what_had_arrived(wire: Wire) -> None:
    shell, control = wire.connect(Channel.SHELL), wire.connect(Channel.CONTROL)
    for turn in range(20):
        before = len(wire.delivered)
        held, reached = threading.Event(), threading.Event()
        seen: list[bytes] = []

        def hold(channel: Channel, frames: list[bytes], held: threading.Event = held) -> None:
            if frames[-1] == b"hold":
                assert held.wait(DEADLINE)

        wire.deliver = hold
        control.send(b"hold")
        wire.wait_delivered(before + 1)
        shell.send(b"%d" % turn)
        assert wire._sockets.by_channel[Channel.SHELL].poll(round(DEADLINE * 1000)), "it has arrived"

        def tell(reached: threading.Event = reached, seen: list[bytes] = seen) -> None:
            seen.append(wire.delivered[-1][1][-1])
            reached.set()

        wire.io.barrier(tell)
        held.set()
        assert reached.wait(DEADLINE)
        assert seen == [b"%d" % turn]


class BusyAlarm:
    """The wakeup socket of an I/O thread, written to each time that the thread is just about to empty it."""

    def __init__(self, io: IOThread) -> None:
        self._io = io
        self._alarm = io._wakeup_r

    def recv(self, size: int) -> bytes:
        self._io.barrier(lambda: None)
        return self._alarm.recv(size)

    def close(self) -> None:
        self._alarm.close()


def test_a_ring_is_heard_while_the_alarm_is_being_silenced(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire.io, "_wakeup_r", BusyAlarm(wire.io))
    for _ in range(10):
        reached = threading.Event()
        wire.io.barrier(reached.set)
        assert reached.wait(DEADLINE)


def test_a_fault_in_taking_a_message_in_ends_nothing(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    def deliver(channel: Channel, frames: list[bytes]) -> None:
        if frames[-1] == b"bad":
            raise RuntimeError("a fault")

    wire.deliver = deliver
    shell = wire.connect(Channel.SHELL)
    for text in (b"bad", b"good", b"bad", b"good"):
        shell.send(text)
    wire.wait_delivered(4)
    subscriber = wire.subscribe()
    wire.print("alive\n")
    assert receive(subscriber)[-1] == b"alive\n"
    assert "could not be taken in" in caplog.text


def test_stop_sends_what_was_put(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "GATHER_SECONDS", 3600.0)
    subscriber = wire.subscribe()
    wire.publish(b"a message")
    wire.print("half a line")
    wire.io.stop()
    assert receive(subscriber)[-1] == b"a message"
    assert receive(subscriber)[-1] == b"half a line"
    wire.print("nobody is there any more")
    wire.publish(b"nor here")
    wire.io.stop()


def test_stop_does_not_wait_for_a_reader_that_stopped(wire: Wire) -> None:
    wire.subscribe(high_water=1)
    for _ in range(6000):
        wire.publish(b"x" * 4000)
    wire.io.stop(grace=0.05)
    assert not wire.io._thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_leaves_the_sockets_alone(wire: Wire) -> None:
    """They are its parent's, and what libzmq does with them in the child never returns."""
    subscriber = wire.subscribe()
    wire.publish(b"before")
    assert receive(subscriber) == [b"other", b"before"]
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(round(DEADLINE))
        wire.publish(b"child")
        wire.print("child\n")
        wire.io.show(MESSAGE, [b"output", b"child"], build)
        wire.io.barrier(lambda: None)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    wire.publish(b"after")
    assert receive(subscriber) == [b"other", b"after"]


def test_few_sockets_are_looked_at_for_a_request(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look costs as much as a message. The socket that has said something is looked at before each of its messages
    and after the last; all were, two to three times a request."""
    looks = 0

    def look(socket: zmq.Socket[bytes]) -> bool:
        nonlocal looks
        looks += 1
        return has_arrivals(socket)

    client = wire.connect(Channel.SHELL)
    client.send_multipart([b"first"])
    wire.wait_delivered(1)
    monkeypatch.setattr(io_thread, "has_arrivals", look)
    for number in range(2, 52):
        client.send_multipart([b"request"])
        wire.wait_delivered(number)
    assert looks <= 4 * 50, "4: ZMQ's descriptor also speaks of other things than messages"


def test_displays_of_a_burst_leave_in_batches_in_order_the_last_by_itself(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io_thread, "BURST_SECONDS", inf)  # on a busy machine they are further apart
    subscriber = wire.subscribe()
    pushes: list[float] = []
    push = wire.io._push

    def counted(most: float = inf) -> None:
        pushes.append(most)
        push(most)

    monkeypatch.setattr(wire.io, "_push", counted)
    numbers = [b"%d" % number for number in range(500)]
    for number in numbers:
        wire.io.show(MESSAGE, [b"display", number], build)
    assert [receive(subscriber)[1] for _ in numbers] == numbers
    assert len(pushes) <= io_thread.BURST_MESSAGES + 1 + len(numbers) // io_thread.BATCH_MESSAGES


def test_a_few_displays_leave_at_once(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cell may keep the GIL behind them."""
    monkeypatch.setattr(io_thread, "BURST_SECONDS", inf)
    pushes: list[float] = []
    monkeypatch.setattr(wire.io, "_push", pushes.append)
    for _ in range(io_thread.BURST_MESSAGES):
        wire.io.show(MESSAGE, [b"display", b"text"], build)
    assert len(pushes) == io_thread.BURST_MESSAGES


def test_a_large_display_of_a_burst_waits_for_no_other(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(io_thread, "BURST_SECONDS", inf)
    pushes: list[float] = []
    monkeypatch.setattr(wire.io, "_push", pushes.append)
    for _ in range(io_thread.BURST_MESSAGES + 1):
        wire.io.show(MESSAGE, [b"display", b"text"], build)
    before = len(pushes)
    wire.io.show(MESSAGE, [b"display", bytes(io_thread.BATCH_BYTES)], build)
    assert len(pushes) == before + 1


def test_text_behind_a_burst_follows_it(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(io_thread, "BURST_SECONDS", inf)
    subscriber = wire.subscribe()
    for _ in range(io_thread.BURST_MESSAGES + 3):
        wire.io.show(MESSAGE, [b"display", b"one"], build)
    wire.print("text\n")
    for _ in range(io_thread.BURST_MESSAGES + 3):
        assert receive(subscriber)[1] == b"one"
    assert receive_text(subscriber, 5) == [b"text\n"]
