"""The routes: for each message type its handler, its order and its channels. A table, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from async_kernel.protocol.names import Channel

from .desk import Desk
from .dispatch import Answer
from .place import Place
from .request import Request

__all__ = ["ROUTES", "Order", "Route"]


class Order(Enum):
    """When a request is served, and by which thread."""

    AT_ONCE = auto()
    """As it arrives, in the thread that moves messages. For answers that are at hand, and for interrupts and shutdown:
    a cell that is to be interrupted would have to give another thread the GIL first, earlier requests may take long,
    and the process may be given no thread any more."""

    CONTROL = auto()
    """One after another, in the control thread, whatever the shells are doing."""

    DEBUG = auto()
    """One after another, in a thread for them: each takes as long as what is being debugged."""

    IN_ORDER = auto()
    """One after another, in the lane of its shell or subshell."""

    COMM = auto()
    """In the lane of its shell, too; but while a cell runs beside it: in the shell's thread when the cell awaits, else,
    unless that is switched off, in a thread for this. Among themselves one after another."""

    ASIDE = auto()
    """Beside the cells of its shell: in the shell's thread when a cell awaits, else in the service thread."""

    STDIN = auto()
    """An answer to a question of ours, not a request."""


class Route(NamedTuple):
    """One row: the method of the desk that serves the type (None for an answer of a client), its order, and the
    channels that it comes on."""

    handler: Callable[[Desk, Request, Place], Answer] | None
    order: Order
    channels: frozenset[Channel]


_SHELL = frozenset({Channel.SHELL})
_CONTROL = frozenset({Channel.CONTROL})
_BOTH = _SHELL | _CONTROL

ROUTES: dict[str, Route] = {
    "kernel_info_request": Route(Desk.kernel_info, Order.AT_ONCE, _BOTH),
    "connect_request": Route(Desk.connect, Order.AT_ONCE, _BOTH),
    "execute_request": Route(Desk.execute, Order.IN_ORDER, _SHELL),
    "comm_open": Route(Desk.comm_open, Order.COMM, _SHELL),
    "comm_msg": Route(Desk.comm_msg, Order.COMM, _SHELL),
    "comm_close": Route(Desk.comm_close, Order.COMM, _SHELL),
    "complete_request": Route(Desk.complete, Order.ASIDE, _SHELL),
    "inspect_request": Route(Desk.inspect, Order.ASIDE, _SHELL),
    "is_complete_request": Route(Desk.is_complete, Order.ASIDE, _SHELL),
    "history_request": Route(Desk.history, Order.ASIDE, _SHELL),
    "comm_info_request": Route(Desk.comm_info, Order.ASIDE, _SHELL),
    "detached_request": Route(Desk.detached, Order.AT_ONCE, _BOTH),
    "interrupt_request": Route(Desk.interrupt, Order.AT_ONCE, _BOTH),
    "shutdown_request": Route(Desk.shutdown, Order.AT_ONCE, _BOTH),
    "debug_request": Route(Desk.debug, Order.DEBUG, _CONTROL),
    "usage_request": Route(Desk.usage, Order.CONTROL, _CONTROL),
    "create_subshell_request": Route(Desk.create_subshell, Order.CONTROL, _BOTH),
    "delete_subshell_request": Route(Desk.delete_subshell, Order.CONTROL, _BOTH),
    "list_subshell_request": Route(Desk.list_subshell, Order.CONTROL, _BOTH),
    "input_reply": Route(None, Order.STDIN, frozenset({Channel.STDIN})),
}
"""Every message type that a kernel serves (messaging spec; subshells: JEP 91; usage_request: jupyter-resource-usage;
detached_request is our own)."""
