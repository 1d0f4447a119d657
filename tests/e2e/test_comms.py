"""Comms: the messages of widgets, from either side, with binary buffers (messaging spec, "Custom Messages")."""

from __future__ import annotations

from ast import literal_eval
from uuid import uuid4

from .driver import Cell, KernelDriver, Message

ECHO = """
import comm
opened, closed = [], []

def target(channel, message):
    opened.append((channel.comm_id, message["content"]["data"], [bytes(b) for b in message["buffers"]]))

    @channel.on_msg
    def echo(message):
        data = message["content"]["data"]
        if data == "fail":
            raise RuntimeError("on purpose")
        print("handling", data)
        channel.send({"echo": data}, {"meta": 1}, [bytes(b)[::-1] for b in message["buffers"]])

    @channel.on_close
    def close(message):
        closed.append(message["content"]["data"])

comm.get_comm_manager().register_target("echo", target)
"""


def opened(kernel: KernelDriver) -> str:
    """Open a comm to the kernel's echo and return its id."""
    kernel.execute(ECHO).ok()
    comm_id = uuid4().hex
    content = {"comm_id": comm_id, "target_name": "echo", "data": {"hello": 1}}
    msg_id = kernel.send("comm_open", content, buffers=[b"one", b"", b"three"])
    kernel.published(msg_id)
    return comm_id


def find(messages: list[Message], msg_type: str) -> Message:
    [found] = [message for message in messages if message["msg_type"] == msg_type]
    return found


def test_a_front_end_opens_a_comm_with_buffers(kernel: KernelDriver) -> None:
    comm_id = opened(kernel)
    assert kernel.value("opened[-1]") == (comm_id, {"hello": 1}, [b"one", b"", b"three"])
    comms = kernel.request("comm_info_request", {"target_name": "echo"})["content"]["comms"]
    assert comms[comm_id] == {"target_name": "echo"}
    others = kernel.request("comm_info_request", {"target_name": "other"})["content"]["comms"]
    assert comm_id not in others


def test_a_message_is_handled_and_its_output_and_answer_belong_to_it(kernel: KernelDriver) -> None:
    comm_id = opened(kernel)
    msg_id = kernel.send("comm_msg", {"comm_id": comm_id, "data": [1, None]}, buffers=[b"abc", bytes(range(256))])
    published = kernel.published(msg_id)
    answer = find(published, "comm_msg")
    assert answer["content"] == {"comm_id": comm_id, "data": {"echo": [1, None]}}
    assert answer["metadata"]["meta"] == 1
    assert [bytes(buffer) for buffer in answer["buffers"]] == [b"cba", bytes(reversed(range(256)))]
    assert Cell({"content": {}}, published).text() == "handling [1, None]\n"


def test_an_error_in_a_handler_is_shown_and_the_comm_lives(kernel: KernelDriver) -> None:
    comm_id = opened(kernel)
    published = kernel.published(kernel.send("comm_msg", {"comm_id": comm_id, "data": "fail"}))
    shown = repr([message["content"] for message in published])
    assert "on purpose" in shown
    published = kernel.published(kernel.send("comm_msg", {"comm_id": comm_id, "data": "again"}))
    assert find(published, "comm_msg")["content"]["data"] == {"echo": "again"}


def test_a_front_end_closes_a_comm(kernel: KernelDriver) -> None:
    comm_id = opened(kernel)
    kernel.published(kernel.send("comm_close", {"comm_id": comm_id, "data": {"bye": 1}}))
    assert kernel.value("closed[-1]") == {"bye": 1}
    assert comm_id not in kernel.request("comm_info_request")["content"]["comms"]


def test_a_cell_opens_uses_and_closes_a_comm(kernel: KernelDriver) -> None:
    cell = kernel.execute(
        "from comm import create_comm\n"
        "mine = create_comm(target_name='shown', data={'a': 1}, metadata={'version': '2'}, buffers=[b'\\x00\\xff'])\n"
        "mine.send({'b': 2}, buffers=[memoryview(b'view'), bytearray(b'array')])\n"
        "mine.close({'c': 3})"
    ).ok()
    opening = find(cell.published, "comm_open")
    assert opening["content"]["target_name"] == "shown"
    assert opening["content"]["data"] == {"a": 1}
    assert opening["metadata"]["version"] == "2"
    assert [bytes(buffer) for buffer in opening["buffers"]] == [b"\x00\xff"]
    said = find(cell.published, "comm_msg")
    assert said["content"] == {"comm_id": opening["content"]["comm_id"], "data": {"b": 2}}
    assert [bytes(buffer) for buffer in said["buffers"]] == [b"view", b"array"]
    assert find(cell.published, "comm_close")["content"]["data"] == {"c": 3}


