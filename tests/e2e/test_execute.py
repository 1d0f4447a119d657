"""execute_request: everything that its content can ask for (messaging spec, "Execute")."""

from __future__ import annotations

from datetime import datetime

from .driver import KernelDriver, plain


def types(cell_messages: list[dict[str, object]]) -> list[object]:
    return [message["msg_type"] for message in cell_messages]


def test_a_cell_says_busy_input_result_idle_in_this_order(kernel: KernelDriver) -> None:
    cell = kernel.execute("6 * 7").ok()
    assert types(cell.published) == ["status", "execute_input", "execute_result", "status"]
    assert [content["execution_state"] for content in cell.contents("status")] == ["busy", "idle"]
    [given] = cell.contents("execute_input")
    assert given["code"] == "6 * 7"
    [result] = cell.contents("execute_result")
    assert result["data"] == {"text/plain": "42"}
    assert given["execution_count"] == result["execution_count"] == cell.reply["execution_count"]


def test_the_parent_header_of_everything_is_the_header_of_the_request(kernel: KernelDriver) -> None:
    cell = kernel.execute("print('said'); 1").ok()
    headers = [message["parent_header"] for message in [cell.message, *cell.published]]
    assert all(header == headers[0] for header in headers)
    assert headers[0]["msg_type"] == "execute_request"
    assert headers[0]["session"] == kernel.client.session.session


def test_counts_go_up_by_one_for_each_stored_cell(kernel: KernelDriver) -> None:
    first = kernel.execute("1").reply["execution_count"]
    assert kernel.execute("raise ValueError").reply["execution_count"] == first + 1
    kernel.execute("2", store_history=False).ok()
    kernel.execute("3", silent=True).ok()
    assert kernel.execute("4").reply["execution_count"] == first + 2


def test_silent_publishes_only_status_and_runs_all_the_same(kernel: KernelDriver) -> None:
    cell = kernel.execute("quietly = 6 * 7; quietly", silent=True).ok()
    assert types(cell.published) == ["status", "status"]
    assert kernel.value("quietly") == 42


def test_silent_stores_no_history_whatever_store_history_says(kernel: KernelDriver) -> None:
    kernel.execute("'never to be seen again'", silent=True, store_history=True).ok()
    history = kernel.request(
        "history_request", {"hist_access_type": "tail", "n": 3, "output": False, "raw": True, "session": 0}
    )["content"]["history"]
    assert "'never to be seen again'" not in [line for _, _, line in history]


def test_without_store_history_the_next_count_is_the_same(kernel: KernelDriver) -> None:
    kernel.execute("'a stored line'").ok()
    kernel.execute("'a line that is not stored'", store_history=False).ok()
    history = kernel.request(
        "history_request", {"hist_access_type": "tail", "n": 2, "output": False, "raw": True, "session": 0}
    )["content"]["history"]
    lines = [line for _, _, line in history]
    assert "'a stored line'" in lines
    assert "'a line that is not stored'" not in lines


def test_user_expressions_are_answered_one_by_one(kernel: KernelDriver) -> None:
    asked = {"good": "a + 1", "bad": "a / 0"}
    answers = kernel.execute("a = 41", user_expressions=asked).ok().reply["user_expressions"]
    assert answers["good"]["status"] == "ok"
    assert answers["good"]["data"]["text/plain"] == "42"
    assert answers["bad"]["status"] == "error"
    assert answers["bad"]["ename"] == "ZeroDivisionError"


def test_an_error_is_published_and_replied_alike(kernel: KernelDriver) -> None:
    cell = kernel.execute("def fail():\n    raise KeyError('lost')\nfail()")
    assert cell.status == "error"
    [error] = cell.contents("error")
    for content in (error, cell.reply):
        assert content["ename"] == "KeyError"
        assert content["evalue"] == "'lost'"
        assert "fail()" in plain("\n".join(content["traceback"]))
    assert cell.reply["user_expressions"] == {}


def test_a_syntax_error_is_an_error(kernel: KernelDriver) -> None:
    cell = kernel.execute("def :")
    assert cell.status == "error"
    assert cell.reply["ename"] == "SyntaxError"
    assert len(cell.contents("error")) == 1


def test_an_error_aborts_what_is_queued_behind_it_and_nothing_later(kernel: KernelDriver) -> None:
    kernel.execute("ran = []").ok()
    held, let_go = kernel.gate()
    failing = kernel.start(f"{held}raise ValueError('first')")
    queued = [kernel.start(f"ran.append({number})") for number in range(3)]
    asked = kernel.send("kernel_info_request")
    let_go()
    assert kernel.finish(failing).reply["ename"] == "ValueError"
    for msg_id in queued:
        cell = kernel.finish(msg_id)
        assert cell.status == "aborted"
        assert types(cell.published) == ["status", "status"]
    assert kernel.reply(asked)["content"]["status"] == "ok"
    assert kernel.execute("ran.append('later'); ran").ok().result == "['later']"


