"""Completion, inspection, completeness, history and settings: replies as the messaging spec has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from async_kernel.errors import RequestError, UsageError
from async_kernel.ipython.shell_settings import config_sections, set_attributes, shell_attributes
from async_kernel.kernel.place import Place

from .harness import Ran, Shell


@pytest.mark.parametrize(
    ("code", "cursor", "start", "end", "match"),
    [
        ("impor", 5, 0, 5, "import"),
        ("x = '😀😀😀'; x.cap", 16, 13, 16, "capitalize"),
        ("a = 1\nprin(", 10, 6, 10, "print"),
        ("%connec", 7, 0, 7, "%connect_info"),
        ("import o", 99, 7, 8, "os"),
    ],
)
def test_completions(shell: Shell, code: str, cursor: int, start: int, end: int, match: str) -> None:
    reply = shell.interpreter.complete(code, cursor)
    assert (reply["status"], reply["cursor_start"], reply["cursor_end"]) == ("ok", start, end)
    assert match in reply["matches"]
    assert len(set(reply["matches"])) == len(reply["matches"])
    types = reply["metadata"]["_jupyter_types_experimental"]
    assert [entry["text"] for entry in types] == reply["matches"]
    assert all(entry.keys() == {"start", "end", "text", "type", "signature"} for entry in types)


def test_no_completions(shell: Shell) -> None:
    assert shell.interpreter.complete("zzzz.", 5) == {
        "status": "ok",
        "matches": [],
        "cursor_start": 5,
        "cursor_end": 5,
        "metadata": {"_jupyter_types_experimental": []},
    }


def test_names_of_cells_are_completed(cells: Callable[..., Ran], shell: Shell) -> None:
    cells("a_name_of_a_cell = {'a_key': 1}")
    assert shell.interpreter.complete("a_name_of", 9)["matches"] == ["a_name_of_a_cell"]
    assert "a_key" in "".join(shell.interpreter.complete("a_name_of_a_cell['", 18)["matches"])


def test_inspection(cells: Callable[..., Ran], shell: Shell) -> None:
    cells("def documented(argument):\n    '''What it does.'''\n    return argument + 12345")
    reply = shell.interpreter.inspect("documented(1)", 11, 0)
    assert (reply["status"], reply["found"], reply["metadata"]) == ("ok", True, {})
    assert list(reply["data"]) == ["text/plain"]
    assert "What it does." in reply["data"]["text/plain"]
    assert "12345" not in reply["data"]["text/plain"]
    assert "12345" in shell.interpreter.inspect("documented", 10, 1)["data"]["text/plain"]
    absent = {"status": "ok", "found": False, "data": {}, "metadata": {}}
    assert shell.interpreter.inspect("nobody_knows", 3, 0) == absent
    assert shell.interpreter.inspect("", 0, 0) == absent


@pytest.mark.parametrize(
    ("code", "reply"),
    [
        ("a = 1", {"status": "complete"}),
        ("await f()", {"status": "complete"}),
        ("for i in range(3):", {"status": "incomplete", "indent": "    "}),
        ("f(", {"status": "incomplete", "indent": ""}),
        ("for i in", {"status": "invalid"}),
    ],
)
def test_completeness(shell: Shell, code: str, reply: dict[str, str]) -> None:
    assert shell.interpreter.is_complete(code) == reply
    assert shell.interpreter.is_complete(code, Place.APART) == reply


def test_history(cells: Callable[..., Ran], shell: Shell) -> None:
    number = shell.interpreter.execution_count
    cells("first = 1", "%time second = 2", "first = 1", "'third'")
    history = shell.interpreter.history

    def entries(**content: object) -> list[list[object]]:
        reply = history(content)
        assert reply.keys() == {"status", "history"}
        return [row[1:] for row in reply["history"]]

    raw = [[number, "first = 1"], [number + 1, "%time second = 2"], [number + 2, "first = 1"], [number + 3, "'third'"]]
    assert entries(hist_access_type="tail", n=4) == raw
    assert entries(hist_access_type="range", session=0, start=number, stop=number + 2) == raw[:2]
    assert (
        entries(hist_access_type="tail", n=3, raw=False)[0][1] == "get_ipython().run_line_magic('time', 'second = 2')"
    )
    assert entries(hist_access_type="search", pattern="first*") == [raw[0], raw[2]]
    assert entries(hist_access_type="search", pattern="first*", unique=True) == [raw[2]]
    assert entries(hist_access_type="search", pattern="*", n=1) == [raw[3]]
    output = entries(hist_access_type="range", session=0, start=number + 3, stop=number + 4, output=True)
    assert output == [[number + 3, ["'third'", "'third'"]]]
    with pytest.raises(RequestError):
        history({"hist_access_type": "nonsense"})


def test_settings(shell: Shell) -> None:
    def configure(**attributes: object) -> None:
        set_attributes(shell.interpreter.shell, shell_attributes(attributes))

    configure(**{"timeout": 0.5, "shell.xmode": "Context", "kernel.quiet": False, "shell.timeout": None})
    assert shell.interpreter.timeout == 0.5
    configure(**{"shell.InteractiveTB.tb_offset": 1, "timeout": 0})
    assert shell.interpreter.timeout == 0
    with pytest.raises(UsageError, match="Did you mean timeout"):
        configure(timeuot=1)
    with pytest.raises(UsageError, match="cannot be"):
        configure(timeout="soon")


def test_the_banner_names_ipython(shell: Shell) -> None:
    assert "IPython" in shell.interpreter.banner


def test_a_home_in_a_path_is_the_users() -> None:
    """bash leaves the ~ of `--profile_dir=~/x` as it is, and in a spec no shell reads it at all."""
    given = {"kernel.profile_dir": "~/profile", "history.hist_file": "~/history.sqlite", "history.enabled": True}
    sections, _ = config_sections(InteractiveShell, given)
    assert sections["ProfileDir"]["location"] == str(Path.home() / "profile")
    assert sections["HistoryManager"] == {"hist_file": str(Path.home() / "history.sqlite"), "enabled": True}
