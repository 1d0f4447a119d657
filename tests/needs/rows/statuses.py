"""Rows 2 and 8: every request is answered and ends in idle, and the light ones at once, whatever a cell does."""

# ruff: noqa: B023  (the functions that close over a turn of a loop are called within that turn)

from __future__ import annotations

import statistics
import time
from typing import Any

from ..kernel import Kernel, Subject
from ..probe import Missed, Outcome, passed, probe, within

HOLD_SECONDS = 3.0
HOLD = f"import time\nprint('ready')\ntime.sleep({HOLD_SECONDS})"


@probe(2, "idle-for-all", "busy, reply and idle for every type of request")
def _(subject: Subject) -> Outcome:
    contents: dict[str, dict[str, object]] = {
        "kernel_info_request": {},
        "execute_request": {
            "code": "1", "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
        },
        "complete_request": {"code": "pri", "cursor_pos": 3},
        "inspect_request": {"code": "print", "cursor_pos": 5, "detail_level": 0},
        "is_complete_request": {"code": "for x in y:"},
        "history_request": {"hist_access_type": "tail", "n": 3, "output": False, "raw": True},
        "comm_info_request": {},
    }  # fmt: skip
    with Kernel(subject) as kernel:
        client = kernel.client
        for msg_type, content in contents.items():
            request = client.send("shell", msg_type, content)
            reply = client.reply(request, 5, msg_type.replace("request", "reply"))
            client.idle(request, 5, f"idle of {msg_type}")
            states = [m.content["execution_state"] for m in client.outputs(request, "status")]
            if states != ["busy", "idle"] or reply.content.get("status") not in ("ok", "incomplete"):
                raise Missed(f"{msg_type}: {states}, status {reply.content.get('status')}")
    return passed()


@probe(2, "idle-after-wrong", "authenticated requests that are wrong get an error reply and idle")
def _(subject: Subject) -> Outcome:
    wrong: tuple[tuple[str, dict[str, object]], ...] = (
        ("execute_request", {}),
        ("complete_request", {"code": 3}),
        ("inspect_request", {"code": "print"}),
        ("history_request", {"hist_access_type": "sideways"}),
    )
    with Kernel(subject) as kernel:
        client = kernel.client
        for msg_type, content in wrong:
            request = client.send("shell", msg_type, dict(content))
            client.reply(request, 3, f"an answer to a wrong {msg_type}")
            client.idle(request, 3, f"idle of a wrong {msg_type}")
        kernel.need("1")
    return passed()


@probe(2, "idle-pipeline", "200 cells at once, every third an error: replies in order, idle for each")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        requests = [client.execute(f"print({n})\n1 / {n % 3}", stop_on_error=False) for n in range(200)]
        ends = []
        for number, request in enumerate(requests):
            cell = kernel.finish(request, 30)
            if cell.text != f"{number}\n" or cell.ok != bool(number % 3):
                raise Missed(f"cell {number} printed {cell.text!r} and gave {cell.error or 'ok'}")
            ends.append(cell.reply.content["execution_count"])
        if ends != sorted(set(ends)):
            raise Missed("execution counts do not rise one by one")
    return passed()


def _while_busy(
    subject: Subject, hold: str, msg_type: str, content: dict[str, object]
) -> tuple[float, dict[str, object]]:
    """The median of three answers to a request while a cell holds the main thread, and the last answer."""
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("needs_a_long_name = 1")
        times = []
        for _ in range(3):
            cell = client.execute(hold)
            client.wait(lambda: "ready" in client.text(cell), 10, "the start of the busy cell")
            request = client.send("shell", msg_type, dict(content))
            start = client.find(cell, "stream")
            assert start
            reply = client.reply(request, 10, msg_type.replace("request", "reply"))
            # Where one thread serves both, the order in which their two sockets are read tells nothing: the time does.
            if client.find(cell, "execute_reply") or reply.at - start.at > HOLD_SECONDS - 0.5:
                raise Missed("the answer waits for the cell")
            client.idle(request, 2, f"idle of {msg_type} while busy")
            times.append(reply.at - start.at)
            kernel.finish(cell)
        return statistics.median(times), reply.content


@probe(8, "complete-blocked", "completion while time.sleep holds the main thread")
def _(subject: Subject) -> Outcome:
    took, content = _while_busy(subject, HOLD, "complete_request", {"code": "needs_a_lo", "cursor_pos": 10})
    matches: Any = content["matches"] or ()
    if "needs_a_long_name" not in matches:
        raise Missed(f"matches: {content['matches']}"[:200])
    return within(0.2, took)


@probe(8, "complete-awaiting", "completion while a cell awaits")
def _(subject: Subject) -> Outcome:
    library = subject.backend
    hold = f"import {library}\nprint('ready')\nawait {library}.sleep({HOLD_SECONDS})"
    took, content = _while_busy(subject, hold, "complete_request", {"code": "needs_a_lo", "cursor_pos": 10})
    matches: Any = content["matches"] or ()
    if "needs_a_long_name" not in matches:
        raise Missed(f"matches: {content['matches']}"[:200])
    return within(0.2, took)


