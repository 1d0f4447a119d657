"""The client on the other host: `python far_client.py CONNECTION_FILE`. It reads commands from stdin, each a line of
JSON, and answers with a line of JSON."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

DEADLINE = 150.0


def main(path: str) -> None:
    client = BlockingKernelClient(connection_file=path)
    client.load_connection_file()
    # By itself jupyter_client gives a kernel up whose heartbeat takes a second: over a slow link the handshake does.
    client.hb_channel_class.time_to_dead = DEADLINE
    client.start_channels()
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(globals()[command.pop("do")](client, **command)), flush=True)
    client.stop_channels()


def ready(client: BlockingKernelClient, seconds: float = DEADLINE) -> bool:
    """Whether the kernel answers."""
    try:
        client.wait_for_ready(timeout=seconds)
    except RuntimeError:
        return False
    return True


def run(client: BlockingKernelClient, codes: list[str], pause: float = 0.0) -> list[dict[str, Any]]:
    """Send the cells, then wait for each one's reply and `idle`; in between is the time that the link may be away."""
    asked = []
    for code in codes:
        asked.append(client.execute(code, stop_on_error=False))
        time.sleep(pause)
    seen: dict[str, dict[str, Any]] = {one: {"text": "", "idle": 0, "status": ""} for one in asked}
    end = time.monotonic() + DEADLINE
    for channel in (client.get_shell_msg, client.get_iopub_msg):
        while not all(one["idle"] if channel == client.get_iopub_msg else one["status"] for one in seen.values()):
            message = channel(timeout=max(0.0, end - time.monotonic()))
            found = seen.get(message["parent_header"].get("msg_id", ""))
            if found is None:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                found["text"] += content["text"]
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                found["idle"] += 1
            elif message["msg_type"] == "execute_reply":
                found["status"] = content.get("ename") or content["status"]
    return list(seen.values())


def interrupted(client: BlockingKernelClient) -> str:
    """The error of a cell that waits and is interrupted."""
    asked = client.execute("print('runs', flush=True)\nimport time\ntime.sleep(600)")
    while True:
        message = client.get_iopub_msg(timeout=DEADLINE)
        if message["msg_type"] == "stream" and message["parent_header"].get("msg_id") == asked:
            break
    client.control_channel.send(client.session.msg("interrupt_request", {}))
    while True:
        message = client.get_shell_msg(timeout=DEADLINE)
        if message["parent_header"].get("msg_id") == asked:
            return str(message["content"]["ename"])


def shut_down(client: BlockingKernelClient, restart: bool = False) -> bool:
    """Ask the kernel to end."""
    client.shutdown(restart, reply=True, timeout=DEADLINE)
    return True


if __name__ == "__main__":
    main(sys.argv[1])
