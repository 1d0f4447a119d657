"""Completions from values are those that IPython's completer gives, by jedi, on a corpus of positions; jedi is stopped
where it takes too long."""

from __future__ import annotations

import builtins
import keyword
import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from async_kernel.ipython import asking_jedi, live
from async_kernel.ipython.completion import complete
from async_kernel.ipython.cursor import find_position
from async_kernel.ipython.interpreter import IPythonInterpreter
from async_kernel.kernel.place import Place

from .completion_corpus import SETUP, places
from .harness import Ran, Shell

DEADLINE = 30.0

BY_VALUE = "the value is there, jedi only sees the source"
BY_ANNOTATION = "IPython's evaluator follows the annotation"
MATCHES = {
    "partial_compute().¦": BY_ANNOTATION,
    "data.keys().¦": BY_ANNOTATION,
    "data.items().¦": BY_ANNOTATION,
    "data.values().¦": BY_ANNOTATION,
    'defaultdict(list)["x"].¦': BY_VALUE,
    "(number + 1).¦": BY_VALUE,
    "[¦": "jedi completes nothing at the very beginning of a list",
}
"""Positions at which there are more completions than IPython gives, and why."""

BY_SOURCE = ("property", "statement")
"""How jedi names an attribute after the source, where the value says that it is an instance, a class or a function."""

TYPES_AT = {
    "defaultdict(list).¦": "the default_factory of a class that IPython's evaluator has made, jedi knows none",
    "import os; os.pa¦": "os.pardir is a string; a module of the same file name in jedi's eyes",
}


@pytest.fixture(scope="module")
def filled(interpreter: IPythonInterpreter) -> Iterator[IPythonInterpreter]:
    """The interpreter, with the names of the corpus."""
    names = interpreter.shell.user_ns
    before = dict(names)
    exec(compile(SETUP, "<setup>", "exec"), names)
    yield interpreter
    names["file"].close()
    names.clear()
    names.update(before)


def completions(shell: Any, code: str, cursor: int) -> dict[str, dict[str, Any]]:
    """The completions at a position by their text: start, end, type and signature."""
    reply = complete(shell, code, cursor)
    return {one["text"]: one for one in reply["metadata"]["_jupyter_types_experimental"]}


@pytest.fixture(scope="module")
def compared(filled: IPythonInterpreter) -> list[tuple[str, Any, Any]]:
    """Each line of the corpus that values answer, with the completions that IPython's completer gives and ours."""
    shell = filled.shell
    completer = shell.Completer
    found = []
    given: list[Any] = []

    def by_values(cursor_column: int, cursor_line: int, text: str) -> Any:
        lines = text.split("\n")
        until = "\n".join([*lines[:cursor_line], lines[cursor_line][:cursor_column]])
        given.append(live.live_completions(completer, until))
        return iter(given[-1] or ())

    before = completer.__dict__.pop("_jedi_matches", None)
    timeout = completer.jedi_compute_type_timeout
    completer.jedi_compute_type_timeout = 60_000
    try:
        for place in places():
            given.clear()
            completer._jedi_matches = by_values
            ours = completions(shell, place.code, place.cursor)
            del completer._jedi_matches
            if given and given[-1] is not None:
                found.append((place.line, completions(shell, place.code, place.cursor), ours))
    finally:
        completer.jedi_compute_type_timeout = timeout
        if before is not None:
            completer._jedi_matches = before
    return found


def is_name(shell: Any, text: str) -> bool:
    return text in shell.user_ns or text in vars(builtins) or keyword.iskeyword(text)


def test_values_answer_at_most_positions(compared: list[Any]) -> None:
    assert len(compared) > 300


def test_the_matches_are_those_of_ipython(filled: IPythonInterpreter, compared: list[Any]) -> None:
    different = {}
    for line, theirs, ours in compared:
        # Names that jedi reads in the stubs of Python's own names, and which are not there; and names that are there
        # and in no stub, such as `display`.
        invented = {text for text in theirs.keys() - ours.keys() if not is_name(filled.shell, text)}
        unknown = {text for text in ours.keys() - theirs.keys() if text in vars(builtins)}
        if line not in MATCHES and theirs.keys() - invented != ours.keys() - unknown:
            different[line] = (sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys()))
        if line in MATCHES:
            assert theirs.keys() < ours.keys(), line
    assert different == {}


