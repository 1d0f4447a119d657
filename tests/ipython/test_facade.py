"""`get_ipython().kernel` and a wrapped `run_cell`: what libraries written for ipykernel use of a kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .harness import Ran, Shell, run_on

KERNEL = "k = get_ipython().kernel\n"


def test_it_answers_as_the_kernel_does(cells: Callable[..., Ran]) -> None:
    assert "print" in cells(f"{KERNEL}k.do_complete('prin', 4)['matches']").result
    assert "Return the number" in cells(f"{KERNEL}k.do_inspect('len', 3)['data']['text/plain']").result
    assert cells(f"{KERNEL}k.do_is_complete('for i in x:')['status']").result == "'incomplete'"
    assert cells(f"{KERNEL}k.do_history('tail', False, True, n=1)['status']").result == "'ok'"
    assert cells(f"{KERNEL}k.implementation, k.language_info['name']").result == "('async_kernel', 'python')"
    assert cells(f"{KERNEL}k.parent.kernel is k, k.parent.shell is get_ipython()").result == "(True, True)"
    assert cells(f"{KERNEL}hasattr(k, 'nonsense')").result == "False"


def test_its_session_publishes_what_is_sent(cells: Callable[..., Ran]) -> None:
    shown = {"data": {"text/plain": "it"}, "metadata": {}, "transient": {}}
    whole = f"{KERNEL}k.session.send(k.iopub_socket, k.session.msg('display_data', {shown!r}, parent=k.get_parent()));"
    assert cells(whole).contents("display_data") == [shown]
    parts = f"{KERNEL}k.session.send(k.iopub_socket, 'display_data', {shown!r}, parent=k._parent_header);"
    assert cells(parts).contents("display_data") == [shown]


def test_the_display_publisher_has_the_means_of_jupyter_clients_output_hook(cells: Callable[..., Ran]) -> None:
    """`client.execute_interactive()` in a cell shows what the other kernel sends by these three."""
    shown = {"data": {"text/plain": "it"}, "metadata": {}, "transient": {}}
    code = (
        "p = get_ipython().display_pub\n"
        f"p.session.send(p.pub_socket, 'display_data', {shown!r}, parent=p.parent_header);"
    )
    assert cells(code).contents("display_data") == [shown]


def test_its_session_signs_with_the_key_of_the_kernel(cells: Callable[..., Ran], tmp_path: object) -> None:
    code = (
        f"import json, pathlib\n{KERNEL}path = pathlib.Path({str(tmp_path)!r}, 'c.json')\n"
        "path.write_text(json.dumps({'key': 'secret', 'signature_scheme': 'hmac-sha256'}))\n"
        "before, get_ipython().connection_file = get_ipython().connection_file, str(path)\n"
        "session = type(k.session)(get_ipython())\n"
        "key = session.key, session.signature_scheme, len(session.sign([b'x']))\n"
        "get_ipython().connection_file = before\nkey"
    )
    assert cells(code).result == "(b'secret', 'hmac-sha256', 64)"


@pytest.mark.parametrize(
    "asks",
    [
        "k.io_loop.add_callback(done, 1)",
        "k.io_loop.call_later(0.001, done, 1)",
        "k.io_loop.call_at(k.io_loop.time(), done, number=1)",
        "import threading; threading.Thread(target=k.io_loop.add_callback, args=(done, 1)).start()",
        "async def later(): done(1)\nk.io_loop.spawn_callback(later)",
    ],
)
def test_its_loop_calls_functions_in_the_kernels_thread(shell: Shell, backend: str, asks: str) -> None:
    async def main() -> Ran:
        # made in the loop, as a kernel's is
        await shell.run("k = get_ipython().kernel; k.io_loop = type(k.io_loop)()")
        return await shell.run(
            "import anyio, threading\ncalled = anyio.Event()\n"
            "def done(number):\n    global said\n    called.set()\n"
            "    said = number, threading.current_thread() is threading.main_thread()\n"
            f"{asks}\nawait called.wait()\nsaid"
        )

    ran: Ran = run_on(backend, main)
    assert ran.reply["status"] == "ok", ran.contents("error")
    assert ran.result == "(1, True)"


WRAPS = {
    "the shell": "shell = get_ipython()\noriginal = shell.run_cell\n{wrapper}\nshell.run_cell = wrapped",
    "its class": "shell = get_ipython()\noriginal = shell.run_cell\n{wrapper}\n"
    "type(shell).run_cell = lambda self, *given, **named: wrapped(*given, **named)",
}
WRAPPER = (
    "seen = []\ndef wrapped(raw_cell, *given, **named):\n    seen.append(raw_cell)\n"
    "    {gives}original(raw_cell, *given, **named)"
)
UNWRAP = "vars(shell).pop('run_cell', None)\nif 'run_cell' in vars(type(shell)): del type(shell).run_cell"


@pytest.mark.parametrize("gives", ["return ", ""], ids=["gives the result", "gives nothing"])
@pytest.mark.parametrize("wraps", list(WRAPS))
def test_a_wrapped_run_cell_runs_the_cells(cells: Callable[..., Ran], wraps: str, gives: str) -> None:
    cells("ends = []\ndef ended(): ends.append(1)\nget_ipython().events.register('post_execute', ended);")
    assert cells(WRAPS[wraps].format(wrapper=WRAPPER.format(gives=gives))).reply["status"] == "ok"
    try:
        assert cells("ends.clear()\n6 * 7").result == "42"
        failed = cells("1 / 0")
        assert failed.reply["ename"] == "ZeroDivisionError"
        assert failed.types.count("error") == 1
        assert cells("import anyio; await anyio.sleep(0); 1").result == "1"
        assert cells("seen[:3], len(ends)").result == "(['ends.clear()\\n6 * 7', '1 / 0', 'seen[:3], len(ends)'], 3)"
        number = cells("1;").reply["execution_count"]
        assert cells("1;").reply["execution_count"] == number + 1
    finally:
        cells(f"{UNWRAP}\nshell.events.unregister('post_execute', ended)")
    assert cells("get_ipython().run_cell.__func__.__qualname__").result == "'InteractiveShell.run_cell'"
