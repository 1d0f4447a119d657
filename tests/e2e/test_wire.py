"""Frames on real sockets that no front end would send: what is bad is logged and dropped, and the kernel lives on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping

import pytest
import zmq
from jupyter_client.session import Session

from .driver import DEADLINE, DeadlineError, KernelDriver, wait_until

DELIMITER = b"<IDS|MSG>"
MILLISECONDS = int(DEADLINE * 1000)


@pytest.fixture(scope="module")
def kernel(backend: str, specs: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> object:
    """One kernel for this module, which is expected to say on its stderr what it dropped."""
    driver = KernelDriver(specs[backend], backend, tmp_path_factory.mktemp("kernel"))
    driver.expects_stderr = True
    driver.launch()
    try:
        yield driver.wait_ready()
    finally:
        driver.close()


def frames(kernel: KernelDriver, code: str) -> list[bytes]:
    """The frames of a good execute_request: delimiter, signature, header, parent, metadata, content."""
    session = kernel.client.session
    return list(session.serialize(session.msg("execute_request", {"code": code, "silent": True})))


def flipped(signature: bytes) -> bytes:
    return bytes([ord("0") if signature[0] != ord("0") else ord("1")]) + signature[1:]


def resigned(kernel: KernelDriver, parts: list[bytes]) -> list[bytes]:
    """Frames with a right signature, whatever they hold."""
    return [DELIMITER, kernel.client.session.sign(parts), *parts]


BAD: dict[str, Callable[[KernelDriver, list[bytes]], list[bytes]]] = {
    "wrong signature": lambda k, f: [f[0], flipped(f[1]), *f[2:]],
    "no signature": lambda k, f: [f[0], b"", *f[2:]],
    "short signature": lambda k, f: [f[0], f[1][:10], *f[2:]],
    "changed content": lambda k, f: [*f[:5], f[5].replace(b"true", b"false")],
    "no delimiter": lambda k, f: f[1:],
    "nothing after the delimiter": lambda k, f: [DELIMITER],
    "too few frames": lambda k, f: f[:4],
    "one empty frame": lambda k, f: [b""],
    "signed, not JSON": lambda k, f: resigned(k, [b"{", b"{}", b"{}", b"{}"]),
    "signed, header a list": lambda k, f: resigned(k, [b"[]", b"{}", b"{}", b"{}"]),
    "signed, header empty": lambda k, f: resigned(k, [b"{}", b"{}", b"{}", b"{}"]),
    "signed, header not UTF-8": lambda k, f: resigned(k, [b"\xff\xfe", b"{}", b"{}", b"{}"]),
    "signed, header in UTF-16": lambda k, f: resigned(k, [f[2].decode().encode("utf-16"), b"{}", b"{}", b"{}"]),
    "signed, header with a byte order mark": lambda k, f: resigned(k, [b"\xef\xbb\xbf" + f[2], b"{}", b"{}", b"{}"]),
    "signed, header with NaN": lambda k, f: resigned(k, [f[2][:-1] + b',"x":NaN}', b"{}", b"{}", b"{}"]),
    "signed, header with half a surrogate pair": lambda k, f: resigned(
        k, [f[2][:-1] + b',"x":"\\ud800"}', b"{}", b"{}", b"{}"]
    ),
    "signed, message type a number": lambda k, f: resigned(
        k, [json.dumps({**json.loads(f[2]), "msg_type": 7}).encode(), b"{}", b"{}", b"{}"]
    ),
}


@pytest.mark.parametrize("channel", ["shell", "control"])
@pytest.mark.parametrize("fault", list(BAD))
def test_a_bad_message_is_dropped_and_the_next_one_served(kernel: KernelDriver, channel: str, fault: str) -> None:
    parts = BAD[fault](kernel, frames(kernel, "dropped = False"))
    kernel.socket(channel).send_multipart(parts)
    assert kernel.request("kernel_info_request", channel=channel)["content"]["status"] == "ok"
    assert kernel.value("globals().get('dropped', True)") is True


def test_what_was_dropped_is_counted_and_said_in_a_few_lines(
    start_kernel: Callable[..., KernelDriver], backend: str
) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    for _ in range(3000):
        kernel.socket("shell").send_multipart([b"no message"])
    assert kernel.request("kernel_info_request")["content"]["status"] == "ok"
    kernel.request("shutdown_request", {"restart": False}, channel="control")
    kernel.wait_exit()
    lines = kernel.stderr().splitlines()
    assert 2 <= len(lines) <= 5, "the first at once, the rest at the end, and one for each half minute in between"
    assert lines[0].endswith("dropped a message on shell: A message has no delimiter frame.")
    assert "3000 in all" in lines[-1]


AWKWARD = """
import comm
from IPython.display import display
print("lone \\ud800 and \\udfff", float("nan"))
display({"application/json": {"it": [float("nan"), "\\ud800"]}}, raw=True, metadata={"x": float("inf")})
comm.create_comm("a target", data={"it": float("nan"), "\\ud800": "\\udc80"}, metadata={"x": -float("inf")}).close()
"\\udcff"
"""


def test_all_that_is_published_can_be_read_by_a_browser(kernel: KernelDriver) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.linger = 0
        subscriber.connect(kernel.manager._make_url("iopub"))
        subscriber.subscribe(b"")
        assert subscriber.poll(MILLISECONDS), "no welcome"
        cell = kernel.start(AWKWARD)
        types: list[str] = []
        while "idle" not in types:
            if not subscriber.poll(MILLISECONDS):
                raise DeadlineError(f"no idle behind {types}")
            received = subscriber.recv_multipart()
            at = received.index(DELIMITER)
            header, parent, metadata, content = (
                json.loads(frame.decode(), parse_constant=refuse) for frame in received[at + 2 : at + 6]
            )
            json.dumps((header, parent, metadata, content), ensure_ascii=False).encode()
            if parent.get("msg_id") == cell:
                types.append(content.get("execution_state") or header["msg_type"])
        assert set(types) >= {"stream", "display_data", "comm_open", "comm_close", "execute_result"}
    assert kernel.finish(cell).status == "ok"


@pytest.mark.parametrize(
    "content",
    [b"7", b"[]", b"{", b'{"code":"1","x":NaN}', '{"code":"1"}'.encode("utf-16")],
    ids=["a number", "a list", "no JSON", "NaN", "UTF-16"],
)
def test_an_authentic_request_with_wrong_content_gets_an_error_reply(kernel: KernelDriver, content: bytes) -> None:
    parts = frames(kernel, "1")
    msg_id = json.loads(parts[2])["msg_id"]
    kernel.socket("shell").send_multipart(resigned(kernel, [parts[2], b"{}", b"{}", content]))
    assert kernel.reply(msg_id)["content"]["status"] == "error"
    assert kernel.execute("1 + 1").ok().result == "2"


def test_a_replayed_message_runs_once(kernel: KernelDriver) -> None:
    kernel.execute("runs = 0").ok()
    parts = frames(kernel, "runs += 1")
    for _ in range(3):
        kernel.socket("shell").send_multipart(parts)
    assert kernel.value("runs") == 1


def test_a_message_of_another_key_is_not_remembered_as_seen(kernel: KernelDriver) -> None:
    """A stranger who sends a signature first, with other content, must not block the true message."""
    kernel.execute("runs = 0").ok()
    parts = frames(kernel, "runs += 1")
    kernel.socket("shell").send_multipart([*parts[:5], b"{}"])
    kernel.socket("shell").send_multipart(parts)
    assert kernel.value("runs") == 1


def test_a_stranger_on_stdin_and_garbage_on_iopub_do_no_harm(kernel: KernelDriver) -> None:
    kernel.socket("stdin").send_multipart([b"rubbish"])
    with zmq.Context() as context, context.socket(zmq.XSUB) as subscriber:
        subscriber.linger = 0
        subscriber.connect(kernel.manager._make_url("iopub"))
        subscriber.send(b"\x07 no subscription at all")
        subscriber.send(b"\x01")
        assert subscriber.poll(MILLISECONDS), "no welcome"
        assert kernel.execute("'well'").ok().result == "'well'"


def test_a_new_subscriber_is_welcomed_with_its_topic(kernel: KernelDriver) -> None:
    """JEP 65: the welcome says that from now on nothing is missed, and which topic was subscribed to."""
    session = kernel.client.session
    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.linger = 0
        subscriber.connect(kernel.manager._make_url("iopub"))
        for topic in ("", "iopub.particular"):
            subscriber.subscribe(topic.encode())
            while True:
                if not subscriber.poll(MILLISECONDS):
                    raise DeadlineError("no welcome")
                _, message = session.recv(subscriber)
                assert message is not None
                if message["msg_type"] == "iopub_welcome" and message["content"]["subscription"] == topic:
                    break
            parent = message["parent_header"]
            assert set(parent) == set(message["header"]), "clients look for its msg_id, or parse it as a header"
            assert parent["session"] == message["header"]["session"], "no client takes it for an answer to its own"


def test_a_client_sees_the_answers_to_what_it_asked_before_it_had_subscribed(
    start_kernel: Callable[..., KernelDriver], backend: str
) -> None:
    """Requests and subscriptions come by two connections, in any order. kernel_gateway for one waits for no welcome.

    Another client has subscribed, as the server has in which kernel_gateway runs. None leaves meanwhile, as those of
    other tests might that share a kernel.
    """
    kernel = start_kernel(backend)
    session = Session(key=kernel.client.session.key)
    with zmq.Context() as context, context.socket(zmq.DEALER) as shell, context.socket(zmq.SUB) as subscriber:
        shell.linger = subscriber.linger = 0
        shell.connect(kernel.manager._make_url("shell"))
        sent = session.send(shell, "execute_request", {"code": "print('said')\n6 * 7", "silent": False})
        assert sent is not None
        cell = sent["msg_id"]
        assert shell.poll(MILLISECONDS), "no reply"
        subscriber.connect(kernel.manager._make_url("iopub"))
        subscriber.subscribe(b"")
        seen: list[str] = []
        while "idle" not in seen:
            assert subscriber.poll(MILLISECONDS), f"only {seen} came"
            _, message = session.recv(subscriber)
            assert message is not None
            if message["parent_header"]["msg_id"] == cell:
                seen.append(message["content"].get("execution_state", message["msg_type"]))
    assert seen == ["busy", "execute_input", "stream", "execute_result", "idle"]


def test_heartbeats_come_back_as_they_were(kernel: KernelDriver) -> None:
    with zmq.Context() as context, context.socket(zmq.REQ) as heart:
        heart.linger = 0
        heart.connect(kernel.manager._make_url("hb"))
        for beat in (b"ping", b"", b"\x00" * 100_000):
            heart.send(beat)
            assert heart.poll(MILLISECONDS), "no heartbeat"
            assert heart.recv() == beat


HOLDS = {
    "a Python loop": "open('held', 'w').close()\nwhile True: pass",
    "a C call that holds the lock": "import ctypes\n"  # until the kernel is gone
    "ctypes.PyDLL(None).system(b'touch held; while kill -0 $PPID; do sleep 0.05; done')",
}
"""Each makes a file once it holds on."""


@pytest.mark.parametrize("hold", HOLDS)
def test_the_heart_beats_while_a_cell_holds_on(
    start_kernel: Callable[..., KernelDriver], backend: str, hold: str
) -> None:
    if sys.platform == "win32" and "C call" in hold:
        pytest.skip("a POSIX shell")
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    with zmq.Context() as context, context.socket(zmq.REQ) as heart:
        heart.linger = 0
        heart.connect(kernel.manager._make_url("hb"))
        kernel.start(HOLDS[hold])
        wait_until((kernel.folder / "held").exists, "the cell to hold on")
        for number in range(20):
            heart.send(b"%d" % number)
            assert heart.poll(MILLISECONDS), f"beat {number} did not come back"
            assert heart.recv() == b"%d" % number
    assert not kernel.socket("shell").poll(0), "the cell was to hold on all the while"
    kernel.process.kill()
    kernel.wait_exit()
