"""IPython's own settings by name: what is taken, and what is refused with what would have been right."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from traitlets.config import Config

from async_kernel.errors import UsageError
from async_kernel.ipython.configuration import check, sections


@pytest.fixture(autouse=True)
def matplotlib_is_not_left() -> Iterator[None]:
    """Checking `InlineBackend` imports matplotlib. Tests of this process show that a cell which does so gets plots."""
    before = set(sys.modules)
    yield
    for name in sys.modules.keys() - before:
        if name.partition(".")[0] in ("matplotlib", "matplotlib_inline", "mpl_toolkits"):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("IPCompleter.use_jedi", "False", False),
        ("Completer.use_jedi", "0", False),
        ("HistoryManager.enabled", "False", False),
        ("InteractiveShell.xmode", "Verbose", "Verbose"),
        ("ZMQInteractiveShell.cache_size", "7", 7),
        ("InteractiveShellApp.exec_lines", "a = 1", ["a = 1"]),
        ("InteractiveShellApp.exec_lines", "['a = 1', 'b']", ["a = 1", "b"]),
        ("InteractiveShellApp.exec_lines", ("a = 1", "b = [1]"), ["a = 1", "b = [1]"]),
        ("PlainTextFormatter.max_width", "50", 50),
        ("ScriptMagics.script_magics", "fish", ["fish"]),
        ("StoreMagics.autorestore", "True", True),
        ("InlineBackend.figure_formats", "{'svg'}", {"svg"}),
        ("InlineBackend.figure_formats", "svg", {"svg"}),
        ("ProfileDir.location", "/x", "/x"),
    ],
)
def test_a_setting_is_read_as_ipython_reads_it(name: str, given: Any, value: object) -> None:
    check({name: given, "shell.timeout": 3, "kernel.quiet": True})
    section, trait = name.split(".")
    classes = _classes()
    configured = Config(sections({name: given}))[section][trait]
    converted = getattr(configured, "get_value", lambda _: configured)(classes[section].class_traits()[trait])
    assert converted == value


def _classes() -> dict[str, Any]:
    from matplotlib_inline.config import InlineBackend

    from async_kernel.ipython.configuration import _configurables

    return {**_configurables(), "InlineBackend": InlineBackend}


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("IPCompleter.use_jedy", "True", "--IPCompleter.use_jedi"),
        ("IPCompletor.use_jedi", "True", "--IPCompleter.use_jedi"),
        ("InlineBackend.figure_formatz", "svg", "--InlineBackend.figure_format"),
        ("Shell.banner1", "x", "--InteractiveShell.banner1"),
        ("No.such_thing_anywhere", "1", "There is no No"),
        ("IPCompleter.a.b", "1", "no setting a.b"),
        ("IPCompleter.use_jedi", "perhaps", "boolean"),
        ("InteractiveShell.cache_size", "many", "int"),
        ("InteractiveShell.xmode", "Loud", "xmode"),
        ("HistoryManager.db", "x", "no setting db"),  # there, and not to be configured
        ("IPCompleter.use_jedi", ("True", "False"), "use_jedi"),
    ],
)
def test_what_ipython_does_not_have_is_refused(name: str, given: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        check({name: given})
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_nothing_is_run_as_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError):
        check({"InteractiveShell.cache_size": "print('run')"})
    check({"InteractiveShellApp.exec_lines": "print('run')"})
    assert capsys.readouterr().out == ""
