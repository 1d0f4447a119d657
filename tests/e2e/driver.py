"""A real kernel process with a real client, and the questions that tests ask of them.

The process is started by jupyter_client from an installed kernel spec, as Jupyter does it. Messages are sent and
received on jupyter_client's own sockets, by its own session, so that a test can also say what no front end would.
Every wait has a deadline; `DeadlineError` says what was waited for and what came instead.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from ast import literal_eval
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

Message = dict[str, Any]

DEADLINE = 20.0
"""Seconds that any single wait may take; far above what is usual, because machines that run tests are busy."""


STARTS = 3
"""How often a kernel is started, at most, when a port that was chosen for it is taken before it has bound it."""


class DeadlineError(AssertionError):
    """What was waited for did not come in time."""


def wait_until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """Wait until `condition()` is true and return its value; `what` is for the error."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise DeadlineError(f"{what}: not within {seconds} s")
        time.sleep(0.005)
    return value


class Cell:
    """What came of one execute_request: its reply, and what was published for it up to `idle`."""

    def __init__(self, reply: Message, published: Sequence[Message]) -> None:
        self.message = reply
        self.reply: dict[str, Any] = reply["content"]
        self.published = list(published)

    def contents(self, msg_type: str) -> list[dict[str, Any]]:
        """The contents of the published messages of one type, in order."""
        return [message["content"] for message in self.published if message["msg_type"] == msg_type]

    def text(self, name: str = "stdout") -> str:
        """All text of one stream."""
        return "".join(content["text"] for content in self.contents("stream") if content["name"] == name)

    @property
    def status(self) -> str:
        """ "ok", "error" or "aborted"."""
        return str(self.reply["status"])

    @property
    def result(self) -> str | None:
        """The text form of the cell's result, or None."""
        results = self.contents("execute_result")
        return results[-1]["data"]["text/plain"] if results else None

    def ok(self) -> Self:
        """The cell itself; fails with its traceback unless it went well."""
        assert self.status == "ok", "\n".join(self.reply.get("traceback") or [repr(self.reply)])
        return self


def process_of(manager: KernelManager) -> subprocess.Popen[bytes]:
    """The process of the kernel that a manager has started on this machine."""
    provisioner: Any = manager.provisioner
    return provisioner.process


