"""Answers that are given beside a cell: none of the user's code runs for them where it must not."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from async_kernel.ipython import static
from async_kernel.kernel.place import Place

from .harness import Ran, Shell

SLY = '''
import types

ran = []

class Meta(type):
    @property
    def __name__(cls):
        ran.append("meta name")
    def __dir__(cls):
        ran.append("meta dir")
        return []
    def __getattribute__(cls, name):
        ran.append("meta " + name)
        return type.__getattribute__(cls, name)
    def __repr__(cls):
        ran.append("meta repr")
        return "Sly"

class Descriptor:
    def __get__(self, instance, owner):
        ran.append("descriptor")

def default():
    "Makes one."

class Sly(metaclass=Meta):
    """What it is."""
    described = Descriptor()
    plain = 1

    def __init__(self):
        object.__setattr__(self, "own", 2)
        object.__setattr__(self, "_hidden", 2)

    @property
    def prop(self):
        ran.append("prop")
        return {}

    @property
    def __class__(self):
        ran.append("class")
        return dict

    def __getattr__(self, name):
        ran.append("getattr " + name)
        raise AttributeError(name)

    def __getattribute__(self, name):
        ran.append("getattribute " + name)
        return object.__getattribute__(self, name)

    def __dir__(self):
        ran.append("dir")
        return ["made_up"]

    def __repr__(self):
        ran.append("repr")
        return "sly"

    __str__ = _repr_html_ = _repr_mimebundle_ = _ipython_key_completions_ = __len__ = __repr__

    def method(self, value={"made": default}, *, option: "int" = 3) -> "str":
        """Do it."""
        return value

class Shadowed:
    @property
    def __dict__(self):
        ran.append("dict")
        return {}

class Slots:
    __slots__ = ("slot", "empty")

sly = Sly()
shadowed = Shadowed()
slots = Slots()
slots.slot = sly
module = types.ModuleType("module")
module.sly = sly
module.number = 3
def _getattr(name):
    ran.append("module getattr")
    raise AttributeError(name)
module.__getattr__ = _getattr
module.__dir__ = lambda: ran.append("module dir") or []
table = {"a_key": sly}
def with_default(thing=sly, *rest: Sly, **others):
    "Takes it."
'''


@pytest.fixture
def sly(cells: Callable[..., Ran], shell: Shell) -> Iterator[list[str]]:
    """What ran, in a namespace full of objects that note it."""
    cells(SLY)
    ran: list[str] = shell.interpreter.shell.user_ns["ran"]
    ran.clear()
    yield ran
    shell.interpreter.shell.reset()


CODES = [
    "sly.",
    "sly.pr",
    "sly.prop.",
    "sly.described.",
    "sly.nothing.",
    "sly.method.",
    "Sly.",
    "Sly.met",
    "shadowed.",
    "slots.slot.",
    "slots.empty.",
    "Slots.slot.",
    "module.",
    "module.sly.",
    "table['",
    "table['a_key'].",
    "sly[",
    "sly().",
    "sly.method(",
    "with_default(thi",
    "(sly.",
    "x = 3\nfor x in sly.",
    "sl",
    "%tim",
    "%timeit sly.",
    "%cd sl",
    "open('sl",
    "!ls sl",
    "import sl",
    "from sly import ",
    "\\alph",
    "",
]


@pytest.mark.parametrize("code", CODES)
def test_a_static_answer_runs_nothing(shell: Shell, sly: list[str], code: str) -> None:
    interpreter = shell.interpreter
    reply = interpreter.complete(code, len(code), Place.APART)
    assert (reply["status"], sly) == ("ok", [])
    for level in (0, 1):
        assert interpreter.inspect(code.rstrip(".("), len(code), level, Place.APART)["status"] == "ok"
        assert sly == []
    assert interpreter.is_complete(code, Place.APART)["status"] in ("complete", "incomplete", "invalid")
    assert sly == []


def test_the_traps_are_set(shell: Shell, sly: list[str]) -> None:
    """IPython's own completion, whose policy is "limited", runs such code: hence `static`."""
    shell.interpreter.complete("sly.", 4, Place.BESIDE)
    assert "dir" in sly


@pytest.mark.parametrize(
    ("code", "expected", "absent"),
    [
        ("sly.", {"own", "plain", "method", "prop", "described"}, {"_hidden", "made_up", "__init__"}),
        ("sly._h", {"_hidden"}, {"own"}),
        ("sly.__in", {"__init__"}, set()),
        ("y = Sly.pl", {"plain"}, {"own", "mro"}),
        ("slots.slot.ow", {"own"}, set()),
        ("module.", {"sly", "number"}, {"__getattr__"}),
        ("module.sly.pla", {"plain"}, set()),
        ("shado", {"shadowed"}, set()),
        ("while Tr", {"True"}, set()),
        ("impo", {"import"}, set()),
        ("%matplot", {"%matplotlib"}, set()),
        ("sly.prop.", set(), {"keys"}),
    ],
)
def test_static_completions(shell: Shell, sly: list[str], code: str, expected: set[str], absent: set[str]) -> None:
    reply = shell.interpreter.complete(code, len(code), Place.APART)
    assert expected <= set(reply["matches"])
    assert not absent & set(reply["matches"])
    types = reply["metadata"]["_jupyter_types_experimental"]
    assert [entry["text"] for entry in types] == reply["matches"]
    for entry in types:
        assert code.endswith(code[entry["start"] : entry["end"]])


def test_static_completions_replace_the_last_name_and_tell_kinds(shell: Shell, sly: list[str]) -> None:
    reply = shell.interpreter.complete("'🦆'; sly.m + 1", 10, Place.APART)
    assert (reply["matches"], reply["cursor_start"], reply["cursor_end"]) == (["method"], 9, 10)
    (entry,) = reply["metadata"]["_jupyter_types_experimental"]
    assert entry["type"] == "function"


