"""Hosts: each scenario of `scenarios` on each toolkit and backend."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from async_kernel.errors import HostUnavailableError, UsageError
from async_kernel.loops.hosts import Host
from async_kernel.loops.hosts.guest import make_host
from async_kernel.loops.imports import load
from async_kernel.loops.plan import Plan
from async_kernel.settings.hosts import HOSTS
from tests.loops import scenarios
from tests.loops.conftest import DEBIAN_GI, Play
from tests.loops.queue_host import QueueHost

ALL = [
    scenarios.a_window_lives_while_main_awaits_and_main_ends_though_it_is_open,
    scenarios.neither_quitting_nor_closing_the_last_window_ends_main,
    scenarios.a_callback_starts_tasks,
    scenarios.interrupts,
    scenarios.callbacks_run_in_the_context_that_made_them,
    scenarios.stepping_serves_windows_while_main_blocks,
    scenarios.a_modal_dialog_can_be_ended,
    scenarios.what_is_queued_when_a_main_loop_is_nested_runs_there_and_once,
]
EXAMPLE = [ALL[0], ALL[1], ALL[2], ALL[5], ALL[6]]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("host", ["tk", "qt", "qt offscreen"])
@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.__name__)
def test_toolkit(play: Play, scenario: Callable[..., object], host: str, backend: str) -> None:
    assert play(scenario.__name__, host, backend).split() == ["done", "returned"]


def test_slots_of_qt(play: Play) -> None:
    assert play("slots_are_found_again", "qt offscreen", "asyncio").split() == ["done", "returned"]


def test_handlers_of_qt(play: Play) -> None:
    assert play("what_qt_itself_has_called_is_known", "qt offscreen", "asyncio").split() == ["done", "returned"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_sigint_in_nested_loops_of_qt(play: Play, backend: str) -> None:
    scenario = "nested_loops_leave_sigint_to_whom_it_belonged"
    assert play(scenario, "qt offscreen", backend).split() == ["done", "returned"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_errors_of_event_handlers_of_qt(play: Play, backend: str) -> None:
    scenario = "what_overridden_event_handlers_raise_is_told_and_hurts_nobody"
    noise = "Error calling Python override of QWidget::paintEvent(): "
    assert play(scenario, "qt offscreen", backend, noise).split() == ["done", "returned"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_garbage_of_tk(play: Play, backend: str) -> None:
    assert play("interpreters_of_tk_are_not_deleted_by_another_thread", "tk", backend).split() == ["done", "returned"]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("host", ["tk", "qt offscreen"])
def test_an_hour(play: Play, host: str, backend: str) -> None:
    assert play("an_hour_of_ticks_leaks_nothing", host, backend, timeout=300).split() == ["done", "returned"]


TkHost: Any = load(HOSTS["tk"].path)  # imported by its path, as a kernel does


class ByCall(TkHost):
    """Tk as it is on Windows, where Tcl watches no sockets."""

    def _make_waker(self) -> Callable[[], None]:
        return self._wake_by_call


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("scenario", EXAMPLE, ids=lambda scenario: scenario.__name__)
def test_tk_without_file_handlers(play: Play, scenario: Callable[..., object], backend: str) -> None:
    assert play(scenario.__name__, f"{__name__}:ByCall", backend).split() == ["done", "returned"]


@pytest.mark.skipif(
    not DEBIAN_GI.exists() or sys.version_info[:2] != (3, 11),
    reason="PyGObject has no wheels; Debian 12's is for CPython 3.11",
)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("scenario", EXAMPLE, ids=lambda scenario: scenario.__name__)
def test_a_host_that_is_no_part_of_the_package(play: Play, scenario: Callable[..., object], backend: str) -> None:
    assert play(scenario.__name__, "tests.loops.gtk_host:GtkHost", backend).split() == ["done", "returned"]


def plan(host_class: object) -> Plan:
    return Plan("asyncio", "asyncio", "own", {}, {"host_class": host_class, "speed": 3}, {})


@pytest.mark.parametrize(
    "host_class", [QueueHost, "tests.loops.queue_host:QueueHost", "tests.loops.queue_host.QueueHost"]
)
def test_host_class_as_class_and_as_path(host_class: object) -> None:
    host = make_host(plan(host_class))
    assert type(host) is QueueHost
    assert host.options == {"speed": 3}
    assert host.gui == ""


@pytest.mark.parametrize("host_class", ["tests.loops.queue_host:Nothing", "no.such.module:X", "os:path", Plan, 3])
def test_a_host_class_that_is_none(host_class: object) -> None:
    with pytest.raises(UsageError):
        make_host(plan(host_class))


def test_a_binding_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PyQt5", None)
    with pytest.raises(HostUnavailableError, match="PyQt5"):
        load(HOSTS["qt"].path)({"module": "PyQt5"})


def test_every_host_has_a_class() -> None:
    for row in HOSTS.values():
        assert issubclass(load(row.path), Host)
