"""What happens in a host, scenario by scenario, each run in a process of its own: see the fixture `play`.

    python -m tests.loops.scenarios SCENARIO HOST BACKEND

A scenario is a coroutine function that runs as the guest. It gets a `Window` of the toolkit and asserts for itself.
"""

import asyncio
import contextvars
import enum
import gc
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType, TracebackType
from typing import Any, Protocol

import anyio
import anyio.lowlevel

from async_kernel.interrupts.callbacks import Callback, ToolkitCallbacks
from async_kernel.loops.contexts import carry
from async_kernel.loops.hosts import Host, current_host
from async_kernel.loops.plan import Plan
from async_kernel.loops.run import run

cell = contextvars.ContextVar("cell", default="no cell")


class Window(Protocol):
    """A window with a button, a timer, and a modal dialog."""

    def __init__(self) -> None: ...
    def every(self, milliseconds: int, callback: Callable[[], object]) -> None:
        """Call `callback` again and again."""

    def soon(self, callback: Callable[[], object]) -> None:
        """Call `callback` by a timer, once."""

    def on_click(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the button is clicked."""

    def click(self) -> None:
        """Click the button soon."""

    def quit(self) -> None:
        """Quit the application, as user code does."""

    def close(self) -> None:
        """Close the window, and end its timer."""

    def dialog(self) -> None:
        """Show a modal dialog; return when it is gone."""


class TkWindow(Window):
    def __init__(self) -> None:
        import tkinter

        self.tkinter, self.root = tkinter, tkinter.Tk()

    def every(self, milliseconds: int, callback: Callable[[], object]) -> None:
        def tick() -> None:
            self.timer = self.root.after(milliseconds, tick)
            callback()

        self.timer = self.root.after(milliseconds, tick)

    def soon(self, callback: Callable[[], object]) -> None:
        self.root.after(1, callback)

    def on_click(self, callback: Callable[[], object]) -> None:
        self.button = self.tkinter.Button(self.root, command=callback)

    def click(self) -> None:
        self.root.after_idle(self.button.invoke)

    def quit(self) -> None:
        self.root.quit()

    def close(self) -> None:
        with suppress(AttributeError):
            self.root.after_cancel(self.timer)
        self.root.destroy()

    def dialog(self) -> None:
        window = self.tkinter.Toplevel(self.root)
        window.wait_visibility()
        window.grab_set()
        self.root.wait_window(window)


class QtWindow(Window):
    def __init__(self) -> None:
        from PySide6 import QtCore, QtWidgets

        self.core, self.widgets = QtCore, QtWidgets
        self.button = QtWidgets.QPushButton("window")
        self.button.show()

    def every(self, milliseconds: int, callback: Callable[[], object]) -> None:
        self.timer = self.core.QTimer(self.button)
        self.timer.setTimerType(self.core.Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(callback)
        self.timer.start(milliseconds)

    def soon(self, callback: Callable[[], object]) -> None:
        self.core.QTimer.singleShot(1, callback)

    def on_click(self, callback: Callable[[], object]) -> None:
        self.button.clicked.connect(callback)

    def click(self) -> None:
        self.core.QTimer.singleShot(0, self.button.click)

    def quit(self) -> None:
        self.widgets.QApplication.quit()

    def close(self) -> None:
        with suppress(AttributeError):
            self.timer.stop()
        self.button.close()

    def dialog(self) -> None:
        self.widgets.QDialog(self.button).exec()


class GtkWindow(Window):
    def __init__(self) -> None:
        from gi.repository import GLib, Gtk

        self.glib, self.gtk = GLib, Gtk
        self.window = Gtk.Window()
        self.button = Gtk.Button()
        self.window.add(self.button)
        self.window.show_all()

    def every(self, milliseconds: int, callback: Callable[[], object]) -> None:
        self.timer = self.glib.timeout_add(milliseconds, lambda: bool(callback()) or True)

    def soon(self, callback: Callable[[], object]) -> None:
        self.glib.timeout_add(1, lambda: callback() and False)

    def on_click(self, callback: Callable[[], object]) -> None:
        self.button.connect("clicked", lambda _: callback())

    def click(self) -> None:
        self.glib.idle_add(lambda: self.button.clicked())

    def quit(self) -> None:
        host: Any = running_host()
        host._loop.quit()

    def close(self) -> None:
        with suppress(AttributeError):
            self.glib.source_remove(self.timer)
        self.window.destroy()

    def dialog(self) -> None:
        dialog = self.gtk.Dialog(transient_for=self.window)
        dialog.run()
        dialog.destroy()


def running_host() -> Host:
    """The host that the scenario runs in."""
    host = current_host()
    assert host is not None
    return host


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until `condition()` is true; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        await anyio.sleep(0.002)


async def a_window_lives_while_main_awaits_and_main_ends_though_it_is_open(window: Window) -> None:
    ticks = []
    window.every(5, lambda: ticks.append(time.monotonic()))
    await until(lambda: len(ticks) > 20)
    finished = []

    async def work(number: int) -> None:
        for _ in range(20):
            await anyio.sleep(0.001)
        finished.append(number)

    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(work, number)
    assert sorted(finished) == [0, 1, 2, 3, 4]
    assert await anyio.to_thread.run_sync(lambda: threading.current_thread() is not threading.main_thread())


async def neither_quitting_nor_closing_the_last_window_ends_main(window: Window) -> None:
    window.soon(window.quit)
    ticks = []
    window.every(5, lambda: ticks.append(1))
    await until(lambda: len(ticks) > 5)
    window.close()
    await anyio.sleep(0.02)
    again = type(window)()
    again.on_click(ticks.clear)
    again.click()
    await until(lambda: not ticks)


async def a_callback_starts_tasks(window: Window) -> None:
    done = anyio.Event()
    tasks: list[object] = []

    async def handler() -> None:
        await anyio.sleep(0.001)
        done.set()

    if anyio.lowlevel.current_token().backend_class.__name__.startswith("Trio"):
        import trio

        def start() -> None:
            tasks.append(trio.lowlevel.spawn_system_task(handler))

    else:

        def start() -> None:
            assert asyncio.get_running_loop().is_running()
            tasks.append(asyncio.create_task(handler()))

    window.on_click(start)
    window.click()
    with anyio.fail_after(30):
        await done.wait()


async def interrupts(window: Window) -> None:
    """A handler that raises does so where user code runs; the host and the guest live on."""
    handled, main = threading.Event(), threading.get_ident()

    def raise_in_place(signum: int, frame: FrameType | None) -> None:
        if (
            frame is not None and frame.f_code.co_name == "block"
        ):  # not where the thread that sends is still being started
            handled.set()
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, lambda *_: handled.set())

    def send_until_handled() -> None:
        while not handled.wait(0.02):
            signal.pthread_kill(main, signal.SIGINT)

    def send_once() -> None:
        signal.pthread_kill(main, signal.SIGINT)

    def wakes() -> bool:
        send_once()
        return handled.wait(30)

    for _ in range(5):  # idle: nothing but the signal wakes the host
        handled.clear()
        assert await anyio.to_thread.run_sync(wakes)

    signal.signal(signal.SIGINT, raise_in_place)

    def block() -> None:
        time.sleep(60)  # main itself: raised in place

    for _ in range(5):
        handled.clear()
        thread = threading.Thread(target=send_until_handled)
        thread.start()
        try:
            block()
        except KeyboardInterrupt:
            thread.join()
        else:
            raise AssertionError("not interrupted")

    interrupted: list[object] = []

    def blocking_callback() -> None:
        threading.Thread(target=send_until_handled).start()
        try:
            block()
        finally:
            interrupted.append(True)

    running_host().carry_contexts(lambda kind, *_: interrupted.append(kind))
    handled.clear()
    window = type(window)()
    window.soon(blocking_callback)
    await until(lambda: interrupted)
    await until(lambda: len(interrupted) == 2)
    assert interrupted == [True, KeyboardInterrupt]
    await anyio.sleep(0.01)


async def callbacks_run_in_the_context_that_made_them(window: Window) -> None:
    seen: list[Any] = []

    def sink(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        seen.append((kind, cell.get(), trace is not None))

    running_host().carry_contexts(sink)
    window = type(window)()
    cell.set("first")
    window.on_click(lambda: seen.append(cell.get()))
    cell.set("second")
    window.click()
    await until(lambda: seen)
    assert seen == ["first"]

    def fail() -> None:
        raise ZeroDivisionError

    window.soon(fail)
    cell.set("third")
    await until(lambda: len(seen) == 2)
    assert seen[1][0] is ZeroDivisionError
    assert seen[1][2]
    if isinstance(window, TkWindow):  # Qt tells after the slot was left
        assert seen[1][1] == "second"
    ticks = []
    window.every(2, carry(lambda: ticks.append(cell.get())))
    await until(lambda: len(ticks) > 3)
    assert set(ticks) == {"third"}


async def interpreters_of_tk_are_not_deleted_by_another_thread(window: TkWindow) -> None:
    """Tcl would abort the process; Python's garbage collector runs on whichever thread it likes."""
    from async_kernel.loops.hosts.tk import _interpreters

    gc.disable()
    for _ in range(5):
        dropped = window.tkinter.Tk()
        dropped.itself = dropped
        dropped.update_idletasks()
        dropped.destroy()
        del dropped
        await anyio.to_thread.run_sync(gc.collect)
    gc.enable()
    assert len(_interpreters) == 3, "the host's, the window's and the last one that was dropped"
    assert await anyio.to_thread.run_sync(window.root.winfo_exists)  # and other threads may call a window


async def slots_are_found_again(window: QtWindow) -> None:
    """Qt only: what was connected through a wrapper is disconnected by its own name, and is called as ever."""
    running_host().carry_contexts(None)
    seen: list[object] = []

    class Plain:
        def method(self, checked: bool) -> None:
            seen.append(("method", checked))

        def default(self, checked: bool | None = None) -> None:
            seen.append(("default", checked))

    def function() -> None:
        seen.append("function")

    plain, button = Plain(), window.button
    button.clicked.connect(function)
    button.clicked.connect(plain.method)
    button.clicked.connect(plain.default)
    button.clicked.connect(partial(seen.append, "partial"))
    button.clicked.connect(lambda *args: seen.append(args))
    button.click()
    assert seen == ["function", ("method", False), ("default", False), "partial", ()]  # as without a wrapper
    button.clicked.disconnect(function)
    button.clicked.disconnect(plain.method)
    button.clicked.disconnect(plain.default)
    seen.clear()
    button.click()
    assert seen == ["partial", ()]
    button.clicked.connect(button.hide)  # a method of a QObject
    button.click()
    assert not button.isVisible()


async def stepping_serves_windows_while_main_blocks(window: Window) -> None:
    host, ticks = running_host(), []
    window.every(5, lambda: ticks.append(1))
    deadline = time.monotonic() + 30
    while len(ticks) < 10 and time.monotonic() < deadline:
        host.step(0.05)
    assert len(ticks) >= 10
    window.close()
    for _ in range(20):  # let go of what the window still has to say
        host.step(0.001)
    threading.Timer(0.05, host.call_soon_threadsafe, [lambda: ticks.clear()]).start()
    start = time.monotonic()
    while ticks:
        host.step(30)
    assert time.monotonic() - start < 20, "the wait did not end with the callback"
    await anyio.sleep(0.001)


async def a_modal_dialog_can_be_ended(window: Window) -> None:
    host, ticks = running_host(), []
    window.every(5, lambda: ticks.append(1))

    def end_nested() -> None:
        host.call_soon_threadsafe(lambda: host.dismiss() if host.guest_depth else None)

    def end() -> None:
        deadline = time.monotonic() + 30
        while len(ticks) < 10 and time.monotonic() < deadline:
            time.sleep(0.001)
        end_nested()
        while not left.wait(0.05) and time.monotonic() < deadline:  # it may not have been shown yet
            end_nested()

    left = threading.Event()
    for _ in range(3):
        ticks.clear()
        left.clear()
        thread = threading.Thread(target=end)
        thread.start()
        window.dialog()  # blocks main; the window's timer goes on
        left.set()
        assert len(ticks) >= 10
        thread.join()
    await anyio.sleep(0.01)
    end_nested()  # nothing is nested: nothing happens
    await anyio.sleep(0.01)


async def nested_loops_leave_sigint_to_whom_it_belonged(window: QtWindow) -> None:
    """Qt only. matplotlib takes SIGINT around such loops with a handler that cannot bear two before the loop ends."""
    ours: list[int] = []
    theirs: list[int] = []
    signal.signal(signal.SIGINT, lambda *_: ours.append(1))
    host = running_host()
    ToolkitCallbacks(host, partial(Callback, defer=lambda checkpoint: None))

    def their_handler(signum: int, frame: FrameType | None) -> None:
        theirs.append(1)
        raise AssertionError("raised between any two lines of the guest")

    def send() -> None:
        for count in (1, 2, 3):
            signal.raise_signal(signal.SIGINT)
            assert len(ours) == count

    def send_and_leave() -> None:
        send()
        host.dismiss()

    nesting: list[Callable[[], object]] = [window.widgets.QApplication.exec, lambda: window.core.QEventLoop().exec()]
    for nested in nesting:
        ours.clear()
        window.soon(send_and_leave)
        before = signal.signal(signal.SIGINT, their_handler)
        nested()
        assert len(ours) == 3
        assert signal.signal(signal.SIGINT, before) is their_handler
        await anyio.sleep(0.001)
    assert not theirs


async def what_is_queued_when_a_main_loop_is_nested_runs_there_and_once(window: Window) -> None:
    host = running_host()
    seen: list[str] = []

    def nest() -> None:
        seen.append("nested")
        window.dialog()
        seen.append("left")

    def queue() -> None:  # all at once, so that one look of the host finds all
        for each in (nest, lambda: seen.append("inside"), lambda: window.every(20, dismiss)):
            host.call_soon_threadsafe(each)

    def dismiss() -> None:  # again and again: a dialog that is not yet shown cannot be
        if "left" not in seen:
            host.dismiss()

    window.soon(queue)
    await until(lambda: len(seen) == 3)
    assert seen == ["nested", "inside", "left"]
    await anyio.sleep(0.05)
    assert len(seen) == 3


async def what_overridden_event_handlers_raise_is_told_and_hurts_nobody(window: QtWindow) -> None:
    """Qt only: PySide raises it again out of whichever of its functions returns next."""
    told: list[type[BaseException]] = []

    def told_more_than(number: int) -> bool:
        return len(told) > number

    running_host().carry_contexts(lambda kind, error, trace: told.append(kind))

    QWidget: Any = window.widgets.QWidget

    class Failing(QWidget):
        def paintEvent(self, event: object) -> None:
            raise ZeroDivisionError

    failing = Failing()
    failing.show()
    for _ in range(50):
        before = len(told)
        with suppress(ZeroDivisionError):  # these return too
            failing.update()
        await until(partial(told_more_than, before))
        await anyio.to_thread.run_sync(int)
    assert set(told) == {ZeroDivisionError}


async def what_qt_itself_has_called_is_known(window: QtWindow) -> None:
    """Qt only: an interrupt that is raised there is dropped, or worse."""
    host = running_host()
    seen: dict[str, tuple[bool, bool]] = {}

    def look(name: str) -> None:
        frame = sys._getframe(1)
        seen[name] = host.is_handler(frame), frame.f_back is not None and host.is_handler(frame.f_back)

    QWidget: Any = window.widgets.QWidget

    class Widget(QWidget):
        def resizeEvent(self, event: object) -> None:
            look("an event handler")

        def own_name(self) -> None:
            look("another method")

    class Number(enum.Enum):
        ONE = 1

        @classmethod
        def _missing_(cls, value: object) -> None:
            look("an enum")

    widget = Widget()
    widget.show()
    await until(lambda: "an event handler" in seen)
    widget.own_name()
    with suppress(ValueError):
        Number(2)
    assert seen["an event handler"][0]
    assert seen["another method"] == (False, False)
    assert seen["an enum"] == (False, True)  # the module `enum` has called it


async def an_hour_of_ticks_leaks_nothing(window: Window) -> None:
    """360,000 ticks of 10 ms are an hour; here they come at speed. One in a hundred goes through the waiting thread."""
    import psutil

    process, ticks = psutil.Process(), 0

    async def tick(count: int) -> None:
        nonlocal ticks
        for number in range(count):
            if number % 100:
                await anyio.lowlevel.checkpoint()
            else:
                await anyio.sleep(0.00001)
            if not number % 100:
                window.soon(lambda: None)
            ticks += 1

    def state() -> tuple[int, int, int, int]:
        gc.collect()
        return process.memory_info().rss, process.num_fds(), threading.active_count(), len(gc.get_objects())

    await tick(20_000)
    await anyio.sleep(0.1)
    before = state()
    await tick(340_000)
    await anyio.sleep(0.1)
    after = state()
    assert ticks == 360_000
    assert after[1:3] == before[1:3], "handles or threads"
    assert after[0] - before[0] < 4 * 2**20, f"memory: {before[0]} to {after[0]} bytes"
    assert after[3] - before[3] < 1000, f"objects: {before[3]} to {after[3]}"


def play(scenario: str, host: str, backend: str) -> None:
    windows: dict[str, type[Window]] = {"tk": TkWindow, "qt": QtWindow}
    options: dict[str, Any] = {}
    if ":" in host:
        options, host = {"host_class": host}, host.partition(":")[2]
    window = GtkWindow if "gtk" in host.lower() else windows.get(host, TkWindow)

    async def main() -> None:
        await globals()[scenario](window())
        print("done")

    run(Plan(backend, "asyncio" if backend == "asyncio" else "", host, {}, options, {}), main)
    assert current_host() is None
    assert signal.set_wakeup_fd(-1) == -1
    print("returned")


if __name__ == "__main__":
    play(*sys.argv[1:])
