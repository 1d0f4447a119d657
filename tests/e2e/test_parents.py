"""ipykernel's own means to say to which cell output belongs, as libraries and recipes use them."""

from __future__ import annotations

import pytest

from .driver import KernelDriver

SAYING = {
    # ipython/ipython#8564, from which many recipes come; GPU monitors and progress displays in threads have it
    "the stream's header": "def say(word, parent):\n    kept = sys.stdout.parent_header\n"
    "    sys.stdout.parent_header = parent['header']\n    try:\n        print(word)\n"
    "    finally:\n        sys.stdout.flush()\n        sys.stdout.parent_header = kept",
    # omegaml, older shells
    "the stream's parent": "def say(word, parent):\n    kept = get_ipython().get_parent()\n"
    "    sys.stdout.set_parent(parent)\n    print(word)\n    sys.stdout.set_parent(kept)",
    # jupyter_ui_poll, pyfs, dash
    "the kernel's parent": "def say(word, parent):\n    kernel = get_ipython().kernel\n"
    "    kept = kernel._parent_ident, kernel.get_parent()\n    kernel.set_parent(kernel._parent_ident, parent)\n"
    "    print(word)\n    kernel.set_parent(*kept)",
    # what knows but a message's id, kept as text: pickled parents are plain dicts, too
    "a copy": "def say(word, parent):\n    kept = get_ipython().kernel.get_parent('shell')\n"
    "    copied = json.loads(json.dumps({'header': parent['header']}))\n"
    "    get_ipython().kernel.set_parent({}, copied, channel='shell')\n"
    "    print(word)\n    get_ipython().kernel.set_parent({}, kept)",
    # shiny, Colab
    "the shell and its displays": "def say(word, parent):\n    shell = get_ipython()\n"
    "    kept = shell.parent_header\n    shell.set_parent(parent)\n    shell.display_pub.set_parent(parent)\n"
    "    shell.displayhook.set_parent(parent)\n    print(word)\n    shell.display_pub.parent_header = kept",
    "a thread's parent": "def say(word, parent):\n    token = get_ipython().set_thread_parent(parent)\n"
    "    print(word)\n    get_ipython().reset_thread_parent(token)",
}


@pytest.mark.parametrize("means", SAYING)
@pytest.mark.parametrize("thread", [False, True])
def test_output_goes_to_the_cell_that_is_named(kernel: KernelDriver, means: str, *, thread: bool) -> None:
    """That is an earlier cell; then back to the one that runs."""
    name = f"import json, sys, threading\n{SAYING[means]}\nfirst = get_ipython().get_parent('shell')"
    first = kernel.start(name, allow_stdin=True)
    kernel.finish(first).ok()
    code = "def run():\n    print('before')\n    say('for the first', first)\n    print('after')\n"
    code += "t = threading.Thread(target=run)\nt.start()\nt.join()" if thread else "run()"
    second = kernel.start(code)
    kernel.wait_printed(first, "for the first")
    assert kernel.finish(second).ok().text() == "before\nafter\n"
    assert kernel.execute("print('next')").ok().text() == "next\n"


def test_a_thread_that_is_taken_out_follows_the_latest_cell(kernel: KernelDriver) -> None:
    """As ipyparallel's client does, whose thread prints what engines print."""
    kernel.execute(
        "import queue, sys, threading\nwords, done = queue.Queue(), queue.Queue()\n"
        "def detach():\n    for stream in (sys.stdout, sys.stderr):\n"
        "        for name in ('_thread_to_parent', '_thread_to_parent_header'):\n"
        "            mapping = getattr(stream, name, None)\n"
        "            if mapping: mapping.pop(threading.current_thread().ident, None)\n"
        "def run():\n    detach()\n    while True: print(words.get()); done.put(1)\n"
        "threading.Thread(target=run, daemon=True).start()"
    ).ok()
    for word in ("one", "two"):
        assert kernel.execute(f"words.put({word!r})\n_ = done.get()").ok().text() == f"{word}\n"


def test_a_thread_without_a_parent_follows_the_latest_cell(kernel: KernelDriver) -> None:
    """ipykernel's own rule, which is in force where its means are used: `reset_thread_parent`, an empty parent."""
    for code in ("shell.reset_thread_parent(shell.set_thread_parent(parent))", "sys.stdout.parent_header = {}"):
        kernel.execute(
            "import queue, sys, threading\nwords, done = queue.Queue(), queue.Queue()\nshell = get_ipython()\n"
            f"parent = shell.get_parent()\ndef run():\n    words.get()\n    {code}\n    done.put(1)\n"
            "    print(words.get())\n    done.put(1)\nthreading.Thread(target=run, daemon=True).start()"
        ).ok()
        kernel.execute("words.put(1)\n_ = done.get()").ok()
        assert kernel.execute("words.put('now')\n_ = done.get()").ok().text() == "now\n"


def test_what_a_parent_is(kernel: KernelDriver) -> None:
    control = kernel.send("kernel_info_request", channel="control")
    kernel.reply(control, channel="control")
    asked = kernel.start("")
    kernel.finish(asked).ok()
    values = kernel.value(
        "(lambda ip, pickle: (ip.get_parent('control')['header']['msg_id'], ip.kernel._parent_ident,"
        " ip.kernel.get_parent('shell') == ip.get_parent(), type(pickle.loads(pickle.dumps(ip.get_parent()))).__name__,"
        " ip.display_pub.parent_header == ip.parent_header['header'] == __import__('sys').stderr.parent_header))"
        "(get_ipython(), __import__('pickle'))"
    )
    identities = [kernel.client.session.bsession]
    assert values == (control, {"shell": identities, "control": identities}, True, "dict", True)


def test_shell_and_kernel_know_the_message_streams_and_displays_its_header(kernel: KernelDriver) -> None:
    code = "shell, kernel = get_ipython(), get_ipython().kernel\n"
    code += "messages = shell.parent_header, shell.get_parent(), kernel._parent_header, kernel.get_parent('shell')\n"
    code += "headers = sys.stdout.parent_header, shell.display_pub.parent_header, shell.displayhook.parent_header\n"
    code += "print(*{each['header']['msg_id'] for each in messages} | {each['msg_id'] for each in headers})"
    cell = kernel.start(f"import sys\n{code}")
    assert kernel.finish(cell).ok().text() == f"{cell}\n"