def test_a_reply_says_when_its_cell_began(kernel: KernelDriver) -> None:
    """Front ends that show how long a cell took, such as JupyterLab with `recordTiming`, read it."""
    held, let_go = kernel.gate()
    first = kernel.start(held)
    kernel.publication(first, lambda message: message["msg_type"] == "execute_input")
    cells = [kernel.start("pass"), kernel.start("1 / 0"), kernel.start("'aborted'")]
    let_go()
    kernel.finish(first).ok()
    replies = [kernel.finish(cell).message for cell in cells]
    assert [reply["metadata"]["status"] for reply in replies] == ["ok", "error", "aborted"]
    begun = [datetime.fromisoformat(reply["metadata"]["started"]) for reply in replies]
    assert begun == sorted(begun)
    for reply, began in zip(replies, begun, strict=True):
        assert reply["parent_header"]["date"] < began <= reply["header"]["date"]
    count = replies[0]["content"]["execution_count"]
    counts = [reply["content"]["execution_count"] for reply in replies]
    assert counts == [count, count + 1, count + 1], "what was aborted counts nothing"


def test_with_stop_on_error_false_what_is_queued_runs(kernel: KernelDriver) -> None:
    held, let_go = kernel.gate()
    failing = kernel.start(f"{held}raise ValueError('first')", stop_on_error=False)
    queued = [kernel.start(str(number)) for number in range(3)]
    let_go()
    assert kernel.finish(failing).status == "error"
    assert [kernel.finish(msg_id).ok().result for msg_id in queued] == ["0", "1", "2"]


def test_cells_run_in_the_order_of_their_arrival(kernel: KernelDriver) -> None:
    kernel.execute("order = []").ok()
    started = [kernel.start(f"order.append({number})") for number in range(50)]
    for msg_id in started:
        kernel.finish(msg_id).ok()
    assert kernel.value("order") == list(range(50))


def test_set_next_input_is_a_payload_of_the_reply(kernel: KernelDriver) -> None:
    cell = kernel.execute("get_ipython().set_next_input('x = 1')").ok()
    [payload] = cell.reply["payload"]
    assert payload["source"] == "set_next_input"
    assert payload["text"] == "x = 1"
    assert kernel.execute("1").ok().reply["payload"] == []


def test_a_question_mark_is_a_page_payload(kernel: KernelDriver) -> None:
    cell = kernel.execute("len?").ok()
    [payload] = cell.reply["payload"]
    assert payload["source"] == "page"
    assert "number of items" in payload["data"]["text/plain"]


def test_quit_asks_the_front_end_to_exit(kernel: KernelDriver) -> None:
    """`keepkernel` asks the client to go and leave the kernel running, so that this kernel stays ours."""
    cell = kernel.execute("quit(keep_kernel=True)").ok()
    [payload] = cell.reply["payload"]
    assert payload["source"] == "ask_exit"
    assert payload["keepkernel"] is True


def test_sys_exit_in_a_cell_is_an_error_and_the_kernel_lives(kernel: KernelDriver) -> None:
    cell = kernel.execute("import sys; sys.exit(3)")
    assert cell.status == "error"
    assert cell.reply["ename"] == "SystemExit"
    assert cell.reply["evalue"] == "3"
    assert kernel.execute("'alive'").ok().result == "'alive'"


def test_an_empty_cell_is_ok(kernel: KernelDriver) -> None:
    cell = kernel.execute("")
    assert cell.status == "ok"
    assert cell.contents("execute_result") == []


def test_a_large_cell_and_a_large_result_pass_through(kernel: KernelDriver) -> None:
    cell = kernel.execute(f"text = {'ä' * 2_000_000!r}; print(text); len(text)").ok()
    assert cell.result == "2000000"
    assert cell.text() == "ä" * 2_000_000 + "\n"


def test_text_outside_the_basic_plane_and_lone_surrogates_survive(kernel: KernelDriver) -> None:
    assert kernel.execute("print('🦆 grün')").ok().text() == "🦆 grün\n"
    cell = kernel.execute("print('\\ud800 lone'); 'next'").ok()
    assert "lone" in cell.text()
    assert cell.result == "'next'"


def test_callbacks_of_cells_are_told_the_metadata_of_the_request(kernel: KernelDriver) -> None:
    code = "told = []\nget_ipython().events.register('pre_run_cell', lambda info: told.append(info.cell_meta))"
    kernel.execute(code).ok()
    asked = kernel.send("execute_request", {"code": "print(told)", "allow_stdin": False}, metadata={"tags": ["mine"]})
    assert kernel.finish(asked).ok().text() == "[{'tags': ['mine']}]\n"


def test_the_history_is_configured_by_a_magic_under_its_own_name(kernel: KernelDriver) -> None:
    assert kernel.execute("%config HistoryManager.db_cache_size = 7").ok().text("stderr") == ""
    assert kernel.value("get_ipython().history_manager.db_cache_size") == 7
