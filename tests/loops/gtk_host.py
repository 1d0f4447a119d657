"""A host for a toolkit that async-kernel does not know: GTK 3 by PyGObject.

    async-kernel -a gtk "--host_options={'host_class': 'tests.loops.gtk_host:GtkHost'}"

GLib's `idle_add` may be called from any thread and its sources run in turn, so the two ways in are one. The priority is
that of window events: at the idle priority a busy window would starve the guest.
"""

from collections.abc import Callable, Mapping
from typing import Any

import gi

gi.require_version("Gtk", "3.0")

from gi.repository import GLib, Gtk  # noqa: E402 - in the version that was named

from async_kernel.loops.hosts import Host  # noqa: E402 - the order of imports


class GtkHost(Host):
    """GLib's main loop, with GTK."""

    gui = "gtk3"
    uses_signal_set_wakeup_fd = True  # PyGObject does, in GLib.MainLoop.run

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        Gtk.init_check()
        self._loop = GLib.MainLoop()

    def run(self) -> None:
        self._loop.run()

    def stop(self) -> None:
        self._loop.quit()

    def call_soon_threadsafe(self, callback: Callable[[], object]) -> None:
        def once() -> bool:
            callback()
            return False  # GLib.SOURCE_REMOVE

        GLib.idle_add(once, priority=GLib.PRIORITY_DEFAULT)

    def step(self, timeout: float) -> None:
        limit = GLib.timeout_add(max(1, round(timeout * 1000)), lambda: GLib.SOURCE_CONTINUE)
        GLib.MainContext.default().iteration(True)
        GLib.source_remove(limit)

    def dismiss(self) -> None:
        for window in Gtk.Window.list_toplevels():
            if isinstance(window, Gtk.Dialog):
                window.response(Gtk.ResponseType.NONE)
