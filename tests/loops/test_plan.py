"""loops.plan: every decision with its reason, every refusal with its next step."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest

from async_kernel.errors import HostUnavailableError, MissingPackageError, UsageError
from async_kernel.loops.detect import Found
from async_kernel.loops.plan import plan

EVERYTHING = frozenset({"uvloop", "winloop", "trio", "tkinter", "_tkinter", "PySide6", "PyQt5"})


class Chosen(NamedTuple):
    backend: str = "asyncio"
    backend_options: Any = None
    host: str | None = None
    host_options: Any = None
    sources: dict[str, str] = {}  # noqa: RUF012 - a fake's default


def found(
    platform: str = "linux", modules: Iterable[str] = EVERYTHING, interpreter: str = "/env/bin/python", **display: str
) -> Found:
    return Found(platform, interpreter, frozenset(modules), display or {"DISPLAY": ":0"})


def test_defaults_with_uvloop() -> None:
    made = plan(Chosen(), found())
    assert made == (
        "asyncio",
        "uvloop",
        None,
        {},
        {},
        {"backend": "asyncio: default", "loop": "uvloop: installed", "host": "none"},
    )


@pytest.mark.parametrize(
    ("platform", "modules", "loop", "reason"),
    [
        ("linux", {"uvloop", "winloop"}, "uvloop", "uvloop: installed"),
        ("darwin", {"uvloop"}, "uvloop", "uvloop: installed"),
        ("win32", {"uvloop", "winloop"}, "winloop", "winloop: installed"),
        ("linux", {"winloop"}, "asyncio", "asyncio: uvloop is not installed"),
        ("win32", {"uvloop"}, "asyncio", "asyncio: winloop is not installed"),
    ],
)
def test_loop_on_each_platform(platform: str, modules: Iterable[str], loop: str, reason: str) -> None:
    made = plan(Chosen(), found(platform, modules))
    assert (made.loop, made.reasons["loop"]) == (loop, reason)


@pytest.mark.parametrize("where", ["backend_options", "host_options"])
def test_uvloop_is_switched_off_from_either_place(where: str) -> None:
    no_uvloop: dict[str, Any] = {where: {"use_uvloop": False}}
    made = plan(Chosen()._replace(**no_uvloop), found())
    assert made.loop == "asyncio"
    assert made.reasons["loop"] == "asyncio: use_uvloop is False"
    assert made.backend_options == {}
    assert made.host_options == {}


def test_the_backends_own_option_wins_over_the_misplaced_one() -> None:
    assert plan(Chosen("asyncio", {"use_uvloop": True}, None, {"use_uvloop": False}), found()).loop == "uvloop"


def test_uvloop_demanded_but_absent() -> None:
    with pytest.raises(MissingPackageError) as caught:
        plan(Chosen(backend_options={"use_uvloop": True}), found(modules=()))
    assert caught.value.package == "uvloop"
    assert caught.value.next_step == '/env/bin/python -m pip install "uvloop"'


def test_a_loop_factory_of_the_users_own() -> None:
    made = plan(Chosen(backend_options={"loop_factory": "mine:make", "debug": True}), found())
    assert made.loop == "custom"
    assert made.backend_options == {"loop_factory": "mine:make", "debug": True}


def test_trio() -> None:
    made = plan(
        Chosen("trio", {"use_uvloop": True, "strict_exception_groups": False}, sources={"backend": "--backend"}),
        found(),
    )
    assert (made.backend, made.loop) == ("trio", "")
    assert made.backend_options == {"strict_exception_groups": False}
    assert made.reasons["backend"] == "trio: --backend"


def test_trio_is_missing() -> None:
    with pytest.raises(MissingPackageError) as caught:
        plan(Chosen("trio"), found(modules=(), interpreter="/my env/bin/python"))
    assert caught.value.next_step == '"/my env/bin/python" -m pip install "trio"'


@pytest.mark.parametrize(
    ("chosen", "message", "next_step"),
    [
        (Chosen("trioo"), "There is no backend 'trioo'", "Did you mean 'trio'?"),
        (Chosen("gevent"), "There is no backend 'gevent'", "Known: asyncio, trio."),
        (Chosen(host="qtt"), "There is no host 'qtt'", "Did you mean 'qt'?"),
        (Chosen(backend_options={"debgu": 1}), "no backend option 'debgu' for asyncio.", "Did you mean 'debug'?"),
        (
            Chosen("trio", {"task_factory": 1}, "tk"),
            "no backend option 'task_factory' for trio as a guest of tk.",
            "Known: ",
        ),
        (Chosen(backend_options={"context": 1}), "no backend option 'context' for asyncio.", "Known: "),
        (Chosen(backend_options="uvloop"), "backend_options must be a dict, not 'uvloop'", "--backend_options="),
        (Chosen(host_options={"module": "PySide6"}), "Options of a host are given, but no host: module", "Add --host="),
        (Chosen(host="tk", host_options={"module": "PySide6"}), "no host option 'module' for tk", "Known: host_class"),
        (Chosen(host="qt", host_options={"module": "PySide7"}), "no Qt module 'PySide7'", "Did you mean 'PySide"),
    ],
)
def test_what_does_not_exist_is_refused(chosen: Chosen, message: str, next_step: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(chosen, found())
    assert message in caught.value.message
    assert next_step in caught.value.next_step


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("host", ["tk", "qt"])
def test_host(backend: str, host: str) -> None:
    made = plan(Chosen(backend, {"use_uvloop": True}, host, sources={"host": "--host"}), found())
    assert (made.backend, made.host, made.backend_options) == (backend, host, {})
    assert made.reasons["host"] == f"{host}: --host"
    expected = "trio has one loop" if backend == "trio" else f"asyncio: uvloop cannot be a guest of {host}"
    assert made.reasons["loop"] == expected


def test_guest_options_are_passed_on() -> None:
    options = {"host_uses_signal_set_wakeup_fd": True, "task_factory": "a:b", "context": None, "debug": True}
    assert plan(Chosen(backend_options=options, host="tk"), found()).backend_options == options
    options = {"host_uses_signal_set_wakeup_fd": True, "restrict_keyboard_interrupt_to_checkpoints": True}
    assert plan(Chosen("trio", options, "tk"), found()).backend_options == options


@pytest.mark.parametrize("absent", ["tkinter", "_tkinter"])
@pytest.mark.parametrize(
    ("platform", "next_step"), [("linux", "python3-tk"), ("darwin", "python-tk"), ("win32", "tcl/tk and IDLE")]
)
def test_a_python_without_tk(absent: str, platform: str, next_step: str) -> None:
    with pytest.raises(MissingPackageError) as caught:
        plan(Chosen(host="tk"), found(platform, EVERYTHING - {absent}))
    assert f" {absent}" in caught.value.message
    assert next_step in caught.value.next_step


@pytest.mark.parametrize(
    ("options", "step"),
    [
        ({}, 'install "PySide6-Essentials"'),
        ({"module": "PyQt6"}, 'install "PyQt6"'),
        ({"module": "PySide2"}, 'install "PySide2"'),
    ],
)
def test_a_qt_module_that_is_missing(options: dict[str, str], step: str) -> None:
    with pytest.raises(MissingPackageError) as caught:
        plan(Chosen(host="qt", host_options=options), found(modules={"PyQt5"})._replace(version=(3, 12)))
    assert caught.value.next_step.endswith(step)


def test_the_pyside_that_is_named_works_on_this_python() -> None:
    """As pyproject.toml has it for the extra."""
    with pytest.raises(MissingPackageError) as caught:
        plan(Chosen(host="qt"), found(modules=set())._replace(version=(3, 11)))
    assert caught.value.package == "PySide6-Essentials<6.12"


@pytest.mark.parametrize(
    ("host", "platform", "display", "starts"),
    [
        ("tk", "linux", {"DISPLAY": ":0"}, True),
        ("tk", "linux", {"WAYLAND_DISPLAY": "wayland-0"}, False),
        ("tk", "linux", {"QT_QPA_PLATFORM": "offscreen"}, False),
        ("tk", "darwin", {"": ""}, True),
        ("tk", "win32", {"": ""}, True),
        ("qt", "linux", {"DISPLAY": ":0"}, True),
        ("qt", "linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("qt", "linux", {"QT_QPA_PLATFORM": "offscreen"}, True),
        ("qt", "linux", {"QT_QPA_PLATFORM": "vnc:size=800x600"}, True),
        ("qt", "linux", {"QT_QPA_PLATFORM": "xcb"}, False),
        ("qt", "linux", {"": ""}, False),
        ("qt", "freebsd14", {"": ""}, False),
        ("qt", "darwin", {"": ""}, True),
        ("qt", "win32", {"": ""}, True),
    ],
)
def test_display(host: str, platform: str, display: dict[str, str], starts: bool) -> None:
    there = found(platform, EVERYTHING, **display)
    if starts:
        assert plan(Chosen(host=host), there).host == host
    else:
        with pytest.raises(HostUnavailableError, match="DISPLAY") as caught:
            plan(Chosen(host=host), there)
        assert caught.value.next_step


class Gtk:
    """A custom host, as far as a plan looks at it."""


@pytest.mark.parametrize(
    ("host", "host_class", "name"),
    [
        (None, "package.module:Gtk", "Gtk"),
        (None, "package.module.Gtk", "Gtk"),
        (None, Gtk, "Gtk"),
        ("mine", "package.module:Gtk", "mine"),
        ("tk", Gtk, "tk"),
    ],
)
def test_custom_host(host: str | None, host_class: object, name: str) -> None:
    made = plan(Chosen(host=host, host_options={"host_class": host_class, "speed": 3}), found())
    assert made.host == name
    assert made.host_options == {"host_class": host_class, "speed": 3}
