"""A client that comes back to a kernel with `--replay`: it gets what was published while nobody listened."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest

from .driver import DEADLINE, KernelDriver, Message, is_idle, wait_until

StartKernel = Callable[..., KernelDriver]


def stop_listening(kernel: KernelDriver) -> None:
    """Close the client's iopub channel; return once the kernel has noticed."""
    port = kernel.client.iopub_port
    process = psutil.Process(kernel.process.pid)
    kernel.client.iopub_channel.stop()
    wait_until(
        lambda: not any(c.laddr.port == port and c.status == "ESTABLISHED" for c in process.net_connections("tcp")),
        "the end of the connection",
    )


def listen_again(kernel: KernelDriver, msg_id: str) -> list[Message]:
    """What a new client is sent for a request, up to its idle."""
    client = kernel.manager.blocking_client()
    client.start_channels(shell=False, stdin=False, hb=False, control=False)
    try:
        messages: list[Message] = []
        while not messages or not is_idle(messages[-1]):
            message = client.get_iopub_msg(timeout=DEADLINE)
            if message["parent_header"].get("msg_id") == msg_id:
                messages.append(message)
        return messages
    finally:
        client.stop_channels()
        client.context.term()


@pytest.fixture
def kernel(start_kernel: StartKernel, backend: str, peer: str) -> KernelDriver:
    """A kernel that keeps up to 2 MiB."""
    if peer:
        pytest.skip("replay is ours")
    return start_kernel(backend, arguments=["--replay=2"])


@pytest.mark.parametrize("detach", [False, True])
def test_what_was_said_meanwhile_is_said_again(kernel: KernelDriver, detach: bool) -> None:
    kernel.execute("pass").ok()
    stop_listening(kernel)
    content = {"code": "for n in range(1000): print('line', n)\n6 * 7", "silent": False}
    cell = kernel.send("execute_request", content, metadata={"detach": detach})
    kernel.reply(cell)
    if detach:
        wait_until(lambda: state(kernel, cell) == "ok", "the end of the detached cell")
    messages = listen_again(kernel, cell)
    repeated = [message for message in messages[1:] if message["content"].get("execution_state") == "busy"]
    assert detach or not repeated, "nothing was asked beside the cell"
    types = [message["msg_type"] for message in messages if message not in repeated]
    assert [types[0], types[1], *types[-2:]] == ["status", "execute_input", "execute_result", "status"]
    text = "".join(message["content"]["text"] for message in messages if message["msg_type"] == "stream")
    assert text == "".join(f"line {n}\n" for n in range(1000))


def state(kernel: KernelDriver, detached_id: str) -> str:
    """The state of a detached cell, asked by a client that does not listen."""
    asked = kernel.send("detached_request", {"detached_id": detached_id}, channel="control")
    return str(kernel.reply(asked, channel="control")["content"]["detached"][0]["state"])


def test_of_a_flood_the_end_is_kept(kernel: KernelDriver) -> None:
    kernel.execute("pass").ok()
    stop_listening(kernel)
    cell = kernel.send("execute_request", {"code": "for n in range(100_000): print('line', n, '.' * 80)\n6 * 7"})
    kernel.reply(cell, seconds=60)
    messages = listen_again(kernel, cell)
    assert messages[-2]["msg_type"] == "execute_result"
    text = "".join(message["content"]["text"] for message in messages if message["msg_type"] == "stream")
    assert text.endswith(f"line 99999 {'.' * 80}\n")
    assert len(text) < 2 << 20