class KernelDriver:
    """A kernel process and its client. `close()` shuts it down and checks that it left nothing behind."""

    def __init__(self, spec: str, backend: str, folder: Path) -> None:
        self.backend = backend
        self.library = "trio" if backend == "trio" else "asyncio"
        self.folder = folder
        self.manager = self.make_manager(spec)
        self._start_again: Callable[[], object]
        self.client: BlockingKernelClient
        self.process: subprocess.Popen[bytes]
        self.expects_stderr = False
        self._log = folder / "stderr.txt"
        self._replies: dict[str, Message] = {}
        self._published: dict[str, list[Message]] = defaultdict(list)

    # Life

    def make_manager(self, spec: str) -> KernelManager:
        """A manager of kernels of this spec."""
        return KernelManager(kernel_name=spec)

    def launch(
        self,
        env: Mapping[str, str | None] | None = None,
        arguments: Sequence[str] = (),
        *,
        encryption: str = "disabled",
        transport: str = "tcp",
    ) -> Self:
        """Start the process and open the client's channels, without waiting for an answer.

        In `env` a value of None takes the variable away. `encryption` is the policy of jupyter_client.
        """
        self._start_again = lambda: self.launch(env, arguments, encryption=encryption, transport=transport)
        self.manager.transport_encryption = encryption
        if transport == "ipc":
            self.manager.transport, self.manager.ip = transport, str(self.folder / "ipc")
        environment: dict[str, str | None] = {**os.environ, **(env or {})}
        with self._log.open("ab") as log:
            self.manager.start_kernel(
                env={name: value for name, value in environment.items() if value is not None},
                cwd=str(self.folder),
                stdout=log,
                stderr=log,
                extra_arguments=list(arguments),
            )
        self._adopt_process()
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        return self

    def _adopt_process(self) -> None:
        self.process = process_of(self.manager)

    def wait_ready(self) -> Self:
        """Wait until the kernel answers and what it publishes arrives."""
        for starts_left in reversed(range(STARTS)):
            try:
                self.client.wait_for_ready(timeout=DEADLINE)
                break
            except RuntimeError:  # it has died
                if not starts_left or "Address already in use" not in self.stderr():
                    raise
                self._launch_anew()
        wait_until(self._is_heard, "a publication")
        self._replies.clear()
        self._published.clear()
        return self

    def _launch_anew(self) -> None:
        """Start the kernel with other ports: those that jupyter_client has found are anybody's until they are bound."""
        self._let_go()
        self._log.unlink()
        self.manager = self.make_manager(self.manager.kernel_name)
        self._start_again()

    def _is_heard(self) -> bool:
        """Whether what is published for a cell arrives: what was published before the kernel knew of us does not."""
        asked = self.start("pass")
        self.reply(asked)
        with suppress(DeadlineError):
            return bool(self.published(asked, seconds=2))
        return False

    def restart(self) -> None:
        """Restart the process as a front end does; the client stays connected."""
        self.manager.restart_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._adopt_process()
        self.client.wait_for_ready(timeout=DEADLINE)

    def wait_exit(self, seconds: float = DEADLINE) -> int:
        """Wait for the process to end and return its exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise DeadlineError(f"the kernel lives on after {seconds} s\n{self.stderr()}") from None

    def stderr(self) -> str:
        """What the process wrote to its own stdout and stderr."""
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        """Shut down, however the test went, and check that the process went by itself and silently."""
        try:
            if self.process.poll() is None:
                self.send("shutdown_request", {"restart": False}, channel="control")
                status = self.wait_exit()
                assert status == 0, f"exit status {status}\n{self.stderr()}"
            if not self.expects_stderr:
                assert self.stderr() == "", f"on stdout or stderr of the process:\n{self.stderr()}"
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        self.client.context.term()

    def send_signal(self, signum: int) -> None:
        """Send a signal to the process."""
        self.process.send_signal(signum)

    # Messages

    def socket(self, channel: str) -> zmq.Socket[bytes]:
        """The client's socket: "shell", "control", "stdin" or "iopub"."""
        return getattr(self.client, f"{channel}_channel").socket

    def send(
        self,
        msg_type: str,
        content: Mapping[str, Any] | None = None,
        *,
        channel: str = "shell",
        header: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        buffers: Sequence[bytes] = (),
        parent: Message | None = None,
    ) -> str:
        """Send a message and return its id. `header` adds fields to the header, for example `subshell_id`."""
        session = self.client.session
        message = session.msg(msg_type, dict(content or {}), parent=parent, metadata=dict(metadata or {}))
        message["header"].update(header or {})
        session.send(self.socket(channel), message, buffers=list(buffers) or None)
        return str(message["header"]["msg_id"])

    def receive(self, channel: str, seconds: float = DEADLINE) -> Message:
        """The next message on a channel."""
        socket = self.socket(channel)
        if not socket.poll(max(0, int(seconds * 1000))):
            raise DeadlineError(f"nothing on {channel} within {seconds:.1f} s\n{self.stderr()}")
        _, message = self.client.session.recv(socket)
        assert message is not None
        return message

    def reply(self, msg_id: str, *, channel: str = "shell", seconds: float = DEADLINE) -> Message:
        """The reply to one request; replies to others are kept for their askers."""
        end = time.monotonic() + seconds
        while msg_id not in self._replies:
            message = self.receive(channel, end - time.monotonic())
            self._replies[message["parent_header"].get("msg_id", "")] = message
        return self._replies.pop(msg_id)

    def publication(
        self, msg_id: str, wanted: Callable[[Message], bool], *, what: str = "", seconds: float = DEADLINE
    ) -> list[Message]:
        """What was published for a request up to and including the first message that is `wanted`."""
        end = time.monotonic() + seconds
        kept = self._published[msg_id]
        checked = 0
        while True:
            for position in range(checked, len(kept)):
                if wanted(kept[position]):
                    self._published[msg_id] = kept[position + 1 :]
                    return kept[: position + 1]
            checked = len(kept)
            try:
                message = self.receive("iopub", end - time.monotonic())
            except DeadlineError as error:
                types = [m["msg_type"] for m in kept]
                raise DeadlineError(
                    f"{what or 'a publication'} of {msg_id} did not come, only {types}; {error}"
                ) from None
            self._published[message["parent_header"].get("msg_id", "")].append(message)

    def published(self, msg_id: str, *, seconds: float = DEADLINE) -> list[Message]:
        """What was published for a request, `busy` and `idle` included."""
        return self.publication(msg_id, is_idle, what="idle", seconds=seconds)

    def request(
        self, msg_type: str, content: Mapping[str, Any] | None = None, *, channel: str = "shell", **options: Any
    ) -> Message:
        """Send a request and return its reply, once `idle` was published for it too."""
        msg_id = self.send(msg_type, content, channel=channel, **options)
        reply = self.reply(msg_id, channel=channel)
        self.published(msg_id)
        return reply

    # Cells

    def start(self, code: str, *, header: Mapping[str, Any] | None = None, **content: Any) -> str:
        """Send an execute_request and return its id; `content` overrides fields of the usual content."""
        fields = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,  # as in a batch run; True as from a front end before which somebody sits
            "stop_on_error": True,
        }
        return self.send("execute_request", fields | content, header=header)

    def finish(self, msg_id: str, *, seconds: float = DEADLINE) -> Cell:
        """Wait for the reply and `idle` of a started cell."""
        reply = self.reply(msg_id, seconds=seconds)
        return Cell(reply, self.published(msg_id, seconds=seconds))

    def execute(self, code: str, *, seconds: float = DEADLINE, **options: Any) -> Cell:
        """Run a cell to its end."""
        return self.finish(self.start(code, **options), seconds=seconds)

    def value(self, expression: str, *, header: Mapping[str, Any] | None = None) -> Any:
        """The value of a literal that `expression` gives in the kernel, without a trace in the history."""
        asked = {"it": expression}
        reply = self.execute("", header=header, silent=True, store_history=False, user_expressions=asked).reply
        answer = reply["user_expressions"]["it"]
        assert answer["status"] == "ok", answer
        return literal_eval(answer["data"]["text/plain"])

    def gate(self) -> tuple[str, Callable[[], None]]:
        """Code that holds its cell up, and what lets it go once all that was sent on the shell channel has arrived."""
        path = self.folder / f"gate {os.urandom(4).hex()}"

        def open_it() -> None:
            self.request("kernel_info_request")  # answered while the cell runs, after what was sent before
            path.touch()

        return f"import os, time\nwhile not os.path.exists({str(path)!r}): time.sleep(0.01)\n", open_it

    def start_until_printed(self, code: str, word: str, **options: Any) -> str:
        """Start a cell and wait until it has printed `word`, so that it is known to run."""
        msg_id = self.start(code, **options)
        self.wait_printed(msg_id, word)
        return msg_id

    def wait_printed(self, msg_id: str, word: str) -> list[Message]:
        """Wait until a cell has printed `word` and the rest of its line, be it apart; what was published so far."""
        text = ""

        def is_printed(message: Message) -> bool:
            nonlocal text
            text += message["content"].get("text", "")
            return "\n" in text.partition(word)[2]

        return self.publication(msg_id, is_printed, what=f"output {word!r}")


def is_idle(message: Message) -> bool:
    """Whether this is the status `idle`."""
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


def plain(text: str) -> str:
    """Text without its terminal colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
