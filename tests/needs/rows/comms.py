"""Row 3: comm messages are handled while a cell runs, with their output in the right place."""

from __future__ import annotations

import uuid

from ..kernel import Kernel, Subject
from ..probe import Missed, Outcome, probe, within

SETUP = """
import comm, threading
def opened(channel, message):
    def heard(message):
        print('heard', message['content']['data']['n'])
        channel.send({'echo': message['content']['data']['n']})
    channel.on_msg(heard)
comm.get_comm_manager().register_target('needs', opened)
"""


def _echo(subject: Subject, hold: str, whole: bool = False) -> Outcome:
    """Send comm messages while a cell holds on; every one has to be echoed before the cell ends.

    `whole`: their statuses and what their handler prints have to come too, under the comm message.
    """
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need(SETUP)
        comm_id = uuid.uuid4().hex
        opening = client.send("shell", "comm_open", {"comm_id": comm_id, "target_name": "needs", "data": {}})
        client.idle(opening, 5, "idle of comm_open")
        cell = client.execute(hold)
        client.wait(lambda: "ready" in client.text(cell), 10, "the start of the busy cell")
        worst, last = 0.0, client.messages[-1].at
        for number in range(3):
            request = client.send("shell", "comm_msg", {"comm_id": comm_id, "data": {"n": number}})

            def echoed(number: int = number) -> float:
                for message in reversed(client.messages):
                    if message.msg_type == "comm_msg" and message.content["data"].get("echo") == number:
                        return message.at
                return 0.0

            at = client.wait(echoed, 10, "the echo of a comm message")
            if client.find(cell, "execute_reply"):
                raise Missed("the echo waits for the cell")
            if whole:
                client.idle(request, 2, "idle of a comm message while busy")
            if whole and client.text(request) != f"heard {number}\n":
                where = "the running cell" if "heard" in client.text(cell) else "no request"
                raise Missed(f"what the handler printed belongs to {where}")
            worst, last = max(worst, at - last), client.messages[-1].at
        end = kernel.finish(cell)
        if not end.ok:
            raise Missed(f"the busy cell gave {end.error}")
        return within(0.1, worst)


@probe(3, "comm-awaiting", "comm messages while a cell awaits")
def _(subject: Subject) -> Outcome:
    library = subject.backend
    return _echo(subject, f"import {library}\nprint('ready')\nawait {library}.sleep(4)")


@probe(3, "comm-blocked", "comm messages while a cell blocks in time.sleep")
def _(subject: Subject) -> Outcome:
    return _echo(subject, "import time\nprint('ready')\ntime.sleep(4)")


@probe(3, "comm-computing", "comm messages while a cell computes")
def _(subject: Subject) -> Outcome:
    return _echo(subject, "import time\nprint('ready')\nend = time.monotonic() + 4\nwhile time.monotonic() < end: pass")


@probe(3, "comm-whole", "statuses and prints of comm messages while a cell awaits")
def _(subject: Subject) -> Outcome:
    library = subject.backend
    return _echo(subject, f"import {library}\nprint('ready')\nawait {library}.sleep(4)", whole=True)


@probe(3, "comm-whole-blocked", "statuses and prints of comm messages while a cell blocks")
def _(subject: Subject) -> Outcome:
    return _echo(subject, "import time\nprint('ready')\ntime.sleep(4)", whole=True)


@probe(3, "comm-polled", "a cell that waits in a loop for a comm message gets it")
def _(subject: Subject) -> Outcome:
    setup = """
import comm, time
got = []
def opened(channel, message):
    channel.on_msg(lambda message: got.append(message))
comm.get_comm_manager().register_target('needs', opened)
"""
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need(setup)
        comm_id = uuid.uuid4().hex
        opening = client.send("shell", "comm_open", {"comm_id": comm_id, "target_name": "needs", "data": {}})
        client.idle(opening, 5, "idle of comm_open")
        cell = client.execute(
            "print('ready')\nend = time.monotonic() + 4\nwhile not got and time.monotonic() < end: time.sleep(0.01)\n"
            "print(len(got))"
        )
        client.wait(lambda: "ready" in client.text(cell), 10, "the start of the busy cell")
        sent = client.messages[-1].at
        client.send("shell", "comm_msg", {"comm_id": comm_id, "data": {"n": 1}})
        end = kernel.finish(cell)
        if end.text != "ready\n1\n":
            raise Missed("the message comes after the cell")
        return within(0.2, end.reply.at - sent)
