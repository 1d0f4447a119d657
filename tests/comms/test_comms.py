"""Comms: opened and closed by either side, with buffers, and callbacks of both kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextvars import Context
from typing import Any

import comm
import pytest

from async_kernel.comms import CommHandlers, KernelComm
from async_kernel.kernel.place import Place
from async_kernel.kernel.request import Request, serving
from async_kernel.protocol.messages import Content, Header, Message
from tests.fakes import FakeOutlet, Published

outside: list[tuple[Any, ...]] = []

pytestmark = pytest.mark.usefixtures("no_fallback")


@pytest.fixture
def handlers() -> Iterator[CommHandlers]:
    outside.clear()
    made = CommHandlers(lambda *parts: outside.append(parts))
    yield made
    made.restore()


def serve(
    handler: Callable[[Request], Coroutine[Any, Any, None] | None],
    msg_type: str,
    content: Content,
    buffers: tuple[bytes, ...] = (),
) -> list[Published]:
    """Serve one message as the kernel does; return what was published."""
    request, outlet = made(msg_type, content, buffers)

    async def main() -> None:
        with serving(request):
            rest = handler(request)
            if rest is not None:
                await rest

    asyncio.run(main())
    return outlet.messages


def made(msg_type: str, content: Content, buffers: tuple[bytes, ...] = ()) -> tuple[Request, FakeOutlet]:
    """A request of a client, and what is published for it."""
    outlet = FakeOutlet()
    return Request(Message(Header("m", msg_type), b"{}", content, {"meta": 1}, {}, (), buffers), outlet), outlet


def test_the_kernel_opens_sends_and_closes(handlers: CommHandlers) -> None:
    def cell(request: Request) -> None:
        channel = comm.create_comm(target_name="target", comm_id="id", data={"a": 1}, metadata={"m": 1}, buffers=[b"0"])
        channel.send({"b": 2}, buffers=[b"1", b"2"])
        channel.close({"c": 3})
        channel.close()

    opened, sent, closed = serve(cell, "execute_request", {})
    content = {"data": {"a": 1}, "comm_id": "id", "target_name": "target", "target_module": None}
    assert opened == ("comm_open", content, {"m": 1}, (b"0",), b"comm-id")
    assert sent == ("comm_msg", {"data": {"b": 2}, "comm_id": "id"}, {}, (b"1", b"2"), b"comm-id")
    assert closed == ("comm_close", {"data": {"c": 3}, "comm_id": "id"}, {}, (), b"comm-id")
    assert handlers.info({})["comms"] == {}


def test_the_front_end_opens_sends_and_closes(handlers: CommHandlers) -> None:
    seen: list[tuple[str, Any, Any, Any]] = []

    def target(channel: Any, message: dict[str, Any]) -> None:
        seen.append(("open", message["content"]["data"], message["buffers"], message["metadata"]))

        def answer(m: dict[str, Any]) -> None:
            seen.append(("msg", m["content"]["data"], m["buffers"], None))
            channel.send("back")

        channel.on_msg(answer)
        channel.on_close(lambda m: seen.append(("close", m["content"]["data"], None, None)))

    comm.get_comm_manager().register_target("target", target)
    assert serve(handlers.open, "comm_open", {"comm_id": "1", "target_name": "target", "data": 1}, (b"x",)) == []
    assert handlers.info({}) == {"status": "ok", "comms": {"1": {"target_name": "target"}}}
    assert handlers.info({"target_name": "target"})["comms"].keys() == {"1"}
    assert handlers.info({"target_name": "other"})["comms"] == {}
    (answer,) = serve(handlers.message, "comm_msg", {"comm_id": "1", "data": 2}, (b"y", b"z"))
    assert answer[:2] == ("comm_msg", {"data": "back", "comm_id": "1"})
    assert serve(handlers.close, "comm_close", {"comm_id": "1", "data": 3}) == []
    assert seen == [("open", 1, [b"x"], {"meta": 1}), ("msg", 2, [b"y", b"z"], None), ("close", 3, None, None)]
    assert handlers.info({})["comms"] == {}


@pytest.mark.parametrize(
    ("running", "fired"),
    [
        ([False, False], ["pre_execute", "called", "post_execute"]),
        ([True, True], ["called"]),
        ([True, False], ["called"]),
        ([False, True], ["pre_execute", "called"]),
    ],
)
def test_events_of_the_interpreter_are_fired_while_no_cell_runs(running: list[bool], fired: list[str]) -> None:
    seen: list[str] = []
    states = iter(running)
    handlers = CommHandlers(runs_cell=lambda: next(states), fire=seen.append)
    try:
        comm.create_comm(target_name="t", comm_id="1").on_msg(lambda message: seen.append("called"))
        serve(handlers.message, "comm_msg", {"comm_id": "1"})
    finally:
        handlers.restore()
    assert seen == fired


def test_a_comm_belongs_to_the_shell_whose_cell_has_made_it(handlers: CommHandlers) -> None:
    def make(comm_id: str, request: Request) -> None:
        channel: Any = comm.create_comm(target_name="t", comm_id=comm_id)
        channel.on_msg(lambda message: comm.create_comm(target_name="t", comm_id=f"of {comm_id}"))

    def told(comm_id: str, subshell: str | None) -> Request:
        header = Header("m", "comm_msg", subshell_id=subshell)
        return Request(Message(header, b"{}", {"comm_id": comm_id}, {}, {}, (), ()), FakeOutlet())

    for comm_id, home in (("main", None), ("sub", "5f")):
        header = Header("m", "execute_request", subshell_id=home)
        with serving(request := Request(Message(header, b"{}", {}, {}, {}, (), ()), FakeOutlet())):
            make(comm_id, request)
        with serving(request := told(comm_id, "elsewhere")):
            handlers.message(request)
        assert handlers.home(told(comm_id, "elsewhere")) == home
        assert handlers.home(told(f"of {comm_id}", "elsewhere")) == home
    assert handlers.home(told("nowhere", "elsewhere")) is None


def test_an_answer_goes_to_the_shell_whose_cell_asked_by_the_comm(handlers: CommHandlers) -> None:
    def cell(subshell: str | None) -> Request:
        return Request(Message(Header("m", "execute_request", subshell_id=subshell), b"{}", {}, {}, {}), FakeOutlet())

    answer = Request(Message(Header("m", "comm_msg", subshell_id="5f"), b"{}", {"comm_id": "1"}, {}, {}), FakeOutlet())
    with serving(made := cell("5f")):
        channel = comm.create_comm(target_name="t", comm_id="1")
    made.ended = True
    for asking in (cell(None), cell("6e")):
        with serving(asking):
            channel.send({"question": 1})
        assert handlers.home(answer) == asking.message.header.subshell_id
        asking.ended = True
        assert handlers.home(answer) == "5f"


def test_callbacks_may_await(handlers: CommHandlers) -> None:
    seen: list[str] = []

    async def target(channel: Any, message: dict[str, Any]) -> None:
        await asyncio.sleep(0)

        async def on_msg(message: dict[str, Any]) -> None:
            await asyncio.sleep(0)
            seen.append("msg")
            channel.send({})

        async def on_close(message: dict[str, Any]) -> None:
            await asyncio.sleep(0)
            seen.append("close")

        channel.on_msg(on_msg)
        channel.on_close(on_close)

    manager: Any = comm.get_comm_manager()  # its types know of no coroutine functions
    manager.register_target("target", target)
    serve(handlers.open, "comm_open", {"comm_id": "1", "target_name": "target", "data": {}})
    assert [message[0] for message in serve(handlers.message, "comm_msg", {"comm_id": "1", "data": {}})] == ["comm_msg"]
    serve(handlers.close, "comm_close", {"comm_id": "1", "data": {}})
    assert seen == ["msg", "close"]


def fail(*args: object) -> None:
    raise RuntimeError("on purpose")


@pytest.mark.parametrize("target", [None, fail])
def test_a_comm_that_cannot_be_opened_is_closed_and_told_of(
    handlers: CommHandlers, caplog: pytest.LogCaptureFixture, target: Any
) -> None:
    if target is not None:
        comm.get_comm_manager().register_target("target", target)
    *shown, closed = serve(handlers.open, "comm_open", {"comm_id": "1", "target_name": "target", "data": {}})
    assert closed[:2] == ("comm_close", {"data": {}, "comm_id": "1"})
    assert handlers.info({})["comms"] == {}
    assert caplog.records == [], "JupyterLab opens one with each notebook: nobody can act on a line for it"
    assert [message.content["name"] for message in shown] == ([] if target is None else ["stderr"])


def test_messages_for_no_comm_are_dropped_and_failing_callbacks_shown(
    handlers: CommHandlers, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(channel: Any, message: dict[str, Any]) -> None:
        channel.on_msg(fail)
        channel.on_close(fail)

    assert serve(handlers.message, "comm_msg", {"comm_id": "nobody", "data": {}}) == []
    assert serve(handlers.close, "comm_close", {"comm_id": "nobody", "data": {}}) == []
    comm.get_comm_manager().register_target("t", failing)
    serve(handlers.open, "comm_open", {"comm_id": "1", "target_name": "t", "data": {}})
    for handler, msg_type in ((handlers.message, "comm_msg"), (handlers.close, "comm_close")):
        (shown,) = serve(handler, msg_type, {"comm_id": "1", "data": {}})
        assert shown.content["name"] == "stderr"
        assert shown.content["text"].startswith("Traceback")
    assert caplog.records == []


def kept_in(handlers: CommHandlers, comm_id: str) -> Any:
    """A comm: its types know of no coroutine functions, which users give it all the same."""
    return handlers.manager.comms[comm_id]


def test_without_a_loop_a_callback_is_called_and_a_coroutine_left_to_the_loop(handlers: CommHandlers) -> None:
    seen: list[str] = []

    async def later(message: dict[str, Any]) -> None:
        seen.append("awaited")

    def at_once(message: dict[str, Any]) -> None:
        seen.append("called")

    comm.get_comm_manager().register_target("t", lambda channel, _: channel.on_msg(at_once))
    serve(handlers.open, "comm_open", {"comm_id": "1", "target_name": "t", "data": {}})
    message, _ = made("comm_msg", {"comm_id": "1", "data": {}})
    assert handlers.message(message, Place.APART) is None
    assert seen == ["called"]
    kept_in(handlers, "1").on_msg(later)
    rest = handlers.message(message, Place.APART)
    assert seen == ["called"]
    assert rest is not None
    asyncio.run(rest)
    assert seen == ["called", "awaited"]


def test_a_callback_that_looks_for_the_loop_in_a_thread_is_told_where_it_is(handlers: CommHandlers) -> None:
    async def nothing() -> None: ...

    def begin_task(message: dict[str, Any]) -> None:
        coroutine = nothing()
        try:
            asyncio.create_task(coroutine)  # noqa: RUF006 - it is refused
        finally:
            coroutine.close()

    comm.get_comm_manager().register_target("t", lambda channel, _: channel.on_msg(begin_task))
    serve(handlers.open, "comm_open", {"comm_id": "1", "target_name": "t", "data": {}})
    message, outlet = made("comm_msg", {"comm_id": "1", "data": {}})
    handlers.message(message, Place.APART)
    text = "".join(text for _, text in outlet.written)
    assert "no running event loop" in text
    assert "--no-kernel.comms_in_thread" in text


def test_what_is_known(handlers: CommHandlers) -> None:
    comm.get_comm_manager().register_target("t", lambda channel, _: None)
    for msg_type, content, known in (
        ("comm_open", {"comm_id": "1", "target_name": "t"}, True),
        ("comm_open", {"comm_id": "1", "target_name": "other"}, False),
        ("comm_msg", {"comm_id": "1"}, False),
        ("comm_close", {}, False),
    ):
        assert handlers.is_known(made(msg_type, content)[0]) is known
    comm.create_comm(target_name="t", comm_id="1")
    assert handlers.is_known(made("comm_msg", {"comm_id": "1"})[0])


def test_an_interrupted_callback_says_so_and_a_cancelled_one_goes_on(handlers: CommHandlers) -> None:
    def interrupted(message: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    async def cancelled(message: dict[str, Any]) -> None:
        raise asyncio.CancelledError

    comm.get_comm_manager().register_target("t", lambda channel, _: channel.on_msg(interrupted))
    serve(handlers.open, "comm_open", {"comm_id": "1", "target_name": "t", "data": {}})
    (shown,) = serve(handlers.message, "comm_msg", {"comm_id": "1", "data": {}})
    assert shown.content["name"] == "stderr"
    assert shown.content["text"].endswith("KeyboardInterrupt\n")
    kept_in(handlers, "1").on_msg(cancelled)
    with pytest.raises(asyncio.CancelledError):
        serve(handlers.message, "comm_msg", {"comm_id": "1", "data": {}})


def test_comms_outside_any_request_use_the_outlet_of_the_kernel(handlers: CommHandlers) -> None:
    # A context of its own: the one that pytest runs in may hold a request of an earlier test.
    Context().run(lambda: comm.create_comm(target_name="target", comm_id="id", data={"a": 1}).close())
    assert [parts[0] for parts in outside] == ["comm_open", "comm_close"]
    assert outside[0][1]["data"] == {"a": 1}


def test_the_hooks_are_given_back() -> None:
    before = comm.create_comm, comm.get_comm_manager
    made = CommHandlers()
    channel = comm.create_comm(target_name="target")
    assert comm.get_comm_manager() is made.manager
    made.restore()
    assert (comm.create_comm, comm.get_comm_manager) == before
    assert channel._closed


def test_what_a_library_has_kept_of_the_hooks_works_when_the_kernel_has_ended() -> None:
    before = comm.get_comm_manager()
    made = CommHandlers()
    create, manager = comm.create_comm, comm.get_comm_manager
    made.restore()
    assert manager() is before
    assert not isinstance(create(target_name="target"), KernelComm)
