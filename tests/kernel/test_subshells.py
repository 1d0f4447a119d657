"""Subshells (JEP 91): created, listed, deleted; each with a thread of its own; their answers are never mixed."""

from __future__ import annotations

import threading

import pytest

from .harness import DEADLINE, Harness


def thread_of(subshell_id: str) -> threading.Thread:
    (thread,) = [thread for thread in threading.enumerate() if thread.name == f"subshell {subshell_id}"]
    return thread


def test_subshells_are_listed_until_they_are_deleted(kernel: Harness) -> None:
    ids = [kernel.ask("create_subshell_request")["subshell_id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert kernel.ask("list_subshell_request")["subshell_id"] == ids
    assert kernel.ask("delete_subshell_request", {"subshell_id": ids[1]}) == {"status": "ok"}
    assert kernel.ask("list_subshell_request")["subshell_id"] == [ids[0], ids[2]]
    again = kernel.ask("delete_subshell_request", {"subshell_id": ids[1]})
    assert again["status"] == "error"
    assert ids[1] in again["evalue"]


def test_a_cell_runs_beside_a_cell_that_blocks(kernel: Harness) -> None:
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    main = kernel.execute("block gate")
    kernel.interpreter.wait_for("block gate")
    assert kernel.status(kernel.execute("ok sub", subshell_id=subshell)) == "ok"
    threads = kernel.interpreter.threads
    assert threads["ok sub"] != threads["block gate"]
    kernel.interpreter.release("gate")
    assert kernel.status(main) == "ok"


def test_a_request_for_no_subshell_is_refused(kernel: Harness) -> None:
    for msg_type in ("execute_request", "complete_request", "comm_info_request"):
        msg_id = kernel.send(msg_type, {"code": "ok"}, subshell_id="none")
        assert kernel.whats(msg_id) == ["busy", msg_type.replace("request", "reply"), "idle"], "no `error` for all"
        reply = kernel.reply(msg_id)
        assert (reply["ename"], reply["evalue"]) == ("UnknownSubshellError", "Unknown subshell_id 'none'")
    assert kernel.interpreter.log == []


def test_answers_are_never_mixed(kernel: Harness) -> None:
    """A peer answers from the wrong subshell: its handler of a type is the one that was made first."""
    shells = [None, *(kernel.ask("create_subshell_request")["subshell_id"] for _ in range(3))]
    sent = {}
    for number in range(15):
        for shell in shells:
            text = f"{shell} {number}"
            sent[kernel.execute(f"print {text}", subshell_id=shell)] = ("stream", text, shell)
            sent[kernel.send("complete_request", {"code": text}, subshell_id=shell)] = ("complete", text, shell)
    for msg_id, (kind, text, shell) in sent.items():
        served = kernel.served(msg_id)
        assert {one.message.parent_header.get("subshell_id") for one in served} == {shell}
        if kind == "stream":
            assert [one.what for one in served] == ["busy", "stream", "execute_reply", "idle"]
            assert served[1].message.content["text"] == text
        else:
            assert kernel.reply(msg_id)["matches"] == [text]


def test_a_deleted_subshell_finishes_its_cell_and_refuses_the_rest(kernel: Harness) -> None:
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    running = kernel.execute("await gate", subshell_id=subshell)
    kernel.interpreter.wait_for("await gate")
    waiting = kernel.execute("ok never", subshell_id=subshell)
    thread = thread_of(subshell)
    assert kernel.ask("delete_subshell_request", {"subshell_id": subshell})["status"] == "ok"
    assert "deleted" in kernel.reply(waiting)["evalue"]
    kernel.interpreter.release("gate")
    assert kernel.status(running) == "ok"
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert "ok never" not in kernel.interpreter.log


def test_the_thread_of_an_idle_subshell_ends_with_it(kernel: Harness) -> None:
    for _ in range(5):
        subshell = kernel.ask("create_subshell_request")["subshell_id"]
        assert kernel.status(kernel.execute("ok", subshell_id=subshell)) == "ok"
        thread = thread_of(subshell)
        kernel.ask("delete_subshell_request", {"subshell_id": subshell})
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_a_subshell_made_before_the_interpreter_serves_afterwards(unserved: Harness) -> None:
    subshell = unserved.ask("create_subshell_request")["subshell_id"]
    cell = unserved.execute("ok sub", subshell_id=subshell)
    aside = unserved.send("complete_request", {"code": "a"}, subshell_id=subshell)
    assert unserved.so_far(cell) == []
    unserved.start()
    assert unserved.status(cell) == "ok"
    assert unserved.status(aside) == "ok"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_subshell_whose_loop_fails_leaves_nobody_without_an_answer(
    kernel: Harness, when: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fails = threading.Event()

    def run(main: object) -> None:
        assert fails.wait(DEADLINE)
        raise RuntimeError("the loop broke")

    monkeypatch.setattr(kernel.kernel.shells.subshells, "_run_loop", run)
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    thread = thread_of(subshell)
    if when == "before":
        cell = kernel.execute("ok", subshell_id=subshell)
        fails.set()
        assert "the loop broke" in kernel.reply(cell)["evalue"]
    fails.set()
    thread.join(DEADLINE)
    assert kernel.ask("list_subshell_request")["subshell_id"] == []
    assert kernel.status(kernel.execute("ok", subshell_id=subshell)) == "error"
    assert "has ended" in caplog.text


@pytest.mark.parametrize("name", ["cell", "subshell"])
def test_a_thread_that_cannot_be_started_is_an_error_of_who_asked_for_it(
    kernel: Harness, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith(name):
            raise RuntimeError("can't start new thread")
        start(thread)

    assert kernel.status(kernel.execute("ok")) == "ok"
    monkeypatch.setattr(threading.Thread, "start", refuse)
    msg_id = kernel.execute("# thread\nok") if name == "cell" else kernel.send("create_subshell_request")
    assert ("can't start new thread" if name == "cell" else "No thread") in kernel.reply(msg_id)["evalue"]
    monkeypatch.undo()
    assert kernel.ask("list_subshell_request")["subshell_id"] == []
    assert kernel.status(kernel.execute("ok")) == "ok"


def test_all_threads_end_with_the_kernel(kernel: Harness) -> None:
    threads = []
    for _ in range(3):
        subshell = kernel.ask("create_subshell_request")["subshell_id"]
        assert kernel.status(kernel.execute("ok", subshell_id=subshell)) == "ok"
        threads.append(thread_of(subshell))
    kernel.ask("shutdown_request")
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()