def test_they_stand_in_the_same_order_and_replace_the_same_text(compared: list[Any]) -> None:
    for line, theirs, ours in compared:
        both = [text for text in ours if text in theirs]
        assert both == [text for text in theirs if text in ours], line
        for text in both:
            assert (theirs[text]["start"], theirs[text]["end"]) == (ours[text]["start"], ours[text]["end"]), line


def test_the_types_are_those_of_ipython(compared: list[Any]) -> None:
    different = {}
    for line, theirs, ours in compared:
        for text, one in ours.items():
            if text not in theirs or line in TYPES_AT:
                continue
            if theirs[text]["type"] != one["type"] and theirs[text]["type"] not in (*BY_SOURCE, "<unknown>"):
                different[line, text] = (theirs[text]["type"], one["type"])
    assert different == {}


USERS_FUNCTIONS = ("speak", "make", "add", "bark", "later", "length", "compute", "fetch", "plain", "twice")

MADE = ("Animal(", "compute(", 'x = Animal("y")', "x = compute()")
"""Instances of which jedi takes all functions for methods: it has no instance."""


def parameters(signature: str) -> list[str]:
    """The names of the parameters in a signature, "(x: int=1, /) -> str" gives ["x"]."""
    depth, part, parts = 0, "", []
    for character in signature[1:]:
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            break
        if character == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += character
    names = [re.split("[:=]", one)[0].strip().lstrip("*") for one in [*parts, part]]
    return [name for name in names if name.isidentifier() and name != "self"]


def test_the_signatures_have_the_parameters_that_ipython_shows(compared: list[Any]) -> None:
    """Not the annotations: for Python's own functions jedi reads those, and now and then other names, in stubs that
    come with it; of functions without a signature it makes one of the prose of their docstring."""
    same = of_users = 0
    for line, theirs, ours in compared:
        for text, one in ours.items():
            if text not in theirs or not theirs[text]["signature"] or one["signature"] in ("", "(?)"):
                continue
            same += parameters(theirs[text]["signature"]) == parameters(one["signature"])
            if text in USERS_FUNCTIONS and not line.startswith(MADE):
                of_users += 1
                assert one["signature"].startswith(theirs[text]["signature"].partition(" -> ")[0]), (line, text)
    assert of_users > 20
    assert same > 2000


def test_the_corpus_has_no_reasons_that_are_not_needed(compared: list[Any]) -> None:
    lines = {line for line, _, _ in compared}
    assert {*MATCHES, *TYPES_AT} <= lines


@pytest.mark.parametrize(
    ("text", "owner", "start"),
    [
        ("animal.sp", "animal", "sp"),
        ("x = a.b[0].c(1, 'x').", "a.b[0].c(1, 'x')", ""),
        ("print(\n    text.up", "text", "up"),
        ("import os; os.pa", "os", "pa"),
        ("for q in x:\n    y.z", "y", "z"),
    ],
)
def test_a_cursor_behind_a_dot_has_an_owner(text: str, owner: str, start: str) -> None:
    position = find_position(text)
    assert position is not None
    assert (position.owner, position.start) == (owner, start)


@pytest.mark.parametrize(
    "text", ["'a", "x = 'a.", "# a.", "%time a.", "x = !l", "a?", "def f(a", "lambda x: x.", "1.", "a b", ")."]
)
def test_words_alone_do_not_tell_every_place(text: str) -> None:
    assert find_position(text) is None


def test_no_code_of_the_user_runs_for_a_completion_from_values(shell: Shell, cells: Callable[..., Ran]) -> None:
    cells(
        "calls = []\n"
        "class Sly:\n"
        "    @property\n"
        "    def prop(self): calls.append('prop')\n"
        "    def __getattr__(self, name): calls.append(name); raise AttributeError(name)\n"
        "    def method(self): calls.append('method')\n"
        "sly = Sly()"
    )
    completer = shell.interpreter.shell.Completer
    found = live.live_completions(completer, "sly.")
    assert found is not None
    assert [(one.name, one.type) for one in found] == [("method", "function"), ("prop", "instance")]
    assert live.live_completions(completer, "sly.method().") is None
    assert [call for call in shell.interpreter.shell.user_ns["calls"] if not call.startswith("__")] == []