def test_a_comm_of_a_cell_gets_messages(kernel: KernelDriver) -> None:
    cell = kernel.execute(
        "from comm import create_comm\nheard = []\nmine = create_comm(target_name='shown')\n"
        "mine.on_msg(lambda message: heard.append(message['content']['data']))"
    ).ok()
    comm_id = find(cell.published, "comm_open")["content"]["comm_id"]
    for data in ("one", "two"):
        kernel.published(kernel.send("comm_msg", {"comm_id": comm_id, "data": data}))
    assert kernel.value("heard") == ["one", "two"]
    kernel.execute("mine.close()").ok()


def test_callbacks_in_a_subshell_do_not_end_a_cell_of_the_main_shell(kernel: KernelDriver) -> None:
    """JupyterLab sends the messages of widgets to subshells; matplotlib shows the figures of a cell at post_execute."""
    cell = kernel.execute(
        "from comm import create_comm\nimport time\nheard, fired = [], []\nmine = create_comm(target_name='shown')\n"
        "mine.on_msg(lambda message: heard.append(message['content']['data']))\n"
        "get_ipython().events.register('post_execute', count := lambda: fired.append(len(heard)))"
    ).ok()
    comm_id = find(cell.published, "comm_open")["content"]["comm_id"]
    header = {"subshell_id": kernel.request("create_subshell_request", channel="control")["content"]["subshell_id"]}
    waiting = kernel.start_until_printed(
        "fired.clear(); end = time.monotonic() + 60\nprint('begun')\n"
        "while len(heard) < 2 and time.monotonic() < end: time.sleep(0.01)\nheard, fired",
        "begun",
    )
    for data in ("one", "two"):
        kernel.send("comm_msg", {"comm_id": comm_id, "data": data}, header=header)
    assert kernel.finish(waiting).ok().result == "(['one', 'two'], [])"
    kernel.execute("get_ipython().events.unregister('post_execute', count); mine.close()").ok()
    kernel.request("delete_subshell_request", header, channel="control")


def test_callbacks_are_called_where_their_comm_was_made(kernel: KernelDriver) -> None:
    """Widgets that cells of the main shell make set its futures and draw its plots, wherever their messages go."""
    main = kernel.value("__import__('threading').get_ident()")
    ids = [kernel.request("create_subshell_request", channel="control")["content"]["subshell_id"] for _ in range(2)]
    sent_to, mine = ({"subshell_id": one} for one in ids)
    make = (
        "import comm, threading\nwhere = []\nmade = comm.create_comm(target_name='shown')\n"
        "made.on_msg(lambda message: where.append(threading.get_ident())); made.comm_id, threading.get_ident()"
    )
    for header in ({}, mine):
        cell = kernel.finish(kernel.start(make, header=header)).ok()
        comm_id, thread = literal_eval(cell.result or "")
        kernel.published(kernel.send("comm_msg", {"comm_id": comm_id, "data": {}}, header=sent_to))
        assert kernel.value("where") == [thread]
        assert (thread == main) == (header == {})
        kernel.execute("made.close()").ok()
    for header in (sent_to, mine):
        kernel.request("delete_subshell_request", header, channel="control")


def test_opening_an_unknown_target_is_answered_by_closing(kernel: KernelDriver) -> None:
    """JupyterLab opens `jupyter.widget.control` with each notebook. No line of the log, which a kernel of these tests
    leaves empty, is of use to anybody."""
    comm_id = uuid4().hex
    msg_id = kernel.send("comm_open", {"comm_id": comm_id, "target_name": "nobody", "data": {}})
    published = kernel.published(msg_id)
    assert find(published, "comm_close")["content"]["comm_id"] == comm_id


def test_a_message_to_an_unknown_comm_harms_nothing(kernel: KernelDriver) -> None:
    kernel.published(kernel.send("comm_msg", {"comm_id": "nobody", "data": {}}))
    kernel.published(kernel.send("comm_close", {"comm_id": "nobody", "data": {}}))
    assert kernel.execute("1").ok().result == "1"


def test_wrong_comm_messages_end_in_idle(kernel: KernelDriver) -> None:
    for msg_type in ("comm_open", "comm_msg", "comm_close"):
        kernel.published(kernel.send(msg_type, {}))
    assert kernel.execute("1").ok().result == "1"
