"""Rich display: what is published for which call, and who may look at it on the way."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from async_kernel.kernel import request as requests

from .harness import Ran, Shell

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_display_and_update(cells: Callable[..., Ran]) -> None:
    ran = cells("handle = display('a', display_id='x'); handle.update('b')")
    assert ran.types == ["execute_input", "display_data", "update_display_data"]
    transient = {"display_id": "x"}
    assert ran.contents("display_data") == [{"data": {"text/plain": "'a'"}, "metadata": {}, "transient": transient}]
    assert ran.contents("update_display_data") == [
        {"data": {"text/plain": "'b'"}, "metadata": {}, "transient": transient}
    ]


def test_clear_output(cells: Callable[..., Ran]) -> None:
    ran = cells("from IPython.display import clear_output; clear_output(); clear_output(wait=True)")
    assert ran.contents("clear_output") == [{"wait": False}, {"wait": True}]


def test_images_are_base64_text(cells: Callable[..., Ran]) -> None:
    ran = cells(
        f"from IPython.display import Image; display(Image({PNG!r})); display({{'image/png': {PNG!r}}}, raw=True)"
    )
    for content in ran.contents("display_data"):
        assert base64.b64decode(content["data"]["image/png"]) == PNG
    ran = cells(f"class Picture:\n    def _repr_png_(self): return {PNG!r}, {{'width': 3}}\nPicture()")
    (content,) = ran.contents("execute_result")
    assert base64.b64decode(content["data"]["image/png"]) == PNG
    assert content["metadata"] == {"image/png": {"width": 3}}


def test_buffers_and_unknown_arguments_are_taken(cells: Callable[..., Ran]) -> None:
    ran = cells("get_ipython().display_pub.publish({'text/plain': 'x'}, {}, 'source', buffers=[b'one'], odd=1)")
    assert ran.recorder.messages[-1].buffers == (b"one",)


def test_rich_results(cells: Callable[..., Ran]) -> None:
    ran = cells("from IPython.display import HTML; HTML('<b>x</b>')")
    assert ran.contents("execute_result")[0]["data"]["text/html"] == "<b>x</b>"
    assert cells("from IPython.display import display; display()").types == ["execute_input"]


def test_display_outside_any_request_does_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from IPython.display import clear_output, display

    monkeypatch.setattr(requests, "_fallback", [])
    display("to nobody")
    clear_output()


def test_hooks_see_change_and_keep_back_messages(cells: Callable[..., Ran], shell: Shell) -> None:
    seen: list[dict[str, Any]] = []
    publisher = shell.interpreter.shell.display_pub

    def change(message: dict[str, Any]) -> dict[str, Any]:
        seen.append(message)
        return message | {"content": message["content"] | {"data": {"text/plain": "changed"}}}

    def keep(message: dict[str, Any]) -> None:
        return None

    publisher.register_hook(change)
    try:
        assert cells("display(1)").contents("display_data")[0]["data"] == {"text/plain": "changed"}
        publisher.register_hook(keep)
        assert cells("display(1)").types == ["execute_input"]
        assert publisher.unregister_hook(keep)
    finally:
        assert publisher.unregister_hook(change)
    assert not publisher.unregister_hook(change)
    assert seen[0]["header"]["msg_type"] == seen[0]["msg_type"] == "display_data"
    assert cells("display(1)").contents("display_data")[0]["data"] == {"text/plain": "1"}


def test_capture(cells: Callable[..., Ran]) -> None:
    ran = cells("%%capture captured\nprint('text'); display('shown'); 'result'")
    assert ran.types == ["execute_input"]
    assert cells("captured.stdout, len(captured.outputs)").result == "('text\\n', 2)"


def test_what_libraries_for_ipykernel_touch(cells: Callable[..., Ran]) -> None:
    ran = cells(
        "ip = get_ipython(); parent = ip.get_parent(); ip.set_parent(parent)\n"
        "assert parent == ip.kernel.get_parent()\n"
        "assert parent['header']['msg_id'] == ip.parent_header['msg_id']\n"
        "assert ip.kernel._parent_header == parent\n"
        "ip.kernel.send_response(ip.kernel.iopub_socket, 'custom', {'a': 1})\n"
        "ip.kernel.session.send(ip.kernel.iopub_socket, 'custom', {'a': 2}, parent, buffers=[b'x'])\n"
        "'IPKernelApp' in ip.config, type(ip).__name__, ip.kernel.comm_manager is not None"
    )
    assert ran.reply["status"] == "ok", ran.reply
    assert ran.result == "(True, 'ZMQInteractiveShell', True)"
    assert ran.contents("custom") == [{"a": 1}, {"a": 2}]


def test_matplotlib_inline_shows_figures_at_the_end_of_the_cell(cells: Callable[..., Ran]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    for first in ("", "%matplotlib inline\n"):
        ran = cells(
            first
            + "import asyncio, matplotlib.pyplot as plt\nplt.plot([1, 2]); await asyncio.sleep(0); plt.title('t'); None"
        )
        assert ran.reply["status"] == "ok", ran.reply
        (content,) = ran.contents("display_data")
        assert base64.b64decode(content["data"]["image/png"]).startswith(b"\x89PNG")
    assert cells("1;").types == ["execute_input"]