def test_a_function_whose_signature_fails_leaves_its_arguments_to_jedi(shell: Shell, cells: Callable[..., Ran]) -> None:
    cells(
        "class Odd:\n"
        "    @property\n"
        "    def __signature__(self): raise KeyError\n"
        "    def __call__(self, x): pass\n"
        "odd = Odd()"
    )
    completer = shell.interpreter.shell.Completer
    assert live.live_completions(completer, "odd(od") is None
    assert shell.interpreter.complete("odd(od", 6)["status"] == "ok"


def test_the_settings_of_ipython_are_respected(shell: Shell, cells: Callable[..., Ran], monkeypatch: Any) -> None:
    cells("a_name_of_a_cell = 'text'")
    completer = shell.interpreter.shell.Completer
    asked: list[str] = []
    shell.interpreter.complete("a_name_of", 9)
    monkeypatch.setattr(asking_jedi, "live_completions", lambda completer, text: asked.append(text))
    monkeypatch.setattr(type(completer), "_jedi_matches", lambda *arguments, **options: iter(()))
    for setting, value in (
        ("use_jedi", False),
        ("dict_keys_only", True),
        ("disable_matchers", ["IPCompleter.jedi_matcher"]),
    ):
        before = getattr(completer, setting)
        setattr(completer, setting, value)
        try:
            shell.interpreter.complete("a_name_of", 9)
        finally:
            setattr(completer, setting, before)
    assert asked == []
    shell.interpreter.complete("a_name_of", 9)
    assert asked == ["a_name_of"]
    monkeypatch.undo()
    for evaluation, known in (("minimal", False), ("limited", True), ("unsafe", True)):
        completer.evaluation = evaluation
        try:
            assert (live.live_completions(completer, "a_name_of_a_cell.up") is not None) is known
        finally:
            completer.evaluation = "limited"


THINKING = "def think(seen):\n    seen.append(1)\n    while True:\n        pass\n"


def test_jedi_is_stopped_while_it_thinks() -> None:
    thinking: dict[str, Any] = {"__name__": "jedi.inference.fake"}
    exec(THINKING, thinking)
    seen: list[int] = []
    assert asking_jedi.within(0.01, lambda: thinking["think"](seen)) is False
    assert seen == [1]
    assert asking_jedi.within(DEADLINE, lambda: None) is True


def test_jedi_is_not_stopped_elsewhere() -> None:
    """While it parses, or writes a file: half of one would be worse than none."""
    done: list[bool] = []

    def write() -> None:
        looks = [0]
        end = time.monotonic() + DEADLINE
        while looks[0] < 3 and time.monotonic() < end:  # until it was looked at some times
            looks[0] = len(seen)
            time.sleep(0)
        done.append(True)

    seen: list[object] = []
    thinks = asking_jedi._thinks

    def look(stack: Any) -> bool:
        seen.append(stack)
        return thinks(stack)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking_jedi, "_thinks", look)
        assert asking_jedi.within(0.001, write) is True
    assert done == [True]


def test_an_answer_that_is_there_in_time_is_not_thrown_away_later() -> None:
    """The exception comes while the answer is on its way, at any place of it, and nowhere else."""
    thinking: dict[str, Any] = {"__name__": "jedi.inference.fake"}
    exec("def think(n):\n    for _ in range(n):\n        pass\n", thinking)
    for count in range(200):
        asking_jedi.within(0.0005, partial(thinking["think"], count * 500))
    for _ in range(10_000):  # an exception that was left over would come here
        pass


def test_the_first_completion_warms_jedi_up_once(monkeypatch: Any) -> None:
    warmed = threading.Semaphore(0)
    monkeypatch.setattr(asking_jedi, "warm_up", warmed.release)
    monkeypatch.setattr(asking_jedi, "PAUSE_SECONDS", 0.0)
    warmth = asking_jedi.JediWarmth()
    warmth._begun = False
    warmth.begin()
    warmth.begin()
    assert warmed.acquire(timeout=DEADLINE)
    assert not warmed.acquire(timeout=0.1)
    left = asking_jedi.JediWarmth()
    left.close()
    left.begin()
    assert not warmed.acquire(timeout=0.1)


def test_beside_a_cell_jedi_is_not_warmed_up(interpreter: IPythonInterpreter) -> None:
    begun: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking_jedi.JediWarmth, "begin", lambda self: begun.append(1))
        interpreter.complete("pri", 3, Place.BESIDE)
        interpreter.complete("pri", 3, Place.APART)
    assert begun == []