@probe(8, "inspect-blocked", "inspection while time.sleep holds the main thread")
def _(subject: Subject) -> Outcome:
    content: dict[str, object] = {"code": "needs_a_long_name", "cursor_pos": 5, "detail_level": 0}
    took, answer = _while_busy(subject, HOLD, "inspect_request", content)
    if not answer.get("found"):
        raise Missed(f"not found: {answer}"[:200])
    return within(0.2, took)


def _first(subject: Subject, hold: str, msg_type: str, content: dict[str, object]) -> tuple[float, dict[str, object]]:
    """The time to the first answer that a process gives to such a request, while a cell runs, and the answer."""
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("needs_a_long_name = {'needs_a_key': 1}")
        cell = client.execute(hold)
        client.wait(lambda: "ready" in client.text(cell), 10, "the start of the busy cell")
        sent = time.perf_counter()
        reply = client.reply(client.send("shell", msg_type, dict(content)), 10, msg_type.replace("request", "reply"))
        start = client.find(cell, "stream")
        assert start
        if client.find(cell, "execute_reply") or reply.at - start.at > HOLD_SECONDS - 0.5:
            raise Missed("the answer waits for the cell")
        kernel.finish(cell)
        return reply.at - sent, reply.content


@probe(8, "complete-first-blocked", "the first completion of a process, an attribute, while a cell blocks")
def _(subject: Subject) -> Outcome:
    took, answer = _first(subject, HOLD, "complete_request", {"code": "needs_a_long_name.ke", "cursor_pos": 20})
    return _within_with_keys(took, answer)


@probe(8, "complete-first-awaiting", "the first completion of a process, an attribute, while a cell awaits")
def _(subject: Subject) -> Outcome:
    hold = f"import {subject.backend}\nprint('ready')\nawait {subject.backend}.sleep({HOLD_SECONDS})"
    took, answer = _first(subject, hold, "complete_request", {"code": "needs_a_long_name.ke", "cursor_pos": 20})
    return _within_with_keys(took, answer)


def _within_with_keys(took: float, answer: dict[str, Any]) -> Outcome:
    if not any(match.endswith("keys") for match in answer["matches"] or ()):
        raise Missed(f"matches: {answer['matches']}"[:200])
    return within(0.2, took)


@probe(8, "inspect-first-awaiting", "the first inspection of a process while a cell awaits")
def _(subject: Subject) -> Outcome:
    hold = f"import {subject.backend}\nprint('ready')\nawait {subject.backend}.sleep({HOLD_SECONDS})"
    asked: dict[str, object] = {"code": "needs_a_long_name", "cursor_pos": 5, "detail_level": 0}
    took, answer = _first(subject, hold, "inspect_request", asked)
    if not answer.get("found"):
        raise Missed(f"not found: {answer}"[:200])
    return within(0.2, took)


@probe(8, "light-requests-blocked", "kernel_info, is_complete, history, comm_info while a cell blocks")
def _(subject: Subject) -> Outcome:
    light: dict[str, dict[str, object]] = {
        "kernel_info_request": {},
        "is_complete_request": {"code": "for x in y:"},
        "history_request": {"hist_access_type": "tail", "n": 3, "output": False, "raw": True},
        "comm_info_request": {},
    }
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("1")
        cell = client.execute(HOLD)
        client.wait(lambda: "ready" in client.text(cell), 10, "the start of the busy cell")
        start = client.messages[-1].at
        worst = 0.0
        for msg_type, content in light.items():
            reply = client.reply(client.send("shell", msg_type, dict(content)), 10, msg_type)
            if client.find(cell, "execute_reply") or reply.at - start > HOLD_SECONDS - 0.5:
                raise Missed(f"{msg_type} waits for the cell")
            worst, start = max(worst, reply.at - start), reply.at
        return within(0.2, worst)


@probe(8, "complete-runs-nothing", "completion while busy runs no user code in another thread")
def _(subject: Subject) -> Outcome:
    setup = """
import threading
class Sly:
    seen = []
    def __dir__(self):
        Sly.seen.append(threading.current_thread() is threading.main_thread())
        return ['alpha', 'beta']
    @property
    def beta(self):
        Sly.seen.append(threading.current_thread() is threading.main_thread())
    def __getattr__(self, name):
        Sly.seen.append(threading.current_thread() is threading.main_thread())
        raise AttributeError(name)
sly = Sly()
"""
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need(setup)
        kernel.need("home = threading.current_thread() is threading.main_thread()")
        cell = client.execute(HOLD)
        client.wait(lambda: "ready" in client.text(cell), 10, "the start of the busy cell")
        start = client.find(cell, "stream")
        assert start
        request = client.send("shell", "complete_request", {"code": "sly.be", "cursor_pos": 6})
        reply = client.reply(request, 10, "complete_reply")
        waited = client.find(cell, "execute_reply") is not None or reply.at - start.at > HOLD_SECONDS - 0.5
        kernel.finish(cell)
        seen = kernel.need("print(all(Sly.seen), len(Sly.seen))")
        if waited:
            raise Missed("the answer waits for the cell")
        if not seen.text.startswith("True"):
            raise Missed("completion called the object's __dir__ or properties in another thread")
        return passed(f"{len(reply.content['matches'])} matches")
