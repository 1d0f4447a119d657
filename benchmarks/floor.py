"""The floor: the least that a Python program must do to pass for a kernel.

It binds the sockets of a connection file and answers with ready-made content. Code is run by `exec` with stdout and
stderr collected in a string; there is no IPython, no thread, no queue and no error handling. What a kernel takes
beyond this is what its features cost.

    python floor.py CONNECTION_FILE
"""

from __future__ import annotations

import contextlib
import hmac
import io
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import zmq

CHUNK = 65_536
DELIMITER = b"<IDS|MSG>"
INFO = {
    "status": "ok",
    "protocol_version": "5.5",
    "implementation": "floor",
    "implementation_version": "0",
    "language_info": {
        "name": "python",
        "version": sys.version.split()[0],
        "mimetype": "text/x-python",
        "file_extension": ".py",
    },
    "banner": "",
    "help_links": [],
}


class Floor:
    """The bound sockets and the loop over them."""

    def __init__(self, connection: dict[str, Any]) -> None:
        self.key = connection["key"].encode()
        self.numbers = itertools.count(1)
        self.count = 0
        self.namespace: dict[str, Any] = {}
        self.texts = {"stdout": io.StringIO(), "stderr": io.StringIO()}
        context = zmq.Context()

        def bind(kind: int, channel: str) -> zmq.Socket[bytes]:
            socket: zmq.Socket[bytes] = context.socket(kind)
            socket.linger = 1000
            socket.sndhwm = 0
            socket.bind(f"{connection['transport']}://{connection['ip']}:{connection[channel + '_port']}")
            return socket

        self.shell = bind(zmq.ROUTER, "shell")
        self.control = bind(zmq.ROUTER, "control")
        self.iopub = bind(zmq.PUB, "iopub")
        self.others = [bind(zmq.ROUTER, "stdin"), bind(zmq.REP, "hb")]

    def send(
        self, socket: zmq.Socket[bytes], route: list[bytes], kind: str, parent: bytes, content: dict[str, Any]
    ) -> None:
        """Send one signed message."""
        date = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
        number = f"floor-{next(self.numbers)}"
        header = {
            "msg_id": number,
            "msg_type": kind,
            "session": "floor",
            "username": "",
            "date": date,
            "version": "5.5",
        }
        frames = [json.dumps(header).encode(), parent, b"{}", json.dumps(content).encode()]
        signature = hmac.digest(self.key, b"".join(frames), "sha256").hex().encode()
        socket.send_multipart([*route, DELIMITER, signature, *frames])

    def publish(self, kind: str, parent: bytes, content: dict[str, Any]) -> None:
        """Send one message on iopub."""
        self.send(self.iopub, [kind.encode()], kind, parent, content)

    def serve(self, socket: zmq.Socket[bytes]) -> bool:
        """Answer one request; False once it was a shutdown."""
        frames = socket.recv_multipart()
        mark = frames.index(DELIMITER)
        route, parent = frames[:mark], frames[mark + 2]
        kind: str = json.loads(parent)["msg_type"]
        self.publish("status", parent, {"execution_state": "busy"})
        content: dict[str, Any] = {"status": "ok"}
        if kind == "kernel_info_request":
            content = INFO
        elif kind == "execute_request":
            content = self.execute(parent, json.loads(frames[mark + 5])["code"])
        self.send(socket, route, kind.replace("_request", "_reply"), parent, content)
        self.publish("status", parent, {"execution_state": "idle"})
        return kind != "shutdown_request"

    def execute(self, parent: bytes, code: str) -> dict[str, Any]:
        """Run `code` and publish what it printed, in chunks; an expression's value is ready-made."""
        self.count += 1
        self.publish("execute_input", parent, {"code": code, "execution_count": self.count})
        with contextlib.redirect_stdout(self.texts["stdout"]), contextlib.redirect_stderr(self.texts["stderr"]):
            exec(code, self.namespace)
        for name, buffer in self.texts.items():
            text = buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
            for start in range(0, len(text), CHUNK):
                self.publish("stream", parent, {"name": name, "text": text[start : start + CHUNK]})
        if code == "1":
            data = {"text/plain": "1"}
            self.publish("execute_result", parent, {"execution_count": self.count, "data": data, "metadata": {}})
        return {"status": "ok", "execution_count": self.count, "user_expressions": {}, "payload": []}

    def run(self) -> None:
        """Serve until a shutdown_request."""
        poller = zmq.Poller()
        poller.register(self.shell, zmq.POLLIN)
        poller.register(self.control, zmq.POLLIN)
        while True:
            for socket, _ in poller.poll():
                if isinstance(socket, zmq.Socket) and not self.serve(socket):
                    return


if __name__ == "__main__":
    Floor(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).run()