def test_static_inspection(shell: Shell, sly: list[str], cells: Callable[..., Ran]) -> None:
    def text(code: str, level: int = 0) -> str:
        reply = shell.interpreter.inspect(code, len(code), level, Place.APART)
        assert reply["found"] is True
        return str(reply["data"]["text/plain"])

    number = text("module.number")
    assert "int" in number
    assert "3" in number
    assert "made: default" not in text("sly.method")
    assert "sly.method(self, value={'made': default}, *, option: 'int'=3) -> 'str'" in text("sly.method")
    assert "Do it." in text("sly.method")
    assert "return value" not in text("sly.method")
    assert "return value" in text("sly.method", 1)
    assert "with_default(thing=sly, *rest: Sly, **others)" in text("with_default")
    assert "What it is." in text("sly")
    assert "Sly(self)" in text("Sly")
    assert "Length" in text("table")
    assert "Print the values" in text("print") or "Prints the values" in text("print")
    assert "Time execution" in text("%timeit")
    for unknown in ("nobody_knows", "sly.prop", "sly.described", "sly.nothing", ""):
        reply = shell.interpreter.inspect(unknown, len(unknown), 0, Place.APART)
        assert reply == {"status": "ok", "found": False, "data": {}, "metadata": {}}
    assert sly == []


def test_a_quick_answer_leaves_jedi_out(shell: Shell, cells: Callable[..., Ran], monkeypatch: Any) -> None:
    def jedi(*arguments: object, **options: object) -> object:
        raise AssertionError("jedi is asked")

    cells("a_name_of_a_cell = {'a_key': 1}")
    monkeypatch.setattr(type(shell.interpreter.shell.Completer), "_jedi_matches", jedi)
    reply = shell.interpreter.complete("a_name_of", 9, Place.BESIDE)
    assert reply["matches"] == ["a_name_of_a_cell"]
    assert "keys" in shell.interpreter.complete("a_name_of_a_cell.ke", 19, Place.BESIDE)["matches"]
    assert "a_key" in "".join(shell.interpreter.complete("a_name_of_a_cell['", 18, Place.BESIDE)["matches"])


def test_a_quick_answer_has_the_settings_and_completers_of_the_shell(shell: Shell, cells: Callable[..., Ran]) -> None:
    cells("a_name_of_a_cell = 'text'")
    ipython = shell.interpreter.shell
    ipython.Completer.omit__names = 0
    ipython.set_hook("complete_command", lambda self, event: ["chosen"], str_key="%a_magic")
    try:
        assert "a_name_of_a_cell.__len__".rpartition(".")[2] in "".join(
            shell.interpreter.complete("a_name_of_a_cell.", 17, Place.BESIDE)["matches"]
        )
        assert shell.interpreter.complete("%a_magic ch", 11, Place.BESIDE)["matches"] == ["chosen"]
        assert "chosen" not in shell.interpreter.complete("%a_magic ch", 11, Place.APART)["matches"]
    finally:
        ipython.Completer.omit__names = 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a", ([], "a")),
        ("x = a.b.c", (["a", "b"], "c")),
        ("a.", (["a"], "")),
        ("f(ä.ö", (["ä"], "ö")),
        ("", ([], "")),
        ("f().a", None),
        ("a[0].b", None),
        ("'a'.b", None),
        ("1.", None),
        ("a..b", None),
    ],
)
def test_dotted_names(text: str, found: tuple[list[str], str] | None) -> None:
    assert static.dotted_name(text) == found


def test_a_module_that_loads_itself_late_is_left_alone() -> None:
    class Lazy(types.ModuleType):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

    lazy = Lazy("lazy")
    sys.modules["lazy"] = lazy
    try:
        assert "__name__" in static.attribute_names(lazy)
        assert static.find(["lazy", "__name__"], [{"lazy": lazy}]) == "lazy"
        assert static.describe("lazy", lazy, 1).startswith("Type:")
    finally:
        del sys.modules["lazy"]


class Point:
    """Something with parts."""

    def __init__(self) -> None:
        self.x, self.y = 1, [2]


POINT = Point()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (17, "17"),
        ("a\nb", r"'a\nb'"),
        (None, "None"),
        ([1, "a", [2]], "[1, 'a', <list>]"),
        ((), "()"),
        ({"a": POINT}, "{'a': <Point>}"),
        ({1}, "{1}"),
        (frozenset({1}), "{1}"),
        (POINT, "<Point>"),
        (Point, "<class>"),
        (len, "<function>"),
        (sys, "<module>"),
        (list(range(10_000)), "…"),
        ("x" * 10_000, "…"),
    ],
)
def test_a_value_in_short(value: object, text: str) -> None:
    name, shown = static.summary(value)
    assert name == type(value).__name__
    assert shown == text or (text == "…" and shown.endswith("…") and len(shown) < 300)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (["a", "b"], {"[0]": "a", "[1]": "b"}),
        ((3,), {"[0]": 3}),
        ({"k": 1, 2: "v", POINT: 0}, {"['k']": 1, "[2]": "v"}),
        (POINT, {".x": 1, ".y": POINT.y}),
        ("text", {}),
        ({1}, {}),
        (sys, {}),
        (Point, {}),
        (len, {}),
    ],
)
def test_the_parts_of_a_value(value: object, parts: dict[str, object]) -> None:
    assert static.parts(value) == parts


def test_of_a_long_value_the_first_parts() -> None:
    assert len(static.parts(list(range(10_000)))) == 100
    assert len(static.parts(dict.fromkeys(range(10_000)))) == 100
